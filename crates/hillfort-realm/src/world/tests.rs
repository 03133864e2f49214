//! Worlds turned by hand under virtual time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use hillfort_proto::message::{Ask, RoomLine, RoomLines, Wanted};
use hillfort_proto::route::{Outbound, OutboundBatch, Recycle, RoomPort, SessionPort};
use hillfort_world::{Ctx, FaultKind, Room, RoomConfig, To, Verdict, Who};

use super::*;
use crate::game::Game;
use crate::realm::{Realm, RealmHandle};

mod ask;
mod faults;
mod inspected;
mod migrate;
mod named;
mod overload;
mod play;
mod recorded;
mod rerun;
mod rest;
mod scene;

/// Virtual time; a room may move it on, to play a slow one.
#[derive(Clone, Default)]
struct TestClock(Arc<AtomicU64>);

impl TestClock {
    fn advance(&self, ms: u64) {
        self.0.fetch_add(ms * 1_000_000, Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Time {
        Time(self.0.load(Relaxed))
    }
}

/// The doors' side: keeps what it is given.
#[derive(Clone, Default)]
struct Doors {
    taken: Arc<Mutex<Vec<String>>>,
    /// Edge threads that take nothing.
    shut: Arc<AtomicBool>,
}

struct DoorsPort {
    doors: Doors,
    edges: usize,
}

impl SessionPort for DoorsPort {
    fn edges(&self) -> usize {
        self.edges
    }

    fn submit(&mut self, edge: u8, batch: &mut OutboundBatch) -> bool {
        if self.doors.shut.load(Relaxed) {
            return false;
        }
        let mut taken = self.doors.taken.lock().expect("not poisoned");
        for entry in batch.iter() {
            let ids = |to: &[SessionId]| to.iter().map(|id| format!("{:x}", id.0)).collect::<Vec<_>>().join(",");
            taken.push(match entry {
                Outbound::Joined { session, game, hz, tick, .. } => format!("{:x} joined {game} {hz} Hz at {tick}", session.0),
                Outbound::JoinRefused { session, reject, reason: "" } => format!("{:x} refused {reject}", session.0),
                Outbound::JoinRefused { session, reject, reason } => format!("{:x} refused {reject}: {reason}", session.0),
                Outbound::Left { session, reject, .. } => {
                    format!("{:x} left {}", session.0, reject.map_or("as asked", Reject::label))
                }
                Outbound::Event { to, op, data, .. } => format!("{edge}> {} event {op} {}", ids(to), data.escape_ascii()),
                Outbound::Scene { session, anew, data, .. } => {
                    let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
                    format!("{:x} scene {} {hex}", session.0, if anew { "anew" } else { "more" })
                }
                Outbound::State { to, tick, data, .. } => format!("{edge}> {} state {tick} {}", ids(to), data.escape_ascii()),
            });
        }
        batch.clear();
        true
    }
}

/// One world, its doors and its clock.
struct Rig {
    world: World,
    handle: RealmHandle,
    port: Box<dyn RoomPort>,
    batch: InboundBatch,
    clock: TestClock,
    doors: Doors,
}

impl Rig {
    fn new(games: Vec<Game>) -> Self {
        Self::with(Config::default(), games, 1, TestClock::default())
    }

    fn with(config: Config, games: Vec<Game>, edges: usize, clock: TestClock) -> Self {
        let doors = Doors::default();
        let port = DoorsPort { doors: doors.clone(), edges };
        let (handle, mut makers) = Realm::assemble(config, games, vec![Box::new(port)]).expect("good");
        let world = makers.remove(0).make(clock.now()).expect("games are good");
        let port = handle.port().expect("one edge");
        Self { world, handle, port, batch: InboundBatch::default(), clock, doors }
    }

    fn send(&mut self, entry: Inbound<'_>) {
        self.batch.push(entry).expect("fits");
    }

    fn join(&mut self, session: u64, game: &str) {
        self.send(Inbound::Join { session: SessionId(session), room: Wanted::Any, game, name: "ann", facts: &[] });
    }

    fn join_as(&mut self, session: u64, game: &str, name: &str) {
        self.send(Inbound::Join { session: SessionId(session), room: Wanted::Any, game, name, facts: &[] });
    }

    fn join_named(&mut self, session: u64, game: &str, room: &str, params: &[u8]) {
        let room = Wanted::Named { name: room, params };
        assert_eq!(self.port.place(game, room), Ok(0));
        self.send(Inbound::Join { session: SessionId(session), room, game, name: "ann", facts: &[] });
    }

    /// Lines of a list: name, label, seats.
    fn list(&mut self, game: &str, label: &str) -> Vec<String> {
        let mut lines = Vec::new();
        self.port.list(&Ask { ask: 0, game, label, free: false }, &mut lines).expect("a game");
        let line = |line: RoomLine<'_>| format!("{} {} {}/{}", line.name, line.label, line.seats_taken, line.seats_max);
        RoomLines::new(&lines).iter().map(line).collect()
    }

    fn input(&mut self, session: u64, op: u32, data: &[u8]) {
        let room = self.room_of(session);
        self.send(Inbound::Input { session: SessionId(session), room, op, data });
    }

    fn room_of(&self, session: u64) -> RoomId {
        let place = self.world.sessions.get(&SessionId(session)).expect("has a seat");
        self.world.rooms.get(place.room).expect("is there").id
    }

    /// Hands over what was sent, and turns the world until `ms` have passed. Returns what the doors got.
    fn run(&mut self, ms: u64) -> Vec<String> {
        let end = self.clock.now() + Duration::from_millis(ms);
        if !self.batch.is_empty() {
            assert!(self.port.submit(0, &mut self.batch));
        }
        loop {
            let next = self.world.turn(&self.clock);
            if next > end {
                break;
            }
            self.clock.0.fetch_max(next.0, Relaxed);
        }
        self.clock.0.fetch_max(end.0, Relaxed);
        self.taken()
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.doors.taken.lock().expect("not poisoned"))
    }

    fn snapshot(&self) -> Arc<WorldSnapshot> {
        Arc::clone(&self.handle.snapshot().worlds[0])
    }

    fn totals(&mut self) -> crate::snapshot::Totals {
        self.run(1_001);
        self.snapshot().totals
    }
}

/// A room that does what its inputs say, and panics where it is told to.
#[derive(Clone, Default)]
struct Puppet {
    config: RoomConfig,
    clock: TestClock,
    /// Callback that panics; `"drop"` is the destructor.
    bomb: &'static str,
    /// A tick takes this long.
    tick_ms: Arc<AtomicU64>,
    /// Ticks run, over all rooms.
    ticks: Arc<AtomicU64>,
    /// In rooms whose destructor panics.
    _fuse: Option<Fuse>,
}

#[derive(Clone)]
struct Fuse;

const SAY: u32 = 1;
const KICK: u32 = 2;
const END: u32 = 3;
const FAULT: u32 = 4;
const LABEL: u32 = 5;
const THEFT: u32 = 6;

impl Puppet {
    fn game(self, name: &str) -> Game {
        Game::native(name, move || Self { _fuse: (self.bomb == "drop").then(|| Fuse), ..self.clone() }).expect("good name")
    }

    fn maybe_explode(&self, callback: &str) -> Result<(), RoomFault> {
        assert_ne!(self.bomb, callback, "as told");
        Ok(())
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        panic!("as told");
    }
}

impl Room for Puppet {
    fn on_create(&mut self, _: &mut Ctx, _: &[u8]) -> Result<RoomConfig, RoomFault> {
        self.maybe_explode("on_create").map(|()| self.config.clone())
    }

    fn on_join_attempt(&mut self, _: &mut Ctx, who: Who<'_>) -> Result<Verdict, RoomFault> {
        self.maybe_explode("on_join_attempt")?;
        Ok(if who.name == "mallory" { Verdict::Refuse(Reject::RoomRefused) } else { Verdict::Accept })
    }

    fn on_join(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        self.maybe_explode("on_join")?;
        say(ctx, To::All, &format!("+{}", seat.0))
    }

    fn on_message(&mut self, ctx: &mut Ctx, from: Seat, op: u32, data: &[u8]) -> Result<(), RoomFault> {
        self.maybe_explode("on_message")?;
        match op {
            SAY => ctx.send_event(To::All, u32::from(from.0), data).map_err(|error| RoomFault::crashed(&error.to_string())),
            KICK => {
                ctx.kick(Seat(u16::from(data[0])));
                Ok(())
            }
            END => {
                ctx.end();
                Ok(())
            }
            FAULT => {
                Err(RoomFault::new([FaultKind::Crashed, FaultKind::Budget, FaultKind::Memory][usize::from(data[0])], "as told"))
            }
            LABEL => ctx.set_label("new label").map_err(|error| RoomFault::crashed(&error.to_string())),
            THEFT => {
                *ctx = Ctx::default();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn on_timer(&mut self, _: &mut Ctx, _: u32) -> Result<(), RoomFault> {
        self.maybe_explode("on_timer")
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        self.maybe_explode("on_tick")?;
        if self.bomb == "on_timer" {
            ctx.set_timer(1, 1).map_err(|error| RoomFault::crashed(&error.to_string()))?;
        }
        self.ticks.fetch_add(1, Relaxed);
        self.clock.advance(self.tick_ms.load(Relaxed));
        Ok(())
    }

    fn on_drop(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        self.maybe_explode("on_drop")?;
        say(ctx, To::All, &format!("?{}", seat.0))
    }

    fn on_reconnect(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        self.maybe_explode("on_reconnect")?;
        say(ctx, To::All, &format!("!{}", seat.0))
    }

    fn on_leave(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        self.maybe_explode("on_leave")?;
        say(ctx, To::Except(seat), &format!("-{}", seat.0))
    }

    fn on_signal(&mut self, ctx: &mut Ctx, data: &[u8], reply: &mut Vec<u8>) -> Result<(), RoomFault> {
        self.maybe_explode("on_signal")?;
        reply.extend(data.iter().rev());
        say(ctx, To::All, "signal")
    }

    fn on_dispose(&mut self, ctx: &mut Ctx, grace: Duration) -> Result<(), RoomFault> {
        self.maybe_explode("on_dispose")?;
        say(ctx, To::All, &format!("ends in {} ms", grace.as_millis()))
    }
}

fn say(ctx: &mut Ctx, to: To, text: &str) -> Result<(), RoomFault> {
    ctx.send_event(to, 9, text.as_bytes()).map_err(|error| RoomFault::crashed(&error.to_string()))
}
