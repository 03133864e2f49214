//! Floor 3: the doors. TCP frames, WebSocket, HTTP, TLS; admission by the guard, sessions by the protocol, inputs to the rooms' port.
//!
//! One thread owns all connections and sessions and turns a plain readiness loop ([`EdgeThread::turn`]); HTTP has a thread of its own.
//! An idle connection has a record and no buffer, a refused one not even a record. Knows nothing of rooms beyond
//! [`hillfort_proto::route`], and nothing of stores, peers or consoles.
//!
//! - `edge`: opening the doors; `config`, `control`, `stats`: what goes in and comes out
//! - `thread`: the loop; `accept`, `preface`, `read`, `write`, `live`, `deliver`, `sweep`, `close`, `orders`, `bans`: its kinds of work
//! - `conn`, `sessions`, `queue`, `latency`, `pause`, `drain`: its state
//! - `listener`, `tls`, `server_names`, `http`, `guests`: transports, and connections that go to other loops

#![forbid(unsafe_code)]

mod accept;
mod bans;
mod budget;
mod close;
mod config;
mod conn;
mod control;
mod deliver;
mod drain;
mod edge;
mod guests;
mod http;
mod latency;
mod listener;
mod lists;
mod live;
mod orders;
mod pause;
mod preface;
mod queue;
mod read;
mod server_names;
mod sessions;
mod stats;
mod sweep;
mod thread;
mod tls;
mod write;

pub use bans::BanSink;
pub use config::{BindError, Config, PROXIES_MAX};
pub use control::{BanList, Control, ControlError, LadderView, Player, StepList};
pub use edge::Edge;
pub use server_names::{SERVER_NAMES_MAX, ServerNames, ServerNamesError};
pub use stats::{Counter, Door, Snapshot, Stats};
pub use thread::EdgeThread;
pub use tls::{Certificate, CertificateError};

#[cfg(test)]
mod tests;
