//! A frame's headers, in the order and with the limits of the instructions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::emit::limits::{ACK, EXTENSIONS_MAX, FIN, RST, SYN, TCP, UDP, UNSAID};
use crate::signature::{CODE_BITS, MSS_SHIFT, OPTIONS_MAX, TTL_SHIFT, V6_SHIFT, WINDOW_SHIFT, option_code, ttl_class};
use crate::verdict::Verdict;

/// A packet for one of our ports, well formed and in one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Source.
    pub from: SocketAddr,
    /// Destination.
    pub to: SocketAddr,
    /// Offset of the IP header.
    pub l3: usize,
    /// Offset of the transport header.
    pub l4: usize,
    /// Length of the IP packet by its header, if it says one.
    pub ip_len: Option<usize>,
    /// What is carried.
    pub transport: Transport,
}

/// What is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp {
        /// It opens a connection.
        syn: bool,
        /// Bytes of the header.
        header: usize,
        /// Signature and MSS; 0 when it is no SYN.
        signature: u64,
    },
    /// UDP.
    Udp {
        /// It begins as a QUIC packet with a long header.
        long_header: bool,
    },
}

/// What IP says.
struct Ip {
    v6: bool,
    from: IpAddr,
    to: IpAddr,
    ttl: u8,
    protocol: u8,
    l4: usize,
    l4_len: usize,
    ip_len: Option<usize>,
    /// A first fragment.
    fragment: bool,
}

/// Reads a frame.
///
/// # Errors
/// The verdict, for whatever is not for these ports or not well formed.
pub fn parse(frame: &[u8], tcp_ports: &[u16], udp_ports: &[u16]) -> Result<Packet, Verdict> {
    let (l3, kind) = ethernet(frame).ok_or(Verdict::PassOther)?;
    let watched = |protocol: u8| match i32::from(protocol) {
        TCP => !tcp_ports.is_empty(),
        UDP => !udp_ports.is_empty(),
        _ => false,
    };
    let ip = match kind {
        0x0800 => v4(frame, l3, &watched)?,
        0x86DD => v6(frame, l3, &watched)?,
        _ => return Err(Verdict::PassOther),
    };
    if !watched(ip.protocol) {
        return Err(Verdict::PassOther);
    }
    let tcp = i32::from(ip.protocol) == TCP;
    let (smallest, ports) = if tcp { (20, tcp_ports) } else { (8, udp_ports) };
    let header = bytes(frame, ip.l4, smallest).filter(|_| ip.l4_len >= smallest).ok_or(Verdict::DropMalformed)?;
    let (source, destination) = (be16(header, 0), be16(header, 2));
    if !ports.contains(&destination) {
        return Err(Verdict::PassOther);
    }
    if ip.fragment {
        return Err(Verdict::DropFragment);
    }
    let (from, to) = (SocketAddr::new(ip.from, source), SocketAddr::new(ip.to, destination));
    let transport = if tcp { read_tcp(frame, &ip, from, to) } else { read_udp(frame, &ip) };
    let transport = transport.ok_or(Verdict::DropMalformed)?;
    Ok(Packet { from, to, l3, l4: ip.l4, ip_len: ip.ip_len, transport })
}

/// Offset of the next header and its type, behind at most two tags.
fn ethernet(frame: &[u8]) -> Option<(usize, u16)> {
    bytes(frame, 0, 14)?;
    let (mut l3, mut kind) = (14, be16(frame, 12));
    for _ in 0..2 {
        if matches!(kind, 0x8100 | 0x88A8) {
            bytes(frame, l3, 4)?;
            kind = be16(frame, l3 + 2);
            l3 += 4;
        }
    }
    Some((l3, kind))
}

fn v4(frame: &[u8], l3: usize, watched: &dyn Fn(u8) -> bool) -> Result<Ip, Verdict> {
    let header = bytes(frame, l3, 20).ok_or(Verdict::DropMalformed)?;
    let (version, header_len) = (header[0] >> 4, usize::from(header[0] & 15) * 4);
    let said = usize::from(be16(header, 2));
    let short = said != 0 && (said < header_len || bytes(frame, l3, said).is_none());
    if version != 4 || header_len < 20 || short {
        return Err(Verdict::DropMalformed);
    }
    let (protocol, fragment) = (header[9], be16(header, 6) & 0x3FFF);
    if fragment & 0x1FFF != 0 {
        return Err(late(watched(protocol)));
    }
    let address = |at: usize| IpAddr::V4(Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]));
    Ok(Ip {
        v6: false,
        from: address(12),
        to: address(16),
        ttl: header[8],
        protocol,
        l4: l3 + header_len,
        l4_len: if said == 0 { UNSAID as usize } else { said - header_len },
        ip_len: (said != 0).then_some(said),
        fragment: fragment != 0,
    })
}

fn v6(frame: &[u8], l3: usize, watched: &dyn Fn(u8) -> bool) -> Result<Ip, Verdict> {
    const BAD: Verdict = Verdict::DropMalformed;
    let header = bytes(frame, l3, 40).ok_or(BAD)?;
    let said = usize::from(be16(header, 4));
    if header[0] >> 4 != 6 || said != 0 && bytes(frame, l3 + 40, said).is_none() {
        return Err(BAD);
    }
    let address = |at: usize| {
        let octets: Option<&[u8; 16]> = header[at..].first_chunk();
        IpAddr::V6(octets.map_or(Ipv6Addr::UNSPECIFIED, |octets| Ipv6Addr::from(*octets)))
    };
    let (mut next, mut l4, mut left) = (header[6], l3 + 40, if said == 0 { UNSAID as usize } else { said });
    let mut fragment = false;
    for _ in 0..EXTENSIONS_MAX {
        let length = match next {
            0 | 43 | 60 => {
                let extension = bytes(frame, l4, 8).ok_or(BAD)?;
                next = extension[0];
                usize::from(extension[1]) * 8 + 8
            }
            44 => {
                let extension = bytes(frame, l4, 8).ok_or(BAD)?;
                next = extension[0];
                let place = be16(extension, 2) & 0xFFF9;
                if place & 0xFFF8 != 0 {
                    return Err(late(watched(next)));
                }
                fragment |= place != 0;
                8
            }
            protocol if matches!(i32::from(protocol), TCP | UDP) => {
                let ip_len = (said != 0).then_some(said + 40);
                let (from, to, ttl) = (address(8), address(24), header[7]);
                return Ok(Ip { v6: true, from, to, ttl, protocol, l4, l4_len: left, ip_len, fragment });
            }
            _ => return Err(Verdict::PassOther),
        };
        left = left.checked_sub(length).ok_or(BAD)?;
        l4 += length;
    }
    Err(BAD)
}

fn late(watched: bool) -> Verdict {
    if watched { Verdict::DropFragment } else { Verdict::PassOther }
}

fn read_tcp(frame: &[u8], ip: &Ip, from: SocketAddr, to: SocketAddr) -> Option<Transport> {
    let fixed = bytes(frame, ip.l4, 20)?;
    let length = usize::from(fixed[12] >> 4) * 4;
    let header = bytes(frame, ip.l4, length).filter(|_| length >= 20 && length <= ip.l4_len)?;
    let flags = i32::from(fixed[13]);
    let impossible = flags & (SYN | RST | ACK) == 0 || flags & SYN != 0 && flags & (FIN | RST) != 0;
    if impossible || from.port() == 0 || from == to {
        return None;
    }
    let syn = flags & (SYN | ACK) == SYN;
    let signature = if syn { read_signature(header, ip) } else { 0 };
    Some(Transport::Tcp { syn, header: length, signature })
}

fn read_signature(header: &[u8], ip: &Ip) -> u64 {
    let (mut codes, mut mss, mut rest) = (0_u64, 0, header.get(20..).unwrap_or_default());
    for _ in 0..OPTIONS_MAX {
        let Some(&kind) = rest.first() else { break };
        codes = codes << CODE_BITS | u64::from(option_code(kind));
        let length = match kind {
            0 => break,
            1 => 1,
            _ => match rest.get(1) {
                Some(&length) if length >= 2 && usize::from(length) <= rest.len() => usize::from(length),
                _ => break,
            },
        };
        if (kind, length) == (2, 4) {
            mss = be16(rest, 2);
        }
        rest = &rest[length..];
    }
    codes
        | u64::from(mss) << MSS_SHIFT
        | u64::from(be16(header, 14)) << WINDOW_SHIFT
        | u64::from(ttl_class(ip.ttl)) << TTL_SHIFT
        | u64::from(ip.v6) << V6_SHIFT
}

fn read_udp(frame: &[u8], ip: &Ip) -> Option<Transport> {
    let header = bytes(frame, ip.l4, 8)?;
    let length = usize::from(be16(header, 4));
    if length < 8 || length > ip.l4_len {
        return None;
    }
    let first = if length > 8 { frame.get(ip.l4 + 8) } else { None };
    Some(Transport::Udp { long_header: first.is_some_and(|byte| byte & 0x80 != 0) })
}

fn bytes(frame: &[u8], at: usize, count: usize) -> Option<&[u8]> {
    frame.get(at..)?.get(..count)
}

/// Of a slice that is known to be long enough; 0 otherwise.
fn be16(bytes: &[u8], at: usize) -> u16 {
    match bytes.get(at..at + 2) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => 0,
    }
}
