//! The header by which a balancer says for whom it connects: PROXY protocol version 2 (haproxy.org, `proxy-protocol.txt` §2.2). Owns
//! its layout; who may send one is the door's business. Version 1, its text form, is not read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::reject::Reject;

/// Most bytes of a header, its extensions (TLVs) included. Those of balancers in use stay below 300.
pub const PROXY_HEADER_BYTES_MAX: usize = 1024;
/// Every header begins like this: no other protocol does.
pub const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length of the rest.
const FIXED_BYTES: usize = 16;

/// For whom the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The balancer's own, e.g. to see whether we live.
    Local,
    /// A client's, from this address.
    Client(SocketAddr),
}

/// Reads the header at the beginning of a connection: what it says, and its bytes. `Ok(None)`: nothing is wrong yet, more bytes are
/// needed. Borrows, allocates nothing. Extensions are skipped unread.
///
/// # Errors
/// [`Reject::ProxyHeader`]: another protocol, version or command; a client that does not speak TCP; longer than
/// [`PROXY_HEADER_BYTES_MAX`]. Said as soon as the byte is there that is wrong.
pub fn read(bytes: &[u8]) -> Result<Option<(Origin, usize)>, Reject> {
    let seen = bytes.len().min(SIGNATURE.len());
    if bytes[..seen] != SIGNATURE[..seen] {
        return Err(Reject::ProxyHeader);
    }
    // Version and command.
    if bytes.get(12).is_some_and(|byte| !matches!(byte, 0x20 | 0x21)) {
        return Err(Reject::ProxyHeader);
    }
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED_BYTES>() else { return Ok(None) };
    let [.., command, family, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    // Family and transport, and the bytes of their addresses.
    let addresses = match (command, family) {
        (0x20, _) => 0,
        (_, 0x11) => 12,
        (_, 0x21) => 36,
        _ => return Err(Reject::ProxyHeader),
    };
    if length < addresses || FIXED_BYTES + length > PROXY_HEADER_BYTES_MAX {
        return Err(Reject::ProxyHeader);
    }
    let Some(rest) = rest.get(..length) else { return Ok(None) };
    let origin = match addresses {
        0 => Origin::Local,
        12 => client(rest, |ip: [u8; 4]| Ipv4Addr::from(ip).into())?,
        _ => client(rest, |ip: [u8; 16]| Ipv6Addr::from(ip).into())?,
    };
    Ok(Some((origin, FIXED_BYTES + length)))
}

/// Two addresses of `N` bytes, two ports: the client's come first.
fn client<const N: usize>(addresses: &[u8], ip: impl FnOnce([u8; N]) -> IpAddr) -> Result<Origin, Reject> {
    match (addresses.first_chunk::<N>(), addresses.get(2 * N..).and_then(|ports| ports.first_chunk::<2>())) {
        (Some(bytes), Some(port)) => Ok(Origin::Client(SocketAddr::new(ip(*bytes), u16::from_be_bytes(*port)))),
        _ => Err(Reject::ProxyHeader),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: [u8; 12] = [203, 0, 113, 7, 10, 0, 0, 1, 0xC0, 0x01, 0x1C, 0xB8];

    fn header(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend_from_slice(&[command, family]);
        bytes.extend_from_slice(&(body.len() as u16).to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    fn check(bytes: &[u8], expect: Result<(Origin, usize), Reject>) {
        let whole = read(bytes);
        assert_eq!(whole, expect.map(Some), "{bytes:02x?}");
        // Byte by byte it is the same, only later; what follows is nobody's business here.
        let known = match expect {
            Ok((_, used)) => used,
            Err(_) => (0..=bytes.len()).find(|end| read(&bytes[..*end]).is_err()).unwrap(),
        };
        for end in 0..=bytes.len() {
            let part = read(&bytes[..end]);
            assert_eq!(part, if end < known { Ok(None) } else { whole }, "{end} of {bytes:02x?}");
        }
    }

    #[test]
    fn what_balancers_send() {
        let four: SocketAddr = "203.0.113.7:49153".parse().unwrap();
        check(&header(0x21, 0x11, &V4), Ok((Origin::Client(four), 28)));
        let with_tlv = [&V4[..], &[0x04, 0, 3, 0, 0, 0], b"x"].concat();
        check(&header(0x21, 0x11, &with_tlv), Ok((Origin::Client(four), 35)));
        let mut six = [0; 36];
        six[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        six[32..34].copy_from_slice(&[0x12, 0x34]);
        check(&header(0x21, 0x21, &six), Ok((Origin::Client("[2001:db8::7]:4660".parse().unwrap()), 52)));
        check(&header(0x20, 0x00, &[]), Ok((Origin::Local, 16)));
        check(&header(0x20, 0x11, &V4), Ok((Origin::Local, 28)));
        let longest = [&V4[..], &[0; PROXY_HEADER_BYTES_MAX - 28]].concat();
        check(&header(0x21, 0x11, &longest), Ok((Origin::Client(four), PROXY_HEADER_BYTES_MAX)));
    }

    #[test]
    fn what_is_no_header() {
        let bad = Err(Reject::ProxyHeader);
        let mut wrong = header(0x21, 0x11, &V4);
        wrong[11] ^= 1;
        check(&wrong, bad);
        check(b"PROXY TCP4 203.0.113.7 10.0.0.1 49153 7352\r\n", bad);
        check(b"\x16\x03\x01", bad);
        check(&header(0x11, 0x11, &V4), bad);
        check(&header(0x22, 0x11, &V4), bad);
        check(&header(0x21, 0x12, &V4), bad); // UDP
        check(&header(0x21, 0x00, &V4), bad); // unspecified
        check(&header(0x21, 0x31, &[0; 216]), bad); // Unix socket
        check(&header(0x21, 0x11, &V4[..11]), bad);
        check(&header(0x21, 0x21, &[0; 35]), bad);
        let longer = [&V4[..], &[0; PROXY_HEADER_BYTES_MAX - 27]].concat();
        check(&header(0x21, 0x11, &longer), bad);
    }
}
