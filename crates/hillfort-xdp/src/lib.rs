//! Annex: the kernel filter. Packets that can be told from players' die where they cost least, before the kernel builds anything for
//! them. Only the binary imports it.
//!
//! - [`Filter::attach`] climbs as high as privileges and drivers allow: XDP in the driver, XDP in the network stack, a classic filter
//!   on the listening sockets, nothing; and says why not higher. Attached by link: the death of the process detaches.
//! - [`Bans`] is the one writer of active bans. Nothing that a stranger sends fills that map.
//! - [`Filter`] sets the mode, reads counters and names the top of what is offered; [`Controller`] says which mode it should be.
//! - [`model`] is the same parser and the same decisions in plain Rust, for tests and fuzzing.
//!
//! What each stage does, in order: our ports only; malformed packets and fragments; allow list; bans (SYN and QUIC long header only, so
//! live sessions survive); counting; in flood mode cookies for SYNs, and no TCP without a socket.

#![forbid(unsafe_code)]

mod attach;
mod bans;
mod classic;
mod controller;
mod emit;
mod filter;
mod hints;
mod holder;
mod layout;
mod ledger;
mod maps;
pub mod model;
mod netstat;
#[cfg(test)]
mod packets;
mod signature;
mod sketch;
mod verdict;

pub use attach::{Attached, Rung, Settings, Wanted, interfaces_of};
pub use bans::{Banned, Bans};
pub use classic::CLASSIC_BANS_MAX;
pub use controller::{Controller, Limits, Sample};
pub use filter::{Filter, Top};
pub use hillfort_bpf::Error;
pub use layout::{ALLOW_MAX, BANS_MAX, PORTS_MAX, address_of, network_key, source_key};
pub use maps::Counters;
pub use netstat::{SynQueue, resets_sent, syncookies};
pub use signature::Signature;
pub use sketch::{Heavy, TOP_MAX};
pub use verdict::{Mode, Verdict};
