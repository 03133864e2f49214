//! One binary: a game-backend server with a game, a console and an attack panel.
//!
//! - `program`: the whole command, for the binary here and for those with games of their own in Rust
//! - `cli`, `config`, `exit`: what the operator says, and how the process answers
//! - `serve`: opens doors, starts worlds and console, drains; `services`: what answers calls of the client API; `data`, `descriptors`, `bots`, `logging`, `development`,
//!   `kernel`, `regions`, `reload`: what that needs
//! - `modules`, `module_streams`: the server runtime in this server
//! - `realtime`, `realm_rooms`, `doors`: the realtime socket of that API, the matches behind it, and the realm's port to both doors
//! - `ban_spread`, `ban_file`, `ticket_key`: where bans go, and how they and tickets outlive the process
//! - `console_key`, `operator`: how commands on this machine are let in, and operators who lost their password
//! - `games`, `pages`, `files`: the games that ship, and what port 7350 serves beside sessions
//! - `create`: the folder that a new game begins with
//! - `database`: the commands over the whole of what is kept
//! - `room`: rooms of a running server and their recordings, on the command line
//! - `schema_js`: what a game's entities look like, as its clients read it
//! - `watch`: the server as the console sees it; `console`, `metrics`: the console on its own port

#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod exit;
pub mod logging;
pub mod program;
pub mod serve;

pub mod console;
pub mod games;
pub mod pages;
pub mod room;
pub mod schema_js;

mod ban_file;
mod ban_spread;
mod bots;
mod console_key;
mod create;
mod data;
mod database;
mod descriptors;
mod development;
mod doors;
mod files;
mod kernel;
mod metrics;
mod module_streams;
mod modules;
mod operator;
mod privileges;
mod realm_rooms;
mod realtime;
mod regions;
mod reload;
mod services;
mod ticket_key;
mod watch;
