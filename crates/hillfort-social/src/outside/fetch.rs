//! One HTTPS request to a neighbour that the operator chose. Owns time, size and trust; knows nothing of what is asked.
//!
//! A connection for each request: keys are fetched once an hour, and a sign-in with Steam may wait for a handshake. Redirects are not
//! followed: an address that moved is a change of configuration.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CACHE_CONTROL, HOST, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

/// Largest answer that is read.
pub const ANSWER_MAX: usize = 256 << 10;

/// How long a request may take in all.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no answer. Names the host alone: the rest of an address may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchFault {
    /// Not an address of `http` or `https` with a host.
    #[error("{0:?} is no address of http or https")]
    Address(String),
    /// No connection, or it broke.
    #[error("{0} cannot be reached: {1}")]
    Connection(String, String),
    /// It did not answer within [`PATIENCE`].
    #[error("{0} did not answer in time")]
    Slow(String),
    /// More than [`ANSWER_MAX`].
    #[error("{0} answered with too much")]
    TooLarge(String),
}

/// What a neighbour said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status of HTTP.
    pub status: u16,
    /// For how many seconds it may be kept, if it says so.
    pub max_age_s: Option<u32>,
    /// The body.
    pub body: Bytes,
}

/// Whom to trust beside the system's authorities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Certificates in PEM, such as a proxy's. Empty for none.
    pub extra_pem: String,
}

/// Asks neighbours. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetch {
    /// Read with the first request that needs it: a server that asks nobody keeps no list of authorities.
    tls: Arc<OnceCell<Arc<ClientConfig>>>,
    extra: Arc<[CertificateDer<'static>]>,
    patience: Duration,
}

impl Fetch {
    /// With the system's authorities and those of `trust`.
    ///
    /// # Errors
    /// The extra certificates are none. A system without authorities is no error: what needs them fails later, and says so.
    pub fn new(trust: &Trust) -> Result<Self, String> {
        let wrong = |why: &dyn std::fmt::Display| format!("extra certificates of authorities: {why}");
        let mut checked = RootCertStore::empty();
        let mut extra = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(trust.extra_pem.as_bytes()) {
            let certificate = certificate.map_err(|why| wrong(&why))?;
            checked.add(certificate.clone()).map_err(|why| wrong(&why))?;
            extra.push(certificate);
        }
        Ok(Self { tls: Arc::default(), extra: extra.into(), patience: PATIENCE })
    }

    /// What TLS needs. Reading the system's authorities takes some milliseconds, which no IO thread has.
    async fn tls(&self) -> Arc<ClientConfig> {
        let read = || async {
            let extra = Arc::clone(&self.extra);
            let made = tokio::task::spawn_blocking(move || Arc::new(client_config(&extra))).await;
            made.expect("reading certificates does not panic")
        };
        Arc::clone(self.tls.get_or_init(read).await)
    }

    /// What `address` answers to a GET.
    ///
    /// # Errors
    /// [`FetchFault`]. An answer of any status is an answer.
    pub async fn get(&self, address: &str) -> Result<Answer, FetchFault> {
        let uri: Uri = address.parse().map_err(|_| FetchFault::Address(host_of(address)))?;
        let host = uri.host().ok_or_else(|| FetchFault::Address(host_of(address)))?.to_owned();
        let asked = async {
            match uri.scheme_str() {
                Some("https") => {
                    let name = ServerName::try_from(host.clone()).map_err(|_| FetchFault::Address(host.clone()))?;
                    let stream = connect(&host, uri.port_u16().unwrap_or(443)).await?;
                    let connector = TlsConnector::from(self.tls().await);
                    let stream = connector.connect(name, stream).await.map_err(|why| broken(&host, why))?;
                    ask(stream, &host, &uri).await
                }
                Some("http") => ask(connect(&host, uri.port_u16().unwrap_or(80)).await?, &host, &uri).await,
                _ => Err(FetchFault::Address(host.clone())),
            }
        };
        tokio::time::timeout(self.patience, asked).await.unwrap_or_else(|_| Err(FetchFault::Slow(host.clone())))
    }
}

/// Trusts the system's authorities and these.
fn client_config(extra: &[CertificateDer<'static>]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(extra.iter().cloned());
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the suites of TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// What may be said of an address in a log: where it leads, and nothing behind it.
fn host_of(address: &str) -> String {
    let start = address.find("://").map_or(0, |at| at + 3);
    address[start..].chars().take_while(|char| !matches!(char, '/' | '?' | '#')).take(128).collect()
}

fn broken(host: &str, why: impl std::fmt::Display) -> FetchFault {
    FetchFault::Connection(host.to_owned(), why.to_string())
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, FetchFault> {
    let host_only = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host_only, port)).await.map_err(|why| broken(host, why))?;
    stream.set_nodelay(true).map_err(|why| broken(host, why))?;
    Ok(stream)
}

async fn ask<S>(stream: S, host: &str, uri: &Uri) -> Result<Answer, FetchFault>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|why| broken(host, why))?;
    let driver = tokio::spawn(connection);
    let _stop = Stop(driver.abort_handle());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(HOST, uri.authority().map_or(host, |authority| authority.as_str()))
        .header(ACCEPT, "application/json, */*")
        .header(USER_AGENT, concat!("hillfort/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|why| broken(host, why))?;
    let answer = sender.send_request(request).await.map_err(|why| broken(host, why))?;
    let status = answer.status().as_u16();
    let max_age_s = answer.headers().get(CACHE_CONTROL).and_then(|value| max_age(value.to_str().ok()?));
    let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
    match body {
        Ok(body) => Ok(Answer { status, max_age_s, body: body.to_bytes() }),
        Err(why) if why.is::<http_body_util::LengthLimitError>() => Err(FetchFault::TooLarge(host.to_owned())),
        Err(why) => Err(broken(host, why)),
    }
}

/// Ends the connection's task with the request, however that ends.
struct Stop(tokio::task::AbortHandle);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn max_age(value: &str) -> Option<u32> {
    value.split(',').find_map(|part| part.trim().strip_prefix("max-age=")?.parse().ok())
}

/// `text` as part of a query: everything but letters, digits and `-._~` is escaped (RFC 3986).
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(char::from(byte)),
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
