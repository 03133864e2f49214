//! A player of hilltop: reads the game's entities and bytes (games/hilltop/FORMAT.md) and gives sensible orders. Knows nothing of connections.

use std::sync::{Arc, LazyLock};

use hillfort_sync::{Schema, read_schema};

mod brain;
mod names;
mod state;

pub(crate) use brain::{Brain, OP_MOVE};
pub(crate) use names::name;
pub(crate) use state::State;

/// Name of the game.
pub(crate) const GAME: &str = "hilltop";
/// What its entities look like.
pub(crate) fn schema() -> Arc<Schema> {
    static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
        let schema = read_schema(include_str!("../../../games/hilltop/sync.toml"));
        Arc::new(schema.expect("the schema that ships is good"))
    });
    Arc::clone(&SCHEMA)
}

/// Operation of the event that describes the map.
pub(crate) const EVENT_MAP: u32 = 1;
