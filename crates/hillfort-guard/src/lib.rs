//! Floor 1: who may come in. Addresses, hellos and inputs go in, verdicts come out.
//!
//! Knows nothing of sockets, clocks, threads or randomness: time and the seed are arguments. Everything keyed by a stranger's
//! data has a fixed size, so that a flood of new addresses costs memory that was planned for. Nothing here allocates or logs per
//! connection.
//!
//! The way in, each step a precondition of the next by its type:
//!
//! 1. [`Guard::on_connect`], called right after `accept`, gives an [`Admitted`];
//! 2. [`Guard::on_hello`] needs it and gives an [`Authed`];
//! 3. [`InputBuckets::on_input`] charges what the session says afterwards;
//! 4. [`Guard::on_close`] takes the [`Admitted`] back.
//!
//! What the edge finds wrong by itself it reports by [`Guard::on_offence`]. A ban refuses *new* connections of an address; what
//! is already admitted goes on, since others may share the address.

#![forbid(unsafe_code)]

mod admission;
mod bans;
mod bucket;
mod config;
mod guard;
mod input;
mod lines;
mod nonces;
mod offence;
mod source;
mod stats;
mod table;

pub use admission::{Admitted, Authed, Peer};
pub use bans::{BANS_MAX, Ban, Cause, NotBannable, SUSPECTS_MAX};
pub use bucket::{PER_S_MAX, Rate, RateError};
pub use config::{Config, IpNet};
pub use guard::Guard;
pub use input::{Class, InputBuckets, InputRates, Verdict};
pub use nonces::NONCE_MEMORY;
pub use stats::Stats;
pub use table::SOURCES_MAX;
