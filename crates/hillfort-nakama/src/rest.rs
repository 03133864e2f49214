//! REST: HTTP requests with JSON, as grpc-gateway understands them. Owns paths, headers and statuses; knows nothing of what calls do.

mod path;
mod reply;
mod request;
mod rpc;

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use bytes::Bytes;
use hillfort_api::calls::Auth;
use hillfort_api::{ApiError, CallName, Caller, Code, Sent, Via};

use crate::credentials::{Shown, signature};
use crate::{Gate, body, openapi};
use path::Found;

/// Routes of the door: `/v2/...` and `/healthcheck`.
pub fn router(gate: Arc<Gate>) -> Router {
    // Made with the first question: most servers are never asked.
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| openapi::document().to_string().into());
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")];
    let document = move || std::future::ready((headers.clone(), DOCUMENT.clone()));
    Router::new()
        .route("/v2/openapi.json", get(document))
        .route("/healthcheck", any(answer))
        .route("/v2/{*path}", any(answer))
        .with_state(gate)
}

async fn answer(State(gate): State<Arc<Gate>>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Response {
    let is_from_page = request.headers().contains_key(header::ORIGIN);
    let mut response = if request.method() == Method::OPTIONS { preflight() } else { find(&gate, peer, request).await };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache, must-revalidate"));
    if is_from_page {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    response
}

/// Pages of any origin may call: what they may do is in the token that they bring, and no cookie is looked at.
fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, DELETE"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, User-Agent, X-Hillfort-Signature"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::OK, headers).into_response()
}

async fn find(gate: &Gate, peer: SocketAddr, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let found = match where_to(gate, &parts) {
        Ok(found) => found,
        Err(error) => return reply::error(&error),
    };
    let call = found.row.call;
    let served = match call {
        CallName::RpcFunc => rpc::serve(gate, peer, found, &parts, body).await,
        _ => serve(gate, peer, found, &parts, body).await,
    };
    gate.count(call, served.as_ref().map_or_else(|error| error.code, |_| Code::Ok));
    match served {
        Ok(response) => response,
        Err(error) if call == CallName::RpcFunc => reply::rpc_error(&error),
        Err(error) => reply::error(&error),
    }
}

/// By the path of the table, or by a name that a session has for a call.
fn where_to<'a>(gate: &Gate, parts: &'a Parts) -> Result<Found<'a>, ApiError> {
    let Some(name) = parts.uri.path().strip_prefix(path::ALIAS) else { return path::find(&parts.method, parts.uri.path()) };
    let tokens = parts.headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    let call = gate.alias(&Shown::of(Auth::User, tokens, None)?, name)?;
    path::aliased(call, &parts.method, parts.uri.query().unwrap_or_default())
}

/// The request as it has to be signed, with this body.
fn sent<'a>(parts: &'a Parts, body: &'a [u8]) -> Sent<'a> {
    let path = parts.uri.path_and_query().map_or_else(|| parts.uri.path(), |path| path.as_str());
    Sent { method: parts.method.as_str(), path, body, signature: signature(&parts.headers) }
}

async fn serve(gate: &Gate, peer: SocketAddr, found: Found<'_>, parts: &Parts, body: Body) -> Result<Response, ApiError> {
    let tokens = parts.headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    // Before the body is read: who may not call must not cost more than a look.
    let who = gate.who(found.row, &Shown::of(found.row.auth, tokens, None)?)?;
    let mut entry = gate.enter(found.row.call, &who, peer, &parts.extensions).await?;
    let most = gate.settings.request_bytes_max;
    let bytes = body::unpack(entry.read(body, most, gate.settings.patience).await?, &parts.headers, most)?;
    let bytes = entry.unpacked(bytes).await?;
    let call = request::call(&found, parts.uri.query().unwrap_or_default(), &bytes)?;
    let caller = Caller { who, address: peer, via: Via::Rest, headers: Vec::new(), query: Vec::new() };
    gate.admit(&caller, &call, found.by_alias, &sent(parts, &bytes))?;
    drop(bytes);
    let answer = entry.call(caller, call, gate.settings.patience, |reply| Ok(reply.json())).await?;
    Ok(reply::json(StatusCode::OK, Body::new(answer)))
}

/// An answer whose body is text of JSON.
pub(crate) fn with_json(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
