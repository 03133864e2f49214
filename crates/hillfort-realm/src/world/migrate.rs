//! Rooms that move to another world thread between two ticks. Knows nothing of why.
//!
//! 1. The old thread lets the room rest: no tick and no callback runs, so nothing comes out of it any more; inputs go on to wait in their queues, what
//!    else comes is held. It tells the new thread to expect the room, has its doors take all that was put out, and changes the route.
//! 2. Each edge thread sees that, takes what is in the lanes, and hands over a last entry; what it gets for the room after that goes to the new thread,
//!    which holds it.
//! 3. When the last edge thread has done so the old thread has all that there was. It has the room save itself, and sends the state, with players and
//!    inputs that wait, and what it held. The new thread makes the room from that, and does what was held there, then what was held here.
//!
//! So each input is heard once and in order, and what players are sent is in order, too. The room rests for a few turns of the threads. Where a door
//! takes nothing the room does not move: it goes on where it is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};
use std::time::Duration;

use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::{BatchFull, Inbound, InboundBatch};
use hillfort_proto::time::Time;
use hillfort_world::{End, To};

use super::join::Berth;
use super::{Place, World};
use crate::config::Keep;
use crate::port::Waker;
use crate::saved::SavedRoom;
use crate::slab::{Asleep, Hosted};
use crate::wall;

/// Batches of inputs that are held for a room at most; what comes beyond that is lost. Other entries are few for each session, and never are.
const HELD_BATCHES: usize = 8;
/// A thread that costs this many nanoseconds a second more than the cheapest, and half as much again, gives a room away ...
pub(super) const UNEVEN_NS: u64 = 200_000_000;
/// ... at most so often.
const EVEN_OUT_EVERY: Duration = Duration::from_secs(5);

/// What a room has put out goes first. Where the doors have not taken all of it in this time the room stays.
const OUTBOX_PATIENCE: Duration = Duration::from_secs(1);

/// Where the answer to a wish to move goes.
pub(crate) type MoveReply = SyncSender<Result<(), Reject>>;

/// From one world thread to another.
#[derive(Debug)]
pub(crate) enum Letter {
    /// A room is about to come: what is for it is to be held.
    Expect(RoomId),
    /// It comes.
    Take(Box<Moving>),
    /// It has ended instead.
    Never(RoomId),
}

/// A room between two threads.
#[derive(Debug)]
pub(crate) struct Moving {
    game: usize,
    saved: SavedRoom,
    held: Held,
    has_file: bool,
    made: Time,
    empty_since: Option<Time>,
    reply: Option<MoveReply>,
}

/// Another world thread.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) letters: SyncSender<Letter>,
    pub(crate) waker: Waker,
}

/// What is known of moves on one thread.
#[derive(Debug)]
pub(crate) struct Moves {
    /// By world thread.
    pub(crate) peers: Vec<Peer>,
    pub(crate) letters: Receiver<Letter>,
    leaving: HashMap<RoomId, Leaving>,
    arriving: HashMap<RoomId, Held>,
    /// Rooms that do not move after all, and the threads that expect them: their letters were full. Until they are told no other room begins
    /// to move, so these are no more than were about to.
    untold: HashMap<RoomId, u8>,
    evened_out: Time,
}

#[derive(Debug)]
struct Leaving {
    index: u32,
    to: u8,
    since: Time,
    /// Edge threads that have not handed their last entry over.
    edges: HashSet<u8>,
    /// Whether doors know.
    announced: bool,
    held: Held,
    reply: Option<MoveReply>,
}

/// Entries in their order.
#[derive(Debug, Default)]
struct Held(Vec<InboundBatch>);

impl Held {
    /// `false`: an input that was one too many.
    fn push(&mut self, entry: Inbound<'_>) -> bool {
        if self.0.last_mut().is_some_and(|batch| batch.push(entry).is_ok()) {
            return true;
        }
        if self.0.len() >= HELD_BATCHES && matches!(entry, Inbound::Input { .. }) {
            return false;
        }
        let mut batch = InboundBatch::default();
        let pushed: Result<(), BatchFull> = batch.push(entry);
        self.0.push(batch);
        pushed.is_ok()
    }
}

impl Moves {
    pub(crate) fn new(peers: Vec<Peer>, letters: Receiver<Letter>) -> Self {
        let (leaving, arriving, untold) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { peers, letters, leaving, arriving, untold, evened_out: Time::ZERO }
    }

    /// Whether a room is on its way.
    pub(super) fn is_busy(&self) -> bool {
        !self.leaving.is_empty() || !self.arriving.is_empty() || !self.untold.is_empty()
    }

    /// Tells thread `to` that the room does not come; later, where its letters are full. One that has ended need not know.
    fn tell_never(&mut self, room: RoomId, to: u8) {
        if let Err(TrySendError::Full(_)) = self.send(to, Letter::Never(room)) {
            self.untold.insert(room, to);
        }
    }

    fn send(&self, to: u8, letter: Letter) -> Result<(), TrySendError<Letter>> {
        let Some(peer) = self.peers.get(usize::from(to)) else { return Err(TrySendError::Disconnected(letter)) };
        peer.letters.try_send(letter)?;
        if let Some(thread) = peer.waker.get() {
            thread.unpark();
        }
        Ok(())
    }
}

impl World {
    /// Has a room move to world thread `to`. The answer comes when it is there.
    pub(super) fn begin_move(&mut self, now: Time, room: RoomId, to: u8, reply: Option<MoveReply>) {
        let begun = self.try_begin_move(now, room, to, reply.clone());
        if let (Err(reject), Some(reply)) = (begun, reply) {
            // Whoever asked may have stopped waiting.
            let _gone = reply.try_send(Err(reject));
        }
    }

    fn try_begin_move(&mut self, now: Time, room: RoomId, to: u8, reply: Option<MoveReply>) -> Result<(), Reject> {
        let index = self.rooms.find(room).ok_or(Reject::RoomUnknown)?;
        if to == self.id || usize::from(to) >= self.moves.peers.len() {
            return Err(Reject::RoomUnknown);
        }
        let waits = self.rooms.get(index).is_none_or(|hosted| hosted.is_paused() || hosted.owes_answers());
        let is_held_up = self.moves.arriving.contains_key(&room) || !self.moves.untold.is_empty();
        if self.drain_until.is_some() || waits || is_held_up {
            return Err(Reject::WorldBusy);
        }
        let mut hosted = self.rooms.take(index).ok_or(Reject::RoomUnknown)?;
        // Whether it can be saved shows when it is: better now than when it rests.
        match self.state_of(&mut hosted, true) {
            Ok(Some(_)) => {}
            Ok(None) => {
                hosted.stays = true;
                self.rooms.put(hosted);
                return Err(Reject::RoomRefused);
            }
            Err(fault) => {
                let reject = fault.reject();
                self.settle(now, hosted, Err(fault));
                return Err(reject);
            }
        }
        if self.moves.send(to, Letter::Expect(room)).is_err() {
            self.rooms.put(hosted);
            return Err(Reject::WorldBusy);
        }
        hosted.leaving = true;
        if let Some(withheld) = hosted.withheld.take() {
            self.send_withheld(&hosted, &withheld);
        }
        hosted.watched = None;
        self.watched.retain(|&watched| watched != index);
        // Nobody is sent to it any more.
        self.count_seats(&mut hosted, 0);
        self.rooms.put(hosted);
        let edges = (0..self.lanes.len()).filter_map(|edge| u8::try_from(edge).ok()).collect();
        self.moves.leaving.insert(room, Leaving { index, to, since: now, edges, announced: false, held: Held::default(), reply });
        Ok(())
    }

    /// Does what rooms on their way wait for.
    pub(super) fn go_on_moving(&mut self, now: Time) {
        self.read_letters(now);
        for (room, to) in std::mem::take(&mut self.moves.untold) {
            self.moves.tell_never(room, to);
        }
        if self.moves.leaving.is_empty() {
            return;
        }
        self.outbox.flush();
        let all_taken = self.outbox.is_empty();
        for (room, leaving) in self.moves.leaving.iter_mut().filter(|(_, leaving)| !leaving.announced && all_taken) {
            leaving.announced = true;
            self.placement.routes().set(*room, leaving.to);
        }
        self.outbox.wake_all();
        let is_late = |leaving: &Leaving| !leaving.announced && now.since(leaving.since) >= OUTBOX_PATIENCE;
        let late: Vec<_> = self.moves.leaving.iter().filter(|(_, leaving)| is_late(leaving)).map(|(room, _)| *room).collect();
        late.into_iter().for_each(|room| self.stay(now, room, Reject::WorldBusy));
        let ready: Vec<_> = self
            .moves
            .leaving
            .iter()
            .filter(|(_, leaving)| leaving.announced && leaving.edges.is_empty())
            .map(|(room, _)| *room)
            .collect();
        ready.into_iter().for_each(|room| self.send_away(now, room));
    }

    /// Whether an entry is for a room on its way; it is held then.
    pub(super) fn is_held(&mut self, entry: Inbound<'_>) -> bool {
        let room = match entry {
            Inbound::Switched { room, edge } => {
                if let Some(leaving) = self.moves.leaving.get_mut(&room) {
                    leaving.edges.remove(&edge);
                }
                return true;
            }
            Inbound::Input { room, .. }
            | Inbound::Leave { room, .. }
            | Inbound::Drop { room, .. }
            | Inbound::Reconnect { room, .. }
            | Inbound::Resync { room, .. } => room,
            Inbound::Join { room: hillfort_proto::message::Wanted::Room(room), .. } => room,
            Inbound::Join { .. } => return false,
        };
        let is_input = matches!(entry, Inbound::Input { .. });
        if let Some(held) = self.moves.arriving.get_mut(&room) {
            self.meter.totals.inputs_lost += u64::from(!held.push(entry));
            return true;
        }
        match self.moves.leaving.get_mut(&room) {
            // It waits in its player's queue, and comes with the state.
            Some(leaving) if !is_input => leaving.held.push(entry),
            _ => false,
        }
    }

    /// The room moves nowhere.
    pub(super) fn stop_moving(&mut self, room: RoomId, reject: Reject) {
        let Some(leaving) = self.moves.leaving.remove(&room) else { return };
        if leaving.announced {
            self.placement.routes().set(room, self.id);
        }
        self.moves.tell_never(room, leaving.to);
        if let Some(reply) = leaving.reply {
            let _gone = reply.try_send(Err(reject));
        }
    }

    /// The thread ends: rooms that are about to leave stay.
    pub(super) fn stop_all_moves(&mut self, now: Time) {
        for room in self.moves.leaving.keys().copied().collect::<Vec<_>>() {
            self.stay(now, room, Reject::RoomClosed);
        }
    }

    /// A room that was about to leave goes on where it is.
    fn stay(&mut self, now: Time, room: RoomId, reject: Reject) {
        let Some(leaving) = self.moves.leaving.get_mut(&room) else { return };
        let (index, held) = (leaving.index, std::mem::take(&mut leaving.held));
        self.stop_moving(room, reject);
        if let Some(mut hosted) = self.rooms.take(index) {
            hosted.leaving = false;
            // It has stood still for this, so it rests as if it had moved.
            hosted.moved_at = Some(now);
            self.settle(now, hosted, Ok(()));
        }
        self.replay(now, &held);
    }

    fn send_away(&mut self, now: Time, room: RoomId) {
        let Some(leaving) = self.moves.leaving.remove(&room) else { return };
        let Some(mut hosted) = self.rooms.take(leaving.index) else { return };
        let saved = match self.state_of(&mut hosted, true) {
            Ok(Some(saved)) => saved,
            Ok(None) | Err(_) => return self.fail_to_leave(now, hosted, leaving),
        };
        let Leaving { index, to, since, edges, announced, held, reply } = leaving;
        let (game, has_file, made, empty_since) = (hosted.game, hosted.has_file, hosted.made, hosted.empty_since);
        let moving = Box::new(Moving { game, saved, held, has_file, made, empty_since, reply });
        if let Err(TrySendError::Full(letter) | TrySendError::Disconnected(letter)) = self.moves.send(to, Letter::Take(moving)) {
            // Its letters are full: once more in the next turn.
            if let Letter::Take(moving) = letter {
                let Moving { held, reply, .. } = *moving;
                self.moves.leaving.insert(room, Leaving { index, to, since, edges, announced, held, reply });
            }
            return self.rooms.put(hosted);
        }
        // From now on whoever asks for its name asks there, where the letter comes first.
        self.placement.directory().move_to(hosted.game, &hosted.name, to);
        self.games[hosted.game].named.remove(&hosted.name);
        for session in hosted.cell.recipients(To::All, false) {
            self.sessions.remove(&session);
        }
        if self.config.recordings.keep == Keep::All {
            self.shelve(&mut hosted.cell, End::Closed);
        }
        self.stop_ticking(&hosted);
        self.meter.totals.rooms_moved += 1;
        self.rooms.release(index);
        let (name, tick) = (Arc::clone(&hosted.game_name), hosted.cell.ctx().tick());
        if let Err(fault) = wall::bury(hosted) {
            self.meter.on_fault(crate::snapshot::FaultRecord { at: now, room, game: name, tick, callback: "drop", fault });
        }
    }

    /// It could be saved when the move began, and cannot any more.
    fn fail_to_leave(&mut self, now: Time, mut hosted: Box<Hosted>, leaving: Leaving) {
        let room = hosted.id;
        let fault = hillfort_world::RoomFault::crashed("could not be saved for its move to another thread");
        let reject = fault.reject();
        self.on_fault(now, &mut hosted, fault);
        self.moves.leaving.insert(room, leaving);
        self.end_room(now, hosted, reject);
    }

    /// To be done when a batch was taken: doors send there only what was announced before.
    pub(super) fn read_letters(&mut self, now: Time) {
        while let Ok(letter) = self.moves.letters.try_recv() {
            match letter {
                Letter::Expect(room) => _ = self.moves.arriving.insert(room, Held::default()),
                Letter::Take(moving) => self.take_over(now, *moving),
                Letter::Never(room) => {
                    let held = self.moves.arriving.remove(&room).unwrap_or_default();
                    self.replay(now, &held);
                }
            }
        }
    }

    /// A room comes from another thread.
    fn take_over(&mut self, now: Time, moving: Moving) {
        let Moving { game, saved, held, has_file, made, empty_since, reply } = moving;
        let Some(room) = saved.id else { return };
        let here = self.moves.arriving.remove(&room).unwrap_or_default();
        let players: Vec<(SessionId, hillfort_world::Seat)> =
            saved.cell.players.iter().map(|player| (player.session, player.seat)).collect();
        let index = self.rooms.reserve_as(room);
        let asleep = Asleep { game, saved };
        let result = self.cell_of(now, room, game, &asleep.saved);
        let answer = match result {
            Ok(cell) => {
                for (session, seat) in &players {
                    self.sessions.insert(*session, Place { room: index, seat: *seat });
                }
                let saved = &asleep.saved;
                if !saved.name.is_empty() {
                    self.games[game].named.insert(saved.name.as_str().into(), index);
                }
                self.install(
                    now,
                    cell,
                    Berth { id: room, index, game, name: &saved.name, params: &saved.params, saved: has_file },
                );
                if let Some(mut hosted) = self.rooms.take(index) {
                    (hosted.made, hosted.moved_at) = (made, Some(now));
                    hosted.empty_since = empty_since;
                    self.settle(now, hosted, Ok(()));
                }
                Ok(())
            }
            Err(fault) => {
                let reject = fault.reject();
                for (session, _) in players {
                    self.outbox.left(session, room, Some(reject));
                }
                self.lose(now, index, &asleep, room, fault);
                Err(reject)
            }
        };
        if let Some(reply) = reply {
            let _gone = reply.try_send(answer);
        }
        self.replay(now, &held);
        self.replay(now, &here);
    }

    fn replay(&mut self, now: Time, held: &Held) {
        for entry in held.0.iter().flat_map(InboundBatch::iter) {
            self.on_inbound(now, entry);
        }
    }

    /// Once a second: a thread that has much more to do than another gives it a room that makes both more even.
    pub(super) fn even_out(&mut self, now: Time) {
        if self.moves.peers.len() < 2
            || self.moves.is_busy()
            || self.drain_until.is_some()
            || now.since(self.moves.evened_out) < EVEN_OUT_EVERY
        {
            return;
        }
        let mine = self.cost.max(0) as u64;
        let Some((to, theirs)) = self.placement.cheapest().filter(|(to, _)| *to != self.id) else { return };
        let more = mine.saturating_sub(theirs);
        if more < UNEVEN_NS || mine < theirs + theirs / 2 {
            return;
        }
        let fits = |hosted: &&Hosted| {
            let cost = hosted.cost_per_s.max(0) as u64;
            let rested = hosted.moved_at.is_none_or(|at| now.since(at) >= 4 * EVEN_OUT_EVERY);
            cost > 0 && cost <= more / 2 && rested && !hosted.stays && !hosted.owes_answers() && hosted.watched.is_none()
        };
        let Some(room) =
            self.rooms.iter().filter(fits).max_by_key(|hosted| (hosted.cost_per_s, hosted.index)).map(|hosted| hosted.id)
        else {
            return;
        };
        self.moves.evened_out = now;
        self.begin_move(now, room, to, None);
    }
}
