//! The socket with real sockets, in one thread: the tests turn the loop, and time goes on when they say so. The service and the rooms are
//! stand-ins.

mod hooks;
mod hostile;
mod matches;
mod messages;
mod rig;
mod sessions;
mod status;
mod upgrade;
