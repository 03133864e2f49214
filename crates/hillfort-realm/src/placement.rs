//! On which world thread a player is to be seated. Shared by all doors and world threads, made of atomics, so nobody ever waits here
//! but for the name of a room.
//!
//! It is advice: the world thread that gets the join counts seats itself. Doors take a seat from the number they see, and world threads
//! set it right when a seat is taken or freed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use hillfort_proto::message::{Ask, Wanted};
use hillfort_proto::reject::Reject;

use crate::directory::Directory;

/// Where there is room.
#[derive(Debug)]
pub(crate) struct Placement {
    games: Vec<Arc<str>>,
    /// Free seats in open rooms, by game and then world.
    seats_free: Vec<AtomicU32>,
    /// Busy share of each world thread, in thousandths.
    load: Vec<AtomicU32>,
    rooms: AtomicU32,
    rooms_max: u32,
    draining: AtomicBool,
    directory: Directory,
}

impl Placement {
    pub(crate) fn new(games: Vec<Arc<str>>, worlds: usize, rooms_max: u32) -> Self {
        let zeros = |count| std::iter::repeat_with(|| AtomicU32::new(0)).take(count).collect();
        Self {
            seats_free: zeros(games.len() * worlds),
            load: zeros(worlds),
            rooms: AtomicU32::new(0),
            rooms_max,
            draining: AtomicBool::new(false),
            directory: Directory::new(games.len(), worlds),
            games,
        }
    }

    /// World thread that is to decide about a join.
    pub(crate) fn place(&self, game: &str, room: Wanted<'_>) -> Result<u8, Reject> {
        let game = self.game(game)?;
        if self.draining.load(Relaxed) {
            return Err(Reject::Draining);
        }
        match room {
            Wanted::Any => self.place_any(game),
            Wanted::Room(room) if usize::from(room.owner()) < self.load.len() => Ok(room.owner()),
            Wanted::Room(_) => Err(Reject::RoomUnknown),
            Wanted::Named { name, .. } => self.directory.claim(game, name, || self.place_new()),
        }
    }

    /// A join that was placed was not handed over.
    pub(crate) fn unplace(&self, game: &str, room: Wanted<'_>) {
        if let (Ok(game), Wanted::Named { name, .. }) = (self.game(game), room) {
            self.directory.answered(game, name);
        }
    }

    /// Appends the rooms that `ask` is for to `lines`. Returns whether there are more.
    pub(crate) fn list(&self, ask: &Ask<'_>, lines: &mut Vec<u8>) -> Result<bool, Reject> {
        self.game(ask.game).map(|game| self.directory.list(game, ask, lines))
    }

    /// Names of rooms, and lists.
    pub(crate) const fn directory(&self) -> &Directory {
        &self.directory
    }

    fn game(&self, game: &str) -> Result<usize, Reject> {
        self.games.iter().position(|name| **name == *game).ok_or(Reject::RoomGame)
    }

    fn place_any(&self, game: usize) -> Result<u8, Reject> {
        if let Some(world) = self.least_loaded(|world| self.seats_of(game, world).load(Relaxed) > 0) {
            // Two doors may take the same last seat: the world thread opens another room then.
            let _was_zero = self.seats_of(game, world).fetch_update(Relaxed, Relaxed, |seats| seats.checked_sub(1));
            return Ok(world as u8);
        }
        self.place_new()
    }

    /// World thread for a new room.
    fn place_new(&self) -> Result<u8, Reject> {
        if self.rooms.load(Relaxed) >= self.rooms_max {
            return Err(Reject::RoomsFull);
        }
        self.least_loaded(|_| true).map(|world| world as u8).ok_or(Reject::RoomsFull)
    }

    /// Counts a new room. `false`: there are `rooms_max` already.
    pub(crate) fn open_room(&self) -> bool {
        self.rooms.fetch_update(Relaxed, Relaxed, |rooms| (rooms < self.rooms_max).then_some(rooms + 1)).is_ok()
    }

    pub(crate) fn close_room(&self) {
        self.rooms.fetch_sub(1, Relaxed);
    }

    pub(crate) fn set_seats_free(&self, game: usize, world: u8, seats: u32) {
        self.seats_of(game, usize::from(world)).store(seats, Relaxed);
    }

    pub(crate) fn set_load(&self, world: u8, permille: u32) {
        self.load[usize::from(world)].store(permille, Relaxed);
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Relaxed);
    }

    /// Number of world threads.
    pub(crate) fn worlds(&self) -> usize {
        self.load.len()
    }

    /// Differences below a tenth of a core are noise: then the first world thread is taken, so that few players meet in few rooms.
    fn least_loaded(&self, fits: impl Fn(usize) -> bool) -> Option<usize> {
        (0..self.load.len()).filter(|&world| fits(world)).min_by_key(|&world| self.load[world].load(Relaxed) / 100)
    }

    fn seats_of(&self, game: usize, world: usize) -> &AtomicU32 {
        &self.seats_free[game * self.load.len() + world]
    }
}

#[cfg(test)]
mod tests {
    use hillfort_proto::ids::RoomId;

    use super::*;

    #[test]
    fn free_seats_first_then_the_idler_thread() {
        let placement = Placement::new(vec!["a".into(), "b".into()], 2, 3);
        assert_eq!(placement.place("c", Wanted::Any), Err(Reject::RoomGame));
        assert_eq!(placement.place("a", Wanted::Any), Ok(0));
        placement.set_load(0, 150);
        assert_eq!(placement.place("a", Wanted::Any), Ok(1), "world 1 is idler");
        placement.set_seats_free(0, 0, 2);
        let taken: Vec<_> = (0..3).map(|_| placement.place("a", Wanted::Any)).collect();
        assert_eq!(taken, [Ok(0), Ok(0), Ok(1)], "two seats, then a new room on the idler thread");
        assert_eq!(placement.place("b", Wanted::Any), Ok(1), "seats of another game do not count");
    }

    #[test]
    fn named_rooms_go_to_their_owner_and_limits_hold() {
        let placement = Placement::new(vec!["a".into()], 2, 1);
        assert_eq!(placement.place("a", Wanted::Room(RoomId(0x0901))), Ok(1));
        assert_eq!(placement.place("a", Wanted::Room(RoomId(0x0902))), Err(Reject::RoomUnknown));
        assert!(placement.open_room());
        assert!(!placement.open_room());
        assert_eq!(placement.place("a", Wanted::Any), Err(Reject::RoomsFull));
        placement.close_room();
        assert_eq!(placement.place("a", Wanted::Any), Ok(0));
        placement.drain();
        assert_eq!(placement.place("a", Wanted::Any), Err(Reject::Draining));
    }
}
