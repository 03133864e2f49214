//! The load tool as a user runs it: real processes, real sockets.

mod attack;
mod bots;
mod limits;
mod people;
mod siege;
mod stand_in;
