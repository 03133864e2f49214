//! Virtual players of Nakama's client API: they register, sign in, keep an object, call a function and echo through a match, on any server
//! that speaks it. Owns what is measured and in which order; knows nothing of how one player does it, nor of whose server it is.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args as ClapArgs;

use crate::bots;
use crate::clock::unix_ms;
use crate::gauge::processor_time;
use crate::machine::Machine;
use crate::table::print;
use crate::{date, machine};

mod crew;
mod http;
mod mix;
mod player;
mod report;
mod socket;
mod tally;
mod target;
mod tls;

use crew::Crew;
use mix::Mix;
use report::{Report, Step};
use target::Target;
use tls::Trust;

/// Before each step is measured, its load is there for so long.
const WARM: Duration = Duration::from_secs(1);
/// What the offered load grows by between two steps of a sweep.
const GROWTH: f64 = 1.5;
/// Steps of a sweep at most.
const STEPS_MAX: usize = 16;
/// Steps past the one from which on the server does not do all that is asked.
const STEPS_PAST: usize = 3;
/// A step in which less than this part of what is offered is done is past saturation.
const DONE_SHARE: f64 = 0.9;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The server, as http://host:port or https://host:port; the realtime socket goes the same way
    #[arg(long, default_value = "http://127.0.0.1:7350")]
    url: String,
    /// Server key, which clients show before they have a session
    #[arg(long, value_name = "KEY", default_value = "defaultkey")]
    nakama_key: String,
    /// HTTP key of a server that calls functions: with it, matches are made as such a server and not as a player
    #[arg(long, value_name = "KEY")]
    http_key: Option<String>,
    /// With https: a PEM file with the certificate to trust, instead of this system's authorities
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// With https: any certificate is believed. For development
    #[arg(long)]
    insecure: bool,
    /// How many players
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    count: u32,
    /// Calls a second of all players together, on a fixed schedule; of a sweep, the first step
    #[arg(long, value_name = "HERTZ", default_value_t = 500.0, value_parser = rate_hz)]
    rate: f64,
    /// Shares of the classes of calls; what is not named is not called. rpc and echo need the modules of bench/people on the server
    #[arg(long, value_name = "SHARES", default_value = Mix::DEFAULT)]
    mix: Mix,
    /// How long it is measured; of a sweep, each step
    #[arg(long, default_value_t = 10.0, value_parser = crate::command::seconds_up_to_3600)]
    seconds: f64,
    /// Half as much again at each step, until three steps past what the server can do
    #[arg(long)]
    sweep: bool,
    /// Addresses that players on this machine come from, 127.7.0.1 on: servers that limit calls by address see as many households
    #[arg(long, value_name = "ADDRESSES", default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    sources: u32,
    /// Process of the server, if it runs on this machine: its processor time is told
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// What the server is called in the report
    #[arg(long, value_name = "NAME", default_value = "Hillfort")]
    name: String,
    /// Folder for people-<date>.json and .md
    #[arg(long, value_name = "FOLDER")]
    results: Option<PathBuf>,
}

/// Does what the flags say.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    machine::raise_descriptors()?;
    let trust = match &args.ca {
        _ if args.insecure => Trust::Anybody,
        Some(path) => Trust::File(path),
        None => Trust::System,
    };
    let target = Target::new(&args.url, &args.nakama_key, args.http_key.as_deref(), trust)?;
    target.shake_hands()?;
    if !args.sweep && args.rate > 0.0 && args.rate / f64::from(args.count) > 1_000.0 {
        bail!("more than 1000 calls a second of one player are not to be had: more players, or a lower rate");
    }
    let here = vec![Ipv4Addr::LOCALHOST];
    let is_here = target.address.ip().is_loopback();
    let sources = if is_here { bots::sources(args.sources as usize) } else { here };
    let machine = Machine::read();
    let mut crew = Crew::new(target, args.mix, args.count as usize, &sources)?;
    crew.enter()?;
    let span = Duration::from_secs_f64(args.seconds);
    let mut steps = vec![];
    let mut rate_hz = args.rate;
    loop {
        let step = measure(&mut crew, rate_hz, span, args.server_pid)?;
        print(&step.line())?;
        steps.push(step);
        let past = steps.iter().filter(|step| step.goodput_hz < step.offered_hz * DONE_SHARE).count();
        if !args.sweep || past > STEPS_PAST || steps.len() == STEPS_MAX {
            break;
        }
        rate_hz *= GROWTH;
    }
    let report = Report::new(date::stamp(unix_ms()), machine, args, is_here, steps);
    report.deliver(args.results.as_deref())
}

fn measure(crew: &mut Crew, rate_hz: f64, span: Duration, server_pid: Option<u32>) -> anyhow::Result<Step> {
    let server = || server_pid.map(processor_time).transpose();
    let (began, own, theirs) = (Instant::now(), processor_time(std::process::id())?, server()?);
    let tally = crew.run(rate_hz, WARM, span)?;
    let elapsed = began.elapsed();
    let busy = (processor_time(std::process::id())? - own).as_secs_f64() / elapsed.as_secs_f64();
    let server_busy = theirs.map(|before| Ok::<_, anyhow::Error>(server()?.unwrap_or(before).saturating_sub(before)));
    let server_busy = server_busy.transpose()?.map(|time| time.as_secs_f64() / elapsed.as_secs_f64());
    Ok(Step::new(rate_hz, span, tally.figures(), busy, server_busy))
}

fn rate_hz(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.1..=200_000.0).contains(&rate) => Ok(rate),
        Ok(_) => Err("0.1 to 200000 calls a second".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
