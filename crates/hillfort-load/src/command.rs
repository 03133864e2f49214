//! The command line: names, bounds and help of every subcommand. Knows nothing of how they do their work.

use clap::{Parser, Subcommand};

use crate::limits;

/// Measures this machine and a server on it: raw limits, bots, attacks, report.
#[derive(Debug, Parser)]
#[command(name = "hillfort-load", version)]
pub struct Command {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// What bare system calls reach on this machine: the yardstick for everything else
    Limits(limits::Args),
    /// A bare server, run by `limits` as a process of its own
    #[command(hide = true)]
    Bare(limits::BareArgs),
}

impl Command {
    /// Runs it. `prefix` is what comes before the subcommand when the running program is called again for a child process: nothing
    /// in `hillfort-load`, `["load"]` in `hillfort`.
    ///
    /// # Errors
    /// What could not be measured, and why.
    pub fn run(self, prefix: &[&str]) -> anyhow::Result<()> {
        let own = crate::child::OwnProgram::new(prefix)?;
        match self.task {
            Task::Limits(args) => limits::run(&own, &args),
            Task::Bare(args) => limits::serve(&args),
        }
    }
}

/// A duration of one measurement: more than 0, at most 60 s.
pub(crate) fn seconds_up_to_60(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 60.0 => Ok(seconds),
        Ok(_) => Err("more than 0 and at most 60 seconds".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
