//! Requests for a socket whose token is refused, by their first bytes and where they were accepted: what most of a flood at this door is.
//! Judges as `upgrade` does, and leaves to it whatever is not whole, not plain, or good.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use hillfort_proto::reject::Reject;
use hillfort_stream::{Porter, Refusal};

use super::stats::SocketStats;
use super::upgrade::{Gatekeeper, asked, format, token};

/// What such a request begins with.
const BEGINNING: &[u8] = b"GET /ws";
const HEADERS_MAX: usize = 32;
/// Headers that say who asks, and how.
const LOOKED_AT: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::ORIGIN,
    header::HOST,
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_KEY,
];
/// As `upgrade` answers it.
const ANSWER: &[u8] = b"HTTP/1.1 401 Unauthorized\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\
    content-length: 25\r\n\r\nMissing or invalid token\n";

/// See the module.
#[derive(Debug)]
pub(super) struct TokenPorter(pub(super) Arc<Gatekeeper>);

impl Porter for TokenPorter {
    fn refuse(&self, head: &[u8]) -> Option<Refusal> {
        if !head.starts_with(BEGINNING) {
            return None;
        }
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        if !request.parse(head).is_ok_and(|parsed| parsed.is_complete()) {
            return None;
        }
        let query = match request.path?.strip_prefix("/ws")? {
            "" => "",
            query => query.strip_prefix('?')?,
        };
        let asked = asked(query);
        format(&asked.format)?;
        let headers = looked_at(request.headers)?;
        let token = token(&headers, &asked);
        if self.0.user(token).is_some() {
            return None;
        }
        SocketStats::count(&self.0.shared.stats.tokens_refused, 1);
        let charged = !self.0.is_blameless(&headers, token);
        Some(Refusal { answer: ANSWER, reject: Reject::SessionToken, charged })
    }
}

/// `None`: one is no header's value.
fn looked_at(headers: &[httparse::Header<'_>]) -> Option<HeaderMap> {
    let mut map = HeaderMap::with_capacity(LOOKED_AT.len());
    for given in headers {
        if let Some(name) = LOOKED_AT.iter().find(|name| name.as_str().eq_ignore_ascii_case(given.name)) {
            map.append(name, HeaderValue::from_bytes(given.value).ok()?);
        }
    }
    Some(map)
}
