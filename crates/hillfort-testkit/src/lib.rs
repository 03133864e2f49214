//! Simulation rig for tests: the simulation reads no clock, opens no socket and takes no randomness but from a seed, so that a run
//! can be had again from the seed that it prints.
//!
//! [`seed::Seed`] gives numbers, [`link::Link`] carries bytes in pieces and loses what is on its way when it is cut, [`pair::Pair`]
//! joins both ends of a session over such a link, with a virtual clock. [`postgres::Server`] is apart from these: a database server for the
//! tests of what is kept.

#![forbid(unsafe_code)]

pub mod link;
pub mod pair;
pub mod postgres;
pub mod seed;
