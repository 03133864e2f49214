//! The realtime socket: raw values of `[socket]` into its settings. Knows no defaults.

use std::time::Duration;

use hillfort_guard::InputRates;
use hillfort_nakama::socket::Config;

use super::check::Check;
use super::raw;

impl Check<'_> {
    pub(super) fn socket(&mut self, socket: &raw::Socket) -> Option<Config> {
        let data = self.rate("socket.data_burst", socket.data_per_s, socket.data_burst);
        let control = self.rate("socket.messages_burst", socket.messages_per_s, socket.messages_burst);
        let tolerance = self.rate("socket.refused_burst", socket.refused_per_s, socket.refused_burst);
        Some(Config {
            sockets_max: socket.sockets_max as usize,
            message_bytes_max: socket.message_bytes_max,
            queue_bytes_max: socket.queue_bytes_max,
            queues_bytes_max: socket.queues_bytes_max,
            ping_every: Duration::from_millis(socket.ping_ms),
            pong_wait: Duration::from_millis(socket.silence_ms_max),
            single_socket: socket.single_socket,
            single_match: socket.single_match,
            // Op codes are the game's: none of them has a limit of its own.
            rates: InputRates { session: data?, kind: data?, control: control?, tolerance: tolerance? },
            session_calls_max: socket.session_calls_max,
            calls_max: socket.calls_max,
            session_streams_max: socket.session_matches_max,
            stream_sessions_max: socket.match_sessions_max,
            follows_max: socket.follows_max,
            ..Config::default()
        })
    }
}
