//! On which world thread a player is to be seated. Shared by all doors and world threads, made of atomics, so nobody ever waits here
//! but for the name of a room.
//!
//! It is advice: the world thread that gets the join counts seats itself. Doors take a seat from the number they see, and world threads
//! set it right when a seat is taken or freed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use hillfort_proto::message::{Ask, Wanted};
use hillfort_proto::reject::Reject;
use hillfort_world::Rng;

use crate::directory::Directory;
use crate::routes::Routes;

/// Where there is room.
#[derive(Debug)]
pub(crate) struct Placement {
    games: Vec<Arc<str>>,
    /// Free seats in open rooms, by game and then world.
    seats_free: Vec<AtomicU32>,
    /// Busy share of each world thread, in thousandths.
    load: Vec<AtomicU32>,
    /// Nanoseconds a second that the rooms of each world thread take, by its last measurement.
    measured: Vec<AtomicU64>,
    /// The same with a guess for each room that was placed there since.
    cost: Vec<AtomicU64>,
    /// World threads that take nobody new.
    closed: Vec<AtomicBool>,
    /// Where the sequence is that picks two world threads.
    dice: AtomicU64,
    /// Joins and new rooms that were refused because world threads have too much to do.
    shed: AtomicU64,
    rooms: AtomicU32,
    rooms_max: u32,
    draining: AtomicBool,
    directory: Directory,
    routes: Routes,
}

impl Placement {
    pub(crate) fn new(games: Vec<Arc<str>>, worlds: usize, rooms_max: u32, seed: u64) -> Self {
        let zeros = |count| std::iter::repeat_with(|| AtomicU32::new(0)).take(count).collect();
        let costs = || std::iter::repeat_with(|| AtomicU64::new(0)).take(worlds).collect();
        Self {
            seats_free: zeros(games.len() * worlds),
            load: zeros(worlds),
            measured: costs(),
            cost: costs(),
            closed: std::iter::repeat_with(|| AtomicBool::new(false)).take(worlds).collect(),
            dice: AtomicU64::new(seed),
            shed: AtomicU64::new(0),
            rooms: AtomicU32::new(0),
            rooms_max,
            draining: AtomicBool::new(false),
            directory: Directory::new(games.len(), worlds),
            routes: Routes::default(),
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
            Wanted::Room(room) if usize::from(self.routes.owner(room)) < self.load.len() => Ok(self.routes.owner(room)),
            Wanted::Room(_) => Err(Reject::RoomUnknown),
            Wanted::Named { name, .. } => self.directory.claim(game, name, || self.place_new()),
        }
    }

    /// World thread that is to make a room, and the game's number.
    pub(crate) fn place_room(&self, game: &str) -> Result<(usize, u8), Reject> {
        let game = self.game(game)?;
        if self.draining.load(Relaxed) {
            return Err(Reject::Draining);
        }
        Ok((game, self.place_new()?))
    }

    /// Name of a game.
    pub(crate) fn game_name(&self, game: usize) -> Option<&Arc<str>> {
        self.games.get(game)
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

    /// Rooms that moved.
    pub(crate) const fn routes(&self) -> &Routes {
        &self.routes
    }

    /// The world thread whose rooms cost least of those that take players, and what they do.
    pub(crate) fn cheapest(&self) -> Option<(u8, u64)> {
        let open = (0..self.cost.len()).filter(|&world| !self.closed[world].load(Relaxed));
        open.map(|world| (world as u8, self.cost[world].load(Relaxed))).min_by_key(|(_, cost)| *cost)
    }

    /// Refuses a join or a new room because of the ladder of overload, and counts that.
    pub(crate) fn shed_join(&self) -> Reject {
        self.shed.fetch_add(1, Relaxed);
        Reject::WorldBusy
    }

    /// How often that was.
    pub(crate) fn joins_shed(&self) -> u64 {
        self.shed.load(Relaxed)
    }

    /// Names of rooms, and lists.
    pub(crate) const fn directory(&self) -> &Directory {
        &self.directory
    }

    fn game(&self, game: &str) -> Result<usize, Reject> {
        self.games.iter().position(|name| **name == *game).ok_or(Reject::RoomGame)
    }

    fn place_any(&self, game: usize) -> Result<u8, Reject> {
        if let Some(world) =
            self.least_loaded(|world| !self.closed[world].load(Relaxed) && self.seats_of(game, world).load(Relaxed) > 0)
        {
            // Two doors may take the same last seat: the world thread opens another room then.
            let _was_zero = self.seats_of(game, world).fetch_update(Relaxed, Relaxed, |seats| seats.checked_sub(1));
            return Ok(world as u8);
        }
        self.place_new()
    }

    /// World thread for a new room: the one with the cheaper rooms of two that are picked by chance, which keeps many threads nearly as
    /// even as asking all of them, and does not send everybody to the same one. The room counts as an average one until it is measured.
    fn place_new(&self) -> Result<u8, Reject> {
        let rooms = self.rooms.load(Relaxed);
        if rooms >= self.rooms_max {
            return Err(Reject::RoomsFull);
        }
        let open: Vec<usize> = (0..self.load.len()).filter(|&world| !self.closed[world].load(Relaxed)).collect();
        if open.is_empty() {
            return Err(self.shed_join());
        }
        let mut dice = Rng::new(self.dice.fetch_add(1, Relaxed));
        let count = open.len() as u64;
        let first = dice.below(count);
        // Another one than the first, unless there is none.
        let second = (first + 1 + dice.below((count - 1).max(1))) % count;
        let (first, second) = (open[first.min(second) as usize], open[first.max(second) as usize]);
        let cost = |world: usize| self.cost[world].load(Relaxed);
        let world = if cost(second) < cost(first) { second } else { first };
        // The average is that of what was measured: an average of guesses would grow with each, without end when many come at once.
        let all: u64 = self.measured.iter().map(|cost| cost.load(Relaxed)).sum();
        self.cost[world].fetch_add(all / u64::from(rooms.max(1)) + 1, Relaxed);
        Ok(world as u8)
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

    pub(crate) fn set_cost(&self, world: u8, ns_a_second: u64) {
        self.measured[usize::from(world)].store(ns_a_second, Relaxed);
        self.cost[usize::from(world)].store(ns_a_second, Relaxed);
    }

    pub(crate) fn set_closed(&self, world: u8, closed: bool) {
        self.closed[usize::from(world)].store(closed, Relaxed);
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
    fn free_seats_first_then_the_cheaper_thread() {
        let placement = Placement::new(vec!["a".into(), "b".into()], 2, 3, 0);
        assert_eq!(placement.place("c", Wanted::Any), Err(Reject::RoomGame));
        assert_eq!(placement.place("a", Wanted::Any), Ok(0));
        placement.set_cost(0, 1_000);
        assert_eq!(placement.place("a", Wanted::Any), Ok(1), "world 1 has less to do");
        placement.set_seats_free(0, 0, 2);
        let taken: Vec<_> = (0..3).map(|_| placement.place("a", Wanted::Any)).collect();
        assert_eq!(taken[..2], [Ok(0), Ok(0)], "two seats");
        placement.set_cost(1, 0);
        assert_eq!(placement.place("b", Wanted::Any), Ok(1), "seats of another game do not count");
        placement.set_closed(1, true);
        assert_eq!(placement.place("b", Wanted::Any), Ok(0), "1 takes nobody");
        placement.set_closed(0, true);
        assert_eq!(placement.joins_shed(), 0);
        assert_eq!(placement.place("b", Wanted::Any), Err(Reject::WorldBusy));
        assert_eq!(placement.place_room("b"), Err(Reject::WorldBusy));
        assert_eq!(placement.joins_shed(), 2);
    }

    #[test]
    fn many_rooms_spread_evenly_over_threads_also_between_measurements() {
        let placement = Placement::new(vec!["a".into()], 8, 20_000, 7);
        let mut placed = [0_u32; 8];
        for _ in 0..8_000 {
            let world = placement.place("a", Wanted::Any).expect("there is room");
            assert!(placement.open_room());
            placed[usize::from(world)] += 1;
        }
        assert!(placed.iter().all(|count| (980..=1_020).contains(count)), "{placed:?}");
        let again = Placement::new(vec!["a".into()], 8, 20_000, 7);
        let first: Vec<_> = (0..20).map(|_| again.place("a", Wanted::Any)).collect();
        let same = Placement::new(vec!["a".into()], 8, 20_000, 7);
        assert_eq!(first, (0..20).map(|_| same.place("a", Wanted::Any)).collect::<Vec<_>>(), "the seed decides");
    }

    #[test]
    fn a_crowd_that_comes_before_anything_is_measured_spreads_evenly() {
        for (worlds, ns_a_second) in [(1, 0), (1, 1_000_000_000), (2, 1_000_000_000), (2, 0)] {
            let placement = Placement::new(vec!["a".into()], worlds, 20_000, 7);
            for world in 0..worlds as u8 {
                placement.set_cost(world, ns_a_second);
            }
            let mut placed = vec![0_u32; worlds];
            // No world thread has opened a room for any of them yet.
            for _ in 0..10_000 {
                placed[usize::from(placement.place("a", Wanted::Any).expect("there is room"))] += 1;
            }
            let even = 10_000 / worlds as u32;
            assert!(placed.iter().all(|count| (even - 100..=even + 100).contains(count)), "{placed:?}");
        }
    }

    #[test]
    fn named_rooms_go_to_their_owner_and_limits_hold() {
        let placement = Placement::new(vec!["a".into()], 2, 1, 0);
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
