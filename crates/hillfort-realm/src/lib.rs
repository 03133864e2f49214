//! Floor 3: hosts rooms.
//!
//! [`Realm::start`] gives a [`RealmHandle`]: a port for each edge thread, snapshots for console and metrics, signals, the drain. Each world
//! thread turns a [`World`], which a test can turn by hand ([`Realm::assemble`], [`Clock`]). A [`Game`] is a name and a maker of rooms.
//! A panic, an overrun or a memory bomb in a room ends that room alone. Knows nothing of sockets, sessions' connections and the console.

#![forbid(unsafe_code)]

mod clock;
mod config;
mod directory;
mod echo;
mod game;
mod inspection;
mod luau_room;
mod meter;
mod outbox;
mod placement;
mod port;
mod realm;
mod replay;
mod rerun;
mod routes;
mod saved;
mod shelf;
mod slab;
mod snapshot;
mod sync_test;
mod vault;
mod wall;
mod world;

pub use clock::{Clock, SystemClock};
pub use config::{Config, Keep, ROOMS_MAX, Recordings, Saves};
pub use directory::Listed;
pub use echo::{ECHO_AS_EVENT, ECHO_AS_STATE, echo};
pub use game::{Factory, Game};
pub use inspection::{
    BRANCHES_SHOWN_MAX, Branch, Deed, EntityInspection, INPUT_BYTES_SHOWN_MAX, INPUTS_SHOWN_MAX, InputSeen, Inspection,
    LINES_SHOWN_MAX, PlayerInspection, ROWS_SHOWN_MAX, STATE_BYTES_SHOWN_MAX, SceneInspection, StateSeen, TEXT_BYTES_SHOWN_MAX,
    TOLD_BYTES_MAX,
};
pub use luau_room::{LuauRefused, luau_game, luau_game_with, luau_limits};
pub use realm::{Realm, RealmHandle, RecordError, StartError, WorldMaker};
pub use replay::{Outcome, ReplayOptions, ReplayRefused, Report, replay};
pub use rerun::{RerunOptions, rerun};
pub use saved::STATE_BYTES_MAX;
pub use shelf::RECORDING_EXTENSION;
pub use snapshot::{Distribution, FAULTS_KEPT, FaultRecord, ROOMS_LISTED_MAX, RoomSnapshot, Snapshot, Totals, WorldSnapshot};
pub use sync_test::{SyncFault, SyncOptions, SyncReport, sync_test};
pub use world::World;
