//! What the operator can set; all of it while running. Knows nothing of files or of names of keys.

use std::net::IpAddr;
use std::time::Duration;

use hillfort_proto::hello::KeyRing;
pub use ipnet::IpNet;

use crate::bucket::Rate;
use crate::input::InputRates;

/// Limits, lists and keys.
#[derive(Debug, Clone)]
pub struct Config {
    /// Keys with which clients sign their hello.
    pub keys: KeyRing,
    /// New connections in all. The memory of nonces is sized by it.
    pub connect: Rate,
    /// New connections of one source.
    pub source_connect: Rate,
    /// Open connections of one source.
    pub source_open_max: u32,
    /// Open connections in all.
    pub open_max: u32,
    /// Prefixes that only `open_max` binds: health checks, own proxies.
    pub trusted: Vec<IpNet>,
    /// Prefixes that all limits bind, but that are never banned.
    pub unbannable: Vec<IpNet>,
    /// Points of offence: forgiven a second (`per_s`) and borne (`burst`) before a ban.
    pub tolerance: Rate,
    /// How long a ban for an offence lasts.
    pub ban: Duration,
    /// What a session may say. Handed on to the sessions by [`crate::Guard::input_rates`].
    pub inputs: InputRates,
}

impl Config {
    pub(crate) fn trusts(&self, addr: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(&addr))
    }

    pub(crate) fn can_ban(&self, addr: IpAddr) -> bool {
        !self.trusts(addr) && !self.unbannable.iter().any(|net| net.contains(&addr))
    }
}
