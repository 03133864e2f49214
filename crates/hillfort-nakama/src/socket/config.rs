//! Bounds of the realtime socket: plain values, already checked by whoever read them.

use std::time::Duration;

use hillfort_guard::{InputRates, Rate};

/// Settings of the socket. All need a restart.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name of this server in ids of matches: without a dot.
    pub node: String,
    /// Open sockets at most.
    pub sockets_max: usize,
    /// Bytes of one message of a client.
    pub message_bytes_max: usize,
    /// Bytes that wait for one socket at most. A client that reads more slowly than that is told, and closed.
    pub queue_bytes_max: usize,
    /// Bytes that wait for all sockets together. Beyond them a socket for which more than its even share waits is too slow.
    pub queues_bytes_max: usize,
    /// A socket that says nothing for so long is pinged.
    pub ping_every: Duration,
    /// A socket that was not heard from for so long is gone.
    pub pong_wait: Duration,
    /// A new socket of a user closes the user's others.
    pub single_socket: bool,
    /// A session that joins a match leaves its others.
    pub single_match: bool,
    /// What one session may say: inputs are match data, everything else is control.
    pub rates: InputRates,
    /// Calls of one session that are answered at the same time.
    pub session_calls_max: usize,
    /// Calls of all sessions that are answered at the same time.
    pub calls_max: usize,
    /// Matches that one session is in at most, and streams beside them.
    pub session_streams_max: usize,
    /// Sessions in one relayed match, or on one stream.
    pub stream_sessions_max: usize,
    /// Users that one session follows.
    pub follows_max: usize,
}

impl Default for Config {
    /// 60,000 sockets, messages of 4,096 bytes, 256 KiB waiting for one and 256 MiB for all, pings after 15 s of silence and the end after 25,
    /// 120 match data a second, 60 other messages, 32 calls at once and 4,096 of all, 16 matches, 256 sessions in a relayed match, 1,024
    /// followed users.
    fn default() -> Self {
        let rate = |per_s, burst| Rate::new(per_s, burst).expect("in range");
        Self {
            node: "hillfort".to_owned(),
            sockets_max: 60_000,
            message_bytes_max: 4096,
            queue_bytes_max: 256 * 1024,
            queues_bytes_max: 256 * 1024 * 1024,
            ping_every: Duration::from_secs(15),
            pong_wait: Duration::from_secs(25),
            single_socket: false,
            single_match: false,
            rates: InputRates { session: rate(120, 240), kind: rate(120, 240), control: rate(60, 120), tolerance: rate(50, 200) },
            session_calls_max: 32,
            calls_max: 4096,
            session_streams_max: 16,
            stream_sessions_max: 256,
            follows_max: 1024,
        }
    }
}
