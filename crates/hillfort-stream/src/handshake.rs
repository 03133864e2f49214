//! The request that turns HTTP into WebSocket, and its answer (RFC 6455 §4.2). Knows nothing of who may ask.

use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
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
