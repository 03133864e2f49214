//! Floor 0: what both ends must agree on.
//!
//! Limits, reject codes, ids, the signed hello, frames, messages and the session state machine of both ends; the proof of work; what
//! stands before all of it on the wire (PROXY header, ClientHello); and the batches that travel between doors and rooms. Knows nothing of sockets, clocks, threads or randomness: time and random bytes are arguments.
//! Hostile bytes give an error, never a panic.

#![forbid(unsafe_code)]

pub mod ids;
pub mod limits;
pub mod reject;
pub mod time;

pub mod client_hello;
pub mod proxy;

pub mod frame;
pub mod hello;
pub mod message;
pub mod session;
pub mod work;

pub mod route;
