//! A room's timers: tick numbers in a bounded heap. Knows nothing of what they are for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Timers that one room has at most.
pub const TIMERS_MAX: usize = 256;

/// Timers by tick, those of one tick in the order in which they were set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(u64, u64, u32)>>,
    set: u64,
}

impl Timers {
    /// Sets a timer. `false`: there are [`TIMERS_MAX`] already.
    pub(crate) fn set(&mut self, at_tick: u64, id: u32) -> bool {
        if self.heap.len() >= TIMERS_MAX {
            return false;
        }
        self.set += 1;
        self.heap.push(Reverse((at_tick, self.set, id)));
        true
    }

    /// All, as `(tick, number of the setting, id)` in the order in which they are due, and how many were set so far.
    pub(crate) fn state(&self) -> (Vec<(u64, u64, u32)>, u64) {
        let mut entries: Vec<_> = self.heap.iter().map(|&Reverse(entry)| entry).collect();
        entries.sort_unstable();
        (entries, self.set)
    }

    /// Puts back what [`Timers::state`] gave.
    pub(crate) fn put_state(&mut self, entries: &[(u64, u64, u32)], set: u64) {
        self.heap = entries.iter().copied().map(Reverse).collect();
        self.set = set;
    }

    /// Takes the next timer that is due at `tick`.
    pub(crate) fn due(&mut self, tick: u64) -> Option<u32> {
        let Reverse((at, _, _)) = *self.heap.peek()?;
        if at > tick {
            return None;
        }
        self.heap.pop().map(|Reverse((_, _, id))| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fire_in_order_of_tick_then_of_setting() {
        let mut timers = Timers::default();
        for (tick, id) in [(5, 1), (3, 2), (5, 3), (3, 4)] {
            assert!(timers.set(tick, id));
        }
        assert_eq!(timers.due(2), None);
        let fired: Vec<_> = std::iter::from_fn(|| timers.due(5)).collect();
        assert_eq!(fired, [2, 4, 1, 3]);
    }

    #[test]
    fn are_bounded() {
        let mut timers = Timers::default();
        assert!((0..TIMERS_MAX).all(|_| timers.set(1, 0)));
        assert!(!timers.set(1, 0));
        assert_eq!(timers.due(1), Some(0));
        assert!(timers.set(1, 0));
    }
}
