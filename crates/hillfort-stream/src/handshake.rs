//! The request that turns HTTP into WebSocket, and its answer (RFC 6455 §4.2); whether a page of another site makes it. Knows nothing of who
//! may ask.

use http::uri::Authority;
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, Uri, header};
use hyper::upgrade::OnUpgrade;
use tungstenite::handshake::derive_accept_key;

/// Why a request is no beginning of a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoHandshake {
    /// It does not ask for one, or for another version. To be answered by [`UPGRADE_REQUIRED`].
    NotAsked,
    /// Its connection cannot be upgraded.
    NoConnection,
}

/// What a path that speaks WebSocket alone says to other requests.
pub const UPGRADE_REQUIRED: (StatusCode, [(header::HeaderName, &str); 1], &str) =
    (StatusCode::UPGRADE_REQUIRED, [(header::SEC_WEBSOCKET_VERSION, "13")], "this path speaks WebSocket, version 13\n");

/// The answer to a good handshake.
pub type Accepted = (StatusCode, [(header::HeaderName, HeaderValue); 3]);

/// Takes a request's connection. The answer must be sent as it is.
///
/// # Errors
/// [`NoHandshake`]; nothing was taken.
pub fn accept(headers: &HeaderMap, extensions: &mut Extensions) -> Result<(OnUpgrade, Accepted), NoHandshake> {
    let key = key(headers).ok_or(NoHandshake::NotAsked)?;
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).expect("base64 is a header value");
    let upgrade = extensions.remove::<OnUpgrade>().ok_or(NoHandshake::NoConnection)?;
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    Ok((upgrade, (StatusCode::SWITCHING_PROTOCOLS, headers)))
}

/// Whether a request asks for a WebSocket. An image or a form of a page does not, and a browser sends those without an origin.
#[must_use]
pub fn is_asked(headers: &HeaderMap) -> bool {
    key(headers).is_some()
}

/// Whether a page of another host asks. Browsers always say which page asks for a WebSocket; without an origin no browser asks.
#[must_use]
pub fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let origin = Uri::try_from(origin.as_bytes()).ok();
    let host = headers.get(header::HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    match (origin.as_ref().and_then(Uri::host), &host) {
        (Some(origin), Some(host)) => !origin.eq_ignore_ascii_case(host.host()),
        // `null`, or nonsense.
        _ => true,
    }
}

/// The client's key, when the request asks as §4.2.1 wants it.
fn key(headers: &HeaderMap) -> Option<&HeaderValue> {
    let has = |name, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(','))
            .any(|v| v.trim().eq_ignore_ascii_case(token))
    };
    let asked =
        has(header::CONNECTION, "upgrade") && has(header::UPGRADE, "websocket") && has(header::SEC_WEBSOCKET_VERSION, "13");
    // Sixteen bytes in base64.
    headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| asked && key.len() == 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_other_hosts_are_foreign() {
        let check = |origin: Option<&str>, host: Option<&str>, foreign: bool| {
            let given = [(header::ORIGIN, origin), (header::HOST, host)];
            let headers = given.into_iter().filter_map(|(name, value)| Some((name, value?.parse().unwrap())));
            assert_eq!(is_foreign(&HeaderMap::from_iter(headers)), foreign, "{origin:?} {host:?}");
        };
        check(None, Some("fort"), false);
        check(None, None, false);
        check(Some("http://fort"), Some("fort:7350"), false);
        check(Some("https://FORT:8080"), Some("fort"), false);
        check(Some("http://elsewhere"), Some("fort"), true);
        check(Some("http://fort.elsewhere"), Some("fort"), true);
        check(Some("null"), Some("fort"), true);
        check(Some("http://fort"), None, true);
        check(Some(""), Some("fort"), true);
    }
}
