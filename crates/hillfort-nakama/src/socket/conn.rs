//! One socket: its stream, its session, what of it is half read and half written. Small, because there is one for each idle player; its
//! vectors hold memory only while something is partial. Knows nothing of what envelopes mean.

use std::net::SocketAddr;
use std::sync::Arc;

use hillfort_api::realtime::Envelope;
use hillfort_api::{SessionId, SessionUser};
use hillfort_guard::InputBuckets;
use hillfort_proto::time::Time;
use hillfort_stream::websocket;
use hillfort_stream::{Permit, Stream, Written};

use super::calls::Kind;

/// Names a socket for as long as it is open: its place in the loop's table, and which of those that had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ConnRef {
    pub(crate) key: u32,
    pub(crate) generation: u32,
}

/// How envelopes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Protobuf,
}

impl Format {
    pub(crate) const fn kind(self) -> websocket::Kind {
        match self {
            Self::Json => websocket::Kind::Text,
            Self::Protobuf => websocket::Kind::Binary,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) at: ConnRef,
    pub(crate) stream: Stream,
    pub(crate) permit: Permit,
    pub(crate) peer: SocketAddr,
    pub(crate) session: SessionId,
    pub(crate) user: Arc<SessionUser>,
    pub(crate) format: Format,
    /// Nothing of it is heard before something was answered: whether it may be here, what a hook says.
    pub(crate) held: bool,
    /// The last word is said: what still arrives is thrown away, until the peer ends or this time comes.
    pub(crate) ending: Option<Time>,
    /// Bytes of a frame that is not whole yet.
    pub(crate) partial: Vec<u8>,
    /// Payload of a message of which more parts are to come.
    pub(crate) parts: Vec<u8>,
    pub(crate) parts_kind: Option<websocket::Kind>,
    /// Not written yet; from `sent` on.
    pub(crate) out: Vec<u8>,
    pub(crate) sent: u32,
    /// Bytes that the loop's sum has counted.
    pub(crate) counted: u32,
    /// Stands in the loop's list of sockets to write.
    pub(crate) dirty: bool,
    /// The socket took less than it was given; a readiness event will say when there is room.
    pub(crate) blocked: bool,
    pub(crate) heard: Time,
    pub(crate) pinged: bool,
    pub(crate) buckets: InputBuckets,
    /// When it was last told that it says too much, without having asked.
    pub(crate) told: Time,
    /// What is waited for, of each kind.
    pub(crate) under_way: [u16; 3],
    /// The peer has said all that it will.
    pub(crate) fin: bool,
    /// Messages whose answers a hook is to see.
    pub(crate) awaited: Vec<Envelope>,
    /// Its seats in rooms.
    pub(crate) seats: Vec<u32>,
}

impl Conn {
    /// How much of this kind is waited for.
    pub(crate) const fn under_way(&mut self, kind: Kind) -> &mut u16 {
        &mut self.under_way[kind as usize]
    }

    /// Bytes that wait to be written.
    pub(crate) fn pending(&self) -> usize {
        self.out.len().saturating_sub(self.sent as usize)
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
