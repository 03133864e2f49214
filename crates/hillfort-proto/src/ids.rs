//! Names of things that both ends and all floors share. Plain numbers; knows nothing of who hands them out.

use std::fmt;

/// A session: one logged-in client, across any number of connections. Never 0; the low 8 bits name the edge thread that owns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// A room. Never 0; the low 8 bits name the world thread that owns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomId(pub u64);

impl SessionId {
    /// Edge thread that owns the session.
    #[must_use]
    pub const fn owner(self) -> u8 {
        (self.0 & 0xff) as u8
    }
}

impl RoomId {
    /// World thread that owns the room.
    #[must_use]
    pub const fn owner(self) -> u8 {
        (self.0 & 0xff) as u8
    }

    /// Tells rooms apart that have the same number on the same thread, one after the other.
    #[must_use]
    pub const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
