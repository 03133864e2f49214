//! The range of every number in the configuration. Checked against `default.toml` by a test; the console changes the live ones.

use hillfort_guard::PER_S_MAX;

/// What a number may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Its key.
    pub key: &'static str,
    /// Smallest value.
    pub min: u64,
    /// Largest value.
    pub max: u64,
    /// Whether the server can be told while it runs.
    pub live: bool,
}

/// All of them, in the order of `default.toml`.
pub const LIMITS: &[Limit] = &[
    at_start("store.connections", 1, 1000),
    at_start("store.busy_ms_max", 10, 60_000),
    at_start("edge.http_port", 0, 65_535),
    at_start("edge.tcp_port", 0, 65_535),
    at_start("edge.handshake_percent", 0, 100),
    at_start("edge.connections_max", 1, 4_000_000),
    at_start("edge.unproven_max", 1, 4_000_000),
    at_start("edge.http_connections_max", 1, 1_000_000),
    at_start("edge.http_idle_ms_max", 100, 600_000),
    at_start("edge.sessions_max", 1, 12_000_000),
    at_start("edge.hello_ms_max", 100, 60_000),
    at_start("edge.login_ms_max", 100, 10_000),
    at_start("edge.pending_bytes_max", 327_680, 67_108_864),
    at_start("edge.outbound_bytes_max", 1_048_576, 68_719_476_736),
    at_start("kernel.flood_syn_per_s", 100, 10_000_000),
    at_start("kernel.calm_s", 1, 3600),
    live("guard.connect_per_s", 1, PER_S_MAX as u64),
    live("guard.connect_burst", 1, 1_000_000),
    live("guard.source_connect_per_s", 1, 10_000),
    live("guard.source_connect_burst", 1, 100_000),
    live("guard.source_open_max", 1, 4_000_000),
    live("guard.offence_points_max", 100, 1_000_000),
    live("guard.offence_points_forgiven_per_s", 1, 10_000),
    live("guard.ban_first_s", 1, 31_536_000),
    live("guard.ban_s", 1, 31_536_000),
    live("guard.bans_per_min", 1, 100_000),
    live("guard.network_open_max", 1, 4_000_000),
    live("guard.known_percent", 0, 90),
    live("guard.score_min", 0, 90),
    live("guard.attack_offered_per_s", 10, 1_000_000),
    live("guard.attack_refused_per_s", 10, 1_000_000),
    live("guard.work_bits", 0, 20),
    live("guard.settled_s", 1, 3600),
    live("guard.played_s", 1, 16_000),
    live("guard.shared_accounts", 2, 256),
    live("tls.fingerprint_per_s", 1, 10_000),
    live("tls.fingerprint_burst", 1, 100_000),
    live("inputs.session_per_s", 1, PER_S_MAX as u64),
    live("inputs.session_burst", 1, 200_000),
    live("inputs.kind_per_s", 1, PER_S_MAX as u64),
    live("inputs.kind_burst", 1, 200_000),
    live("inputs.control_per_s", 1, PER_S_MAX as u64),
    live("inputs.control_burst", 1, 200_000),
    live("inputs.dropped_per_s", 1, PER_S_MAX as u64),
    live("inputs.dropped_burst", 1, 200_000),
    at_start("world.threads", 1, 64),
    at_start("world.rooms_max", 1, 16_777_216),
    at_start("world.empty_room_s", 0, 86_400),
    at_start("world.asleep_bytes", 0, 68_719_476_736),
    at_start("world.save_s", 0, 86_400),
    at_start("world.record_room_kib", 64, 65_536),
    at_start("world.record_thread_mib", 1, 65_536),
    at_start("world.record_folder_mib", 1, 1_048_576),
    at_start("nakama.grpc_port", 0, 65_535),
    at_start("nakama.token_s", 10, 604_800),
    at_start("nakama.refresh_token_s", 60, 31_536_000),
    at_start("nakama.request_bytes_max", 1024, 67_108_864),
    at_start("nakama.call_ms_max", 100, 600_000),
    at_start("nakama.calls_max", 1, 1_000_000),
    at_start("nakama.threads", 1, 64),
    at_start("socket.sockets_max", 1, 4_000_000),
    at_start("socket.message_bytes_max", 256, 64_000),
    at_start("socket.queue_bytes_max", 65_536, 16_777_216),
    at_start("socket.queues_bytes_max", 16_777_216, 68_719_476_736),
    at_start("socket.ping_ms", 1000, 20_000),
    at_start("socket.silence_ms_max", 21_000, 600_000),
    at_start("socket.data_per_s", 1, PER_S_MAX as u64),
    at_start("socket.data_burst", 1, 200_000),
    at_start("socket.messages_per_s", 1, PER_S_MAX as u64),
    at_start("socket.messages_burst", 1, 200_000),
    at_start("socket.refused_per_s", 1, PER_S_MAX as u64),
    at_start("socket.refused_burst", 1, 200_000),
    at_start("socket.session_calls_max", 1, 1024),
    at_start("socket.calls_max", 1, 1_000_000),
    at_start("socket.session_matches_max", 1, 1024),
    at_start("socket.match_sessions_max", 2, 65_536),
    at_start("socket.follows_max", 0, 65_536),
    at_start("modules.threads", 1, 64),
    at_start("modules.call_steps_max", 10_000, 1_000_000_000),
    at_start("modules.call_ms_max", 10, 10_000),
    at_start("modules.call_mib_max", 1, 1024),
    at_start("modules.vm_mib_max", 8, 4096),
    at_start("modules.load_steps_max", 100_000, 1_000_000_000),
    at_start("modules.match_steps_max", 10_000, 100_000_000),
    at_start("modules.match_ms_max", 1, 1000),
    at_start("modules.match_kib_max", 64, 65_536),
    at_start("modules.wait_ms_max", 100, 20_000),
    at_start("modules.queue_max", 1, 65_536),
    at_start("modules.waiting_max", 1, 65_536),
    at_start("modules.result_bytes_max", 1024, 67_108_864),
    at_start("modules.http_body_bytes_max", 1024, 67_108_864),
    at_start("modules.http_ms_max", 100, 20_000),
    at_start("modules.http_requests_max", 1, 4096),
    at_start("accounts.password_kib", 1024, 1_048_576),
    at_start("accounts.password_passes", 1, 16),
    at_start("accounts.steam_app_id", 0, u32::MAX as u64),
    at_start("mail.port", 1, 65_535),
    at_start("bots.hilltop", 0, 200),
    at_start("console.port", 0, 65_535),
    at_start("shutdown.drain_ms_max", 0, 600_000),
    at_start("keys.app", 0, u32::MAX as u64),
    at_start("keys.key", 0, u16::MAX as u64),
];

/// The limit of this key.
pub(super) fn find(key: &str) -> Option<&'static Limit> {
    LIMITS.iter().find(|limit| limit.key == key)
}

/// What is expected of a number, in words.
pub(super) fn expected(key: &str) -> String {
    match find(key) {
        Some(limit) => format!("a whole number from {} to {}", limit.min, limit.max),
        None => "a whole number".to_owned(),
    }
}

const fn at_start(key: &'static str, min: u64, max: u64) -> Limit {
    Limit { key, min, max, live: false }
}

const fn live(key: &'static str, min: u64, max: u64) -> Limit {
    Limit { key, min, max, live: true }
}
