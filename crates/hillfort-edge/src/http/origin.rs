//! Who asks for a WebSocket: a page of our own, or one of another host. Pure; knows nothing of connections.

use hyper::http::uri::Authority;
use hyper::{HeaderMap, Uri, header};

/// Whether a page of another host asks. Browsers always say which page does; without an origin no browser asks.
pub(crate) fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let origin = Uri::try_from(origin.as_bytes()).ok();
    let host = headers.get(header::HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    match (origin.as_ref().and_then(Uri::host), &host) {
        (Some(origin), Some(host)) => !origin.eq_ignore_ascii_case(host.host()),
        // `null`, or nonsense.
        _ => true,
    }
}
