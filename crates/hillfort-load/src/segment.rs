//! TCP segments over IPv4 as bytes: writes one with both checksums, reads one back and checks them. Knows nothing of who sends them.

use std::net::{Ipv4Addr, SocketAddrV4};

/// Bytes of an IPv4 header without options ...
pub(crate) const IP_BYTES: usize = 20;
/// ... and of a TCP header without options.
pub(crate) const TCP_BYTES: usize = 20;
/// Options of a Linux client's SYN: largest segment 1460, selective acknowledgements, timestamp, window scale 7.
pub(crate) const SYN_OPTIONS: [u8; 20] = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];
pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const ACK: u8 = 16;
/// Window and time to live that all our segments say.
pub(crate) const WINDOW: u16 = 64_240;
pub(crate) const TTL: u8 = 64;
const TCP: u8 = 6;

/// What differs between two segments of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) from: SocketAddrV4,
    pub(crate) to: SocketAddrV4,
    /// Identification in the IP header.
    pub(crate) id: u16,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
}

/// What is wrong with bytes that should be a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// Too short, or lengths that do not agree.
    #[error("its lengths do not agree")]
    Length,
    /// Another protocol, a fragment, options in the IP header.
    #[error("it is no whole TCP segment over plain IPv4")]
    Kind,
    /// The checksum of the IP header.
    #[error("the checksum of its IP header is wrong")]
    IpChecksum,
    /// The checksum over pseudo header, TCP header and payload.
    #[error("its TCP checksum is wrong")]
    TcpChecksum,
}

impl Segment {
    /// The IPv4 packet. `options` are whole words of 4 bytes, 40 bytes at most.
    pub(crate) fn write(&self, options: &[u8]) -> Vec<u8> {
        let words = (TCP_BYTES + options.len()) / 4;
        let total = IP_BYTES + TCP_BYTES + options.len();
        let mut packet = vec![0x45, 0];
        packet.extend((total as u16).to_be_bytes());
        packet.extend(self.id.to_be_bytes());
        packet.extend([0x40, 0, TTL, TCP, 0, 0]);
        packet.extend(self.from.ip().octets());
        packet.extend(self.to.ip().octets());
        packet.extend(self.from.port().to_be_bytes());
        packet.extend(self.to.port().to_be_bytes());
        packet.extend(self.seq.to_be_bytes());
        packet.extend(self.ack.to_be_bytes());
        packet.extend([(words as u8) << 4, self.flags]);
        packet.extend(WINDOW.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(options);
        let ip = finish(sum(&packet[..IP_BYTES]));
        packet[10..12].copy_from_slice(&ip.to_be_bytes());
        let tcp = finish(pseudo(&packet[..IP_BYTES], total - IP_BYTES) + sum(&packet[IP_BYTES..]));
        packet[36..38].copy_from_slice(&tcp.to_be_bytes());
        packet
    }

    /// Reads an IPv4 packet and checks all that can be checked.
    pub(crate) fn read(packet: &[u8]) -> Result<Self, Fault> {
        let header = packet.first_chunk::<{ IP_BYTES + TCP_BYTES }>().ok_or(Fault::Length)?;
        if header[0] != 0x45 || header[9] != TCP || header[6] & 0x3f != 0 || header[7] != 0 {
            return Err(Fault::Kind);
        }
        let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
        // Short frames are filled up on their way.
        let packet = packet.get(..total).ok_or(Fault::Length)?;
        if total < IP_BYTES + usize::from(header[32] >> 4) * 4 || header[32] >> 4 < 5 {
            return Err(Fault::Length);
        }
        if finish(sum(&packet[..IP_BYTES])) != 0 {
            return Err(Fault::IpChecksum);
        }
        if finish(pseudo(&packet[..IP_BYTES], total - IP_BYTES) + sum(&packet[IP_BYTES..])) != 0 {
            return Err(Fault::TcpChecksum);
        }
        let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let half = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        Ok(Self {
            from: SocketAddrV4::new(Ipv4Addr::from_bits(word(12)), half(20)),
            to: SocketAddrV4::new(Ipv4Addr::from_bits(word(16)), half(22)),
            id: half(4),
            seq: word(24),
            ack: word(28),
            flags: header[33],
        })
    }
}

/// Sum of the bytes as numbers of 16 bits, not folded yet (RFC 1071).
pub(crate) fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0))).sum()
}

fn pseudo(ip_header: &[u8], tcp_bytes: usize) -> u32 {
    sum(&ip_header[12..20]) + u32::from(TCP) + tcp_bytes as u32
}

fn finish(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Segment {
        let address = |text: &str| text.parse().expect("an address");
        let (from, to) = (address("198.19.64.7:40000"), address("198.18.0.1:7352"));
        Segment { from, to, id: 7, seq: 0xfedc_ba98, ack: 3, flags: SYN }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for options in [&SYN_OPTIONS[..], &SYN_OPTIONS[..4], &[]] {
            let mut bytes = sample().write(options);
            assert_eq!(bytes.len(), IP_BYTES + TCP_BYTES + options.len());
            assert_eq!(Segment::read(&bytes), Ok(sample()));
            bytes.extend([0xff; 6]);
            assert_eq!(Segment::read(&bytes), Ok(sample()), "filled up");
        }
    }

    #[test]
    fn every_damaged_bit_is_noticed() {
        let good = sample().write(&SYN_OPTIONS);
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Segment::read(&bytes).is_err(), "bit {bit}");
        }
        for length in 0..good.len() {
            assert_eq!(Segment::read(&good[..length]), Err(Fault::Length), "{length} bytes");
        }
    }

    #[test]
    fn the_checksum_is_that_of_the_rfc() {
        // RFC 1071, section 3.
        assert_eq!(finish(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), !0xddf2);
    }
}
