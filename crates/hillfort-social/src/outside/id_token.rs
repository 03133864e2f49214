//! Identity tokens of OpenID Connect, as Apple, Google and Facebook's Limited Login issue them: whose signature, for which game, until
//! when, with which nonce. Knows nothing of accounts.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::fetch::Fetch;
use super::keys::Keys;
use super::{PROOF_MAX, Person, ProofFault};
use crate::token::LEEWAY_S;

/// A service that issues identity tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// For the operator: `Apple`.
    pub name: &'static str,
    /// Where its keys are.
    pub keys_url: String,
    /// What `iss` may be.
    pub issuers: Vec<String>,
    /// What `aud` must name: bundle ids, client ids or app ids of the game. Empty: not configured.
    pub audiences: Vec<String>,
    /// Whether a token must have a nonce whose origin the client proves to know.
    pub nonce: bool,
}

impl Issuer {
    /// Sign in with Apple, for apps with these bundle ids.
    #[must_use]
    pub fn apple(bundle_ids: Vec<String>) -> Self {
        Self {
            name: "Apple",
            keys_url: "https://appleid.apple.com/auth/keys".to_owned(),
            issuers: vec!["https://appleid.apple.com".to_owned()],
            audiences: bundle_ids,
            nonce: false,
        }
    }

    /// Google, for apps with these client ids.
    #[must_use]
    pub fn google(client_ids: Vec<String>) -> Self {
        Self {
            name: "Google",
            keys_url: "https://www.googleapis.com/oauth2/v3/certs".to_owned(),
            issuers: vec!["https://accounts.google.com".to_owned(), "accounts.google.com".to_owned()],
            audiences: client_ids,
            nonce: false,
        }
    }

    /// Facebook's Limited Login, for the app with this id.
    #[must_use]
    pub fn facebook(app_ids: Vec<String>) -> Self {
        Self {
            name: "Facebook",
            keys_url: "https://www.facebook.com/.well-known/oauth/openid/jwks/".to_owned(),
            issuers: vec!["https://www.facebook.com".to_owned(), "https://limited.facebook.com".to_owned()],
            audiences: app_ids,
            nonce: false,
        }
    }
}

/// Reads the tokens of one issuer.
#[derive(Debug)]
pub struct IdTokens {
    issuer: Issuer,
    keys: Keys,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    #[serde(default)]
    iat: i64,
    nonce: Option<String>,
    email: Option<String>,
    #[serde(default)]
    email_verified: Flag,
    name: Option<String>,
    picture: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Apple writes it as text, others as a boolean.
#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Plain(bool),
    Text(String),
}

impl Default for Flag {
    fn default() -> Self {
        Self::Plain(false)
    }
}

impl Flag {
    fn is_set(&self) -> bool {
        match self {
            Self::Plain(set) => *set,
            Self::Text(text) => text == "true",
        }
    }
}

impl IdTokens {
    /// For tokens of `issuer`.
    #[must_use]
    pub fn new(issuer: Issuer) -> Self {
        Self { keys: Keys::new(&issuer.keys_url), issuer }
    }

    /// Whether there is an audience to issue tokens for.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        !self.issuer.audiences.is_empty()
    }

    /// Who bears `token`. `nonce` is what the client chose when it asked for the token, which has its SHA-256 in hexadecimal digits: who
    /// only has the token does not know it. A token with the nonce as it is would tell it to everybody.
    ///
    /// # Errors
    /// [`ProofFault`].
    pub async fn check(&self, fetch: &Fetch, token: &str, nonce: Option<&str>, now_ms: i64) -> Result<Person, ProofFault> {
        if !self.is_configured() {
            return Err(ProofFault::NotConfigured(self.issuer.name));
        }
        let (header, signed, claims, signature) = split(token).ok_or(ProofFault::Refused("no identity token"))?;
        let key = self.keys.get(fetch, &header.kid, now_ms).await?;
        if !key.verifies(&header.alg, signed.as_bytes(), &signature) {
            return Err(ProofFault::Refused("wrong signature"));
        }
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| ProofFault::Refused("claims that are none"))?;
        self.judge(&claims, nonce, now_ms / 1000)?;
        Ok(Person {
            id: claims.sub,
            email: claims.email.filter(|_| claims.email_verified.is_set()),
            name: claims.name,
            picture: claims.picture,
        })
    }

    fn judge(&self, claims: &Claims, nonce: Option<&str>, now_s: i64) -> Result<(), ProofFault> {
        if !self.issuer.issuers.contains(&claims.iss) {
            return Err(ProofFault::Refused("another issuer"));
        }
        let ours = |audience: &String| self.issuer.audiences.contains(audience);
        let for_us = match &claims.aud {
            Audience::One(audience) => ours(audience),
            // A token for several apps could be replayed by each of them.
            Audience::Many(audiences) => !audiences.is_empty() && audiences.iter().all(ours),
        };
        if !for_us {
            return Err(ProofFault::Refused("made for another app"));
        }
        if claims.exp.saturating_add(LEEWAY_S) < now_s {
            return Err(ProofFault::Refused("expired"));
        }
        if claims.iat > now_s.saturating_add(LEEWAY_S) {
            return Err(ProofFault::Refused("issued in the future"));
        }
        if claims.sub.is_empty() || claims.sub.len() > 128 {
            return Err(ProofFault::Refused("no subject"));
        }
        match (nonce, &claims.nonce) {
            (None, _) if !self.issuer.nonce => Ok(()),
            (Some(shown), Some(claimed)) if hex_sha256(shown) == *claimed => Ok(()),
            (None, _) => Err(ProofFault::Refused("a nonce is required")),
            (Some(_), _) => Err(ProofFault::Refused("another nonce")),
        }
    }
}

/// Header, what is signed, claims and signature.
fn split(token: &str) -> Option<(Header, &str, Vec<u8>, Vec<u8>)> {
    if token.len() > PROOF_MAX {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    Some((header, signed, URL_SAFE_NO_PAD.decode(claims).ok()?, URL_SAFE_NO_PAD.decode(signature).ok()?))
}

fn hex_sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
