//! The realtime socket: one loop with its own thread that owns all sockets and their sessions. Knows nothing of accounts and rules: it asks
//! the service, and it knows rooms by their lanes.
//!
//! A request on `/ws` is judged on the thread of HTTP (`upgrade`), or refused before it gets there (`porter`); what passes leaves it, with its place at the guard. From then on the loop
//! reads and writes it (`thread`, `read`, `write`, `end`, `sweep`), one shared buffer and no task for each: an idle player is a record of
//! some hundred bytes. Envelopes go
//! through `hooks` to `dispatch`; calls are futures that the loop polls itself (`calls`). Who is here, on which streams,
//! and who follows whom is in the `registry`, which other threads ask, too; what they send comes by `orders`.

mod calls;
mod config;
pub(crate) mod conn;
mod dispatch;
mod end;
mod hooks;
pub(crate) mod orders;
mod porter;
mod read;
pub(crate) mod registry;
pub(crate) mod stats;
mod status;
mod streams;
mod sweep;
pub(crate) mod thread;
mod upgrade;
mod write;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use axum::Router;
use axum::routing::get;
use hillfort_api::realtime::Envelope;
use hillfort_api::{Close, Service, SessionId, Sessions, UserId};
use hillfort_proto::route::{LaneReceiver, LaneSender, OutboundBatch, RoomPort, SessionPort, lane};
use hillfort_stream::Porter;
use mio::{Poll, Waker};
use tokio::runtime::Handle;

pub use config::Config;
pub use registry::{Meta, PresenceOn, StreamKey};
pub use stats::{SocketSnapshot, SocketStats};
pub use thread::SocketThread;

use hillfort_api::match_id::RoomCipher;
use orders::Orders;
use registry::Registry;
use thread::{Parts, WAKER};
use upgrade::{Arrival, Gatekeeper};

/// Sockets on their way to the loop at most.
const ARRIVALS_MAX: usize = 1024;

/// What other threads see of the sockets.
#[derive(Debug, Clone)]
pub struct Sockets(Arc<Shared>);

/// What the loop shares with other threads.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) registry: Registry,
    pub(crate) orders: Orders,
    pub(crate) waker: Waker,
    pub(crate) stats: SocketStats,
}

/// The door before anybody runs it.
#[expect(missing_debug_implementations, reason = "holds a service that is not Debug")]
pub struct SocketDoor {
    shared: Arc<Shared>,
    service: Arc<dyn Service>,
    threads: Handle,
    poll: Poll,
    arrivals: Receiver<Arrival>,
    gatekeeper: Arc<Gatekeeper>,
    lanes: Vec<LaneReceiver<OutboundBatch>>,
    cipher: RoomCipher,
}

/// A world thread's way to the loop.
#[derive(Debug)]
struct Port {
    lane: LaneSender<OutboundBatch>,
    shared: Arc<Shared>,
}

impl SocketDoor {
    /// A door that asks `service`, whose futures may use `threads`. `cipher` makes the ids of matches.
    ///
    /// # Errors
    /// The system gives no poller.
    pub fn new(config: Config, service: Arc<dyn Service>, threads: Handle, cipher: RoomCipher) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let registry = Registry::new(&config);
        let shared = Arc::new(Shared { registry, orders: Orders::default(), waker, stats: SocketStats::default(), config });
        let (arrivals_in, arrivals) = sync_channel(ARRIVALS_MAX);
        let gatekeeper = Arc::new(Gatekeeper::new(Arc::clone(&shared), Arc::clone(&service), arrivals_in));
        Ok(Self { shared, service, threads, poll, arrivals, gatekeeper, lanes: Vec::new(), cipher })
    }

    /// The sockets as other threads see them.
    #[must_use]
    pub fn sockets(&self) -> Sockets {
        Sockets(Arc::clone(&self.shared))
    }

    /// The route `/ws`, for a server whose requests carry [`hillfort_stream::Upgrades`].
    pub fn router(&self) -> Router {
        Router::new().route("/ws", get(upgrade::upgrade)).with_state(Arc::clone(&self.gatekeeper))
    }

    /// Refuses requests for a socket by their first bytes, for a server that can have that done.
    pub fn porter(&self) -> Box<dyn Porter> {
        Box::new(porter::TokenPorter(Arc::clone(&self.gatekeeper)))
    }

    /// One port for each of `worlds` world threads. To be called once.
    pub fn session_ports(&mut self, worlds: usize) -> Vec<Box<dyn SessionPort>> {
        let (senders, receivers) = (0..worlds).map(|_| lane()).unzip::<_, _, Vec<_>, Vec<_>>();
        self.lanes = receivers;
        let port = |lane| Box::new(Port { lane, shared: Arc::clone(&self.shared) }) as Box<dyn SessionPort>;
        senders.into_iter().map(port).collect()
    }

    /// The loop, which the caller turns. `edge` is its number among the realm's edges, and `rooms` the port that the realm made for it.
    #[must_use]
    pub fn into_thread(self, rooms: Box<dyn RoomPort>, edge: u8) -> SocketThread {
        let Self { shared, service, threads, poll, arrivals, gatekeeper, lanes, cipher } = self;
        SocketThread::new(Parts { shared, service, threads, poll, arrivals, gatekeeper, lanes, rooms, edge, cipher })
    }
}

impl Sockets {
    /// Counters.
    #[must_use]
    pub fn stats(&self) -> SocketSnapshot {
        self.0.stats.snapshot(self.0.registry.len() as u64)
    }

    /// Tells all sessions that the server ends, and ends the loop when they are gone, or soon after.
    pub fn drain(&self) {
        self.0.orders.drain();
        self.0.wake();
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }
}

impl Shared {
    pub(crate) fn wake(&self) {
        // A waker that fails means a loop that ended.
        let _ended = self.waker.wake();
    }
}

impl Sessions for Sockets {
    fn send(&self, to: &[SessionId], envelope: &Envelope) -> usize {
        let places = self.0.registry.places(to);
        let taken = self.0.orders.send(places, envelope);
        self.0.wake();
        taken
    }

    fn close(&self, session: SessionId, code: Close, reason: &str) -> bool {
        let Some(place) = self.0.registry.place(session) else { return false };
        self.0.orders.close(place.at, code, reason);
        self.0.wake();
        true
    }

    fn of_user(&self, user: UserId) -> Vec<SessionId> {
        self.0.registry.of_user(user)
    }
}

impl SessionPort for Port {
    fn edges(&self) -> usize {
        1
    }

    fn submit(&mut self, _: u8, batch: &mut OutboundBatch) -> bool {
        let sent = self.lane.send(batch);
        self.shared.wake();
        sent
    }

    fn wake(&mut self, _: u8) {
        self.shared.wake();
    }
}

#[cfg(test)]
mod tests;
