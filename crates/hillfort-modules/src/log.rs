//! Lines of modules in the server's log. Owns their bounds: a module can neither fill the log nor forge its lines.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes of a line.
const LINE_BYTES_MAX: usize = 4096;
/// Lines a second, in the long run.
const LINES_PER_S: i64 = 100;
/// Lines at once.
const BURST: i64 = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Debug)]
pub(crate) struct Log {
    /// Thousandths of lines that may be written, and when that was.
    left: Mutex<(i64, i64)>,
    dropped: AtomicU64,
}

impl Default for Log {
    fn default() -> Self {
        Self { left: Mutex::new((BURST * 1000, 0)), dropped: AtomicU64::new(0) }
    }
}

impl Log {
    /// Writes a line of `place` (an RPC, a hook, a match) unless there were too many.
    pub(crate) fn line(&self, now_ms: i64, level: Level, place: &str, message: &str) {
        if !self.takes(now_ms) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        match self.dropped.swap(0, Ordering::Relaxed) {
            0 => {}
            lines => {
                tracing::warn!(target: "modules", "{lines} lines of modules were left out: more than {LINES_PER_S} a second")
            }
        }
        let message = bounded(message);
        match level {
            Level::Debug => tracing::debug!(target: "modules", runtime = "lua", place, "{message}"),
            Level::Info => tracing::info!(target: "modules", runtime = "lua", place, "{message}"),
            Level::Warn => tracing::warn!(target: "modules", runtime = "lua", place, "{message}"),
            Level::Error => tracing::error!(target: "modules", runtime = "lua", place, "{message}"),
        }
    }

    fn takes(&self, now_ms: i64) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let since = now_ms.saturating_sub(left.1).clamp(0, 60_000);
        *left = ((left.0 + since * LINES_PER_S).min(BURST * 1000), now_ms);
        let takes = left.0 >= 1000;
        left.0 -= if takes { 1000 } else { 0 };
        takes
    }
}

/// One line: control characters but tabs and newlines are replaced.
fn bounded(message: &str) -> String {
    let mut end = message.len().min(LINE_BYTES_MAX);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let clean =
        |character: char| if character.is_control() && !matches!(character, '\t' | '\n') { '\u{fffd}' } else { character };
    let mut text: String = message[..end].chars().map(clean).collect();
    if end < message.len() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_in_number_and_length() {
        let log = Log::default();
        let taken = |now_ms| (0..1000).filter(|_| log.takes(now_ms)).count();
        assert_eq!(taken(1_000_000), 500);
        assert_eq!(taken(1_000_000), 0);
        assert_eq!(taken(1_001_000), 100);
        assert_eq!(taken(900_000), 0, "a clock that goes back gives nothing");
        assert_eq!(bounded("a\u{1b}[31mb\nc"), "a\u{fffd}[31mb\nc");
        assert!(bounded(&"é".repeat(5000)).len() <= LINE_BYTES_MAX + 3);
    }
}
