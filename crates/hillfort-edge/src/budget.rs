//! What waits to be written or acknowledged, of all together: one count, and who ends when it is too much. Each connection and session is
//! bounded by itself, but not their sum. Knows nothing of what waits.

use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;

use crate::conn::{ConnKey, Phase, SessionKey};
use crate::thread::EdgeThread;

impl EdgeThread {
    /// Counts anew what this connection and its session hold.
    pub(crate) fn recount(&mut self, key: ConnKey) {
        let Some(conn) = self.conns.get_mut(key as usize) else { return };
        self.outbound_bytes = (self.outbound_bytes + conn.out.len()).saturating_sub(conn.counted);
        conn.counted = conn.out.len();
        if let Phase::Live(at) = conn.phase {
            self.sessions.recount(at);
        }
    }

    /// A session holds more now. Above the budget everything that sockets take goes out first; if that is not enough, a session above
    /// its share ends. The sum of those below is no larger than the budget, so twice the budget is never exceeded, and who reads and
    /// acknowledges is not ended for those who do not.
    pub(crate) fn keep_budget(&mut self, now: Time, at: SessionKey) {
        let Some(record) = self.sessions.get_mut(at) else { return };
        match record.conn {
            Some(key) => self.recount(key),
            None => self.sessions.recount(at),
        }
        if self.outbound_total() <= self.config.outbound_bytes_max {
            return;
        }
        self.flush(now);
        if !self.is_above_share(at) {
            return;
        }
        match self.sessions.get_mut(at).and_then(|record| record.conn) {
            Some(key) => self.on_reject(now, key, Reject::SlowConsumer),
            None => {
                self.refuse(Reject::SlowConsumer);
                self.end_session(at);
            }
        }
    }

    /// All together hold more than the budget, and this session more than its even share of it.
    pub(crate) fn is_above_share(&mut self, at: SessionKey) -> bool {
        if self.outbound_total() <= self.config.outbound_bytes_max {
            return false;
        }
        let share = self.config.outbound_bytes_max / self.sessions.len().max(1);
        let Some(record) = self.sessions.get_mut(at) else { return false };
        let conn = record.conn.and_then(|key| self.conns.get(key as usize));
        record.counted + conn.map_or(0, |conn| conn.counted) > share
    }

    /// Bytes that all held when they were last counted.
    pub(crate) fn outbound_total(&self) -> usize {
        self.outbound_bytes + self.sessions.outbound_bytes()
    }
}
