//! What counts as one source, and the secret by which sources and nonces are spread over tables. Knows nothing of what is kept
//! about them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use siphasher::{sip::SipHasher13, sip128};

/// One source: an IPv4 address, or the /64 of an IPv6 address, which one customer usually has for himself (RFC 6177).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    name: u64,
    /// Keyed: strangers cannot choose which line of a table they fall on.
    hash: u64,
}

impl Source {
    pub(crate) const fn name(self) -> u64 {
        self.name
    }

    pub(crate) const fn hash(self) -> u64 {
        self.hash
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Source {}

/// The address that stands for the whole source: itself, or the first of its /64.
pub(crate) fn network(addr: IpAddr) -> IpAddr {
    match addr.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

/// Keys drawn from the seed; one for each use.
pub(crate) struct Secret {
    sources: SipHasher13,
    nonces: sip128::SipHasher13,
}

impl Secret {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            sources: SipHasher13::new_with_keys(seed, u64::from_be_bytes(*b"sources.")),
            nonces: sip128::SipHasher13::new_with_keys(seed, u64::from_be_bytes(*b"nonces..")),
        }
    }

    pub(crate) fn source(&self, addr: IpAddr) -> Source {
        let name = match addr.to_canonical() {
            // ff00::/8 is multicast and never a source, so the two families cannot meet.
            IpAddr::V4(v4) => 0xffff_ffff_0000_0000 | u64::from(v4.to_bits()),
            IpAddr::V6(v6) => (v6.to_bits() >> 64) as u64,
        };
        Source { name, hash: self.sources.hash(&name.to_ne_bytes()) }
    }

    /// Two independent words for the name of a nonce.
    pub(crate) fn nonce(&self, name: &[u8]) -> (u64, u64) {
        let hash = self.nonces.hash(name);
        (hash.h1, hash.h2)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
