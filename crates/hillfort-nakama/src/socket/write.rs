//! Envelopes to sockets: one write for all that a turn has to say, and what happens when a socket is full. Knows nothing of what is said.
//!
//! What waits for a socket is bounded. A client that reads too slowly is told so by an error and a close frame behind what waits, and
//! nothing is added any more: it is never left without a word in the middle of a game.

use hillfort_api::Close;
use hillfort_api::error::RealtimeCode;
use hillfort_api::realtime::envelope::Message;
use hillfort_api::realtime::{Envelope, Error};
use hillfort_proto::time::Time;
use hillfort_stream::{Written, websocket};

use super::conn::{ConnRef, Format};
use super::orders::encode;
use super::registry::News;
use super::stats::SocketStats;
use super::thread::SocketThread;

/// A socket for which no more than this waits is never too slow, however much waits for all.
const SHARE_MIN: usize = 16 * 1024;

impl SocketThread {
    /// Answers what the client sent with this `cid`.
    pub(crate) fn reply(&mut self, now: Time, at: ConnRef, cid: String, message: Message) {
        self.answer(now, at, &Envelope { cid, message: Some(message) });
    }

    /// Answers that it was done, when the client wants to hear it.
    pub(crate) fn done(&mut self, now: Time, at: ConnRef, cid: String) {
        if !cid.is_empty() {
            self.answer(now, at, &Envelope { cid, message: None });
        }
    }

    /// Answers that it was not done.
    pub(crate) fn fail(&mut self, now: Time, at: ConnRef, cid: String, code: RealtimeCode, message: impl Into<String>) {
        self.on_failed(at, &cid);
        self.send(now, at, &error(cid, code, message));
    }

    fn answer(&mut self, now: Time, at: ConnRef, envelope: &Envelope) {
        self.send(now, at, envelope);
        self.on_answered(now, at, envelope);
    }

    pub(crate) fn send(&mut self, now: Time, at: ConnRef, envelope: &Envelope) {
        let Some(format) = self.conn(at).map(|conn| conn.format) else { return };
        self.put(now, at, &encode(envelope, format));
    }

    /// Tells sessions something, encoded once for each format.
    pub(crate) fn tell(&mut self, now: Time, news: &News) {
        let mut payloads = [None, None];
        for place in &news.to {
            let payload = &mut payloads[usize::from(place.format == Format::Protobuf)];
            let payload = payload.get_or_insert_with(|| encode(&news.envelope, place.format));
            self.put(now, place.at, payload);
        }
    }

    /// Appends a message to what waits for a socket.
    pub(crate) fn put(&mut self, now: Time, at: ConnRef, payload: &[u8]) {
        let Some(conn) = self.conns.get_mut(at.key as usize).filter(|conn| conn.at == at && conn.ending.is_none()) else {
            return;
        };
        self.spares.lend(&mut conn.out);
        websocket::write_message(&mut conn.out, conn.format.kind(), payload);
        SocketStats::count(&self.shared.stats.messages_out, 1);
        self.mark_dirty(at);
        if self.is_slow(at) {
            self.on_slow(now, at);
        }
    }

    /// Whether more waits for a socket than it may.
    fn is_slow(&mut self, at: ConnRef) -> bool {
        let (config, all, sockets) = (&self.shared.config, self.queued, self.conns.len().max(1));
        let Some(conn) = self.conns.get(at.key as usize) else { return false };
        let pending = conn.pending();
        let share = (config.queues_bytes_max / sockets).max(SHARE_MIN);
        pending > config.queue_bytes_max || (conn.blocked && all > config.queues_bytes_max && pending > share)
    }

    fn on_slow(&mut self, now: Time, at: ConnRef) {
        // A socket that was not written to in this turn may have room.
        if self.conn(at).is_some_and(|conn| !conn.blocked) {
            self.write(now, at);
            if !self.is_slow(at) {
                return;
            }
        }
        let Some(conn) = self.conn(at).filter(|conn| conn.ending.is_none()) else { return };
        let last =
            error(String::new(), RealtimeCode::RuntimeException, "you read too slowly: what waits for you is above the limit");
        let payload = encode(&last, conn.format);
        websocket::write_message(&mut conn.out, conn.format.kind(), &payload);
        SocketStats::count(&self.shared.stats.slow, 1);
        self.end(now, at, Close::Slow, "slow consumer");
    }

    /// Has the socket written at the end of the turn.
    pub(crate) fn mark_dirty(&mut self, at: ConnRef) {
        if let Some(conn) = self.conns.get_mut(at.key as usize).filter(|conn| !conn.dirty) {
            conn.dirty = true;
            self.dirty.push(at);
        }
    }

    /// Writes all that were marked.
    pub(crate) fn flush(&mut self, now: Time) {
        // What is written may end sessions, and others hear of that.
        while !self.dirty.is_empty() {
            for at in std::mem::take(&mut self.dirty) {
                if let Some(conn) = self.conn(at) {
                    conn.dirty = false;
                    self.write(now, at);
                }
            }
        }
    }

    /// Writes what waits for this socket, unless it is known to be full.
    pub(crate) fn write(&mut self, now: Time, at: ConnRef) {
        let Some(conn) = self.conns.get_mut(at.key as usize).filter(|conn| conn.at == at) else { return };
        let mut outcome = if conn.blocked { Written::Blocked } else { Written::All };
        if conn.pending() > 0 && !conn.blocked {
            let (written, bytes) = conn.write();
            outcome = written;
            SocketStats::count(&self.shared.stats.bytes_out, bytes as u64);
        }
        if conn.out.is_empty() {
            // An idle socket holds no memory.
            self.spares.take_back(&mut conn.out);
        }
        self.queued = self.queued + conn.pending() - conn.counted as usize;
        conn.counted = conn.pending() as u32;
        match outcome {
            Written::All if conn.ending.is_some() => conn.stream.finish(),
            Written::All | Written::Blocked => {}
            Written::Broken => self.on_gone(now, at),
        }
    }

    /// There is room in the socket again.
    pub(crate) fn on_writable(&mut self, now: Time, at: ConnRef) {
        let Some(conn) = self.conn(at).filter(|conn| conn.blocked) else { return };
        conn.blocked = !matches!(conn.stream.flush(), Ok(true));
        if !conn.blocked {
            self.release_held(now, at);
            self.write(now, at);
        }
    }
}

/// An error as clients see it.
pub(crate) fn error(cid: String, code: RealtimeCode, message: impl Into<String>) -> Envelope {
    let error = Error { code: code as i32, message: message.into(), ..Error::default() };
    Envelope { cid, message: Some(Message::Error(error)) }
}
