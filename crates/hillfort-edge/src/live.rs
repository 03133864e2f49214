//! What sessions say, and what becomes of them: hello, login, resume, join, input, leave, end. Knows nothing of bytes on the wire.

use hillfort_guard::{Class, Verdict};
use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::limits::{HELLO_BYTES, RESUME_TOKEN_BYTES, WORK_SALT_BYTES};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::{BATCH_ENTRIES_MAX, BatchFull, Inbound, InboundBatch, RoomPort};
use hillfort_proto::session::server::{Event, Opening, State};
use hillfort_proto::session::survives;
use hillfort_proto::time::Time;
use hillfort_proto::work::Puzzle;

use crate::conn::{ConnKey, Phase, SessionKey, known};
use crate::sessions::{Notice, Record, Scene};
use crate::stats::Stats;
use crate::thread::EdgeThread;

/// Entries of a batch that inputs and joins may fill. The rest is for notices: a room must learn that a player is gone.
const ENTRIES_MAX: usize = BATCH_ENTRIES_MAX - BATCH_ENTRIES_MAX / 4;
/// Bytes of an input that are charged as one more event.
const BYTES_PER_EVENT: usize = 256;

/// Control messages that a list of rooms is charged as: it is looked for on the thread that serves everybody.
const LIST_COST: u32 = 4;

/// What is left to do after an event, when nothing borrows the payload any more.
enum Step {
    Nothing,
    /// Wants in.
    Asked(Opening),
    /// Is to be let in.
    Open(Opening),
    Bye,
    Flood(Reject),
}

impl EdgeThread {
    /// The first bytes of a connection, whole.
    pub(crate) fn on_hello(&mut self, key: ConnKey, now: Time, hello: &[u8; HELLO_BYTES]) {
        let Some(conn) = known(&mut self.conns, key, &self.stats) else { return };
        if let Err(reject) = self.guard.on_hello(now, Self::unix_now(), &conn.admitted, hello) {
            // The guard has charged it.
            return self.end(now, key, reject);
        }
        conn.phase = Phase::Login(self.sessions.greet(now, key));
        self.stop_waiting(key);
        self.waiting_login.push(&mut self.conns, key, now);
    }

    /// One payload of a proven connection. `false`: the connection is ending or gone.
    #[inline]
    pub(crate) fn on_payload(&mut self, key: ConnKey, now: Time, payload: &[u8]) -> Result<bool, Reject> {
        let Some(conn) = self.conns.get_mut(key as usize) else { return Ok(false) };
        let (Phase::Login(at) | Phase::Live(at)) = conn.phase else { return Ok(false) };
        let Some(record) = self.sessions.get_mut(at) else {
            self.on_lost_session(key);
            return Ok(false);
        };
        let framing = conn.framing();
        self.spares.lend(&mut conn.out);
        let out = &mut conn.out;
        let before = out.len();
        let event = record.session.handle_payload(now, payload, framing, out)?;
        self.stats.edge.frames_out.add(u64::from(out.len() > before));
        let step = match event {
            // An answered ping, or an ack.
            None => match record.buckets.on_input(&self.rates, now, Class::CONTROL, 1) {
                Verdict::Pass => return Ok(true),
                verdict => after(&self.stats, verdict),
            },
            Some(Event::Input { room, op, data }) => {
                // Inputs are bounded to 1 KiB.
                let cost = 1 + u32::try_from(data.len() / BYTES_PER_EVENT).unwrap_or(u32::MAX - 1);
                match record.buckets.on_input(&self.rates, now, Class::input(op), cost) {
                    Verdict::Pass => {
                        let entry = Inbound::Input { session: record.session.id(), room, op, data };
                        match push(&mut self.inbound, self.rooms.owner(room), entry) {
                            Ok(()) => {
                                record.plays = true;
                                self.stats.edge.inputs.add(1);
                            }
                            Err(BatchFull) => {
                                self.stats.edge.refuse(Reject::WorldBusy);
                                record.session.enqueue_refused(Reject::WorldBusy, framing, out);
                            }
                        }
                        return Ok(true);
                    }
                    verdict => {
                        if let Verdict::Drop(reject) = verdict {
                            record.session.enqueue_refused(reject, framing, out);
                        }
                        after(&self.stats, verdict)
                    }
                }
            }
            Some(Event::Join { game, room }) => {
                let verdict = record.buckets.on_input(&self.rates, now, Class::CONTROL, 1);
                let placed = match verdict {
                    Verdict::Pass => self.rooms.place(game, room).and_then(|world| {
                        let entry =
                            Inbound::Join { session: record.session.id(), room, game, name: record.session.name(), facts: &[] };
                        push(&mut self.inbound, world, entry).map_err(|BatchFull| {
                            self.rooms.unplace(game, room);
                            Reject::WorldBusy
                        })
                    }),
                    Verdict::Drop(reject) | Verdict::Close(reject) => Err(reject),
                };
                if let Err(reject) = placed {
                    self.stats.edge.refuse(reject);
                    record.session.enqueue_join_refused(reject, framing, out)?;
                }
                if let Verdict::Close(reject) = verdict { Step::Flood(reject) } else { Step::Nothing }
            }
            Some(Event::List(ask)) => {
                let verdict = record.buckets.on_input(&self.rates, now, Class::CONTROL, LIST_COST);
                let listed = match verdict {
                    Verdict::Pass => self.lists.look_up(now, self.rooms.as_mut(), &ask),
                    Verdict::Drop(reject) | Verdict::Close(reject) => Err(reject),
                };
                match listed {
                    Ok(more) => record.session.enqueue_rooms(ask.ask, more, self.lists.lines(), framing, out),
                    Err(reject) => {
                        self.stats.edge.refuse(reject);
                        record.session.enqueue_refused(reject, framing, out);
                    }
                }
                self.stats.edge.frames_out.add(1);
                if let Verdict::Close(reject) = verdict { Step::Flood(reject) } else { Step::Nothing }
            }
            Some(Event::Leave { room }) => {
                tell(self.rooms.as_ref(), &mut self.inbound, record, Notice::Leave(room));
                Step::Nothing
            }
            Some(Event::Resync { room }) => {
                let session = record.session.id();
                // It costs the room a whole scene: at the rate of control messages. A full lane is no reason to end anything; it may ask again.
                let verdict = record.buckets.on_input(&self.rates, now, Class::CONTROL, 1);
                if verdict == Verdict::Pass
                    && push(&mut self.inbound, self.rooms.owner(room), Inbound::Resync { session, room }).is_ok()
                {
                    record.scene = Scene::Asked;
                }
                after(&self.stats, verdict)
            }
            Some(Event::Refused(reject)) => {
                self.stats.edge.refuse(reject);
                let verdict = record.buckets.on_input(&self.rates, now, Class::CONTROL, 1);
                after(&self.stats, verdict)
            }
            Some(Event::Ticket { ticket }) => {
                self.guard.on_ticket(now, Self::unix_now(), &mut conn.admitted, ticket);
                return Ok(true);
            }
            Some(Event::Login { .. }) => Step::Asked(Opening::Login),
            Some(Event::Resume { session, token, received }) => Step::Asked(Opening::Resume { session, token: *token, received }),
            Some(Event::Worked(opening)) => Step::Open(opening),
            Some(Event::Bye) => Step::Bye,
        };
        match step {
            Step::Nothing => Ok(true),
            Step::Flood(reject) => Err(reject),
            Step::Asked(opening) => self.on_asked(key, now, at, opening).map(|()| true),
            Step::Open(opening) => self.on_opening(key, now, at, opening).map(|()| true),
            Step::Bye => {
                self.end_session(at);
                self.say_goodbye(now, key, Reject::Goodbye);
                Ok(false)
            }
        }
    }

    /// Charges something of the transport that is no message to the session, as a control message. `false`: dropped. Nobody needs any
    /// of it before the hello.
    pub(crate) fn charge_transport(&mut self, now: Time, key: ConnKey) -> Result<bool, Reject> {
        let Some(conn) = known(&mut self.conns, key, &self.stats) else { return Ok(false) };
        let (Phase::Login(at) | Phase::Live(at)) = conn.phase else { return Err(Reject::WebSocket) };
        let Some(record) = self.sessions.get_mut(at) else {
            self.on_lost_session(key);
            return Ok(false);
        };
        match record.buckets.on_input(&self.rates, now, Class::CONTROL, 1) {
            Verdict::Pass => Ok(true),
            Verdict::Drop(reject) => {
                self.stats.edge.refuse(reject);
                Ok(false)
            }
            Verdict::Close(reject) => Err(reject),
        }
    }

    /// Ends a connection for what it did or did not do. Its session goes on only when the reason allows.
    pub(crate) fn on_reject(&mut self, now: Time, key: ConnKey, reject: Reject) {
        let Some(conn) = self.conns.get(key as usize) else { return };
        if let Phase::Login(session) | Phase::Live(session) = conn.phase {
            if survives(reject) { self.detach(now, session) } else { self.end_session(session) }
        }
        self.offend(now, key, reject);
    }

    /// The peer has closed, or the connection broke.
    pub(crate) fn on_gone(&mut self, now: Time, key: ConnKey) {
        if let Some(conn) = self.conns.get(key as usize)
            && let Phase::Login(session) | Phase::Live(session) = conn.phase
        {
            self.detach(now, session);
        }
        self.remove(key);
    }

    /// A close frame: the answer to ours, or a browser that leaves. Its session may come back: tabs are reloaded.
    pub(crate) fn on_websocket_close(&mut self, now: Time, key: ConnKey) {
        if let Some(conn) = self.conns.get(key as usize)
            && let Phase::Login(session) | Phase::Live(session) = conn.phase
        {
            self.detach(now, session);
        }
        self.say_goodbye(now, key, Reject::Goodbye);
    }

    /// Takes the connection away from a session; one that never logged in ends with it.
    pub(crate) fn detach(&mut self, now: Time, at: SessionKey) {
        let Some(record) = self.sessions.get_mut(at) else { return };
        record.conn = None;
        record.held = None;
        // What its next connection gets begins anew: the room hears of the return.
        record.lose_scene(Scene::Asked);
        record.session.handle_disconnect(now);
        if record.session.state() == State::Ended {
            return self.sessions.remove(at);
        }
        if let Some(room) = record.session.seat().room() {
            tell(self.rooms.as_ref(), &mut self.inbound, record, Notice::Drop(room));
        }
        self.sessions.on_away(now, at);
    }

    /// Ends a session for good and frees its seat.
    pub(crate) fn end_session(&mut self, at: SessionKey) {
        self.sessions.on_not_away(at);
        let Some(record) = self.sessions.get_mut(at) else { return };
        record.conn = None;
        record.held = None;
        // A session that still waits for its seat is not found when the seat comes, and the room is told then.
        if let Some(room) = record.session.seat().room() {
            tell(self.rooms.as_ref(), &mut self.inbound, record, Notice::Leave(room));
        }
        record.over = true;
        if record.owed.is_none() {
            self.sessions.remove(at);
        }
    }

    /// Whether the client of this connection works for its login.
    pub(crate) fn is_working(&mut self, key: ConnKey) -> bool {
        let Some(Phase::Login(at)) = self.conns.get(key as usize).map(|conn| conn.phase) else { return false };
        self.sessions.get_mut(at).is_some_and(|record| record.session.state() == State::AwaitWork)
    }

    /// A connection that names a session which is not there: nothing can be said on it any more.
    fn on_lost_session(&mut self, key: ConnKey) {
        self.stats.edge.stale_keys.add(1);
        self.remove(key);
    }

    /// A login or resume: let in, refused, or told to work first.
    fn on_asked(&mut self, key: ConnKey, now: Time, at: SessionKey, opening: Opening) -> Result<(), Reject> {
        let Some(conn) = known(&mut self.conns, key, &self.stats) else { return Ok(()) };
        let Some(bits) = self.guard.on_login(now, &conn.admitted, opening != Opening::Login)? else {
            return self.on_opening(key, now, at, opening);
        };
        let mut salt = [0; WORK_SALT_BYTES];
        // Without randomness nobody can be given a token either.
        getrandom::fill(&mut salt).map_err(|_| Reject::SessionsFull)?;
        let record = self.sessions.get_mut(at).ok_or(Reject::SessionsFull)?;
        self.stats.edge.frames_out.add(1);
        record.session.challenge(Puzzle::new(salt, bits), opening, conn.framing(), &mut conn.out)
    }

    fn on_opening(&mut self, key: ConnKey, now: Time, at: SessionKey, opening: Opening) -> Result<(), Reject> {
        match opening {
            Opening::Login => self.on_login(key, now, at),
            Opening::Resume { session, token, received } => self.on_resume(key, now, at, session, &token, received),
        }
    }

    fn on_login(&mut self, key: ConnKey, now: Time, at: SessionKey) -> Result<(), Reject> {
        if self.drain.is_some() {
            return Err(Reject::Draining);
        }
        if self.sessions.is_full()
            && let Some(away) = self.sessions.first_to_give_way()
        {
            self.stats.edge.sessions_shed.add(1);
            self.end_session(away);
        }
        let (id, token) = self.sessions.name(at).ok_or(Reject::SessionsFull)?;
        let Some(conn) = known(&mut self.conns, key, &self.stats) else { return Ok(()) };
        let record = self.sessions.get_mut(at).ok_or(Reject::SessionsFull)?;
        record.session.accept_login(now, id, token, conn.framing(), &mut conn.out)?;
        self.sessions.on_logged_in();
        self.stats.edge.logins.add(1);
        self.stats.edge.frames_out.add(1);
        conn.phase = Phase::Live(at);
        self.stop_waiting(key);
        Ok(())
    }

    /// `greeted` is the record that this connection got before it was known to resume another.
    fn on_resume(
        &mut self,
        key: ConnKey,
        now: Time,
        greeted: SessionKey,
        id: SessionId,
        token: &[u8; RESUME_TOKEN_BYTES],
        received: u64,
    ) -> Result<(), Reject> {
        let at = self.sessions.find(id).ok_or(Reject::ResumeUnknown)?;
        let record = self.sessions.get_mut(at).ok_or(Reject::ResumeUnknown)?;
        let Some(conn) = known(&mut self.conns, key, &self.stats) else { return Ok(()) };
        record.session.resume(now, token, received, conn.framing(), &mut conn.out)?;
        self.stats.edge.logins.add(1);
        self.stats.edge.frames_out.add(1);
        let replaced = record.conn.replace(key);
        record.held = None;
        // Its room hears of the return of a lost connection, and of one that took another's place it has to be told.
        record.lose_scene(if replaced.is_none() { Scene::Asked } else { Scene::Lost });
        (record.settled, record.proven) = (false, false);
        conn.phase = Phase::Live(at);
        if replaced.is_none()
            && let Some(room) = record.session.seat().room()
        {
            tell(self.rooms.as_ref(), &mut self.inbound, record, Notice::Reconnect(room));
        }
        self.ask_for_lost_scene(at);
        self.sessions.on_not_away(at);
        self.sessions.remove(greeted);
        self.stop_waiting(key);
        if let Some(old) = replaced {
            self.end(now, old, Reject::Replaced);
        }
        Ok(())
    }
}

/// Tells a session's room; what a full lane does not take is tried again by the sweep. The newest replaces the older: a room that
/// hears of a return without the loss before it has missed nothing. But a leave stays: nothing after it matters to that room.
pub(crate) fn tell(rooms: &dyn RoomPort, inbound: &mut [InboundBatch], record: &mut Record, notice: Notice) {
    let session = record.session.id();
    let notice = record.owed.filter(|owed| matches!(owed, Notice::Leave(_))).unwrap_or(notice);
    let (room, entry) = match notice {
        Notice::Drop(room) => (room, Inbound::Drop { session, room }),
        Notice::Reconnect(room) => (room, Inbound::Reconnect { session, room }),
        Notice::Leave(room) => (room, Inbound::Leave { session, room }),
    };
    let told = inbound.get_mut(usize::from(rooms.owner(room))).map_or(Ok(()), |batch| batch.push(entry));
    record.owed = told.err().map(|BatchFull| notice);
}

/// The same for a session that is no more, and so has no record in which a notice could wait.
pub(crate) fn tell_leave(
    rooms: &dyn RoomPort,
    inbound: &mut [InboundBatch],
    session: SessionId,
    room: RoomId,
) -> Result<(), BatchFull> {
    inbound.get_mut(usize::from(rooms.owner(room))).map_or(Ok(()), |batch| batch.push(Inbound::Leave { session, room }))
}

/// The room is to send its scene anew.
pub(crate) fn ask_anew(
    rooms: &dyn RoomPort,
    inbound: &mut [InboundBatch],
    session: SessionId,
    room: RoomId,
) -> Result<(), BatchFull> {
    push(inbound, rooms.owner(room), Inbound::Resync { session, room })
}

/// What a verdict other than a pass leads to, counted.
fn after(stats: &Stats, verdict: Verdict) -> Step {
    match verdict {
        Verdict::Pass => Step::Nothing,
        Verdict::Drop(reject) => {
            stats.edge.refuse(reject);
            Step::Nothing
        }
        // Counted where the connection ends.
        Verdict::Close(reject) => Step::Flood(reject),
    }
}

fn push(inbound: &mut [InboundBatch], world: u8, entry: Inbound<'_>) -> Result<(), BatchFull> {
    let batch = inbound.get_mut(usize::from(world)).ok_or(BatchFull)?;
    if batch.iter().len() >= ENTRIES_MAX { Err(BatchFull) } else { batch.push(entry) }
}
