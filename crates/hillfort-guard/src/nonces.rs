//! Memory of hellos that were accepted, so that none is accepted twice. Knows nothing of how a hello is signed.
//!
//! Two tables of fixed size, one being filled and one being forgotten; they change places every [`NONCE_MEMORY`], so an accepted
//! hello is remembered for one to two times that. A hello can be valid for twice the window (from a clock that is a window ahead
//! to one that is a window behind), the rest covers a server clock that is set back meanwhile.
//!
//! Size: each table has two slots for every hello that the global connection budget lets through in that time, at the default of
//! 3,000/s and a burst of 5,000: 41,000 hellos, 131,072 slots, 1 MiB. An accepted hello puts a 56-bit keyed tag into the emptier
//! of two lines that its hash names (the power of two choices: at half fill a line of eight is not full by many orders of
//! magnitude).
//!
//! An honest hello is taken for a replay when one of the at most 32 tags in its two lines of both tables is equal to its own:
//! 2^-51. When both lines are full, the hello is refused as `connect_rate`: nothing is ever pushed out, so inside its memory a
//! replay is always refused.

use std::time::Duration;

use hillfort_proto::limits::HELLO_WINDOW;
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;

use crate::bucket::Rate;
use crate::lines::{LINE_WORDS, Lines};

/// An accepted hello is remembered at least this long.
pub const NONCE_MEMORY: Duration = Duration::from_secs(12);

const _: () =
    assert!(NONCE_MEMORY.as_millis() >= 4 * HELLO_WINDOW.as_millis(), "twice the window, and a step of the clock by as much");

#[derive(Debug)]
pub(crate) struct Nonces {
    newer: Table,
    older: Table,
    turned: Time,
}

#[derive(Debug)]
struct Table {
    lines: Lines,
    held: usize,
    /// Which use of the table this is, 1 to 255: words with another one in their lowest byte are empty. So a table is emptied by
    /// counting on, and megabytes are never cleared while players wait. A word that comes back to life after 255 uses (102 minutes)
    /// takes a slot for one use, no more.
    epoch: u64,
}

impl Nonces {
    pub(crate) fn new(now: Time, connect: &Rate) -> Self {
        Self { newer: Table::new(slots(connect)), older: Table::new(slots(connect)), turned: now }
    }

    /// Remembers the hello with this hash, or refuses it.
    pub(crate) fn observe(&mut self, now: Time, hash: (u64, u64), connect: &Rate) -> Result<(), Reject> {
        self.turn(now, connect);
        let tag = hash.0;
        let lines = [hash.1, hash.1 >> 32];
        if self.newer.holds(tag, lines) || self.older.holds(tag, lines) {
            return Err(Reject::HelloReplay);
        }
        if self.newer.put(tag, lines) { Ok(()) } else { Err(Reject::ConnectRate) }
    }

    pub(crate) fn held(&self) -> usize {
        self.newer.held + self.older.held
    }

    pub(crate) fn capacity(&self) -> usize {
        self.newer.lines.words() + self.older.lines.words()
    }

    fn turn(&mut self, now: Time, connect: &Rate) {
        let since = now.since(self.turned);
        if since < NONCE_MEMORY {
            return;
        }
        std::mem::swap(&mut self.newer, &mut self.older);
        self.newer.reset(slots(connect));
        if since < 2 * NONCE_MEMORY {
            self.turned = self.turned + NONCE_MEMORY;
        } else {
            self.older.reset(slots(connect));
            self.turned = now;
        }
    }
}

/// The bits of a word that say which use of the table it is from.
const EPOCHS: u64 = 0xff;

/// Slots of one table at most, 32 MiB: enough for 160,000 hellos a second, which is more than one thread can check.
const SLOTS_MAX: usize = 1 << 22;

/// Slots of one table; the lines round them up to a power of two.
fn slots(connect: &Rate) -> usize {
    (2 * (connect.per_s() as usize * NONCE_MEMORY.as_secs() as usize + connect.burst() as usize)).min(SLOTS_MAX)
}

impl Table {
    fn new(slots: usize) -> Self {
        Self { lines: Lines::new(slots), held: 0, epoch: 1 }
    }

    fn holds(&self, tag: u64, lines: [u64; 2]) -> bool {
        let word = self.word(tag);
        self.held > 0 && lines.iter().any(|&at| self.lines.line(at).contains(&word))
    }

    fn put(&mut self, tag: u64, lines: [u64; 2]) -> bool {
        let empty = |word: &u64| word & EPOCHS != self.epoch;
        let [first, second] = lines.map(|at| self.lines.line(at).iter().position(empty));
        let (at, slot) = match (first, second) {
            (Some(first), Some(second)) if second < first => (lines[1], second),
            (Some(first), _) => (lines[0], first),
            (None, Some(second)) => (lines[1], second),
            (None, None) => return false,
        };
        self.lines.line_mut(at)[slot] = self.word(tag);
        self.held += 1;
        true
    }

    /// Empties it, and gives it another size when the configured rate asks for one.
    fn reset(&mut self, slots: usize) {
        let words = slots.div_ceil(LINE_WORDS).next_power_of_two() * LINE_WORDS;
        if words != self.lines.words() {
            *self = Self::new(slots);
        } else {
            self.held = 0;
            self.epoch = self.epoch % EPOCHS + 1;
        }
    }

    const fn word(&self, tag: u64) -> u64 {
        tag & !EPOCHS | self.epoch
    }
}

#[cfg(test)]
mod tests;
