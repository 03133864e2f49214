//! gRPC and gRPC-Web: all calls are unary, so a request and an answer are one message each. Owns paths, headers and statuses; knows
//! nothing of what calls do. HTTP/2 is the business of whoever serves the router.

mod frame;
mod status;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use hillfort_api::calls::Auth;
use hillfort_api::{ApiError, Call, CallName, Caller, Code, Sent, Via, Who};

use crate::answers::Answer;
use crate::credentials::{Shown, signature};
use crate::entry::Entry;
use crate::{Gate, body};
use frame::Form;

/// Routes of the door: `/nakama.api.Nakama/...`.
pub fn router(gate: Arc<Gate>) -> Router {
    let nothing = || async { status::response(Form::Grpc, Err(ApiError::new(Code::Unimplemented, "unknown service"))) };
    Router::new().route("/nakama.api.Nakama/{method}", any(answer)).fallback(nothing).with_state(gate)
}

async fn answer(
    State(gate): State<Arc<Gate>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(method): Path<String>,
    request: Request,
) -> Response {
    let is_from_page = request.headers().contains_key(header::ORIGIN);
    let mut response = if request.method() == Method::OPTIONS { preflight() } else { serve(&gate, peer, &method, request).await };
    if is_from_page {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("grpc-status, grpc-message"));
    }
    response
}

/// As on REST, pages of any origin may call.
fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, X-Grpc-Web, X-User-Agent, Grpc-Timeout, Grpc-Encoding, Grpc-Accept-Encoding, \
             X-Hillfort-Signature",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::OK, headers).into_response()
}

async fn serve(gate: &Gate, peer: SocketAddr, method: &str, request: Request) -> Response {
    let content_type = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let Some(form) = Form::of(content_type).filter(|_| request.method() == Method::POST) else {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    };
    let tokens = request.headers().get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    let alias = || Shown::of(Auth::User, tokens, None).and_then(|shown| gate.alias(&shown, method)).ok();
    let (name, by_alias) = match CallName::parse(method).map(|name| (name, false)).or_else(|| Some((alias()?, true))) {
        Some(found) => found,
        None => {
            let text = if method == "Realtime" { "Realtime is not served yet: the socket at /ws is" } else { "unknown method" };
            return status::response(form, Err(ApiError::new(Code::Unimplemented, text)));
        }
    };
    let answer = call(gate, peer, (name, by_alias), form, request).await;
    gate.count(name, answer.as_ref().map_or_else(|error| error.code, |_| Code::Ok));
    status::response(form, answer)
}

async fn call(
    gate: &Gate,
    peer: SocketAddr,
    (name, by_alias): (CallName, bool),
    form: Form,
    request: Request,
) -> Result<Answer, ApiError> {
    let (parts, body) = request.into_parts();
    let row = name.row();
    let tokens = || parts.headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    let patience = status::timeout(&parts.headers).unwrap_or(Duration::MAX).min(gate.settings.patience);
    // Before the body is read: who may not call must not cost more than a look. The key of an RPC is in the body, so without a session it is
    // its address alone that is charged here.
    let early = Shown::of(row.auth, tokens(), None).and_then(|shown| gate.who(row, &shown));
    let early = if name == CallName::RpcFunc { early.unwrap_or(Who::Nobody) } else { early? };
    let mut entry = gate.enter(name, &early, peer, &parts.extensions).await?;
    let message = message(&mut entry, form, &parts.headers, body, patience).await?;
    let message = entry.unpacked(message).await?;
    let mut call = Call::decode(name, message.clone())
        .map_err(|error| ApiError::new(Code::InvalidArgument, format!("this is no {}: {error}", row.request.short())))?;
    let mut caller = Caller { who: early, address: peer, via: Via::Grpc, headers: Vec::new(), query: Vec::new() };
    if let Call::RpcFunc(rpc) = &mut call {
        let key = std::mem::take(&mut rpc.http_key);
        caller.who = gate.who(row, &Shown::of(row.auth, tokens(), Some(key.into()))?)?;
        if rpc.id.is_empty() {
            return Err(ApiError::invalid("id", "RPC ID must be set"));
        }
        rpc.id = rpc.id.to_lowercase();
        (caller.query, caller.headers) = metadata(&parts.headers);
    }
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    gate.admit(&caller, &call, by_alias, &Sent { method, path, body: &message, signature: signature(&parts.headers) })?;
    drop(message);
    entry.call(caller, call, patience, move |reply| Ok(frame::answer(form, &reply.encode()))).await
}

/// The one message of a request.
async fn message(
    entry: &mut Entry<'_>,
    form: Form,
    headers: &HeaderMap,
    body: Body,
    patience: Duration,
) -> Result<Bytes, ApiError> {
    let most = entry.gate.settings.request_bytes_max;
    let bytes = entry.read(body, form.wire_max(most), patience).await?;
    let (packed, message) = frame::read(form, bytes)?;
    if message.len() > most {
        return Err(ApiError::new(Code::ResourceExhausted, format!("the message is larger than {most} bytes")));
    }
    if !packed {
        return Ok(message);
    }
    match headers.get("grpc-encoding").map(HeaderValue::as_bytes) {
        Some(b"gzip") => body::gunzip(&message, most),
        _ => Err(ApiError::new(Code::Unimplemented, "messages may be packed with gzip, or not at all")),
    }
}

type Pairs = Vec<(String, String)>;

/// Metadata as parameters of the query, where they are named so, and as headers. For the functions of modules.
fn metadata(headers: &HeaderMap) -> (Pairs, Pairs) {
    let pair = |(name, value): (&header::HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let (mut query, headers): (Pairs, Pairs) = headers.iter().map(pair).partition(|(name, _)| name.starts_with("q_"));
    for (name, _) in &mut query {
        name.drain(..2);
    }
    (query, headers)
}
