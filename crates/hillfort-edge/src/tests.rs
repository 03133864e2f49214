//! The doors with real sockets, in one thread: the tests turn the loop, and time goes on when they say so.

mod frames;
mod rig;
