//! What the doors count. Each block has one writer, so a counter is a plain load and store, never a locked instruction; readers add
//! the blocks up. Knows nothing of who reads.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hillfort_proto::reject::Reject;

/// Doors of the edge; a closed set, fit for a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Length-prefixed frames on a bare TCP (or TLS) connection.
    Frames,
    /// HTTP requests.
    Http,
    /// WebSocket connections that were upgraded from HTTP.
    WebSocket,
    /// gRPC and gRPC-Web; counted with HTTP while they are open.
    Grpc,
}

/// A number that one thread writes and any thread reads.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// Counters of one thread.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) accepted: Counter,
    pub(crate) frames_in: Counter,
    pub(crate) frames_out: Counter,
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) inputs: Counter,
    pub(crate) states_replaced: Counter,
    pub(crate) scenes_lost: Counter,
    pub(crate) open_frames: Counter,
    pub(crate) open_http: Counter,
    pub(crate) open_websocket: Counter,
    pub(crate) unproven: Counter,
    pub(crate) sessions_live: Counter,
    pub(crate) sessions_detached: Counter,
    pub(crate) sessions_stale: Counter,
    pub(crate) sessions_shed: Counter,
    pub(crate) logins: Counter,
    pub(crate) rtt_us_p50: Counter,
    pub(crate) rtt_us_p99: Counter,
    pub(crate) rtt_us_max: Counter,
    pub(crate) bans: Counter,
    pub(crate) turn_us_max: Counter,
    pub(crate) own_pause_us_p50: Counter,
    pub(crate) own_pause_us_p99: Counter,
    pub(crate) own_pause_us_max: Counter,
    pub(crate) own_pauses_too_long: Counter,
    pub(crate) stale_keys: Counter,
    refused: [Counter; Reject::ALL.len()],
}

/// Live counters of all doors.
#[derive(Debug, Default)]
pub struct Stats {
    pub(crate) edge: Block,
    pub(crate) http: Block,
}

/// The counters at one moment. Totals since the start unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Connections taken from the kernel, refused ones too.
    pub accepted: u64,
    /// Messages read from sessions.
    pub frames_in: u64,
    /// Messages written to sessions.
    pub frames_out: u64,
    /// Bytes read from sessions' sockets, after TLS.
    pub bytes_in: u64,
    /// Bytes written to sessions' sockets, before TLS.
    pub bytes_out: u64,
    /// Inputs handed to rooms.
    pub inputs: u64,
    /// Room states that a newer one replaced before they could be sent.
    pub states_replaced: u64,
    /// Clients whose sockets were full, so that they get their room's scene anew.
    pub scenes_lost: u64,
    /// Open connections now, frames door.
    pub open_frames: u64,
    /// Open connections now, HTTP.
    pub open_http: u64,
    /// Open connections now, WebSocket.
    pub open_websocket: u64,
    /// Open connections now that are not logged in.
    pub unproven: u64,
    /// Sessions with a connection, now.
    pub sessions_live: u64,
    /// Sessions that wait for their client to come back, now.
    pub sessions_detached: u64,
    /// Sessions with a connection that nothing was heard from for the stale time, now.
    pub sessions_stale: u64,
    /// Sessions that waited for their client and were ended early, because a new one needed their place.
    pub sessions_shed: u64,
    /// Logins and resumes that were let in.
    pub logins: u64,
    /// Median round trip of the sessions, µs, at most a second old; 0 when nothing was measured.
    pub rtt_us_p50: u64,
    /// 99th percentile of the same.
    pub rtt_us_p99: u64,
    /// Largest of the same.
    pub rtt_us_max: u64,
    /// Bans in force; counted once a second while there is traffic.
    pub bans: u64,
    /// Longest turn of the loop within the last second that had traffic, µs, waiting not counted.
    pub turn_us_max: u64,
    /// Median of the loop's own pauses within the last second that had traffic, µs: of the pieces of its work, those of 60 µs and more by
    /// the time that the thread itself ran.
    pub own_pause_us_p50: u64,
    /// 99th percentile of the same.
    pub own_pause_us_p99: u64,
    /// Longest of the same.
    pub own_pause_us_max: u64,
    /// Own pauses longer than 120 µs, since the start.
    pub own_pauses_too_long: u64,
    /// Keys of connections and sessions that were kept longer than what they name: slips of the edge, which it survives.
    pub stale_keys: u64,
    /// Refusals, in the order of [`Reject::ALL`].
    pub refused: [u64; Reject::ALL.len()],
}

impl Counter {
    /// Value as last written.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Only the block's own thread may call this: two writers would lose counts.
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    pub(crate) fn sub(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).saturating_sub(n), Relaxed);
    }

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }
}

impl Block {
    /// Counts a refusal.
    pub(crate) fn refuse(&self, reject: Reject) {
        self.refused[index(reject)].add(1);
    }

    fn refused(&self, at: usize) -> u64 {
        self.refused[at].get()
    }
}

impl Default for Block {
    fn default() -> Self {
        let zero = Counter::default;
        Self {
            accepted: zero(),
            frames_in: zero(),
            frames_out: zero(),
            bytes_in: zero(),
            bytes_out: zero(),
            inputs: zero(),
            states_replaced: zero(),
            scenes_lost: zero(),
            open_frames: zero(),
            open_http: zero(),
            open_websocket: zero(),
            unproven: zero(),
            sessions_live: zero(),
            sessions_detached: zero(),
            sessions_stale: zero(),
            sessions_shed: zero(),
            logins: zero(),
            rtt_us_p50: zero(),
            rtt_us_p99: zero(),
            rtt_us_max: zero(),
            bans: zero(),
            turn_us_max: zero(),
            own_pause_us_p50: zero(),
            own_pause_us_p99: zero(),
            own_pause_us_max: zero(),
            own_pauses_too_long: zero(),
            stale_keys: zero(),
            refused: std::array::from_fn(|_| Counter::default()),
        }
    }
}

impl Stats {
    /// Reads all counters. They are read one by one while their thread goes on: sums may be a few events apart.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (e, h) = (&self.edge, &self.http);
        Snapshot {
            accepted: e.accepted.get(),
            frames_in: e.frames_in.get(),
            frames_out: e.frames_out.get(),
            bytes_in: e.bytes_in.get(),
            bytes_out: e.bytes_out.get(),
            inputs: e.inputs.get(),
            states_replaced: e.states_replaced.get(),
            scenes_lost: e.scenes_lost.get(),
            open_frames: e.open_frames.get(),
            open_http: e.open_http.get(),
            open_websocket: e.open_websocket.get(),
            unproven: e.unproven.get(),
            sessions_live: e.sessions_live.get(),
            sessions_detached: e.sessions_detached.get(),
            sessions_stale: e.sessions_stale.get(),
            sessions_shed: e.sessions_shed.get(),
            logins: e.logins.get(),
            rtt_us_p50: e.rtt_us_p50.get(),
            rtt_us_p99: e.rtt_us_p99.get(),
            rtt_us_max: e.rtt_us_max.get(),
            bans: e.bans.get(),
            turn_us_max: e.turn_us_max.get(),
            own_pause_us_p50: e.own_pause_us_p50.get(),
            own_pause_us_p99: e.own_pause_us_p99.get(),
            own_pause_us_max: e.own_pause_us_max.get(),
            own_pauses_too_long: e.own_pauses_too_long.get(),
            stale_keys: e.stale_keys.get(),
            refused: std::array::from_fn(|at| e.refused(at) + h.refused(at)),
        }
    }
}

impl Snapshot {
    /// Refusals with this reason.
    #[must_use]
    pub fn refused(&self, reject: Reject) -> u64 {
        self.refused[index(reject)]
    }

    /// Open connections of a door, now.
    #[must_use]
    pub fn open(&self, door: Door) -> u64 {
        match door {
            Door::Frames => self.open_frames,
            Door::Http | Door::Grpc => self.open_http,
            Door::WebSocket => self.open_websocket,
        }
    }
}

fn index(reject: Reject) -> usize {
    Reject::ALL.binary_search_by_key(&reject.code(), |r| r.code()).expect("ALL holds every reject, in order of the numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reject_has_its_own_counter() {
        let stats = Stats::default();
        for (n, reject) in Reject::ALL.iter().enumerate() {
            for _ in 0..=n {
                stats.edge.refuse(*reject);
            }
            stats.http.refuse(*reject);
        }
        let snapshot = stats.snapshot();
        for (n, reject) in Reject::ALL.iter().enumerate() {
            assert_eq!(snapshot.refused(*reject), n as u64 + 2, "{reject}");
        }
    }
}
