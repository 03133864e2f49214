//! Whether the other side is there and how far away it is. Both ends use it. Knows no message; its owner sends the pings.

use std::time::Duration;

use crate::limits::{HEARTBEAT, HEARTBEATS_MISSED_MAX, LATENCY_PING, STALE};
use crate::time::Time;

/// What is known of the other side of one connection.
#[derive(Debug)]
pub(super) struct Liveness {
    heard: Time,
    pinged: Time,
    /// Round trip of the last answered ping in microseconds; 0: not known.
    round_trip_us: u32,
    /// Whether the last ping has no answer yet.
    waits: bool,
}

impl Liveness {
    /// Of a connection that was heard `now`.
    pub(super) fn new(now: Time) -> Self {
        Self { heard: now, pinged: now, round_trip_us: 0, waits: false }
    }

    /// Something came.
    #[inline]
    pub(super) fn on_heard(&mut self, now: Time) {
        self.heard = now;
    }

    /// Last time that something came.
    pub(super) fn heard(&self) -> Time {
        self.heard
    }

    /// A ping is sent: what it says as `echo`.
    pub(super) fn on_ping_sent(&mut self, now: Time) -> u64 {
        self.pinged = now;
        self.waits = true;
        now.0
    }

    /// A pong came. Only the answer to the last ping counts, so that a peer cannot make up its latency beyond answering late.
    pub(super) fn on_pong(&mut self, now: Time, echo: u64) {
        if !self.waits || echo != self.pinged.0 {
            return;
        }
        self.waits = false;
        // Not smoothed: with a ping each two seconds an attack of eight seconds would show less than half of what it does.
        self.round_trip_us = u32::try_from(now.since(self.pinged).as_micros()).unwrap_or(u32::MAX).max(1);
    }

    /// Round trip of the last answered ping.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        (self.round_trip_us != 0).then(|| Duration::from_micros(u64::from(self.round_trip_us)))
    }

    /// When to send the next ping: after a silence, or more often while latency is watched.
    pub(super) fn ping_at(&self, watch_latency: bool) -> Time {
        if watch_latency { self.pinged + LATENCY_PING } else { self.heard.max(self.pinged) + HEARTBEAT }
    }

    /// When the connection counts as lost: one heartbeat after the last of the pings that may stay unanswered.
    pub(super) fn lost_at(&self) -> Time {
        self.heard + HEARTBEAT * (HEARTBEATS_MISSED_MAX + 1)
    }

    /// Whether it was silent for [`STALE`].
    pub(super) fn is_stale(&self, now: Time) -> bool {
        now.since(self.heard) >= STALE
    }
}
