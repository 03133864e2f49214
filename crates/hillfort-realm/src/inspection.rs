//! One room in detail, for the operator who looks at it: plain data, bounded, of the moment it was asked for. Knows nothing of how it is shown.

use std::sync::Arc;

use hillfort_proto::ids::SessionId;
use hillfort_sync::Schema;
use hillfort_world::Seat;

use crate::snapshot::RoomSnapshot;

/// Inputs that are kept of a room while somebody looks at it.
pub const INPUTS_SHOWN_MAX: usize = 64;
/// Bytes of each that are kept.
pub const INPUT_BYTES_SHOWN_MAX: usize = 32;
/// Log lines that are kept of it.
pub const LINES_SHOWN_MAX: usize = 32;
/// Bytes of the room's state that are shown.
pub const STATE_BYTES_SHOWN_MAX: usize = 4096;
/// Players, and entities of its scene, that are shown.
pub const ROWS_SHOWN_MAX: usize = 200;

/// What is done to a room by looking at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Nothing.
    Look,
    /// Nothing, but the room is asked for its state, by `on_save`.
    LookInside,
    /// No tick runs until [`Deed::Resume`], or until nobody has looked at it for ten minutes. Players stay.
    Pause,
    /// One tick runs; a room that was not paused is from now on.
    Step,
    /// Ticks run again. Those that did not meanwhile never do.
    Resume,
}

/// A room.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// What lists of rooms have, too. Inputs a second are those of the last second in which somebody looked.
    pub room: RoomSnapshot,
    /// Empty for a room without a name.
    pub name: Arc<str>,
    /// Whether no tick runs.
    pub paused: bool,
    /// Timers that are set: in which tick, and which.
    pub timers: Vec<(u64, u32)>,
    /// Players, at most [`ROWS_SHOWN_MAX`].
    pub players: Vec<PlayerInspection>,
    /// Inputs since somebody looks, newest last, at most [`INPUTS_SHOWN_MAX`].
    pub inputs: Vec<InputSeen>,
    /// Ticks and lines of its log since somebody looks, newest last, at most [`LINES_SHOWN_MAX`].
    pub lines: Vec<(u64, String)>,
    /// What `on_save` wrote; `None`: not asked for, or not supported.
    pub state: Option<StateSeen>,
    /// Its scene, when it shares one.
    pub scene: Option<SceneInspection>,
}

/// A player.
#[derive(Debug, Clone)]
pub struct PlayerInspection {
    /// Where the player sits.
    pub seat: Seat,
    /// The player's session.
    pub session: SessionId,
    /// Display name.
    pub name: Box<str>,
    /// Whether the connection is there.
    pub connected: bool,
    /// Inputs that wait for a tick.
    pub inputs_waiting: usize,
    /// Bytes of events, states and packets that the room sent, in the last second in which somebody looked.
    pub bytes_per_second: f64,
    /// Entities of the scene in sight, and those that wait because the player's bytes are used up.
    pub sight: Option<(usize, usize)>,
}

/// An input as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputSeen {
    /// The last tick before it.
    pub tick: u64,
    /// Whose it was.
    pub seat: Seat,
    /// What it asks.
    pub op: u32,
    /// Bytes of its data.
    pub len: usize,
    /// The first of them.
    pub start: Vec<u8>,
}

/// What `on_save` wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSeen {
    /// Bytes in all.
    pub len: usize,
    /// The first of them, at most [`STATE_BYTES_SHOWN_MAX`].
    pub start: Vec<u8>,
}

/// A scene.
#[derive(Debug, Clone)]
pub struct SceneInspection {
    /// Its kinds and their fields.
    pub schema: Arc<Schema>,
    /// How many there are of each kind.
    pub counts: Vec<usize>,
    /// Entities, at most [`ROWS_SHOWN_MAX`].
    pub entities: Vec<EntityInspection>,
}

/// An entity of a scene.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityInspection {
    /// How clients call it.
    pub id: u32,
    /// Number of its kind.
    pub kind: u8,
    /// Seat of its owner.
    pub owner: Option<u16>,
    /// Its team; 0 is none.
    pub team: u8,
    /// Values of its fields, in the kind's order.
    pub fields: Vec<f32>,
}
