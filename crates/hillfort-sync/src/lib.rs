//! Floor 0: how a thousand players share one state.
//!
//! A game keeps its entities in a [`Scene`]: columns of numbers that a [`Schema`] describes. Once a tick the scene is published as a [`Frame`]:
//! quantised, immutable, with a grid over it. For each client a [`Viewer`] remembers which entities it sees and what it knows of them; the
//! [`Replicator`] writes what is new into one packet, under a budget of bytes. A [`Mirror`] is the client's end: it reads packets, whatever they
//! hold. Deterministic and total; knows nothing of sockets, clocks, threads, rooms or scripts. The bytes are described in docs/sync.md.

#![forbid(unsafe_code)]

mod bits;
mod column;
mod file;
mod frame;
mod grid;
mod history;
mod interest;
mod lives;
mod mirror;
mod packet;
mod priority;
mod record;
mod replicate;
mod scene;
mod schema;
mod shape;
mod shared;
mod table;
mod viewer;

pub use bits::{BitReader, BitWriter};
pub use column::{COLUMNS_MAX, Column, Tier, View};
pub use file::{SchemaFileError, read_schema};
pub use frame::{EntityId, Frame, ROWS_MAX};
pub use history::{HISTORY, History};
pub use mirror::{Mirror, MirrorError, Seen};
pub use packet::{Note, PACKET_BYTES_MAX};
pub use replicate::{Replicator, Sent};
pub use scene::{About, Entity, Scene, SceneError};
pub use schema::{BITS_MAX, FIELDS_MAX, Field, FieldType, KINDS_MAX, Kind, NAME_BYTES_MAX, Schema, SchemaError, To, When};
pub use shape::Shape;
pub use viewer::{Delivery, Focus, Interest, SLOTS_MAX, Viewer, ViewerConfig};
