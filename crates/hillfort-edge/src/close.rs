//! How connections end: by reset, or with a last word that says why. Knows nothing of who decided it.

use std::time::Duration;

use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;
use slab::Slab;

use crate::conn::{Conn, ConnKey, Phase, known};
use crate::queue::Wait;
use crate::stats::{Counter, Door};
use crate::thread::EdgeThread;
use hillfort_stream::Written;

/// Time that a peer has to read our last word and to end the connection.
pub(crate) const END_PATIENCE: Duration = Duration::from_secs(2);

/// An empty table gives its memory back when it has used more than this.
pub(crate) const KEPT_RECORDS_MAX: usize = 1024;
/// A table has its address space from the start, up to so many records: while it grew, everybody would wait until it has moved. Pages
/// that no record has touched cost nothing.
pub(crate) const RESERVED_MAX: usize = 1 << 17;

impl EdgeThread {
    /// Ends a connection by the peer's fault: counted, charged to its address.
    pub(crate) fn offend(&mut self, now: Time, key: ConnKey, reject: Reject) {
        self.charge(now, key, reject);
        self.end(now, key, reject);
    }

    /// Charges a refusal to the connection's address, which has completed a handshake. What is open already stays open.
    pub(crate) fn charge(&mut self, now: Time, key: ConnKey, reject: Reject) {
        if let Some(conn) = self.conns.get(key as usize) {
            self.guard.on_offence(now, conn.admitted.peer(), reject);
        }
    }

    /// Ends a connection that may carry a session: says why, counts it. The session has been detached or ended before.
    pub(crate) fn end(&mut self, now: Time, key: ConnKey, reject: Reject) {
        self.refuse(reject);
        self.say_goodbye(now, key, reject);
    }

    /// The same without counting a refusal.
    pub(crate) fn say_goodbye(&mut self, now: Time, key: ConnKey, reject: Reject) {
        let Some(conn) = self.conns.get_mut(key as usize) else { return };
        let proven = match conn.phase {
            Phase::Ending => return,
            Phase::Header | Phase::ClientHello | Phase::Request => return self.remove(key),
            Phase::Hello => false,
            Phase::Login(_) | Phase::Live(_) => true,
        };
        if !proven && (conn.door == Door::Frames && !explains(reject) || conn.stream.is_handshaking()) {
            return self.remove(key);
        }
        self.spares.lend(&mut conn.out);
        conn.put_close(reject);
        let (written, _) = conn.write();
        if written == Written::All {
            conn.stream.finish();
        }
        // A stranger is not waited for.
        if !proven || written == Written::Broken {
            return self.remove(key);
        }
        self.stop_waiting(key);
        let Some(conn) = known(&mut self.conns, key, &self.stats) else { return };
        conn.phase = Phase::Ending;
        self.spares.take_back(&mut conn.partial);
        self.spares.take_back(&mut conn.parts);
        self.release_out(key);
        self.waiting_end.push(&mut self.conns, key, now);
    }

    /// Closes the socket, by reset unless a last word was said.
    pub(crate) fn remove(&mut self, key: ConnKey) {
        if let Some(conn) = self.take(key) {
            self.guard.on_close(conn.admitted);
            // A descriptor is free.
            self.accept_at = self.accept_at.map(|_| Time::ZERO);
        }
    }

    /// Takes a connection out of the table; it goes elsewhere, or ends when it is dropped.
    pub(crate) fn take(&mut self, key: ConnKey) -> Option<Conn> {
        if !self.conns.contains(key as usize) {
            return None;
        }
        self.stop_waiting(key);
        let mut conn = self.conns.remove(key as usize);
        for place in [&mut conn.partial, &mut conn.parts, &mut conn.out] {
            self.spares.take_back(place);
        }
        self.outbound_bytes = self.outbound_bytes.saturating_sub(conn.counted);
        if let Some(open) = self.count_open(conn.door) {
            open.sub(1);
        }
        self.conns_used = self.conns_used.max(key as usize + 1);
        if self.conns.is_empty() && self.conns_used > KEPT_RECORDS_MAX {
            self.conns = Slab::with_capacity(self.config.connections_max.min(RESERVED_MAX));
            self.conns_used = 0;
        }
        Some(conn)
    }

    /// Takes a connection out of the queue that it stands in.
    pub(crate) fn stop_waiting(&mut self, key: ConnKey) {
        let Some(conn) = known(&mut self.conns, key, &self.stats) else { return };
        match conn.wait() {
            Some(Wait::FirstByte) => self.waiting_first_byte.remove(&mut self.conns, key),
            Some(Wait::Hello) => self.waiting_hello.remove(&mut self.conns, key),
            Some(Wait::Login) => self.waiting_login.remove(&mut self.conns, key),
            Some(Wait::End) => self.waiting_end.remove(&mut self.conns, key),
            // Sessions wait for these.
            Some(Wait::Return | Wait::ReturnToSeat) | None => {}
        }
    }

    /// Those of HTTP are counted when the HTTP thread has them.
    pub(crate) fn count_open(&self, door: Door) -> Option<&Counter> {
        match door {
            Door::Frames => Some(&self.stats.edge.open_frames),
            Door::Http | Door::Grpc => None,
            Door::WebSocket => Some(&self.stats.edge.open_websocket),
        }
    }
}

/// Refusals of a hello that an honest client should hear about. The others go to peers that would not understand or listen.
fn explains(reject: Reject) -> bool {
    matches!(
        reject,
        Reject::HelloTime | Reject::HelloKey | Reject::HelloMac | Reject::HelloReplay | Reject::HelloFlags | Reject::ConnectRate
    )
}
