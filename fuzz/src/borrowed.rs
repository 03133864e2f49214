//! Sources of the server, read in place: a target of one file need not build sockets, TLS and Luau, and nothing has to be public for it.

#![allow(dead_code, unreachable_pub, reason = "a target uses of a file what it checks")]

#[path = "../../crates/hillfort/src/ban_file/line.rs"]
pub(crate) mod ban_line;
#[path = "../../crates/hillfort/src/config/fingerprints.rs"]
pub(crate) mod fingerprints;
#[path = "../../crates/hillfort-stream/src/handshake.rs"]
pub(crate) mod handshake;
#[path = "../../crates/hillfort/src/regions/maxmind.rs"]
pub(crate) mod maxmind;
#[path = "../../crates/hillfort/src/regions/overlay.rs"]
pub(crate) mod overlay;
#[path = "../../crates/hillfort-edge/src/server_names.rs"]
pub(crate) mod server_names;
#[path = "../../crates/hillfort-stream/src/websocket.rs"]
pub(crate) mod websocket;
