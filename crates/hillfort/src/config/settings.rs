//! Raw values into the settings of each crate, checked. Knows nothing of files and environment but what the layers say.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hillfort_edge::Certificate;
use hillfort_guard::{InputRates, IpNet, Rate};
use serde::Deserialize as _;
use toml::Value;

use super::keys::{self, Key};
use super::layers::{Layers, shown};
use super::limits::{self, LIMITS};
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
    /// Doors, and the guard in them.
    pub edge: hillfort_edge::Config,
    /// Threads that run rooms.
    pub world_threads: u8,
    /// Rooms in all.
    pub rooms_max: u32,
    /// Life of an empty room.
    pub empty_room: Duration,
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
    layers: Layers,
}

/// Settings of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Console {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Names by which it may be reached.
    pub hosts: Vec<String>,
    /// Whether attacks can be started; never outside development mode.
    pub attacks: bool,
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
It listens on this machine only, lets its bots play and has an attack panel in the console.
For players from elsewhere put keys of your own under [[keys]]: hillfort config print > hillfort.toml";

const PUBLIC_WITH_DEVELOPMENT_KEY: &str = "an address for others to reach, with the development key, which everybody knows: put a key of \
     your own under [[keys]] (openssl rand -hex 32), or keep 127.0.0.1";

/// Checks everything, so that all problems are told at once. `None` when something is wrong; then it is in `problems`.
pub(super) fn validate(layers: Layers, files: &dyn Files, problems: &mut Vec<Problem>) -> Option<Settings> {
    let mut check = Check { layers: &layers, files, problems };
    check.ranges();
    if !check.problems.is_empty() {
        return None;
    }
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
    let (edge, console) = (raw.edge, raw.console);
    let (edge_address, console_address) = (edge_address?, console_address?);
    let certificate = certificate?;
    let bots = if development && certificate.is_none() { raw.bots.hilltop } else { 0 };
    Some(Settings {
        development,
        keys,
        data_folder: data_folder?,
        edge: hillfort_edge::Config {
            frames_addr: SocketAddr::new(edge_address, edge.tcp_port),
            http_addr: SocketAddr::new(edge_address, edge.http_port),
            certificate,
            guard: guard?,
            connections_max: edge.connections_max as usize,
            unproven_max: edge.unproven_max as usize,
            http_connections_max: edge.http_connections_max as usize,
            sessions_max: edge.sessions_max as usize,
            hello_patience: Duration::from_millis(edge.hello_ms_max),
            login_patience: Duration::from_millis(edge.login_ms_max),
            pending_bytes_max: edge.pending_bytes_max as usize,
            outbound_bytes_max: edge.outbound_bytes_max as usize,
        },
        world_threads: raw.world.threads,
        rooms_max: raw.world.rooms_max,
        empty_room: Duration::from_secs(raw.world.empty_room_s),
        games_folder: (!raw.games.folder.is_empty()).then(|| PathBuf::from(raw.games.folder)),
        bots,
        console: Console {
            addr: SocketAddr::new(console_address, console.port),
            hosts: console.hosts,
            attacks: console.attacks && development,
        },
        log: Log { filter: filter?, json },
        drain: Duration::from_millis(raw.shutdown.drain_ms_max),
        layers,
    })
}

/// One pass over the raw values; what is wrong is collected.
struct Check<'a> {
    layers: &'a Layers,
    files: &'a dyn Files,
    problems: &'a mut Vec<Problem>,
}

impl Check<'_> {
    fn ranges(&mut self) {
        for limit in LIMITS {
            match self.layers.get(limit.key) {
                Some(Value::Integer(value)) => self.range(limit.key, *value, limit),
                // Keys of the hello are a list.
                _ => {
                    for value in self.in_keys(limit.key) {
                        self.range(limit.key, value, limit);
                    }
                }
            }
        }
    }

    fn in_keys(&self, key: &str) -> Vec<i64> {
        let (Some(Value::Array(items)), Some(name)) = (self.layers.get("keys"), key.strip_prefix("keys.")) else {
            return Vec::new();
        };
        // One that is absent is out of range like one that is too small.
        items.iter().map(|item| item.get(name).and_then(Value::as_integer).unwrap_or(-1)).collect()
    }

    fn range(&mut self, key: &str, value: i64, limit: &limits::Limit) {
        if !u64::try_from(value).is_ok_and(|value| (limit.min..=limit.max).contains(&value)) {
            let value = if value == -1 && key.starts_with("keys.") { "nothing".to_owned() } else { value.to_string() };
            self.wrong(key, value, limits::expected(key));
        }
    }

    fn keys(&mut self, written: &[raw::Key]) -> Vec<Key> {
        let mut keys = Vec::new();
        for key in written {
            match keys::read(key, self.files) {
                Ok(key) => keys.push(key),
                Err((name, text)) => self.wrong_text(name, text),
            }
        }
        keys
    }

    fn address(&mut self, key: &str, text: &str, development: bool) -> Option<IpAddr> {
        match text.parse::<IpAddr>() {
            Ok(address) if development && !address.to_canonical().is_loopback() => {
                self.wrong_text(key, format!("{text} is {PUBLIC_WITH_DEVELOPMENT_KEY}"));
                None
            }
            Ok(address) => Some(address),
            Err(_) => {
                self.wrong(key, shown(&text.into()), "an IP address as 127.0.0.1, 0.0.0.0 or ::1".to_owned());
                None
            }
        }
    }

    fn certificate(&mut self, edge: &raw::Edge) -> Option<Option<Certificate>> {
        match (edge.tls_certificate.as_str(), edge.tls_key.as_str()) {
            ("", "") => Some(None),
            ("", _) => self.without("edge.tls_key", "edge.tls_certificate"),
            (_, "") => self.without("edge.tls_certificate", "edge.tls_key"),
            (chain, key) => {
                let chain = self.file("edge.tls_certificate", chain);
                let key = self.file("edge.tls_key", key);
                Some(Some(Certificate { chain_pem: chain?, key_pem: key? }))
            }
        }
    }

    fn guard(&mut self, raw: &raw::Raw, keys: &[Key]) -> Option<hillfort_guard::Config> {
        let (guard, inputs) = (&raw.guard, &raw.inputs);
        let ring = keys::ring(keys).map_err(|text| self.wrong_text("keys", text)).ok();
        let connect = self.rate("guard.connect_burst", guard.connect_per_s, guard.connect_burst);
        let source_connect = self.rate("guard.source_connect_burst", guard.source_connect_per_s, guard.source_connect_burst);
        let tolerance = self.rate("guard.offence_points_max", guard.offence_points_forgiven_per_s, guard.offence_points_max);
        let trusted = self.prefixes("guard.trusted", &guard.trusted);
        let unbannable = self.prefixes("guard.unbannable", &guard.unbannable);
        let session = self.rate("inputs.session_burst", inputs.session_per_s, inputs.session_burst);
        let kind = self.rate("inputs.kind_burst", inputs.kind_per_s, inputs.kind_burst);
        let control = self.rate("inputs.control_burst", inputs.control_per_s, inputs.control_burst);
        let dropped = self.rate("inputs.dropped_burst", inputs.dropped_per_s, inputs.dropped_burst);
        Some(hillfort_guard::Config {
            keys: ring?,
            connect: connect?,
            source_connect: source_connect?,
            source_open_max: guard.source_open_max,
            // The guard admits both kinds; the edge keeps the two apart.
            open_max: raw.edge.connections_max + raw.edge.http_connections_max,
            trusted: trusted?,
            unbannable: unbannable?,
            tolerance: tolerance?,
            ban: Duration::from_secs(guard.ban_s),
            inputs: InputRates { session: session?, kind: kind?, control: control?, tolerance: dropped? },
        })
    }

    fn rate(&mut self, key: &str, per_s: u32, burst: u32) -> Option<Rate> {
        Rate::new(per_s, burst)
            .map_err(|error| self.wrong(key, burst.to_string(), format!("with {per_s} a second: {error}; that")))
            .ok()
    }

    fn prefixes(&mut self, key: &str, texts: &[String]) -> Option<Vec<IpNet>> {
        let mut nets = Vec::new();
        for text in texts {
            let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
            // Addresses are compared as IPv4 when they are IPv4 inside IPv6, so such a prefix would never match.
            match net.filter(|net| !matches!(net, IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some())) {
                Some(net) => nets.push(net),
                None => self.wrong(
                    key,
                    shown(&text.as_str().into()),
                    "a prefix as 10.0.0.0/8 or 2001:db8::/32, or an address".to_owned(),
                ),
            }
        }
        (nets.len() == texts.len()).then_some(nets)
    }

    fn at_most(&mut self, key: &str, value: u32, of: &str, max: u32) {
        if value > max {
            self.wrong(key, value.to_string(), format!("at most {of} = {max}"));
        }
    }

    fn filter(&mut self, text: &str) -> Option<String> {
        match tracing_subscriber::EnvFilter::try_new(text) {
            Ok(_) if !text.trim().is_empty() => Some(text.to_owned()),
            _ => {
                self.wrong("log.filter", shown(&text.into()), "a filter as \"info\" or \"info,hillfort_edge=debug\"".to_owned());
                None
            }
        }
    }

    fn one_of(&mut self, key: &str, text: &str, choices: &[&str]) -> Option<usize> {
        let found = choices.iter().position(|&choice| choice == text);
        if found.is_none() {
            self.wrong(key, shown(&text.into()), format!("one of {}", choices.join(", ")));
        }
        found
    }

    fn folder(&mut self, key: &str, text: &str) -> Option<PathBuf> {
        if text.is_empty() {
            self.wrong(key, "\"\"".to_owned(), "the path of a folder".to_owned());
            return None;
        }
        Some(PathBuf::from(text))
    }

    fn file(&mut self, key: &str, path: &str) -> Option<Vec<u8>> {
        self.files.read(Path::new(path)).map_err(|error| self.wrong_text(key, format!("{path} cannot be read: {error}"))).ok()
    }

    fn without<T>(&mut self, key: &str, other: &str) -> Option<T> {
        self.wrong_text(key, format!("it is of no use without {other}"));
        None
    }

    fn wrong(&mut self, key: &str, value: String, expected: String) {
        let origin = self.origin(key);
        self.problems.push(Problem::Value { key: key.to_owned(), value, origin, expected });
    }

    fn wrong_text(&mut self, key: &str, text: String) {
        let origin = self.origin(key);
        self.problems.push(Problem::Key { key: key.to_owned(), origin, text });
    }

    fn origin(&self, key: &str) -> super::Origin {
        let key = if key.starts_with("keys.") { "keys" } else { key };
        self.layers.origin(key).clone()
    }
}
