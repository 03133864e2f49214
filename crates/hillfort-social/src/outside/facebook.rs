//! Facebook: tokens of Limited Login, which prove themselves, access tokens, which its Graph API vouches for, and the signed player of an
//! Instant Game. Knows nothing of accounts.
//!
//! An access token is first asked whose app it was made for: one of another app proves nothing here, since that app's owner has it too.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use super::fetch::{Fetch, escape};
use super::id_token::{IdTokens, Issuer};
use super::{PROOF_MAX, Person, ProofFault};
use crate::token::LEEWAY_S;

/// Facebook for a game.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacebookConfig {
    /// The Graph API with its version, without a slash at the end.
    pub graph_url: String,
    /// The app's number at Facebook. Empty: not configured.
    pub app_id: String,
    /// The app's secret, for access tokens. Empty: Limited Login alone.
    pub app_secret: String,
    /// Where the keys of Limited Login are; empty takes Facebook's.
    pub keys_url: String,
    /// Secret of the Instant Game. Empty: not configured.
    pub instant_secret: String,
}

impl Default for FacebookConfig {
    fn default() -> Self {
        Self {
            graph_url: "https://graph.facebook.com/v21.0".to_owned(),
            app_id: String::new(),
            app_secret: String::new(),
            keys_url: String::new(),
            instant_secret: String::new(),
        }
    }
}

/// Checks tokens.
#[derive(Debug)]
pub struct Facebook {
    config: FacebookConfig,
    limited: IdTokens,
}

#[derive(Deserialize)]
struct Debugged {
    data: DebuggedToken,
}

#[derive(Deserialize)]
struct DebuggedToken {
    #[serde(default)]
    app_id: String,
    #[serde(default)]
    user_id: String,
    #[serde(default)]
    is_valid: bool,
    /// Zero: it does not expire.
    #[serde(default)]
    expires_at: i64,
}

#[derive(Deserialize)]
struct Profile {
    id: String,
    name: Option<String>,
    email: Option<String>,
    picture: Option<Picture>,
}

#[derive(Deserialize)]
struct Picture {
    data: PictureData,
}

#[derive(Deserialize)]
struct PictureData {
    url: Option<String>,
}

#[derive(Deserialize)]
struct InstantPlayer {
    algorithm: String,
    player_id: String,
    issued_at: i64,
}

/// How old the signed player of an Instant Game may be, in seconds.
const INSTANT_AGE_S: i64 = 600;

impl Facebook {
    /// With these rules, and whether a token of Limited Login must have a nonce.
    #[must_use]
    pub fn new(config: FacebookConfig, nonce: bool) -> Self {
        let audiences = Some(config.app_id.clone()).filter(|id| !id.is_empty()).into_iter().collect();
        let mut issuer = Issuer { nonce, ..Issuer::facebook(audiences) };
        if !config.keys_url.is_empty() {
            issuer.keys_url.clone_from(&config.keys_url);
        }
        Self { config, limited: IdTokens::new(issuer) }
    }

    /// Who bears `token`, of either kind: an identity token has two dots.
    ///
    /// # Errors
    /// [`ProofFault`].
    pub async fn check(&self, fetch: &Fetch, token: &str, nonce: Option<&str>, now_ms: i64) -> Result<Person, ProofFault> {
        if self.config.app_id.is_empty() {
            return Err(ProofFault::NotConfigured("Facebook"));
        }
        if token.split('.').count() == 3 {
            return self.limited.check(fetch, token, nonce, now_ms).await;
        }
        self.access_token(fetch, token, now_ms / 1000).await
    }

    async fn access_token(&self, fetch: &Fetch, token: &str, now_s: i64) -> Result<Person, ProofFault> {
        let FacebookConfig { graph_url, app_id, app_secret, .. } = &self.config;
        if app_secret.is_empty() {
            return Err(ProofFault::NotConfigured("Facebook's access tokens (the app's secret is missing)"));
        }
        if token.is_empty() || token.len() > PROOF_MAX / 2 {
            return Err(ProofFault::Refused("no access token"));
        }
        let (token_part, app_part) = (escape(token), escape(&format!("{app_id}|{app_secret}")));
        let address = format!("{graph_url}/debug_token?input_token={token_part}&access_token={app_part}");
        let debugged: Debugged = ask(fetch, &address).await?;
        let data = debugged.data;
        if !data.is_valid || (data.expires_at != 0 && data.expires_at.saturating_add(LEEWAY_S) < now_s) {
            return Err(ProofFault::Refused("expired or revoked"));
        }
        if data.app_id != *app_id {
            return Err(ProofFault::Refused("made for another app"));
        }
        let proof = hex(&hmac(app_secret.as_bytes(), token.as_bytes()));
        let address = format!("{graph_url}/me?fields=id,name,email,picture&access_token={token_part}&appsecret_proof={proof}");
        let profile: Profile = ask(fetch, &address).await?;
        if profile.id != data.user_id || profile.id.is_empty() || profile.id.len() > 128 {
            return Err(ProofFault::Unreachable("Facebook named two people".to_owned()));
        }
        let picture = profile.picture.and_then(|picture| picture.data.url);
        // Facebook gives addresses out after they were confirmed.
        Ok(Person { id: profile.id, email: profile.email, name: profile.name, picture })
    }

    /// Who plays an Instant Game: Base64 of a signature, a dot, Base64 of the player.
    ///
    /// # Errors
    /// [`ProofFault`].
    pub fn instant(&self, signed: &str, now_ms: i64) -> Result<Person, ProofFault> {
        let secret = &self.config.instant_secret;
        if secret.is_empty() {
            return Err(ProofFault::NotConfigured("Facebook Instant Games"));
        }
        let refused = ProofFault::Refused;
        let (signature, payload) =
            signed.split_once('.').filter(|_| signed.len() <= PROOF_MAX).ok_or_else(|| refused("no signed player"))?;
        let decode = |text: &str| {
            let text = text.trim_end_matches('=');
            URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).map_err(|_| refused("no signed player"))
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(payload.as_bytes());
        mac.verify_slice(&decode(signature)?).map_err(|_| refused("wrong signature"))?;
        let player: InstantPlayer = serde_json::from_slice(&decode(payload)?).map_err(|_| refused("no signed player"))?;
        if player.algorithm != "HMAC-SHA256" || player.player_id.is_empty() || player.player_id.len() > 128 {
            return Err(refused("no signed player"));
        }
        let age_s = (now_ms / 1000).saturating_sub(player.issued_at);
        if !(-LEEWAY_S..=INSTANT_AGE_S).contains(&age_s) {
            return Err(refused("not of these minutes"));
        }
        Ok(Person { id: player.player_id, ..Person::default() })
    }
}

async fn ask<T: DeserializeOwned>(fetch: &Fetch, address: &str) -> Result<T, ProofFault> {
    let answer = fetch.get(address).await.map_err(|why| ProofFault::Unreachable(why.to_string()))?;
    match answer.status {
        200 => serde_json::from_slice(&answer.body)
            .map_err(|why| ProofFault::Unreachable(format!("Facebook's answer makes no sense: {why}"))),
        400..=403 => Err(ProofFault::Refused("Facebook refuses the token")),
        status => Err(ProofFault::Unreachable(format!("Facebook answered with status {status}"))),
    }
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
