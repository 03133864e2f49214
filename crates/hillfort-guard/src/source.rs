//! What counts as one source, and the secret by which sources and nonces are spread over tables. Knows nothing of what is kept
//! about them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

/// Stands for all that is above it: ff00::/8 is multicast and never a source, so the two families cannot meet.
const V4: u64 = 0xffff_ffff_0000_0000;
/// Stands for ::/64, so that no name is 0: ::1:0:0:0:0/64 belongs to nobody (RFC 4291, 2.5.5).
const LOOPBACK: u64 = 1;

/// The address that stands for the whole source: itself, or the first of its /64.
pub(crate) fn home(name: u64) -> IpAddr {
    match name {
        V4.. => IpAddr::V4(Ipv4Addr::from_bits(name as u32)),
        LOOPBACK => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        _ => IpAddr::V6(Ipv6Addr::from_bits(u128::from(name) << 64)),
    }
}

/// Keys drawn from the seed; one for each use.
pub(crate) struct Secret {
    sources: Words,
    networks: Words,
    pairs: SipHasher13,
    accounts: SipHasher13,
    tickets: SipHasher13,
    nonces: sip128::SipHasher13,
}

impl Secret {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            sources: Words::new(seed, u64::from_be_bytes(*b"sources.")),
            networks: Words::new(seed, u64::from_be_bytes(*b"networks")),
            pairs: SipHasher13::new_with_keys(seed, u64::from_be_bytes(*b"pairs...")),
            accounts: SipHasher13::new_with_keys(seed, u64::from_be_bytes(*b"accounts")),
            tickets: SipHasher13::new_with_keys(seed, u64::from_be_bytes(*b"tickets.")),
            nonces: sip128::SipHasher13::new_with_keys(seed, u64::from_be_bytes(*b"nonces..")),
        }
    }

    pub(crate) fn source(&self, addr: IpAddr) -> Source {
        let name = match addr.to_canonical() {
            IpAddr::V4(v4) => V4 | u64::from(v4.to_bits()),
            IpAddr::V6(v6) => ((v6.to_bits() >> 64) as u64).max(LOOPBACK),
        };
        self.named(name)
    }

    /// The source with this name.
    pub(crate) fn named(&self, name: u64) -> Source {
        Source { name, hash: self.sources.hash(name) }
    }

    /// The network that the source lies in: the /24 of an IPv4 address, the /48 of an IPv6 address, which is what one site or one
    /// customer of a hosting company has at most (RFC 6177).
    pub(crate) fn network(&self, source: Source) -> u64 {
        let name = if source.name >= V4 { source.name >> 8 << 8 } else { source.name >> 16 << 16 };
        self.networks.hash(name)
    }

    /// A source together with what else it is told apart by.
    pub(crate) fn with(&self, source: Source, more: &[u8]) -> u64 {
        let mut bytes = [0; 48];
        let more = &more[..more.len().min(40)];
        bytes[..8].copy_from_slice(&source.name.to_ne_bytes());
        bytes[8..8 + more.len()].copy_from_slice(more);
        self.pairs.hash(&bytes)
    }

    /// An account, so that nobody can choose which of an address's bits it falls on.
    pub(crate) fn account(&self, account: u64) -> u64 {
        self.accounts.hash(&account.to_ne_bytes())
    }

    /// Serial of the ticket number `count` of this process, never 0, and so that nobody can guess another's; and the bytes of a key for
    /// tickets where none is given.
    pub(crate) fn ticket(&self, count: u64) -> u64 {
        self.tickets.hash(&count.to_ne_bytes()).max(1)
    }

    /// Where the uses of a ticket are counted.
    pub(crate) fn ticket_uses(&self, serial: u64) -> u64 {
        self.pairs.hash(&serial.to_ne_bytes())
    }

    /// Two independent words for the name of a nonce.
    pub(crate) fn nonce(&self, name: &[u8]) -> (u64, u64) {
        let hash = self.nonces.hash(name);
        (hash.h1, hash.h2)
    }
}

/// SipHash-1-3 (Aumasson and Bernstein, 2012) of exactly eight bytes, which is asked for twice a connection: the same as what a general one
/// gives, without its loops.
struct Words([u64; 4]);

impl Words {
    fn new(key: u64, other: u64) -> Self {
        Self([
            key ^ 0x736f_6d65_7073_6575,
            other ^ 0x646f_7261_6e64_6f6d,
            key ^ 0x6c79_6765_6e65_7261,
            other ^ 0x7465_6462_7974_6573,
        ])
    }

    #[inline]
    fn hash(&self, word: u64) -> u64 {
        let mut v = self.0;
        // The last word says how many bytes there were.
        for word in [word, 8 << 56] {
            v[3] ^= word;
            v = round(v);
            v[0] ^= word;
        }
        v[2] ^= 0xff;
        let [a, b, c, d] = round(round(round(v)));
        a ^ b ^ c ^ d
    }
}

#[inline]
const fn round([mut a, mut b, mut c, mut d]: [u64; 4]) -> [u64; 4] {
    a = a.wrapping_add(b);
    c = c.wrapping_add(d);
    b = b.rotate_left(13) ^ a;
    d = d.rotate_left(16) ^ c;
    a = a.rotate_left(32).wrapping_add(d);
    c = c.wrapping_add(b);
    b = b.rotate_left(17) ^ c;
    d = d.rotate_left(21) ^ a;
    [a, b, c.rotate_left(32), d]
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_hashed_as_the_general_way_does() {
        for n in 0..1_000_u64 {
            let (key, other, word) =
                (n.wrapping_mul(0x9e37_79b9_7f4a_7c15), n.rotate_right(7) ^ 0x55, n.wrapping_mul(n) ^ n << 40);
            let general = SipHasher13::new_with_keys(key, other).hash(&word.to_le_bytes());
            assert_eq!(Words::new(key, other).hash(word), general, "{n}");
        }
    }
}
