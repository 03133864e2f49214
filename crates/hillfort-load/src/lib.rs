//! Annex: the load and attack tool. Raw limits of the machine, honest bots, bounded attacks, and a report that puts them in proportion.
//!
//! Only the binary imports it, and runs it as a process of its own. It speaks the wire through `hillfort-proto` alone, and Nakama's
//! client API as anybody does; it knows nothing of how the server works inside: what it says about the server is what a stranger could
//! measure, plus `/proc`.
//!
//! - [`Command`]: the command line.
//! - `limits`: what bare system calls reach on this machine.
//! - `bots`: honest clients, measured, playing or idle; `hilltop` is the player's mind.
//! - `attack`: bounded attacks on a server of this machine.
//! - `siege`: namespaces of its own, honest players and each attack in them, against three defences.
//! - `people`: virtual players of Nakama's client API, at a rate or past what a server can do, on any server that speaks it.
//! - `report`: figures next to limits, and which promises they meet.
//! - `crowd`, `link`: many clients in one thread; one connection of one client.
//! - `pipeline`, `knock`: clients that do as little as possible, in a closed loop: for frames, and for connections that are refused.
//! - `segment`: TCP segments as bytes.
//! - `schedule`, `latency`: an open loop without coordinated omission, and its percentiles.
//! - `machine`, `gauge`, `child`: cores, processor time and memory of a process, our own child processes.

#![forbid(unsafe_code)]

mod attack;
mod bots;
mod child;
mod clock;
mod command;
mod credentials;
mod crowd;
mod date;
mod gauge;
mod hilltop;
mod knock;
mod latency;
mod limits;
mod link;
mod machine;
mod people;
mod pipeline;
mod random;
mod report;
mod schedule;
mod segment;
mod siege;
mod table;

pub use command::Command;
pub use credentials::DEVELOPMENT_SECRET_HEX;

/// Removes the network namespaces of attacks and sieges whose processes are gone and could not do it themselves.
///
/// # Errors
/// What is left, and why.
pub fn remove_stale_namespaces() -> anyhow::Result<()> {
    siege::lab::remove_stale()
}
