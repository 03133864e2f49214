//! The checks of raw values, one for each kind; what is wrong is collected with its key and where it stands. Knows no defaults.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hillfort_edge::{Certificate, PROXIES_MAX, ServerNames};
use hillfort_guard::{
    Action, BanTimes, Country, FingerprintList, FuseRules, InputRates, IpNet, Places, PostureRules, Rate, RegionRules,
};
use toml::Value;

use super::keys::{self, Key};
use super::layers::{Layers, shown};
use super::limits::{self, LIMITS};
use super::{Files, Problem, fingerprints, raw, settings};

const PUBLIC_WITH_DEVELOPMENT_KEY: &str = "an address for others to reach, with the development key, which everybody knows: put a key of \
     your own under [[keys]] (openssl rand -hex 32), or keep 127.0.0.1";

const NOT_DEVELOPMENT: &str = "a certificate that signs itself is for development mode alone: players would have to trust it blindly. \
     Give edge.tls_certificate and edge.tls_key";

/// The database in the data folder, where no other is wanted.
const DATABASE: &str = "hillfort.db";

/// One pass over the raw values; what is wrong is collected.
pub(super) struct Check<'a> {
    pub(super) layers: &'a Layers,
    pub(super) files: &'a dyn Files,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl Check<'_> {
    pub(super) fn ranges(&mut self) {
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

    pub(super) fn keys(&mut self, written: &[raw::Key]) -> Vec<Key> {
        let mut keys = Vec::new();
        for key in written {
            match keys::read(key, self.files) {
                Ok(key) => keys.push(key),
                Err((name, text)) => self.wrong_text(name, text),
            }
        }
        keys
    }

    pub(super) fn address(&mut self, key: &str, text: &str, development: bool) -> Option<IpAddr> {
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

    pub(super) fn certificate(&mut self, edge: &raw::Edge) -> Option<Option<Certificate>> {
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

    /// The database: the form of its URL, not whether it can be reached.
    pub(super) fn store(&mut self, store: &raw::Store, data_folder: Option<&Path>) -> Option<settings::Store> {
        let url = match (store.url.as_str(), data_folder) {
            ("", folder) => format!("sqlite:{}", folder?.join(DATABASE).display()),
            (url, _) => url.to_owned(),
        };
        if store.url.contains(keys::HIDDEN) {
            self.wrong_text("store.url", "the password was hidden when this was printed: put it back".to_owned());
            return None;
        }
        hillfort_store::Store::check_url(&url).map_err(|error| self.wrong_text("store.url", error.to_string())).ok()?;
        let authorities = (!store.authorities.is_empty()).then(|| PathBuf::from(&store.authorities));
        if let Some(path) = &authorities {
            self.file("store.authorities", &path.display().to_string())?;
        }
        Some(settings::Store {
            url,
            options: hillfort_store::Options {
                busy_timeout: Duration::from_millis(store.busy_ms_max),
                connections: store.connections,
                postgres_ca: authorities,
                ..hillfort_store::Options::default()
            },
        })
    }

    pub(super) fn server_names(&mut self, edge: &raw::Edge) -> Option<ServerNames> {
        ServerNames::new(&edge.server_names, edge.unnamed_clients)
            .map_err(|error| self.wrong_text("edge.server_names", error.to_string()))
            .ok()
    }

    /// A certificate that nobody can trust is for this machine alone.
    pub(super) fn self_signed(&mut self, edge: &raw::Edge, development: bool) -> bool {
        if edge.tls_self_signed && !edge.tls_certificate.is_empty() {
            self.wrong_text("edge.tls_self_signed", "there is edge.tls_certificate: one of them is enough".to_owned());
        }
        if edge.tls_self_signed && !development {
            self.wrong_text("edge.tls_self_signed", NOT_DEVELOPMENT.to_owned());
        }
        edge.tls_self_signed
    }

    pub(super) fn guard(&mut self, raw: &raw::Raw, keys: &[Key]) -> Option<hillfort_guard::Config> {
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
        let fingerprint = self.rate("tls.fingerprint_burst", raw.tls.fingerprint_per_s, raw.tls.fingerprint_burst);
        let action = if raw.tls.dry_run { Action::DryRun } else { Action::Refuse };
        let refused_ja4 =
            self.fingerprints("tls.refuse_ja4", &raw.tls.refuse_ja4, action, "a JA4 of 36 characters", fingerprints::ja4);
        let refused_ja3 =
            self.fingerprints("tls.refuse_ja3", &raw.tls.refuse_ja3, action, "a JA3 of 32 hexadecimal digits", fingerprints::ja3);
        let regions = self.region_rules(&raw.regions);
        let defaults = hillfort_guard::Config::new(ring?);
        Some(hillfort_guard::Config {
            connect: connect?,
            source_connect: source_connect?,
            source_open_max: guard.source_open_max,
            // The guard admits all kinds; the edge and the realtime socket keep them apart.
            open_max: raw.edge.connections_max + raw.edge.http_connections_max + raw.socket.sockets_max,
            trusted: trusted?,
            unbannable: unbannable?,
            tolerance: tolerance?,
            known_percent: guard.known_percent,
            network_open_max: guard.network_open_max,
            score_min: guard.score_min,
            work_bits: guard.work_bits,
            settled_after: Duration::from_secs(guard.settled_s),
            played_after: Duration::from_secs(guard.played_s),
            shared_accounts: guard.shared_accounts,
            fingerprint: fingerprint?,
            refused_ja4: refused_ja4?,
            refused_ja3: refused_ja3?,
            regions: regions?,
            fuse: FuseRules { bans_per_min: guard.bans_per_min, ..defaults.fuse },
            posture: PostureRules {
                offered_per_s: guard.attack_offered_per_s,
                refused_per_s: guard.attack_refused_per_s,
                ..defaults.posture
            },
            ban: BanTimes { first: Duration::from_secs(guard.ban_first_s), max: Duration::from_secs(guard.ban_s) },
            inputs: InputRates { session: session?, kind: kind?, control: control?, tolerance: dropped? },
            ..defaults
        })
    }

    fn fingerprints<const N: usize>(
        &mut self,
        key: &str,
        texts: &[String],
        action: Action,
        expected: &str,
        read: fn(&str) -> Option<[u8; N]>,
    ) -> Option<FingerprintList<N>> {
        let mut entries = Vec::new();
        for text in texts {
            match read(text) {
                Some(name) => entries.push((name, action)),
                None => self.wrong(key, shown(&text.as_str().into()), expected.to_owned()),
            }
        }
        let complete = entries.len() == texts.len();
        let list = FingerprintList::new(entries).map_err(|error| self.wrong_text(key, error.to_string())).ok();
        list.filter(|_| complete)
    }

    fn region_rules(&mut self, regions: &raw::Regions) -> Option<RegionRules> {
        let (refuse, allow) = (self.places("regions.refuse", &regions.refuse), self.places("regions.allow", &regions.allow));
        if regions.files.is_empty() && !(regions.refuse.is_empty() && regions.allow.is_empty()) {
            self.wrong_text("regions.files", "without a file no address has a network or a country".to_owned());
        }
        Some(RegionRules { refuse: refuse?, allow: allow?, dry_run: regions.dry_run })
    }

    fn places(&mut self, key: &str, texts: &[String]) -> Option<Places> {
        let (mut asns, mut countries) = (Vec::new(), Vec::new());
        for text in texts {
            let asn = text.strip_prefix("AS").and_then(|number| number.parse::<u32>().ok());
            let country = || text.as_bytes().try_into().ok().and_then(Country::new);
            match (asn, country()) {
                (Some(asn), _) => asns.push(asn),
                (None, Some(country)) => countries.push(country),
                (None, None) => {
                    let expected = "a network as \"AS64500\" or a country as \"XA\"".to_owned();
                    self.wrong(key, shown(&text.as_str().into()), expected);
                }
            }
        }
        (asns.len() + countries.len() == texts.len()).then(|| Places::new(asns, countries))
    }

    pub(super) fn rate(&mut self, key: &str, per_s: u32, burst: u32) -> Option<Rate> {
        Rate::new(per_s, burst)
            .map_err(|error| self.wrong(key, burst.to_string(), format!("with {per_s} a second: {error}; that")))
            .ok()
    }

    pub(super) fn prefixes(&mut self, key: &str, texts: &[String]) -> Option<Vec<IpNet>> {
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

    pub(super) fn proxies(&mut self, key: &str, texts: &[String]) -> Option<Vec<IpNet>> {
        if texts.len() > PROXIES_MAX {
            self.wrong(key, format!("{} prefixes", texts.len()), format!("at most {PROXIES_MAX}"));
            return None;
        }
        self.prefixes(key, texts)
    }

    pub(super) fn at_most(&mut self, key: &str, value: u32, of: &str, max: u32) {
        if value > max {
            self.wrong(key, value.to_string(), format!("at most {of} = {max}"));
        }
    }

    pub(super) fn filter(&mut self, text: &str) -> Option<String> {
        match tracing_subscriber::EnvFilter::try_new(text) {
            Ok(_) if !text.trim().is_empty() => Some(text.to_owned()),
            _ => {
                self.wrong("log.filter", shown(&text.into()), "a filter as \"info\" or \"info,hillfort_edge=debug\"".to_owned());
                None
            }
        }
    }

    pub(super) fn one_of(&mut self, key: &str, text: &str, choices: &[&str]) -> Option<usize> {
        let found = choices.iter().position(|&choice| choice == text);
        if found.is_none() {
            self.wrong(key, shown(&text.into()), format!("one of {}", choices.join(", ")));
        }
        found
    }

    pub(super) fn folder(&mut self, key: &str, text: &str) -> Option<PathBuf> {
        if text.is_empty() {
            self.wrong(key, "\"\"".to_owned(), "the path of a folder".to_owned());
            return None;
        }
        Some(PathBuf::from(text))
    }

    pub(super) fn file(&mut self, key: &str, path: &str) -> Option<Vec<u8>> {
        self.files.read(Path::new(path)).map_err(|error| self.wrong_text(key, format!("{path} cannot be read: {error}"))).ok()
    }

    fn without<T>(&mut self, key: &str, other: &str) -> Option<T> {
        self.wrong_text(key, format!("it is of no use without {other}"));
        None
    }

    pub(super) fn wrong(&mut self, key: &str, value: String, expected: String) {
        let origin = self.origin(key);
        self.problems.push(Problem::Value { key: key.to_owned(), value, origin, expected });
    }

    pub(super) fn wrong_text(&mut self, key: &str, text: String) {
        let origin = self.origin(key);
        self.problems.push(Problem::Key { key: key.to_owned(), origin, text });
    }

    fn origin(&self, key: &str) -> super::Origin {
        let key = if key.starts_with("keys.") { "keys" } else { key };
        self.layers.origin(key).clone()
    }
}
