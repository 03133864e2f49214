//! Why a script could not be loaded or went on no longer. Owns the mapping from the engine's errors and the bound on their text.

use crate::meter::{Meter, Spent};

/// Bytes of a message that are kept.
pub const MESSAGE_BYTES_MAX: usize = 1024;

/// A script's fault. The instance it happened in has ended; others on the VM are untouched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The source does not compile, or is too long. Says file and line.
    #[error("{0}")]
    Source(String),
    /// The script raised an error, or returned what the caller cannot use. Says file and line.
    #[error("{0}")]
    Script(String),
    /// The call used more steps than it may.
    #[error("step budget exceeded")]
    Steps,
    /// The call took longer than it may.
    #[error("time budget exceeded")]
    Time,
    /// More memory than a room may have.
    #[error("memory limit exceeded")]
    Memory,
    /// The VM has all the instances it can tell apart.
    #[error("no more instances on this VM")]
    VmFull,
}

impl Fault {
    pub(crate) fn of(error: &mlua::Error, meter: &Meter) -> Self {
        match meter.spent() {
            Some(Spent::Steps) => Self::Steps,
            Some(Spent::Time) => Self::Time,
            None if is_memory(error) => Self::Memory,
            None => Self::Script(bounded(&text(error))),
        }
    }
}

/// `text` cut to [`MESSAGE_BYTES_MAX`] at a character's edge.
pub(crate) fn bounded(text: &str) -> String {
    let end = (0..=MESSAGE_BYTES_MAX.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    if end == text.len() { text.to_owned() } else { format!("{}…", &text[..end]) }
}

/// The error below the callbacks that it passed through.
fn root(error: &mlua::Error) -> &mlua::Error {
    match error {
        mlua::Error::CallbackError { cause, .. } => root(cause),
        _ => error,
    }
}

/// What happened and where, without the engine's own framing.
fn text(error: &mlua::Error) -> String {
    let text = match root(error) {
        mlua::Error::RuntimeError(text) => text.clone(),
        other => other.to_string(),
    };
    match error {
        mlua::Error::CallbackError { traceback, .. } => format!("{text}\n{traceback}"),
        _ => text,
    }
}

fn is_memory(error: &mlua::Error) -> bool {
    matches!(root(error), mlua::Error::MemoryError(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut_between_characters() {
        assert_eq!(bounded("short"), "short");
        assert_eq!(bounded(&"x".repeat(MESSAGE_BYTES_MAX)).len(), MESSAGE_BYTES_MAX);
        let cut = bounded(&"é".repeat(MESSAGE_BYTES_MAX));
        assert!(cut.ends_with('…') && cut.len() <= MESSAGE_BYTES_MAX + '…'.len_utf8());
    }
}
