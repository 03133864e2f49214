//! HTTP by hyper and axum on one thread: serves the router it is given, turns `/session` into a WebSocket that it hands back to the
//! loop, and lets the router hand connections over to other loops. Admits nobody: sockets come admitted. Knows nothing of sessions.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{ConnectInfo, Extension, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use hillfort_guard::Admitted;
use hillfort_proto::reject::Reject;
use hillfort_stream::handshake::{self, NoHandshake};
use hillfort_stream::{Desk, Doorman, Guest, Lag, Permit, Stream, TLS_BUFFER_BYTES_MAX, Upgrades};
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::service::{Service, service_fn};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use mio::Waker;
use rustls::ServerConfig;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

mod eager;
mod life;
mod lines;
mod rewind;
mod visits;

use crate::stats::{Door, Stats};
use eager::eager;
use lines::Lines;
use rewind::Rewind;
use visits::Visits;

/// A connection on its way to this thread.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// `Http` or `Grpc`.
    pub(crate) door: Door,
    pub(crate) socket: TcpStream,
    /// What was read of it already.
    pub(crate) early: Vec<u8>,
    /// The TLS that it is to speak.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) peer: SocketAddr,
    pub(crate) admitted: Admitted,
    /// Players are known at its address: strangers give way before it.
    pub(crate) goes_first: bool,
}

/// What comes back: exactly one for each [`Arrival`].
#[derive(Debug)]
pub(crate) enum Departure {
    /// `fault`: what the peer did wrong, if anything; to be charged to its address.
    Closed { admitted: Admitted, fault: Option<Reject> },
    /// Speaks WebSocket from here on; `early` was read already.
    Upgraded { stream: Stream, early: Bytes, peer: SocketAddr, admitted: Admitted },
    /// Belongs to another loop, with its place at the guard.
    GivenAway,
}

/// The way back to the loop.
#[derive(Debug, Clone)]
pub(crate) struct Exit {
    pub(crate) departures: Sender<Departure>,
    pub(crate) waker: Arc<Waker>,
    /// Where the places of connections that were given away come back to.
    pub(crate) desk: Arc<dyn Desk>,
}

/// One connection while it is here. However it ends, the loop is told once.
#[derive(Debug)]
struct Visit {
    peer: SocketAddr,
    // All three are touched by tasks of one thread only: never contended.
    admitted: Mutex<Option<Admitted>>,
    fault: Mutex<Option<Reject>>,
    goes_first: bool,
    /// A whole request has come.
    has_asked: AtomicBool,
    exit: Exit,
    stats: Arc<Stats>,
}

/// What all connections share.
#[derive(Clone)]
pub(crate) struct House {
    pub(crate) exit: Exit,
    pub(crate) router: Router,
    pub(crate) grpc: Router,
    /// Longest wait for a TLS handshake, and for the first request's header.
    pub(crate) patience: Duration,
    /// Longest wait for a further request.
    pub(crate) idle: Duration,
    /// Connections that may wait for their first request; the oldest is shed for a new one.
    pub(crate) silent_max: usize,
    /// Connections that may be here; the oldest is shed for a new one. Below what the loop hands over at most, because those that were
    /// shed are on their way back for a moment.
    pub(crate) open_max: usize,
    pub(crate) stats: Arc<Stats>,
}

/// Serves arrivals until their sender is gone.
///
/// # Errors
/// No runtime could be started.
pub(crate) fn run(arrivals: Receiver<Arrival>, house: House) -> io::Result<()> {
    // Answers come from other threads: they go before requests that nobody has looked at yet, as those only make more of them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().global_queue_interval(1).build()?;
    runtime.block_on(serve(arrivals, house));
    // Connections that are left are of no use without the loop.
    runtime.shutdown_background();
    Ok(())
}

async fn serve(mut arrivals: Receiver<Arrival>, mut house: House) {
    house.router = Router::new().route("/session", get(upgrade)).fallback_service(house.router);
    let mut visits = Visits::new(house.silent_max, house.open_max);
    while let Some(Arrival { door, socket, early, tls, peer, admitted, goes_first }) = arrivals.recv().await {
        let (admitted, exit, stats) = (Mutex::new(Some(admitted)), house.exit.clone(), Arc::clone(&house.stats));
        let visit = Visit { peer, admitted, fault: Mutex::new(None), goes_first, has_asked: AtomicBool::new(false), exit, stats };
        let visit = Arc::new(visit);
        visits.make_room();
        let watched = Arc::downgrade(&visit);
        // Bounded by the loop, which hands over no more connections than configured.
        let lag = Lag::default();
        let connection = host(door, socket, early, tls, house.clone(), visit, lag.clone());
        let task = tokio::spawn(eager(connection, Instant::now(), lag));
        visits.push(watched, task.abort_handle());
    }
}

async fn host(
    door: Door,
    socket: TcpStream,
    early: Vec<u8>,
    tls: Option<Arc<ServerConfig>>,
    house: House,
    visit: Arc<Visit>,
    lag: Lag,
) {
    let Ok(socket) = tokio::net::TcpStream::from_std(socket) else { return };
    let socket = Rewind::new(socket, early);
    let Some(tls) = tls else {
        return speak(door, TokioIo::new(socket), house, visit, lag).await;
    };
    let handshake = TlsAcceptor::from(tls).accept_with(socket, |tls| tls.set_buffer_limit(Some(TLS_BUFFER_BYTES_MAX)));
    match tokio::time::timeout(house.patience, handshake).await {
        Ok(Ok(stream)) => speak(door, TokioIo::new(stream), house, visit, lag).await,
        Ok(Err(_)) | Err(_) => visit.refuse(Reject::Tls),
    }
}

async fn speak<IO: Read + Write + Unpin + Send + 'static>(door: Door, io: IO, house: House, visit: Arc<Visit>, lag: Lag) {
    let router = TowerToHyperService::new(if door == Door::Grpc { house.grpc } else { house.router });
    let (guest, lines) = (Arc::clone(&visit), Lines::new(Arc::clone(&house.stats)));
    let own = lines.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        visit.has_asked.store(true, Relaxed);
        let line = own.of(request.version());
        request.extensions_mut().insert(line);
        request.extensions_mut().insert(lag.clone());
        request.extensions_mut().insert(ConnectInfo(visit.peer));
        request.extensions_mut().insert(Upgrades::new(Arc::clone(&visit) as Arc<dyn Doorman>));
        request.extensions_mut().insert(Arc::clone(&visit));
        router.call(request)
    });
    let end = if door == Door::Grpc {
        life::grpc(io, service, &lines, &guest.has_asked, house.patience, house.idle).await
    } else {
        life::http(io, service, &lines, &guest.has_asked, house.patience, house.idle).await
    };
    if end == life::End::Guilty {
        guest.refuse(Reject::Http);
    }
}

/// `GET /session`. Any origin may ask: the signed hello authenticates, no cookie does.
///
/// But only our own origin answers for what it says. A page of another site can open this address in the browsers of all its visitors
/// and say nonsense; were that charged, it could have them banned, with everybody behind their addresses. So a connection whose
/// `Origin` names another host than its `Host` is excused: refused, counted and limited like all, never a reason for a ban. A peer
/// without a browser may write any origin to get this, and is then bounded by rate and number alone. A request that is no upgrade
/// is answered and counted; an image of a foreign page asks no other way.
async fn upgrade(Extension(visit): Extension<Arc<Visit>>, request: Request) -> Result<Response, Infallible> {
    let (mut parts, _) = request.into_parts();
    let (upgrade, answer) = match handshake::accept(&parts.headers, &mut parts.extensions) {
        Ok(accepted) => accepted,
        Err(NoHandshake::NotAsked) => {
            visit.stats.http.refuse(Reject::WebSocket);
            return Ok(handshake::UPGRADE_REQUIRED.into_response());
        }
        Err(NoHandshake::NoConnection) => {
            visit.refuse(Reject::WebSocket);
            return Ok(StatusCode::BAD_REQUEST.into_response());
        }
    };
    if handshake::is_foreign(&parts.headers) {
        visit.excuse();
    }
    tokio::spawn(async move {
        // A connection that broke before its upgrade is told to the loop by the visit's end.
        if let Ok(upgraded) = upgrade.await {
            visit.hand_back(upgraded);
        }
    });
    Ok(answer.into_response())
}

impl Doorman for Visit {
    fn hand_over(self: Arc<Self>, upgrade: OnUpgrade, to: Box<dyn FnOnce(Guest) + Send>) {
        tokio::spawn(async move {
            if let Ok(upgraded) = upgrade.await
                && let Some((stream, early)) = take_apart(upgraded)
                && let Some(admitted) = self.take()
            {
                let permit = Permit::new(admitted, Arc::clone(&self.exit.desk));
                self.tell(Departure::GivenAway);
                to(Guest { stream, early, peer: self.peer, permit });
            }
        });
    }

    fn refuse(&self, reject: Reject) {
        Self::refuse(self, reject);
    }

    fn count(&self, reject: Reject) {
        self.stats.http.refuse(reject);
    }
}

/// The stream below HTTP, and what was read of it already. `None`: it is gone.
fn take_apart(upgraded: Upgraded) -> Option<(Stream, Bytes)> {
    let (socket, tls, early) = match upgraded.downcast::<TokioIo<Rewind>>() {
        Ok(parts) => {
            let (socket, rest) = parts.io.into_inner().into_parts();
            // What hyper has not asked for comes after what it has read.
            let early = if rest.is_empty() { parts.read_buf } else { [&parts.read_buf[..], &rest].concat().into() };
            (socket, None, early)
        }
        Err(upgraded) => {
            let parts = upgraded.downcast::<TokioIo<TlsStream<Rewind>>>().expect("served as one or the other");
            let (socket, tls) = parts.io.into_inner().into_inner();
            // The early bytes of TLS are its ClientHello: a request was read since.
            (socket.into_parts().0, Some(tls), parts.read_buf)
        }
    };
    let socket = socket.into_std().map(mio::net::TcpStream::from_std).ok()?;
    let stream = match tls {
        Some(tls) => Stream::tls(socket, tls),
        None => Stream::plain(socket),
    };
    Some((stream, early))
}

impl Visit {
    /// Counts a refusal, and has it charged when the visit ends.
    fn refuse(&self, reject: Reject) {
        self.stats.http.refuse(reject);
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(reject);
    }

    fn excuse(&self) {
        if let Some(admitted) = &mut *self.admitted.lock().unwrap_or_else(PoisonError::into_inner) {
            admitted.excuse();
        }
    }

    fn hand_back(&self, upgraded: Upgraded) {
        // On an error the socket is gone, and the visit's end tells so.
        let Some((stream, early)) = take_apart(upgraded) else { return };
        if let Some(admitted) = self.take() {
            self.tell(Departure::Upgraded { stream, early, peer: self.peer, admitted });
        }
    }

    fn take(&self) -> Option<Admitted> {
        self.admitted.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn tell(&self, departure: Departure) {
        // The queue has a place for each connection that the loop handed over, so only a loop that ended refuses.
        if self.exit.departures.try_send(departure).is_ok() {
            // A loop that cannot be woken looks at its queue at the next sweep.
            let _best_effort = self.exit.waker.wake();
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let Some(admitted) = self.take() {
            let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
            self.tell(Departure::Closed { admitted, fault });
        }
    }
}
