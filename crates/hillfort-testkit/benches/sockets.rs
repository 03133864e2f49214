//! What a player on Nakama's realtime socket costs the whole server: edge, HTTP, socket loop and world thread in one process, clients in
//! another. CPU of the process for each echo through an authoritative match in JSON, for each refused token on a new connection, and memory of
//! idle players; each beside a bare server that moves the same bytes. Prints one line for each; judges nothing.
//!
//! `cargo bench -p hillfort-testkit --bench sockets -- [echo] [refuse] [idle=5000]`

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use hillfort_api::match_id::{MatchId, RoomCipher};
use hillfort_api::service::Answer;
use hillfort_api::{ApiError, Call, Caller, Credentials, Reply, Service, SessionUser, UserId, Who};
use hillfort_edge::{Door, Edge};
use hillfort_guard::Rate;
use hillfort_nakama::socket::{Config, SocketDoor, Sockets};
use hillfort_proto::hello::KeyRing;
use hillfort_proto::message::{Ask, Wanted};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::{InboundBatch, RoomPort};
use hillfort_realm::{Realm, RealmHandle};
use hmac::{Hmac, KeyInit as _, Mac as _};
use mio::net::{TcpListener, TcpStream as MioStream};
use mio::{Events, Interest, Poll, Token};
use sha2::Sha256;

const KEY: &[u8] = b"a secret of the bench";
/// Ticks a second of the match.
const HZ: u32 = 10;
const PLAYERS: usize = 200;
const PLAYERS_A_MATCH: usize = 10;
const ROUND: Duration = Duration::from_secs(5);
/// 64 bytes of data.
const DATA: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if args.first().is_some_and(|arg| arg.starts_with("crowd-")) {
        return crowd(&args);
    }
    // Run as a test, with no word of what is wanted, it measures nothing.
    let all = args.is_empty() && std::env::args().any(|arg| arg == "--bench");
    let wants = |name: &str| all || args.iter().any(|arg| arg.starts_with(name));
    if wants("echo") {
        for per_s in [HZ, 4 * HZ] {
            let (ours, bare) = (echo(&serve(true)?, per_s)?, bare_echo(per_s)?);
            println!(
                "echo, {PLAYERS} players, {per_s} a second each: {ours:.2} µs of CPU, bare echo {bare:.2}, ratio {:.2}",
                ours / bare
            );
        }
    }
    if wants("refuse") {
        // In turn, so that what else the machine does is all the same to them.
        for round in 1..=3 {
            let (ours, by_http) = (refuse(serve(true)?.addr)?, refuse(serve(false)?.addr)?);
            let bare = refuse(serve_bare(answer_and_close)?)?;
            println!(
                "refused token, round {round}: {ours:.1} µs of CPU, bare answer {bare:.1}, ratio {:.2}; by HTTP without the porter {by_http:.1}, ratio {:.2}",
                ours / bare,
                by_http / bare
            );
        }
    }
    if wants("idle") {
        let count = args.iter().find_map(|arg| arg.strip_prefix("idle=")).map_or(5_000, |n| n.parse().expect("a number"));
        let server = serve(true)?;
        // What the server takes for its first players alone (tables, buffers, code that runs for the first time) is no player's.
        let first = count / 10;
        let (before, mut crowds) = (resident(), Vec::new());
        let mut seat = |from: u64, to: u64| -> io::Result<u64> {
            let mut crowd = spawn(&["crowd-idle", &server.addr.to_string(), &from.to_string(), &to.to_string()])?;
            crowd.stdout.take().expect("is piped").read_exact(&mut [0])?;
            crowds.push(crowd);
            // The last are on their way through the server's threads.
            while server.sockets.stats().open < to {
                thread::yield_now();
            }
            Ok(resident())
        };
        let (warm, all) = (seat(0, first)?, seat(first, count)?);
        println!(
            "idle players, {count}: {} bytes each; beyond the first {first}: {} bytes each",
            (all - before) / count,
            (all - warm) / (count - first)
        );
        crowds.iter_mut().try_for_each(end)?;
    }
    Ok(())
}

/// The whole server.
struct Server {
    addr: SocketAddr,
    sockets: Sockets,
    realm: RealmHandle,
    cipher: RoomCipher,
    _threads: tokio::runtime::Runtime,
}

/// `porter`: tokens are looked at where connections are accepted.
fn serve(porter: bool) -> io::Result<Server> {
    let threads = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cipher = RoomCipher::new([1, 2, 3, 4]);
    // The crowd answers no pings, and on a busy machine it takes longer to come than they would wait.
    let hour = Duration::from_secs(3600);
    let config = Config { ping_every: hour, pong_wait: hour, ..Config::default() };
    let mut door = SocketDoor::new(config, Arc::new(Keeper), threads.handle().clone(), cipher.clone())?;
    let sockets = door.sockets();
    let realm = Realm::start(hillfort_realm::Config::default(), vec![hillfort_realm::echo(HZ)], door.session_ports(1));
    let realm = realm.map_err(io::Error::other)?;
    let much = Rate::new(200_000, 1_000_000).expect("in range");
    let guard = hillfort_guard::Config {
        connect: much,
        source_connect: much,
        source_open_max: 100_000,
        network_open_max: 100_000,
        open_max: 100_000,
        unbannable: vec!["127.0.0.0/8".parse().expect("a network")],
        ..hillfort_guard::Config::new(KeyRing::new())
    };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    // As the server that ships has it.
    let config = hillfort_edge::Config { http_connections_max: 4096, ..hillfort_edge::Config::new(any, any, guard) };
    let mut edge = Edge::bind(config).map_err(io::Error::other)?;
    let addr = edge.addr(Door::Http)?;
    drop(edge.session_ports(1));
    if porter {
        edge.set_porter(door.porter());
    }
    let router = door.router();
    thread::spawn(move || edge.run(Box::new(NoRooms), router));
    let port = realm.port().expect("one edge");
    thread::spawn(move || door.into_thread(port, 0).run());
    Ok(Server { addr, sockets, realm, cipher, _threads: threads })
}

/// Knows users by a MAC, as a session token has one.
struct Keeper;

fn token(user: u32) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).expect("any length");
    mac.update(&user.to_le_bytes());
    let mac = mac.finalize().into_bytes().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    format!("{user}.{mac}")
}

impl Service for Keeper {
    fn caller(&self, credentials: Credentials<'_>) -> Result<Who, ApiError> {
        let Credentials::Token(shown) = credentials else { return Err(credentials.refused()) };
        let user = shown.split('.').next().and_then(|user| user.parse().ok()).unwrap_or_default();
        if token(user) != shown {
            return Err(credentials.refused());
        }
        let mut id = [0; 16];
        id[..4].copy_from_slice(&user.to_le_bytes());
        Ok(Who::User(Arc::new(SessionUser {
            user_id: UserId(id),
            username: format!("player-{user:06}"),
            vars: Default::default(),
            expires_s: i64::MAX,
            issued_s: 0,
            token_id: format!("00000000-0000-4000-8000-{user:012}"),
            generation: 0,
        })))
    }

    fn call(&self, _: Caller, call: Call) -> Answer {
        let answer = if let Call::Healthcheck(()) = call { Ok(Reply::Empty(())) } else { Err(ApiError::not_yet("anything")) };
        Box::pin(std::future::ready(answer))
    }
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
        0
    }

    fn submit(&mut self, _world: u8, _batch: &mut InboundBatch) -> bool {
        false
    }
}

/// Microseconds of the server's CPU for each echo.
fn echo(server: &Server, per_s: u32) -> io::Result<f64> {
    let mut args = vec!["crowd-echo".to_owned(), server.addr.to_string(), per_s.to_string()];
    for _ in 0..PLAYERS / PLAYERS_A_MATCH {
        let (to, made) = sync_channel(1);
        let then = move |room| to.send(room).expect("is waited for");
        server.realm.create_then("echo", Vec::new(), then).map_err(io::Error::other)?;
        let room = made.recv().map_err(io::Error::other)?.map_err(io::Error::other)?;
        args.push(MatchId { uuid: server.cipher.uuid(room.0), node: "hillfort" }.to_string());
    }
    measured(&args)
}

fn bare_echo(per_s: u32) -> io::Result<f64> {
    let addr = serve_bare(|stream, read| stream.write_all(read).map(|()| true))?;
    measured(&["crowd-bare".to_owned(), addr.to_string(), per_s.to_string()])
}

fn refuse(addr: SocketAddr) -> io::Result<f64> {
    measured(&["crowd-refused".to_owned(), addr.to_string()])
}

/// Microseconds of this process's CPU for each thing that the crowd counts, between its word that it begins and its word that it ends.
fn measured(args: &[String]) -> io::Result<f64> {
    let mut crowd = spawn(&args.iter().map(String::as_str).collect::<Vec<_>>())?;
    let mut words = crowd.stdout.take().expect("is piped");
    words.read_exact(&mut [0])?;
    let before = cpu();
    let mut count = String::new();
    words.read_to_string(&mut count)?;
    let spent = cpu() - before;
    end(&mut crowd)?;
    let count: f64 = count.trim().parse().map_err(io::Error::other)?;
    Ok(spent.as_secs_f64() * 1e6 / count)
}

fn spawn(args: &[&str]) -> io::Result<Child> {
    Command::new(std::env::current_exe()?).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
}

fn end(child: &mut Child) -> io::Result<()> {
    child.kill()?;
    child.wait().map(drop)
}

/// The least that a server can do: what `on_read` does with what it read. `false` ends the connection.
fn serve_bare(on_read: fn(&mut MioStream, &[u8]) -> io::Result<bool>) -> io::Result<SocketAddr> {
    const LISTENER: Token = Token(usize::MAX);
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let addr = listener.local_addr()?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    thread::spawn(move || -> io::Result<()> {
        let (mut events, mut conns, mut buffer) = (Events::with_capacity(1024), slab::Slab::new(), vec![0; 64 * 1024]);
        loop {
            poll.poll(&mut events, None)?;
            for event in &events {
                if event.token() == LISTENER {
                    while let Ok((mut stream, _)) = listener.accept() {
                        let entry = conns.vacant_entry();
                        poll.registry().register(&mut stream, Token(entry.key()), Interest::READABLE)?;
                        entry.insert(stream);
                    }
                    continue;
                }
                let Some(stream): Option<&mut MioStream> = conns.get_mut(event.token().0) else { continue };
                let goes_on = match stream.read(&mut buffer) {
                    Ok(0) => false,
                    Ok(read) => on_read(stream, &buffer[..read]).unwrap_or(false),
                    Err(e) => e.kind() == ErrorKind::WouldBlock,
                };
                if !goes_on {
                    conns.remove(event.token().0);
                }
            }
        }
    });
    Ok(addr)
}

fn answer_and_close(stream: &mut MioStream, _: &[u8]) -> io::Result<bool> {
    stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")?;
    Ok(false)
}

fn crowd(args: &[String]) -> io::Result<()> {
    let addr: SocketAddr = args[1].parse().expect("an address");
    match args[0].as_str() {
        "crowd-idle" => {
            let users = args[2].parse::<u32>().expect("a number")..args[3].parse().expect("a number");
            let _held: Vec<_> = users.map(|user| join(addr, user, None)).collect::<Result<_, _>>()?;
            begin()?;
            io::stdin().read_to_end(&mut Vec::new()).map(drop)
        }
        "crowd-refused" => {
            let request = format!("GET /ws?lang=en&status=true&token={}x HTTP/1.1\r\nHost: fort\r\n\r\n", token(1));
            let (mut refused, mut end) = (0_u32, None);
            let warm = Instant::now() + Duration::from_millis(500);
            loop {
                let mut stream = TcpStream::connect(addr)?;
                stream.write_all(request.as_bytes())?;
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer)?;
                assert!(answer.starts_with(b"HTTP/1.1 401"), "{}", answer.escape_ascii());
                refused += 1;
                let now = Instant::now();
                if end.is_none() && now >= warm {
                    begin()?;
                    (refused, end) = (0, Some(now + ROUND));
                }
                if end.is_some_and(|end| now >= end) {
                    return finish(refused);
                }
            }
        }
        mode => {
            let per_s: u32 = args[2].parse().expect("a number");
            let matches = &args[3..];
            let mut players = Vec::new();
            for at in 0..PLAYERS {
                let id = matches.get(at / PLAYERS_A_MATCH).map(String::as_str);
                let stream = if mode == "crowd-bare" { TcpStream::connect(addr)? } else { join(addr, at as u32, id)? };
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                let id = id.unwrap_or("00000000-0000-8000-8000-000000000000.hillfort");
                players.push((MioStream::from_std(stream), message(id)));
            }
            play(players, per_s)
        }
    }
}

/// Each player sends at its times; what comes back is counted by its bytes.
fn play(mut players: Vec<(MioStream, Vec<u8>)>, per_s: u32) -> io::Result<()> {
    let (mut poll, mut events, mut buffer) = (Poll::new()?, Events::with_capacity(1024), vec![0; 64 * 1024]);
    for (at, (stream, _)) in players.iter_mut().enumerate() {
        poll.registry().register(stream, Token(at), Interest::READABLE)?;
    }
    let gap = Duration::from_secs(1) / per_s / PLAYERS as u32;
    let (begun, mut sent, mut got, mut counted) = (Instant::now(), 0_u32, 0_u32, None);
    let (warm, total) = (Duration::from_secs(1), Duration::from_secs(1) + ROUND);
    loop {
        let now = begun.elapsed();
        if counted.is_none() && now >= warm {
            begin()?;
            counted = Some(got);
        }
        if now >= total {
            return finish(got - counted.unwrap_or_default());
        }
        while gap * sent <= now {
            let (stream, message) = &mut players[sent as usize % PLAYERS];
            stream.write_all(message)?;
            sent += 1;
        }
        poll.poll(&mut events, Some((gap * sent).saturating_sub(now)))?;
        for event in &events {
            loop {
                match players[event.token().0].0.read(&mut buffer) {
                    Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                    // Each echo has the data once.
                    Ok(read) => got += buffer[..read].windows(8).filter(|part| *part == MARK).count() as u32,
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(e) => return Err(e),
                }
            }
        }
    }
}

/// Stands once in the data; split over two reads it is missed, which is rare.
const MARK: &[u8] = b"ISIjJCUm";

fn message(id: &str) -> Vec<u8> {
    let text =
        format!("{{\"match_data_send\":{{\"match_id\":\"{id}\",\"op_code\":\"1\",\"data\":\"{DATA}\",\"presences\":[]}}}}");
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend_from_slice(&(text.len() as u16).to_be_bytes());
    // Masked with zeroes, so that a bare echo returns it readable.
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// A socket of a user, in a match if one is named.
fn join(addr: SocketAddr, user: u32, id: Option<&str>) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(addr)?;
    let request = format!(
        "GET /ws?lang=en&status=true&token={} HTTP/1.1\r\nHost: fort\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        token(user)
    );
    stream.write_all(request.as_bytes())?;
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        answer.push(byte[0]);
    }
    if let Some(id) = id {
        let text = format!("{{\"cid\":\"1\",\"match_join\":{{\"match_id\":\"{id}\"}}}}");
        let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        stream.write_all(&frame)?;
        let mut heard = Vec::new();
        while !heard.windows(7).any(|part| part == b"\"self\":") {
            stream.read_exact(&mut byte)?;
            heard.push(byte[0]);
        }
    }
    Ok(stream)
}

fn begin() -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(b"b")?;
    out.flush()
}

fn finish(count: u32) -> io::Result<()> {
    println!("{count}");
    Ok(())
}

/// CPU time of all threads of this process.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/schedstat").expect("Linux keeps it");
    let own: u64 = stat.split(' ').next().and_then(|ns| ns.parse().ok()).expect("it begins with a number");
    let mut all = 0;
    for task in std::fs::read_dir("/proc/self/task").expect("Linux keeps it").flatten() {
        let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        all += text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or_default();
    }
    Duration::from_nanos(all.max(own))
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux keeps it");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("is there");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
}
