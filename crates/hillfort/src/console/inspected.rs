//! One room as the console shows it: rows of text and numbers. Knows nothing of how a room is looked at; the wiring does.

use serde::{Deserialize, Serialize};

/// What a person at the console does to a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoomDeed {
    /// Looks at it.
    Look,
    /// Looks, and asks the room for its state.
    LookInside,
    /// No tick runs from now on.
    Pause,
    /// One tick runs.
    Step,
    /// Ticks run again.
    Resume,
}

/// One room.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RoomView {
    /// [`hillfort_proto::ids::RoomId`] as people read it.
    pub id: String,
    /// Name of the game.
    pub game: String,
    /// Name of the room; empty for one without.
    pub name: String,
    /// Label.
    pub label: String,
    /// World thread.
    pub world: u8,
    /// How many of them there are: with one the room can move nowhere.
    pub worlds: usize,
    /// Whether no tick runs.
    pub paused: bool,
    /// Seats taken.
    pub seats: u32,
    /// Seats in all.
    pub seats_max: u32,
    /// Ticks a second of the game's time.
    pub hz: u32,
    /// Ticks a second at which it runs now.
    pub rate_hz: u32,
    /// Last tick.
    pub tick: u64,
    /// Time of its last ticks.
    pub tick_us: SpreadView,
    /// How late they began.
    pub late_us: SpreadView,
    /// Inputs heard a second.
    pub inputs_per_s: f64,
    /// Inputs pushed out of full queues since it began.
    pub inputs_lost: u64,
    /// Timers that are set: in which tick, and which.
    pub timers: Vec<(u64, u32)>,
    /// Players.
    pub players: Vec<SeatView>,
    /// The last inputs, newest last.
    pub inputs: Vec<InputView>,
    /// Ticks and the last lines of its log, newest last.
    pub lines: Vec<(u64, String)>,
    /// What the room gave when it was asked for its state.
    pub state: Option<StateView>,
    /// What it told by itself when it was asked for its state.
    pub told: Option<serde_json::Value>,
    /// The scene that it shares.
    pub scene: Option<SceneView>,
}

/// Microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct SpreadView {
    /// Mean.
    pub mean: f64,
    /// Half of them are at or below.
    pub p50: f64,
    /// 99 of 100 are at or below.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

/// A player.
#[derive(Debug, Clone, Serialize)]
pub struct SeatView {
    /// Where the player sits.
    pub seat: u16,
    /// [`hillfort_proto::ids::SessionId`] as people read it.
    pub session: String,
    /// Display name.
    pub name: String,
    /// Whether the connection is there.
    pub connected: bool,
    /// Inputs that wait for a tick.
    pub waiting: usize,
    /// Bytes that the room sends a second.
    pub bytes_per_s: f64,
    /// Entities in sight, and those that wait for bytes; `None`: the room shares no scene.
    pub sight: Option<(usize, usize)>,
}

/// An input.
#[derive(Debug, Clone, Serialize)]
pub struct InputView {
    /// The last tick before it.
    pub tick: u64,
    /// Whose it was.
    pub seat: u16,
    /// What it asks.
    pub op: u32,
    /// Bytes of its data.
    pub bytes: usize,
    /// The first of them, in hexadecimal digits.
    pub hex: String,
}

/// What a room saves.
#[derive(Debug, Clone, Serialize)]
pub struct StateView {
    /// Bytes in all.
    pub bytes: usize,
    /// The first of them, in hexadecimal digits.
    pub hex: String,
    /// What they say, when that is known.
    pub tree: Option<BranchView>,
}

/// A value, so written that a page can tell a table from a list of entries.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum BranchView {
    /// A boolean.
    Bool(bool),
    /// A number; `null` for one that JSON has no word for.
    Number(f64),
    /// A string.
    Text(String),
    /// A buffer.
    Bytes {
        /// How many.
        bytes: usize,
    },
    /// A table.
    Table {
        /// Keys and values.
        table: Vec<(String, Self)>,
        /// Entries that are not shown.
        hidden: usize,
    },
}

/// A scene.
#[derive(Debug, Clone, Serialize)]
pub struct SceneView {
    /// Its kinds.
    pub kinds: Vec<KindView>,
    /// Its entities, or the first of them.
    pub entities: Vec<EntityView>,
}

/// A kind of entity.
#[derive(Debug, Clone, Serialize)]
pub struct KindView {
    /// Its name.
    pub name: String,
    /// How many there are.
    pub count: usize,
    /// Its fields.
    pub fields: Vec<FieldView>,
}

/// A field of a kind.
#[derive(Debug, Clone, Serialize)]
pub struct FieldView {
    /// Its name.
    pub name: String,
    /// `fixed`, `angle`, `int` or `bool`.
    #[serde(rename = "type")]
    pub ty: &'static str,
    /// Of a `fixed`: how exact it is.
    pub step: f32,
}

/// An entity.
#[derive(Debug, Clone, Serialize)]
pub struct EntityView {
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
