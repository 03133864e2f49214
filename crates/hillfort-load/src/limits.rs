//! What bare system calls reach on this machine: echo, accept and reset, datagrams. Each bare server is a process of its own on a core of
//! its own, so that its processor time can be told from the client's. Knows nothing of Hillfort's wire.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args as ClapArgs, ValueEnum};
use serde::Serialize;

use crate::child::{Child, OwnProgram};
use crate::knock;
use crate::machine::{Cores, Machine, median};
use crate::pipeline::{self, Answers, Frames};
use crate::table::{Table, bar, number, print};

mod accept;
mod datagrams;
mod echo;

/// Connections of the echo cases.
pub(crate) const ECHO_CONNECTIONS: usize = 256;
/// Bytes of an echoed frame: a header of 8 and a payload of 64.
pub(crate) const ECHO_FRAME_BYTES: usize = 72;
/// Connections that knock at the same time.
pub(crate) const KNOCKERS: usize = 64;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Seconds of one measurement
    #[arg(long, default_value_t = 2.0, value_parser = crate::command::seconds_up_to_60)]
    seconds: f64,
    /// Rounds, interleaved; the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BareArgs {
    #[arg(value_enum)]
    kind: Bare,
}

/// A bare server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bare {
    /// One epoll loop that returns what it reads.
    Echo,
    /// Accepts and resets.
    Accept,
    /// Counts datagrams.
    Datagrams,
}

/// Frames answered by one server process.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Rate {
    /// Things a second of wall time.
    pub(crate) per_second: f64,
    /// Things a second of the server's processor time.
    pub(crate) per_cpu_second: f64,
}

impl Rate {
    pub(crate) fn new(count: u64, elapsed: Duration, server: Duration) -> Self {
        let per = |time: Duration| if time.is_zero() { 0.0 } else { count as f64 / time.as_secs_f64() };
        Self { per_second: per(elapsed), per_cpu_second: per(server) }
    }

    /// Microseconds of the server's processor time for one thing.
    pub(crate) fn cpu_us_each(self) -> f64 {
        if self.per_cpu_second > 0.0 { 1e6 / self.per_cpu_second } else { 0.0 }
    }

    /// Medians of both.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let of = |pick: fn(&Self) -> f64| median(&rounds.iter().map(pick).collect::<Vec<_>>());
        Self { per_second: of(|r| r.per_second), per_cpu_second: of(|r| r.per_cpu_second) }
    }
}

/// The limits of this machine.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Limits {
    machine: Machine,
    separate_cores: bool,
    echo_pipeline_1: Rate,
    echo_pipeline_16: Rate,
    accept_reset: Rate,
    datagrams: Rate,
}

/// Measures and prints.
pub(crate) fn run(own: &OwnProgram, args: &Args) -> anyhow::Result<()> {
    let (machine, cores) = (Machine::read(), Cores::choose()?);
    cores.pin_client()?;
    let span = Duration::from_secs_f64(args.seconds);
    let mut bare = BareServers::start(own, &cores)?;
    let (mut one, mut sixteen, mut accept, mut datagrams) = (vec![], vec![], vec![], vec![]);
    let progress = bar(u64::from(args.rounds) * 4);
    for _ in 0..args.rounds {
        one.push(bare.echo(1, span)?);
        progress.inc(1);
        sixteen.push(bare.echo(16, span)?);
        progress.inc(1);
        accept.push(bare.accept_reset(span)?);
        progress.inc(1);
        datagrams.push(bare.datagrams(span)?);
        progress.inc(1);
    }
    progress.finish_and_clear();
    let limits = Limits {
        machine,
        separate_cores: cores.are_separate(),
        echo_pipeline_1: Rate::median(&one),
        echo_pipeline_16: Rate::median(&sixteen),
        accept_reset: Rate::median(&accept),
        datagrams: Rate::median(&datagrams),
    };
    print(&limits.render())?;
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_string_pretty(&limits)? + "\n").with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Runs a bare server until stdin closes.
pub(crate) fn serve(args: &BareArgs) -> anyhow::Result<()> {
    match args.kind {
        Bare::Echo => echo::serve(),
        Bare::Accept => accept::serve(),
        Bare::Datagrams => datagrams::serve(),
    }
}

/// Says on stdout that a bare server is there, and where.
fn announce(port: u16) -> anyhow::Result<()> {
    print(&format!("ready {port}\n"))
}

impl Limits {
    fn render(&self) -> String {
        let mut table = Table::new(&["bare system calls", "per second", "per server CPU second", "server CPU µs each"]);
        let mut row = |name: &str, rate: Rate| {
            table.row(vec![name.to_owned(), number(rate.per_second), number(rate.per_cpu_second), number(rate.cpu_us_each())]);
        };
        row("echo, 256 connections, pipeline 1", self.echo_pipeline_1);
        row("echo, 256 connections, pipeline 16", self.echo_pipeline_16);
        row("accept and reset", self.accept_reset);
        row("datagrams of 64 bytes", self.datagrams);
        self.machine.headline(self.separate_cores) + &table.render()
    }
}

/// The bare servers, each on the server's core, idle while another is measured.
#[derive(Debug)]
pub(crate) struct BareServers {
    echo: BareServer,
    accept: BareServer,
    datagrams: BareServer,
}

#[derive(Debug)]
struct BareServer {
    child: Child,
    address: SocketAddr,
}

impl BareServers {
    pub(crate) fn start(own: &OwnProgram, cores: &Cores) -> anyhow::Result<Self> {
        let start = |kind: &str| {
            let mut child = cores.on_server_core(|| own.start(&["bare", kind]))?;
            let line = child.line()?;
            let port = line.strip_prefix("ready ").and_then(|port| port.parse().ok());
            let Some(port) = port else { bail!("the bare {kind} server said {line:?}") };
            anyhow::Ok(BareServer { child, address: (Ipv4Addr::LOCALHOST, port).into() })
        };
        Ok(Self { echo: start("echo")?, accept: start("accept")?, datagrams: start("datagrams")? })
    }

    /// Frames of [`ECHO_FRAME_BYTES`] over [`ECHO_CONNECTIONS`], `pipeline` of them under way on each.
    pub(crate) fn echo(&mut self, pipeline: usize, span: Duration) -> anyhow::Result<Rate> {
        let frames = Frames { request: vec![0x5a; ECHO_FRAME_BYTES], answers: Answers::Bytes(ECHO_FRAME_BYTES) };
        let mut clients = pipeline::Clients::connect(self.echo.address, ECHO_CONNECTIONS, &frames, pipeline)?;
        clients.measure(self.echo.child.pid(), span)
    }

    /// Connections that the server accepts and resets at once.
    pub(crate) fn accept_reset(&mut self, span: Duration) -> anyhow::Result<Rate> {
        let knocks = knock::measure(self.accept.address, &[Ipv4Addr::LOCALHOST], KNOCKERS, self.accept.child.pid(), span)?;
        Ok(knocks.rate)
    }

    fn datagrams(&mut self, span: Duration) -> anyhow::Result<Rate> {
        datagrams::measure(self.datagrams.address, &mut self.datagrams.child, span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_per_second_and_per_processor_second() {
        let rate = Rate::new(1_000, Duration::from_secs(2), Duration::from_millis(500));
        assert!((rate.per_second - 500.0).abs() < 1e-9);
        assert!((rate.per_cpu_second - 2_000.0).abs() < 1e-9);
        assert!((rate.cpu_us_each() - 500.0).abs() < 1e-9);
        assert!(
            Rate::new(1, Duration::from_secs(1), Duration::ZERO).cpu_us_each().abs() < 1e-9,
            "nothing measured, nothing claimed"
        );
    }
}
