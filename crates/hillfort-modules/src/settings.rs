//! What an operator may set. Owns the bounds of each value.

use std::path::PathBuf;
use std::time::Duration;

use crate::http::HttpSettings;
use crate::source::Unsupported;

/// The runtime's settings.
#[derive(Clone)]
pub struct Settings {
    /// Where the modules are.
    pub folder: PathBuf,
    /// Threads that run RPCs and hooks, each with a VM of its own.
    pub threads: usize,
    /// What modules see as `context.env`.
    pub env: Vec<(String, String)>,
    /// The server's name, as in match ids.
    pub node: String,
    /// The server's version.
    pub version: String,
    /// What is done when a module names what is not there.
    pub unsupported: Unsupported,
    /// Steps (loop turns, calls, returns) of an RPC or hook.
    pub call_steps_max: u32,
    /// Steps of loading all modules, in each VM.
    pub load_steps_max: u32,
    /// Processor time of an RPC or hook between two waits.
    pub call_time_max: Duration,
    /// Memory that one call may add.
    pub call_bytes_max: usize,
    /// Memory of one VM for RPCs and hooks: when it keeps more, it is made anew.
    pub vm_bytes_max: usize,
    /// Steps of one callback of a match.
    pub match_steps_max: u32,
    /// Processor time of one callback of a match between two waits.
    pub match_time_max: Duration,
    /// Memory that one match may keep. Sixteen share a VM; looking for one that keeps too much stops their thread for up to 50 ns a byte.
    pub match_bytes_max: usize,
    /// Calls that wait for a thread, for each thread: more are refused.
    pub queue_max: usize,
    /// Calls that wait for the backend, for each thread: more wait for a thread.
    pub waiting_max: usize,
    /// How long a call may take in all.
    pub call_wait_max: Duration,
    /// Bytes of what an RPC returns.
    pub result_bytes_max: usize,
    /// Whether clients see file and line of an error.
    pub stacktrace: bool,
    /// What `http_request` may do.
    pub http: HttpSettings,
}

impl Default for Settings {
    /// Two threads; 2,000,000 steps (about 50 ms) and 100 ms a call; 400,000 steps and 25 ms a callback of a match; 16 MiB a call, 64 MiB a VM, 1 MiB a
    /// match; 1,024 calls in queue and as many waiting for each thread; 30 s a call; 1 MiB a result.
    fn default() -> Self {
        Self {
            folder: PathBuf::from("modules"),
            threads: 2,
            env: Vec::new(),
            node: "hillfort".to_owned(),
            version: String::new(),
            unsupported: Unsupported::Refuse,
            call_steps_max: 2_000_000,
            load_steps_max: 20_000_000,
            call_time_max: Duration::from_millis(100),
            call_bytes_max: 16 * 1024 * 1024,
            vm_bytes_max: 64 * 1024 * 1024,
            match_steps_max: 400_000,
            match_time_max: Duration::from_millis(25),
            match_bytes_max: 1024 * 1024,
            queue_max: 1024,
            waiting_max: 1024,
            call_wait_max: Duration::from_secs(30),
            result_bytes_max: 1024 * 1024,
            stacktrace: false,
            http: HttpSettings::default(),
        }
    }
}

impl std::fmt::Debug for Settings {
    /// What modules get as environment may be secrets.
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Settings").field("folder", &self.folder).field("threads", &self.threads).finish_non_exhaustive()
    }
}
