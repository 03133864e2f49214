//! Who may ask the console for what. A page of another site must neither read nor change anything, even when its name was pointed at
//! this address (DNS rebinding) or when it sends forms here (cross-site request forgery). Knows nothing of the routes behind it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The page may load from its own address and from nowhere else.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Other end of the connection that a request came on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Why a request is turned away before it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// `Host` is a name that is not ours.
    Host,
    /// A change that another site's page asks for.
    Site,
}

/// Checks a request and puts the security headers on its answer.
pub(super) async fn check(State(hosts): State<Arc<[String]>>, request: Request, next: Next) -> Response {
    let is_file = !request.uri().path().starts_with("/api/") && request.uri().path() != "/metrics";
    let mut response = match judge(request.method(), request.headers(), &hosts) {
        Ok(()) => next.run(request).await,
        Err(refusal) => (StatusCode::FORBIDDEN, refusal.text()).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    if !is_file {
        // What operators see stays in no cache, the browser's own among them.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

fn judge(method: &Method, headers: &HeaderMap, hosts: &[String]) -> Result<(), Refusal> {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).ok_or(Refusal::Host)?;
    if !is_ours(host, hosts) {
        return Err(Refusal::Host);
    }
    if method.is_safe() {
        return Ok(());
    }
    // Browsers send at least one of the two with every request that changes something; command lines send neither, and no cookie.
    let told = headers.contains_key(SEC_FETCH_SITE) || headers.contains_key(ORIGIN) || !headers.contains_key(COOKIE);
    let same_site = headers.get(SEC_FETCH_SITE).is_none_or(|site| site == "same-origin" || site == "none");
    let same_origin = headers.get(ORIGIN).is_none_or(|origin| is_own_page(origin, host, hosts));
    if told && same_site && same_origin { Ok(()) } else { Err(Refusal::Site) }
}

/// Whether the page that asks is the console's own. By HTTPS it is reached through a proxy, under a name from the settings.
fn is_own_page(origin: &HeaderValue, host: &str, hosts: &[String]) -> bool {
    let Some((scheme, from)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else { return false };
    let by_proxy = scheme == "https" && hosts.iter().any(|known| known.eq_ignore_ascii_case(name_of(host)));
    (scheme == "http" || by_proxy) && from.eq_ignore_ascii_case(host)
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// A plain address cannot be rebound, so it is always fine; a name must be known.
fn is_ours(host: &str, hosts: &[String]) -> bool {
    let name = name_of(host);
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || hosts.iter().any(|host| name.eq_ignore_ascii_case(host))
}

impl Refusal {
    const fn text(self) -> &'static str {
        match self {
            Self::Host => {
                "this console does not answer to that host name; use its address, localhost, or a name from its settings"
            }
            Self::Site => "a change must be asked for by the console's own page",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &Method, headers: &[(&'static str, &'static str)], expect: Result<(), Refusal>) {
        let map = headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
        let got = judge(method, &map, &["console.example".to_owned()]);
        assert_eq!(got, expect, "{method} with {headers:?}");
    }

    #[test]
    fn host_names_that_are_not_ours_are_refused() {
        for host in [
            "localhost",
            "localhost:7351",
            "LOCALHOST:7351",
            "127.0.0.1:7351",
            "[::1]:7351",
            "[::1]",
            "192.0.2.7:80",
            "console.example:7351",
        ] {
            check(&Method::GET, &[("host", host)], Ok(()));
        }
        for host in
            ["evil.example", "evil.example:7351", "localhost.evil.example", "127.0.0.1.evil.example:7351", "", "localhost:73x1"]
        {
            check(&Method::GET, &[("host", host)], Err(Refusal::Host));
            check(&Method::POST, &[("host", host)], Err(Refusal::Host));
        }
        check(&Method::GET, &[], Err(Refusal::Host));
    }

    #[test]
    fn changes_come_from_the_consoles_own_page() {
        let host = ("host", "127.0.0.1:7351");
        let post = |more: &[(&'static str, &'static str)], expect| {
            let headers: Vec<_> = std::iter::once(host).chain(more.iter().copied()).collect();
            check(&Method::POST, &headers, expect);
        };
        post(&[], Ok(()));
        post(&[("origin", "http://127.0.0.1:7351"), ("sec-fetch-site", "same-origin")], Ok(()));
        post(&[("origin", "http://127.0.0.1:7350")], Err(Refusal::Site));
        post(&[("origin", "https://127.0.0.1:7351")], Err(Refusal::Site));
        post(&[("origin", "null")], Err(Refusal::Site));
        post(&[("origin", "http://evil.example")], Err(Refusal::Site));
        post(&[("sec-fetch-site", "cross-site")], Err(Refusal::Site));
        // Another port of this machine is the same site, but not the same origin.
        post(&[("sec-fetch-site", "same-site")], Err(Refusal::Site));
        // Who shows a cookie is a browser, and says where it comes from.
        post(&[("cookie", "a=b")], Err(Refusal::Site));
        post(&[("cookie", "a=b"), ("sec-fetch-site", "same-origin")], Ok(()));
        post(&[("cookie", "a=b"), ("origin", "http://127.0.0.1:7351")], Ok(()));
    }

    #[test]
    fn a_proxy_may_bring_https_under_a_known_name() {
        let ask = |host, origin, expect| check(&Method::POST, &[("host", host), ("origin", origin)], expect);
        ask("console.example", "https://console.example", Ok(()));
        ask("console.example:8443", "https://console.example:8443", Ok(()));
        ask("console.example:8443", "https://console.example", Err(Refusal::Site));
        ask("localhost", "https://localhost", Err(Refusal::Site));
        ask("console.example", "ftp://console.example", Err(Refusal::Site));
        ask("console.example", "console.example", Err(Refusal::Site));
    }
}
