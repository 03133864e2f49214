//! The loop: waits for readiness, does what is due, hands batches over. Owns all sockets; each kind of work has its own file. Knows nothing
//! of how rooms are built: it has a port.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use hillfort_api::match_id::RoomCipher;
use hillfort_api::{Call, Service};
use hillfort_guard::InputBuckets;
use hillfort_proto::route::{InboundBatch, LaneReceiver, OutboundBatch, RoomPort};
use hillfort_proto::time::Time;
use hillfort_stream::Spares;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use tokio::runtime::Handle;

use super::Shared;
use super::calls::{Calls, Then};
use super::conn::{Conn, ConnRef};
use super::end::Departure;
use super::registry::{Meta, Place, StreamKey, StreamPlace};
use super::stats::SocketStats;
use super::upgrade::{Arrival, Gatekeeper};
use crate::matches::seats::Seats;

pub(crate) const WAKER: Token = Token(usize::MAX);
/// Readiness events taken at once.
const EVENTS_MAX: usize = 1024;
/// Bytes of the buffer that all sockets are read into.
const READ_BYTES: usize = 64 * 1024;
/// Sockets taken over in one turn.
const ARRIVALS_MAX: usize = 256;
/// How soon a full lane is tried again.
const LANE_RETRY: Duration = Duration::from_millis(1);
/// What is due by time is looked at this often.
pub(crate) const SWEEP_PERIOD: Duration = Duration::from_millis(500);

/// One thread's sockets. [`SocketThread::turn`] may be called by a test in any thread.
#[expect(missing_debug_implementations, reason = "holds ports that are not Debug; its counters are")]
pub struct SocketThread {
    pub(crate) shared: Arc<Shared>,
    pub(crate) service: Arc<dyn Service>,
    pub(crate) threads: Handle,
    poll: Poll,
    events: Events,
    origin: Instant,
    arrivals: Receiver<Arrival>,
    /// Keeps the way in open for as long as the loop runs.
    _gatekeeper: Arc<Gatekeeper>,
    pub(crate) conns: Slab<Conn>,
    generation: u32,
    pub(crate) calls: Calls,
    /// Messages that clients were told were not done.
    pub(crate) failures: u64,
    pub(crate) seats: Seats,
    pub(crate) cipher: RoomCipher,
    pub(crate) rooms: Box<dyn RoomPort>,
    /// One for each world thread.
    pub(crate) inbound: Vec<InboundBatch>,
    lanes: Vec<LaneReceiver<OutboundBatch>>,
    /// Sockets of which more can be read without a new readiness event.
    pub(crate) again: Vec<ConnRef>,
    /// Sockets that something waits to be written to.
    pub(crate) dirty: Vec<ConnRef>,
    /// Bytes that wait for all sockets.
    pub(crate) queued: usize,
    /// Sessions that ended while others were told of one that did.
    pub(crate) departures: VecDeque<Departure>,
    /// Whether those others are being told.
    pub(crate) tells_departures: bool,
    pub(crate) buffer: Box<[u8]>,
    /// Where inputs get their headers.
    pub(crate) scratch: Vec<u8>,
    pub(crate) spares: Spares,
    pub(crate) sweep_at: Time,
    /// Where in the table the next slice begins.
    pub(crate) sweep_next: usize,
    pub(crate) drain_until: Option<Time>,
}

/// What a loop is made of.
pub(crate) struct Parts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) service: Arc<dyn Service>,
    pub(crate) threads: Handle,
    pub(crate) poll: Poll,
    pub(crate) arrivals: Receiver<Arrival>,
    pub(crate) gatekeeper: Arc<Gatekeeper>,
    pub(crate) lanes: Vec<LaneReceiver<OutboundBatch>>,
    pub(crate) rooms: Box<dyn RoomPort>,
    pub(crate) edge: u8,
    pub(crate) cipher: RoomCipher,
}

impl SocketThread {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { shared, service, threads, poll, arrivals, gatekeeper, lanes, rooms, edge, cipher } = parts;
        Self {
            calls: Calls::new(Arc::clone(&shared)),
            shared,
            service,
            threads,
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            origin: Instant::now(),
            arrivals,
            _gatekeeper: gatekeeper,
            conns: Slab::new(),
            generation: 0,
            failures: 0,
            seats: Seats::new(edge),
            cipher,
            inbound: (0..rooms.worlds()).map(|_| InboundBatch::default()).collect(),
            rooms,
            lanes,
            again: Vec::new(),
            dirty: Vec::new(),
            queued: 0,
            departures: VecDeque::new(),
            tells_departures: false,
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            scratch: Vec::new(),
            spares: Spares::default(),
            sweep_at: Time::ZERO,
            sweep_next: 0,
            drain_until: None,
        }
    }

    /// Waits for readiness, at most `timeout`, and does everything that is due. `false`: a drain was asked for and is done.
    ///
    /// # Errors
    /// The poller is broken; there is nothing left to do but to end.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        let timeout = self.patience(timeout);
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(e) => return Err(e),
        }
        let now = self.now();
        self.rooms.look_for_moves();
        self.read_again(now);
        self.on_events(now);
        self.on_arrivals(now);
        self.obey(now);
        self.poll_calls(now);
        self.on_rooms(now);
        self.sweep(now);
        self.flush(now);
        self.rooms.switch_routes(&mut self.inbound);
        self.hand_over();
        Ok(self.drain_until.is_none_or(|until| now < until && !self.conns.is_empty()))
    }

    /// Runs the loop until a drain is done.
    ///
    /// # Errors
    /// The poller is broken.
    pub fn run(mut self) -> io::Result<()> {
        while self.turn(None)? {}
        Ok(())
    }

    /// Time since the loop was made.
    pub(crate) fn now(&self) -> Time {
        Time(self.origin.elapsed().as_nanos().try_into().unwrap_or(u64::MAX))
    }

    /// Lets time pass, for a test.
    #[cfg(test)]
    pub(crate) fn pass(&mut self, time: Duration) {
        self.origin -= time;
    }

    /// The socket, if it is still the same and open.
    pub(crate) fn conn(&mut self, at: ConnRef) -> Option<&mut Conn> {
        self.conns.get_mut(at.key as usize).filter(|conn| conn.at == at)
    }

    fn on_events(&mut self, now: Time) {
        // Taken out, so that the methods may borrow the rest.
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            // The waker says only that there is something to look at, which each turn does.
            let Some(conn) = self.conns.get_mut(event.token().0) else { continue };
            conn.fin |= event.is_read_closed();
            let at = conn.at;
            if event.is_writable() {
                self.on_writable(now, at);
            }
            // An error or a hang-up shows in the read, too.
            if event.is_readable() || event.is_error() || event.is_read_closed() {
                self.on_readable(now, at);
            }
            // The end is behind the last bytes, and no further event will tell of it.
            if event.is_read_closed() {
                self.again.push(at);
            }
        }
        self.events = events;
    }

    fn on_arrivals(&mut self, now: Time) {
        for _ in 0..ARRIVALS_MAX {
            let Ok(arrival) = self.arrivals.try_recv() else { return };
            self.open(now, arrival);
        }
        // There may be more, and nobody wakes the loop for those.
        self.shared.wake();
    }

    pub(crate) fn open(&mut self, now: Time, arrival: Arrival) {
        let Arrival { guest, session, user, format, status } = arrival;
        let (mut stream, early, peer, mut permit) = (guest.stream, guest.early, guest.peer, guest.permit);
        let entry = self.conns.vacant_entry();
        self.generation = self.generation.wrapping_add(1);
        let at =
            ConnRef { key: u32::try_from(entry.key()).expect("sockets are bounded far below 2^32"), generation: self.generation };
        // Both interests from the start: edge-triggered, they cost nothing while they say nothing new.
        let interests = Interest::READABLE | Interest::WRITABLE;
        if self.poll.registry().register(stream.socket(), Token(entry.key()), interests).is_err() {
            return;
        }
        permit.set_account(u64::from_le_bytes(*user.user_id.0.first_chunk().expect("16 bytes")));
        entry.insert(Conn {
            at,
            stream,
            permit,
            peer,
            session,
            user: Arc::clone(&user),
            format,
            held: true,
            ending: None,
            // No readiness event will tell of what was read before: by HTTP, or by TLS.
            partial: early.to_vec(),
            parts: Vec::new(),
            parts_kind: None,
            out: Vec::new(),
            sent: 0,
            counted: 0,
            dirty: false,
            blocked: false,
            heard: now,
            pinged: false,
            buckets: InputBuckets::new(now),
            told: Time::ZERO,
            under_way: [0; 3],
            fin: false,
            awaited: Vec::new(),
            seats: Vec::new(),
        });
        SocketStats::count(&self.shared.stats.opened, 1);
        if self.drain_until.is_some() {
            return self.end(now, at, hillfort_api::Close::GoingAway, "the server stops");
        }
        // A token that is whole may be of somebody who was banned or signed out meanwhile.
        self.call(now, at, String::new(), Call::Healthcheck(()), Then::Open { status });
    }

    /// The user may be here: others see the session, and what it says is heard.
    pub(crate) fn on_let_in(&mut self, now: Time, at: ConnRef, status: bool) {
        let Some(conn) = self.conn(at).filter(|conn| conn.ending.is_none()) else { return };
        let (session, user, format) = (conn.session, Arc::clone(&conn.user), conn.format);
        let others = if self.shared.config.single_socket { self.shared.registry.of_user(user.user_id) } else { Vec::new() };
        self.shared.registry.open(session, Arc::clone(&user), Place { at, format });
        // Whoever ends a session notes that first and looks for its sockets then. From here on it finds this one; what it noted before is seen.
        if self.service.has_ended(&user) {
            SocketStats::count(&self.shared.stats.turned_away, 1);
            return self.end(now, at, hillfort_api::Close::SessionEnded, "the session has ended");
        }
        for other in others {
            if let Some(place) = self.shared.registry.place(other) {
                self.end(now, place.at, hillfort_api::Close::Replaced, "another socket of this user was opened");
            }
        }
        if status {
            let stream = StreamKey::status(user.user_id);
            // A session that has no stream yet may have its first.
            if let Ok((_, Some(news))) = self.shared.registry.join(StreamPlace { stream: &stream, session }, Meta::default()) {
                self.tell(now, &news);
            }
        }
        self.release(at);
    }

    /// Goes on with what a session says.
    pub(crate) fn release(&mut self, at: ConnRef) {
        if let Some(conn) = self.conn(at) {
            conn.held = false;
            // No readiness event will tell of what came meanwhile.
            self.again.push(at);
        }
    }

    /// Takes what the lanes hold. Bounded by their depth in each turn, so that rooms cannot keep the loop from reading.
    fn on_rooms(&mut self, now: Time) {
        for lane in 0..self.lanes.len() {
            for _ in 0..hillfort_proto::route::LANE_DEPTH {
                let Some(batch) = self.lanes[lane].receive() else { break };
                self.deliver(now, &batch);
                self.lanes[lane].recycle(batch);
            }
        }
    }

    /// Hands inputs to the world threads. A full lane keeps its batch, which goes on filling up to its bound.
    fn hand_over(&mut self) {
        self.pay_leaves();
        for (world, batch) in self.inbound.iter_mut().enumerate() {
            if !batch.is_empty() {
                self.rooms.submit(u8::try_from(world).expect("at most 256 world threads"), batch);
            }
        }
    }

    /// How long the poller may sleep.
    fn patience(&self, asked: Option<Duration>) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let now = self.now();
        // Without sockets nothing is due by time.
        let sweep = (!self.conns.is_empty()).then(|| self.sweep_at.since(now));
        let drain = self.drain_until.map(|until| until.since(now));
        let retry = (self.inbound.iter().any(|batch| !batch.is_empty()) || self.seats.owes()).then_some(LANE_RETRY);
        [asked, sweep, drain, retry].into_iter().flatten().min()
    }
}
