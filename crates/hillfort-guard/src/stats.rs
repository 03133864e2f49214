//! What the guard has done so far. Plain numbers; knows nothing of metrics.

use hillfort_proto::reject::Reject;

/// Counts since the start, and how full the tables are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    pub(crate) rejects: [u64; Reject::ALL.len()],
    /// Connections let in.
    pub admitted: u64,
    /// Hellos that were right.
    pub authed: u64,
    /// Connections open now.
    pub open: u32,
    /// Bans in force.
    pub bans: usize,
    /// Bans made for offences.
    pub bans_made: u64,
    /// Entries of the table of sources that are in use, of [`crate::SOURCES_MAX`].
    pub sources: usize,
    /// Sources forgotten although they still owed something.
    pub sources_evicted: u64,
    /// Nonces remembered now.
    pub nonces: usize,
    /// Nonces that the memory has room for.
    pub nonces_max: usize,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            rejects: [0; Reject::ALL.len()],
            admitted: 0,
            authed: 0,
            open: 0,
            bans: 0,
            bans_made: 0,
            sources: 0,
            sources_evicted: 0,
            nonces: 0,
            nonces_max: 0,
        }
    }
}

impl Stats {
    /// Refusals by the guard with this reason. What sessions refuse by [`crate::InputBuckets`] is counted where the session
    /// lives.
    #[must_use]
    pub const fn rejects(&self, reject: Reject) -> u64 {
        self.rejects[reject.index()]
    }

    pub(crate) const fn count(&mut self, reject: Reject) {
        self.rejects[reject.index()] += 1;
    }
}
