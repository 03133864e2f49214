//! The console on its own port: live figures by server push, tables, bans, limits, and in development mode the attack panel.
//!
//! Owns its HTTP routes, the bounded history, and the one attack process that may run. Knows nothing of doors, rooms and guards: the
//! wiring gives it a [`Source`]. Runs on a thread of its own; nothing on a hot path waits for it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

mod api;
mod assets;
mod attack;
mod door;
mod feed;
mod gate;
mod inspected;
mod live;
mod naming;
pub(crate) mod process;
mod sample;
mod source;
mod verdict;
mod wall;

#[cfg(test)]
mod tests;

pub use attack::AttackTool;
pub use inspected::*;
pub use source::*;
pub use wall::*;

use feed::Feed;

/// Time between two samples.
pub const SAMPLE_EVERY: Duration = Duration::from_millis(500);
/// Time that the history covers.
pub const HISTORY: Duration = Duration::from_secs(5 * 60);
/// Samples that the history holds.
pub const HISTORY_SAMPLES: usize = (HISTORY.as_millis() / SAMPLE_EVERY.as_millis()) as usize;

/// What the console must know beside its [`Source`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// Shown at the top.
    pub version: &'static str,
    /// Development mode: says so in a warning, and shows the attack panel when `attack` is given.
    pub development: bool,
    /// How to start an attack; refused when not in development mode, whatever stands here.
    pub attack: Option<AttackTool>,
    /// Names under which the console may be reached beside `localhost` and plain addresses (a page of another name that was pointed
    /// at this address must not read or change anything).
    pub hosts: Vec<String>,
    /// Port of the page with the games, linked to at the top.
    pub game_port: Option<u16>,
    /// Files of the page from this folder instead of the embedded ones.
    pub assets: Option<PathBuf>,
}

/// A console that runs. Dropping it does not stop it.
#[derive(Debug)]
pub struct Console {
    thread: std::thread::JoinHandle<()>,
    stop: tokio::sync::oneshot::Sender<()>,
}

impl Console {
    /// Stops at once: live connections are cut, a running attack is killed. Waits for the thread.
    pub fn stop(self) {
        // The receiver is gone only when the thread has ended by itself.
        let _ended_already = self.stop.send(());
        if self.thread.join().is_err() {
            tracing::error!("the console's thread panicked");
        }
    }
}

/// Serves the console on `listener` from a thread of its own.
///
/// # Errors
/// The listener cannot be used, or the thread or its runtime cannot be made.
pub fn serve(listener: std::net::TcpListener, source: Arc<dyn Source>, settings: Settings) -> io::Result<Console> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("console".into()).spawn(move || {
        runtime.block_on(async {
            let feed = Arc::new(Feed::new(settings.version));
            let state = api::State::new(Arc::clone(&source), settings, Arc::clone(&feed));
            tokio::select! {
                () = feed::sample(&feed, &*source) => {}
                () = door::run(listener, api::router(state)) => {}
                _ = stopped => {}
            }
        });
    })?;
    Ok(Console { thread, stop })
}
