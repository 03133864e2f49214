//! What the console and the metrics see of the realm: plain data, a second old at most.

use std::sync::Arc;
use std::time::Duration;

use hillfort_proto::ids::RoomId;
use hillfort_world::{Overload, RoomFault, Spread};

/// Rooms that a snapshot of one world thread lists at most. Those with players come first.
pub const ROOMS_LISTED_MAX: usize = 256;
/// Faults that a world thread remembers.
pub const FAULTS_KEPT: usize = 32;

/// All world threads.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// In order of their numbers.
    pub worlds: Vec<Arc<WorldSnapshot>>,
    /// Joins and new rooms refused since the start because world threads have too much to do.
    pub joins_shed: u64,
}

/// One world thread.
#[derive(Debug, Clone, Default)]
pub struct WorldSnapshot {
    /// Number of the world thread.
    pub world: u8,
    /// Open rooms.
    pub rooms_open: u32,
    /// Rooms that sleep until somebody joins them.
    pub rooms_asleep: u32,
    /// Bytes that they take, about.
    pub asleep_bytes: u64,
    /// Players with a seat.
    pub players: u32,
    /// Time that a room's tick took, with delivery, in the last second.
    pub tick: Distribution,
    /// Time between a tick's deadline and its start, in the last second.
    pub lateness: Distribution,
    /// Busy share of the thread in the last second, 0 to 1.
    pub utilisation: f64,
    /// What it gives up because it has too much to do.
    pub overload: Overload,
    /// Rooms that run slower than their games want.
    pub rooms_slowed: u32,
    /// Nanoseconds a second that its rooms take, by moving averages of their ticks.
    pub cost_ns: u64,
    /// Counts since the start.
    pub totals: Totals,
    /// At most [`ROOMS_LISTED_MAX`] of the rooms.
    pub rooms: Vec<RoomSnapshot>,
    /// The last [`FAULTS_KEPT`] faults, newest last.
    pub faults: Vec<FaultRecord>,
}

/// One room.
#[derive(Debug, Clone)]
pub struct RoomSnapshot {
    /// Its name.
    pub id: RoomId,
    /// World thread that it is on.
    pub world: u8,
    /// Its game.
    pub game: Arc<str>,
    /// Its label.
    pub label: String,
    /// Seats taken.
    pub players: u16,
    /// Seats in all.
    pub seats_max: u16,
    /// Ticks a second of game time.
    pub hz: u32,
    /// Ticks a second at which it runs now: less while it is empty or dilated.
    pub rate_hz: u32,
    /// Last tick.
    pub tick: u64,
    /// Time that its last 64 ticks took.
    pub tick_time: Spread,
    /// Lateness of its last 64 ticks.
    pub lateness: Spread,
    /// Inputs heard a second since the last snapshot; 0 in its first.
    pub inputs_per_second: f64,
    /// Inputs pushed out of full queues since its start.
    pub inputs_lost: u64,
}

/// Summary of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Distribution {
    /// Values.
    pub count: u64,
    /// Half of the values are at or below.
    pub p50: Duration,
    /// 99 of 100 values are at or below.
    pub p99: Duration,
    /// Largest.
    pub max: Duration,
}

/// Counts since the start. Each only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Rooms made.
    pub rooms_created: u64,
    /// Rooms gone, for whatever reason.
    pub rooms_ended: u64,
    /// Rooms that crashed.
    pub faults_crashed: u64,
    /// Rooms over their budget.
    pub faults_budget: u64,
    /// Rooms over their memory.
    pub faults_memory: u64,
    /// Seats taken.
    pub joins: u64,
    /// Joins refused.
    pub joins_refused: u64,
    /// Rooms that fell asleep.
    pub rooms_slept: u64,
    /// Rooms that were taken up again, from sleep or from an earlier start.
    pub rooms_woken: u64,
    /// Sleeping rooms that ended because others needed their memory.
    pub rooms_outslept: u64,
    /// Rooms that moved to another thread.
    pub rooms_moved: u64,
    /// Rooms handed over to be written.
    pub saves: u64,
    /// Of these, rooms that had to wait: the disk is slower than they ask.
    pub saves_late: u64,
    /// Ticks run.
    pub ticks: u64,
    /// Deadlines that passed without a tick of their own.
    pub ticks_missed: u64,
    /// Inputs that reached a room's queue.
    pub inputs: u64,
    /// Inputs pushed out of full queues.
    pub inputs_lost: u64,
    /// Inputs of sessions that had no seat in the room they named.
    pub inputs_stray: u64,
    /// Inputs longer than their room hears.
    pub inputs_long: u64,
    /// Outputs that rooms could not put out because they had put out too much in one tick.
    pub outputs_refused: u64,
    /// States not sent, counted for each receiver, because an edge thread took nothing.
    pub states_dropped: u64,
    /// States of rooms that an overloaded thread did not send because newer ones followed.
    pub states_thinned: u64,
    /// Steps up and down the ladder of overload.
    pub overload_changes: u64,
    /// Sessions cut off because an event for them would have been lost.
    pub sessions_cut: u64,
    /// Recordings that were to be written, and were not because too many waited.
    pub recordings_lost: u64,
    /// Times that the lane to an edge thread was full.
    pub lanes_full: u64,
    /// Log lines of rooms that were not written.
    pub log_lines_lost: u64,
    /// Packets of scenes.
    pub scene_packets: u64,
    /// Their bytes.
    pub scene_bytes: u64,
    /// Entities in them that came into sight, changed, or left.
    pub scene_records: u64,
    /// Packets that an overloaded thread did not write, one for each connected player; what is new goes out with the next.
    pub scene_held: u64,
    /// Entities that waited for a later packet, counted in each tick, because a player's bytes were used up.
    pub scene_waiting: u64,
}

/// A room that ended against its will.
#[derive(Debug, Clone)]
pub struct FaultRecord {
    /// When, by the realm's clock.
    pub at: hillfort_proto::time::Time,
    /// Which room; 0 for one that could not be made.
    pub room: RoomId,
    /// Of which game.
    pub game: Arc<str>,
    /// In which tick.
    pub tick: u64,
    /// In which callback.
    pub callback: &'static str,
    /// Kind and message.
    pub fault: RoomFault,
}

impl Snapshot {
    /// Counts of all world threads together.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.worlds.iter().fold(Totals::default(), |sum, world| sum.plus(&world.totals))
    }

    /// Open rooms of all world threads.
    #[must_use]
    pub fn rooms_open(&self) -> u64 {
        self.worlds.iter().map(|world| u64::from(world.rooms_open)).sum()
    }

    /// Players of all world threads.
    #[must_use]
    pub fn players(&self) -> u64 {
        self.worlds.iter().map(|world| u64::from(world.players)).sum()
    }
}

macro_rules! each_total {
    ($($field:ident),* $(,)?) => {
        impl Totals {
            /// Names and values, for metrics.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($field), self.$field)),*].into_iter()
            }

            fn plus(&self, other: &Self) -> Self {
                Self { $($field: self.$field + other.$field),* }
            }
        }
    };
}

each_total!(
    rooms_created,
    rooms_ended,
    faults_crashed,
    faults_budget,
    faults_memory,
    joins,
    joins_refused,
    rooms_slept,
    rooms_woken,
    rooms_outslept,
    rooms_moved,
    saves,
    saves_late,
    ticks,
    ticks_missed,
    inputs,
    inputs_lost,
    inputs_stray,
    inputs_long,
    outputs_refused,
    states_dropped,
    states_thinned,
    overload_changes,
    sessions_cut,
    lanes_full,
    log_lines_lost,
    recordings_lost,
    scene_packets,
    scene_bytes,
    scene_records,
    scene_held,
    scene_waiting,
);
