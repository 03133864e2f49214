//! What rooms say, to the sessions' connections. Knows nothing of rooms but their ids, and writes nothing itself: what it appends is
//! written once at the end.
//!
//! The policy of a connection whose socket is full: what is sequenced is never dropped, it waits up to a bound and beyond it the
//! connection is a slow consumer and ends; of states only the newest waits.

use hillfort_proto::frame::Framing;
use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::{Outbound, OutboundBatch};
use hillfort_proto::time::Time;

use crate::conn::{SessionKey, known};
use crate::live::{ask_anew, tell, tell_leave};
use crate::sessions::{HeldState, Notice, Scene};
use crate::thread::EdgeThread;

/// Seats that nobody took and whose rooms could not be told yet: at this many no batch is taken from the rooms any more, so that there
/// are at most as many more as one batch has entries. Each is 16 bytes.
const OWED_LEAVES_MAX: usize = 4_096;

/// Something sequenced for one session.
enum Said<'a> {
    Joined { game: &'a str, hz: u32, tick: u64 },
    Left(Option<Reject>),
    Event { op: u32, data: &'a [u8] },
}

impl EdgeThread {
    /// Takes what the lanes hold. Bounded by their depth in each turn, so that rooms cannot keep the loop from reading.
    pub(crate) fn deliver(&mut self, now: Time) {
        for lane in 0..self.lanes.len() {
            for _ in 0..hillfort_proto::route::LANE_DEPTH {
                // Rooms wait while the seats that nobody took are more than the lanes back to them hold.
                if !self.takes_all() {
                    break;
                }
                let Some(batch) = self.lanes[lane].receive() else { break };
                self.deliver_batch(now, &batch);
                self.lanes[lane].recycle(batch);
            }
        }
        self.flush(now);
    }

    /// Whether lanes are emptied in each turn.
    pub(crate) fn takes_all(&self) -> bool {
        self.owed_leaves.len() < OWED_LEAVES_MAX
    }

    /// The socket has room again: the newest state goes out.
    pub(crate) fn release_held(&mut self, at: SessionKey) {
        self.ask_for_lost_scene(at);
        let Some(record) = self.sessions.get_mut(at) else { return };
        let (Some(held), Some(key)) = (record.held.take(), record.conn) else { return };
        let Some(conn) = known(&mut self.conns, key, &self.stats) else { return };
        self.spares.lend(&mut conn.out);
        record.session.enqueue_state(held.room, held.tick, &held.data, conn.framing(), &mut conn.out);
        self.stats.edge.frames_out.add(1);
    }

    fn deliver_batch(&mut self, now: Time, batch: &OutboundBatch) {
        for entry in batch.iter() {
            match entry {
                Outbound::Joined { session, room, game, hz, tick, .. } => {
                    self.say(now, session, room, &Said::Joined { game, hz, tick });
                }
                Outbound::JoinRefused { session, reject, .. } => self.refuse_join(now, session, reject),
                Outbound::Left { session, room, reject } => self.say(now, session, room, &Said::Left(reject)),
                Outbound::Event { to, room, op, data } => {
                    for session in to {
                        self.say(now, *session, room, &Said::Event { op, data });
                        self.probe.mark();
                    }
                }
                Outbound::Scene { session, room, anew, data } => self.show_scene(now, session, room, anew, data),
                Outbound::State { to, room, tick, data } => {
                    for session in to {
                        self.show(now, *session, room, tick, data);
                        self.probe.mark();
                    }
                }
            }
            self.probe.mark();
        }
    }

    fn say(&mut self, now: Time, id: SessionId, room: RoomId, said: &Said<'_>) {
        let Some(at) = self.sessions.find(id) else {
            // A seat for a session that ended while it waited.
            if matches!(said, Said::Joined { .. }) && tell_leave(self.rooms.as_ref(), &mut self.inbound, id, room).is_err() {
                self.owed_leaves.push((id, room));
            }
            return;
        };
        let Some(record) = self.sessions.get_mut(at) else { return };
        // Without a connection nothing is appended, only kept for its return.
        let mut nowhere = Vec::new();
        let (framing, out) = match record.conn.and_then(|key| known(&mut self.conns, key, &self.stats)) {
            Some(conn) => {
                self.spares.lend(&mut conn.out);
                (conn.framing(), &mut conn.out)
            }
            None => (Framing::Bare, &mut nowhere),
        };
        let before = out.len();
        let outcome = match *said {
            Said::Joined { game, hz, tick } => record.session.enqueue_joined(room, game, hz, tick, framing, out).map(|seated| {
                if !seated {
                    tell(self.rooms.as_ref(), &mut self.inbound, record, Notice::Leave(room));
                } else if record.conn.is_none() {
                    tell(self.rooms.as_ref(), &mut self.inbound, record, Notice::Drop(room));
                }
            }),
            Said::Left(reject) => {
                if let Some(reject) = reject {
                    self.stats.edge.refuse(reject);
                }
                record.session.enqueue_left(room, reject, framing, out)
            }
            Said::Event { op, data } => record.session.enqueue_event(room, op, data, framing, out),
        };
        let added = out.len() - before;
        self.after_enqueue(now, at, outcome, added);
    }

    /// Tells rooms of seats that nobody took, as far as their batches have room. The rest waits for the next turn.
    pub(crate) fn pay_leaves(&mut self) {
        let (rooms, inbound) = (self.rooms.as_ref(), &mut self.inbound);
        self.owed_leaves.retain(|(session, room)| tell_leave(rooms, inbound, *session, *room).is_err());
    }

    fn refuse_join(&mut self, now: Time, id: SessionId, reject: Reject) {
        self.refuse(reject);
        let Some(at) = self.sessions.find(id) else { return };
        let Some(record) = self.sessions.get_mut(at) else { return };
        let mut nowhere = Vec::new();
        let (framing, out) = match record.conn.and_then(|key| known(&mut self.conns, key, &self.stats)) {
            Some(conn) => {
                self.spares.lend(&mut conn.out);
                (conn.framing(), &mut conn.out)
            }
            None => (Framing::Bare, &mut nowhere),
        };
        let before = out.len();
        let outcome = record.session.enqueue_join_refused(reject, framing, out);
        let added = out.len() - before;
        self.after_enqueue(now, at, outcome, added);
    }

    fn after_enqueue(&mut self, now: Time, at: SessionKey, outcome: Result<(), Reject>, added: usize) {
        let Some(record) = self.sessions.get_mut(at) else { return };
        let Some(key) = record.conn else {
            // Its log is full: it could not be resumed any more.
            if outcome.is_err() {
                self.refuse(Reject::SlowConsumer);
                return self.end_session(at);
            }
            return self.keep_budget(now, at);
        };
        let Some(conn) = known(&mut self.conns, key, &self.stats) else { return };
        if let Err(reject) = outcome {
            return self.on_reject(now, key, reject);
        }
        if conn.pending() > self.config.pending_bytes_max {
            return self.on_reject(now, key, Reject::SlowConsumer);
        }
        self.stats.edge.frames_out.add(u64::from(added > 0));
        Self::mark_dirty(&mut self.dirty, conn, key);
        self.keep_budget(now, at);
    }

    /// A client that can be written again and has not all of its room's scene: the room is to send it anew. When its lane is full, the sweep tries again.
    pub(crate) fn ask_for_lost_scene(&mut self, at: SessionKey) {
        let Some(record) = self.sessions.get_mut(at).filter(|record| record.scene == Scene::Lost) else { return };
        let free = record.conn.is_some_and(|key| self.conns.get(key as usize).is_some_and(|conn| !conn.blocked));
        if let Some(room) = record.session.seat().room().filter(|_| free)
            && ask_anew(self.rooms.as_ref(), &mut self.inbound, record.session.id(), room).is_ok()
        {
            record.scene = Scene::Asked;
        }
    }

    /// A client whose socket is full loses what is new; once it has room again, its room sends everything anew: that is less than all that
    /// would have waited, and fresh.
    fn show_scene(&mut self, now: Time, id: SessionId, room: RoomId, anew: bool, data: &[u8]) {
        let Some(at) = self.sessions.find(id) else { return };
        let Some(record) = self.sessions.get_mut(at) else { return };
        let Some(conn) = record.conn.and_then(|key| known(&mut self.conns, key, &self.stats).map(|conn| (key, conn))) else {
            record.scene = Scene::Asked;
            return;
        };
        let (key, conn) = conn;
        if conn.blocked {
            if matches!(record.scene, Scene::None | Scene::Whole) || anew {
                self.stats.edge.scenes_lost.add(1);
                record.scene = Scene::Lost;
            }
            return;
        }
        if !anew && record.scene != Scene::Whole {
            if record.scene == Scene::None {
                record.scene = Scene::Lost;
            }
            return self.ask_for_lost_scene(at);
        }
        record.scene = Scene::Whole;
        self.spares.lend(&mut conn.out);
        record.session.enqueue_scene(room, data, conn.framing(), &mut conn.out);
        self.stats.edge.frames_out.add(1);
        Self::mark_dirty(&mut self.dirty, conn, key);
        self.keep_budget(now, at);
    }

    fn show(&mut self, now: Time, id: SessionId, room: RoomId, tick: u64, data: &[u8]) {
        let Some(at) = self.sessions.find(id) else { return };
        let Some(record) = self.sessions.get_mut(at) else { return };
        let Some(key) = record.conn else { return };
        let Some(conn) = known(&mut self.conns, key, &self.stats) else { return };
        if conn.blocked {
            let held = record.held.get_or_insert_with(|| Box::new(HeldState { room, tick, data: Vec::new() }));
            self.stats.edge.states_replaced.add(u64::from(!held.data.is_empty()));
            (held.room, held.tick) = (room, tick);
            held.data.clear();
            held.data.extend_from_slice(data);
            return self.keep_budget(now, at);
        }
        self.spares.lend(&mut conn.out);
        record.session.enqueue_state(room, tick, data, conn.framing(), &mut conn.out);
        self.stats.edge.frames_out.add(1);
        Self::mark_dirty(&mut self.dirty, conn, key);
        self.keep_budget(now, at);
    }
}
