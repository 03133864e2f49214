//! Why a room ended against its will. Knows nothing of who catches it.

use hillfort_proto::reject::Reject;

/// Longest message of a fault in bytes; the rest is cut off.
pub const FAULT_BYTES_MAX: usize = 512;

/// What kind of harm a room did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Error or panic in its code.
    Crashed,
    /// More instructions or time than it may use.
    Budget,
    /// More memory than it may use.
    Memory,
}

/// A room's callback failed: the room ends, others do not notice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", .kind.reject())]
pub struct RoomFault {
    kind: FaultKind,
    message: Box<str>,
}

impl RoomFault {
    /// A fault with a message for the room's author, cut to [`FAULT_BYTES_MAX`].
    #[must_use]
    pub fn new(kind: FaultKind, message: &str) -> Self {
        Self { kind, message: cut(message, FAULT_BYTES_MAX).into() }
    }

    /// Error or panic in the room's code.
    #[must_use]
    pub fn crashed(message: &str) -> Self {
        Self::new(FaultKind::Crashed, message)
    }

    /// Kind of harm.
    #[must_use]
    pub const fn kind(&self) -> FaultKind {
        self.kind
    }

    /// For the room's author; may quote the room's data, so it is not shown to players.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the players are told.
    #[must_use]
    pub const fn reject(&self) -> Reject {
        self.kind.reject()
    }
}

impl FaultKind {
    /// What the players are told.
    #[must_use]
    pub const fn reject(self) -> Reject {
        match self {
            Self::Crashed => Reject::RoomCrashed,
            Self::Budget => Reject::RoomBudget,
            Self::Memory => Reject::RoomMemory,
        }
    }
}

/// The longest start of `text` that has at most `bytes` bytes and ends between characters.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_cut_between_characters() {
        let long = "é".repeat(FAULT_BYTES_MAX);
        let fault = RoomFault::new(FaultKind::Budget, &format!("x{long}"));
        assert_eq!(fault.message().len(), FAULT_BYTES_MAX - 1);
        assert_eq!(fault.reject(), Reject::RoomBudget);
        assert_eq!(RoomFault::crashed("short").message(), "short");
    }
}
