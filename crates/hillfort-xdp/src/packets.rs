//! Frames for tests: a good SYN, and what can be done to it. Owns building; what the frames should meet is the tests' to say.

use std::net::{IpAddr, SocketAddr};

/// Options of a SYN as Linux sends them: MSS 1460, SACK, timestamps, nop, window scale.
pub(crate) const LINUX_OPTIONS: &[u8] = &[2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7];

/// A frame in parts. Lengths are right unless said otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) tags: Vec<u16>,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) ttl: u8,
    pub(crate) protocol: u8,
    /// IPv4 options, or IPv6 extension headers with the numbers of the first and of what follows the last one set by `chain`.
    pub(crate) ip_extra: Vec<u8>,
    pub(crate) first_next: Option<u8>,
    /// Fragment field of IPv4.
    pub(crate) fragment: u16,
    pub(crate) ip_len: Option<u16>,
    pub(crate) flags: u8,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) window: u16,
    pub(crate) data_offset: Option<u8>,
    pub(crate) options: Vec<u8>,
    pub(crate) udp_len: Option<u16>,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn tcp(from: &str, to: &str, flags: u8) -> Self {
        let syn = flags & 0x12 == 0x02;
        Self {
            tags: vec![],
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            ttl: 64,
            protocol: 6,
            ip_extra: vec![],
            first_next: None,
            fragment: 0x4000,
            ip_len: None,
            flags,
            seq: 0x0102_0304,
            ack: 0,
            window: 64240,
            data_offset: None,
            options: if syn { LINUX_OPTIONS.to_vec() } else { vec![] },
            udp_len: None,
            payload: vec![],
        }
    }

    pub(crate) fn udp(from: &str, to: &str, payload: &[u8]) -> Self {
        Self { protocol: 17, payload: payload.to_vec(), ..Self::tcp(from, to, 0x10) }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut transport = Vec::new();
        transport.extend(self.from.port().to_be_bytes());
        transport.extend(self.to.port().to_be_bytes());
        if self.protocol == 17 {
            let length = self.udp_len.unwrap_or(8 + self.payload.len() as u16);
            transport.extend(length.to_be_bytes());
            transport.extend([0, 0]);
        } else {
            transport.extend(self.seq.to_be_bytes());
            transport.extend(self.ack.to_be_bytes());
            let words = self.data_offset.unwrap_or((20 + self.options.len() as u8) / 4);
            transport.extend([words << 4, self.flags]);
            transport.extend(self.window.to_be_bytes());
            transport.extend([0; 4]);
            transport.extend(&self.options);
        }
        transport.extend(&self.payload);
        let mut out = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        for tag in &self.tags {
            out.extend(tag.to_be_bytes());
            out.extend([0, 5]);
        }
        match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let header = 20 + self.ip_extra.len();
                let length = self.ip_len.unwrap_or((header + transport.len()) as u16);
                out.extend([8, 0, 0x40 | (header / 4) as u8, 0]);
                out.extend(length.to_be_bytes());
                out.extend([0x12, 0x34]);
                out.extend(self.fragment.to_be_bytes());
                out.extend([self.ttl, self.protocol, 0, 0]);
                out.extend(from.octets());
                out.extend(to.octets());
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let length = self.ip_len.unwrap_or((self.ip_extra.len() + transport.len()) as u16);
                out.extend([0x86, 0xDD, 0x60, 0, 0, 0]);
                out.extend(length.to_be_bytes());
                out.extend([self.first_next.unwrap_or(self.protocol), self.ttl]);
                out.extend(from.octets());
                out.extend(to.octets());
            }
            _ => panic!("one family"),
        }
        out.extend(&self.ip_extra);
        out.extend(transport);
        out
    }
}
