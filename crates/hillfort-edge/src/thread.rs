//! The loop: waits for readiness, does what is due, hands batches over. Owns all state of the doors; each kind of work has its own
//! file. Knows nothing of how rooms or consoles are built: it has a port, a queue of orders and counters.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hillfort_guard::{Guard, InputRates};
use hillfort_proto::client_hello::Scratch;
use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::{InboundBatch, LaneReceiver, OutboundBatch, RoomPort};
use hillfort_proto::time::{Time, UnixMs};
use hillfort_stream::{Porter, Spares};
use mio::{Events, Poll, Token};
use slab::Slab;
use tokio::sync::mpsc::Sender;

use crate::bans::BanSink;
use crate::close::RESERVED_MAX;
use crate::config::Config;
use crate::conn::{Conn, ConnKey};
use crate::control::Order;
use crate::drain::Drain;
use crate::guests::Returns;
use crate::http::{Arrival, Departure};
use crate::listener::{self, Listener};
use crate::lists::Lists;
use crate::pause::Probe;
use crate::queue::{Queue, Ranked, Wait};
use crate::sessions::{Sessions, Tally};
use crate::stats::{Door, Stats};
use crate::tls::Configs;

/// Tokens of what is no connection; connections have their slab key.
pub(crate) const FRAMES: Token = Token(usize::MAX - 1);
pub(crate) const HTTP: Token = Token(usize::MAX - 2);
pub(crate) const WAKER: Token = Token(usize::MAX - 3);
pub(crate) const GRPC: Token = Token(usize::MAX - 4);
/// Readiness events taken at once.
const EVENTS_MAX: usize = 1024;
/// Bytes of the buffer that all connections are read into.
const READ_BYTES: usize = 64 * 1024;
/// How soon a full lane is tried again.
const LANE_RETRY: Duration = Duration::from_millis(1);

/// One edge thread, with everything that it owns. [`EdgeThread::turn`] may be called by a test in any thread.
#[expect(missing_debug_implementations, reason = "holds ports that are not Debug; its Stats are")]
pub struct EdgeThread {
    pub(crate) poll: Poll,
    pub(crate) events: Events,
    pub(crate) origin: Instant,
    pub(crate) config: Config,
    pub(crate) guard: Guard,
    pub(crate) tls: Option<Configs>,
    /// TLS handshakes that one core can do.
    pub(crate) handshakes_per_s: Option<u32>,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) porter: Option<Box<dyn Porter>>,
    /// No descriptor was left: accepting goes on at this time.
    pub(crate) accept_at: Option<Time>,
    /// When the operator was last told so.
    pub(crate) descriptors_at: Option<Time>,
    pub(crate) conns: Slab<Conn>,
    /// Keys of connections that have ended since the table was last empty are below this.
    pub(crate) conns_used: usize,
    pub(crate) waiting_first_byte: Ranked,
    pub(crate) waiting_hello: Ranked,
    pub(crate) waiting_login: Ranked,
    pub(crate) waiting_end: Queue,
    pub(crate) sessions: Sessions,
    pub(crate) rooms: Box<dyn RoomPort>,
    pub(crate) lists: Lists,
    /// One for each world thread.
    pub(crate) inbound: Vec<InboundBatch>,
    /// One for each world thread.
    pub(crate) lanes: Vec<LaneReceiver<OutboundBatch>>,
    /// Seats of sessions that are no more, whose rooms have to be told. Bounded in `deliver`.
    pub(crate) owed_leaves: Vec<(SessionId, RoomId)>,
    pub(crate) orders: Receiver<Order>,
    pub(crate) arrivals: Sender<Arrival>,
    pub(crate) departures: tokio::sync::mpsc::Receiver<Departure>,
    pub(crate) http_open: usize,
    pub(crate) returns: Arc<Returns>,
    /// Connections of which more can be read without a new readiness event.
    pub(crate) again: Vec<ConnKey>,
    /// Bytes counted for all connections.
    pub(crate) outbound_bytes: usize,
    /// Connections that room outputs wait to be written to.
    pub(crate) dirty: Vec<ConnKey>,
    pub(crate) buffer: Box<[u8]>,
    /// Where a ClientHello of several records is put together.
    pub(crate) scratch: Scratch,
    /// A list of JA3 is in use.
    pub(crate) wants_ja3: bool,
    pub(crate) spares: Spares,
    pub(crate) stats: Arc<Stats>,
    pub(crate) drain: Option<Drain>,
    pub(crate) rates: InputRates,
    pub(crate) tally: Tally,
    pub(crate) gauges_at: Time,
    pub(crate) turn_us_max: u64,
    pub(crate) ban_sink: Box<dyn BanSink>,
    /// More became of bans than one turn tells.
    pub(crate) bans_to_tell: bool,
    /// Of the news of bans, those that were lost when the sink was last told all.
    pub(crate) ban_news_lost: u64,
    pub(crate) probe: Probe,
}

/// What a loop is made of that only the caller can give.
pub(crate) struct Parts {
    pub(crate) poll: Poll,
    pub(crate) config: Config,
    pub(crate) guard: Guard,
    pub(crate) tls: Option<Configs>,
    pub(crate) handshakes_per_s: Option<u32>,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) porter: Option<Box<dyn Porter>>,
    pub(crate) rooms: Box<dyn RoomPort>,
    pub(crate) lanes: Vec<LaneReceiver<OutboundBatch>>,
    pub(crate) orders: Receiver<Order>,
    pub(crate) arrivals: Sender<Arrival>,
    pub(crate) departures: tokio::sync::mpsc::Receiver<Departure>,
    pub(crate) returns: Arc<Returns>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) ban_sink: Box<dyn BanSink>,
}

impl EdgeThread {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            poll,
            config,
            guard,
            tls,
            handshakes_per_s,
            listeners,
            porter,
            rooms,
            lanes,
            orders,
            arrivals,
            departures,
            returns,
            stats,
            ban_sink,
        } = parts;
        Self {
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            origin: Instant::now(),
            guard,
            tls,
            handshakes_per_s,
            listeners,
            porter,
            accept_at: None,
            descriptors_at: None,
            conns: Slab::with_capacity(config.connections_max.min(RESERVED_MAX)),
            conns_used: 0,
            waiting_first_byte: Ranked::new(Wait::FirstByte, config.hello_patience),
            waiting_hello: Ranked::new(Wait::Hello, config.hello_patience),
            waiting_login: Ranked::new(Wait::Login, config.login_patience),
            waiting_end: Queue::new(Wait::End, crate::close::END_PATIENCE),
            sessions: Sessions::new(config.sessions_max),
            lists: Lists::default(),
            inbound: (0..rooms.worlds()).map(|_| InboundBatch::default()).collect(),
            rooms,
            lanes,
            owed_leaves: Vec::new(),
            orders,
            arrivals,
            departures,
            http_open: 0,
            returns,
            again: Vec::new(),
            outbound_bytes: 0,
            dirty: Vec::new(),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            scratch: Scratch::default(),
            wants_ja3: !config.guard.refused_ja3.is_empty(),
            spares: Spares::default(),
            stats,
            drain: None,
            rates: config.guard.inputs,
            tally: Tally::default(),
            gauges_at: Time::ZERO,
            turn_us_max: 0,
            ban_sink,
            bans_to_tell: true,
            ban_news_lost: 0,
            probe: Probe::new(),
            config,
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
        self.probe.begin();
        self.rooms.look_for_moves();
        self.read_again(now);
        self.on_events(now);
        self.on_departures(now);
        self.on_returns(now);
        let goes_on = self.on_orders(now);
        self.deliver(now);
        self.accept(now);
        self.sweep(now);
        // All that rooms had put out before was taken in this turn, unless leaves are owed.
        if self.takes_all() {
            self.rooms.switch_routes(&mut self.inbound);
        }
        self.hand_over();
        self.bans_to_tell = self.tell_bans(now);
        self.probe.mark();
        self.turn_us_max = self.turn_us_max.max(self.now().since(now).as_micros().try_into().unwrap_or(u64::MAX));
        Ok(goes_on)
    }

    /// Where this door listens.
    ///
    /// # Errors
    /// The socket is broken, or there is no such door.
    pub fn addr(&self, door: Door) -> io::Result<SocketAddr> {
        listener::addr(&self.listeners, door)
    }

    /// Time since the loop was made.
    pub(crate) fn now(&self) -> Time {
        Time(self.origin.elapsed().as_nanos().try_into().unwrap_or(u64::MAX))
    }

    /// Wall clock, for hellos.
    pub(crate) fn unix_now() -> UnixMs {
        UnixMs(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis().try_into().unwrap_or(u64::MAX)))
    }

    pub(crate) fn refuse(&self, reject: Reject) {
        self.stats.edge.refuse(reject);
    }

    fn on_events(&mut self, now: Time) {
        // Taken out, so that the methods may borrow the rest.
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            match event.token() {
                FRAMES => self.listeners[0].ready = true,
                HTTP => self.listeners[1].ready = true,
                GRPC => self.listeners[2].ready = true,
                // Queues and lanes are looked at in each turn.
                WAKER => {}
                Token(key) => {
                    let Ok(key) = ConnKey::try_from(key) else { continue };
                    if event.is_writable() {
                        self.on_writable(key, now);
                    }
                    // An error or a hang-up shows in the read, too.
                    if event.is_readable() || event.is_error() || event.is_read_closed() {
                        self.on_readable(key, now);
                    }
                    // The end is behind the last bytes, and no further event will tell of it.
                    if event.is_read_closed() {
                        self.again.push(key);
                    }
                }
            }
            self.probe.mark();
        }
        self.events = events;
    }

    /// Hands inputs to the world threads. A full lane keeps its batch, which goes on filling up to its bound.
    fn hand_over(&mut self) {
        for (world, batch) in self.inbound.iter_mut().enumerate() {
            if !batch.is_empty() {
                self.rooms.submit(u8::try_from(world).expect("at most 256 world threads"), batch);
            }
        }
        // What is paid now makes a batch that is not empty, and what is not paid was kept back by one: the next turn comes soon.
        if !self.owed_leaves.is_empty() {
            self.pay_leaves();
        }
    }

    /// How long the poller may sleep.
    fn patience(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let accepts = self.listeners.iter().any(|listener| listener.ready) && self.accept_at.is_none();
        if accepts || self.bans_to_tell || !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let now = self.now();
        let conns = &mut self.conns;
        let deadlines = [
            self.waiting_first_byte.deadline(conns),
            self.waiting_hello.deadline(conns),
            self.waiting_login.deadline(conns),
            self.waiting_end.deadline(conns),
            self.sessions.next_sweep(),
            self.accept_at,
            self.drain.as_ref().map(|drain| drain.deadline()),
        ];
        // The poller rounds up to milliseconds, so it never spins towards a deadline.
        let sleep = deadlines.into_iter().flatten().min().map(|at| at.since(now));
        let retry = self.inbound.iter().any(|batch| !batch.is_empty()).then_some(LANE_RETRY);
        [asked, sleep, retry].into_iter().flatten().min()
    }
}
