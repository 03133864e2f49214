//! What a TLS handshake costs this machine: a few are done in memory. Only the server's steps are timed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, ServerConfig, ServerConnection, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// Time that is spent on it, and handshakes at most.
const LASTS: Duration = Duration::from_millis(50);
const HANDSHAKES_MAX: usize = 101;
/// Fewer of them say nothing.
const HANDSHAKES_MIN: usize = 3;

/// Whole handshakes with this certificate that one core can answer in a second: the median of some full ones of TLS 1.3, at most
/// 50 ms of them. `None`: none succeeds, so there is nothing to be counted.
pub(crate) fn handshakes_per_s(server: &Arc<ServerConfig>) -> Option<u32> {
    let client = client_config()?;
    let (begun, mut times) = (Instant::now(), Vec::with_capacity(HANDSHAKES_MAX));
    while times.len() < HANDSHAKES_MIN || begun.elapsed() < LASTS && times.len() < HANDSHAKES_MAX {
        times.push(handshake(server, &client).ok()?);
    }
    times.sort_unstable();
    let median = times[times.len() / 2].as_secs_f64();
    Some((1.0 / median.max(1e-6)) as u32)
}

/// Time of the server's part of one handshake.
fn handshake(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>) -> Result<Duration, Error> {
    let name = ServerName::try_from("fort.invalid").map_err(|_| Error::General("no name".into()))?;
    let mut client = ClientConnection::new(Arc::clone(client), name)?;
    let (mut up, mut down, mut spent) = (Vec::new(), Vec::new(), Duration::ZERO);
    let begun = Instant::now();
    let mut server = ServerConnection::new(Arc::clone(server))?;
    spent += begun.elapsed();
    let io = |_| Error::General("memory takes all bytes".into());
    while client.is_handshaking() || server.is_handshaking() {
        up.clear();
        while client.wants_write() {
            client.write_tls(&mut up).map_err(io)?;
        }
        let begun = Instant::now();
        let mut rest = &up[..];
        while !rest.is_empty() {
            server.read_tls(&mut rest).map_err(io)?;
            server.process_new_packets()?;
        }
        down.clear();
        while server.wants_write() {
            server.write_tls(&mut down).map_err(io)?;
        }
        spent += begun.elapsed();
        if up.is_empty() && down.is_empty() {
            return Err(Error::General("both sides wait".into()));
        }
        let mut rest = &down[..];
        while !rest.is_empty() {
            client.read_tls(&mut rest).map_err(io)?;
            client.process_new_packets()?;
        }
    }
    Ok(spent)
}

fn client_config() -> Option<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().ok()?;
    let mut config = versions.dangerous().with_custom_certificate_verifier(Arc::new(Anything(provider))).with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Some(Arc::new(config))
}

/// Believes everything: both ends are we, in memory.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
