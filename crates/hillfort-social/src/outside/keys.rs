//! Public keys that a service publishes (RFC 7517), fetched when they are needed and kept as long as they may be. Knows nothing of what
//! they sign.
//!
//! Whoever sends a token with an unknown key's name makes nobody fetch more than once in [`AGAIN_MS`]. Of many who need the keys at
//! once, one fetches. Keys that cannot be fetched again are used on for [`STALE_MS`].

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;

use super::ProofFault;
use super::fetch::Fetch;

/// Keys are not fetched twice within this time, in milliseconds.
pub const AGAIN_MS: i64 = 30_000;
/// How long keys are kept when the service does not say.
const KEEP_MS: i64 = 3_600_000;
/// Longest time that keys are used on when they cannot be fetched again.
pub const STALE_MS: i64 = 24 * 3_600_000;
/// Most keys of one service.
const KEYS_MAX: usize = 32;

/// A key and the one algorithm that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    Rs256 { n: Vec<u8>, e: Vec<u8> },
    Es256(Vec<u8>),
}

impl Key {
    /// Whether `signature` over `signed` is this key's, when the token's header says `algorithm`.
    pub(crate) fn verifies(&self, algorithm: &str, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rs256 { n, e } if algorithm == "RS256" => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).is_ok()
            }
            Self::Es256(point) if algorithm == "ES256" => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).is_ok()
            }
            _ => false,
        }
    }
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<PublishedKey>,
}

#[derive(Deserialize)]
struct PublishedKey {
    kty: String,
    kid: String,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
}

#[derive(Debug, Default)]
struct Kept {
    keys: HashMap<String, Arc<Key>>,
    /// When they were fetched, and until when they are fresh. Zero: never.
    fetched_ms: i64,
    fresh_ms: i64,
    /// When they were last asked for, whatever came of it.
    asked_ms: Option<i64>,
}

/// The keys of one service.
#[derive(Debug)]
pub(crate) struct Keys {
    address: String,
    kept: RwLock<Kept>,
    fetching: tokio::sync::Mutex<()>,
}

impl Keys {
    pub(crate) fn new(address: &str) -> Self {
        Self { address: address.to_owned(), kept: RwLock::default(), fetching: tokio::sync::Mutex::new(()) }
    }

    /// The key of this name.
    pub(crate) async fn get(&self, fetch: &Fetch, name: &str, now_ms: i64) -> Result<Arc<Key>, ProofFault> {
        if let Some(key) = self.fresh(name, now_ms) {
            return Ok(key);
        }
        let _one = self.fetching.lock().await;
        // Another may have fetched meanwhile.
        if let Some(key) = self.fresh(name, now_ms) {
            return Ok(key);
        }
        let failed = if self.may_ask(now_ms) { self.fetch(fetch, now_ms).await.err() } else { None };
        let kept = self.kept.read().expect("no holder panics");
        match kept.keys.get(name).filter(|_| now_ms < kept.fetched_ms + STALE_MS) {
            Some(key) => Ok(Arc::clone(key)),
            None if kept.keys.is_empty() => {
                Err(failed.unwrap_or_else(|| ProofFault::Unreachable("its keys could not be fetched a moment ago".to_owned())))
            }
            None => Err(failed.unwrap_or(ProofFault::Refused("signed by a key that the service does not publish"))),
        }
    }

    fn fresh(&self, name: &str, now_ms: i64) -> Option<Arc<Key>> {
        let kept = self.kept.read().expect("no holder panics");
        kept.keys.get(name).filter(|_| now_ms < kept.fresh_ms).cloned()
    }

    fn may_ask(&self, now_ms: i64) -> bool {
        let kept = self.kept.read().expect("no holder panics");
        kept.asked_ms.is_none_or(|asked| now_ms >= asked + AGAIN_MS || now_ms < asked)
    }

    async fn fetch(&self, fetch: &Fetch, now_ms: i64) -> Result<(), ProofFault> {
        self.kept.write().expect("no holder panics").asked_ms = Some(now_ms);
        let answer = fetch.get(&self.address).await.map_err(|why| ProofFault::Unreachable(why.to_string()))?;
        if answer.status != 200 {
            return Err(ProofFault::Unreachable(format!("its keys: status {}", answer.status)));
        }
        let published: Published = serde_json::from_slice(&answer.body)
            .map_err(|why| ProofFault::Unreachable(format!("its keys make no sense: {why}")))?;
        let keys: HashMap<_, _> =
            published.keys.into_iter().take(KEYS_MAX).filter_map(|key| Some((key.kid.clone(), Arc::new(read(&key)?)))).collect();
        if keys.is_empty() {
            return Err(ProofFault::Unreachable("it publishes no key of a kind that is known".to_owned()));
        }
        let keep_ms = answer.max_age_s.map_or(KEEP_MS, |seconds| (i64::from(seconds) * 1000).clamp(AGAIN_MS, STALE_MS));
        let mut kept = self.kept.write().expect("no holder panics");
        *kept = Kept { keys, fetched_ms: now_ms, fresh_ms: now_ms + keep_ms, asked_ms: Some(now_ms) };
        Ok(())
    }
}

/// A key of the kinds that the services use; others are passed over.
fn read(key: &PublishedKey) -> Option<Key> {
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok().filter(|bytes| !bytes.is_empty());
    match (key.kty.as_str(), key.crv.as_str()) {
        ("RSA", _) => Some(Key::Rs256 { n: bytes(&key.n)?, e: bytes(&key.e)? }),
        ("EC", "P-256") => {
            let (x, y) = (bytes(&key.x)?, bytes(&key.y)?);
            (x.len() == 32 && y.len() == 32).then(|| Key::Es256([&[4], &x[..], &y[..]].concat()))
        }
        _ => None,
    }
}
