//! Where log lines go and how they look. Refusals are not logged one by one anywhere; metrics count them.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people; coloured on a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

/// Sends the process's log to standard error. `filter` has the syntax of `RUST_LOG`, e.g. `info,hillfort_edge=debug`.
///
/// # Errors
/// The filter cannot be read, or logging was started before.
pub fn start(format: Format, filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_timer(SystemTime);
    let started = match format {
        Format::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
        Format::Json => lines.json().try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging cannot be started: {error}"))
}
