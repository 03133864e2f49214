//! One binary: a game-backend server with a game, a console and an attack panel.
//!
//! - `cli`, `config`, `exit`: what the operator says, and how the process answers
//! - `serve`: opens doors, starts worlds and console, drains; `data`, `descriptors`, `bots`, `logging`, `development`,
//!   `kernel`: what that needs
//! - `games`, `pages`, `files`: the games that ship, and what port 7350 serves beside sessions
//! - `watch`: the server as the console sees it; `console`, `metrics`: the console on its own port

#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod exit;
pub mod logging;
pub mod serve;

pub mod console;
pub mod games;
pub mod pages;

mod bots;
mod data;
mod descriptors;
mod development;
mod files;
mod kernel;
mod metrics;
mod privileges;
mod watch;
