//! What the doors cost against the bare minimum, in one run: pings against an echo by epoll, refused connections against accept and
//! reset, memory of idle sessions. Server on one core, client on another. Prints one line for each; judges nothing.
//!
//! `cargo bench -p hillfort-edge --bench doors -- [ping] [refuse] [idle=15000]`

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use hillfort_edge::{Config, Door, Edge};
use hillfort_guard::{InputRates, Rate};
use hillfort_proto::frame::Framing;
use hillfort_proto::hello::{AppId, Hello, HelloKey, KeyId, KeyRing};
use hillfort_proto::message::{Ask, ClientBody, ClientView, Encode, Wanted};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::{InboundBatch, RoomPort};
use hillfort_proto::time::UnixMs;
use mio::net::{TcpListener, TcpStream as MioStream};
use mio::{Events, Interest, Poll, Token};
use rustix::thread::{CpuSet, gettid, sched_setaffinity};
use socket2::{Domain, SockRef, Socket, Type};

const CONNECTIONS: usize = 256;
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;
const UPGRADE: &[u8] = b"GET /session HTTP/1.1\r\nHost: fort\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if let [mode, addr, count] = args.as_slice()
        && mode.starts_with("crowd-")
    {
        return crowd(mode == "crowd-websocket", addr.parse().expect("an address"), count.parse().expect("a number"));
    }
    // Run as a test, with no word of what is wanted, it measures nothing.
    let all = args.is_empty() && std::env::args().any(|arg| arg == "--bench");
    let wants = |name: &str| all || args.iter().any(|arg| arg.starts_with(name));
    if wants("ping") {
        for pipeline in [1, 16] {
            compare_pings(pipeline)?;
        }
    }
    if wants("refuse") {
        compare_refusals()?;
    }
    if wants("idle") {
        let count = args.iter().find_map(|arg| arg.strip_prefix("idle=")).map_or(15_000, |n| n.parse().expect("a number"));
        for mode in ["crowd-frames", "crowd-websocket"] {
            measure_idle(mode, count)?;
        }
    }
    Ok(())
}

fn compare_pings(pipeline: usize) -> io::Result<()> {
    let (mut bare, mut door) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(frames_per_cpu_second(&serve_echo()?, pipeline, false)?);
        door.push(frames_per_cpu_second(&serve_edge(generous())?, pipeline, true)?);
    }
    let (bare, door) = (median(bare), median(door));
    println!("ping, pipeline {pipeline:>2}: {door:.0} frames per CPU-second, bare echo {bare:.0}, ratio {:.2}", door / bare);
    Ok(())
}

fn compare_refusals() -> io::Result<()> {
    let (mut bare, mut door) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(1e6 / refusals_per_cpu_second(&serve_resets()?)?);
        door.push(1e6 / refusals_per_cpu_second(&serve_edge(closed())?)?);
    }
    let (bare, door) = (median(bare), median(door));
    println!("refused connection: {door:.2} µs of CPU, bare accept and reset {bare:.2}, ratio {:.2}", door / bare);
    Ok(())
}

fn measure_idle(mode: &str, count: usize) -> io::Result<()> {
    // The guard's memory of hellos is sized by this rate and not part of the question.
    let guard = hillfort_guard::Config { connect: rate(3_000, 20_000), ..generous() };
    let mut edge = Edge::bind(config(guard)).map_err(io::Error::other)?;
    let addr = edge.addr(if mode == "crowd-frames" { Door::Frames } else { Door::Http })?;
    drop(edge.session_ports(1));
    let stats = edge.stats();
    let (mut edge, _http) = edge.into_thread(Box::new(NoRooms), Router::new())?;
    for _ in 0..10 {
        edge.turn(Some(Duration::from_millis(1)))?;
    }
    let before = resident();
    let mut child = Command::new(std::env::current_exe()?)
        .args([mode, &addr.to_string(), &count.to_string()])
        .stdin(Stdio::piped())
        .spawn()?;
    while stats.snapshot().sessions_live < count as u64 {
        edge.turn(Some(Duration::from_millis(10)))?;
    }
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        edge.turn(Some(Duration::from_millis(10)))?;
    }
    let each = (resident() - before) / count as u64;
    println!("idle {mode}, {count} sessions: {each} bytes each");
    child.kill()?;
    child.wait().map(drop)
}

/// Logs `count` sessions in and holds them until it is killed.
fn crowd(websocket: bool, addr: SocketAddr, count: usize) -> io::Result<()> {
    let framing = if websocket { Framing::WebSocketMasked([0; 4]) } else { Framing::Tcp };
    let mut held = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(addr)?;
        if websocket {
            stream.write_all(UPGRADE)?;
            let (mut answer, mut byte) = (Vec::new(), [0]);
            while !answer.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte)?;
                answer.push(byte[0]);
            }
        }
        stream.write_all(&login(framing))?;
        let mut welcome = [0; 16];
        stream.read_exact(&mut welcome)?;
        held.push(stream);
    }
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

/// A server's thread, pinned to the first core; ends when this is dropped.
struct Server {
    addr: SocketAddr,
    tid: i32,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Runs `turn` again and again. It is made in the thread that it runs in.
    fn start<T: FnMut() -> io::Result<()>>(addr: SocketAddr, make: impl FnOnce() -> io::Result<T> + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, begun) = sync_channel(1);
        let stopped = Arc::clone(&stop);
        thread::spawn(move || -> io::Result<()> {
            pin(0);
            let mut turn = make()?;
            ready.send(gettid().as_raw_nonzero().get()).map_err(io::Error::other)?;
            while !stopped.load(Relaxed) {
                turn()?;
            }
            Ok(())
        });
        Self { addr, tid: begun.recv().expect("the server starts"), stop }
    }

    /// CPU time of its thread so far.
    fn cpu(&self) -> Duration {
        let schedstat = std::fs::read_to_string(format!("/proc/self/task/{}/schedstat", self.tid)).expect("Linux keeps it");
        Duration::from_nanos(schedstat.split(' ').next().and_then(|ns| ns.parse().ok()).expect("it begins with a number"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

fn serve_edge(guard: hillfort_guard::Config) -> io::Result<Server> {
    let mut edge = Edge::bind(config(guard)).map_err(io::Error::other)?;
    let addr = edge.addr(Door::Frames)?;
    drop(edge.session_ports(1));
    Ok(Server::start(addr, move || {
        let (mut edge, _http) = edge.into_thread(Box::new(NoRooms), Router::new())?;
        Ok(move || edge.turn(Some(Duration::from_millis(50))).map(drop))
    }))
}

/// Reads into one shared buffer and writes the same back: the least that a server of frames can do.
fn serve_echo() -> io::Result<Server> {
    serve_bare(|poll, conns, stream, _| {
        let mut stream = stream;
        poll.registry().register(&mut stream, Token(conns.len()), Interest::READABLE)?;
        conns.push(stream);
        Ok(())
    })
}

/// Accepts and resets: the least that a refusal can cost from user space.
fn serve_resets() -> io::Result<Server> {
    serve_bare(|_, _, stream, _| SockRef::from(&stream).set_linger(Some(Duration::ZERO)))
}

type OnAccept = fn(&Poll, &mut Vec<MioStream>, MioStream, SocketAddr) -> io::Result<()>;

fn serve_bare(on_accept: OnAccept) -> io::Result<Server> {
    const LISTENER: Token = Token(usize::MAX);
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    socket.listen(4096)?;
    let mut listener = TcpListener::from_std(socket.into());
    let addr = listener.local_addr()?;
    Ok(Server::start(addr, move || {
        let mut poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let (mut events, mut conns, mut buffer) = (Events::with_capacity(1024), Vec::new(), vec![0; 64 * 1024]);
        Ok(move || {
            poll.poll(&mut events, Some(Duration::from_millis(50)))?;
            for event in &events {
                if event.token() == LISTENER {
                    while let Ok((stream, peer)) = listener.accept() {
                        on_accept(&poll, &mut conns, stream, peer)?;
                    }
                } else if let Ok(read @ 1..) = conns[event.token().0].read(&mut buffer) {
                    conns[event.token().0].write_all(&buffer[..read])?;
                }
            }
            Ok(())
        })
    }))
}

/// Frames that come back for each CPU-second of the server: 256 connections, each with `pipeline` of them under way.
fn frames_per_cpu_second(server: &Server, pipeline: usize, login_first: bool) -> io::Result<f64> {
    pin(1);
    let mut frame = Vec::new();
    ClientView::unsequenced(ClientBody::Ping { echo: 1, pad: &[7; 51] }).put(Framing::Tcp, &mut frame);
    let (burst, mut poll, mut events) = (frame.repeat(pipeline), Poll::new()?, Events::with_capacity(1024));
    let mut conns = Vec::new();
    for at in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(server.addr)?;
        stream.set_nodelay(true)?;
        if login_first {
            stream.write_all(&login(Framing::Tcp))?;
            let mut welcome = [0; 256];
            let _welcome_is_one_small_frame = stream.read(&mut welcome)?;
        }
        stream.set_nonblocking(true)?;
        let mut stream = MioStream::from_std(stream);
        poll.registry().register(&mut stream, Token(at), Interest::READABLE)?;
        stream.write_all(&burst)?;
        conns.push((stream, 0));
    }
    let (mut buffer, mut bytes) = (vec![0; 64 * 1024], 0);
    let mut begin = None;
    let warm = Instant::now() + Duration::from_millis(300);
    let end = warm + ROUND;
    while Instant::now() < end {
        if begin.is_none() && Instant::now() >= warm {
            begin = Some((server.cpu(), bytes));
        }
        poll.poll(&mut events, Some(Duration::from_millis(50)))?;
        for event in &events {
            let (stream, got) = &mut conns[event.token().0];
            let read = match stream.read(&mut buffer) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => continue,
                read => read?,
            };
            bytes += read;
            *got += read;
            if *got == burst.len() {
                *got = 0;
                stream.write_all(&burst)?;
            }
        }
    }
    let (cpu, before) = begin.expect("the round is longer than its beginning");
    Ok((bytes - before) as f64 / frame.len() as f64 / (server.cpu() - cpu).as_secs_f64())
}

/// Connections refused for each CPU-second of the server.
fn refusals_per_cpu_second(server: &Server) -> io::Result<f64> {
    pin(1);
    // The first is the one that the door lets in.
    let _first = TcpStream::connect(server.addr)?;
    let (cpu, end, mut refused) = (server.cpu(), Instant::now() + ROUND, 0);
    while Instant::now() < end {
        // The reset may come before `connect` returns.
        let _reset = TcpStream::connect(server.addr).and_then(|mut stream| stream.read(&mut [0]));
        refused += 1;
    }
    Ok(f64::from(refused) / (server.cpu() - cpu).as_secs_f64())
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

fn rate(per_s: u32, burst: u32) -> Rate {
    Rate::new(per_s, burst).expect("within the bounds")
}

fn key() -> HelloKey {
    HelloKey::new(AppId(1), KeyId(1), b"a secret of the bench").expect("long enough")
}

fn generous() -> hillfort_guard::Config {
    let mut keys = KeyRing::new();
    keys.insert(key()).expect("the first");
    let much = rate(200_000, 1_000_000);
    hillfort_guard::Config {
        connect: much,
        source_connect: much,
        source_open_max: 100_000,
        open_max: 100_000,
        network_open_max: 100_000,
        tolerance: much,
        inputs: InputRates { session: much, kind: much, control: much, tolerance: much },
        ..hillfort_guard::Config::new(keys)
    }
}

/// Lets one connection in.
fn closed() -> hillfort_guard::Config {
    hillfort_guard::Config { source_connect: rate(1, 1), ..generous() }
}

fn config(guard: hillfort_guard::Config) -> Config {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Config::new(any, any, guard)
}

fn login(framing: Framing) -> Vec<u8> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).expect("the system has randomness");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64);
    let hello = Hello::sign(UnixMs(now), nonce, &key());
    let mut out = Vec::new();
    match framing {
        Framing::Tcp => out.extend_from_slice(&hello),
        _ => framing.put(&mut out, hello.len(), |out| out.extend_from_slice(&hello)),
    }
    ClientView::unsequenced(ClientBody::Login { name: "idle" }).put(framing, &mut out);
    out
}

fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    // On a machine with one core the figures are worse, not wrong.
    let _one_core = sched_setaffinity(None, &set);
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux keeps it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it says how much is resident");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of kB") * 1024
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
