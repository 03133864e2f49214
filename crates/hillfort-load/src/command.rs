//! The command line: names, bounds and help of every subcommand. Knows nothing of how they do their work.

use clap::{Parser, Subcommand};

use crate::siege::lab;
use crate::{attack, bots, limits, people, report, siege};

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
    /// Honest clients: measured, playing or idle
    Bots(bots::Args),
    /// Players of Nakama's client API on a server given by URL: what they do, how fast, how it ends
    People(people::Args),
    /// Attacks a server on this machine, for at most 10 seconds
    Attack(attack::Args),
    /// Measures a server of its own against the limits and says which promises are met
    Report(report::Args),
    /// Besieges a server of its own in network namespaces, against three defences; needs root
    Siege(siege::Args),
    /// A bare server, run by `limits` as a process of its own
    #[command(hide = true)]
    Bare(limits::BareArgs),
    /// Removes the namespaces of a siege when its process is gone
    #[command(hide = true)]
    Janitor(lab::JanitorArgs),
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
            Task::Bots(args) => bots::run(&args),
            Task::People(args) => people::run(&args),
            Task::Attack(args) => attack::run(&own, &args),
            Task::Report(args) => report::run(&own, &args),
            Task::Siege(args) => siege::run(&own, &args),
            Task::Bare(args) => limits::serve(&args),
            Task::Janitor(args) => lab::sweep(&args),
        }
    }
}

/// A duration of one measurement: more than 0, at most 60 s.
pub(crate) fn seconds_up_to_60(text: &str) -> Result<f64, String> {
    seconds_up_to(text, 60.0)
}

/// More than 0, at most 10 s: as long as an attack may take.
pub(crate) fn seconds_up_to_10(text: &str) -> Result<f64, String> {
    seconds_up_to(text, 10.0)
}

/// More than 0, at most an hour.
pub(crate) fn seconds_up_to_3600(text: &str) -> Result<f64, String> {
    seconds_up_to(text, 3600.0)
}

fn seconds_up_to(text: &str, max: f64) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= max => Ok(seconds),
        Ok(_) => Err(format!("more than 0 and at most {max} seconds")),
        Err(error) => Err(error.to_string()),
    }
}
