//! Floor 1: the fixed step.
//!
//! Rooms and what they may ask for ([`Room`], [`Ctx`]), the plan of their ticks ([`Wheel`], [`LatePolicy`]), and the shell that holds one
//! room's seats, queues and statistics ([`RoomCell`]). Deterministic: the same seed and the same calls in the same order give the same
//! outputs. Knows nothing of clocks, sockets, threads, randomness or scripts: time and seeds are arguments.

#![forbid(unsafe_code)]

mod cell;
mod config;
mod ctx;
mod fault;
mod inputs;
pub mod math;
mod outputs;
mod overload;
mod pace;
mod record;
mod replay;
mod rng;
mod room;
mod share;
mod state;
mod stats;
mod timers;
mod wheel;
mod wire;

pub use cell::RoomCell;
pub use config::{ConfigError, HZ_IDLE, HZ_MAX, InputCaps, LABEL_BYTES_MAX, LatePolicy, RECONNECT_MAX, RoomConfig, SEATS_MAX};
pub use ctx::{Ctx, Player, Seat, SendError, To};
pub use fault::{FAULT_BYTES_MAX, FaultKind, RoomFault};
pub use inputs::PLAYER_QUEUE_BYTES_MAX;
pub use outputs::{LOG_LINE_BYTES_MAX, LOG_LINES_MAX, OUTPUT_BYTES_MAX, OUTPUTS_MAX, Output, Outputs};
pub use overload::{Ladder, Load, Overload};
pub use record::{
    Call, End, FILE_BYTES_MAX, Keyframe, Origin, ReadError, RecordBudget, RecordLimits, Recorder, Recording, Segment,
};
pub use replay::{Difference, Replay, StartFault, Step};
pub use rng::Rng;
pub use room::{Room, Stored, Verdict, Who};
pub use share::{Packet, Packets, Part, ShareConfig, Shared};
pub use state::{CellState, PlayerState};
pub use stats::{Spread, TickStats};
pub use timers::TIMERS_MAX;
pub use wheel::{Due, Slot, Wheel};
pub use wire::Damaged;
