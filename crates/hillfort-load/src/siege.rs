//! The siege: attacks on a server of its own in a laboratory of namespaces, beside honest players, with a calm time before each, against
//! three defences on the same machine. Owns the order of events; what is measured and said stands in its rooms.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::{Args as ClapArgs, ValueEnum as _};

use crate::child::OwnProgram;
use crate::clock::unix_ms;
use crate::date;
use crate::machine::{Cores, Machine};
use crate::report::figure::Figure;

mod bout;
mod capture;
mod chart;
mod defence;
mod generator;
mod honest;
pub(crate) mod lab;
mod measure;
mod program;
mod promise;
mod report;
mod scenario;
mod victim;

use bout::{Bout, Stage};
use defence::Defence;
use lab::Lab;
use report::Report;
use scenario::Scenario;

/// The short form ends within this time, the full one within [`FULL_MAX`]: what has not begun by then is left out, and the report says so.
const SHORT_MAX: Duration = Duration::from_secs(80);
const FULL_MAX: Duration = Duration::from_secs(700);

/// Server and players go before whatever else the machine does. Attackers have what is left of their core.
const NICE: i32 = -10;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// As many attacks as fit into 90 seconds, against Hillfort alone
    #[arg(long)]
    short: bool,
    /// Only these attacks; all when absent
    #[arg(long, value_enum, value_name = "NAME")]
    attack: Vec<Scenario>,
    /// Only these defences; all when absent
    #[arg(long, value_enum, value_name = "NAME")]
    defence: Vec<Defence>,
    /// Seconds of each calm time and of each attack; 2.5, or 1.5 with --short
    #[arg(long, value_parser = crate::command::seconds_up_to_10)]
    seconds: Option<f64>,
    /// Rounds, interleaved; 2, or 1 with --short
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=9))]
    rounds: Option<u32>,
    /// The server's program; `hillfort` itself, or the one beside this program
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Folder for the report in JSON, Markdown and SVG; bench/results if it exists
    #[arg(long, value_name = "FOLDER")]
    results: Option<PathBuf>,
    /// End with an error when a promise is missed or a bout fails
    #[arg(long)]
    strict: bool,
    /// The same, but for promises that depend on the machine's speed: rates, costs and latencies
    #[arg(long, conflicts_with = "strict")]
    strict_but_speed: bool,
}

/// Builds, besieges, reports.
pub(crate) fn run(own: &OwnProgram, args: &Args) -> anyhow::Result<()> {
    crate::machine::raise_descriptors()?;
    let (machine, cores) = (Machine::read(), Cores::choose()?);
    let begun = Instant::now();
    let lab = Lab::build(own)?;
    cores.pin_client()?;
    rustix::process::setpriority_process(None, NICE)?;
    // From here on this thread, and what it starts, sees nothing but the laboratory.
    lab.outside.enter()?;
    say(begun, "laboratory built; trying the packet generator");
    let sample = capture::try_generator(&lab)?;
    say(begun, &sample.text());
    let stage = Stage {
        own,
        lab: &lab,
        cores,
        server: std::path::absolute(args.server.clone().map_or_else(|| own.server(), Ok)?)?,
        span: Duration::from_secs_f64(args.seconds.unwrap_or(if args.short { 1.5 } else { 2.5 })),
    };
    let Besieged { bouts, left_out, failed } = besiege(&stage, args, begun);
    ensure!(!bouts.is_empty(), "nothing could be measured: {}", left_out.join("; "));
    let report = Report {
        schema: 1,
        date: date::stamp(unix_ms()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        machine,
        separate_cores: cores.are_separate(),
        short: args.short,
        seconds: stage.span.as_secs_f64(),
        generator: sample,
        left_out,
        promises: promise::judge(&bouts),
        bouts,
    };
    drop(lab);
    report.deliver(args.results.as_deref())?;
    let counts = |figure: &&Figure| args.strict || args.strict_but_speed && !promise::is_of_speed(figure);
    let missed: Vec<&str> =
        report.promises.iter().filter(counts).filter(|figure| !figure.met).map(|figure| &*figure.name).collect();
    let lenient = !args.strict && !args.strict_but_speed;
    ensure!(lenient || missed.is_empty() && failed == 0, "missed: {}; bouts that failed: {failed}", missed.join(", "));
    Ok(())
}

/// All that was fought.
struct Besieged {
    bouts: Vec<Bout>,
    /// What was not, and why.
    left_out: Vec<String>,
    /// How many of those were begun and failed.
    failed: usize,
}

/// Fights all bouts. Rounds are the outermost loop, so that a burst of a neighbour meets all alike.
fn besiege(stage: &Stage<'_>, args: &Args, begun: Instant) -> Besieged {
    let scenarios: &[Scenario] = match (&args.attack[..], args.short) {
        ([], true) => &Scenario::SHORT,
        ([], false) => Scenario::value_variants(),
        (chosen, _) => chosen,
    };
    let is_wanted = |defence: Defence| args.defence.is_empty() || args.defence.contains(&defence);
    let mut left_out = vec![];
    let mut defences = vec![];
    for &defence in Defence::value_variants() {
        match defence.missing() {
            Some(why) if is_wanted(defence) => left_out.push(format!("{}: {why}", defence.name())),
            None if is_wanted(defence) => defences.push(defence),
            _ => {}
        }
    }
    left_out.iter().for_each(|what| say(begun, &format!("LEFT OUT {what}")));
    let time_max = if args.short { SHORT_MAX } else { FULL_MAX };
    let (mut bouts, mut failed) = (vec![], 0);
    for round in 1..=args.rounds.unwrap_or(if args.short { 1 } else { 2 }) {
        for &scenario in scenarios {
            let alone = args.short && args.attack.is_empty() && args.defence.is_empty();
            let fights =
                |defence: &&Defence| scenario.plan().defences.contains(defence) && (!alone || **defence == Defence::Hillfort);
            for &defence in defences.iter().filter(fights) {
                let name = format!("round {round}, {} against {}", scenario.name(), defence.name());
                if begun.elapsed() + stage.bout_max() > time_max {
                    left_out.push(format!("{name}: no time left"));
                    continue;
                }
                match bout::fight(stage, scenario, defence, round) {
                    Ok(bout) => {
                        say(begun, &format!("{name}: {}", bout.text()));
                        bouts.push(bout);
                    }
                    Err(error) => {
                        say(begun, &format!("{name}: FAILED: {error:#}"));
                        left_out.push(format!("{name}: failed: {error:#}"));
                        failed += 1;
                    }
                }
            }
        }
    }
    Besieged { bouts, left_out, failed }
}

/// Says on stderr what is going on.
fn say(begun: Instant, what: &str) {
    use std::io::Write as _;
    let mut stderr = std::io::stderr().lock();
    // Nobody is left to tell when stderr is closed.
    let _closed = writeln!(stderr, "{:5.1} s  {what}", begun.elapsed().as_secs_f64());
}
