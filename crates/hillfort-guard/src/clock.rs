//! The server's wall clock as hellos are held to it: a step of it locks nobody out. Knows nothing of hellos.
//!
//! Between two hellos the wall clock and the monotonic clock go on by the same, or the wall clock was set. Then the clock from before
//! stays good beside the new one, whichever of the two the players' clocks agree with, until the next step. That is safe while the two
//! are at most [`STEP_MAX_MS`] apart: a hello is good for twice the window by one clock and for the step by the other, and the memory of
//! nonces lasts for both together. After a larger step the new clock alone is good.

use hillfort_proto::limits::HELLO_WINDOW;
use hillfort_proto::time::{Time, UnixMs};

use crate::nonces::NONCE_MEMORY;

/// A clock that is adjusted slowly moves less than this between two hellos.
const STEP_MIN_MS: u64 = 500;
/// Furthest that two clocks may be apart and both be good.
pub(crate) const STEP_MAX_MS: u64 = NONCE_MEMORY.as_millis() as u64 - 2 * HELLO_WINDOW.as_millis() as u64;

#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// Wall clock less monotonic clock, ms, when it was last seen.
    offset: Option<u64>,
    /// The same before the last step.
    before: Option<u64>,
    steps: u64,
}

impl Clock {
    /// The clocks that are good now: the wall clock, and the one from before its last step.
    pub(crate) fn read(&mut self, now: Time, wall: UnixMs) -> (UnixMs, Option<UnixMs>) {
        // Wraps for a wall clock that says less than the process is old; so does the way back.
        let offset = wall.0.wrapping_sub(now.as_millis());
        if let Some(last) = self.offset
            && apart(last, offset) >= STEP_MIN_MS
        {
            self.before = Some(last);
            self.steps += 1;
        }
        self.offset = Some(offset);
        let before = self.before.filter(|before| apart(*before, offset) <= STEP_MAX_MS);
        (wall, before.map(|before| UnixMs(before.wrapping_add(now.as_millis()))))
    }

    /// Steps seen.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }
}

fn apart(one: u64, other: u64) -> u64 {
    one.wrapping_sub(other).min(other.wrapping_sub(one))
}

#[cfg(test)]
mod tests;
