//! One binary: a game-backend server with a game, a console and an attack panel.

#![forbid(unsafe_code)]

pub mod console;
pub mod games;
mod metrics;
pub mod pages;

mod files;
