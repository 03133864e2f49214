//! Whose certificates are believed: those of the system's authorities, one that is named, or any. Knows nothing of who connects.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Whom players believe to be the server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trust<'a> {
    /// Whoever an authority of this system vouches for.
    System,
    /// Whoever has a certificate of this PEM file, or one that it vouches for.
    File(&'a Path),
    /// Anybody: for development.
    Anybody,
}

/// TLS for players.
///
/// # Errors
/// No certificate can be read.
pub(crate) fn config(trust: Trust<'_>) -> anyhow::Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match trust {
        Trust::System => builder.with_root_certificates(system()?),
        Trust::File(path) => builder.with_root_certificates(of_file(path)?),
        Trust::Anybody => builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate::new(&provider))),
    };
    let mut config = builder.with_no_client_auth();
    // Each player is somebody else: with a ticket of another one the handshake would be cheaper than it is.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn system() -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        bail!("this system has no certificates of authorities: name one with --ca, or install ca-certificates");
    }
    Ok(roots)
}

fn of_file(path: &Path) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let name = || path.display().to_string();
    for certificate in CertificateDer::pem_file_iter(path).with_context(name)? {
        roots.add(certificate.with_context(name)?).with_context(name)?;
    }
    if roots.is_empty() {
        bail!("{}: has no certificate in PEM", name());
    }
    Ok(roots)
}

/// Believes any certificate. What is signed is still checked against it, so that the handshake costs what it costs.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl AnyCertificate {
    fn new(provider: &CryptoProvider) -> Self {
        Self(provider.signature_verification_algorithms)
    }
}

impl ServerCertVerifier for AnyCertificate {
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
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
