//! Plain settings of the realm, already checked.

use std::time::Duration;

/// Most rooms that one process can be told to host: what a room id has bits for, on one world thread.
pub const ROOMS_MAX: u32 = 1 << 24;

/// Settings of the realm. The number of world threads is that of the ports it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Rooms on all world threads together, at most [`ROOMS_MAX`].
    pub rooms_max: u32,
    /// A room that nobody has had a seat in for this long is ended.
    pub empty_room: Duration,
    /// Start of all rooms' random numbers. A fixed one makes rooms repeatable, a random one makes them unpredictable.
    pub seed: u64,
}

impl Default for Config {
    /// 20,000 rooms, empty ones kept for 30 s, seed 0.
    fn default() -> Self {
        Self { rooms_max: 20_000, empty_room: Duration::from_secs(30), seed: 0 }
    }
}
