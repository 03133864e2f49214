//! The load tool as a user runs it: real processes, real sockets.

mod limits;
