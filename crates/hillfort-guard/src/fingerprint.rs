//! Lists of TLS fingerprints that an operator refuses. Knows nothing of how a fingerprint is read, and bans nobody: all players of one
//! game engine share one.

/// Entries of one list at most.
pub const FINGERPRINTS_MAX: usize = 1024;

/// What the guard asks of a ClientHello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientHelloFacts {
    /// Its JA4, as text.
    pub ja4: [u8; 36],
    /// Its JA3, when lists of JA3 are in use.
    pub ja3: Option<[u8; 16]>,
    /// Whether it claims to continue a TLS session of before.
    pub resumes: bool,
}

/// What happens to a client on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Counted, and let in: to see whom a new entry would hit.
    DryRun,
    /// Refused.
    Refuse,
}

/// A list of fingerprints of `N` bytes, each with its action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FingerprintList<const N: usize>(Vec<([u8; N], Action)>);

/// The list has more than [`FINGERPRINTS_MAX`] entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a list has at most {FINGERPRINTS_MAX} fingerprints")]
pub struct TooManyFingerprints;

impl<const N: usize> FingerprintList<N> {
    /// A list, in any order. Of two entries for one fingerprint the one that refuses holds.
    ///
    /// # Errors
    /// [`TooManyFingerprints`].
    pub fn new(mut entries: Vec<([u8; N], Action)>) -> Result<Self, TooManyFingerprints> {
        entries.sort_unstable_by_key(|(name, action)| (*name, std::cmp::Reverse(*action)));
        entries.dedup_by_key(|(name, _)| *name);
        if entries.len() > FINGERPRINTS_MAX { Err(TooManyFingerprints) } else { Ok(Self(entries)) }
    }

    /// What the list says of a fingerprint.
    #[must_use]
    pub fn find(&self, name: &[u8; N]) -> Option<Action> {
        self.0.binary_search_by_key(&name, |(name, _)| name).ok().map(|at| self.0[at].1)
    }

    /// Whether nothing is on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests;
