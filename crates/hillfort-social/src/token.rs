//! Session tokens: what they claim, how they are signed and read. Owns the format; knows nothing of accounts, stores or revocation, and
//! the clock is an argument.
//!
//! A token is a JSON Web Token (RFC 7519) with HMAC-SHA256 and Nakama's claims, so that client libraries read expiry, name and
//! variables from it as they always did. The algorithm is no choice of the token: a header other than the one below is refused before
//! anything is computed. The MAC is checked before a byte of the claims is parsed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hillfort_api::UserId;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::id::Id;

/// Longest token that is signed or read, in bytes. Sockets carry it in their URL.
pub const TOKEN_MAX: usize = 4096;

/// How far clocks may differ between two servers of one deployment, in seconds.
pub const LEEWAY_S: i64 = 5;

/// `{"alg":"HS256","typ":"JWT"}` and the dot behind it: the only header there is.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";

/// 32 bytes in Base64 without padding.
const SIGNATURE_CHARS: usize = 43;

/// Longest claims in bytes that fit into [`TOKEN_MAX`].
const CLAIMS_MAX: usize = (TOKEN_MAX - HEADER.len() - 1 - SIGNATURE_CHARS) / 4 * 3;

/// What a token says about its bearer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The session that it belongs to (`tid`): the same in every token of one sign-in.
    pub session: Id,
    /// Whose session (`uid`).
    pub user: Id,
    /// Name at the time of signing (`usn`).
    pub username: String,
    /// Variables of the session (`vrs`), set at sign-in.
    pub vars: BTreeMap<String, String>,
    /// Seconds since 1970 after which it is worth nothing (`exp`).
    pub expires_s: i64,
    /// Seconds since 1970 at which it was signed (`iat`).
    pub issued_s: i64,
    /// The account's generation (`gen`): whoever signs out everywhere is one further, and older tokens are void. Left out when zero.
    pub generation: i64,
    /// A random number (`trn`) that makes each refresh token of a session another one. Zero in access tokens, and left out.
    pub turn: u64,
    /// The key by which the session signs its calls (`sgk`), in refresh tokens alone: they travel once, other than access tokens. Empty
    /// when calls are not signed, and left out.
    pub signing: String,
}

/// Why a token is refused. A client learns only that it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Not three parts, another header, too long, or claims that are none.
    #[error("the token is malformed")]
    Malformed,
    /// Signed by another secret, or changed.
    #[error("the token's signature is wrong")]
    Signature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Signed in the future, by more than [`LEEWAY_S`].
    #[error("the token is not valid yet")]
    NotYet,
}

/// The claims do not fit into [`TOKEN_MAX`]: variables of the session are too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token would be longer than {TOKEN_MAX} bytes")]
pub struct TokenTooLong;

/// One secret, ready to sign and verify. Access and refresh tokens have one each, so that none passes for the other.
#[derive(Clone)]
pub struct TokenKey {
    mac: Hmac<Sha256>,
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("TokenKey(..)")
    }
}

/// The claims as they are written, in Nakama's order.
#[derive(Serialize, Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    tid: &'a str,
    #[serde(borrow)]
    uid: &'a str,
    usn: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    vrs: BTreeMap<String, String>,
    exp: i64,
    #[serde(default)]
    iat: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    r#gen: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    trn: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    sgk: String,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl TokenKey {
    /// A key from `secret`, of any length; 32 random bytes are what it should be.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self { mac: Hmac::new_from_slice(secret).expect("HMAC takes keys of any length") }
    }

    /// The token that says `claims`.
    ///
    /// # Errors
    /// [`TokenTooLong`].
    pub fn sign(&self, claims: &Claims) -> Result<String, TokenTooLong> {
        let (tid, uid) = (UserId(claims.session).to_string(), UserId(claims.user).to_string());
        let written = Written {
            tid: &tid,
            uid: &uid,
            usn: claims.username.clone(),
            vrs: claims.vars.clone(),
            exp: claims.expires_s,
            iat: claims.issued_s,
            r#gen: claims.generation,
            trn: claims.turn,
            sgk: claims.signing.clone(),
        };
        let json = serde_json::to_vec(&written).expect("claims are strings and numbers");
        if json.len() > CLAIMS_MAX {
            return Err(TokenTooLong);
        }
        let mut token = String::with_capacity(HEADER.len() + json.len().div_ceil(3) * 4 + 1 + SIGNATURE_CHARS);
        token.push_str(HEADER);
        URL_SAFE_NO_PAD.encode_string(&json, &mut token);
        let signature = self.mac(token.as_bytes()).finalize().into_bytes();
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// What `token` claims, if it was signed by this key and its time is not over at `now_s` (seconds since 1970).
    ///
    /// # Errors
    /// [`TokenFault`].
    pub fn verify(&self, token: &str, now_s: i64) -> Result<Claims, TokenFault> {
        if token.len() > TOKEN_MAX || !token.starts_with(HEADER) {
            return Err(TokenFault::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        let payload = signed.get(HEADER.len()..).ok_or(TokenFault::Malformed)?;
        let mut given = [0; 32];
        if signature.len() != SIGNATURE_CHARS || URL_SAFE_NO_PAD.decode_slice(signature, &mut given) != Ok(32) {
            return Err(TokenFault::Malformed);
        }
        self.mac(signed.as_bytes()).verify_slice(&given).map_err(|_| TokenFault::Signature)?;
        let mut json = [0; CLAIMS_MAX + 3];
        let length = URL_SAFE_NO_PAD.decode_slice(payload, &mut json).map_err(|_| TokenFault::Malformed)?;
        let claims = read(&json[..length])?;
        if claims.expires_s.saturating_add(LEEWAY_S) < now_s {
            return Err(TokenFault::Expired);
        }
        if claims.issued_s > now_s.saturating_add(LEEWAY_S) {
            return Err(TokenFault::NotYet);
        }
        Ok(claims)
    }

    fn mac(&self, signed: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(signed);
        mac
    }
}

fn read(json: &[u8]) -> Result<Claims, TokenFault> {
    let written: Written<'_> = serde_json::from_slice(json).map_err(|_| TokenFault::Malformed)?;
    Ok(Claims {
        session: UserId::parse(written.tid).ok_or(TokenFault::Malformed)?.0,
        user: UserId::parse(written.uid).ok_or(TokenFault::Malformed)?.0,
        username: written.usn,
        vars: written.vrs,
        expires_s: written.exp,
        issued_s: written.iat,
        generation: written.r#gen,
        turn: written.trn,
        signing: written.sgk,
    })
}

#[cfg(test)]
mod tests;
