//! RPCs over HTTP, which Nakama treats apart: the HTTP key in the query, a body that is a JSON string or, with `?unwrap`, anything, and
//! the request's headers and parameters for the function. Knows nothing of functions.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use hillfort_api::api::Rpc;
use hillfort_api::{ApiError, Call, Caller, Code, Reply, Via};
use serde_json::json;

use super::path::Found;
use super::{reply, sent};
use crate::Gate;
use crate::body;
use crate::credentials::Shown;

pub(super) async fn serve(
    gate: &Gate,
    peer: SocketAddr,
    found: Found<'_>,
    parts: &Parts,
    body: Body,
) -> Result<Response, ApiError> {
    let id = found.parameters.first().map(|(_, id)| id.to_lowercase()).unwrap_or_default();
    let mut query: Vec<(String, String)> =
        form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let http_key = query.iter().find(|(name, _)| name == "http_key").map(|(_, key)| key.clone());
    let tokens = parts.headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    let who = gate.who(found.row, &Shown::of(found.row.auth, tokens, http_key.map(Into::into))?)?;
    let mut entry = gate.enter(found.row.call, &who, peer, &parts.extensions).await?;
    if id.is_empty() {
        return Err(ApiError::invalid("id", "RPC ID must be set"));
    }
    query.retain(|(name, _)| name != "http_key");
    let unwrap = query.iter().any(|(name, _)| name == "unwrap");
    let bytes = if parts.method == Method::POST {
        let most = gate.settings.request_bytes_max;
        body::unpack(entry.read(body, most, gate.settings.patience).await?, &parts.headers, most)?
    } else {
        Bytes::new()
    };
    let bytes = entry.unpacked(bytes).await?;
    let payload = if parts.method == Method::POST {
        payload(&bytes, unwrap)?
    } else {
        query.iter().find(|(name, _)| name == "payload").map(|(_, payload)| payload.clone()).unwrap_or_default()
    };
    let content_type = parts.headers.get(header::CONTENT_TYPE).cloned();
    let headers = named(&parts.headers);
    let caller = Caller { who, address: peer, via: Via::Rest, headers, query };
    let call = Call::RpcFunc(Rpc { id, payload, http_key: String::new() });
    gate.admit(&caller, &call, found.by_alias, &sent(parts, &bytes))?;
    drop(bytes);
    let write = move |reply| match reply {
        Reply::Rpc(answer) if unwrap => Ok(answer.payload.into_bytes()),
        Reply::Rpc(answer) => Ok(json!({ "payload": answer.payload }).to_string().into_bytes()),
        _ => Err(ApiError::new(Code::Internal, "the server has answered with something else")),
    };
    let answer = Body::new(entry.call(caller, call, gate.settings.patience, write).await?);
    if !unwrap {
        return Ok(reply::json(StatusCode::OK, answer));
    }
    let mut response = Response::new(answer);
    let content_type = content_type.unwrap_or(HeaderValue::from_static("text/plain"));
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    // Whatever the function says, a browser must not take it for a page of ours.
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

fn payload(bytes: &[u8], unwrap: bool) -> Result<String, ApiError> {
    if bytes.is_empty() {
        return Ok(String::new());
    }
    if unwrap {
        let text = str::from_utf8(bytes).map_err(|_| ApiError::invalid("payload", "the body must be text in UTF-8"))?;
        return Ok(text.to_owned());
    }
    let wrong = "the body must be a JSON string with the payload in it; with ?unwrap it is the payload itself";
    serde_json::from_slice(bytes).map_err(|_| ApiError::invalid("payload", wrong))
}

/// Headers under the names that Go's servers use, and so modules expect: `Content-Type`.
fn named(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (canonical(name), text(value))).collect()
}

fn canonical(name: &HeaderName) -> String {
    let mut first = true;
    let letter = |letter: char| {
        let out = if first { letter.to_ascii_uppercase() } else { letter };
        first = letter == '-';
        out
    };
    name.as_str().chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::{canonical, payload};
    use axum::http::HeaderName;

    #[test]
    fn payloads_come_wrapped_and_bare() {
        let check = |bytes: &[u8], unwrap, wanted: Option<&str>| {
            assert_eq!(payload(bytes, unwrap).ok().as_deref(), wanted, "{}", String::from_utf8_lossy(bytes));
        };
        check(b"", false, Some(""));
        check(br#""{\"a\":1}""#, false, Some(r#"{"a":1}"#));
        check(br#"{"a":1}"#, false, None);
        check(br#"{"a":1}"#, true, Some(r#"{"a":1}"#));
        check(b"\xff", true, None);
    }

    #[test]
    fn headers_have_the_names_that_go_gives_them() {
        assert_eq!(canonical(&HeaderName::from_static("x-request-id")), "X-Request-Id");
        assert_eq!(canonical(&HeaderName::from_static("host")), "Host");
    }
}
