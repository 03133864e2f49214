//! One connection: its stream, what of it is half read and half written. Small, because there is one for each idle peer; its vectors
//! hold memory only while something is partial. Knows nothing of what frames mean.

use std::net::SocketAddr;

use hillfort_guard::Admitted;
use hillfort_proto::frame::Framing;
use hillfort_proto::limits::{CLIENT_PAYLOAD_BYTES_MAX, HELLO_BYTES};
use hillfort_proto::reject::Reject;
use hillfort_proto::session::put_close;
use hillfort_stream::{Stream, Written, websocket};

use slab::Slab;

use crate::queue::{Place, Wait, Waits};
use crate::stats::{Door, Stats};

/// Key of a connection in its slab.
pub(crate) type ConnKey = u32;
/// Key of a session in its slab.
pub(crate) type SessionKey = u32;

/// The connection that a kept key names. A key should be forgotten before what it names goes: one that was not is counted, and stands
/// for a connection that is gone, because a slip of ours must not end the thread and all players with it.
pub(crate) fn known<'a>(conns: &'a mut Slab<Conn>, key: ConnKey, stats: &Stats) -> Option<&'a mut Conn> {
    let conn = conns.get_mut(key as usize);
    if conn.is_none() {
        stats.edge.stale_keys.add(1);
    }
    conn
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A balancer has not said for whom it connects.
    Header,
    /// The ClientHello of TLS has not arrived whole.
    ClientHello,
    /// The first bytes of a request have not arrived.
    Request,
    /// The signed hello has not arrived whole.
    Hello,
    /// Proven, but not logged in; this record is to become its session.
    Login(SessionKey),
    /// Carries this session.
    Live(SessionKey),
    /// Our last word is said; what still arrives is thrown away until the peer ends.
    Ending,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) stream: Stream,
    pub(crate) peer: SocketAddr,
    pub(crate) admitted: Admitted,
    pub(crate) phase: Phase,
    pub(crate) door: Door,
    /// Bytes of a frame that is not whole yet.
    pub(crate) partial: Vec<u8>,
    /// Payload of a WebSocket message of which more parts are to come.
    pub(crate) parts: Vec<u8>,
    pub(crate) in_parts: bool,
    /// Not written yet; from `sent` on.
    pub(crate) out: Vec<u8>,
    pub(crate) sent: u32,
    /// Bytes of `out` that the budget has counted.
    pub(crate) counted: usize,
    /// Stands in the loop's list of connections to write.
    pub(crate) dirty: bool,
    /// The socket took less than it was given; a readiness event will say when there is room.
    pub(crate) blocked: bool,
    /// Sessions have lasted at its address: strangers are shed before it.
    pub(crate) goes_first: bool,
    place: Place,
}

impl Waits for Conn {
    fn place(&mut self) -> &mut Place {
        &mut self.place
    }

    fn goes_first(&self) -> bool {
        self.goes_first
    }
}

impl Conn {
    pub(crate) fn new(stream: Stream, peer: SocketAddr, admitted: Admitted, door: Door, phase: Phase) -> Self {
        Self {
            stream,
            peer,
            admitted,
            phase,
            door,
            partial: Vec::new(),
            parts: Vec::new(),
            in_parts: false,
            out: Vec::new(),
            sent: 0,
            counted: 0,
            dirty: false,
            blocked: false,
            goes_first: false,
            place: Place::nowhere(),
        }
    }

    /// How the server's payloads are marked on this connection.
    pub(crate) fn framing(&self) -> Framing {
        match self.door {
            Door::WebSocket => Framing::WebSocket,
            Door::Frames | Door::Http | Door::Grpc => Framing::Tcp,
        }
    }

    /// Largest message that the peer may send now: nobody needs more than a hello before it has proven itself.
    pub(crate) fn payload_max(&self) -> usize {
        if self.phase == Phase::Hello { HELLO_BYTES } else { CLIENT_PAYLOAD_BYTES_MAX }
    }

    /// Whether the peer has not said a thing so far. What a balancer says about it does not count.
    pub(crate) fn is_silent(&self) -> bool {
        self.place.wait() == Some(Wait::FirstByte)
    }

    /// What it waits for.
    pub(crate) fn wait(&self) -> Option<Wait> {
        self.place.wait()
    }

    /// Bytes that wait to be written.
    pub(crate) fn pending(&self) -> usize {
        self.out.len().saturating_sub(self.sent as usize)
    }

    /// Appends our last word: why the connection ends.
    pub(crate) fn put_close(&mut self, reject: Reject) {
        put_close(reject, self.framing(), &mut self.out);
        if self.door == Door::WebSocket {
            websocket::write_close(&mut self.out, reject.websocket_code(), reject.label());
        }
    }

    /// Writes what waits. Returns the outcome and the bytes written.
    pub(crate) fn write(&mut self) -> (Written, usize) {
        let (outcome, written) = self.stream.write_out(&mut self.out, &mut self.sent);
        if outcome != Written::Broken {
            self.blocked = outcome == Written::Blocked;
        }
        (outcome, written)
    }
}
