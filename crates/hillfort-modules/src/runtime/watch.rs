//! Loads modules anew when their files change: for development. Owns how a change is noticed.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

use super::Runtime;
use crate::log::Level;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(500);
/// Folders in folders.
const DEPTH_MAX: usize = 16;

/// Looks after the folder until it is dropped.
#[derive(Debug)]
pub struct Watch {
    _stop: SyncSender<()>,
}

impl Runtime {
    /// Loads the modules anew whenever a file of theirs changes. What is wrong is logged and shown by [`Runtime::status`].
    ///
    /// # Errors
    /// No thread can be started.
    pub fn watch(&self) -> std::io::Result<Watch> {
        let runtime = self.clone();
        let (stop, stopped) = sync_channel(1);
        let mut known = mark(&self.0.shared.settings.folder, 0);
        std::thread::Builder::new().name("modules-watch".to_owned()).spawn(move || {
            let shared = std::sync::Arc::clone(&runtime.0.shared);
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                let now = mark(&shared.settings.folder, 0);
                if now == known {
                    continue;
                }
                known = now;
                match runtime.reload_blocking() {
                    Ok(number) => shared.line(Level::Info, "modules", &format!("loaded anew, generation {number}")),
                    Err(findings) => {
                        findings.iter().for_each(|finding| shared.line(Level::Error, "modules", &finding.to_string()))
                    }
                }
            }
        })?;
        Ok(Watch { _stop: stop })
    }
}

/// What changes when a file does: paths, lengths and times.
fn mark(folder: &Path, depth: usize) -> Vec<(std::path::PathBuf, u64, SystemTime)> {
    let mut marks = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return marks };
    for entry in entries.filter_map(Result::ok) {
        match std::fs::metadata(entry.path()) {
            Ok(kind) if kind.is_dir() && depth < DEPTH_MAX => marks.extend(mark(&entry.path(), depth + 1)),
            Ok(kind) if entry.path().extension().is_some_and(|ending| ending.eq_ignore_ascii_case("lua")) => {
                marks.push((entry.path(), kind.len(), kind.modified().unwrap_or(SystemTime::UNIX_EPOCH)));
            }
            _ => {}
        }
    }
    marks.sort();
    marks
}
