//! Players for a lone newcomer: the load tool as a child process that plays through the same doors as everybody.
//!
//! Owns that child: starts it, starts it again after a pause when it ends, ends it with the server. Knows nothing of the game.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

/// Pause before a child that ended is started again; doubles each time up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What the bots are to play.
#[derive(Debug, Clone)]
pub(crate) struct Bots {
    /// Program with the subcommand `load`: our own.
    pub(crate) program: PathBuf,
    /// Door for TCP frames.
    pub(crate) target: SocketAddr,
    /// Number of bots. They sign with the development key, the only one in use when there are bots.
    pub(crate) count: usize,
}

impl Bots {
    /// Keeps the bots playing until the future is dropped, which ends the child.
    pub(crate) async fn keep_playing(self) {
        let mut pause = PAUSE_MIN;
        loop {
            match self.start() {
                Ok(mut child) => {
                    // The handle of its standard input stays open in `child`: the bots end when it closes, even if we are killed.
                    let status = child.wait().await;
                    tracing::warn!(?status, "the bots ended; starting them again in {} s", pause.as_secs());
                }
                Err(error) => tracing::warn!(%error, "the bots cannot be started; trying again in {} s", pause.as_secs()),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn start(&self) -> std::io::Result<Child> {
        Command::new(&self.program)
            .args(["load", "bots", "--game", "hilltop", "--forever", "--quiet"])
            .args(["--count", &self.count.to_string()])
            .args(["--target", &self.target.to_string()])
            .args(["--parent-pid", &std::process::id().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
    }
}
