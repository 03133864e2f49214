//! Opening the doors: sockets first, so that a taken port is known before anything runs; then ports for the rooms; then the loop.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use axum::Router;
use hillfort_guard::{BanNews, Guard};
use hillfort_proto::route::{LaneReceiver, LaneSender, OutboundBatch, RoomPort, SessionPort, lane};
use hillfort_proto::time::Time;
use hillfort_stream::{Desk, Porter};
use mio::{Poll, Waker};

use crate::bans::{BanSink, Nobody};
use crate::config::{BindError, Config};
use crate::control::{CONTROL_DEPTH, Control, Order};
use crate::guests::Returns;
use crate::http;
use crate::listener::{self, Listener};
use crate::stats::{Door, Stats};
use crate::thread::{EdgeThread, FRAMES, GRPC, HTTP, Parts, WAKER};
use crate::tls::{self, Configs};

/// Connections that wait for the HTTP thread at most.
const ARRIVALS_DEPTH: usize = 256;

/// Open doors behind which nobody answers yet.
#[derive(Debug)]
pub struct Edge {
    config: Config,
    poll: Poll,
    waker: Arc<Waker>,
    tls: Option<Configs>,
    handshakes_per_s: Option<u32>,
    listeners: Vec<Listener>,
    grpc: Router,
    porter: Option<Box<dyn Porter>>,
    lanes: Vec<LaneReceiver<OutboundBatch>>,
    control: Control,
    orders: Receiver<Order>,
    stats: Arc<Stats>,
    seed: u64,
    ban_sink: Sink,
}

/// Where bans go, in a form that can be shown.
struct Sink(Box<dyn BanSink>);

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BanSink")
    }
}

/// A world thread's way to the one edge thread.
#[derive(Debug)]
struct Port {
    lane: LaneSender<OutboundBatch>,
    waker: Arc<Waker>,
}

impl Edge {
    /// Opens the listening sockets.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn bind(config: Config) -> Result<Self, BindError> {
        config.check()?;
        let tls = config.certificate.as_ref().map(tls::server_config).transpose()?;
        let handshakes_per_s = tls.as_ref().and_then(|tls| tls::handshakes_per_s(&tls.plain));
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|e| BindError::System(io::Error::other(e)))?;
        let open = |door, addr| Listener::open(door, addr).map_err(|source| BindError::Listen { addr, source });
        let mut listeners = vec![open(Door::Frames, config.frames_addr)?, open(Door::Http, config.http_addr)?];
        if let Some(addr) = config.grpc_addr {
            listeners.push(open(Door::Grpc, addr)?);
        }
        let poll = Poll::new().map_err(BindError::System)?;
        for (listener, token) in listeners.iter_mut().zip([FRAMES, HTTP, GRPC]) {
            listener.register(poll.registry(), token).map_err(BindError::System)?;
        }
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(BindError::System)?);
        let (orders_in, orders) = sync_channel(CONTROL_DEPTH);
        let control = Control { orders: orders_in, waker: Arc::clone(&waker) };
        let (stats, seed) = (Arc::default(), u64::from_le_bytes(seed));
        Ok(Self {
            config,
            poll,
            waker,
            tls,
            handshakes_per_s,
            listeners,
            grpc: Router::new(),
            porter: None,
            lanes: Vec::new(),
            control,
            orders,
            stats,
            seed,
            ban_sink: Sink(Box::new(Nobody)),
        })
    }

    /// Where a door listens.
    ///
    /// # Errors
    /// The socket is broken, or there is no such door.
    pub fn addr(&self, door: Door) -> io::Result<SocketAddr> {
        listener::addr(&self.listeners, door)
    }

    /// One port for each of `worlds` world threads. To be called once.
    pub fn session_ports(&mut self, worlds: usize) -> Vec<Box<dyn SessionPort>> {
        let (senders, receivers) = (0..worlds).map(|_| lane()).unzip::<_, _, Vec<_>, Vec<_>>();
        self.lanes = receivers;
        let port = |lane| Box::new(Port { lane, waker: Arc::clone(&self.waker) }) as Box<dyn SessionPort>;
        senders.into_iter().map(port).collect()
    }

    /// Has bans told to this sink from the first turn on, those of [`Config::restored_bans`] before all others.
    pub fn set_ban_sink(&mut self, sink: Box<dyn BanSink>) {
        self.ban_sink = Sink(sink);
    }

    /// The listening sockets, for who attaches a filter to them. They live as long as the edge.
    #[must_use]
    pub fn listener_fds(&self) -> Vec<BorrowedFd<'_>> {
        self.listeners.iter().map(Listener::fd).collect()
    }

    /// What answers at the door of gRPC.
    pub fn set_grpc(&mut self, router: Router) {
        self.grpc = router;
    }

    /// Who looks at requests before HTTP does, where they come without TLS.
    pub fn set_porter(&mut self, porter: Box<dyn Porter>) {
        self.porter = Some(porter);
    }

    /// Where orders are given.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// TLS handshakes with this certificate that one core can do in a second, measured at bind; `None` without TLS.
    #[must_use]
    pub fn handshakes_per_s(&self) -> Option<u32> {
        self.handshakes_per_s
    }

    /// Live counters.
    #[must_use]
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// Starts the HTTP thread and makes the loop, which the caller turns. `router` answers all of HTTP but `/session`. The HTTP thread
    /// ends when the loop is dropped.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn into_thread(self, rooms: Box<dyn RoomPort>, router: Router) -> io::Result<(EdgeThread, JoinHandle<io::Result<()>>)> {
        let Self {
            config,
            poll,
            waker,
            tls,
            handshakes_per_s,
            listeners,
            grpc,
            porter,
            lanes,
            control: _,
            orders,
            stats,
            seed,
            mut ban_sink,
        } = self;
        let (arrivals_in, arrivals) = tokio::sync::mpsc::channel(ARRIVALS_DEPTH);
        // A place for each connection that can be there, so that none is ever refused the way back. Unlike the library's, this kind takes memory
        // when something is in it.
        let (departures_in, departures) = tokio::sync::mpsc::channel(config.http_connections_max);
        let returns = Arc::new(Returns::new(Arc::clone(&waker)));
        let desk = Arc::clone(&returns) as Arc<dyn Desk>;
        let house = http::House {
            exit: http::Exit { departures: departures_in, waker, desk },
            router,
            grpc,
            patience: config.hello_patience,
            idle: config.http_idle,
            silent_max: config.http_connections_max.div_ceil(2),
            open_max: config.http_connections_max - config.http_connections_max / 8,
            stats: Arc::clone(&stats),
        };
        let http = std::thread::Builder::new().name("http".into()).spawn(move || http::run(arrivals, house))?;
        let mut guard = Guard::new(config.guard_here(handshakes_per_s), seed);
        if let Some(key) = &config.ticket_key {
            guard.set_ticket_key(key);
        }
        for ban in &config.restored_bans {
            // Who must not be banned any more is not.
            if guard.restore(Time::ZERO, *ban).is_ok()
                && let Some(BanNews::Banned(ban)) = guard.poll_ban()
            {
                ban_sink.0.banned(&ban, ban.until.since(Time::ZERO));
            }
        }
        let parts = Parts {
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
            arrivals: arrivals_in,
            departures,
            returns,
            stats,
            ban_sink: ban_sink.0,
        };
        Ok((EdgeThread::new(parts), http))
    }

    /// Runs the loop in this thread until a drain is done.
    ///
    /// # Errors
    /// No thread can be started, or the poller broke.
    pub fn run(self, rooms: Box<dyn RoomPort>, router: Router) -> io::Result<()> {
        let (mut edge, http) = self.into_thread(rooms, router)?;
        while edge.turn(None)? {}
        drop(edge);
        http.join().map_err(|_| io::Error::other("the HTTP thread panicked"))?
    }
}

impl SessionPort for Port {
    fn edges(&self) -> usize {
        1
    }

    fn submit(&mut self, edge: u8, batch: &mut OutboundBatch) -> bool {
        debug_assert_eq!(edge, 0, "there is one edge thread");
        let sent = self.lane.send(batch);
        // Also when the lane is full: the edge is to make room. A waker that fails means an edge that ended.
        let _edge_has_ended = self.waker.wake();
        sent
    }

    fn wake(&mut self, _: u8) {
        let _edge_has_ended = self.waker.wake();
    }
}
