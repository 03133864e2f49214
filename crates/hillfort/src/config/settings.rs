//! Raw values into the settings of each crate, checked. Knows nothing of files and environment but what the layers say.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use hillfort_guard::IpNet;
use hillfort_realm::{Keep, Recordings};
use serde::Deserialize as _;

use super::check::Check;
use super::keys::Key;
use super::layers::Layers;
use super::services::Services;
use super::{Files, Problem, print, raw};

/// Everything that the server needs to know, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A key that everybody knows is in use: loopback only, attack panel, bots.
    pub development: bool,
    /// Keys of the hello, at least one; those of `edge.guard` with their secrets.
    pub keys: Vec<Key>,
    /// Folder for what the server keeps.
    pub data_folder: PathBuf,
    /// The database.
    pub store: Store,
    /// Doors, and the guard in them.
    pub edge: hillfort_edge::Config,
    /// The certificate is to be made, and kept in the data folder: development mode only.
    pub self_signed: bool,
    /// The kernel filter.
    pub kernel: Kernel,
    /// Files of networks and countries.
    pub regions_files: Vec<PathBuf>,
    /// Threads that run rooms.
    pub world_threads: u8,
    /// Rooms in all.
    pub rooms_max: u32,
    /// Life of an empty room.
    pub empty_room: Duration,
    /// Memory for sleeping rooms, on each thread.
    pub asleep_bytes_max: usize,
    /// How often rooms are saved; `None`: never.
    pub save_every: Option<Duration>,
    /// Recordings of rooms, in the data folder.
    pub recordings: Recordings,
    /// The client API of Nakama, and what answers it.
    pub services: Services,
    /// The realtime socket of that API.
    pub socket: hillfort_nakama::socket::Config,
    /// The server runtime.
    pub modules: hillfort_modules::Settings,
    /// Games beside those that ship.
    pub games_folder: Option<PathBuf>,
    /// Bots that play hilltop; 0 outside development mode, and with a certificate, since they speak no TLS.
    pub bots: usize,
    /// The console.
    pub console: Console,
    /// Log lines.
    pub log: Log,
    /// Time that players have to leave.
    pub drain: Duration,
    pub(super) layers: Layers,
}

/// Settings of the database.
#[derive(Clone, PartialEq, Eq)]
pub struct Store {
    /// Where it is.
    pub url: String,
    /// How it is used.
    pub options: hillfort_store::Options,
}

impl std::fmt::Debug for Store {
    /// The password stays out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("url", &print::without_password(&self.url)).field("options", &self.options).finish()
    }
}

/// Settings of the kernel filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// Where it is to run.
    pub filter: FilterWish,
    /// Interfaces; empty: those that hold the address of the doors.
    pub interfaces: Vec<String>,
    /// SYN packets a second from which on they are answered by cookies.
    pub flood_syn_per_s: u32,
    /// How long it must be quiet before that ends.
    pub calm: Duration,
    /// Prefixes that the filter lets through.
    pub allow: Vec<IpNet>,
}

/// Where the kernel filter is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterWish {
    /// The best rung that can be had; nothing on loopback.
    Auto,
    /// Nowhere.
    Off,
    /// In the driver, or not at all.
    Native,
    /// In the network stack, or not at all.
    Generic,
    /// On the listening sockets.
    Socket,
}

impl FilterWish {
    /// As written in the configuration; the order is that of the names.
    pub(super) const ALL: [Self; 5] = [Self::Auto, Self::Off, Self::Native, Self::Generic, Self::Socket];
    pub(super) const NAMES: [&'static str; 5] = ["auto", "off", "native", "generic", "socket"];
}

/// Settings of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Console {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Names by which it may be reached.
    pub hosts: Vec<String>,
    /// Proxies in front of it, whose `X-Forwarded-For` says for whom they ask.
    pub proxies: Vec<IpNet>,
    /// Whether attacks can be started; never outside development mode.
    pub attacks: bool,
    /// Whether operators of other machines may sign in without HTTPS.
    pub plain_sign_in: bool,
}

/// Settings of log lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// In the syntax of `RUST_LOG`.
    pub filter: String,
    /// JSON instead of text.
    pub json: bool,
}

impl Settings {
    /// The whole configuration with comments, the origin of each value, and secrets hidden. It can be used as a file once they
    /// are put back.
    #[must_use]
    pub fn print(&self) -> String {
        print::print(&self.layers)
    }

    /// What to say at a start in development mode.
    #[must_use]
    pub fn banner(&self) -> Option<&'static str> {
        self.development.then_some(BANNER)
    }
}

const BANNER: &str = "\
DEVELOPMENT MODE: this server uses the development key, which everybody knows.
It listens on this machine only, lets its bots play and has an attack panel in the console. The keys of Nakama's API are \
     Nakama's defaults unless you set them.
For players from elsewhere put keys of your own under [[keys]]: hillfort config print > hillfort.toml";

/// Checks everything, so that all problems are told at once. `None` when something is wrong; then it is in `problems`.
pub(super) fn validate(layers: Layers, files: &dyn Files, problems: &mut Vec<Problem>) -> Option<Settings> {
    let mut check = Check { layers: &layers, files, problems };
    check.ranges();
    if !check.problems.is_empty() {
        return None;
    }
    check.pairs();
    let raw = raw::Raw::deserialize(layers.table()).expect("types and ranges are checked, and a test compares the names");
    let keys = check.keys(&raw.keys);
    let development = keys.iter().any(Key::is_development);
    let edge_address = check.address("edge.address", &raw.edge.address, development);
    let console_address = check.address("console.address", &raw.console.address, development);
    let certificate = check.certificate(&raw.edge);
    let guard = check.guard(&raw, &keys);
    check.at_most("edge.unproven_max", raw.edge.unproven_max, "edge.connections_max", raw.edge.connections_max);
    let filter = check.filter(&raw.log.filter);
    let json = check.one_of("log.format", &raw.log.format, &["text", "json"]) == Some(1);
    let data_folder = check.folder("data.folder", &raw.data.folder);
    let store = check.store(&raw.store, data_folder.as_deref());
    let keep = check.one_of("world.record", &raw.world.record, &["off", "faults", "all"]);
    let filter_wish = check.one_of("kernel.filter", &raw.kernel.filter, &FilterWish::NAMES);
    let allow = check.prefixes("kernel.allow", &raw.kernel.allow);
    let self_signed = check.self_signed(&raw.edge, development);
    let server_names = check.server_names(&raw.edge);
    let proxies = check.proxies("edge.proxies", &raw.edge.proxies);
    let console_proxies = check.proxies("console.proxies", &raw.console.proxies);
    let services = check.services(&raw, data_folder.as_deref(), development, edge_address);
    let socket = check.socket(&raw.socket);
    let modules = check.modules(&raw.modules, &hillfort_nakama::socket::Config::default().node);
    let (edge, console) = (raw.edge, raw.console);
    let data_folder = data_folder?;
    let recordings_folder = data_folder.join("recordings");
    let (edge_address, console_address) = (edge_address?, console_address?);
    let certificate = certificate?;
    let bots = if development && certificate.is_none() && !self_signed { raw.bots.hilltop } else { 0 };
    Some(Settings {
        development,
        keys,
        data_folder,
        store: store?,
        edge: hillfort_edge::Config {
            frames_addr: SocketAddr::new(edge_address, edge.tcp_port),
            http_addr: SocketAddr::new(edge_address, edge.http_port),
            grpc_addr: Some(SocketAddr::new(edge_address, raw.nakama.grpc_port)),
            certificate,
            server_names: server_names?,
            handshake_percent: edge.handshake_percent,
            proxies: proxies?,
            guard: guard?,
            restored_bans: Vec::new(),
            ticket_key: None,
            connections_max: edge.connections_max as usize,
            unproven_max: edge.unproven_max as usize,
            http_connections_max: edge.http_connections_max as usize,
            sessions_max: edge.sessions_max as usize,
            hello_patience: Duration::from_millis(edge.hello_ms_max),
            http_idle: Duration::from_millis(edge.http_idle_ms_max),
            login_patience: Duration::from_millis(edge.login_ms_max),
            pending_bytes_max: edge.pending_bytes_max as usize,
            outbound_bytes_max: edge.outbound_bytes_max as usize,
        },
        self_signed,
        kernel: Kernel {
            filter: FilterWish::ALL[filter_wish?],
            interfaces: raw.kernel.interfaces,
            flood_syn_per_s: raw.kernel.flood_syn_per_s,
            calm: Duration::from_secs(raw.kernel.calm_s),
            allow: allow?,
        },
        regions_files: raw.regions.files.iter().map(PathBuf::from).collect(),
        world_threads: raw.world.threads,
        rooms_max: raw.world.rooms_max,
        empty_room: Duration::from_secs(raw.world.empty_room_s),
        asleep_bytes_max: raw.world.asleep_bytes,
        save_every: (raw.world.save_s > 0).then(|| Duration::from_secs(raw.world.save_s)),
        recordings: Recordings {
            keep: [Keep::Nothing, Keep::Faults, Keep::All][keep?],
            room_bytes: raw.world.record_room_kib << 10,
            thread_bytes: raw.world.record_thread_mib << 20,
            folder: Some(recordings_folder),
            folder_bytes: raw.world.record_folder_mib << 20,
        },
        services: services?,
        socket: socket?,
        modules: modules?,
        games_folder: (!raw.games.folder.is_empty()).then(|| PathBuf::from(raw.games.folder)),
        bots,
        console: Console {
            addr: SocketAddr::new(console_address, console.port),
            hosts: console.hosts,
            proxies: console_proxies?,
            attacks: console.attacks && development,
            plain_sign_in: console.plain_sign_in,
        },
        log: Log { filter: filter?, json },
        drain: Duration::from_millis(raw.shutdown.drain_ms_max),
        layers,
    })
}
