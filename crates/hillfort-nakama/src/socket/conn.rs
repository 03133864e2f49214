//! One socket: its stream, its session, what of it is half read and half written. Small, because there is one for each idle player; its
//! vectors hold memory only while something is partial. Knows nothing of what envelopes mean.

use std::net::SocketAddr;
use std::sync::Arc;

use hillfort_api::{SessionId, SessionUser};
use hillfort_guard::InputBuckets;
use hillfort_proto::time::Time;
use hillfort_stream::websocket::Kind;
use hillfort_stream::{Permit, Stream};

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
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Json => Kind::Text,
            Self::Protobuf => Kind::Binary,
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
    /// The last word is said: what still arrives is thrown away, until the peer ends or this time comes.
    pub(crate) ending: Option<Time>,
    /// Bytes of a frame that is not whole yet.
    pub(crate) partial: Vec<u8>,
    /// Payload of a message of which more parts are to come.
    pub(crate) parts: Vec<u8>,
    pub(crate) parts_kind: Option<Kind>,
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
    /// Calls under way.
    pub(crate) calls: u16,
    /// Its seats in rooms.
    pub(crate) seats: Vec<u32>,
}

/// What came of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// Nothing is left.
    All,
    /// The socket is full.
    Blocked,
    /// The connection is gone.
    Broken,
}

impl Conn {
    /// Bytes that wait to be written.
    pub(crate) fn pending(&self) -> usize {
        self.out.len().saturating_sub(self.sent as usize)
    }

    /// Writes what waits. Returns the outcome and the bytes written.
    pub(crate) fn write(&mut self) -> (Written, usize) {
        let waiting = self.out.get(self.sent as usize..).unwrap_or_default();
        let Ok(written) = self.stream.write(waiting) else { return (Written::Broken, 0) };
        if written < waiting.len() {
            self.sent += u32::try_from(written).expect("pending bytes are bounded far below 4 GiB");
            self.blocked = true;
            // What was sent goes also when the peer never reads everything. Moved when half is gone, each byte once on average.
            if self.sent as usize * 2 > self.out.len() {
                self.out.drain(..self.sent as usize);
                self.sent = 0;
            }
            return (Written::Blocked, written);
        }
        self.out.clear();
        self.sent = 0;
        self.blocked = !matches!(self.stream.flush(), Ok(true));
        (if self.blocked { Written::Blocked } else { Written::All }, written)
    }
}
