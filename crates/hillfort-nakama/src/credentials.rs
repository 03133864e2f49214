//! What a request shows to say who calls: which of its parts counts for a class of calls. Checks nothing but the form.

use std::borrow::Cow;

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hillfort_api::calls::Auth;
use hillfort_api::{ApiError, Code, Credentials};

/// Credentials as they came.
pub(crate) enum Shown<'a> {
    Nothing,
    ServerKey(String),
    Token(&'a str),
    HttpKey(Cow<'a, str>),
}

impl<'a> Shown<'a> {
    /// Of a request with these headers `Authorization`, and with this key beside them: in the query or in the message.
    ///
    /// # Errors
    /// `Unauthenticated`: a scheme that this class does not take, or more than one header.
    pub(crate) fn of(
        auth: Auth,
        mut headers: impl Iterator<Item = &'a [u8]>,
        http_key: Option<Cow<'a, str>>,
    ) -> Result<Self, ApiError> {
        let first = headers.next();
        let header = match (first, headers.next()) {
            (None, _) => None,
            (Some(header), None) => Some(str::from_utf8(header).unwrap_or_default()),
            (Some(_), Some(_)) => Some(""),
        };
        let http_key = http_key.filter(|key| !key.is_empty());
        match (auth, header) {
            (Auth::None, _) | (Auth::ServerKey | Auth::User, None) => Ok(Self::Nothing),
            (Auth::ServerKey, Some(header)) => basic(header).map(Self::ServerKey).ok_or_else(|| refused("Server key invalid")),
            (Auth::User, Some(header)) => bearer(header).map(Self::Token).ok_or_else(|| refused("Auth token invalid")),
            (Auth::HttpKeyOrUser, _) if http_key.is_some() => Ok(http_key.map_or(Self::Nothing, Self::HttpKey)),
            (Auth::HttpKeyOrUser, None) => Ok(Self::Nothing),
            (Auth::HttpKeyOrUser, Some(header)) => match basic(header) {
                Some(key) => Ok(Self::HttpKey(key.into())),
                None => bearer(header).map(Self::Token).ok_or_else(|| refused("Auth token invalid")),
            },
        }
    }

    pub(crate) fn credentials(&self) -> Option<Credentials<'_>> {
        match self {
            Self::Nothing => None,
            Self::ServerKey(key) => Some(Credentials::ServerKey(key)),
            Self::Token(token) => Some(Credentials::Token(token)),
            Self::HttpKey(key) => Some(Credentials::HttpKey(key)),
        }
    }
}

/// Header of a signed call.
const SIGNATURE: &str = "x-hillfort-signature";

/// The signature of a call, if there is exactly one.
pub(crate) fn signature(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(SIGNATURE).iter();
    let one = all.next().filter(|_| all.next().is_none())?;
    one.to_str().ok()
}

fn refused(message: &'static str) -> ApiError {
    ApiError::new(Code::Unauthenticated, message)
}

fn after<'a>(header: &'a str, scheme: &str) -> Option<&'a str> {
    let (found, rest) = header.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// Name part of `Basic` credentials.
fn basic(header: &str) -> Option<String> {
    let decoded = STANDARD.decode(after(header, "Basic")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(name, _)| name.to_owned())
}

fn bearer(header: &str) -> Option<&str> {
    after(header, "Bearer").filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Shown;
    use hillfort_api::calls::Auth;

    fn shown(auth: Auth, headers: &[&str], key: Option<&str>) -> String {
        match Shown::of(auth, headers.iter().map(|header| header.as_bytes()), key.map(Into::into)) {
            Ok(Shown::Nothing) => "nothing".into(),
            Ok(Shown::ServerKey(key)) => format!("server {key}"),
            Ok(Shown::Token(token)) => format!("token {token}"),
            Ok(Shown::HttpKey(key)) => format!("http {key}"),
            Err(error) => error.message.into_owned(),
        }
    }

    #[test]
    fn each_class_takes_its_own_scheme() {
        let basic = "Basic ZGVmYXVsdGtleTo=";
        for (auth, headers, key, wanted) in [
            (Auth::None, &[basic][..], None, "nothing"),
            (Auth::ServerKey, &[], Some("k"), "nothing"),
            (Auth::ServerKey, &[basic], None, "server defaultkey"),
            (Auth::ServerKey, &["basic ZGVmYXVsdGtleTo="], None, "server defaultkey"),
            (Auth::ServerKey, &["Bearer t"], None, "Server key invalid"),
            (Auth::ServerKey, &[basic, basic], None, "Server key invalid"),
            (Auth::ServerKey, &["Basic ZGVmYXVsdGtleQ=="], None, "Server key invalid"),
            (Auth::ServerKey, &["Basic !"], None, "Server key invalid"),
            (Auth::User, &[], None, "nothing"),
            (Auth::User, &["Bearer t"], None, "token t"),
            (Auth::User, &["Bearer "], None, "Auth token invalid"),
            (Auth::User, &[basic], None, "Auth token invalid"),
            (Auth::User, &["Bearer a", "Bearer b"], None, "Auth token invalid"),
            (Auth::HttpKeyOrUser, &[], None, "nothing"),
            (Auth::HttpKeyOrUser, &[], Some(""), "nothing"),
            (Auth::HttpKeyOrUser, &["Bearer t"], Some("k"), "http k"),
            (Auth::HttpKeyOrUser, &["Bearer t"], None, "token t"),
            (Auth::HttpKeyOrUser, &[basic], None, "http defaultkey"),
            (Auth::HttpKeyOrUser, &["Digest x"], None, "Auth token invalid"),
        ] {
            assert_eq!(shown(auth, headers, key), wanted, "{auth:?} {headers:?} {key:?}");
        }
    }
}
