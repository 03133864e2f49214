//! Annex: the load and attack tool. Raw limits of the machine, honest bots, bounded attacks, and a report that puts them in proportion.
//!
//! Only the binary imports it, and runs it as a process of its own. It speaks the wire through `hillfort-proto` alone and knows nothing
//! of how the server works inside: what it says about the server is what a stranger could measure, plus `/proc`.
//!
//! - [`Command`]: the command line.
//! - `limits`: what bare system calls reach on this machine.
//! - `machine`, `gauge`, `child`: cores, processor time and memory of a process, our own child processes.
//! - `pipeline`, `knock`: clients in a closed loop, for frames and for connections that are refused.

#![forbid(unsafe_code)]

mod child;
mod command;
mod gauge;
mod knock;
mod limits;
mod machine;
mod pipeline;
mod table;

pub use command::Command;
