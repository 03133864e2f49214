//! What the edge must be told to open its doors: plain values, already checked by whoever read them. Bounds are checked at bind.

use std::net::SocketAddr;
use std::time::Duration;

use hillfort_proto::limits::{LOGIN_WAIT, SERVER_PAYLOAD_BYTES_MAX, UNACKED_BYTES_MAX};
use thiserror::Error;

use hillfort_guard::{IpNet, PER_S_MAX, Rate};

use crate::server_names::ServerNames;
use crate::tls::{Certificate, CertificateError};

/// Prefixes of balancers at most: each connection is compared with all.
pub const PROXIES_MAX: usize = 256;
/// Handshakes that may come at once, however slow the machine.
const HANDSHAKE_BURST_MIN: u32 = 64;
const PENDING_BYTES_MIN: usize = UNACKED_BYTES_MAX + SERVER_PAYLOAD_BYTES_MAX;

/// Settings of the edge. All need a restart; what may change while running goes by [`crate::Control`].
#[derive(Debug, Clone)]
pub struct Config {
    /// Where TCP frames are spoken; port 0 takes a free one.
    pub frames_addr: SocketAddr,
    /// Where HTTP and WebSocket are spoken; port 0 takes a free one.
    pub http_addr: SocketAddr,
    /// Where gRPC is spoken, if it is; port 0 takes a free one.
    pub grpc_addr: Option<SocketAddr>,
    /// TLS on all doors when given.
    pub certificate: Option<Certificate>,
    /// Names of the server that TLS clients may ask for.
    pub server_names: ServerNames,
    /// Share of the TLS handshakes that one core can do, measured at bind, that the guard's budget gets, percent; 0: the guard's
    /// `handshakes` hold as they are.
    pub handshake_percent: u32,
    /// Balancers: a connection from here must begin with a PROXY header (version 2), and is then its client's. Their own addresses are
    /// trusted. At most [`PROXIES_MAX`].
    pub proxies: Vec<IpNet>,
    /// Admission; keys of the hello.
    pub guard: hillfort_guard::Config,
    /// Bans from before a restart, with times in the count of this edge: zero is now. At most 16,384.
    pub restored_bans: Vec<hillfort_guard::Ban>,
    /// Signs the tickets of players; random and secret. `None`: they are good until this server ends.
    pub ticket_key: Option<[u8; hillfort_guard::TICKET_KEY_BYTES]>,
    /// Open connections of sessions, proven or not, HTTP not counted; 1 to 4,000,000.
    pub connections_max: usize,
    /// Of those, the ones that are not logged in; at least 1. The oldest that has said nothing is shed for a new one, or, when those that
    /// have said something are more than half, the oldest of these.
    pub unproven_max: usize,
    /// Open connections of HTTP and gRPC; at least 1. Half of them may wait for their first request, seven eighths may be open: then the oldest is
    /// shed for a new one.
    pub http_connections_max: usize,
    /// Sessions, detached ones too; 1 to 12,000,000. Beyond them the oldest detached one gives way to a new one.
    pub sessions_max: usize,
    /// Time for the first byte, with the PROXY header before it, and as much again from there for ClientHello, TLS handshake and hello
    /// together. On HTTP: for the first byte, for the ClientHello, for the TLS handshake, and for the first
    /// request's header.
    pub hello_patience: Duration,
    /// Time that a connection of HTTP is kept for its next request.
    pub http_idle: Duration,
    /// Time from hello to login or resume.
    pub login_patience: Duration,
    /// Bytes that wait for one connection whose socket is full; beyond that it is a slow consumer. At least 320 KiB, so that all that
    /// a resumed session has missed fits.
    pub pending_bytes_max: usize,
    /// Bytes of all connections and sessions together that wait to be written or acknowledged. Beyond that a session that holds more
    /// than its even share is a slow consumer when it is to hold more; 1 MiB to 64 GiB. Those below their share may hold as much again.
    pub outbound_bytes_max: usize,
}

/// The doors could not be opened.
#[derive(Debug, Error)]
pub enum BindError {
    /// Address taken, not ours, or not allowed.
    #[error("cannot listen on {addr}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A setting is out of its bounds; names it.
    #[error("{0} is out of bounds")]
    Bounds(&'static str),
    /// The kernel gives no poller or no randomness.
    #[error("the system refuses a poller or randomness")]
    System(#[source] std::io::Error),
}

impl Config {
    /// Defaults around two addresses: 60,000 connections and sessions, 4,096 of them not logged in, 512 HTTP, 3 s for the hello, 10 s
    /// for the login, 512 KiB pending, 256 MiB for all.
    #[must_use]
    pub fn new(frames_addr: SocketAddr, http_addr: SocketAddr, guard: hillfort_guard::Config) -> Self {
        Self {
            frames_addr,
            http_addr,
            grpc_addr: None,
            certificate: None,
            server_names: ServerNames::default(),
            handshake_percent: 60,
            proxies: Vec::new(),
            guard,
            restored_bans: Vec::new(),
            ticket_key: None,
            connections_max: 60_000,
            unproven_max: 4_096,
            http_connections_max: 512,
            sessions_max: 60_000,
            hello_patience: Duration::from_secs(3),
            http_idle: Duration::from_secs(15),
            login_patience: LOGIN_WAIT,
            pending_bytes_max: 512 * 1024,
            outbound_bytes_max: 256 * 1024 * 1024,
        }
    }

    /// The guard's settings as they hold here: balancers are trusted, and the budget of TLS handshakes is what this machine can bear.
    pub(crate) fn guard_here(&self, handshakes_per_s: Option<u32>) -> hillfort_guard::Config {
        let mut guard = self.guard.clone();
        guard.trusted.extend_from_slice(&self.proxies);
        if let Some(most) = handshakes_per_s.filter(|_| self.handshake_percent > 0) {
            let per_s = (u64::from(most) * u64::from(self.handshake_percent) / 100).clamp(1, u64::from(PER_S_MAX)) as u32;
            // A quarter of a second's worth may come at once.
            guard.handshakes = Rate::new(per_s, (per_s / 4).max(HANDSHAKE_BURST_MIN)).unwrap_or(guard.handshakes);
        }
        guard
    }

    pub(crate) fn check(&self) -> Result<(), BindError> {
        let within = |name, value: usize, bounds: std::ops::RangeInclusive<usize>| {
            if bounds.contains(&value) { Ok(()) } else { Err(BindError::Bounds(name)) }
        };
        within("restored_bans", self.restored_bans.len(), 0..=hillfort_guard::LADDER_MAX)?;
        within("handshake_percent", self.handshake_percent as usize, 0..=100)?;
        within("proxies", self.proxies.len(), 0..=PROXIES_MAX)?;
        within("connections_max", self.connections_max, 1..=4_000_000)?;
        within("unproven_max", self.unproven_max, 1..=self.connections_max)?;
        within("http_connections_max", self.http_connections_max, 1..=1_000_000)?;
        within("sessions_max", self.sessions_max, 1..=12_000_000)?;
        within("pending_bytes_max", self.pending_bytes_max, PENDING_BYTES_MIN..=64 * 1024 * 1024)?;
        within("outbound_bytes_max", self.outbound_bytes_max, 1024 * 1024..=64 * 1024 * 1024 * 1024)
    }
}
