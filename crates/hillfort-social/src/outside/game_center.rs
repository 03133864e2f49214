//! Apple's Game Center: a signature over player, app, time and salt by a key whose certificate lies at an address that the client names.
//! Owns the rules for that address, the certificate's time, the window and the memory of used proofs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::fetch::Fetch;
use super::replay::{NotTaken, Used};
use super::{PROOF_MAX, Person, ProofFault};

/// Used proofs that are remembered.
const USED_MAX: usize = 1 << 16;
/// Certificates that are kept, and for how long.
const CERTIFICATES_MAX: usize = 8;
const KEEP_MS: i64 = 3_600_000;

/// Game Center for a game.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GameCenterConfig {
    /// Bundle ids of the game's apps. Empty: not configured.
    pub bundle_ids: Vec<String>,
    /// Hosts, with a port if it is not 443, from which a certificate is fetched. No other address is ever asked.
    pub hosts: Vec<String>,
    /// For how long a proof is good, in milliseconds. It is good once.
    pub window_ms: i64,
}

impl Default for GameCenterConfig {
    fn default() -> Self {
        let hosts = ["static.gc.apple.com", "sandbox.gc.apple.com"];
        Self { bundle_ids: Vec::new(), hosts: hosts.map(str::to_owned).to_vec(), window_ms: 600_000 }
    }
}

/// What a client brings.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as Apple names them")]
pub struct GameCenterProof<'a> {
    pub player_id: &'a str,
    pub bundle_id: &'a str,
    /// As Apple gave it to the client: milliseconds since 1970. The API calls the field `timestamp_seconds`.
    pub timestamp: i64,
    pub salt: &'a str,
    pub signature: &'a str,
    pub public_key_url: &'a str,
}

/// Until when a certificate is kept, and the certificate.
type Kept = (i64, Arc<Vec<u8>>);

/// Checks proofs.
#[derive(Debug)]
pub struct GameCenter {
    config: GameCenterConfig,
    certificates: Mutex<HashMap<String, Kept>>,
    fetching: tokio::sync::Mutex<()>,
    used: Used,
}

impl GameCenter {
    /// With these rules.
    #[must_use]
    pub fn new(config: GameCenterConfig) -> Self {
        Self { config, certificates: Mutex::default(), fetching: tokio::sync::Mutex::new(()), used: Used::new(USED_MAX) }
    }

    /// Who brings `proof`.
    ///
    /// # Errors
    /// [`ProofFault`].
    pub async fn check(&self, fetch: &Fetch, proof: &GameCenterProof<'_>, now_ms: i64) -> Result<Person, ProofFault> {
        if self.config.bundle_ids.is_empty() {
            return Err(ProofFault::NotConfigured("Game Center"));
        }
        if !self.config.bundle_ids.iter().any(|id| id == proof.bundle_id) {
            return Err(ProofFault::Refused("made for another app"));
        }
        if proof.player_id.is_empty()
            || proof.player_id.len() > 128
            || proof.salt.len() > 256
            || proof.signature.len() > PROOF_MAX
        {
            return Err(ProofFault::Refused("no proof of Game Center"));
        }
        // Apple's is in milliseconds; some clients send seconds, and then nothing fits the signature but what they were given.
        let signed_ms = if proof.timestamp < 100_000_000_000 { proof.timestamp.saturating_mul(1000) } else { proof.timestamp };
        if now_ms.abs_diff(signed_ms) > self.config.window_ms.unsigned_abs() {
            return Err(ProofFault::Refused("not of these minutes"));
        }
        let salt = STANDARD.decode(proof.salt).map_err(|_| ProofFault::Refused("no salt"))?;
        let signature = STANDARD.decode(proof.signature).map_err(|_| ProofFault::Refused("no signature"))?;
        let certificate = self.certificate(fetch, proof.public_key_url, now_ms).await?;
        let mut signed = Vec::with_capacity(proof.player_id.len() + proof.bundle_id.len() + 8 + salt.len());
        signed.extend_from_slice(proof.player_id.as_bytes());
        signed.extend_from_slice(proof.bundle_id.as_bytes());
        signed.extend_from_slice(&proof.timestamp.to_be_bytes());
        signed.extend_from_slice(&salt);
        verify(&certificate, &signed, &signature, now_ms)?;
        let keep_ms = self.config.window_ms.saturating_mul(2);
        match self.used.take(Sha256::digest(&signature).into(), keep_ms, now_ms) {
            Ok(()) => Ok(Person { id: proof.player_id.to_owned(), ..Person::default() }),
            Err(NotTaken::Before) => Err(ProofFault::Refused("used before")),
            Err(NotTaken::Full) => Err(ProofFault::Unreachable("too many proofs of Game Center within its window".to_owned())),
        }
    }

    /// The certificate at an address of a listed host.
    async fn certificate(&self, fetch: &Fetch, address: &str, now_ms: i64) -> Result<Arc<Vec<u8>>, ProofFault> {
        let address = self.listed(address).ok_or(ProofFault::Refused("a key from a host that is not listed"))?;
        let kept = || {
            let kept = self.certificates.lock().expect("no holder panics");
            kept.get(&address).filter(|(until_ms, _)| now_ms < *until_ms).map(|(_, der)| Arc::clone(der))
        };
        if let Some(der) = kept() {
            return Ok(der);
        }
        let _one = self.fetching.lock().await;
        if let Some(der) = kept() {
            return Ok(der);
        }
        let answer = fetch.get(&address).await.map_err(|why| ProofFault::Unreachable(why.to_string()))?;
        if answer.status != 200 {
            return Err(ProofFault::Refused("no key at that address"));
        }
        let der = match CertificateDer::from_pem_slice(&answer.body) {
            Ok(der) => der.to_vec(),
            Err(_) => answer.body.to_vec(),
        };
        Certificate::from_der(&der).map_err(|_| ProofFault::Refused("no certificate at that address"))?;
        let der = Arc::new(der);
        let mut certificates = self.certificates.lock().expect("no holder panics");
        if certificates.len() >= CERTIFICATES_MAX {
            certificates.clear();
        }
        certificates.insert(address, (now_ms + KEEP_MS, Arc::clone(&der)));
        Ok(der)
    }

    /// The address as it is asked: https, a listed host, a path, and nothing else.
    fn listed(&self, address: &str) -> Option<String> {
        let uri: Uri = address.parse().ok().filter(|_| address.len() <= 512)?;
        let authority = uri.authority()?.as_str();
        let listed = self.config.hosts.iter().any(|host| host == authority);
        let plain = uri.scheme_str() == Some("https") && uri.query().is_none() && uri.path().len() > 1;
        (listed && plain).then(|| format!("https://{authority}{}", uri.path()))
    }
}

/// Whether the certificate is good now and its key signed.
fn verify(certificate: &[u8], signed: &[u8], signature: &[u8], now_ms: i64) -> Result<(), ProofFault> {
    let refused = ProofFault::Refused;
    let parsed = Certificate::from_der(certificate).map_err(|_| refused("no certificate"))?;
    let validity = parsed.tbs_certificate().validity();
    let now_s = u64::try_from(now_ms / 1000).unwrap_or_default();
    let (from, to) = (validity.not_before.to_unix_duration().as_secs(), validity.not_after.to_unix_duration().as_secs());
    if !(from..=to).contains(&now_s) {
        return Err(refused("the certificate is not valid now"));
    }
    let der = CertificateDer::from(certificate);
    let entity = webpki::EndEntityCert::try_from(&der).map_err(|_| refused("no certificate"))?;
    entity.verify_signature(webpki::ring::RSA_PKCS1_2048_8192_SHA256, signed, signature).map_err(|_| refused("wrong signature"))
}

#[cfg(test)]
mod tests;
