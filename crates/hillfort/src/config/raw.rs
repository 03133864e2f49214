//! The configuration as it is written: names, numbers and texts, nothing checked yet.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) data: Data,
    pub(super) store: Store,
    pub(super) edge: Edge,
    pub(super) kernel: Kernel,
    pub(super) tls: Tls,
    pub(super) regions: Regions,
    pub(super) guard: Guard,
    pub(super) inputs: Inputs,
    pub(super) world: World,
    pub(super) nakama: Nakama,
    pub(super) socket: Socket,
    pub(super) modules: Modules,
    pub(super) accounts: Accounts,
    /// Numbers by name: there are many of one kind, and their names are checked against `default.toml` before.
    pub(super) budgets: BTreeMap<String, u32>,
    pub(super) mail: Mail,
    pub(super) games: Games,
    pub(super) bots: Bots,
    pub(super) console: Console,
    pub(super) log: Log,
    pub(super) shutdown: Shutdown,
    pub(super) keys: Vec<Key>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Data {
    pub(super) folder: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Store {
    pub(super) url: String,
    pub(super) connections: usize,
    pub(super) authorities: String,
    pub(super) busy_ms_max: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edge {
    pub(super) address: String,
    pub(super) http_port: u16,
    pub(super) tcp_port: u16,
    pub(super) tls_certificate: String,
    pub(super) tls_key: String,
    pub(super) tls_self_signed: bool,
    pub(super) server_names: Vec<String>,
    pub(super) unnamed_clients: bool,
    pub(super) handshake_percent: u32,
    pub(super) proxies: Vec<String>,
    pub(super) connections_max: u32,
    pub(super) unproven_max: u32,
    pub(super) http_connections_max: u32,
    pub(super) http_idle_ms_max: u64,
    pub(super) sessions_max: u32,
    pub(super) hello_ms_max: u64,
    pub(super) login_ms_max: u64,
    pub(super) pending_bytes_max: u32,
    pub(super) outbound_bytes_max: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kernel {
    pub(super) filter: String,
    pub(super) interfaces: Vec<String>,
    pub(super) flood_syn_per_s: u32,
    pub(super) calm_s: u64,
    pub(super) allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Guard {
    pub(super) connect_per_s: u32,
    pub(super) connect_burst: u32,
    pub(super) source_connect_per_s: u32,
    pub(super) source_connect_burst: u32,
    pub(super) source_open_max: u32,
    pub(super) trusted: Vec<String>,
    pub(super) unbannable: Vec<String>,
    pub(super) offence_points_max: u32,
    pub(super) offence_points_forgiven_per_s: u32,
    pub(super) ban_first_s: u64,
    pub(super) ban_s: u64,
    pub(super) bans_per_min: u32,
    pub(super) network_open_max: u32,
    pub(super) known_percent: u32,
    pub(super) score_min: u8,
    pub(super) attack_offered_per_s: u32,
    pub(super) attack_refused_per_s: u32,
    pub(super) work_bits: u8,
    pub(super) settled_s: u64,
    pub(super) played_s: u64,
    pub(super) shared_accounts: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) fingerprint_per_s: u32,
    pub(super) fingerprint_burst: u32,
    pub(super) refuse_ja4: Vec<String>,
    pub(super) refuse_ja3: Vec<String>,
    pub(super) dry_run: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Regions {
    pub(super) files: Vec<String>,
    pub(super) refuse: Vec<String>,
    pub(super) allow: Vec<String>,
    pub(super) dry_run: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Inputs {
    pub(super) session_per_s: u32,
    pub(super) session_burst: u32,
    pub(super) kind_per_s: u32,
    pub(super) kind_burst: u32,
    pub(super) control_per_s: u32,
    pub(super) control_burst: u32,
    pub(super) dropped_per_s: u32,
    pub(super) dropped_burst: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct World {
    pub(super) threads: u8,
    pub(super) rooms_max: u32,
    pub(super) empty_room_s: u64,
    pub(super) asleep_bytes: usize,
    pub(super) save_s: u64,
    pub(super) record: String,
    pub(super) record_room_kib: usize,
    pub(super) record_thread_mib: usize,
    pub(super) record_folder_mib: u64,
}

/// Has secrets, and so no `Debug`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nakama {
    pub(super) grpc_port: u16,
    pub(super) server_key: String,
    pub(super) http_key: String,
    pub(super) token_s: u32,
    pub(super) refresh_token_s: u32,
    pub(super) single_session: bool,
    pub(super) request_bytes_max: usize,
    pub(super) object_bytes_max: usize,
    pub(super) rpc_bytes_max: usize,
    pub(super) batch_max: usize,
    pub(super) vars_bytes_max: usize,
    pub(super) call_ms_max: u64,
    pub(super) calls_max: usize,
    pub(super) answers_bytes_max: usize,
    pub(super) requests_bytes_max: usize,
    pub(super) wait_ms_max: u64,
    pub(super) threads: usize,
    pub(super) signed: Vec<String>,
    pub(super) route_aliases: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Socket {
    pub(super) sockets_max: u32,
    pub(super) message_bytes_max: usize,
    pub(super) queue_bytes_max: usize,
    pub(super) queues_bytes_max: usize,
    pub(super) ping_ms: u64,
    pub(super) silence_ms_max: u64,
    pub(super) single_socket: bool,
    pub(super) single_match: bool,
    pub(super) data_per_s: u32,
    pub(super) data_burst: u32,
    pub(super) messages_per_s: u32,
    pub(super) messages_burst: u32,
    pub(super) refused_per_s: u32,
    pub(super) refused_burst: u32,
    pub(super) session_calls_max: usize,
    pub(super) calls_max: usize,
    pub(super) session_matches_max: usize,
    pub(super) match_sessions_max: usize,
    pub(super) follows_max: usize,
}

/// May have secrets in `env`, and so no `Debug`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Modules {
    pub(super) folder: String,
    pub(super) threads: usize,
    pub(super) unsupported: String,
    pub(super) env: Vec<String>,
    pub(super) call_steps_max: u32,
    pub(super) call_ms_max: u64,
    pub(super) call_mib_max: usize,
    pub(super) vm_mib_max: usize,
    pub(super) load_steps_max: u32,
    pub(super) match_steps_max: u32,
    pub(super) match_ms_max: u64,
    pub(super) match_kib_max: usize,
    pub(super) wait_ms_max: u64,
    pub(super) queue_max: usize,
    pub(super) waiting_max: usize,
    pub(super) result_bytes_max: usize,
    pub(super) stacktrace: bool,
    pub(super) http_hosts: Vec<String>,
    pub(super) http_private: bool,
    pub(super) http_body_bytes_max: usize,
    pub(super) http_ms_max: u64,
    pub(super) http_requests_max: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Accounts {
    pub(super) hide_unknown: bool,
    pub(super) password_kib: u32,
    pub(super) password_passes: u32,
    pub(super) apple_bundle_ids: Vec<String>,
    pub(super) google_client_ids: Vec<String>,
    pub(super) facebook_app_id: String,
    pub(super) facebook_app_secret: String,
    pub(super) facebook_instant_secret: String,
    pub(super) game_center_bundle_ids: Vec<String>,
    pub(super) steam_app_id: u32,
    pub(super) steam_publisher_key: String,
    pub(super) nonce: bool,
    pub(super) apple_keys_url: String,
    pub(super) google_keys_url: String,
    pub(super) facebook_graph_url: String,
    pub(super) facebook_keys_url: String,
    pub(super) game_center_hosts: Vec<String>,
    pub(super) steam_url: String,
    pub(super) authorities: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mail {
    pub(super) way: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: String,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) from: String,
    pub(super) authorities: String,
    pub(super) game: String,
    pub(super) reset_link: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Games {
    pub(super) folder: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bots {
    pub(super) hilltop: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Console {
    pub(super) address: String,
    pub(super) port: u16,
    pub(super) hosts: Vec<String>,
    pub(super) proxies: Vec<String>,
    pub(super) attacks: bool,
    pub(super) plain_sign_in: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    pub(super) filter: String,
    pub(super) format: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shutdown {
    pub(super) drain_ms_max: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) app: u32,
    pub(super) key: u16,
    #[serde(default)]
    pub(super) secret_hex: String,
    #[serde(default)]
    pub(super) secret_file: String,
}

impl std::fmt::Debug for Key {
    /// The secret stays out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("app", &self.app).field("key", &self.key).finish_non_exhaustive()
    }
}
