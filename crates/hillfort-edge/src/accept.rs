//! New connections: in bounded batches, past the guard, refused by reset. Knows nothing of what they will say.

use std::time::Duration;

use hillfort_guard::Admitted;
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;
use hillfort_stream::Stream;
use mio::net::TcpStream;
use mio::{Interest, Token};
use std::net::SocketAddr;
use std::sync::Arc;

use crate::conn::{Conn, ConnKey, Phase, known};
use crate::http::{Arrival, Departure};
use crate::listener::{Accepted, forget_reset_on_close};
use crate::stats::Door;
use crate::thread::{EdgeThread, FRAMES, GRPC, HTTP};

/// Connections accepted at one door in one turn: more would keep players waiting.
const ACCEPTS_MAX: usize = 64;
/// Pause when no descriptor is left.
const DESCRIPTOR_PAUSE: Duration = Duration::from_millis(50);
/// Pause between two lines of log about that.
const DESCRIPTOR_LOG_PAUSE: Duration = Duration::from_secs(60);

impl EdgeThread {
    pub(crate) fn accept(&mut self, now: Time) {
        if let Some(at) = self.accept_at {
            if now < at {
                return;
            }
            self.accept_at = None;
            for (listener, token) in self.listeners.iter_mut().zip([FRAMES, HTTP, GRPC]) {
                listener.arm(self.poll.registry(), token);
            }
        }
        for at in 0..self.listeners.len() {
            for _ in 0..ACCEPTS_MAX {
                if !self.listeners[at].ready {
                    break;
                }
                match self.listeners[at].accept() {
                    Accepted::One(socket, peer) => {
                        self.on_accepted(now, self.listeners[at].door, socket, peer);
                        self.probe.mark();
                    }
                    Accepted::Gone => {}
                    Accepted::Nobody => break,
                    Accepted::NoDescriptor { refused } => {
                        if refused {
                            self.stats.edge.accepted.add(1);
                            self.refuse(Reject::Descriptors);
                        }
                        if self.descriptors_at.is_none_or(|at| at + DESCRIPTOR_LOG_PAUSE <= now) {
                            self.descriptors_at = Some(now);
                            tracing::warn!(
                                connections = self.conns.len(),
                                "no file descriptor is left: raise the limit of open files"
                            );
                        }
                        // Do not look before something has closed or had time to.
                        self.accept_at = Some(now + DESCRIPTOR_PAUSE);
                        for listener in &mut self.listeners {
                            listener.disarm(self.poll.registry());
                        }
                        return;
                    }
                }
            }
        }
    }

    /// What the HTTP thread gives back.
    pub(crate) fn on_departures(&mut self, now: Time) {
        // Bounded by the queue's depth, and only this thread's arrivals refill it.
        while let Ok(departure) = self.departures.try_recv() {
            self.http_open = self.http_open.saturating_sub(1);
            match departure {
                Departure::Closed { admitted, fault } => {
                    if let Some(reject) = fault {
                        self.guard.on_offence(now, admitted.peer(), reject);
                    }
                    self.guard.on_close(admitted);
                }
                Departure::Upgraded { stream, early, peer, admitted } => {
                    if let Some(key) = self.open(now, stream, peer, admitted, Door::WebSocket, Phase::Hello)
                        && let Some(conn) = known(&mut self.conns, key, &self.stats)
                    {
                        // No readiness event will tell of what was read before: by HTTP, or by TLS.
                        conn.partial = early.to_vec();
                        self.again.push(key);
                    }
                }
                Departure::GivenAway => {}
            }
        }
        self.stats.edge.open_http.set(self.http_open as u64);
    }

    fn on_accepted(&mut self, now: Time, door: Door, socket: TcpStream, peer: SocketAddr) {
        self.stats.edge.accepted.add(1);
        if self.drain.is_some() {
            return self.refuse(Reject::Draining);
        }
        let phase = self.first_phase(door, peer.ip());
        let admitted = match phase {
            Some(Phase::Header) => self.guard.on_balancer(now, peer.ip()),
            _ => self.guard.on_connect(now, peer.ip()),
        };
        let admitted = match admitted {
            Ok(admitted) => admitted,
            // Dropping the socket resets the connection: nothing else is spent on it.
            Err(reject) => return self.refuse(reject),
        };
        match phase {
            Some(phase) => drop(self.open(now, Stream::plain(socket), peer, admitted, door, phase)),
            None => self.send_to_http(now, door, socket, Vec::new(), peer, admitted),
        }
    }

    /// `early`: what was read of it already.
    pub(crate) fn send_to_http(
        &mut self,
        now: Time,
        door: Door,
        socket: TcpStream,
        early: Vec<u8>,
        peer: SocketAddr,
        mut admitted: Admitted,
    ) {
        // Pages are fetched without a signed hello, so this is the place.
        if let Err(reject) = self.guard.on_request(now, &mut admitted) {
            self.guard.on_close(admitted);
            return self.refuse(reject);
        }
        if self.http_open >= self.config.http_connections_max {
            self.guard.on_close(admitted);
            return self.refuse(Reject::ConnectionsFull);
        }
        forget_reset_on_close(&socket);
        let tls = self.tls.as_ref().map(|tls| if door == Door::Grpc { Arc::clone(&tls.http2) } else { Arc::clone(&tls.plain) });
        let goes_first = self.guard.goes_first(now, &admitted);
        let arrival = Arrival { door, socket: socket.into(), early, tls, peer, admitted, goes_first };
        match self.arrivals.try_send(arrival) {
            Ok(()) => self.http_open += 1,
            Err(e) => {
                self.guard.on_close(e.into_inner().admitted);
                self.refuse(Reject::ConnectionsFull);
            }
        }
    }

    /// Makes room for a connection and waits for what it has to say first.
    fn open(
        &mut self,
        now: Time,
        mut stream: Stream,
        peer: SocketAddr,
        admitted: Admitted,
        door: Door,
        phase: Phase,
    ) -> Option<ConnKey> {
        // One comes, one goes: they are never more than that.
        if self.unproven() >= self.config.unproven_max {
            self.shed_oldest(now);
        }
        let entry = self.conns.vacant_entry();
        let key = ConnKey::try_from(entry.key()).expect("slab keys are below connections_max");
        let full = entry.key() >= self.config.connections_max;
        // Both interests from the start: edge-triggered, they cost nothing while they say nothing new.
        let interests = Interest::READABLE | Interest::WRITABLE;
        if full || self.poll.registry().register(stream.socket(), Token(entry.key()), interests).is_err() {
            self.guard.on_close(admitted);
            self.refuse(Reject::ConnectionsFull);
            return None;
        }
        let goes_first = self.guard.goes_first(now, &admitted);
        entry.insert(Conn::new(stream, peer, admitted, door, phase)).goes_first = goes_first;
        // Who comes from HTTP has asked for this.
        let waiting = if door == Door::WebSocket { &mut self.waiting_hello } else { &mut self.waiting_first_byte };
        waiting.push(&mut self.conns, key, now);
        if let Some(open) = self.count_open(door) {
            open.add(1);
        }
        Some(key)
    }

    /// The peer has begun to speak. Its time for the rest begins here, so that a slow line has all of it.
    pub(crate) fn on_first_byte(&mut self, now: Time, key: ConnKey) {
        self.waiting_first_byte.remove(&mut self.conns, key);
        self.waiting_hello.push(&mut self.conns, key, now);
    }

    /// Connections without a login.
    pub(crate) fn unproven(&self) -> usize {
        self.waiting_first_byte.len() + self.spoken()
    }

    /// Those of them that have begun to speak.
    fn spoken(&self) -> usize {
        self.waiting_hello.len() + self.waiting_login.len()
    }

    /// A new connection is more likely to be a player than one that has said nothing for longest; and than any stranger one of an
    /// address at which sessions have lasted. Who has begun to speak stays, unless such hold more than half of all places: then the
    /// oldest of them goes. So a flood of either kind keeps to its half, and the other kind has the rest.
    fn shed_oldest(&mut self, now: Time) {
        let spoken_go = self.spoken() > self.config.unproven_max / 2;
        let (first_byte, hello, login) = (&self.waiting_first_byte, &self.waiting_hello, &self.waiting_login);
        let conns = &mut self.conns;
        let mut oldest = |kept| {
            let silent = first_byte.oldest(conns, kept);
            // Who has proven nothing goes before who has.
            let spoken = hello.oldest(conns, kept).or_else(|| login.oldest(conns, kept));
            if spoken_go { spoken.or(silent) } else { silent.or(spoken) }
        };
        let Some(key) = oldest(false).or_else(|| oldest(true)) else { return };
        self.refuse(Reject::UnprovenShed);
        // Browsers open connections to the door of HTTP ahead of need.
        if let Some(conn) = self.conns.get(key as usize)
            && conn.is_silent()
            && conn.door == Door::Frames
        {
            self.guard.on_silent_shed(now, conn.admitted.peer());
        }
        // With the record that one that has proven itself waits in.
        self.on_gone(now, key);
    }
}
