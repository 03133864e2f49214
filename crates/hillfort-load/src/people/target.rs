//! The server under load: where it is, and the keys that it wants. Knows its URL and nothing else of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream as StdStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::tls::{self, Trust};
use crate::link::{Channel, connect_from};

/// Time for the handshake before the players come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server of Nakama's client API.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// Name and port, as requests have them.
    pub(crate) host: String,
    /// `Authorization` of who signs in.
    pub(crate) server_key: String,
    /// `Authorization` of a server that calls functions, if matches are to be made by one.
    pub(crate) http_key: Option<String>,
    /// Of `https`: how, and the server's name.
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Target {
    /// Reads `http://host:port` or `https://host:port` and looks the host up.
    ///
    /// # Errors
    /// It is no such URL, the name is unknown, or there is nobody to trust.
    pub(crate) fn new(url: &str, server_key: &str, http_key: Option<&str>, trust: Trust<'_>) -> anyhow::Result<Self> {
        let url = url.trim_end_matches('/');
        let (host, port, is_secure) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
            (Some(host), _) => (host, 7350, false),
            (_, Some(host)) => (host, 443, true),
            _ => bail!("{url}: write it as http://host:port or https://host:port"),
        };
        if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
            bail!("{url}: write it as http://host:port or https://host:port, without a path")
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if has_port { host.to_owned() } else { format!("{host}:{port}") };
        let found: Vec<_> = host.to_socket_addrs().with_context(|| format!("looking up {host}"))?.collect();
        // Players come from addresses of IPv4 where there is a choice.
        let address = found.iter().find(|address| address.is_ipv4()).or_else(|| found.first());
        let address = *address.with_context(|| format!("{host} has no address"))?;
        let tls = if is_secure { Some((tls::config(trust)?, server_name(&host)?)) } else { None };
        let basic = |key: &str| format!("Basic {}", STANDARD.encode(format!("{key}:")));
        Ok(Self { address, host, server_key: basic(server_key), http_key: http_key.map(basic), tls })
    }

    /// Shakes hands with the server once, where TLS is spoken: a certificate that nobody trusts is told at once, and not by each player.
    ///
    /// # Errors
    /// Nobody answers, or it is not the server.
    pub(crate) fn shake_hands(&self) -> anyhow::Result<()> {
        let Some((config, name)) = &self.tls else { return Ok(()) };
        let mut stream =
            StdStream::connect_timeout(&self.address, PATIENCE).with_context(|| format!("connecting to {}", self.host))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut connection = ClientConnection::new(Arc::clone(config), name.clone())?;
        while connection.is_handshaking() {
            let shaken = connection.complete_io(&mut stream);
            shaken
                .with_context(|| format!("TLS with {}: --ca names a certificate to trust, --insecure believes any", self.host))?;
        }
        Ok(())
    }

    /// Begins to connect from `source`; the socket alone, to be registered before [`Target::speak`].
    pub(crate) fn connect(&self, source: Ipv4Addr) -> anyhow::Result<TcpStream> {
        connect_from(self.address, source)
    }

    /// What the server is spoken to by.
    ///
    /// # Errors
    /// TLS does not know how to ask for a server of this name.
    pub(crate) fn speak(&self, stream: TcpStream) -> Result<Channel, rustls::Error> {
        match &self.tls {
            None => Ok(Channel::Plain(stream)),
            Some((config, name)) => Channel::secure(config, name.clone(), stream),
        }
    }
}

/// What the certificate of `name:port` has to be for.
fn server_name(host: &str) -> anyhow::Result<ServerName<'static>> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let name = address.map(|address| Ok(ServerName::IpAddress(address.into())));
    name.unwrap_or_else(|_| ServerName::try_from(host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned()))
        .with_context(|| format!("{host}: no name that a certificate can be for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_hosts_with_ports() {
        let new = |url| Target::new(url, "defaultkey", None, Trust::Anybody);
        let host = |url| new(url).map(|target| (target.host, target.address.port()));
        for (url, expect) in [("http://127.0.0.1:7350", "127.0.0.1:7350"), ("http://[::1]:80/", "[::1]:80")] {
            assert_eq!(host(url).expect(url).0, expect);
        }
        assert_eq!(host("http://127.0.0.1").expect("a host").1, 7350, "Nakama's port is the default");
        assert_eq!(host("https://127.0.0.1").expect("a host").1, 443);
        for bad in ["127.0.0.1:7350", "ws://127.0.0.1", "http://", "https://", "http://127.0.0.1:7350/v2", "http://a b"] {
            assert!(host(bad).is_err(), "{bad}");
        }
        assert_eq!(new("http://127.0.0.1").expect("a target").server_key, "Basic ZGVmYXVsdGtleTo=");
    }
    #[test]
    fn certificates_are_for_names_or_addresses() {
        let name = |host| server_name(host).map(|name| name.to_str().into_owned());
        for (host, expect) in [("127.0.0.1:443", "127.0.0.1"), ("[::1]:443", "::1"), ("fort.test:7350", "fort.test")] {
            assert_eq!(name(host).expect(host), expect);
        }
        assert!(name("a_b!:1").is_err());
    }

    #[test]
    fn there_must_be_somebody_to_trust() {
        let folder = std::env::temp_dir();
        for path in [folder.join("no-such-certificate.pem"), folder] {
            assert!(Target::new("https://127.0.0.1", "k", None, Trust::File(&path)).is_err(), "{}", path.display());
        }
    }
}
