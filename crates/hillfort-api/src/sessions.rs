//! The port to open sockets: what others may do to a session. Knows nothing of how sockets are kept.

use std::fmt;

use crate::realtime::Envelope;
use crate::service::{UserId, uuid_bytes, write_uuid};

/// Names one open socket: the bytes of a UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SessionId(pub [u8; 16]);

/// Why a session is closed: the code of the WebSocket close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Close {
    /// The server stops.
    GoingAway = 1001,
    /// Bytes that are no envelope.
    Malformed = 1007,
    /// Too many messages, or what the session may not do.
    PolicyViolation = 1008,
    /// A message beyond the limit.
    TooBig = 1009,
    /// The server failed.
    Internal = 1011,
    /// The server has too much to do to let the session in.
    TryAgain = 1013,
    /// The session's token ended, or was revoked.
    SessionEnded = 4001,
    /// The user opened another session, where only one is allowed.
    Replaced = 4002,
    /// The account was banned or deleted.
    Banned = 4003,
    /// The client did not read what it was sent.
    Slow = 4004,
}

/// Open sockets. The door of sockets has them; handlers and modules use them. No function waits.
pub trait Sessions: Send + Sync {
    /// Hands `envelope` to each of `to`, encoded once for each format. A session that is gone is passed over; one whose queue is
    /// full is closed with [`Close::Slow`]. Gives how many took it.
    fn send(&self, to: &[SessionId], envelope: &Envelope) -> usize;

    /// Ends a session, after what was sent before. Whether there was one.
    fn close(&self, session: SessionId, code: Close, reason: &str) -> bool;

    /// The open sessions of a user, oldest first.
    fn of_user(&self, user: UserId) -> Vec<SessionId>;
}

impl SessionId {
    /// The id that `text` writes as a UUID with hyphens.
    pub fn parse(text: &str) -> Option<Self> {
        uuid_bytes(text).map(Self)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_uuid(&self.0, f)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_uuid(&self.0, f)
    }
}
