//! The signed hello: the 72 bytes that every connection begins with. Owns their layout, the keys and each single check; the order
//! of the checks, clocks and the memory of seen nonces are the guard's business.
//!
//! | bytes | what |
//! | --- | --- |
//! | 0–7 | magic `47 4F 53 4C 47 00 00 00` |
//! | 8–15 | Unix milliseconds XOR the first 8 bytes of the nonce, big endian |
//! | 16–31 | nonce |
//! | 32–35 | app id, big endian |
//! | 36–37 | key id, big endian |
//! | 38–39 | flags, big endian, all 0 |
//! | 40–71 | HMAC-SHA256 over bytes 0–39 |
//!
//! A key that ships inside a game client is no secret: the hello is a filter that makes strangers' connections cheap to refuse, not
//! a proof of who somebody is.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::limits::{HELLO_BYTES, HELLO_WINDOW};
use crate::reject::Reject;
use crate::time::UnixMs;

/// First bytes of every hello.
pub const MAGIC: [u8; 8] = [0x47, 0x4F, 0x53, 0x4C, 0x47, 0x00, 0x00, 0x00];
/// Bytes after which the sender's clock is known: prelude and half of the nonce.
pub const TIMED_BYTES: usize = 24;
/// Bytes that the MAC covers.
pub const SIGNED_BYTES: usize = 40;
/// Keys that live at once in one ring.
pub const KEYS_MAX: usize = 64;
/// Shortest secret.
pub const SECRET_BYTES_MIN: usize = 16;
/// Longest secret: one block of SHA-256, beyond which HMAC hashes it first and nothing is gained.
pub const SECRET_BYTES_MAX: usize = 64;

/// A game's client program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppId(pub u32);

/// One of the keys of an app; so that keys can be replaced while both live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u16);

/// A hello whose magic and flags are ours. Nothing else is checked by having one.
#[derive(Debug, Clone, Copy)]
pub struct Hello<'a> {
    bytes: &'a [u8; HELLO_BYTES],
}

/// A key in the form in which checking costs least: HMAC's two key blocks are already hashed. Its debug form shows the ids alone.
#[derive(Clone)]
pub struct HelloKey {
    app: AppId,
    key: KeyId,
    mac: Hmac<Sha256>,
}

/// The keys that are good now, at most [`KEYS_MAX`].
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    /// Sorted by app id and key id.
    keys: Vec<HelloKey>,
}

/// A key that cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Secret shorter than [`SECRET_BYTES_MIN`].
    #[error("a secret has at least 16 bytes")]
    Short,
    /// Secret longer than [`SECRET_BYTES_MAX`].
    #[error("a secret has at most 64 bytes")]
    Long,
    /// [`KEYS_MAX`] keys are live.
    #[error("64 keys are live already: remove one first")]
    Full,
}

/// Judges the beginning of a hello as soon as some of it is there, so that a slow or foreign client is refused early: its magic
/// byte by byte, its clock from [`TIMED_BYTES`] bytes on. `Ok` says only that nothing is wrong yet.
///
/// # Errors
/// [`Reject::HelloMagic`], [`Reject::HelloTime`].
pub fn check_prefix(prefix: &[u8], now: UnixMs) -> Result<(), Reject> {
    let seen = prefix.len().min(MAGIC.len());
    if prefix[..seen] != MAGIC[..seen] {
        return Err(Reject::HelloMagic);
    }
    match prefix.first_chunk::<TIMED_BYTES>() {
        Some(timed) => check_window(unmask(timed), now),
        None => Ok(()),
    }
}

impl<'a> Hello<'a> {
    /// Reads a hello. Borrows `bytes`, allocates nothing.
    ///
    /// # Errors
    /// [`Reject::HelloMagic`], [`Reject::HelloFlags`].
    pub fn read(bytes: &'a [u8; HELLO_BYTES]) -> Result<Self, Reject> {
        if bytes[..8] != MAGIC {
            return Err(Reject::HelloMagic);
        }
        if bytes[38..40] != [0, 0] {
            return Err(Reject::HelloFlags);
        }
        Ok(Self { bytes })
    }

    /// The sender's clock.
    #[must_use]
    pub fn time(&self) -> UnixMs {
        unmask(self.bytes.first_chunk().expect("24 of 72 bytes"))
    }

    /// The nonce: with the key ids it names this hello.
    #[must_use]
    pub fn nonce(&self) -> &'a [u8; 16] {
        self.bytes[16..32].try_into().expect("16 bytes")
    }

    /// App id.
    #[must_use]
    pub fn app(&self) -> AppId {
        AppId(u32::from_be_bytes(self.bytes[32..36].try_into().expect("4 bytes")))
    }

    /// Key id.
    #[must_use]
    pub fn key(&self) -> KeyId {
        KeyId(u16::from_be_bytes(self.bytes[36..38].try_into().expect("2 bytes")))
    }

    /// Whether the sender's clock is within [`HELLO_WINDOW`] of `now`, the edges included.
    ///
    /// # Errors
    /// [`Reject::HelloTime`].
    pub fn check_time(&self, now: UnixMs) -> Result<(), Reject> {
        check_window(self.time(), now)
    }

    /// The key that this hello names.
    ///
    /// # Errors
    /// [`Reject::HelloKey`].
    pub fn check_key<'k>(&self, ring: &'k KeyRing) -> Result<&'k HelloKey, Reject> {
        ring.find(self.app(), self.key()).ok_or(Reject::HelloKey)
    }

    /// Whether the MAC is right, compared in constant time: one clone of the key's state and two blocks of SHA-256.
    ///
    /// # Errors
    /// [`Reject::HelloKey`], [`Reject::HelloMac`].
    pub fn check_mac(&self, ring: &KeyRing) -> Result<(), Reject> {
        let mut mac = self.check_key(ring)?.mac.clone();
        mac.update(&self.bytes[..SIGNED_BYTES]);
        mac.verify_slice(&self.bytes[SIGNED_BYTES..]).map_err(|_| Reject::HelloMac)
    }

    /// The hello of a client. `nonce` must be random: a hello with a nonce that was seen before is refused.
    #[must_use]
    pub fn sign(now: UnixMs, nonce: [u8; 16], key: &HelloKey) -> [u8; HELLO_BYTES] {
        let mut bytes = [0; HELLO_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        let (mask, _) = nonce.split_first_chunk::<8>().expect("8 of 16 bytes");
        bytes[8..16].copy_from_slice(&(now.0 ^ u64::from_be_bytes(*mask)).to_be_bytes());
        bytes[16..32].copy_from_slice(&nonce);
        bytes[32..36].copy_from_slice(&key.app.0.to_be_bytes());
        bytes[36..38].copy_from_slice(&key.key.0.to_be_bytes());
        let mut mac = key.mac.clone();
        mac.update(&bytes[..SIGNED_BYTES]);
        bytes[SIGNED_BYTES..].copy_from_slice(&mac.finalize().into_bytes());
        bytes
    }
}

impl HelloKey {
    /// Prepares a key.
    ///
    /// # Errors
    /// [`KeyError::Short`], [`KeyError::Long`].
    pub fn new(app: AppId, key: KeyId, secret: &[u8]) -> Result<Self, KeyError> {
        match secret.len() {
            0..SECRET_BYTES_MIN => Err(KeyError::Short),
            SECRET_BYTES_MIN..=SECRET_BYTES_MAX => {
                Ok(Self { app, key, mac: Hmac::new_from_slice(secret).expect("HMAC takes keys of any length") })
            }
            _ => Err(KeyError::Long),
        }
    }

    /// App id.
    #[must_use]
    pub fn app(&self) -> AppId {
        self.app
    }

    /// Key id.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.key
    }
}

impl fmt::Debug for HelloKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HelloKey").field("app", &self.app).field("key", &self.key).finish_non_exhaustive()
    }
}

impl KeyRing {
    /// A ring without keys: refuses every hello.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key, or replaces the one with the same ids.
    ///
    /// # Errors
    /// [`KeyError::Full`].
    pub fn insert(&mut self, key: HelloKey) -> Result<(), KeyError> {
        match self.position(key.app, key.key) {
            Ok(at) => self.keys[at] = key,
            Err(_) if self.keys.len() == KEYS_MAX => return Err(KeyError::Full),
            Err(at) => self.keys.insert(at, key),
        }
        Ok(())
    }

    /// Removes a key. `false`: it was not there.
    pub fn remove(&mut self, app: AppId, key: KeyId) -> bool {
        self.position(app, key).map(|at| self.keys.remove(at)).is_ok()
    }

    /// The key with these ids.
    #[must_use]
    pub fn find(&self, app: AppId, key: KeyId) -> Option<&HelloKey> {
        self.position(app, key).ok().map(|at| &self.keys[at])
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn position(&self, app: AppId, key: KeyId) -> Result<usize, usize> {
        self.keys.binary_search_by_key(&(app, key), |k| (k.app, k.key))
    }
}

fn unmask(timed: &[u8; TIMED_BYTES]) -> UnixMs {
    let word = |at: usize| u64::from_be_bytes(timed[at..at + 8].try_into().expect("8 bytes"));
    UnixMs(word(8) ^ word(16))
}

fn check_window(sent: UnixMs, now: UnixMs) -> Result<(), Reject> {
    if u128::from(sent.0.abs_diff(now.0)) <= HELLO_WINDOW.as_millis() { Ok(()) } else { Err(Reject::HelloTime) }
}

#[cfg(test)]
mod tests;
