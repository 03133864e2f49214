//! A player of hilltop: reads the game's bytes (games/hilltop/FORMAT.md) and gives sensible orders. Knows nothing of connections.

mod brain;
mod names;
mod state;

pub(crate) use brain::{Brain, OP_MOVE};
pub(crate) use names::name;
pub(crate) use state::State;

/// Name of the game.
pub(crate) const GAME: &str = "hilltop";
/// Operation of the event that describes the map.
pub(crate) const EVENT_MAP: u32 = 1;
