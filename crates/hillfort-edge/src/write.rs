//! Bytes to connections: one write for all that a turn has to say, and what happens when a socket is full. Knows nothing of what is
//! written.

use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;

use crate::conn::{ConnKey, Phase, known};
use crate::thread::EdgeThread;
use hillfort_stream::Written;

impl EdgeThread {
    /// Writes what waits for this connection, unless its socket is known to be full.
    pub(crate) fn write(&mut self, now: Time, key: ConnKey) {
        self.write_pending(now, key);
        self.recount(key);
        if let Some(conn) = self.conns.get(key as usize).filter(|conn| conn.blocked)
            && let Phase::Live(at) = conn.phase
            && self.is_above_share(at)
        {
            self.on_reject(now, key, Reject::SlowConsumer);
        }
    }

    fn write_pending(&mut self, now: Time, key: ConnKey) {
        let Some(conn) = self.conns.get_mut(key as usize) else { return };
        if conn.pending() == 0 {
            return self.release_out(key);
        }
        if conn.blocked {
            // What the peer asks for and does not read is bounded here, what rooms say in `deliver`.
            if conn.pending() > self.config.pending_bytes_max && conn.phase != Phase::Ending {
                self.on_reject(now, key, Reject::SlowConsumer);
            }
            return;
        }
        let (written, bytes) = conn.write();
        self.stats.edge.bytes_out.add(bytes as u64);
        match written {
            Written::All => self.release_out(key),
            Written::Blocked => {}
            Written::Broken => self.on_gone(now, key),
        }
    }

    /// There is room in the socket again.
    pub(crate) fn on_writable(&mut self, key: ConnKey, now: Time) {
        let Some(conn) = self.conns.get_mut(key as usize).filter(|conn| conn.blocked) else { return };
        conn.blocked = !matches!(conn.stream.flush(), Ok(true));
        if conn.pending() > 0 {
            self.write(now, key);
        }
        let Some(conn) = self.conns.get_mut(key as usize).filter(|conn| !conn.blocked) else { return };
        match conn.phase {
            Phase::Ending => conn.stream.finish(),
            Phase::Live(session) => {
                self.release_held(session);
                self.write(now, key);
            }
            Phase::Header | Phase::ClientHello | Phase::Request | Phase::Hello | Phase::Login(_) => {}
        }
    }

    /// Has the connection written at the end of the turn.
    pub(crate) fn mark_dirty(dirty: &mut Vec<ConnKey>, conn: &mut crate::conn::Conn, key: ConnKey) {
        if !conn.dirty {
            conn.dirty = true;
            dirty.push(key);
        }
    }

    /// Writes all that were marked.
    pub(crate) fn flush(&mut self, now: Time) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for key in dirty.drain(..) {
            if let Some(conn) = self.conns.get_mut(key as usize) {
                conn.dirty = false;
                self.write(now, key);
                self.probe.mark();
            }
        }
        self.dirty = dirty;
    }

    /// An idle connection holds no memory.
    pub(crate) fn release_out(&mut self, key: ConnKey) {
        let Some(conn) = known(&mut self.conns, key, &self.stats) else { return };
        if conn.out.is_empty() {
            self.spares.take_back(&mut conn.out);
        }
    }
}
