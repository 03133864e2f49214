//! How long the loop keeps everybody waiting by one piece of its own work, with many sessions that ping, without and with a flood of
//! hellos that are refused. Server on one core, players and flood on the other. Before and after it a thread on the server's core counts
//! in pieces of some 20 µs without a single system call but for the clock: what is too long there is the machine's doing, and the same is to
//! be expected in the server's figures. Prints one line a second and one for each part; judges nothing.
//!
//! `cargo bench -p hillfort-edge --bench pauses -- [sessions=10000] [seconds=10]`

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use hillfort_edge::{Config, Door, Edge, Snapshot, Stats};
use hillfort_guard::{InputRates, Rate};
use hillfort_proto::frame::Framing;
use hillfort_proto::hello::{AppId, Hello, HelloKey, KeyId, KeyRing};
use hillfort_proto::message::{Ask, ClientBody, ClientView, Encode, Wanted};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::{InboundBatch, RoomPort};
use hillfort_proto::time::UnixMs;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Each session says something this often.
const PING_PERIOD: Duration = Duration::from_secs(2);

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if let [mode, addr, count] = args.as_slice()
        && mode == "crowd"
    {
        return crowd(addr.parse().expect("an address"), count.parse().expect("a number"));
    }
    // Run as a test, with no word of what is wanted, it measures nothing.
    if args.is_empty() && !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let number = |name: &str, default: u64| {
        args.iter().find_map(|arg| arg.strip_prefix(name)).map_or(default, |n| n.parse().expect("a number"))
    };
    measure(number("sessions=", 10_000), number("seconds=", 10))
}

fn measure(sessions: u64, seconds: u64) -> io::Result<()> {
    let mut edge = Edge::bind(config()).map_err(io::Error::other)?;
    let addr = edge.addr(Door::Frames)?;
    drop(edge.session_ports(1));
    let stats = edge.stats();
    thread::spawn(move || -> io::Result<()> {
        pin(0);
        let (mut edge, _http) = edge.into_thread(Box::new(NoRooms), Router::new())?;
        while edge.turn(Some(Duration::from_millis(50)))? {}
        Ok(())
    });
    pin(1);
    machine(seconds);
    let mut players = Command::new(std::env::current_exe()?)
        .args(["crowd", &addr.to_string(), &sessions.to_string()])
        .stdin(Stdio::piped())
        .spawn()?;
    while stats.snapshot().sessions_live < sessions {
        thread::park_timeout(Duration::from_millis(50));
    }
    part("calm", &stats, seconds);
    let stop = Arc::new(AtomicBool::new(false));
    let flood = (0..4).map(|_| {
        let stop = Arc::clone(&stop);
        thread::spawn(move || while !stop.load(Relaxed) && flood(addr).is_ok() {})
    });
    let flood: Vec<_> = flood.collect();
    part("hello flood", &stats, seconds);
    stop.store(true, Relaxed);
    for thread in flood {
        // A flood that ended early shows in the figures.
        let _ended = thread.join();
    }
    players.kill()?;
    players.wait()?;
    machine(seconds);
    Ok(())
}

/// The same measure of a thread that only counts.
fn machine(seconds: u64) {
    let counting = thread::spawn(move || {
        pin(0);
        let (end, mut sum, mut pieces, mut long, mut longest) = (Instant::now() + Duration::from_secs(seconds), 1_u64, 0, 0, 0);
        let mut before = thread_time();
        while Instant::now() < end {
            for _ in 0..8_000 {
                sum = black_box(sum.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
            }
            let now = thread_time();
            let own = (now - before).as_micros();
            (pieces, long, longest) = (pieces + 1, long + u64::from(own > 120), own.max(longest));
            before = now;
        }
        println!(
            "machine: a thread that only counts: longest piece {longest} µs, {long} of {pieces} above 120 µs in {seconds} s"
        );
    });
    counting.join().expect("counting does not fail");
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn part(name: &str, stats: &Stats, seconds: u64) {
    // The gauges are of the second before.
    let wait = |lasts| {
        let end = Instant::now() + lasts;
        while Instant::now() < end {
            thread::park_timeout(end - Instant::now());
        }
    };
    wait(Duration::from_millis(2_500));
    let before = stats.snapshot();
    let (mut worst, mut worst_turn) = (0, 0);
    for second in 0..seconds {
        wait(Duration::from_secs(1));
        let Snapshot { own_pause_us_p50, own_pause_us_p99, own_pause_us_max, turn_us_max, .. } = stats.snapshot();
        println!(
            "{name}, second {second}: own pauses p50 {own_pause_us_p50} µs, p99 {own_pause_us_p99} µs, max {own_pause_us_max} µs; \
             longest turn {turn_us_max} µs"
        );
        (worst, worst_turn) = (worst.max(own_pause_us_max), worst_turn.max(turn_us_max));
    }
    let after = stats.snapshot();
    println!(
        "{name}: {} sessions, {} frames/s, {} connections/s, {} of their hellos refused/s; longest own pause {worst} µs, {} above 120 µs \
         in {seconds} s, longest turn {worst_turn} µs",
        after.sessions_live,
        (after.frames_in - before.frames_in) / seconds,
        (after.accepted - before.accepted) / seconds,
        (after.refused(Reject::HelloMac) - before.refused(Reject::HelloMac)) / seconds,
        after.own_pauses_too_long - before.own_pauses_too_long,
    );
}

/// Logs in so many sessions and has each of them ping now and then until it is killed.
fn crowd(addr: SocketAddr, count: usize) -> io::Result<()> {
    pin(1);
    let mut held = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(addr)?;
        let mut out = hello(0).to_vec();
        ClientView::unsequenced(ClientBody::Login { name: "idle" }).put(Framing::Tcp, &mut out);
        stream.write_all(&out)?;
        let mut welcome = [0; 16];
        stream.read_exact(&mut welcome)?;
        held.push(stream);
    }
    let mut ping = Vec::new();
    ClientView::unsequenced(ClientBody::Ping { echo: 1, pad: &[7; 20] }).put(Framing::Tcp, &mut ping);
    let mut answers = [0; 4096];
    let begin = Instant::now();
    for n in 0_u32.. {
        let stream = &mut held[n as usize % count];
        stream.write_all(&ping)?;
        stream.set_nonblocking(true)?;
        let _none_yet = stream.read(&mut answers);
        stream.set_nonblocking(false)?;
        let due = begin + PING_PERIOD.mul_f64(f64::from(n) / count as f64);
        while let Some(early) = due.checked_duration_since(Instant::now()) {
            thread::park_timeout(early);
        }
    }
    Ok(())
}

/// One connection of the flood: a hello whose signature is wrong.
fn flood(addr: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(addr)?;
    stream.write_all(&hello(1))?;
    // A reset is an answer, too.
    let _answer = stream.read(&mut [0; 64]);
    Ok(())
}

fn hello(wrong: u8) -> [u8; 72] {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).expect("the system has randomness");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64);
    let mut hello = Hello::sign(UnixMs(now), nonce, &key());
    hello[71] ^= wrong;
    hello
}

struct NoRooms;

impl RoomPort for NoRooms {
    fn place(&mut self, _game: &str, _room: Wanted<'_>) -> Result<u8, Reject> {
        Err(Reject::RoomGame)
    }

    fn unplace(&mut self, _game: &str, _room: Wanted<'_>) {}

    fn list(&mut self, _ask: &Ask<'_>, _lines: &mut Vec<u8>) -> Result<bool, Reject> {
        Err(Reject::RoomGame)
    }

    fn worlds(&self) -> usize {
        1
    }

    fn submit(&mut self, _world: u8, _batch: &mut InboundBatch) -> bool {
        false
    }
}

fn key() -> HelloKey {
    HelloKey::new(AppId(1), KeyId(1), b"a secret of the bench").expect("long enough")
}

/// The defaults but for what would end the flood: everything comes from one address.
fn config() -> Config {
    let mut keys = KeyRing::new();
    keys.insert(key()).expect("the first");
    let much = Rate::new(200_000, 1_000_000).expect("within the bounds");
    let mut guard = hillfort_guard::Config::new(keys);
    (guard.connect, guard.source_connect) = (much, much);
    (guard.source_open_max, guard.network_open_max) = (100_000, 100_000);
    guard.unbannable = vec!["127.0.0.1/32".parse().expect("a prefix")];
    guard.posture.offered_per_s = 1_000_000;
    guard.posture.refused_per_s = 1_000_000;
    guard.inputs = InputRates { control: much, ..guard.inputs };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Config::new(any, any, guard)
}

fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    // On a machine with one core the figures are worse, not wrong.
    let _one_core = sched_setaffinity(None, &set);
}
