//! Honest clients: what they do, how many, how fast. Knows nothing of how a connection is kept.

use std::io::IsTerminal as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{ArgGroup, Args as ClapArgs};
use hillfort_proto::hello::HelloKey;
use mio::Interest;
use mio::unix::SourceFd;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::credentials::Credentials;
use crate::crowd::{Crowd, foreign_token};
use crate::hilltop;
use crate::link::{Door, Wire};
use crate::table::print;

mod idle;
mod measured;
mod metered;
pub(crate) mod players;

pub(crate) use idle::Idle;
pub(crate) use measured::Measured;
pub(crate) use metered::{ECHO_GAME, ECHO_OP, Metered, PING_PAD_BYTES, Pacing, Stroke};

/// No further client could log in for this long: something is wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, ClapArgs)]
#[command(group = ArgGroup::new("mode").args(["ping", "echo", "game", "idle"]).required(true))]
pub(crate) struct Args {
    /// Ping the session
    #[arg(long)]
    ping: bool,
    /// Send inputs to the native echo room and wait for them to come back
    #[arg(long)]
    echo: bool,
    /// Play a game; hilltop is the one they know
    #[arg(long, value_parser = [hilltop::GAME])]
    game: Option<String>,
    /// Log so many clients in and stay silent
    #[arg(long, value_name = "CLIENTS", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    idle: Option<u32>,

    /// Door of the server; 127.0.0.1:7352, or 127.0.0.1:7350 with --websocket
    #[arg(long, value_name = "ADDRESS:PORT")]
    target: Option<SocketAddr>,
    /// Speak over WebSocket instead of TCP frames
    #[arg(long)]
    websocket: bool,
    /// How many clients
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    count: u32,
    /// Open loop: messages a second from each client, on a fixed schedule
    #[arg(long, value_name = "HERTZ", default_value_t = 20.0, value_parser = rate_hz, conflicts_with = "pipeline")]
    rate: f64,
    /// Closed loop instead: each client keeps so many messages under way
    #[arg(long, value_name = "MESSAGES", value_parser = clap::value_parser!(u32).range(1..=64))]
    pipeline: Option<u32>,
    /// How long it is measured, or played, or idled
    #[arg(long, default_value_t = 10.0, value_parser = crate::command::seconds_up_to_3600)]
    seconds: f64,
    /// Play until stopped, until stdin closes or until the process of --parent-pid ends
    #[arg(long, conflicts_with = "seconds")]
    forever: bool,
    /// Print nothing
    #[arg(long)]
    quiet: bool,
    /// Process with which the bots end
    #[arg(long, value_name = "PID")]
    parent_pid: Option<i32>,
    /// Spread the clients over so many addresses from 127.7.0.1 on
    #[arg(long, value_name = "ADDRESSES", value_parser = clap::value_parser!(u8).range(1..=250))]
    sources: Option<u8>,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    credentials: Credentials,
}

/// Does what the flags say.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    crate::machine::raise_descriptors()?;
    let wire = if args.websocket { Wire::WebSocket } else { Wire::Frames };
    let port = if args.websocket { 7350 } else { 7352 };
    let door = Door { address: args.target.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, port).into()), wire };
    let signer = args.credentials.signer()?;
    let sources = args.sources.map_or_else(|| vec![Ipv4Addr::LOCALHOST], |count| sources(count.into()));
    let count = args.idle.unwrap_or(args.count) as usize;
    let span = Duration::from_secs_f64(args.seconds);
    let mut crowd = Crowd::new(door, signer, &names(count), &sources)?;
    if args.game.is_some() {
        return play(args, crowd, span);
    }
    if args.idle.is_some() {
        let mut idle = Idle;
        crowd.open_all(&mut idle, PATIENCE, |_| ())?;
        say(args, &format!("{} clients are logged in at {} and silent\n", crowd.len(), door.address))?;
        let end = crowd.now() + span;
        crowd.run(&mut idle, |now, _, _| !args.forever && now >= end)?;
        return say(args, &format!("{} of them were still there at the end\n", crowd.counts().open));
    }
    let pacing = args.pipeline.map_or(Pacing::Open { rate_hz: args.rate }, |pipeline| Pacing::Closed { pipeline });
    let stroke = if args.ping { Stroke::Ping } else { Stroke::Echo };
    let measured = measure(&mut crowd, stroke, pacing, span)?;
    crowd.bye();
    say(args, &measured.render())?;
    match &args.json {
        Some(path) => {
            std::fs::write(path, serde_json::to_string_pretty(&measured)? + "\n").with_context(|| path.display().to_string())
        }
        None => Ok(()),
    }
}

/// Logs `crowd` in, seats it where needed, and measures for `span`.
pub(crate) fn measure(crowd: &mut Crowd, stroke: Stroke, pacing: Pacing, span: Duration) -> anyhow::Result<Measured> {
    let mut metered = Metered::new(stroke, pacing, crowd.len());
    crowd.open_all(&mut metered, PATIENCE, |_| ())?;
    metered.seat_all(crowd)?;
    metered.measure(crowd, span)
}

/// A client of each name, logged in over TCP and ready to use as plain sockets.
pub(crate) fn streams(door: Door, signer: HelloKey, count: usize) -> anyhow::Result<Vec<std::net::TcpStream>> {
    let mut crowd = Crowd::new(door, signer, &names(count), &sources(1))?;
    crowd.open_all(&mut Idle, PATIENCE, |_| ())?;
    Ok(crowd.into_streams())
}

/// Addresses from 127.7.0.1 on.
pub(crate) fn sources(count: usize) -> Vec<Ipv4Addr> {
    (0..count).map(|n| Ipv4Addr::new(127, 7, (n / 250) as u8, (n % 250) as u8 + 1)).collect()
}

pub(crate) fn names(count: usize) -> Vec<String> {
    (0..count).map(hilltop::name).collect()
}

fn play(args: &Args, mut crowd: Crowd, span: Duration) -> anyhow::Result<()> {
    let _parent = watch(args, &crowd)?;
    say(args, &format!("{} bots play hilltop\n", crowd.len()))?;
    let mut players = players::Players::new(crowd.len());
    let end = crowd.now() + span;
    crowd.run(&mut players, |now, _, _| !args.forever && now >= end)?;
    crowd.bye();
    say(args, &format!("{} orders given, {} connections lost\n", players.orders(), crowd.counts().lost))
}

/// Ends the crowd with the parent process, or when stdin closes.
fn watch(args: &Args, crowd: &Crowd) -> anyhow::Result<Option<OwnedFd>> {
    if args.forever && !std::io::stdin().is_terminal() {
        // A file or /dev/null cannot be waited for and never closes: fine.
        let _never_closes =
            crowd.registry().register(&mut SourceFd(&std::io::stdin().as_raw_fd()), foreign_token(0), Interest::READABLE);
    }
    let Some(pid) = args.parent_pid else { return Ok(None) };
    let Some(pid) = Pid::from_raw(pid) else { bail!("0 is not a process") };
    let parent = pidfd_open(pid, PidfdFlags::empty()).context("the parent process is gone already")?;
    crowd.registry().register(&mut SourceFd(&parent.as_raw_fd()), foreign_token(1), Interest::READABLE)?;
    Ok(Some(parent))
}

fn say(args: &Args, text: &str) -> anyhow::Result<()> {
    if args.quiet { Ok(()) } else { print(text) }
}

fn rate_hz(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.01..=10_000.0).contains(&rate) => Ok(rate),
        Ok(_) => Err("0.01 to 10000 hertz".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
