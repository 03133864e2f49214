//! One binary: a game-backend server with a game, a console and an attack panel.

#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod console;
pub mod exit;
pub mod games;
mod metrics;
pub mod pages;

mod files;
