//! The report: starts servers of its own, measures what the specification promises next to what bare system calls reach in the same run,
//! and says which promises are met. Knows nothing of how a server works inside.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args as ClapArgs, ValueEnum};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::child::OwnProgram;
use crate::clock::unix_ms;
use crate::date;
use crate::machine::{Cores, Machine};
use crate::table::{bar, print};

mod attacks;
pub(crate) mod figure;
mod fort;
mod frames;
mod idle;
mod refusal;
mod start;

use figure::Figure;
use fort::Fort;
pub(crate) use fort::pause;

/// Where result files go when the folder is there.
pub(crate) const RESULTS: &str = "bench/results";

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The server's program; `hillfort` itself, or the one beside this program
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Only these; all when absent
    #[arg(long, value_enum, value_name = "NAME")]
    scenario: Vec<Scenario>,
    /// Shorter measurements, 60 to 90 seconds in all
    #[arg(long)]
    quick: bool,
    /// Folder for the result file; bench/results if it exists
    #[arg(long, value_name = "FOLDER")]
    results: Option<PathBuf>,
}

/// A group of figures that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Start-up time and memory of an idle server
    Start,
    /// Session ping over TCP against the bare echo, pipelines 1 and 16
    Ping,
    /// Native echo room against the bare echo
    Echo,
    /// A refused connection against bare accept and reset
    Refusal,
    /// Memory of 15,000 idle clients, TCP and WebSocket
    Idle,
    /// 200 honest bots, calm and under each attack
    Attacks,
}

/// What a scenario needs.
#[derive(Debug)]
struct Bench {
    own: OwnProgram,
    server: PathBuf,
    cores: Cores,
    /// Time of one measurement.
    span: Duration,
    rounds: u32,
    /// Rounds of each attack; each needs a server of its own.
    attack_rounds: u32,
    progress: ProgressBar,
}

/// The result file.
#[derive(Debug, Serialize)]
struct Report {
    /// Goes up when fields change their meaning.
    schema: u32,
    date: String,
    version: &'static str,
    machine: Machine,
    separate_cores: bool,
    quick: bool,
    figures: Vec<Figure>,
}

/// Measures, prints, writes.
pub(crate) fn run(own: &OwnProgram, args: &Args) -> anyhow::Result<()> {
    crate::machine::raise_descriptors()?;
    let (machine, cores) = (Machine::read(), Cores::choose()?);
    cores.pin_client()?;
    let bench = Bench {
        own: own.clone(),
        server: args.server.clone().map_or_else(|| own.server(), Ok)?,
        cores,
        span: Duration::from_millis(if args.quick { 1_500 } else { 3_000 }),
        rounds: if args.quick { 3 } else { 5 },
        attack_rounds: if args.quick { 1 } else { 3 },
        progress: bar(0),
    };
    let wanted = if args.scenario.is_empty() { Scenario::value_variants() } else { &args.scenario };
    bench.progress.set_length(wanted.len() as u64);
    let mut figures = vec![];
    for scenario in wanted {
        figures.extend(match scenario {
            Scenario::Start => start::measure(&bench)?,
            Scenario::Ping => frames::measure_ping(&bench)?,
            Scenario::Echo => frames::measure_echo(&bench)?,
            Scenario::Refusal => refusal::measure(&bench)?,
            Scenario::Idle => idle::measure(&bench)?,
            Scenario::Attacks => attacks::measure(&bench)?,
        });
        bench.progress.inc(1);
    }
    bench.progress.finish_and_clear();
    let report = Report {
        schema: 1,
        date: date::stamp(unix_ms()),
        version: env!("CARGO_PKG_VERSION"),
        machine,
        separate_cores: cores.are_separate(),
        quick: args.quick,
        figures,
    };
    print(&report.render())?;
    match &args.results {
        Some(folder) => report.write(folder),
        None if Path::new(RESULTS).is_dir() => report.write(Path::new(RESULTS)),
        None => Ok(()),
    }
}

impl Report {
    fn render(&self) -> String {
        self.machine.headline(self.separate_cores) + &figure::table(&self.figures)
    }

    fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let path = folder.join(format!("{}.json", self.date));
        std::fs::write(&path, serde_json::to_string_pretty(self)? + "\n").with_context(|| path.display().to_string())?;
        print(&format!("written to {}\n", path.display()))
    }
}

impl Bench {
    /// A fresh server with the defaults of its own, but for ports, folder and logging, and `more` settings as TOML.
    fn fort(&self, more: &str) -> anyhow::Result<Fort> {
        Fort::start(&self.server, &self.cores, more)
    }

    fn say(&self, what: &str) {
        self.progress.set_message(what.to_owned());
        self.progress.tick();
    }
}

#[cfg(test)]
mod tests;
