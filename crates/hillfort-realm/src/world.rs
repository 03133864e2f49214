//! One world thread without its thread: rooms, wheel, lanes. Knows nothing of sockets; reads the time from the clock it is given.
//!
//! A turn looks at commands and lanes, ticks what is due, and hands the outputs over. Nothing within a tick waits for another thread, but for those that
//! write the packets of a large scene beside it.

mod ask;
mod deliver;
mod inspect;
mod join;
mod keep;
mod leave;
mod migrate;
mod publish;
mod record;
mod share;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) use ask::{Asking, Reply, SignalReply};
pub(crate) use deliver::Withheld;
use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::{Inbound, InboundBatch, LaneReceiver};
use hillfort_proto::time::Time;
use hillfort_world::{Due, Ladder, Outputs, RecordBudget, Recording, RoomFault, Seat, Wheel, Who};
pub(crate) use inspect::Watched;
pub(crate) use migrate::{Letter, MoveReply, Moves, Peer};

use crate::clock::Clock;
use crate::config::Config;
use crate::directory::Listed;
use crate::game::{Factory, Game};
use crate::inspection::{Deed, Inspection};
use crate::meter::Meter;
use crate::outbox::Outbox;
use crate::placement::Placement;
use crate::saved::SavedRoom;
use crate::shelf::Shelf;
use crate::slab::{Hosted, Slab};
use crate::snapshot::WorldSnapshot;
use crate::vault::Job;
use crate::wall;

/// A turn begins no further slot after this long, so that a thread that is always late still looks at its commands.
const TURN_MAX: Duration = Duration::from_millis(10);
/// While somebody plays, lanes are looked at this often at least.
const LANE_POLL: Duration = Duration::from_millis(20);
/// While an edge thread takes nothing, it is offered again this often.
const RETRY: Duration = Duration::from_millis(1);

/// What a world thread is told besides inputs.
#[derive(Debug)]
pub(crate) enum Command {
    /// Passes `data` to a room.
    Signal { room: RoomId, data: Vec<u8>, reply: SignalReply },
    /// Makes a room that nobody has asked to join.
    Create { game: usize, params: Vec<u8>, reply: Reply<Result<RoomId, Reject>> },
    /// Says of a room what lists say of it.
    Look { room: RoomId, reply: Reply<Option<Listed>> },
    /// Gives what a room's recorder wrote down so far.
    Record { room: RoomId, reply: SyncSender<Result<Recording, Reject>> },
    /// Shows a room in detail, pauses it, runs one tick of it, or lets it go on.
    Inspect { room: RoomId, deed: Deed, reply: SyncSender<Result<Box<Inspection>, Reject>> },
    /// Ends a room: it is told, then its players are.
    End { room: RoomId, reply: SyncSender<Result<(), Reject>> },
    /// Has a room move to another world thread.
    Move { room: RoomId, to: u8, reply: MoveReply },
    /// Ends all rooms, at the latest after `grace`.
    Drain { grace: Duration },
}

/// Where a session sits.
#[derive(Debug, Clone, Copy)]
struct Place {
    room: u32,
    seat: Seat,
}

/// A game on this thread.
struct LocalGame {
    name: Arc<str>,
    rules: Arc<str>,
    factory: Factory,
    /// Rooms with names.
    named: HashMap<Arc<str>, u32>,
    /// Rooms with free seats; the newest is filled first.
    open: Vec<u32>,
    seats_free: u64,
}

/// Rooms of one thread, and all that is needed to turn them.
pub struct World {
    id: u8,
    config: Config,
    games: Vec<LocalGame>,
    rooms: Slab,
    wheel: Wheel,
    sessions: HashMap<SessionId, Place>,
    lanes: Vec<LaneReceiver<InboundBatch>>,
    commands: Receiver<Command>,
    outbox: Outbox,
    /// Goes from room to room.
    out: Outputs,
    kicked: Vec<Seat>,
    /// Answers that rooms gave to those who wait for a seat.
    answers: Vec<ask::Answer>,
    /// Sessions that wait for a seat, and in which room.
    asking: HashMap<SessionId, u32>,
    writers: share::Writers,
    /// Rooms of the slot that is being ticked, with their numbers of ticks.
    visit: Vec<(u32, u32)>,
    placement: Arc<Placement>,
    record_budget: Rc<RecordBudget>,
    shelf: Option<Shelf>,
    meter: Meter,
    published: Arc<Mutex<Arc<WorldSnapshot>>>,
    drain_until: Option<Time>,
    saves: Option<Saving>,
    /// Rooms in the order in which they fell asleep; some of them may be awake again.
    asleep: VecDeque<(u32, RoomId)>,
    asleep_bytes: usize,
    /// Rooms that somebody looks at.
    watched: Vec<u32>,
    moves: Moves,
    ladder: Ladder,
    /// Nanoseconds a second that the rooms take, as far as it was measured.
    cost: i64,
    /// Rooms that run slower than their games want.
    slowed: u32,
}

/// Where rooms are saved.
#[derive(Debug)]
pub(crate) struct Saving {
    pub(crate) jobs: SyncSender<Job>,
    pub(crate) every: Duration,
    /// The queue was full; it is not tried before.
    pub(crate) busy_until: Time,
    /// What it had no place for then. It goes first.
    pub(crate) waiting: Option<Job>,
    /// Rooms that fell asleep meanwhile.
    pub(crate) unwritten: BTreeSet<RoomId>,
    /// Rooms whose files are to go, and which the queue had no place for.
    pub(crate) gone: Vec<RoomId>,
}

/// What a [`World`] is made of, besides its games.
pub(crate) struct Parts {
    pub(crate) id: u8,
    pub(crate) config: Config,
    pub(crate) lanes: Vec<LaneReceiver<InboundBatch>>,
    pub(crate) commands: Receiver<Command>,
    pub(crate) outbox: Outbox,
    /// All world threads.
    pub(crate) peers: Vec<Peer>,
    pub(crate) letters: Receiver<Letter>,
    pub(crate) placement: Arc<Placement>,
    pub(crate) shelf: Option<Shelf>,
    pub(crate) published: Arc<Mutex<Arc<WorldSnapshot>>>,
    pub(crate) saves: Option<Saving>,
    /// Rooms of an earlier start.
    pub(crate) saved: Vec<SavedRoom>,
    /// New rooms are named from this generation on.
    pub(crate) generation: u32,
}

impl World {
    pub(crate) fn new(now: Time, parts: Parts, games: Vec<(&Game, Factory)>) -> Self {
        let writers = share::Writers::new(parts.placement.worlds());
        let games = games.into_iter().map(|(game, factory)| LocalGame {
            name: Arc::clone(game.name()),
            rules: Arc::clone(game.rules()),
            factory,
            named: HashMap::new(),
            open: Vec::new(),
            seats_free: 0,
        });
        Self {
            id: parts.id,
            record_budget: Rc::new(RecordBudget::new(parts.config.recordings.thread_bytes)),
            shelf: parts.shelf,
            config: parts.config,
            games: games.collect(),
            rooms: Slab::new(parts.id, parts.generation),
            wheel: Wheel::new(now),
            sessions: HashMap::new(),
            lanes: parts.lanes,
            commands: parts.commands,
            outbox: parts.outbox,
            out: Outputs::default(),
            kicked: Vec::new(),
            answers: Vec::new(),
            asking: HashMap::new(),
            writers,
            visit: Vec::new(),
            placement: parts.placement,
            meter: Meter::new(now),
            published: parts.published,
            drain_until: None,
            saves: parts.saves,
            asleep: VecDeque::new(),
            asleep_bytes: 0,
            watched: Vec::new(),
            moves: Moves::new(parts.peers, parts.letters),
            ladder: Ladder::default(),
            cost: 0,
            slowed: 0,
        }
    }

    /// Does what is to be done now. Returns when to turn again at the latest; earlier when something urgent is submitted.
    pub fn turn(&mut self, clock: &dyn Clock) -> Time {
        let started = clock.now();
        self.obey(clock, started);
        self.hear(started);
        self.go_on_moving(started);
        let mut now = started;
        while now.since(started) < TURN_MAX
            && let Some(due) = self.wheel.pop_due(now)
        {
            now = self.tick_slot(clock, now, due);
            self.outbox.flush();
            self.hear(now);
        }
        if self.drain_until.is_some_and(|until| now >= until) {
            self.end_all();
        }
        self.outbox.flush();
        if self.is_drained() {
            self.order_last();
        }
        self.flush_unwritten(now);
        self.flush_forgotten(now);
        if now >= self.meter.window_end() {
            self.forget_watched(now);
            self.publish(now);
            self.even_out(now);
        }
        let ended = clock.now();
        self.meter.on_busy(ended.since(started));
        self.next_turn(ended)
    }

    /// Whether the world was told to drain and all rooms are gone.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.drain_until.is_some() && self.rooms.len() == 0
    }

    /// Whether besides all that it had to say was taken.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_drained() && self.outbox.is_empty()
    }

    fn next_turn(&self, now: Time) -> Time {
        let mut next = self.meter.window_end();
        if let Some(deadline) = self.wheel.next_deadline() {
            next = next.min(deadline);
        }
        if !self.sessions.is_empty() {
            next = next.min(now + LANE_POLL);
        }
        if !self.outbox.is_empty() || self.moves.is_busy() {
            next = next.min(now + RETRY);
        }
        self.drain_until.filter(|_| self.rooms.len() > 0).map_or(next, |until| next.min(until))
    }

    /// Commands of the operator.
    fn obey(&mut self, clock: &dyn Clock, now: Time) {
        loop {
            match self.commands.try_recv() {
                Ok(Command::Signal { room, data, reply }) => self.signal(now, room, &data, reply),
                Ok(Command::Create { game, params, reply }) => reply.send(self.create(now, game, &params)),
                Ok(Command::Look { room, reply }) => reply.send(self.look(room)),
                Ok(Command::Record { room, reply }) => {
                    // Whoever asked may have stopped waiting.
                    let _gone = reply.try_send(self.recording(room));
                }
                Ok(Command::Inspect { room, deed, reply }) => {
                    let _gone = reply.try_send(self.inspect(clock, now, room, deed));
                }
                Ok(Command::End { room, reply }) => {
                    let _gone = reply.try_send(self.end(now, room));
                }
                Ok(Command::Move { room, to, reply }) => self.begin_move(now, room, to, Some(reply)),
                Ok(Command::Drain { grace }) => self.drain(now, grace),
                Err(TryRecvError::Empty) => return,
                // Nobody holds the handle any more.
                Err(TryRecvError::Disconnected) => return self.drain(now, Duration::ZERO),
            }
        }
    }

    /// Inputs, joins and leaves from the doors, except from those that take nothing.
    fn hear(&mut self, now: Time) {
        for edge in 0..self.lanes.len() {
            while !self.outbox.is_congested(edge)
                && let Some(batch) = self.lanes[edge].receive()
            {
                self.read_letters(now);
                for entry in batch.iter() {
                    self.on_inbound(now, entry);
                }
                self.lanes[edge].recycle(batch);
            }
        }
        self.cut_off(now);
    }

    fn on_inbound(&mut self, now: Time, entry: Inbound<'_>) {
        if self.moves.peers.len() > 1 && self.is_held(entry) {
            return;
        }
        match entry {
            Inbound::Input { session, room, op, data } => self.on_input(session, room, op, data),
            Inbound::Join { session, room, game, name, facts } => self.on_join(now, Who { session, name, facts }, room, game),
            Inbound::Leave { session, room } => self.on_leave(now, session, room),
            Inbound::Drop { session, room } => {
                self.with_seat(now, session, room, |world, hosted, seat| {
                    wall::behind(|| hosted.cell.on_drop(now, seat, &mut world.out))?;
                    world.deliver(hosted);
                    world.expire(now, hosted)
                });
            }
            Inbound::Resync { session, room } => {
                self.with_seat(now, session, room, |_, hosted, seat| {
                    hosted.cell.on_packet_lost(seat);
                    Ok(())
                });
            }
            Inbound::Reconnect { session, room } => {
                let seated = self.with_seat(now, session, room, |world, hosted, seat| {
                    wall::behind(|| hosted.cell.on_reconnect(seat, &mut world.out))
                });
                if !seated {
                    self.outbox.left(session, room, Some(Reject::NotJoined));
                }
            }
            Inbound::Switched { .. } => {}
        }
    }

    fn on_input(&mut self, session: SessionId, room: RoomId, op: u32, data: &[u8]) {
        let place = self.sessions.get(&session);
        let hosted = place.and_then(|place| self.rooms.get_mut(place.room)).filter(|hosted| hosted.id == room);
        match (place, hosted) {
            (Some(_), Some(hosted)) if data.len() > hosted.cell.input_bytes_max() => self.meter.totals.inputs_long += 1,
            (Some(place), Some(hosted)) => {
                if let Some(watched) = &mut hosted.watched {
                    watched.on_input(hosted.cell.ctx().tick(), place.seat, op, data);
                }
                self.meter.totals.inputs += 1;
                self.meter.totals.inputs_lost += hosted.cell.push_input(place.seat, op, data);
            }
            _ => self.meter.totals.inputs_stray += 1,
        }
    }

    /// Ticks the rooms of a slot. Returns the time at its end.
    fn tick_slot(&mut self, clock: &dyn Clock, now: Time, due: Due) -> Time {
        let mut visit = std::mem::take(&mut self.visit);
        visit.clear();
        // First all rooms are asked for their number of ticks. That reads the same lines of memory as the ticks do, but many at a time,
        // because no room waits for the work of another: with thousands of rooms these waits are most of what a tick costs.
        for &index in self.wheel.rooms(due.slot) {
            if let Some(hosted) = self.rooms.get_mut(index).filter(|hosted| !hosted.is_paused()) {
                visit.push((index, hosted.cell.on_due(due.missed)));
            }
        }
        self.meter.totals.ticks_missed += due.missed * visit.len() as u64;
        let mut started = now;
        for &(index, ticks) in &visit {
            let Some(mut hosted) = self.rooms.take(index) else { continue };
            let result = self.tick_room(clock, started, &mut hosted, ticks);
            let ended = clock.now();
            let (duration, lateness) = (ended.since(started) / ticks, started.since(due.deadline));
            hosted.cell.stats_mut().record(duration, lateness);
            self.cost += hosted.on_cost(duration, due.slot.hz());
            self.meter.on_tick(duration, lateness);
            self.settle(ended, hosted, result);
            started = ended;
        }
        self.visit = visit;
        self.cut_off(started);
        started
    }

    fn tick_room(&mut self, clock: &dyn Clock, now: Time, hosted: &mut Hosted, ticks: u32) -> Result<(), RoomFault> {
        self.expire(now, hosted)?;
        for _ in 0..ticks {
            wall::behind(|| hosted.cell.on_tick(&mut self.out))?;
            self.meter.totals.ticks += 1;
            self.deliver(hosted);
            if hosted.cell.is_ended() {
                break;
            }
        }
        // The packets are the server's own code, but a room ends alone by that, too.
        wall::behind(|| {
            self.share(clock, hosted);
            Ok(())
        })
    }

    /// Calls into the room in which `session` sits. `false`: it does not sit in `room`.
    fn with_seat(
        &mut self,
        now: Time,
        session: SessionId,
        room: RoomId,
        call: impl FnOnce(&mut Self, &mut Hosted, Seat) -> Result<(), RoomFault>,
    ) -> bool {
        let Some(&place) = self.sessions.get(&session) else { return false };
        if self.rooms.get(place.room).is_none_or(|hosted| hosted.id != room || hosted.leaving) {
            return false;
        }
        let Some(mut hosted) = self.rooms.take(place.room) else { return false };
        let result = call(self, &mut hosted, place.seat);
        if result.is_ok() {
            self.deliver(&mut hosted);
        }
        self.settle(now, hosted, result);
        true
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("id", &self.id).field("rooms", &self.rooms.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
