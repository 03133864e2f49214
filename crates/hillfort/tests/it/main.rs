//! The whole product from outside: real processes on free ports, real sockets, and no knowledge of the server's inside.
//!
//! - `server`: a server process, its log and its end; `web`: HTTP, the live feed and the metrics of it
//! - `wire`: bytes on a socket; `player`: an honest client on a wire
//! - `nakama`: a client of Nakama's API
//! - `lab`: network namespaces with a server in one and attackers in the other
//! - the others: what is promised, each with a server of its own

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(clippy::print_stdout, reason = "what was measured is shown with a test that failed, or by --no-capture")]

mod lab;
mod nakama;
mod player;
mod server;
mod web;
mod wire;

mod attacks;
mod bad_input;
mod commands;
mod console;
mod create;
mod database;
mod drain;
mod engines;
mod flood;
mod guide;
mod hostile_rooms;
mod kernel;
mod looked_at;
mod matches;
mod modules;
mod operators;
mod panel;
mod people;
mod play;
mod readers;
mod recorded;
mod reload;
mod resume;
mod rooms;
mod shared;
mod start;
mod tls;
mod watched;
mod work;

use std::time::Duration;

/// Longest wait for anything that must happen.
const PATIENCE: Duration = Duration::from_secs(10);
