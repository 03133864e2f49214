//! An honest client: the session machine that bots use, on a wire that can be cut. Owns what it has seen of its session's token, and of hilltop's
//! entities; knows nothing else of games.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hillfort_proto::hello::HelloKey;
use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::limits::RESUME_TOKEN_BYTES;
use hillfort_proto::message::{ServerBody, ServerView, Wanted};
use hillfort_proto::reject::Reject;
use hillfort_proto::session::client::{Event, Session};
use hillfort_proto::time::Time;
use hillfort_sync::{Mirror, read_schema};

use crate::PATIENCE;
use crate::wire::{Door, Next, Wire, development_key, hello};

const SCHEMA: &str = include_str!("../../../../games/hilltop/sync.toml");

/// See the module.
pub(crate) struct Player {
    door: Door,
    key: HelloKey,
    session: Session,
    wire: Option<Wire>,
    started: Instant,
    /// What it sees of hilltop.
    mirror: Option<Mirror>,
    /// What resumes the session.
    pub(crate) token: [u8; RESUME_TOKEN_BYTES],
}

/// What a player sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Welcome { session: SessionId, resumed: bool },
    Joined { room: RoomId, game: String, hz: u32, tick: u64 },
    Left { code: u32 },
    Event { op: u32, data: Vec<u8> },
    State { tick: u64, data: Vec<u8> },
    Scene { tick: u64 },
    Pong { round_trip: Duration },
    Refused { code: u32 },
    Closed { code: u32, resumable: bool },
    Gone,
}

impl Player {
    /// A player with a connection and a login that was answered.
    pub(crate) fn login(door: &Door, name: &str) -> Self {
        Self::login_with(door, name, development_key())
    }

    /// The same with another key.
    pub(crate) fn login_with(door: &Door, name: &str, key: HelloKey) -> Self {
        let mut player = Self::begin(door, Session::new(name), key);
        assert!(!player.welcome(), "the first login is no resumption");
        player
    }

    /// A player with a connection who has asked to log in.
    pub(crate) fn begin(door: &Door, session: Session, key: HelloKey) -> Self {
        let (door, started) = (door.clone(), Instant::now());
        let mut player = Self { door, key, session, wire: None, started, mirror: None, token: [0; RESUME_TOKEN_BYTES] };
        player.connect();
        player
    }

    /// The same, seated in a room of `game`.
    pub(crate) fn seated(door: &Door, name: &str, game: &str) -> Self {
        let mut player = Self::login(door, name);
        player.join(game, None);
        player
    }

    /// A new connection, a hello, and Login or Resume.
    pub(crate) fn connect(&mut self) {
        let mut wire = Wire::open(&self.door).unwrap();
        wire.send_hello(&hello(&self.key));
        self.wire = Some(wire);
        self.speak(|session, now, framing, out| session.start(now, framing, out));
    }

    /// Waits for Welcome: whether it is the old session.
    pub(crate) fn welcome(&mut self) -> bool {
        self.until("Welcome", |seen| match seen {
            Seen::Welcome { resumed, .. } => Some(*resumed),
            Seen::Closed { .. } | Seen::Gone => panic!("no welcome, but {seen:?}"),
            _ => None,
        })
    }

    /// The connection breaks, without a word to the server.
    pub(crate) fn cut(&mut self) {
        self.wire = None;
        let now = self.now();
        self.session.handle_disconnect(now);
    }

    /// From now on by another door.
    pub(crate) fn move_to(&mut self, door: &Door) {
        self.door = door.clone();
    }

    /// Takes a seat.
    pub(crate) fn join(&mut self, game: &str, room: Option<RoomId>) -> RoomId {
        self.ask_to_join(game, room);
        self.until("Joined", |seen| match seen {
            Seen::Joined { room, .. } => Some(*room),
            Seen::Left { .. } => panic!("no seat in {game}: {seen:?}"),
            _ => None,
        })
    }

    /// Asks for a seat.
    pub(crate) fn ask_to_join(&mut self, game: &str, room: Option<RoomId>) {
        let room = room.map_or(Wanted::Any, Wanted::Room);
        self.speak(|session, _, framing, out| session.join(game, room, framing, out)).unwrap();
    }

    /// Takes a seat in the room of this name, and waits for it.
    pub(crate) fn join_named(&mut self, game: &str, name: &str) -> RoomId {
        let room = Wanted::Named { name, params: &[] };
        self.speak(|session, _, framing, out| session.join(game, room, framing, out)).unwrap();
        self.until("Joined", |seen| match seen {
            Seen::Joined { room, .. } => Some(*room),
            Seen::Left { .. } => panic!("no seat in {name}: {seen:?}"),
            _ => None,
        })
    }

    pub(crate) fn leave(&mut self) {
        self.speak(|session, _, framing, out| session.leave(framing, out)).unwrap();
    }

    pub(crate) fn input(&mut self, op: u32, data: &[u8]) {
        self.speak(|session, _, framing, out| session.input(op, data, framing, out)).unwrap();
    }

    pub(crate) fn ping(&mut self, pad: &[u8]) {
        self.speak(|session, now, framing, out| session.ping(now, pad, framing, out));
    }

    /// Ends the session for good: what the server says to that.
    pub(crate) fn bye(mut self) -> Option<Reject> {
        self.speak(|session, _, framing, out| session.bye(framing, out));
        self.wire.expect("a player with a connection").closed()
    }

    /// What the server gave for having played; empty when it gave nothing.
    pub(crate) fn ticket(&self) -> &[u8] {
        self.session.ticket()
    }

    pub(crate) fn id(&self) -> Option<SessionId> {
        self.session.id()
    }

    /// The next thing that happens; `None`: nothing until then.
    pub(crate) fn next(&mut self, deadline: Instant) -> Option<Seen> {
        loop {
            let wire = self.wire.as_mut().expect("a player with a connection");
            let due = self.session.poll_timeout().map(|due| self.started + Duration::from_nanos(due.0));
            match wire.next(due.map_or(deadline, |due| due.min(deadline))) {
                Next::Gone => {
                    let now = self.now();
                    self.session.handle_disconnect(now);
                    return Some(Seen::Gone);
                }
                Next::Payload(payload) => {
                    if let Some(seen) = self.take(&payload) {
                        return Some(seen);
                    }
                }
                Next::Silence if Instant::now() >= deadline => return None,
                Next::Silence => {
                    self.speak(|session, now, framing, out| session.handle_timeout(now, framing, out)).unwrap();
                }
            }
        }
    }

    /// Waits for something in which `find` finds something.
    pub(crate) fn until<T>(&mut self, what: &str, mut find: impl FnMut(&Seen) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        while let Some(seen) = self.next(deadline) {
            if let Some(found) = find(&seen) {
                return found;
            }
            assert_ne!(seen, Seen::Gone, "waited for {what}, but the connection ended");
        }
        panic!("waited in vain for {what}");
    }

    /// Waits until the seat is gone: why.
    pub(crate) fn left(&mut self) -> Option<Reject> {
        self.until("Left", |seen| match seen {
            Seen::Left { code } => Some(Reject::from_code(*code)),
            _ => None,
        })
    }

    /// Waits until the server closes: why, and whether the session can be resumed.
    pub(crate) fn closed(&mut self) -> (Option<Reject>, bool) {
        self.until("Close", |seen| match seen {
            Seen::Closed { code, resumable } => Some((Reject::from_code(*code), *resumable)),
            _ => None,
        })
    }

    /// Numbers of all entities of hilltop's `kind` in sight.
    pub(crate) fn entities<const N: usize>(&self, kind: &str, fields: [&str; N]) -> Vec<[f32; N]> {
        let mirror = self.mirror.as_ref().expect("a player of hilltop");
        let schema = mirror.schema();
        let number = schema.kind(kind).unwrap();
        let fields = fields.map(|field| schema.field(number, field).unwrap());
        let seen = mirror.seen().filter(|seen| seen.kind() == number);
        seen.map(|seen| fields.map(|field| seen.value(field).unwrap())).collect()
    }

    /// Waits for the next state, or what is new of a scene: its tick, and the bytes of a state.
    pub(crate) fn state(&mut self) -> (u64, Vec<u8>) {
        self.until("a state", |seen| match seen {
            Seen::State { tick, data } => Some((*tick, data.clone())),
            Seen::Scene { tick } => Some((*tick, Vec::new())),
            Seen::Left { .. } | Seen::Closed { .. } => panic!("no state, but {seen:?}"),
            _ => None,
        })
    }

    fn take(&mut self, payload: &[u8]) -> Option<Seen> {
        if let Ok(ServerView { body: ServerBody::Welcome { token, .. }, .. }) = ServerView::read(payload) {
            self.token = *token;
        }
        let mut mirror = self.mirror.take();
        let seen = self.speak(|session, now, framing, out| {
            let event = session.handle_payload(now, payload, framing, out).unwrap()?;
            Some(match event {
                Event::Welcome { session, resumed } => Seen::Welcome { session, resumed },
                Event::Joined { room, game, hz, tick } => {
                    mirror = (game == "hilltop").then(|| Mirror::new(Arc::new(read_schema(SCHEMA).unwrap())));
                    Seen::Joined { room, game: game.to_owned(), hz, tick }
                }
                Event::Left { code, .. } => Seen::Left { code },
                Event::Room { op, data } => Seen::Event { op, data: data.to_vec() },
                Event::Scene { data } => {
                    let mirror = mirror.as_mut().expect("no other game has a scene");
                    mirror.take(data).unwrap();
                    Seen::Scene { tick: u64::from(mirror.tick().unwrap()) }
                }
                Event::State { tick, data } => Seen::State { tick, data: data.to_vec() },
                Event::Pong { round_trip } => Seen::Pong { round_trip },
                Event::Refused { code, .. } => Seen::Refused { code },
                Event::Closed { code, resumable, .. } => Seen::Closed { code, resumable },
                Event::Rooms { .. } | Event::Ticket => return None,
                Event::Challenge(puzzle) => {
                    session.work(puzzle.solve(0, u64::MAX)?, framing, out);
                    return None;
                }
            })
        });
        self.mirror = mirror;
        seen
    }

    /// What the session says goes out at once; without a connection it keeps what may be sent later.
    fn speak<T>(&mut self, say: impl FnOnce(&mut Session, Time, hillfort_proto::frame::Framing, &mut Vec<u8>) -> T) -> T {
        let (now, mut out) = (self.now(), Vec::new());
        let framing = self.wire.as_ref().map_or(hillfort_proto::frame::Framing::Tcp, Wire::framing);
        let said = say(&mut self.session, now, framing, &mut out);
        if let Some(wire) = &mut self.wire
            && !out.is_empty()
        {
            wire.send(&out);
        }
        said
    }

    fn now(&self) -> Time {
        Time(u64::try_from(self.started.elapsed().as_nanos()).unwrap())
    }
}
