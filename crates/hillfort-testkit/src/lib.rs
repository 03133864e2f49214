//! Simulation rig for tests: nothing here reads a clock, opens a socket or takes randomness from anywhere but a seed, so that a run
//! can be had again from the seed that it prints.
//!
//! [`seed::Seed`] gives numbers, [`link::Link`] carries bytes in pieces and loses what is on its way when it is cut, [`pair::Pair`]
//! joins both ends of a session over such a link, with a virtual clock.

#![forbid(unsafe_code)]

pub mod link;
pub mod pair;
pub mod seed;
