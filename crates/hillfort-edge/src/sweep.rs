//! Everything that is due by time: a slice of the sessions' table each time, and the queues' oldest. No timer belongs to a connection.
//! Knows nothing of what the deadlines mean to a session.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use hillfort_proto::frame::Framing;
use hillfort_proto::reject::Reject;
use hillfort_proto::session::server::State;
use hillfort_proto::time::Time;

use crate::conn::{Phase, SessionKey, known};
use crate::live::tell;
use crate::sessions::{PASS, Tally};
use crate::thread::EdgeThread;

/// Connections whose time is over that are ended in one turn; the next comes at once when there are more.
const OVERDUE_MAX: usize = 64;
/// A slice of the sessions ends early when it has taken so long.
const SLICE_TIME_MAX: Duration = Duration::from_micros(100);
/// What is too dear to count in each turn is counted this often, as long as the loop turns.
const GAUGES_PERIOD: Duration = Duration::from_secs(1);

impl EdgeThread {
    pub(crate) fn sweep(&mut self, now: Time) {
        for _ in 0..OVERDUE_MAX {
            let (conns, hello) = (&mut self.conns, &self.waiting_hello);
            let overdue = self.waiting_first_byte.overdue(conns, now).or_else(|| hello.overdue(conns, now));
            let Some(key) = overdue else { break };
            let reject = self.conns.get(key as usize).map_or(Reject::HelloSlow, |conn| match conn.phase {
                Phase::Header => Reject::ProxyHeader,
                Phase::ClientHello => Reject::ClientHelloSlow,
                Phase::Request => Reject::Http,
                _ if conn.stream.is_handshaking() => Reject::Tls,
                _ => Reject::HelloSlow,
            });
            self.on_reject(now, key, reject);
            self.probe.mark();
        }
        for _ in 0..OVERDUE_MAX {
            let Some(key) = self.waiting_login.overdue(&mut self.conns, now) else { break };
            let reject = if self.is_working(key) { Reject::WorkSlow } else { Reject::LoginSlow };
            self.on_reject(now, key, reject);
            self.probe.mark();
        }
        for _ in 0..OVERDUE_MAX {
            let Some(key) = self.waiting_end.overdue(&mut self.conns, now) else { break };
            self.remove(key);
            self.probe.mark();
        }
        self.stats.edge.unproven.set(self.unproven() as u64);
        if now >= self.gauges_at {
            self.gauges_at = now + GAUGES_PERIOD;
            self.stats.edge.bans.set(self.guard.bans_in_force(now) as u64);
            self.stats.edge.turn_us_max.set(std::mem::take(&mut self.turn_us_max));
            let [p50, p99, max] = self.probe.take();
            self.stats.edge.own_pause_us_p50.set(p50);
            self.stats.edge.own_pause_us_p99.set(p99);
            self.stats.edge.own_pause_us_max.set(max);
            self.stats.edge.own_pauses_too_long.set(self.probe.too_long);
            self.probe.mark();
        }
        match self.sessions.next_sweep() {
            Some(due) if due <= now => {
                let (slice, mut last) = self.sessions.next_slice(now);
                let (begin, end) = (self.now(), slice.end);
                for at in slice {
                    let was_due = self.sweep_one(now, SessionKey::try_from(at).expect("slab keys are below sessions_max"));
                    if !was_due {
                        continue;
                    }
                    self.probe.mark();
                    // Many that are due at once, as after a cut line, are not worked off in one go.
                    if at + 1 < end && self.now().since(begin) >= SLICE_TIME_MAX {
                        self.sessions.break_off(now, at + 1);
                        last = false;
                        break;
                    }
                }
                self.probe.mark();
                self.flush(now);
                if last {
                    self.publish();
                    self.probe.mark();
                }
            }
            Some(_) => {}
            // Nobody is left to be swept: what was published must not stay.
            None if self.stats.edge.sessions_live.get() + self.stats.edge.sessions_detached.get() > 0 => self.publish(),
            None => {}
        }
    }

    /// `true`: something was due, which may have been a system call or two.
    fn sweep_one(&mut self, now: Time, at: SessionKey) -> bool {
        self.ask_for_lost_scene(at);
        let Some(record) = self.sessions.get_mut(at) else { return false };
        if let Some(notice) = record.owed {
            tell(self.rooms.as_ref(), &mut self.inbound, record, notice);
        }
        if record.over {
            if record.owed.is_none() {
                self.sessions.remove(at);
            }
            return true;
        }
        let was_due = record.session.poll_timeout().is_some_and(|due| due <= now);
        if was_due {
            let mut nowhere = Vec::new();
            let (framing, out) = match record.conn {
                Some(key) => {
                    let Some(conn) = known(&mut self.conns, key, &self.stats) else {
                        self.detach(now, at);
                        return true;
                    };
                    self.spares.lend(&mut conn.out);
                    Self::mark_dirty(&mut self.dirty, conn, key);
                    (conn.framing(), &mut conn.out)
                }
                None => (Framing::Bare, &mut nowhere),
            };
            match (record.session.handle_timeout(now, framing, out), record.conn) {
                (Ok(()), _) => {}
                (Err(reject), Some(key)) => {
                    self.on_reject(now, key, reject);
                    return true;
                }
                (Err(_), None) => {
                    self.end_session(at);
                    return true;
                }
            }
        }
        let Some(record) = self.sessions.get_mut(at) else { return true };
        if !matches!(record.session.state(), State::AwaitLogin | State::AwaitWork) {
            self.tally.count(record, now);
            if !(record.over || record.settled && record.proven) {
                self.settle(now, at);
            }
        }
        was_due
    }

    /// A session that has lasted makes its address known, and one that has played earns a ticket. Asked until the guard says so, which is
    /// when it was long enough.
    fn settle(&mut self, now: Time, at: SessionKey) {
        let Some(record) = self.sessions.get_mut(at) else { return };
        record.sweeps_played = record.sweeps_played.saturating_add(u16::from(std::mem::take(&mut record.plays)));
        let Some(key) = record.conn else { return };
        let Some(conn) = self.conns.get_mut(key as usize) else { return };
        let mut account = DefaultHasher::new();
        record.session.name().hash(&mut account);
        let account = account.finish();
        if !record.settled {
            record.settled = self.guard.on_settled(now, &mut conn.admitted, account);
        }
        let played = PASS * u32::from(record.sweeps_played);
        if let Some(ticket) = self.guard.on_played(now, Self::unix_now(), &mut conn.admitted, account, played) {
            record.proven = true;
            self.spares.lend(&mut conn.out);
            record.session.enqueue_ticket(&ticket, conn.framing(), &mut conn.out);
            self.stats.edge.frames_out.add(1);
            Self::mark_dirty(&mut self.dirty, conn, key);
        }
    }

    /// Makes the counts of a whole pass visible.
    fn publish(&mut self) {
        let Tally { live, detached, stale, latencies } = &mut self.tally;
        let stats = &self.stats.edge;
        stats.sessions_live.set(std::mem::take(live));
        stats.sessions_detached.set(std::mem::take(detached));
        stats.sessions_stale.set(std::mem::take(stale));
        stats.rtt_us_p50.set(latencies.percentile_us(50));
        stats.rtt_us_p99.set(latencies.percentile_us(99));
        stats.rtt_us_max.set(latencies.max_us());
        latencies.clear();
    }
}
