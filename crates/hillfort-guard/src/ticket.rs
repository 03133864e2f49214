//! Tickets: what a client shows before a login to prove that somebody has played here with it. Owns their bytes, their key, how long they are
//! good, and which were taken back. Knows nothing of what showing one earns.
//!
//! | bytes | what |
//! | --- | --- |
//! | 0–3 | Unix seconds at which it was given, big endian |
//! | 4–11 | serial, big endian, random |
//! | 12–27 | first half of HMAC-SHA256 over bytes 0–11 |
//!
//! Nothing is kept for a ticket that is good; one whose holder offended is remembered by its serial, in a table of fixed size. Only who has a
//! ticket can get into that table, and each ticket costs a session that has played.

use std::fmt;

use hillfort_proto::limits::TICKET_BYTES_MAX;
use hillfort_proto::time::UnixMs;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Bytes of a ticket.
pub const TICKET_BYTES: usize = 28;
/// Bytes of the key that signs them.
pub const TICKET_KEY_BYTES: usize = 32;
/// Serials that are remembered as taken back at most: 128 KiB.
pub const REVOKED_MAX: usize = 1 << 14;

/// A ticket is good for so long: somebody who plays once a week has a good one.
const GOOD_S: u64 = 8 * 24 * 3600;
/// The wall clock may have been set back by so much since one was given.
const AHEAD_S: u64 = 3600;
const SIGNED: usize = 12;
const WAYS: usize = 8;

const _: () = assert!(TICKET_BYTES <= TICKET_BYTES_MAX, "it fits its message");

/// Signs and reads tickets.
#[derive(Clone)]
pub(crate) struct Tickets {
    mac: Hmac<Sha256>,
}

/// Serials of tickets whose holders offended: sets of eight, the newest first. In a full set the one that was taken back first is forgotten.
#[derive(Debug)]
pub(crate) struct Revoked {
    sets: Vec<[u64; WAYS]>,
}

impl Tickets {
    pub(crate) fn new(key: &[u8; TICKET_KEY_BYTES]) -> Self {
        Self { mac: Hmac::new_from_slice(key).expect("HMAC takes keys of any length") }
    }

    pub(crate) fn sign(&self, wall: UnixMs, serial: u64) -> [u8; TICKET_BYTES] {
        let mut ticket = [0; TICKET_BYTES];
        let seconds = u32::try_from(wall.0 / 1000).unwrap_or(u32::MAX);
        ticket[..4].copy_from_slice(&seconds.to_be_bytes());
        ticket[4..SIGNED].copy_from_slice(&serial.to_be_bytes());
        let mut mac = self.mac.clone();
        mac.update(&ticket[..SIGNED]);
        ticket[SIGNED..].copy_from_slice(&mac.finalize().into_bytes()[..TICKET_BYTES - SIGNED]);
        ticket
    }

    /// The serial of a ticket of ours that is good at `wall`: two blocks of SHA-256.
    pub(crate) fn read(&self, wall: UnixMs, ticket: &[u8]) -> Option<u64> {
        let ticket: &[u8; TICKET_BYTES] = ticket.try_into().ok()?;
        let given = u64::from(u32::from_be_bytes(*ticket.first_chunk()?));
        let now = wall.0 / 1000;
        if given > now + AHEAD_S || now.saturating_sub(given) > GOOD_S {
            return None;
        }
        let mut mac = self.mac.clone();
        mac.update(&ticket[..SIGNED]);
        mac.verify_truncated_left(&ticket[SIGNED..]).ok()?;
        Some(u64::from_be_bytes(*ticket[4..].first_chunk()?))
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets(..)")
    }
}

impl Revoked {
    pub(crate) fn new(revoked_max: usize) -> Self {
        Self { sets: vec![[0; WAYS]; (revoked_max / WAYS).max(1).next_power_of_two()] }
    }

    pub(crate) fn holds(&self, serial: u64) -> bool {
        self.sets[self.set(serial)].contains(&serial)
    }

    /// `true`: it was not there.
    pub(crate) fn add(&mut self, serial: u64) -> bool {
        let at = self.set(serial);
        let set = &mut self.sets[at];
        let is_new = !set.contains(&serial);
        if is_new {
            set.rotate_right(1);
            set[0] = serial;
        }
        is_new
    }

    /// Serials are random already.
    fn set(&self, serial: u64) -> usize {
        serial as usize & (self.sets.len() - 1)
    }
}

#[cfg(test)]
mod tests;
