//! The console on its own port: who signs in and may do what, live figures by server push, tables, bans, limits, accounts, what is stored,
//! calls of the client API, modules of the server runtime, matches, the configuration, the audit log, and in development mode the attack panel.
//!
//! Owns its HTTP routes, the operators' sessions, the bounded history, and the one attack process that may run. Knows nothing of doors,
//! rooms and guards: the wiring gives it a [`Source`] and an [`Office`]. Runs on a thread of its own; nothing on a hot path waits for it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

mod accounts;
mod admission;
mod api;
mod assets;
mod attack;
mod audit;
mod client;
mod configuration;
mod door;
mod explorer;
mod feed;
mod gate;
mod guests;
mod inspected;
mod live;
mod matches;
mod modules;
mod naming;
mod office;
mod operators;
mod owned;
mod places;
mod play;
pub(crate) mod process;
mod routes;
mod sample;
mod sessions;
mod sign_in;
mod source;
mod storage;
mod told;
mod verdict;
mod wall;

#[cfg(test)]
mod tests;

pub(crate) use admission::COMMAND;
pub use attack::{AttackTool, FilterPost};
pub use inspected::*;
pub(crate) use office::FIRST;
pub use office::Office;
pub(crate) use operators::{check_name, new_password};
pub use play::Play;
pub use source::*;
pub use wall::*;

use hillfort_guard::IpNet;

use crate::config::Configuration;
use crate::console_key::ConsoleKey;
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
    /// Proxies in front of it, whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpNet>,
    /// With what commands on this machine show that they may ask.
    pub key: ConsoleKey,
    /// Whether operators of other machines may sign in without HTTPS.
    pub plain_sign_in: bool,
    /// Longest time for a request, its body included, until the asker is told that it takes long. A live feed has been answered by then.
    pub patience: Duration,
    /// What the server was told, and what is doubtful about it.
    pub configuration: Configuration,
    /// Port of the page with the games, linked to at the top.
    pub game_port: Option<u16>,
    /// Files of the page from this folder instead of the embedded ones.
    pub assets: Option<PathBuf>,
}

/// What [`Settings::patience`] is, outside tests.
pub const PATIENCE: Duration = Duration::from_secs(30);

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
/// The listener cannot be used, or a thread or the runtime cannot be made.
pub fn serve(
    listener: std::net::TcpListener,
    source: Arc<dyn Source>,
    office: Office,
    settings: Settings,
) -> io::Result<Console> {
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let feed = Arc::new(Feed::new(settings.version));
    let state = api::State::new(Arc::clone(&source), office, settings, Arc::clone(&feed), port).map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("console".into()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = feed::sample(&feed, &*source) => {}
                () = sign_in::look_after(&state) => {}
                () = door::run(listener, routes::router(state.clone()), &state.settings.proxies) => {}
                _ = stopped => {}
            }
        });
    })?;
    Ok(Console { thread, stop })
}
