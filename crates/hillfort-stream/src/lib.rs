//! A byte stream to a peer: what the loops of all doors have in common. Knows nothing of sessions, and of what the bytes mean.
//!
//! - [`Stream`]: a bare socket, or TLS over one
//! - [`websocket`]: frames out of bytes and into bytes; [`handshake`]: the request that begins them
//! - [`Spares`]: memory that connections borrow while something is partial
//! - [`Lag`]: how long a connection waited for its turn; [`Line`]: a way to end what a request came by
//! - [`Porter`]: requests that are refused by their first bytes
//! - [`Guest`], [`Upgrades`]: a connection that HTTP was spoken on goes to another loop, and keeps the place that the guard gave it

#![forbid(unsafe_code)]

mod guest;
pub mod handshake;
mod lag;
mod line;
mod porter;
mod spares;
mod stream;
pub mod websocket;

pub use guest::{Desk, Doorman, Guest, Permit, Upgrades};
pub use lag::Lag;
pub use line::Line;
pub use porter::{Porter, Refusal};
pub use spares::Spares;
pub use stream::{Got, Stream, TLS_BUFFER_BYTES_MAX, Written};
