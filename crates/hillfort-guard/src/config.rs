//! What the operator can set; all of it while running. Knows nothing of files or of names of keys.

use std::net::IpAddr;
use std::time::Duration;

use hillfort_proto::hello::KeyRing;
pub use ipnet::IpNet;

use crate::bucket::{PER_S_MAX, Rate};
use crate::fingerprint::FingerprintList;
use crate::fuse::FuseRules;
use crate::input::InputRates;
use crate::ladder::BanTimes;
use crate::posture::PostureRules;
use crate::regions::RegionRules;

/// Limits, lists and keys.
#[derive(Debug, Clone)]
pub struct Config {
    /// Keys with which clients sign their hello.
    pub keys: KeyRing,
    /// New connections in all. The memory of nonces is sized by it.
    pub connect: Rate,
    /// Share of the burst of `connect` and of `handshakes` that only known sources may spend, percent; at most 90.
    pub known_percent: u32,
    /// New connections of one source.
    pub source_connect: Rate,
    /// Open connections of one source.
    pub source_open_max: u32,
    /// Open connections of one network: IPv4 /24, IPv6 /48.
    pub network_open_max: u32,
    /// Open connections in all.
    pub open_max: u32,
    /// TLS handshakes in all: a share of what the machine can do.
    pub handshakes: Rate,
    /// TLS handshakes of one source with one fingerprint.
    pub fingerprint: Rate,
    /// JA4 that are refused, or would be.
    pub refused_ja4: FingerprintList<36>,
    /// JA3 that are refused, or would be.
    pub refused_ja3: FingerprintList<16>,
    /// Autonomous systems and countries that are refused, or would be.
    pub regions: RegionRules,
    /// Prefixes that only `open_max` binds: health checks, own proxies.
    pub trusted: Vec<IpNet>,
    /// Prefixes that all limits bind, but that are never banned.
    pub unbannable: Vec<IpNet>,
    /// Points of offence: forgiven a second (`per_s`) and borne (`burst`) before a ban.
    pub tolerance: Rate,
    /// An address whose score is lower is refused; 0: none is. The score counts the same points, forgiven ten times as slowly: it falls
    /// from 100 to 0 as they add up to four times the burst of `tolerance`.
    pub score_min: u8,
    /// How long bans for offences last.
    pub ban: BanTimes,
    /// How many bans may be made.
    pub fuse: FuseRules,
    /// An address is known when a session's connection has become as old.
    pub settled_after: Duration,
    /// A session that has played for so long earns a ticket, and its account counts for its address.
    pub played_after: Duration,
    /// What each further account that plays at an address adds to its budgets of connections and of offence, percent of the base.
    pub account_share_percent: u32,
    /// So many accounts of one address count at most.
    pub accounts_max: u32,
    /// An address at which so many accounts play is banned for strangers only: who has a ticket still comes in.
    pub home_accounts: u32,
    /// An address with so many is never banned for offences nor refused for its reputation: its budgets shrink instead, and strangers
    /// work for each login.
    pub shared_accounts: u32,
    /// When the server is under attack.
    pub posture: PostureRules,
    /// Bits of work before the login of a stranger under attack: each doubles it. 16 are 65,536 tries.
    pub work_bits: u8,
    /// What a session may say. Handed on to the sessions by [`crate::Guard::input_rates`].
    pub inputs: InputRates,
}

impl Config {
    /// The default limits with these keys.
    #[must_use]
    pub fn new(keys: KeyRing) -> Self {
        Self {
            keys,
            connect: rate(3_000, 5_000),
            known_percent: 33,
            source_connect: rate(100, 1_000),
            source_open_max: 4_096,
            network_open_max: 16_384,
            open_max: 60_512,
            handshakes: rate(2_000, 1_000),
            fingerprint: rate(50, 500),
            refused_ja4: FingerprintList::default(),
            refused_ja3: FingerprintList::default(),
            regions: RegionRules::default(),
            trusted: Vec::new(),
            unbannable: Vec::new(),
            tolerance: rate(10, 1_000),
            score_min: 25,
            ban: BanTimes { first: Duration::from_secs(30), max: Duration::from_secs(600) },
            fuse: FuseRules { bans_per_min: 1_000, players_percent: 5 },
            settled_after: Duration::from_secs(30),
            played_after: Duration::from_secs(120),
            account_share_percent: 10,
            accounts_max: 256,
            home_accounts: 2,
            shared_accounts: 16,
            posture: PostureRules { offered_per_s: 3_000, refused_per_s: 500, quiet: Duration::from_secs(30) },
            work_bits: 16,
            inputs: InputRates { session: rate(120, 240), kind: rate(60, 120), control: rate(30, 60), tolerance: rate(50, 200) },
        }
    }

    /// See `score_min`. Slower rates than one in two hours cannot be counted; then it is forgiven somewhat faster.
    pub(crate) fn standing(&self) -> Rate {
        let burst = self.tolerance.burst().saturating_mul(4);
        let per_s = (self.tolerance.per_s() / 10).max(burst.div_ceil(SPAN_MAX_S)).clamp(1, PER_S_MAX);
        Rate::new(per_s, burst.min(per_s.saturating_mul(SPAN_MAX_S))).expect("within two hours")
    }

    pub(crate) fn trusts(&self, addr: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(&addr))
    }

    pub(crate) fn can_ban(&self, addr: IpAddr) -> bool {
        !self.trusts(addr) && !self.unbannable.iter().any(|net| net.contains(&addr))
    }
}

/// Seconds that an empty bucket may take to fill up, less what rounding needs.
const SPAN_MAX_S: u32 = 7_000;

/// A rate of this file.
fn rate(per_s: u32, burst: u32) -> Rate {
    Rate::new(per_s, burst).expect("defaults are in range")
}
