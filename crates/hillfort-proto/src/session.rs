//! The session: what both ends remember so that nothing is lost or doubled when a connection is. Owns order, acknowledgement,
//! resumption and liveness of both ends; knows nothing of sockets, and judges no rates.
//!
//! Both machines are fed whole payloads and append what they answer to a buffer, already framed. They return what their owner has
//! to decide or to do. An `Err` means: say [`put_close`], then close the connection; [`survives`] says whether the session lives on.

pub mod client;
mod liveness;
mod log;
pub mod server;

use crate::frame::Framing;
use crate::ids::RoomId;
use crate::message::{Encode, ServerBody, ServerView};
use crate::reject::Reject;

/// Where a session sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Seat {
    /// In no room.
    #[default]
    Free,
    /// Asked for a seat, no answer yet.
    Joining,
    /// In this room.
    In(RoomId),
    /// In this room, asked to leave, no answer yet.
    Leaving(RoomId),
}

impl Seat {
    /// The room, also while leaving it.
    #[must_use]
    pub const fn room(self) -> Option<RoomId> {
        match self {
            Self::In(room) | Self::Leaving(room) => Some(room),
            Self::Free | Self::Joining => None,
        }
    }
}

/// Whether a session that lost its connection for this reason can be resumed. After any other close it is gone.
#[must_use]
pub const fn survives(reject: Reject) -> bool {
    matches!(reject, Reject::HeartbeatLost)
}

/// Appends the last message of a connection. Needs no session, so that a connection without one can be told as well.
pub fn put_close(reject: Reject, framing: Framing, out: &mut Vec<u8>) {
    ServerView::unsequenced(ServerBody::close(reject)).put(framing, out);
}

#[cfg(test)]
mod tests;
