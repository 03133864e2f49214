//! What the console is told and what it may ask for: plain rows and one trait. Knows nothing of doors, rooms or guards; the wiring does.

use std::net::IpAddr;

use hillfort_nakama::Count;
use hillfort_nakama::socket::SocketSnapshot;
use hillfort_proto::ids::RoomId;
use hillfort_proto::reject::Reject;
use serde::Serialize;

use super::inspected::{RoomDeed, RoomView};
use super::wall::{AddressView, StepRow, Top, Wall};

/// Rows that a table of [`Tables`] holds at most; a source gives the most telling ones and the total beside.
pub const ROWS_MAX: usize = 200;
/// Characters of a text that a person typed (a reason, say) at most.
pub const TEXT_CHARS_MAX: usize = 120;

/// The server as the console sees it. Called from the console's own thread: must not block longer than a lock is held for a copy.
pub trait Source: Send + Sync + 'static {
    /// Counters and gauges of this moment. Asked for by the sampler alone, every [`super::SAMPLE_EVERY`], so quantiles are those
    /// since the reading before.
    fn read(&self) -> Reading;

    /// Tables of this moment, at most [`ROWS_MAX`] rows each.
    fn tables(&self) -> Tables;

    /// All that is known of an address. Waits for its owner, so it is called from a thread that may.
    ///
    /// # Errors
    /// [`ChangeRefused::Busy`]: the owner did not answer.
    fn explain(&self, address: IpAddr) -> Result<AddressView, ChangeRefused>;

    /// Writes what was recorded of a room so far to a file, whose path is returned. Waits for it, so it is called from a thread that may.
    ///
    /// # Errors
    /// [`ChangeRefused`]: there is no such room, nothing is recorded, or the file cannot be written.
    fn record(&self, room: RoomId) -> Result<String, ChangeRefused>;

    /// Has a room move to another world thread, between two ticks. Waits until it is there, so it is called from a thread that may.
    ///
    /// # Errors
    /// [`ChangeRefused`]: there is one thread, no such room or thread, it cannot be saved, or it cannot move just now. It stays where it is.
    fn move_room(&self, room: RoomId, to: u8) -> Result<(), ChangeRefused>;

    /// Does something to a room, and shows it as it is then. Waits for its thread, so it is called from a thread that may.
    ///
    /// # Errors
    /// [`ChangeRefused`]: there is no such room, it has ended, or its thread did not answer.
    fn inspect(&self, room: RoomId, deed: RoomDeed) -> Result<RoomView, ChangeRefused>;

    /// Ends a room: it is told, then its players leave. Waits for its thread, so it is called from a thread that may.
    ///
    /// # Errors
    /// [`ChangeRefused`]: there is no such room, or its thread did not answer.
    fn end_room(&self, room: RoomId) -> Result<(), ChangeRefused>;

    /// Hands a change to its owner. `Ok` says that it was taken over, the tables show when it is done.
    ///
    /// # Errors
    /// [`ChangeRefused`]: nothing was changed.
    fn change(&self, change: Change) -> Result<(), ChangeRefused>;
}

/// Counters since the start and gauges of now.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Gauges of the doors.
    pub connections: Connections,
    /// Counters of the doors.
    pub traffic: Traffic,
    /// Counters of refusals.
    pub rejects: Rejects,
    /// Smoothed round trip of players, microseconds: an eighth of each new ping, one in two seconds.
    pub latency_us: Quantiles,
    /// One for each world thread, in order.
    pub worlds: Vec<World>,
    /// Joins and new rooms refused because world threads have too much to do, since the start.
    pub joins_shed: u64,
    /// The wall.
    pub wall: Wall,
    /// Answers to calls of the client API.
    pub calls: Vec<Count>,
    /// The realtime socket of that API.
    pub sockets: SocketSnapshot,
    /// Refresh tokens of sessions.
    pub refreshes: Refreshes,
    /// Storage that modules write behind.
    pub behind: Behind,
}

/// What became of refresh tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refreshes {
    /// Got the next.
    pub given: u64,
    /// Came again within the grace.
    pub again: u64,
    /// Ended their session.
    pub reused: u64,
}

/// Storage objects that are written behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Behind {
    /// Wait to be written now.
    pub waiting: usize,
    /// Were refused by the storage at last, since the start.
    pub refused: u64,
}

/// Connections and sessions of now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Connections {
    /// Sockets open at the doors.
    pub open: u64,
    /// Of these, the ones that have not said a valid hello yet.
    pub unproven: u64,
    /// Logged-in sessions, with or without a connection.
    pub sessions: u64,
    /// Of these, the ones that wait for their client to come back.
    pub detached: u64,
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Connections taken from the kernel, refused ones too.
    pub accepted: u64,
    /// Hellos that were valid.
    pub proven: u64,
    /// Frames and WebSocket messages read.
    pub frames_in: u64,
    /// Frames and WebSocket messages written.
    pub frames_out: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
}

/// Median and 99th percentile; both 0 when nothing was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
}

/// One world thread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct World {
    /// Room ticks since the start.
    pub ticks: u64,
    /// Room ticks that were skipped because they came too late, since the start.
    pub skipped: u64,
    /// Time that a room tick took, microseconds.
    pub tick_us: Quantiles,
    /// How long after its deadline a room tick began, microseconds.
    pub late_us: Quantiles,
    /// Rooms of now.
    pub rooms: u64,
    /// Seats taken now.
    pub seats: u64,
    /// Rooms that sleep until somebody joins them.
    pub asleep: u64,
    /// Step of the ladder of overload, 0 to 3.
    pub overload: u64,
    /// Steps up and down that ladder, since the start.
    pub overload_changes: u64,
    /// Nanoseconds a second that the rooms take.
    pub cost_ns: u64,
    /// States that an overloaded thread did not send, since the start.
    pub thinned: u64,
    /// Rooms that run slower than their games want.
    pub slowed: u64,
    /// Packets of scenes, since the start.
    pub scene_packets: u64,
    /// Their bytes.
    pub scene_bytes: u64,
    /// Entities in them that came into sight, changed or left.
    pub scene_records: u64,
    /// Packets that an overloaded thread did not write, since the start.
    pub scene_held: u64,
    /// Entities that waited for a later packet, counted in each tick, since the start.
    pub scene_waiting: u64,
    /// Times that rooms were handed over to be written, since the start.
    pub saved: u64,
    /// Times that they could not be because the disk was too slow, since the start.
    pub saved_late: u64,
    /// Rooms that moved to another thread, since the start.
    pub moved: u64,
}

/// Refusals since the start, one counter for each [`Reject`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejects([u64; Reject::ALL.len()]);

impl Default for Rejects {
    fn default() -> Self {
        Self([0; Reject::ALL.len()])
    }
}

impl Rejects {
    /// Adds `n` refusals for `reject`.
    pub fn add(&mut self, reject: Reject, n: u64) {
        for (slot, known) in self.0.iter_mut().zip(Reject::ALL) {
            if *known == reject {
                *slot = slot.saturating_add(n);
            }
        }
    }

    /// All counters in order of their numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Reject, u64)> {
        Reject::ALL.iter().copied().zip(self.0)
    }

    /// What came since `earlier`; a counter that fell counts as 0.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut difference = *self;
        for (slot, before) in difference.0.iter_mut().zip(earlier.0) {
            *slot = slot.saturating_sub(before);
        }
        difference
    }
}

/// What is looked at row by row.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Tables {
    /// Rooms, fullest first.
    pub rooms: Vec<RoomRow>,
    /// Rooms in all.
    pub rooms_total: u64,
    /// Players, worst latency first.
    pub players: Vec<PlayerRow>,
    /// Players in all.
    pub players_total: u64,
    /// What is done to which address, newest first.
    pub steps: Vec<StepRow>,
    /// Steps in all.
    pub steps_total: u64,
    /// Who knocks most.
    pub top: Top,
    /// Addresses that are always let in.
    pub allowed: Vec<IpAddr>,
    /// Limits of the guard.
    pub limits: Vec<LimitRow>,
}

/// One room.
#[derive(Debug, Clone, Serialize)]
pub struct RoomRow {
    /// [`hillfort_proto::ids::RoomId`] as people read it.
    pub id: String,
    /// Name of the game.
    pub game: String,
    /// World thread.
    pub world: u8,
    /// Seats taken.
    pub seats: u32,
    /// Seats in all.
    pub seats_max: u32,
    /// Ticks a second.
    pub hz: u32,
    /// Ticks since it began.
    pub tick: u64,
    /// 99th percentile of the tick time lately, microseconds.
    pub tick_us_p99: u64,
    /// Inputs pushed out of full queues since it began.
    pub inputs_lost: u64,
}

/// One session.
#[derive(Debug, Clone, Serialize)]
pub struct PlayerRow {
    /// [`hillfort_proto::ids::SessionId`] as people read it.
    pub session: String,
    /// Display name.
    pub name: String,
    /// Where it comes from; `None` while it has no connection.
    pub address: Option<IpAddr>,
    /// The room it sits in.
    pub room: Option<String>,
    /// Smoothed round trip, microseconds; `None` before the first one.
    pub latency_us: Option<u64>,
}

/// One limit that can be changed while running.
#[derive(Debug, Clone, Serialize)]
pub struct LimitRow {
    /// Stable name, as in the configuration file.
    pub key: &'static str,
    /// What it limits, in few words.
    pub label: &'static str,
    /// Unit, e.g. `"1/s"`.
    pub unit: &'static str,
    /// Value of now.
    pub value: u64,
    /// Smallest value that is taken.
    pub min: u64,
    /// Largest value that is taken.
    pub max: u64,
}

/// What a person at the console asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Refuses all connections of an address for a time.
    Ban { address: IpAddr, reason: String, seconds: u64 },
    /// Ends a ban.
    Lift { address: IpAddr },
    /// Always lets an address in.
    Allow { address: IpAddr },
    /// Takes an address off the allow list.
    Disallow { address: IpAddr },
    /// Sets one limit, a [`LimitRow::key`].
    Limit { key: String, value: u64 },
}

/// Why a change was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefused {
    /// No such ban, address or limit.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// It is over: how that came.
    #[error("{0}")]
    Gone(String),
    /// Not on this server.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Not while things are as they are; a little later it may go.
    #[error("{0}")]
    NotNow(&'static str),
    /// The value cannot be.
    #[error("{0}")]
    Invalid(String),
    /// The queue to the owner is full, or a table is.
    #[error("the server is too busy; try again")]
    Busy,
}
