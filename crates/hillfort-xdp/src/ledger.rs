//! Which sources are banned until when: the order in which bans end, and who gives way when there are too many. Owns no map and reads
//! no clock.

use std::collections::{BTreeMap, BTreeSet};

/// Active bans, by key and by end. At most `room` of them.
#[derive(Debug)]
pub(crate) struct Ledger {
    room: usize,
    until: BTreeMap<u64, u64>,
    ends: BTreeSet<(u64, u64)>,
}

/// What became of a ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entered {
    /// It stands.
    Stands,
    /// It stands in place of this key, which would have ended first.
    Replaced(u64),
    /// There is no room, and it would be the first to end.
    NoRoom,
}

impl Ledger {
    pub(crate) fn new(room: usize) -> Self {
        Self { room, until: BTreeMap::new(), ends: BTreeSet::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.until.len()
    }

    /// Enters a ban, or moves its end.
    pub(crate) fn enter(&mut self, key: u64, until: u64) -> Entered {
        let mut entered = Entered::Stands;
        if let Some(before) = self.until.get(&key) {
            self.ends.remove(&(*before, key));
        } else if self.until.len() >= self.room {
            match self.ends.first().copied() {
                Some((first, replaced)) if first < until => {
                    self.remove(replaced);
                    entered = Entered::Replaced(replaced);
                }
                _ => return Entered::NoRoom,
            }
        }
        self.until.insert(key, until);
        self.ends.insert((until, key));
        entered
    }

    pub(crate) fn remove(&mut self, key: u64) -> bool {
        let until = self.until.remove(&key);
        until.is_some_and(|until| self.ends.remove(&(until, key)))
    }

    /// Takes out a ban that has ended, the earliest first.
    pub(crate) fn pop_ended(&mut self, now: u64) -> Option<u64> {
        let (_, key) = self.ends.first().copied().filter(|(until, _)| *until <= now)?;
        self.remove(key);
        Some(key)
    }

    /// Keys of at most `most` bans, those that end last first.
    pub(crate) fn longest(&self, most: usize) -> impl Iterator<Item = u64> + '_ {
        self.ends.iter().rev().take(most).map(|(_, key)| *key)
    }
}

#[cfg(test)]
mod tests {
    use super::{Entered, Ledger};

    #[test]
    fn the_first_to_end_gives_way() {
        let mut ledger = Ledger::new(3);
        let mut check = |key, until, expect| assert_eq!(ledger.enter(key, until), expect, "{key} until {until}");
        check(1, 10, Entered::Stands);
        check(2, 20, Entered::Stands);
        check(3, 30, Entered::Stands);
        check(1, 40, Entered::Stands); // longer now: 2 is the first to end
        check(4, 15, Entered::NoRoom);
        check(4, 20, Entered::NoRoom);
        check(4, 21, Entered::Replaced(2));
        check(2, 5, Entered::NoRoom);
        assert_eq!(ledger.longest(2).collect::<Vec<_>>(), [1, 3]);
        assert!(ledger.remove(3) && !ledger.remove(3));
        assert_eq!((ledger.pop_ended(20), ledger.pop_ended(21), ledger.pop_ended(21)), (None, Some(4), None));
        assert_eq!(ledger.len(), 1);
        assert!(matches!(Ledger::new(0).enter(1, 1), Entered::NoRoom));
    }
}
