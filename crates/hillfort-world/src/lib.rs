//! Floor 1: the fixed step.
//!
//! Rooms and what they may ask for ([`Room`], [`Ctx`]), the plan of their ticks ([`Wheel`], [`LatePolicy`]), and the shell that holds one
//! room's seats, queues and statistics ([`RoomCell`]). Deterministic: the same seed and the same calls in the same order give the same
//! outputs. Knows nothing of clocks, sockets, threads, randomness or scripts: time and seeds are arguments.

#![forbid(unsafe_code)]

/// State sync, for rooms in Rust that open a scene: entities whose numbers travel to the players by themselves.
///
/// ```
/// use std::sync::Arc;
///
/// use hillfort_world::sync::{Entity, Schema, Shape};
/// use hillfort_world::{Ctx, Room, RoomConfig, RoomFault, Seat, ShareConfig};
///
/// #[derive(Shape)]
/// #[shape(name = "runner", at(x, y))]
/// struct Runner {
///     #[shape(fixed(0.0, 500.0, 1.0 / 64.0), extrapolate = 4)]
///     x: f32,
///     #[shape(fixed(0.0, 500.0, 1.0 / 64.0), extrapolate = 4)]
///     y: f32,
///     #[shape(int(0, 100), to = "team")]
///     stamina: u8,
/// }
///
/// #[derive(Default)]
/// struct Race {
///     runners: Vec<(Seat, Entity, Runner)>,
/// }
///
/// fn bad(error: impl ToString) -> RoomFault {
///     RoomFault::crashed(&error.to_string())
/// }
///
/// impl Room for Race {
///     fn on_create(&mut self, ctx: &mut Ctx, _params: &[u8]) -> Result<RoomConfig, RoomFault> {
///         let schema = Arc::new(Schema::new(vec![Runner::kind()]).map_err(bad)?);
///         ctx.open_scene(ShareConfig { radius: Some(80.0), ..ShareConfig::new(schema) }).map_err(bad)?;
///         Ok(RoomConfig::default())
///     }
///
///     fn on_join(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
///         let Some(scene) = ctx.scene_mut() else { return Ok(()) };
///         let entity = scene.spawn(0).map_err(bad)?;
///         scene.set_owner(entity, Some(seat.0)).map_err(bad)?;
///         self.runners.push((seat, entity, Runner { x: 0.0, y: 250.0, stamina: 100 }));
///         Ok(())
///     }
///
///     fn on_leave(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
///         let Some(scene) = ctx.scene_mut() else { return Ok(()) };
///         for (_, entity, _) in self.runners.extract_if(.., |(other, ..)| *other == seat) {
///             scene.despawn(entity).map_err(bad)?;
///         }
///         Ok(())
///     }
///
///     fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
///         let step = ctx.dt() as f32 * 7.0;
///         let Some(scene) = ctx.scene_mut() else { return Ok(()) };
///         for (_, entity, runner) in &mut self.runners {
///             runner.x = (runner.x + step).min(500.0);
///             runner.write(scene, *entity).map_err(bad)?;
///         }
///         Ok(())
///     }
/// }
/// ```
///
/// Clients read the packets with a [`sync::Mirror`] or with the one of the JavaScript library. A shot is judged where its target was when the shooter saw it:
/// [`crate::Ctx::place`].
pub mod sync {
    pub use hillfort_sync::*;
    pub use hillfort_sync_derive::Shape;
}

mod cell;
mod config;
mod ctx;
mod fault;
mod fixed;
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
pub use config::{
    ConfigError, HANDLER_BYTES_MAX, HZ_IDLE, HZ_MAX, InputCaps, LABEL_BYTES_MAX, LatePolicy, RECONNECT_MAX, RoomConfig,
    SEATS_MAX, WhenEmpty,
};
pub use ctx::{ASKING_MAX, Ctx, Player, REASON_BYTES_MAX, Seat, SendError, To};
pub use fault::{FAULT_BYTES_MAX, FaultKind, RoomFault};
pub use fixed::Fixed;
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
