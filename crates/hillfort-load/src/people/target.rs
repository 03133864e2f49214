//! The server under load: where it is, and the keys that it wants. Knows its URL and nothing else of it.

use std::net::{SocketAddr, ToSocketAddrs as _};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A server of Nakama's client API.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// Name and port, as requests have them.
    pub(crate) host: String,
    /// `Authorization` of who signs in.
    pub(crate) server_key: String,
}

impl Target {
    /// Reads `http://host:port` and looks the host up.
    ///
    /// # Errors
    /// It is no such URL, or the name is unknown.
    pub(crate) fn new(url: &str, server_key: &str) -> anyhow::Result<Self> {
        let url = url.trim_end_matches('/');
        let Some(host) = url.strip_prefix("http://") else {
            bail!("{url}: write it as http://host:port; TLS is not spoken, so measure behind whatever ends it")
        };
        if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
            bail!("{url}: write it as http://host:port, without a path")
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if has_port { host.to_owned() } else { format!("{host}:7350") };
        let address = host.to_socket_addrs().with_context(|| format!("looking up {host}"))?.next();
        let address = address.with_context(|| format!("{host} has no address"))?;
        let server_key = format!("Basic {}", STANDARD.encode(format!("{server_key}:")));
        Ok(Self { address, host, server_key })
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn urls_are_hosts_with_ports() {
        let host = |url| Target::new(url, "defaultkey").map(|target| (target.host, target.address.port()));
        for (url, expect) in [("http://127.0.0.1:7350", "127.0.0.1:7350"), ("http://[::1]:80/", "[::1]:80")] {
            assert_eq!(host(url).expect(url).0, expect);
        }
        assert_eq!(host("http://127.0.0.1").expect("a host").1, 7350, "Nakama's port is the default");
        for bad in ["127.0.0.1:7350", "https://127.0.0.1", "http://", "http://127.0.0.1:7350/v2", "http://a b"] {
            assert!(host(bad).is_err(), "{bad}");
        }
        let key = Target::new("http://127.0.0.1", "defaultkey").expect("a target").server_key;
        assert_eq!(key, "Basic ZGVmYXVsdGtleTo=");
    }
}
