//! Floor 3: hosts rooms.
//!
//! World threads, each a struct that a test can turn by hand; placement of players; the panic wall around each room; lanes to and from
//! the doors. Knows nothing of sockets and sessions' connections.

#![forbid(unsafe_code)]

mod game;

pub use game::{Factory, Game};
