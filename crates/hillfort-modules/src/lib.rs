//! Floor 2: the server runtime. Modules written for Nakama's Lua run unmodified in Luau sandboxes.
//!
//! - [`backend`]: the port through which modules reach accounts, storage, matches and everything else outside a sandbox.
//! - [`matches`]: a match handler as its room sees it.
//!
//! Knows nothing of sockets, stores, rooms or HTTP servers.

#![forbid(unsafe_code)]

pub mod backend;
mod id;
pub mod matches;

pub use id::{Id, id_from_text, id_to_text};
