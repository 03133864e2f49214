//! The SYN-ACK that flood mode makes of a SYN, byte by byte.

use super::parse::{Packet, Transport};
use crate::emit::limits::{FRAME_MIN, HOPS, MSS_V4, MSS_V6, WINDOW};

/// The answer to `frame`, which was parsed to `packet`, with the cookie and the MSS that the kernel lent. `None`: it is no SYN.
#[must_use]
pub fn answer(frame: &[u8], packet: &Packet, cookie: u32, mss: u16) -> Option<Vec<u8>> {
    let Transport::Tcp { syn: true, header, .. } = packet.transport else { return None };
    let (v6, l3) = (packet.to.is_ipv6(), packet.l3);
    let (ip_bytes, tcp_bytes) = (if v6 { 40 } else { 20 }, if header == 20 { 20 } else { 24 });
    let mut out = frame.to_vec();
    if let Some(said) = packet.ip_len {
        let keep = (l3 + ip_bytes + tcp_bytes).max(FRAME_MIN as usize);
        out.truncate(frame.len() - (l3 + said).saturating_sub(keep));
    }
    out[..6].copy_from_slice(&frame[6..12]);
    out[6..12].copy_from_slice(&frame[..6]);

    let octets = |address: std::net::IpAddr| match address {
        std::net::IpAddr::V4(v4) => v4.octets().to_vec(),
        std::net::IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let addresses = [octets(packet.to.ip()), octets(packet.from.ip())].concat();
    let length = if v6 { tcp_bytes } else { tcp_bytes + 20 } as u16;
    let mut ip = if v6 {
        [&[0x60, 0, 0, 0][..], &length.to_be_bytes(), &[6, HOPS as u8]].concat()
    } else {
        [&[0x45, 0][..], &length.to_be_bytes(), &[0, 0, 0x40, 0, HOPS as u8, 6, 0, 0]].concat()
    };
    ip.extend(&addresses);
    if !v6 {
        let checksum = checksum(&[&ip]);
        ip[10..12].copy_from_slice(&checksum);
    }

    let seq = u32::from_be_bytes(*frame[packet.l4 + 4..].first_chunk()?);
    let mut tcp = Vec::new();
    tcp.extend(packet.to.port().to_be_bytes());
    tcp.extend(packet.from.port().to_be_bytes());
    tcp.extend(cookie.to_be_bytes());
    tcp.extend(seq.wrapping_add(1).to_be_bytes());
    tcp.extend([(tcp_bytes as u8) << 2, 0x12]);
    tcp.extend(WINDOW.to_be_bytes());
    tcp.extend([0; 4]);
    if tcp_bytes == 24 {
        tcp.extend([2, 4]);
        tcp.extend(mss.min(if v6 { MSS_V6 } else { MSS_V4 }).to_be_bytes());
    }
    let checksum = checksum(&[&addresses, &[0, 6, 0, tcp_bytes as u8], &tcp]);
    tcp[16..18].copy_from_slice(&checksum);

    out.get_mut(l3..)?.get_mut(..ip_bytes)?.copy_from_slice(&ip);
    out.get_mut(l3 + ip_bytes..)?.get_mut(..tcp_bytes)?.copy_from_slice(&tcp);
    Some(out)
}

/// Internet checksum (RFC 1071) over parts of even length.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let words = parts.iter().flat_map(|part| part.as_chunks::<2>().0);
    let mut sum: u32 = words.map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}
