//! A loop, its clients, a service that knows a few users, and rooms that note what they are told.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hillfort_api::api::{GetUsersRequest, Rpc, User, Users};
use hillfort_api::match_id::RoomCipher;
use hillfort_api::matches::PlayerFacts;
use hillfort_api::realtime::Envelope;
use hillfort_api::service::{Answer, Hooks, Later};
use hillfort_api::{ApiError, Call, Caller, Code, Credentials, Reply, Service, SessionId, SessionUser, UserId, Who};
use hillfort_guard::{Admitted, Guard};
use hillfort_proto::hello::KeyRing;
use hillfort_proto::ids::SessionId as SeatId;
use hillfort_proto::message::{Ask, Wanted};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::{Inbound, InboundBatch, Outbound, OutboundBatch, Recycle as _, RoomPort, SessionPort};
use hillfort_stream::{Desk, Guest, Permit, Stream};
use prost::Message as _;
use serde_json::{Value, json};
use socket2::SockRef;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::socket::conn::Format;
use crate::socket::upgrade::Arrival;
use crate::socket::{Config, SocketDoor, SocketThread, Sockets};

/// A user who may not be here.
pub(super) const BANNED: u8 = 66;

pub(super) struct Rig {
    pub(super) thread: SocketThread,
    pub(super) sockets: Sockets,
    pub(super) service: Arc<Stand>,
    pub(super) rooms: Arc<Mutex<Told>>,
    pub(super) desk: Arc<TestDesk>,
    pub(super) cipher: RoomCipher,
    port: Box<dyn SessionPort>,
    batch: OutboundBatch,
    guard: Guard,
    users: u8,
    _runtime: Runtime,
}

/// What rooms were told, in words; and whether they take more.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) lines: Vec<String>,
    pub(super) facts: Vec<PlayerFacts>,
    pub(super) inputs: Vec<(SeatId, u32, Vec<u8>)>,
    pub(super) shut: bool,
}

/// Places that came back.
#[derive(Debug, Default)]
pub(super) struct TestDesk(pub(super) Mutex<Vec<Option<Reject>>>);

struct FakeRooms(Arc<Mutex<Told>>);

/// Answers calls.
#[derive(Default)]
pub(super) struct Stand {
    /// Calls of `slow` that wait.
    pub(super) waiting: Mutex<Vec<oneshot::Sender<String>>>,
    /// Hooks around functions.
    pub(super) hooks: Mutex<Hooks>,
    /// Hooks that wait.
    pub(super) hooked: Mutex<Vec<oneshot::Sender<()>>>,
    /// Whether sessions end while they open.
    pub(super) ends: AtomicBool,
    /// Hooks around every message, and what they saw.
    pub(super) seen: Mutex<Seen>,
}

/// What hooks do, and the fields of the envelopes that they saw; of replies too.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Nothing: there are none.
    pub(super) on: Option<On>,
    pub(super) before: Vec<String>,
    pub(super) after: Vec<(String, Option<String>)>,
}

/// What a hook before a message does.
#[derive(Debug, Clone, Copy)]
pub(super) enum On {
    /// The message goes on as it is.
    Lets,
    /// It is switched off.
    Drops,
    /// The hook fails.
    Fails,
}

pub(super) struct Client {
    socket: TcpStream,
    received: Vec<u8>,
    pub(super) ended: bool,
    pub(super) session: SessionId,
    pub(super) user: UserId,
    pub(super) name: String,
}

impl Service for Stand {
    fn caller(&self, credentials: Credentials<'_>) -> Result<Who, ApiError> {
        match credentials {
            Credentials::Token(token) if token.starts_with("good") => Ok(Who::User(Arc::new(user(1, token)))),
            other => Err(other.refused()),
        }
    }

    fn were_good(&self, credentials: Credentials<'_>) -> bool {
        matches!(credentials, Credentials::Token(token) if token.starts_with("old"))
    }

    fn has_ended(&self, _: &SessionUser) -> bool {
        self.ends.load(Relaxed)
    }

    fn message_hooks(&self, message: &'static str) -> Hooks {
        if self.seen.lock().unwrap().on.is_some() {
            return Hooks { before: true, after: true };
        }
        if message == "rpc" { *self.hooks.lock().unwrap() } else { Hooks::default() }
    }

    fn before_message(&self, _: Caller, envelope: Envelope) -> Later<Result<Option<Envelope>, ApiError>> {
        let mut seen = self.seen.lock().unwrap();
        if let Some(on) = seen.on {
            seen.before.push(field(&envelope));
            return Box::pin(std::future::ready(match on {
                On::Lets => Ok(Some(envelope)),
                On::Drops => Ok(None),
                On::Fails => Err(ApiError::new(Code::Internal, "not today")),
            }));
        }
        let (sender, receiver) = oneshot::channel();
        self.hooked.lock().unwrap().push(sender);
        Box::pin(async move { receiver.await.map(|()| Some(envelope)).map_err(|_| ApiError::new(Code::Internal, "dropped")) })
    }

    fn after_message(&self, _: Caller, reply: Option<Envelope>, envelope: Envelope) -> Later<()> {
        let mut seen = self.seen.lock().unwrap();
        if seen.on.is_some() {
            seen.after.push((field(&envelope), reply.as_ref().map(field)));
            return Box::pin(std::future::ready(()));
        }
        let (sender, receiver) = oneshot::channel();
        self.hooked.lock().unwrap().push(sender);
        Box::pin(async move { _ = receiver.await })
    }

    fn call(&self, caller: Caller, call: Call) -> Answer {
        let Who::User(user) = caller.who else { panic!("sockets are of users") };
        match call {
            Call::Healthcheck(()) if user.user_id == user_id(BANNED) => {
                ready(Err(ApiError::new(Code::PermissionDenied, "User account banned.")))
            }
            Call::Healthcheck(()) => ready(Ok(Reply::Empty(()))),
            Call::RpcFunc(Rpc { id, payload, .. }) => match id.as_str() {
                "echo" => ready(Ok(rpc(&id, format!("{}:{payload}", user.username)))),
                "panic" => Box::pin(async { panic!("as told") }),
                "bad" => ready(Err(ApiError::new(Code::InvalidArgument, "bad payload"))),
                "slow" => {
                    let (sender, receiver) = oneshot::channel();
                    self.waiting.lock().unwrap().push(sender);
                    Box::pin(async move { Ok(rpc("slow", receiver.await.unwrap_or_default())) })
                }
                _ => ready(Err(ApiError::new(Code::NotFound, "RPC function not found"))),
            },
            Call::GetUsers(GetUsersRequest { ids, usernames, .. }) => {
                let named = usernames.iter().filter(|name| *name == "user2").map(|_| user_id(2).to_string());
                let known = ids.into_iter().filter(|id| !id.starts_with("ff")).chain(named);
                let users = known.map(|id| User { id, ..User::default() }).collect();
                ready(Ok(Reply::Users(Users { users })))
            }
            other => panic!("not a socket's call: {other:?}"),
        }
    }
}

/// An envelope's field.
fn field(envelope: &Envelope) -> String {
    let json: Value = serde_json::from_slice(&hillfort_api::json::write(envelope)).unwrap();
    json.as_object().unwrap().keys().find(|name| *name != "cid").cloned().unwrap_or_default()
}

fn ready(answer: Result<Reply, ApiError>) -> Answer {
    Box::pin(std::future::ready(answer))
}

fn rpc(id: &str, payload: String) -> Reply {
    Reply::Rpc(Rpc { id: id.to_owned(), payload, http_key: String::new() })
}

pub(super) fn user_id(n: u8) -> UserId {
    UserId([n; 16])
}

fn user(n: u8, name: &str) -> SessionUser {
    SessionUser {
        user_id: user_id(n),
        username: name.to_owned(),
        vars: [("region".to_owned(), "eu".to_owned())].into(),
        expires_s: 2_000_000_000,
        issued_s: 1_900_000_000,
        token_id: String::new(),
        generation: 0,
    }
}

impl Desk for TestDesk {
    fn give_back(&self, _: Admitted, fault: Option<Reject>, _: Option<u64>) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(fault);
    }
}

impl RoomPort for FakeRooms {
    fn place(&mut self, _: &str, _: Wanted<'_>) -> Result<u8, Reject> {
        panic!("rooms are named")
    }

    fn unplace(&mut self, _: &str, _: Wanted<'_>) {}

    fn list(&mut self, _: &Ask<'_>, _: &mut Vec<u8>) -> Result<bool, Reject> {
        Ok(false)
    }

    fn worlds(&self) -> usize {
        1
    }

    fn submit(&mut self, _: u8, batch: &mut InboundBatch) -> bool {
        let mut told = self.0.lock().unwrap();
        if told.shut {
            return false;
        }
        for entry in batch.iter() {
            let line = match entry {
                Inbound::Join { session, room: Wanted::Room(room), game: "", name, facts } => {
                    told.facts.push(PlayerFacts::read(facts).unwrap());
                    format!("{session} joins {room} as {name}")
                }
                Inbound::Input { session, room, op, data } => {
                    told.inputs.push((session, op, data.to_vec()));
                    format!("{session} says {op} in {room}")
                }
                Inbound::Leave { session, room } => format!("{session} leaves {room}"),
                Inbound::Resync { session, room } => format!("{session} resyncs {room}"),
                Inbound::Switched { room, edge } => format!("edge {edge} switches {room}"),
                other => panic!("not said by this door: {other:?}"),
            };
            told.lines.push(line);
        }
        batch.clear();
        true
    }
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(super) fn with(config: Config) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        let (service, cipher) = (Arc::new(Stand::default()), RoomCipher::new([1, 2, 3, 4]));
        let mut door =
            SocketDoor::new(config, Arc::clone(&service) as Arc<dyn Service>, runtime.handle().clone(), cipher.clone()).unwrap();
        let (sockets, port, rooms) = (door.sockets(), door.session_ports(1).remove(0), Arc::<Mutex<Told>>::default());
        let thread = door.into_thread(Box::new(FakeRooms(Arc::clone(&rooms))), 1);
        let guard = Guard::new(hillfort_guard::Config::new(KeyRing::default()), 1);
        let (desk, batch) = (Arc::default(), OutboundBatch::default());
        Self { thread, sockets, service, rooms, desk, cipher, port, batch, guard, users: 0, _runtime: runtime }
    }

    /// A new user's socket.
    pub(super) fn connect(&mut self, format: Format) -> Client {
        self.users += 1;
        self.connect_as(self.users, format, false)
    }

    pub(super) fn connect_as(&mut self, n: u8, format: Format, status: bool) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, peer) = listener.accept().unwrap();
        accepted.set_nonblocking(true).unwrap();
        socket.set_nonblocking(true).unwrap();
        // So that a client that does not read is soon noticed.
        SockRef::from(&accepted).set_send_buffer_size(16 * 1024).unwrap();
        SockRef::from(&socket).set_recv_buffer_size(16 * 1024).unwrap();
        let admitted = self.guard.on_connect(self.thread.now(), peer.ip()).unwrap();
        let permit = Permit::new(admitted, Arc::clone(&self.desk) as Arc<dyn Desk>);
        let guest =
            Guest { stream: Stream::plain(mio::net::TcpStream::from_std(accepted)), early: Default::default(), peer, permit };
        let mut session = [0; 16];
        getrandom::fill(&mut session).unwrap();
        let (session, name) = (SessionId(session), format!("user{n}"));
        let user = Arc::new(user(n, &name));
        let now = self.thread.now();
        self.thread.open(now, Arrival { guest, session, user, format, status });
        Client { socket, received: Vec::new(), ended: false, session, user: user_id(n), name }
    }

    /// Turns the loop until `done`; fails when that takes too long.
    pub(super) fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !done(self) {
            assert!(Instant::now() < end, "waited in vain for {what}; {:?}", self.sockets.stats());
            self.thread.turn(Some(Duration::from_millis(1))).unwrap();
        }
    }

    /// A handful of turns: whatever was on its way has arrived.
    pub(super) fn settle(&mut self) {
        for _ in 0..5 {
            self.thread.turn(Some(Duration::from_millis(1))).unwrap();
        }
    }

    /// What a room says.
    pub(super) fn say(&mut self, entry: Outbound<'_>) {
        self.batch.push(entry).unwrap();
        assert!(self.port.submit(0, &mut self.batch));
    }

    /// The next JSON that arrives.
    pub(super) fn next(&mut self, client: &mut Client) -> Value {
        let mut found = None;
        self.until("a message", |_| {
            found = client.poll();
            found.is_some()
        });
        match found.unwrap() {
            (1, text) => serde_json::from_slice(&text).unwrap(),
            (opcode, payload) => panic!("frame {opcode}: {payload:?}"),
        }
    }

    /// The same as an envelope, of a client of protobuf.
    pub(super) fn next_binary(&mut self, client: &mut Client) -> Envelope {
        let mut found = None;
        self.until("a message", |_| {
            found = client.poll();
            found.is_some()
        });
        let (opcode, payload) = found.unwrap();
        assert_eq!(opcode, 2);
        Envelope::decode(payload.as_slice()).unwrap()
    }

    /// Sends and waits for what comes next.
    pub(super) fn ask(&mut self, client: &mut Client, envelope: Value) -> Value {
        client.send(&envelope);
        self.next(client)
    }

    /// Nothing has arrived, and nothing does.
    pub(super) fn hears_nothing(&mut self, client: &mut Client) {
        self.settle();
        assert_eq!(client.poll().map(|(_, payload)| String::from_utf8_lossy(&payload).into_owned()), None);
    }

    /// The close frame: code and reason.
    pub(super) fn closed(&mut self, client: &mut Client) -> (u16, String) {
        let mut found = None;
        self.until("the close frame", |_| {
            match client.poll() {
                Some((8, payload)) => {
                    found = Some((
                        u16::from_be_bytes(payload[..2].try_into().unwrap()),
                        String::from_utf8_lossy(&payload[2..]).into_owned(),
                    ));
                }
                Some(_) => {}
                None => assert!(!client.ended, "the end without a close frame"),
            }
            found.is_some()
        });
        self.until("the end", |_| {
            client.poll();
            client.ended
        });
        found.unwrap()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.rooms.lock().unwrap().lines)
    }

    /// Waits until rooms were told something.
    pub(super) fn told(&mut self) -> Vec<String> {
        self.until("words for rooms", |rig| !rig.rooms.lock().unwrap().lines.is_empty());
        self.lines()
    }
}

impl Client {
    pub(super) fn send(&mut self, envelope: &Value) {
        self.frame(0x81, envelope.to_string().as_bytes());
    }

    pub(super) fn send_binary(&mut self, envelope: &Envelope) {
        self.frame(0x82, &envelope.encode_to_vec());
    }

    /// One frame with the given first byte, masked.
    pub(super) fn frame(&mut self, first: u8, payload: &[u8]) {
        let mask = [7, 77, 177, 17];
        let mut bytes = vec![first];
        match payload.len() {
            len @ 0..126 => bytes.push(0x80 | len as u8),
            len => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
            }
        }
        bytes.extend_from_slice(&mask);
        bytes.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
        self.raw(&bytes);
    }

    /// Says that nothing more is said.
    pub(super) fn finish(&mut self) {
        self.socket.shutdown(std::net::Shutdown::Write).unwrap();
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        // A server that has closed does not take it.
        let _sent = self.socket.write_all(bytes);
    }

    /// The next frame: opcode and payload.
    pub(super) fn poll(&mut self) -> Option<(u8, Vec<u8>)> {
        self.read();
        let (head, len) = match self.received.get(1)? & 0x7f {
            126 => (4, usize::from(u16::from_be_bytes(self.received.get(2..4)?.try_into().unwrap()))),
            127 => (10, u64::from_be_bytes(self.received.get(2..10)?.try_into().unwrap()) as usize),
            len => (2, usize::from(len)),
        };
        let payload = self.received.get(head..head + len)?.to_vec();
        let opcode = self.received[0] & 0x0f;
        self.received.drain(..head + len);
        Some((opcode, payload))
    }

    fn read(&mut self) {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) => self.ended = true,
                Ok(read) => {
                    self.received.extend_from_slice(&buffer[..read]);
                    continue;
                }
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => self.ended = true,
            }
            return;
        }
    }

    pub(super) fn presence(&self) -> Value {
        json!({ "user_id": self.user.to_string(), "session_id": self.session.to_string(), "username": self.name })
    }
}

/// An error as clients get it.
pub(super) fn error(cid: &str, code: i32, message: &str) -> Value {
    let mut error = json!({ "error": { "message": message } });
    if code != 0 {
        error["error"]["code"] = code.into();
    }
    if !cid.is_empty() {
        error["cid"] = cid.into();
    }
    error
}
