//! Names of rooms, which world thread has each, and what lists show. Shared by doors and world threads; knows nothing of seats.
//!
//! A name belongs to one world thread from the moment somebody first asks for it until its room is gone and nobody who asked waits for an
//! answer any more. So two who ask at once come to the same thread, which makes one room. The locks here are held for a look-up, or
//! to take a reference; the way of inputs and outputs does not come here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hillfort_proto::ids::RoomId;
use hillfort_proto::limits::{LIST_LABEL_BYTES_MAX, LIST_ROOMS_MAX};
use hillfort_proto::message::{Ask, RoomLine};
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;

/// Rooms that one world thread shows in lists at most; those with names come first.
pub(crate) const LISTED_MAX: usize = 4096;

/// Who has which name, by game; and the lists of the world threads.
#[derive(Debug)]
pub(crate) struct Directory {
    names: Vec<Mutex<HashMap<Box<str>, Claim>>>,
    lists: Vec<Mutex<Arc<[Listed]>>>,
}

#[derive(Debug)]
struct Claim {
    world: u8,
    /// Joins on their way to the world thread.
    asked: u32,
    /// There is a room.
    open: bool,
}

/// One room as lists show it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its number.
    pub room: RoomId,
    /// Which game: see [`crate::RealmHandle::game`].
    pub game: usize,
    /// Empty for a room without a name.
    pub name: Arc<str>,
    /// Which of the game's rules it plays; empty when there is only one kind.
    pub handler: Arc<str>,
    /// What the room says about itself. The same memory for as long as it does not change.
    pub label: Arc<str>,
    /// Players with a seat.
    pub seats_taken: u16,
    /// Seats in all.
    pub seats_max: u16,
    /// Ticks a second of game time.
    pub hz: u32,
    /// When it was made or taken up, by the realm's clock.
    pub made: Time,
}

impl Directory {
    pub(crate) fn new(games: usize, worlds: usize) -> Self {
        let names = std::iter::repeat_with(Mutex::default).take(games).collect();
        let lists = std::iter::repeat_with(|| Mutex::new(Arc::from([]))).take(worlds).collect();
        Self { names, lists }
    }

    /// The world thread that has this name, or the one that `pick` gives it to. [`Directory::answered`] must follow.
    pub(crate) fn claim(&self, game: usize, name: &str, pick: impl FnOnce() -> Result<u8, Reject>) -> Result<u8, Reject> {
        let mut names = locked(&self.names[game]);
        if let Some(claim) = names.get_mut(name) {
            claim.asked += 1;
            return Ok(claim.world);
        }
        let world = pick()?;
        names.insert(name.into(), Claim { world, asked: 1, open: false });
        Ok(world)
    }

    /// A join that claimed the name was answered, or never sent.
    pub(crate) fn answered(&self, game: usize, name: &str) {
        self.change(game, name, |claim| claim.asked = claim.asked.saturating_sub(1));
    }

    /// `world` has a room of this name now.
    pub(crate) fn open(&self, game: usize, name: &str, world: u8) {
        let mut names = locked(&self.names[game]);
        let claim = names.entry(name.into()).or_insert(Claim { world, asked: 0, open: true });
        claim.open = true;
    }

    /// The world thread that has this name.
    pub(crate) fn owner(&self, game: usize, name: &str) -> Option<u8> {
        locked(&self.names[game]).get(name).map(|claim| claim.world)
    }

    /// The room of this name moves to another world thread.
    pub(crate) fn move_to(&self, game: usize, name: &str, world: u8) {
        self.change(game, name, |claim| claim.world = world);
    }

    /// The room of this name is gone.
    pub(crate) fn close(&self, game: usize, name: &str) {
        self.change(game, name, |claim| claim.open = false);
    }

    /// Replaces what lists show of a world thread.
    pub(crate) fn publish(&self, world: u8, list: Vec<Listed>) {
        let mut list = Arc::from(list);
        // The old list is freed after the lock is let go.
        std::mem::swap(&mut *locked(&self.lists[usize::from(world)]), &mut list);
    }

    /// The rooms that lists show, by world thread.
    pub(crate) fn lists(&self) -> Vec<Arc<[Listed]>> {
        self.lists.iter().map(|list| Arc::clone(&locked(list))).collect()
    }

    /// Appends the rooms of `game` that `ask` is for to `lines`. Returns whether there are more than [`LIST_ROOMS_MAX`].
    pub(crate) fn list(&self, game: usize, ask: &Ask<'_>, lines: &mut Vec<u8>) -> bool {
        let mut found = 0;
        for list in &self.lists {
            let list = Arc::clone(&locked(list));
            for room in list.iter().filter(|room| room.is_for(game, ask)) {
                if found == LIST_ROOMS_MAX {
                    return true;
                }
                found += 1;
                room.line().put(lines);
            }
        }
        false
    }

    fn change(&self, game: usize, name: &str, change: impl FnOnce(&mut Claim)) {
        let mut names = locked(&self.names[game]);
        let Some(claim) = names.get_mut(name) else { return };
        change(claim);
        if claim.asked == 0 && !claim.open {
            names.remove(name);
        }
    }
}

impl Listed {
    fn is_for(&self, game: usize, ask: &Ask<'_>) -> bool {
        self.game == game && !(ask.free && self.seats_taken >= self.seats_max) && ask.fits(self.start_of_label())
    }

    /// Its first [`LIST_LABEL_BYTES_MAX`] bytes.
    fn start_of_label(&self) -> &str {
        &self.label[..self.label.floor_char_boundary(LIST_LABEL_BYTES_MAX)]
    }

    fn line(&self) -> RoomLine<'_> {
        RoomLine {
            room: self.room,
            name: &self.name,
            label: self.start_of_label(),
            seats_taken: u32::from(self.seats_taken),
            seats_max: u32::from(self.seats_max),
            hz: self.hz,
        }
    }
}

/// What is behind these locks stays whole when a holder panics.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use hillfort_proto::message::RoomLines;

    use super::*;

    #[test]
    fn a_name_stays_with_its_thread_while_somebody_asks_or_the_room_is_there() {
        let directory = Directory::new(2, 2);
        let claim = |world| directory.claim(0, "den", || Ok(world));
        assert_eq!((claim(1), claim(0)), (Ok(1), Ok(1)), "the first who asks decides");
        assert_eq!(directory.claim(1, "den", || Ok(0)), Ok(0), "another game has other names");
        directory.answered(0, "den");
        directory.open(0, "den", 1);
        directory.answered(0, "den");
        assert_eq!(claim(0), Ok(1), "there is a room");
        directory.close(0, "den");
        assert_eq!(claim(0), Ok(1), "somebody waits for an answer");
        directory.answered(0, "den");
        directory.answered(0, "den");
        assert_eq!(claim(0), Ok(0), "forgotten");
        assert_eq!(directory.claim(0, "full", || Err(Reject::RoomsFull)), Err(Reject::RoomsFull));
        assert_eq!(directory.names[0].lock().expect("whole").len(), 1, "a refusal leaves nothing behind");
    }

    #[test]
    fn lists_are_filtered_and_bounded() {
        let directory = Directory::new(2, 2);
        let room = |n: u64, game, label: &str, seats_taken| Listed {
            room: RoomId(n),
            game,
            name: "".into(),
            handler: "".into(),
            made: Time::ZERO,
            label: label.into(),
            seats_taken,
            seats_max: 2,
            hz: 20,
        };
        directory.publish(0, vec![room(1, 0, "mode=duel", 2), room(2, 0, "mode=duel", 1), room(3, 0, "mode=team", 0)]);
        directory.publish(1, vec![room(4, 1, "mode=duel", 0), room(5, 0, "mode=duel open", 0)]);
        #[track_caller]
        fn check(directory: &Directory, label: &str, free: bool, expect: &[u64]) {
            let mut lines = Vec::new();
            assert!(!directory.list(0, &Ask { ask: 0, game: "", label, free }, &mut lines));
            assert_eq!(RoomLines::new(&lines).iter().map(|line| line.room.0).collect::<Vec<_>>(), expect);
        }
        check(&directory, "", false, &[1, 2, 3, 5]);
        check(&directory, "mode=duel", false, &[1, 2, 5]);
        check(&directory, "mode=duel", true, &[2, 5]);
        check(&directory, "mode=duel open", true, &[5]);
        directory.publish(0, (0..200).map(|n| room(n + 1, 0, "", 0)).collect());
        let mut lines = Vec::new();
        assert!(directory.list(0, &Ask { ask: 0, game: "", label: "", free: false }, &mut lines));
        assert_eq!(RoomLines::new(&lines).iter().count(), LIST_ROOMS_MAX);
    }
}
