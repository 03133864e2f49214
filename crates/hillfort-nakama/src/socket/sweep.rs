//! What is due by time: pings, sessions that are lost, connections that do not end, orders of other threads. No timer belongs to a socket.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hillfort_api::Close;
use hillfort_proto::time::Time;
use hillfort_stream::websocket;

use super::conn::ConnRef;
use super::orders::Order;
use super::stats::SocketStats;
use super::thread::{SWEEP_PERIOD, SocketThread};

/// Sockets that are looked at at once, so that many do not keep players waiting.
const SLICE: usize = 4096;
/// Time that sessions have to read that the server ends.
const DRAIN_PATIENCE: Duration = Duration::from_secs(1);

impl SocketThread {
    pub(crate) fn sweep(&mut self, now: Time) {
        if now < self.sweep_at {
            return;
        }
        let slices = self.conns.capacity().div_ceil(SLICE).max(1);
        self.sweep_at = now + SWEEP_PERIOD / u32::try_from(slices).unwrap_or(u32::MAX);
        let slice = self.sweep_next..self.sweep_next + SLICE;
        self.sweep_next = if slice.end < self.conns.capacity() { slice.end } else { 0 };
        let (ping_every, pong_wait) = (self.shared.config.ping_every, self.shared.config.pong_wait);
        let (mut overdue, mut lost, mut silent) = (Vec::new(), Vec::new(), Vec::new());
        for conn in slice.filter_map(|key| self.conns.get(key)) {
            match conn.ending {
                Some(until) if now >= until => overdue.push(conn.at),
                Some(_) => {}
                None if now.since(conn.heard) >= pong_wait => lost.push(conn.at),
                None if now.since(conn.heard) >= ping_every && !conn.pinged => silent.push(conn.at),
                None => {}
            }
        }
        for at in silent {
            self.ping(at);
        }
        for at in lost {
            SocketStats::count(&self.shared.stats.lost, 1);
            self.end(now, at, Close::PolicyViolation, "no pong in time");
        }
        for at in overdue {
            self.remove(at);
        }
    }

    /// Does what other threads want.
    pub(crate) fn obey(&mut self, now: Time) {
        let (orders, drain) = self.shared.orders.take();
        for order in orders {
            match order {
                Order::Send { to, format, payload } => {
                    for at in to {
                        // The format of a socket never changes.
                        if self.conn(at).is_some_and(|conn| conn.format == format) {
                            self.put(now, at, &payload);
                        }
                    }
                }
                Order::Close { at, code, reason } => {
                    let counter = if code == Close::Slow { &self.shared.stats.slow } else { &self.shared.stats.closed };
                    counter.fetch_add(1, Relaxed);
                    self.end(now, at, code, &reason);
                }
            }
        }
        if drain && self.drain_until.is_none() {
            self.drain_until = Some(now + DRAIN_PATIENCE);
            let all: Vec<ConnRef> = self.conns.iter().map(|(_, conn)| conn.at).collect();
            for at in all {
                self.end(now, at, Close::GoingAway, "the server stops");
            }
        }
    }

    fn ping(&mut self, at: ConnRef) {
        let Some(conn) = self.conns.get_mut(at.key as usize) else { return };
        conn.pinged = true;
        self.spares.lend(&mut conn.out);
        websocket::write_ping(&mut conn.out);
        self.mark_dirty(at);
    }
}
