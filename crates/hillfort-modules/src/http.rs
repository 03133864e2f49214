//! `http_request`: requests of modules to other servers. Owns who may be asked and how much may come back: hosts must be listed, addresses must be public,
//! size and time are bounded. The address that was checked is the one that is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::http::uri::Scheme;
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::work::{Done, HttpRequest};

/// Places that one request may be sent on to.
const REDIRECTS_MAX: usize = 5;
/// Headers of a request.
const HEADERS_MAX: usize = 64;

/// What `http_request` may do.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Hosts that may be asked: `api.example.com`, `*.example.com` (all below it), `*` (any). None: the function is off.
    pub hosts: Vec<String>,
    /// Whether addresses of private networks and of this machine may be asked.
    pub private: bool,
    /// Bytes of a request's body and of an answer's.
    pub body_bytes_max: usize,
    /// Longest time, whatever the module asks for.
    pub timeout_max: Duration,
    /// Requests at a time, of all modules.
    pub requests_max: usize,
}

impl Default for HttpSettings {
    /// Off; 1 MiB, 10 s, 64 at a time.
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            private: false,
            body_bytes_max: 1024 * 1024,
            timeout_max: Duration::from_secs(10),
            requests_max: 64,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Http {
    settings: HttpSettings,
    running: tokio::sync::Semaphore,
    tls: OnceLock<Option<Arc<ClientConfig>>>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Http {
    pub(crate) fn new(settings: HttpSettings) -> Self {
        let running = tokio::sync::Semaphore::new(settings.requests_max);
        Self { settings, running, tls: OnceLock::new() }
    }

    /// Sends a request and reads the answer, following redirects of requests without a body.
    pub(crate) async fn send(&self, request: HttpRequest) -> Result<Done, String> {
        if request.body.len() > self.settings.body_bytes_max {
            return Err(format!("the content has more than {} bytes", self.settings.body_bytes_max));
        }
        if request.headers.len() > HEADERS_MAX {
            return Err(format!("more than {HEADERS_MAX} headers"));
        }
        let _permit = self.running.try_acquire().map_err(|_| "too many requests at a time".to_owned())?;
        let timeout = Duration::from_millis(request.timeout_ms).min(self.settings.timeout_max);
        tokio::time::timeout(timeout, self.follow(request)).await.unwrap_or_else(|_| Err(format!("no answer within {timeout:?}")))
    }

    async fn follow(&self, request: HttpRequest) -> Result<Done, String> {
        let mut uri: Uri = request.url.parse().map_err(|error| format!("{error}"))?;
        let follows = matches!(request.method.as_str(), "GET" | "HEAD");
        for _ in 0..=REDIRECTS_MAX {
            let (code, headers, body) = self.once(&request, &uri).await?;
            let next = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location")).map(|(_, value)| value);
            match next {
                Some(next) if follows && matches!(code, 301 | 302 | 303 | 307 | 308) => {
                    uri = next_uri(&uri, std::str::from_utf8(next).map_err(|_| "a redirect to no address".to_owned())?)?;
                }
                _ => return Ok(Done::Response { code, headers, body }),
            }
        }
        Err(format!("more than {REDIRECTS_MAX} redirects"))
    }

    async fn once(&self, request: &HttpRequest, uri: &Uri) -> Result<(u16, Vec<(String, Vec<u8>)>, Vec<u8>), String> {
        let host = uri.host().ok_or("the URL has no host")?.trim_matches(['[', ']']).to_ascii_lowercase();
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("a URL with a user is refused: use a header".to_owned());
        }
        if !self.may_ask(&host) {
            return Err(format!("the host {host} is not in the list of the configuration (modules.http.hosts)"));
        }
        let secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err("the URL must begin with http:// or https://".to_owned()),
        };
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = self.connect(&host, port).await?;
        let stream: Box<dyn Stream> = if secure {
            let config = self.tls().ok_or("this machine has no list of certificate authorities")?;
            let name = ServerName::try_from(host.clone()).map_err(|error| error.to_string())?;
            Box::new(TlsConnector::from(config).connect(name, stream).await.map_err(|error| error.to_string())?)
        } else {
            Box::new(stream)
        };
        self.exchange(request, uri, stream).await
    }

    fn may_ask(&self, host: &str) -> bool {
        self.settings.hosts.iter().any(|allowed| match allowed.strip_prefix("*.") {
            Some(above) => host.strip_suffix(&above.to_ascii_lowercase()).is_some_and(|below| below.ends_with('.')),
            None => allowed == "*" || allowed.eq_ignore_ascii_case(host),
        })
    }

    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, String> {
        let found = tokio::net::lookup_host((host, port)).await.map_err(|error| format!("{host}: {error}"))?;
        let addresses: Vec<SocketAddr> = found.filter(|address| self.settings.private || is_public(address.ip())).collect();
        if addresses.is_empty() {
            return Err(format!("{host} has no public address (modules.http.private allows others)"));
        }
        TcpStream::connect(&*addresses).await.map_err(|error| format!("{host}: {error}"))
    }

    fn tls(&self) -> Option<Arc<ClientConfig>> {
        let make = || {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
            Some(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
        };
        self.tls.get_or_init(make).clone()
    }

    async fn exchange(
        &self,
        request: &HttpRequest,
        uri: &Uri,
        stream: Box<dyn Stream>,
    ) -> Result<(u16, Vec<(String, Vec<u8>)>, Vec<u8>), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| text(&error))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|error| text(&error))?;
        let mut sent = Request::builder().method(method).uri(path);
        let own_host = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
        if let Some(authority) = uri.authority().filter(|_| !own_host) {
            sent = sent.header("host", authority.as_str());
        }
        for (name, value) in &request.headers {
            sent = sent.header(name.as_str(), value.as_slice());
        }
        let sent = sent.body(Full::new(Bytes::from(request.body.clone()))).map_err(|error| text(&error))?;
        let answer = async {
            let answer = sender.send_request(sent).await.map_err(|error| text(&error))?;
            let code = answer.status().as_u16();
            // The first value of each name, as in Nakama; names as HTTP writes them.
            let headers = answer
                .headers()
                .keys()
                .filter_map(|name| Some((titled(name.as_str()), answer.headers().get(name)?.as_bytes().to_vec())));
            let headers = headers.collect();
            let limited = Limited::new(answer.into_body(), self.settings.body_bytes_max);
            let body = limited.collect().await.map_err(|error| format!("HTTP response body error: {error}"))?;
            Ok((code, headers, body.to_bytes().to_vec()))
        };
        let connection = async {
            // Its error is the answer's, too.
            connection.await.ok();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            answer = answer => answer,
            () = connection => unreachable!("never ends"),
        }
    }
}

/// `content-type` as `Content-Type`: what modules that were written for Nakama look for.
pub(crate) fn titled(name: &str) -> String {
    let mut start = true;
    let letter = |character: char| {
        let letter = if start { character.to_ascii_uppercase() } else { character };
        start = character == '-';
        letter
    };
    name.chars().map(letter).collect()
}

fn next_uri(from: &Uri, to: &str) -> Result<Uri, String> {
    let parsed: Uri = to.parse().map_err(|error| format!("{error}"))?;
    if parsed.scheme().is_some() {
        return Ok(parsed);
    }
    let scheme = from.scheme_str().unwrap_or("https");
    let authority = from.authority().map(hyper::http::uri::Authority::as_str).unwrap_or_default();
    let next = if to.starts_with("//") {
        format!("{scheme}:{to}")
    } else {
        format!("{scheme}://{authority}/{}", to.trim_start_matches('/'))
    };
    next.parse().map_err(|error| format!("{error}"))
}

/// Whether an address is one of the public network's (IANA's registries of special-purpose addresses).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match a {
        0 | 10 | 127 | 224.. => true,
        100 => (64..128).contains(&b),
        169 => b == 254,
        172 => (16..32).contains(&b),
        192 => b == 168 || (b == 0 && (c == 0 || c == 2)) || (b == 88 && c == 99),
        198 => b == 18 || b == 19 || (b == 51 && c == 100),
        203 => b == 0 && c == 113,
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let embedded = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match parts {
        // An IPv4 address in another form.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(embedded(high, low)),
        [0x2002, high, low, ..] => is_public_v4(embedded(high, low)),
        // Global unicast only, without documentation and tunnels.
        [0x2001, second, ..] => second != 0xdb8 && second >= 0x200,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for address in ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "2001:4860::8888"] {
            assert!(is_public(address.parse().expect("an address")), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "127.0.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "192.0.2.1",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(!is_public(address.parse().expect("an address")), "{address}");
        }
    }

    #[test]
    fn hosts_are_listed() {
        let hosts = ["api.example.com", "*.game.org"].map(str::to_owned).to_vec();
        let http = Http::new(HttpSettings { hosts, ..HttpSettings::default() });
        for (host, may) in [
            ("api.example.com", true),
            ("example.com", false),
            ("xapi.example.com", false),
            ("a.game.org", true),
            ("a.b.game.org", true),
            ("game.org", false),
            ("evilgame.org", false),
        ] {
            assert_eq!(http.may_ask(host), may, "{host}");
        }
        assert!(!Http::new(HttpSettings::default()).may_ask("api.example.com"));
    }

    #[test]
    fn redirects_stay_where_they_say() {
        let from: Uri = "https://a.org/x/y?z".parse().expect("an address");
        for (to, expect) in [("/b", "https://a.org/b"), ("//c.org/d", "https://c.org/d"), ("http://e.org/", "http://e.org/")] {
            assert_eq!(next_uri(&from, to).map(|uri| uri.to_string()).as_deref(), Ok(expect));
        }
    }
}
