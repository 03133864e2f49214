//! Floor 3: the doors of Nakama's client API.
//!
//! REST, gRPC and gRPC-Web turn requests into calls of [`hillfort_api::Service`]; the realtime socket does the same with envelopes and
//! carries matches. Knows nothing of stores, accounts and handlers.
//!
//! - [`Gate`]: what all doors ask, and what bounds them; `credentials`: what a caller shows
//! - `rest`, `grpc`: doors for one call at a time; `entry`: one request there, `body`: its bytes, `answers`: its answer's; `holds`: bounds
//!   both in their sums
//! - [`socket`]: the realtime socket, a loop of its own; [`matches`]: relayed ones, and those that rooms run
//! - [`reference`], [`openapi`]: documents made from the tables of calls and messages

#![forbid(unsafe_code)]

mod answers;
mod body;
mod credentials;
mod entry;
mod gate;
pub mod grpc;
mod holds;
pub mod matches;
pub mod openapi;
pub mod reference;
pub mod rest;
pub mod socket;

pub use gate::{Count, Gate, Settings};
