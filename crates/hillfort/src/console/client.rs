//! From which address a request comes: the other end's, or, behind proxies that are listed, the one that the last of them reports. Knows nothing of
//! what is asked.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{HeaderMap, HeaderName};
use hillfort_guard::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Proxies in a row that are followed.
const HOPS_MAX: usize = 8;

/// Whom a request is from, for limits and the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Client(pub(super) IpAddr);

impl Client {
    /// The client behind `peer`. Each proxy adds whom it asks for at the end of `X-Forwarded-For`, so the header is read from there, for as long as
    /// those who wrote it are listed; what stands before is a stranger's word. An entry that is no address ends the search at the proxy
    /// that wrote it.
    pub(super) fn of(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> Self {
        let mut client = peer.to_canonical();
        let lists = headers.get_all(FORWARDED_FOR).iter().rev();
        let mut entries = lists.flat_map(|list| list.to_str().unwrap_or_default().rsplit(',')).map(address);
        for _ in 0..HOPS_MAX {
            if !is_in(proxies, client) {
                break;
            }
            let Some(Some(before)) = entries.next() else { break };
            client = before;
        }
        Self(client)
    }
}

/// Whether a request from there was made at this machine, and not through a proxy on it.
pub(super) fn is_local(address: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> bool {
    address.is_loopback() && !is_forwarded(headers) && !is_in(proxies, address)
}

/// Whether a proxy says that it asks for another: then its address is nobody's proof of sitting at this machine.
fn is_forwarded(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip"]
        .iter()
        .any(|name| headers.contains_key(*name))
}

/// Whether one of the prefixes has it.
pub(super) fn is_in(prefixes: &[IpNet], address: IpAddr) -> bool {
    prefixes.iter().any(|prefix| prefix.contains(&address))
}

/// As proxies write it: with a port or without, and IPv6 in brackets or not.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let found = bare.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()));
    found.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_listed_proxies_say_for_whom_they_ask() {
        let proxies: Vec<IpNet> = ["127.0.0.1/32", "10.0.0.0/8", "2001:db8:1::/48"].map(|text| text.parse().unwrap()).into();
        let check = |peer: &str, lists: &[&[u8]], expect: &str| {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append(FORWARDED_FOR, HeaderValue::from_bytes(list).unwrap());
            }
            let Client(got) = Client::of(peer.parse().unwrap(), &headers, &proxies);
            assert_eq!(got, expect.parse::<IpAddr>().unwrap(), "{peer} {lists:?}");
        };
        // Nobody else is believed.
        check("192.0.2.9", &[], "192.0.2.9");
        check("192.0.2.9", &[b"198.51.100.1"], "192.0.2.9");
        check("192.0.2.9", &[b"127.0.0.1"], "192.0.2.9");
        check("127.0.0.2", &[b"198.51.100.1"], "127.0.0.2");
        check("::1", &[b"198.51.100.1"], "::1");
        // A proxy is, for the last one that it did not know to be a proxy.
        check("127.0.0.1", &[], "127.0.0.1");
        check("127.0.0.1", &[b"198.51.100.1"], "198.51.100.1");
        check("::ffff:127.0.0.1", &[b"198.51.100.1"], "198.51.100.1");
        check("127.0.0.1", &[b"::ffff:198.51.100.1"], "198.51.100.1");
        check("127.0.0.1", &[b"198.51.100.1, 10.1.1.1"], "198.51.100.1");
        check("127.0.0.1", &[b"198.51.100.1", b"10.1.1.1"], "198.51.100.1");
        check("127.0.0.1", &[b"198.51.100.1, 10.2.2.2", b" 10.1.1.1 "], "198.51.100.1");
        check("2001:db8:1::1", &[b"2001:db8:2::7"], "2001:db8:2::7");
        check("127.0.0.1", &[b"198.51.100.1:443"], "198.51.100.1");
        check("127.0.0.1", &[b"[2001:db8:2::7]:443"], "2001:db8:2::7");
        check("127.0.0.1", &[b"[2001:db8:2::7]"], "2001:db8:2::7");
        // What a client writes before the proxy's own word changes nothing.
        check("127.0.0.1", &[b"203.0.113.5, 198.51.100.1"], "198.51.100.1");
        check("127.0.0.1", &[b"203.0.113.5", b"198.51.100.1"], "198.51.100.1");
        check("127.0.0.1", &[b"10.9.9.9, 198.51.100.1"], "198.51.100.1");
        check("127.0.0.1", &[b"127.0.0.1, 198.51.100.1, 10.1.1.1"], "198.51.100.1");
        check("10.1.1.1", &[b"127.0.0.1"], "127.0.0.1");
        check("127.0.0.1", &[b"10.1.1.1, 10.2.2.2"], "10.1.1.1");
        // What is no address ends the search at who wrote it.
        check("127.0.0.1", &[b""], "127.0.0.1");
        check("127.0.0.1", &[b"unknown"], "127.0.0.1");
        check("127.0.0.1", &[b"198.51.100.1, unknown"], "127.0.0.1");
        check("127.0.0.1", &[b"198.51.100.1,"], "127.0.0.1");
        check("127.0.0.1", &[b"198.51.100.1, evil, 10.1.1.1"], "10.1.1.1");
        check("127.0.0.1", &[b"198.51.100.1\xff"], "127.0.0.1");
        check("127.0.0.1", &[b"198.51.100.256"], "127.0.0.1");
        check("127.0.0.1", &[b"0x7f.1"], "127.0.0.1");
        check("127.0.0.1", &[b"198.51.100.1:99999"], "127.0.0.1");
        check("127.0.0.1", &["10.1.1.1,".repeat(1_000).as_bytes(), b"10.1.1.1"], "10.1.1.1");
    }
}
