//! How sessions end: with a close frame that says why, or because the connection is gone. Knows nothing of who decided it.

use std::time::Duration;

use hillfort_api::{Close, SessionId};
use hillfort_proto::time::Time;
use hillfort_stream::websocket;

use super::conn::ConnRef;
use super::orders::REASON_BYTES_MAX;
use super::stats::SocketStats;
use super::thread::SocketThread;

/// Time that a peer has to read our last word and to end the connection.
const END_PATIENCE: Duration = Duration::from_secs(10);
/// Normal closure (RFC 6455 §7.4.1).
const NORMAL: u16 = 1000;

/// A session that ended, of which others are still to be told.
#[derive(Debug)]
pub(crate) struct Departure {
    session: SessionId,
    seats: Vec<u32>,
}

impl SocketThread {
    /// Ends a session with a reason. What waits for it is written first.
    pub(crate) fn end(&mut self, now: Time, at: ConnRef, code: Close, reason: &str) {
        self.say_goodbye(now, at, code as u16, &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)]);
    }

    /// The client closes: the same code comes back, and the server ends the connection (RFC 6455 §7.1.1).
    pub(crate) fn on_client_close(&mut self, now: Time, at: ConnRef) {
        SocketStats::count(&self.shared.stats.left, 1);
        self.say_goodbye(now, at, NORMAL, "");
    }

    /// The connection is gone.
    pub(crate) fn on_gone(&mut self, now: Time, at: ConnRef) {
        let Some(conn) = self.conn(at) else { return };
        if conn.ending.is_none() {
            SocketStats::count(&self.shared.stats.left, 1);
            self.leave_all(now, at);
        }
        self.remove(at);
    }

    /// Closes the socket.
    pub(crate) fn remove(&mut self, at: ConnRef) {
        if self.conn(at).is_none() {
            return;
        }
        let mut conn = self.conns.remove(at.key as usize);
        self.queued -= conn.counted as usize;
        for place in [&mut conn.partial, &mut conn.parts, &mut conn.out] {
            self.spares.take_back(place);
        }
        if self.conns.is_empty() {
            // Many that came at once and left leave no table behind.
            self.conns.shrink_to_fit();
        }
    }

    fn say_goodbye(&mut self, now: Time, at: ConnRef, code: u16, reason: &str) {
        let Some(conn) = self.conns.get_mut(at.key as usize).filter(|conn| conn.at == at && conn.ending.is_none()) else {
            return;
        };
        self.spares.lend(&mut conn.out);
        websocket::write_close(&mut conn.out, code, reason);
        conn.ending = Some(now + END_PATIENCE);
        for place in [&mut conn.partial, &mut conn.parts] {
            self.spares.take_back(place);
        }
        self.mark_dirty(at);
        self.leave_all(now, at);
    }

    /// Takes a session out of everything that others see of it.
    ///
    /// Being told of it may be what makes another one too slow, and that one's end may end a third. They take turns here instead of each
    /// within the one before: a crowd that does not read would use up the stack.
    fn leave_all(&mut self, now: Time, at: ConnRef) {
        let Some(conn) = self.conns.get_mut(at.key as usize) else { return };
        self.departures.push_back(Departure { session: conn.session, seats: std::mem::take(&mut conn.seats) });
        if std::mem::replace(&mut self.tells_departures, true) {
            return;
        }
        while let Some(Departure { session, seats }) = self.departures.pop_front() {
            let news = self.shared.registry.close(session);
            news.iter().for_each(|news| self.tell(now, news));
            for seat in seats {
                self.abandon(now, seat);
            }
        }
        self.tells_departures = false;
    }
}
