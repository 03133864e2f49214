//! What the instructions and user space share: the shapes of the maps and how addresses become keys. Owns no map.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::verdict::{Mode, Verdict};

/// Most bans that are active at once. 65,536 entries made in advance are 5 MiB, and a lookup stays in the cache of a core.
pub const BANS_MAX: usize = 65_536;
/// Most prefixes on the allow list: a trie of thousands costs 100 ns a lookup and more.
pub const ALLOW_MAX: usize = 1_024;
/// Most ports of a protocol.
pub const PORTS_MAX: usize = 16;

/// Cells of the control map, in bytes from its start: what the program reads and user space writes.
pub(crate) mod control {
    /// [`super::Mode`] as a number.
    pub(crate) const MODE: i32 = 0;
    /// Number of the epoch; its lowest bit says which half of each sketch is counted in.
    pub(crate) const EPOCH: i32 = 8;
    /// 256 bytes: kind of a TCP option to its code in a signature.
    pub(crate) const OPTION_CODES: i32 = 64;
    /// 256 bytes: time to live of a packet to its class.
    pub(crate) const TTL_CLASSES: i32 = 64 + 256;
    pub(crate) const BYTES: usize = 64 + 512;
}

/// A row of counters: one for each verdict, and after them these.
pub(crate) mod row {
    /// Well-formed SYNs for our ports.
    pub(crate) const OFFERED_SYN: usize = 12;
    /// QUIC packets with a long header for our ports.
    pub(crate) const OFFERED_QUIC: usize = 13;
    /// What the program itself keeps here for one packet. Not on the stack: there the verifier would follow each value that a
    /// constant can have through all that comes after, a million steps; what comes out of a map may be anything.
    pub(crate) const SCRATCH_L3: i16 = 9 * 8;
    pub(crate) const SCRATCH_L4_LEN: i16 = 10 * 8;
    pub(crate) const SCRATCH_MSS: i16 = 11 * 8;
    pub(crate) const SCRATCH_L4: i16 = 14 * 8;
    pub(crate) const SCRATCH_OPTION: i16 = 14 * 8;
    pub(crate) const SCRATCH_ANSWER_LEN: i16 = 15 * 8;
    /// Cells of a row: a row is 128 bytes, two cache lines that no other CPU writes to.
    pub(crate) const CELLS: usize = 16;
    pub(crate) const SHIFT: i32 = 7;
}

const _: () = assert!(Verdict::ALL.len() * 8 <= row::SCRATCH_L3 as usize && row::CELLS * 8 == 1 << row::SHIFT);
const _: () = assert!(Mode::Flood as u64 == 1);

/// Key of a source: an IPv4 address behind four zero bytes, or the first 8 bytes of an IPv6 address. The two do not meet: `::/32` is
/// routed nowhere. In the order of the wire, as the machine loads it.
#[must_use]
pub fn source_key(ip: IpAddr) -> u64 {
    let mut bytes = [0; 8];
    match ip.to_canonical() {
        IpAddr::V4(v4) => bytes[4..].copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => bytes.copy_from_slice(&v6.octets()[..8]),
    }
    u64::from_ne_bytes(bytes)
}

/// Key of the network of a source: its /24, or the /48 of an IPv6 address.
#[must_use]
pub fn network_key(ip: IpAddr) -> u64 {
    let mut bytes = source_key(ip).to_ne_bytes();
    if is_v4(bytes) {
        bytes[7] = 0
    } else {
        bytes[6..].fill(0)
    }
    u64::from_ne_bytes(bytes)
}

/// The address that a key stands for; of an IPv6 network its first.
#[must_use]
pub fn address_of(key: u64) -> IpAddr {
    let bytes = key.to_ne_bytes();
    if is_v4(bytes) {
        return Ipv4Addr::new(bytes[4], bytes[5], bytes[6], bytes[7]).into();
    }
    let mut octets = [0; 16];
    octets[..8].copy_from_slice(&bytes);
    Ipv6Addr::from(octets).into()
}

fn is_v4(bytes: [u8; 8]) -> bool {
    bytes[..4] == [0; 4]
}

/// Key of the allow list: bits, and the address, of IPv4 the mapped one (RFC 4291 §2.5.5.2).
pub(crate) fn allow_key(ip: IpAddr, bits: u8) -> [u8; 20] {
    let (address, bits) = match ip {
        IpAddr::V4(v4) => (v4.to_ipv6_mapped(), u32::from(bits) + 96),
        IpAddr::V6(v6) => (v6, bits.into()),
    };
    let mut key = [0; 20];
    key[..4].copy_from_slice(&bits.to_ne_bytes());
    key[4..].copy_from_slice(&address.octets());
    key
}

#[cfg(test)]
mod tests {
    use super::{address_of, network_key, source_key};

    #[test]
    fn keys_stand_for_sources_and_networks() {
        let check = |ip: &str, source: &str, network: &str| {
            let ip = ip.parse().unwrap();
            assert_eq!(address_of(source_key(ip)).to_string(), source);
            assert_eq!(address_of(network_key(ip)).to_string(), network);
        };
        check("192.0.2.77", "192.0.2.77", "192.0.2.0");
        check("::ffff:192.0.2.77", "192.0.2.77", "192.0.2.0");
        check("2001:db8::1", "2001:db8::", "2001:db8::");
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:db8:1::");
        check("255.255.255.255", "255.255.255.255", "255.255.255.0");
    }

    #[test]
    fn families_do_not_meet() {
        // The bytes of 32.1.13.184 are the first four of 2001:db8::/32.
        assert_ne!(source_key("32.1.13.184".parse().unwrap()), source_key("2001:db8::".parse().unwrap()));
    }
}
