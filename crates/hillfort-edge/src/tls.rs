//! Certificate and key into a rustls configuration, and what handshakes with it cost. Knows nothing of sockets or files.

mod measure;

pub(crate) use measure::handshakes_per_s;

use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

/// A certificate chain and its key, both PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Leaf first.
    pub chain_pem: Vec<u8>,
    /// PKCS #8, PKCS #1 or SEC1.
    pub key_pem: Vec<u8>,
}

/// The certificate cannot be used.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// The chain is no PEM, or holds no certificate.
    #[error("no certificate in the PEM chain")]
    Chain,
    /// The key is no PEM, or of a kind that is not known.
    #[error("no private key in the PEM key")]
    Key,
    /// The doors speak no TLS, so there is no certificate to be replaced.
    #[error("the doors speak no TLS: that takes a restart")]
    NoTls,
    /// Key and certificate do not fit, or an algorithm is not supported.
    #[error("certificate refused: {0}")]
    Refused(rustls::Error),
}

impl Certificate {
    /// Whether doors can be opened with it.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn check(&self) -> Result<(), CertificateError> {
        server_config(self).map(drop)
    }
}

impl std::fmt::Debug for Certificate {
    /// The key stays out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("chain_bytes", &self.chain_pem.len()).finish_non_exhaustive()
    }
}

/// One certificate's configurations. They share what makes handshakes resume.
#[derive(Debug, Clone)]
pub(crate) struct Configs {
    /// Frames, HTTP/1.1 and WebSocket: nothing is negotiated.
    pub(crate) plain: Arc<ServerConfig>,
    /// gRPC: HTTP/2, or HTTP/1.1 for gRPC-Web.
    pub(crate) http2: Arc<ServerConfig>,
}

/// TLS 1.2 and 1.3 by ring, no client certificates.
pub(crate) fn server_config(certificate: &Certificate) -> Result<Configs, CertificateError> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&certificate.chain_pem).collect::<Result<_, _>>().map_err(|_| CertificateError::Chain)?;
    if chain.is_empty() {
        return Err(CertificateError::Chain);
    }
    let key = PrivateKeyDer::from_pem_slice(&certificate.key_pem).map_err(|_| CertificateError::Key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(CertificateError::Refused)?;
    // Tickets need no memory here: the state travels with the client, sealed.
    config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(CertificateError::Refused)?;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    let mut http2 = config.clone();
    http2.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Configs { plain: Arc::new(config), http2: Arc::new(http2) })
}
