//! A loop with ports that remember, and clients that speak over real sockets without blocking.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use hillfort_guard::{InputRates, Rate};
use hillfort_proto::frame::{self, Framing};
use hillfort_proto::hello::{AppId, Hello, HelloKey, KeyId, KeyRing};
use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::limits::{HELLO_BYTES, SERVER_PAYLOAD_BYTES_MAX};
use hillfort_proto::message::{Ask, ClientBody, ClientView, Encode, RoomLine, ServerBody, ServerView, Wanted};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::{Inbound, InboundBatch, Outbound, OutboundBatch, Recycle, RoomPort, SessionPort};
use hillfort_proto::time::UnixMs;
use hillfort_stream::Porter;
use rustls::ClientConnection;

use crate::{Config, Control, Door, Edge, EdgeThread, Stats};

pub(super) const SECRET: &[u8] = b"a secret of the test";
pub(super) const GAME: &str = "chess";

pub(super) const UPGRADE: &str = "GET /session HTTP/1.1\r\nHost: fort\r\nOrigin: http://elsewhere\r\nConnection: keep-alive, Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

pub(super) struct Rig {
    pub(super) edge: EdgeThread,
    pub(super) control: Control,
    pub(super) stats: Arc<Stats>,
    pub(super) port: Box<dyn SessionPort>,
    pub(super) rooms: Arc<Mutex<Rooms>>,
    pub(super) batch: OutboundBatch,
    stale_keys_known: u64,
    frames: SocketAddr,
    http: SocketAddr,
}

/// What the rooms were told.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    pub(super) told: VecDeque<String>,
    pub(super) inputs: u64,
    /// The lane is full.
    pub(super) busy: bool,
    /// Inputs are only counted.
    pub(super) quiet: bool,
}

struct FakeRooms(Arc<Mutex<Rooms>>);

impl RoomPort for FakeRooms {
    fn place(&mut self, game: &str, room: Wanted<'_>) -> Result<u8, Reject> {
        if game != GAME {
            return Err(Reject::RoomGame);
        }
        if matches!(room, Wanted::Room(room) if room.owner() != 0) { Err(Reject::RoomUnknown) } else { Ok(0) }
    }

    fn unplace(&mut self, game: &str, room: Wanted<'_>) {
        self.0.lock().unwrap().told.push_back(format!("unplace {game} {room:?}"));
    }

    fn list(&mut self, ask: &Ask<'_>, lines: &mut Vec<u8>) -> Result<bool, Reject> {
        if ask.game != GAME {
            return Err(Reject::RoomGame);
        }
        RoomLine { room: RoomId(0x100), name: "one", label: ask.label, seats_taken: 1, seats_max: 2, hz: 20 }.put(lines);
        Ok(true)
    }

    fn worlds(&self) -> usize {
        1
    }

    fn submit(&mut self, world: u8, batch: &mut InboundBatch) -> bool {
        assert_eq!(world, 0);
        let mut rooms = self.0.lock().unwrap();
        if rooms.busy {
            return false;
        }
        for entry in batch.iter() {
            rooms.inputs += u64::from(matches!(entry, Inbound::Input { .. }));
            if !rooms.quiet {
                rooms.told.push_back(match entry {
                    Inbound::Join { game, name, .. } => format!("join {game} {name}"),
                    Inbound::Input { op, data, .. } => format!("input {op} {}", String::from_utf8_lossy(data)),
                    Inbound::Leave { .. } => "leave".into(),
                    Inbound::Drop { .. } => "drop".into(),
                    Inbound::Reconnect { .. } => "reconnect".into(),
                    Inbound::Resync { .. } => "resync".into(),
                    Inbound::Switched { .. } => "switched".into(),
                });
            }
        }
        batch.clear();
        true
    }
}

/// Rooms that nobody may join.
pub(super) struct Quiet;

impl RoomPort for Quiet {
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

    fn submit(&mut self, _world: u8, batch: &mut InboundBatch) -> bool {
        batch.clear();
        true
    }
}

pub(super) fn rate(per_s: u32, burst: u32) -> Rate {
    Rate::new(per_s, burst).unwrap()
}

pub(super) fn hello_key() -> HelloKey {
    HelloKey::new(AppId(7), KeyId(1), SECRET).unwrap()
}

/// Generous limits: a test that is about one of them narrows it.
pub(super) fn guard_config() -> hillfort_guard::Config {
    let mut keys = KeyRing::new();
    keys.insert(hello_key()).unwrap();
    let much = rate(100_000, 100_000);
    hillfort_guard::Config {
        connect: much,
        known_percent: 0,
        source_connect: much,
        source_open_max: 10_000,
        open_max: 10_000,
        tolerance: rate(1_000, 100_000),
        inputs: InputRates { session: much, kind: much, control: much, tolerance: much },
        ..hillfort_guard::Config::new(keys)
    }
}

pub(super) fn config() -> Config {
    let any = "127.0.0.1:0".parse().unwrap();
    // The budget of handshakes is the guard's, not what this machine can do.
    Config { handshake_percent: 0, ..Config::new(any, any, guard_config()) }
}

impl Rig {
    pub(super) fn new(config: Config) -> Self {
        Self::with_router(config, Router::new().route("/", get(async || "fort")))
    }

    pub(super) fn with_router(config: Config, router: Router) -> Self {
        Self::with_porter(config, router, None)
    }

    pub(super) fn with_porter(config: Config, router: Router, porter: Option<Box<dyn Porter>>) -> Self {
        let mut edge = Edge::bind(config).unwrap();
        if let Some(porter) = porter {
            edge.set_porter(porter);
        }
        edge.set_grpc(router.clone().fallback(async |request: axum::extract::Request| format!("{:?}", request.version())));
        let (frames, http) = (edge.addr(Door::Frames).unwrap(), edge.addr(Door::Http).unwrap());
        let (control, stats) = (edge.control(), edge.stats());
        let port = edge.session_ports(1).pop().unwrap();
        let rooms = Arc::default();
        let (edge, _http) = edge.into_thread(Box::new(FakeRooms(Arc::clone(&rooms))), router).unwrap();
        Self { edge, control, stats, port, rooms, batch: OutboundBatch::default(), stale_keys_known: 0, frames, http }
    }

    pub(super) fn addr(&self, door: Door) -> SocketAddr {
        match door {
            Door::Frames => self.frames,
            Door::Http | Door::WebSocket => self.http,
            Door::Grpc => self.edge.addr(door).unwrap(),
        }
    }

    /// Turns the loop until `done`; fails when that takes too long.
    pub(super) fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(10);
        while !done(self) {
            assert!(Instant::now() < end, "waited in vain for {what}; {:?}", self.refusals());
            self.edge.turn(Some(Duration::from_millis(1))).unwrap();
        }
    }

    /// A handful of turns: whatever was on its way has arrived.
    pub(super) fn settle(&mut self) {
        for _ in 0..5 {
            self.edge.turn(Some(Duration::from_millis(1))).unwrap();
        }
    }

    /// Lets time pass for the loop.
    pub(super) fn pass(&mut self, time: Duration) {
        self.edge.origin -= time;
        self.settle();
    }

    pub(super) fn say(&mut self, entry: Outbound<'_>) {
        self.batch.push(entry).unwrap();
        assert!(self.port.submit(0, &mut self.batch));
    }

    pub(super) fn told(&mut self) -> Option<String> {
        self.rooms.lock().unwrap().told.pop_front()
    }

    /// Waits until the rooms are told exactly this next.
    pub(super) fn expect_told(&mut self, expect: &str) {
        let mut told = None;
        self.until(expect, |rig| {
            told = rig.told();
            told.is_some()
        });
        assert_eq!(told.as_deref(), Some(expect));
    }

    /// Keys so far that named nobody; a rig whose test does not ask for them has none when it ends.
    pub(super) fn take_stale_keys(&mut self) -> u64 {
        let stale = self.stats.snapshot().stale_keys;
        self.stale_keys_known = stale;
        stale
    }

    /// Refusals so far, by label.
    pub(super) fn refusals(&self) -> Vec<(&'static str, u64)> {
        let snapshot = self.stats.snapshot();
        Reject::ALL.iter().map(|r| (r.label(), snapshot.refused(*r))).filter(|(_, n)| *n > 0).collect()
    }

    pub(super) fn refused(&self, reject: Reject) -> u64 {
        self.stats.snapshot().refused(reject)
    }

    pub(super) fn connect(&mut self) -> Client {
        Client::new(TcpStream::connect(self.frames).unwrap())
    }

    /// A client on the HTTP door.
    pub(super) fn connect_http(&mut self) -> Client {
        Client::new(TcpStream::connect(self.http).unwrap())
    }

    /// Sends an HTTP request and waits for the header of its answer; what follows stays in `received`.
    pub(super) fn request(&mut self, client: &mut Client, request: &str) -> String {
        client.send(request.as_bytes());
        let mut end = None;
        self.until("an HTTP answer", |_| {
            client.read();
            end = client.received.windows(4).position(|w| w == b"\r\n\r\n");
            end.is_some() || client.ended
        });
        let Some(end) = end else { return String::new() };
        String::from_utf8(client.received.drain(..end + 4).collect()).unwrap()
    }

    /// Makes a WebSocket of a client on the HTTP door.
    pub(super) fn upgrade(&mut self, client: &mut Client) {
        let answer = self.request(client, UPGRADE);
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        // The example of RFC 6455 §1.3.
        assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
        client.framing = Framing::WebSocketMasked([1, 2, 3, 4]);
    }

    /// A client that has said hello and logged in over WebSocket.
    pub(super) fn login_websocket(&mut self, name: &str) -> Client {
        let mut client = self.connect_http();
        self.upgrade(&mut client);
        client.message(&hello());
        client.say(ClientBody::Login { name });
        self.welcome(&mut client);
        client
    }

    /// A client that has said hello and logged in over TCP frames.
    pub(super) fn login(&mut self, name: &str) -> Client {
        let mut client = self.connect();
        client.send(&hello());
        client.say(ClientBody::Login { name });
        self.welcome(&mut client);
        client
    }

    pub(super) fn welcome(&mut self, client: &mut Client) {
        let message = self.next(client);
        let ServerBody::Welcome { session, token, .. } = ServerView::read(&message).unwrap().body else {
            panic!("no welcome but {:?}", ServerView::read(&message))
        };
        (client.session, client.token) = (session, *token);
    }

    /// The client sits in this room afterwards.
    pub(super) fn seat(&mut self, client: &mut Client, room: RoomId) {
        client.sequenced(ClientBody::Join { game: GAME, room: Wanted::Room(room) });
        self.until("the join", |rig| rig.told().is_some());
        self.say(Outbound::Joined { session: client.session, room, game: GAME, label: "", hz: 20, tick: 1 });
        let message = self.next(client);
        assert!(matches!(ServerView::read(&message).unwrap().body, ServerBody::Joined { .. }));
    }

    /// The next message that the client gets.
    pub(super) fn next(&mut self, client: &mut Client) -> Vec<u8> {
        let mut message = None;
        self.until("a message", |_| {
            message = client.poll();
            message.is_some()
        });
        message.unwrap()
    }

    /// The code of the Close that the client gets next, and that the connection ends after it.
    pub(super) fn closed(&mut self, client: &mut Client) -> Option<Reject> {
        self.until("the end", |_| {
            client.read();
            client.ended
        });
        let mut reject = None;
        while let Some(message) = client.poll() {
            if let ServerBody::Close { code, .. } = ServerView::read(&message).unwrap().body {
                reject = Reject::from_code(code);
            }
        }
        reject
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.stats.snapshot().stale_keys, self.stale_keys_known, "the edge kept a key too long");
        }
    }
}

/// A signed hello of now.
pub(super) fn hello() -> [u8; HELLO_BYTES] {
    hello_of(EdgeThread::unix_now(), &hello_key())
}

pub(super) fn hello_of(now: UnixMs, key: &HelloKey) -> [u8; HELLO_BYTES] {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).unwrap();
    Hello::sign(now, nonce, key)
}

pub(super) struct Client {
    pub(super) socket: TcpStream,
    pub(super) session: SessionId,
    pub(super) token: [u8; 16],
    pub(super) received: Vec<u8>,
    /// The server has closed, in order or by reset.
    pub(super) ended: bool,
    pub(super) reset: bool,
    pub(super) framing: Framing,
    pub(super) tls: Option<ClientConnection>,
    seq: u64,
}

impl Client {
    pub(super) fn new(socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self {
            socket,
            session: SessionId(0),
            token: [0; 16],
            received: Vec::new(),
            ended: false,
            reset: false,
            framing: Framing::Tcp,
            tls: None,
            seq: 0,
        }
    }

    /// Sends; what does not fit or comes too late is lost, as the peer is gone.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let Some(tls) = &mut self.tls else {
            let _peer_is_gone = self.socket.write(bytes);
            return;
        };
        tls.writer().write_all(bytes).unwrap();
        self.pump();
    }

    /// Moves TLS records both ways.
    fn pump(&mut self) {
        let Some(tls) = &mut self.tls else { return };
        while tls.wants_write() && tls.write_tls(&mut self.socket).is_ok() {}
        while let Ok(1..) = tls.read_tls(&mut self.socket) {
            if tls.process_new_packets().is_err() {
                return self.ended = true;
            }
        }
        while tls.wants_write() && tls.write_tls(&mut self.socket).is_ok() {}
    }

    /// One message, framed as the connection wants it.
    pub(super) fn message(&mut self, payload: &[u8]) {
        let mut out = Vec::new();
        self.framing.put(&mut out, payload.len(), |out| out.extend_from_slice(payload));
        self.send(&out);
    }

    pub(super) fn say(&mut self, body: ClientBody<'_>) {
        self.put(&ClientView::unsequenced(body));
    }

    pub(super) fn sequenced(&mut self, body: ClientBody<'_>) {
        self.seq += 1;
        self.put(&ClientView { seq: self.seq, ack: 0, body });
    }

    fn put(&mut self, message: &ClientView<'_>) {
        let mut out = Vec::new();
        message.put(self.framing, &mut out);
        self.send(&out);
    }

    pub(super) fn read(&mut self) {
        let mut buffer = [0; 64 * 1024];
        self.pump();
        loop {
            let read = match &mut self.tls {
                Some(tls) => tls.reader().read(&mut buffer),
                None => self.socket.read(&mut buffer),
            };
            match read {
                Ok(0) => return self.ended = true,
                Ok(n) => self.received.extend_from_slice(&buffer[..n]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return (self.ended, self.reset) = (true, true),
            }
        }
    }

    /// Next message, if it is there.
    pub(super) fn poll(&mut self) -> Option<Vec<u8>> {
        self.read();
        if self.framing != Framing::Tcp {
            return self.poll_websocket();
        }
        let frame = frame::read(&self.received, SERVER_PAYLOAD_BYTES_MAX).expect("the server frames well")?;
        let (payload, consumed) = (frame.payload.to_vec(), frame.consumed);
        self.received.drain(..consumed);
        Some(payload)
    }

    fn poll_websocket(&mut self) -> Option<Vec<u8>> {
        if self.received.first() == Some(&0x88) {
            // Stays for the test that wants to look at it.
            return None;
        }
        let (opcode, payload) = self.poll_websocket_frame()?;
        (opcode == 2).then_some(payload)
    }

    /// Opcode and payload of the next WebSocket frame.
    pub(super) fn poll_websocket_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        self.read();
        let (first, short) = (*self.received.first()?, *self.received.get(1)?);
        assert_eq!(first & 0x70, 0, "no extension was agreed on");
        let (head, len) = match short {
            126 => (4, usize::from(u16::from_be_bytes(self.received.get(2..4)?.try_into().unwrap()))),
            127 => (10, u64::from_be_bytes(self.received.get(2..10)?.try_into().unwrap()) as usize),
            len => (2, usize::from(len)),
        };
        let payload = self.received.get(head..head + len)?.to_vec();
        self.received.drain(..head + len);
        Some((first & 0x0f, payload))
    }
}
