//! The table of sessions: who is logged in, on which connection, what their room was not told yet. Knows nothing of sockets and
//! judges nothing: order and resumption are the session's own business.

use std::time::Duration;

use hillfort_guard::InputBuckets;
use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::limits::{RESUME_TOKEN_BYTES, RESUME_WINDOW};
use hillfort_proto::session::server::{Session, State};
use hillfort_proto::time::Time;
use slab::Slab;

use crate::close::{KEPT_RECORDS_MAX, RESERVED_MAX};
use crate::conn::{ConnKey, SessionKey};
use crate::latency::Latencies;
use crate::queue::{Place, Queue, Wait, Waits};

/// The whole table is swept this often, in slices that are spread over the time ...
pub(crate) const PASS: Duration = Duration::from_millis(250);
/// ... at least so many of them ...
const SLICES_MIN: usize = 10;
/// ... or so many that none has more records than this, since a slice is one piece of work.
const SLICE_RECORDS_MAX: usize = 256;
/// Bits of a session id that name the slab key; the low 8 name the edge thread.
const KEY_BITS: u32 = 24;

/// One session, or a connection that is about to become one.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) session: Session,
    pub(crate) buckets: InputBuckets,
    pub(crate) conn: Option<ConnKey>,
    /// It has lasted, and its address was told.
    pub(crate) settled: bool,
    /// It has played, and was given a ticket.
    pub(crate) proven: bool,
    /// Sweeps of the whole table between which it sent an input that was taken ...
    pub(crate) sweeps_played: u16,
    /// ... and whether it did since the last one.
    pub(crate) plays: bool,
    /// The session has ended; the record stays until its room was told.
    pub(crate) over: bool,
    /// What its room has to be told and could not, because the lane was full.
    pub(crate) owed: Option<Notice>,
    /// Newest state for a socket that is full.
    pub(crate) held: Option<Box<HeldState>>,
    /// Whether its client can go on with what the room sends next of its scene.
    pub(crate) scene: Scene,
    place: Place,
    /// Bytes of its log and its held state that the budget has counted.
    pub(crate) counted: usize,
}

impl Waits for Record {
    fn place(&mut self) -> &mut Place {
        &mut self.place
    }
}

impl Record {
    /// Its client no longer has all of its room's scene, if the room sent one.
    pub(crate) fn lose_scene(&mut self, scene: Scene) {
        if self.scene != Scene::None {
            self.scene = scene;
        }
    }
}

/// What a room has to know of a session's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    Drop(RoomId),
    Reconnect(RoomId),
    Leave(RoomId),
}

/// What a client has of its room's scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Nothing; its room sent none.
    None,
    /// All that was sent.
    Whole,
    /// Not all; the room does not know that yet.
    Lost,
    /// Not all; the room was told, or will be by the connection's return.
    Asked,
}

/// See [`Record::held`].
#[derive(Debug)]
pub(crate) struct HeldState {
    pub(crate) room: RoomId,
    pub(crate) tick: u64,
    pub(crate) data: Vec<u8>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Sessions {
    records: Slab<Record>,
    /// Keys in use are below this.
    used: usize,
    sessions_max: usize,
    /// Records that are logged in, ended ones that wait for their room included.
    logged_in: usize,
    /// Detached sessions in the order of detaching, by whether they had a seat then.
    away: Queue,
    away_from_seat: Queue,
    /// Bytes counted for all records.
    outbound_bytes: usize,
    pub(crate) sweep: Sweep,
}

/// Where the sweep is.
#[derive(Debug)]
pub(crate) struct Sweep {
    pub(crate) due: Time,
    pub(crate) from: usize,
}

/// What one pass over the table has counted so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) live: u64,
    pub(crate) detached: u64,
    pub(crate) stale: u64,
    pub(crate) latencies: Latencies,
}

impl Sessions {
    pub(crate) fn new(sessions_max: usize) -> Self {
        let (away, away_from_seat) = (Queue::new(Wait::Return, RESUME_WINDOW), Queue::new(Wait::ReturnToSeat, RESUME_WINDOW));
        Self {
            records: Slab::with_capacity(sessions_max.min(RESERVED_MAX)),
            used: 0,
            sessions_max,
            logged_in: 0,
            away,
            away_from_seat,
            outbound_bytes: 0,
            sweep: Sweep { due: Time::ZERO, from: 0 },
        }
    }

    /// A record for a connection that has proven itself.
    pub(crate) fn greet(&mut self, now: Time, conn: ConnKey) -> SessionKey {
        let record = Record {
            session: Session::new(now),
            buckets: InputBuckets::new(now),
            conn: Some(conn),
            settled: false,
            proven: false,
            sweeps_played: 0,
            plays: false,
            over: false,
            owed: None,
            held: None,
            scene: Scene::None,
            place: Place::nowhere(),
            counted: 0,
        };
        let key = self.records.insert(record);
        self.used = self.used.max(key + 1);
        SessionKey::try_from(key).expect("bounded by the sessions and unproven connections configured")
    }

    /// A fresh id for the session of this record, and its token. `None`: all sessions are taken.
    ///
    /// The id names its record, so that looking one up is an index and a comparison; 32 random bits keep ids from being reused. The
    /// token, not the id, is the secret.
    pub(crate) fn name(&mut self, key: SessionKey) -> Option<(SessionId, [u8; RESUME_TOKEN_BYTES])> {
        if self.is_full() {
            return None;
        }
        let mut random = [0; RESUME_TOKEN_BYTES + 4];
        // Without randomness nobody can be given a secret; tried once at bind, so it does not fail here.
        getrandom::fill(&mut random).ok()?;
        let (salt, token) = random.split_first_chunk::<4>().expect("20 bytes");
        let salt = u64::from(u32::from_le_bytes(*salt).max(1));
        Some((SessionId(salt << (KEY_BITS + 8) | u64::from(key) << 8), token.try_into().expect("16 bytes")))
    }

    /// Counts anew what this record holds. What has come and gone since is made good, so no error adds up.
    pub(crate) fn recount(&mut self, key: SessionKey) {
        let Some(record) = self.records.get_mut(key as usize) else { return };
        let holds = record.session.unacked_bytes() + record.held.as_ref().map_or(0, |held| held.data.len());
        self.outbound_bytes = (self.outbound_bytes + holds).saturating_sub(record.counted);
        record.counted = holds;
    }

    /// Bytes that all records held when they were last counted.
    pub(crate) fn outbound_bytes(&self) -> usize {
        self.outbound_bytes
    }

    /// No further session can be named.
    pub(crate) fn is_full(&self) -> bool {
        self.logged_in >= self.sessions_max
    }

    /// The session has lost its connection and waits for the next one.
    pub(crate) fn on_away(&mut self, now: Time, key: SessionKey) {
        // Away already: its time goes on.
        let Some(record) = self.records.get(key as usize).filter(|record| record.place.wait().is_none()) else { return };
        let queue = if record.session.seat().room().is_some() { &mut self.away_from_seat } else { &mut self.away };
        queue.push(&mut self.records, key, now);
    }

    /// The session waits no more: it has a connection again, or ends.
    pub(crate) fn on_not_away(&mut self, key: SessionKey) {
        match self.records.get(key as usize).and_then(|record| record.place.wait()) {
            Some(Wait::Return) => self.away.remove(&mut self.records, key),
            Some(Wait::ReturnToSeat) => self.away_from_seat.remove(&mut self.records, key),
            Some(Wait::FirstByte | Wait::Hello | Wait::Login | Wait::End) | None => {}
        }
    }

    /// Who gives way to a new session: of those that are away, the one that went first, and one that left a seat only when no other
    /// is left. So whoever fills the table with sessions and leaves them pushes out their own.
    pub(crate) fn first_to_give_way(&mut self) -> Option<SessionKey> {
        let first = self.away.oldest(&mut self.records).or_else(|| self.away_from_seat.oldest(&mut self.records));
        first.map(|(key, _)| key)
    }

    /// A session that was named has logged in.
    pub(crate) fn on_logged_in(&mut self) {
        self.logged_in += 1;
    }

    /// The record of a logged-in session that is not over.
    pub(crate) fn find(&self, id: SessionId) -> Option<SessionKey> {
        let key = (id.0 >> 8) as u32 & ((1 << KEY_BITS) - 1);
        self.records.get(key as usize).filter(|record| record.session.id() == id && id.0 != 0 && !record.over).map(|_| key)
    }

    pub(crate) fn get_mut(&mut self, key: SessionKey) -> Option<&mut Record> {
        self.records.get_mut(key as usize)
    }

    pub(crate) fn remove(&mut self, key: SessionKey) {
        self.on_not_away(key);
        let Some(record) = self.records.try_remove(key as usize) else { return };
        self.outbound_bytes = self.outbound_bytes.saturating_sub(record.counted);
        if record.session.id() != SessionId(0) {
            self.logged_in = self.logged_in.saturating_sub(1);
        }
        if self.records.is_empty() && self.used > KEPT_RECORDS_MAX {
            self.records = Slab::with_capacity(self.sessions_max.min(RESERVED_MAX));
            self.used = 0;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().map(|(_, record)| record)
    }

    /// Sessions that are logged in and not over.
    pub(crate) fn len(&self) -> usize {
        self.logged_in
    }

    /// When the next slice is to be swept; `None` while there is nothing to sweep.
    pub(crate) fn next_sweep(&self) -> Option<Time> {
        (!self.records.is_empty()).then_some(self.sweep.due)
    }

    /// Keys of the next slice, and whether it is the last one of its pass.
    pub(crate) fn next_slice(&mut self, now: Time) -> (std::ops::Range<usize>, bool) {
        let end = self.used;
        let slice = end.div_ceil(SLICES_MIN).clamp(64, SLICE_RECORDS_MAX);
        let from = self.sweep.from;
        let to = (from + slice).min(end).max(from);
        let last = to >= end;
        self.sweep.from = if last { 0 } else { to };
        // From when it was due, so that a loop that comes late makes up for it; but not for more than one pass.
        let period = PASS / u32::try_from(end.div_ceil(slice).max(SLICES_MIN)).unwrap_or(u32::MAX);
        self.sweep.due = (self.sweep.due + period).max(now - PASS);
        (from..to, last)
    }

    /// The slice is not done: it goes on from this key, in the next turn.
    pub(crate) fn break_off(&mut self, now: Time, from: usize) {
        (self.sweep.from, self.sweep.due) = (from, now);
    }
}

impl Tally {
    pub(crate) fn count(&mut self, record: &Record, now: Time) {
        match record.session.state() {
            _ if record.over => {}
            State::Open => {
                self.live += 1;
                self.stale += u64::from(record.session.is_stale(now));
                if let Some(round_trip) = record.session.round_trip() {
                    self.latencies.record(round_trip);
                }
            }
            State::Detached => self.detached += 1,
            State::AwaitLogin | State::AwaitWork | State::Ended => {}
        }
    }
}
