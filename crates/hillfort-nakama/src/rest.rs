//! REST: HTTP requests with JSON, as grpc-gateway understands them. Owns paths, headers and statuses; knows nothing of what calls do.

mod path;
mod reply;
mod request;
mod rpc;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use hillfort_api::{ApiError, CallName, Caller, Code, Via};

use crate::credentials::Shown;
use crate::{Gate, body, openapi};
use path::Found;

/// Routes of the door: `/v2/...` and `/healthcheck`.
pub fn router(gate: Arc<Gate>) -> Router {
    let document = openapi::document().to_string();
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")];
    let document = move || std::future::ready((headers.clone(), document.clone()));
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
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, User-Agent"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::OK, headers).into_response()
}

async fn find(gate: &Gate, peer: SocketAddr, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let found = match path::find(&parts.method, parts.uri.path()) {
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

async fn serve(gate: &Gate, peer: SocketAddr, found: Found<'_>, parts: &Parts, body: Body) -> Result<Response, ApiError> {
    let tokens = parts.headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    // Before the body is read: who may not call must not cost more than a look.
    let who = gate.who(found.row, &Shown::of(found.row.auth, tokens, None)?)?;
    let most = gate.settings.request_bytes_max;
    let bytes = body::unpack(body::read(body, most, gate.settings.patience).await?, &parts.headers, most)?;
    let call = request::call(&found, parts.uri.query().unwrap_or_default(), &bytes)?;
    let caller = Caller { who, address: peer, via: Via::Rest, headers: Vec::new(), query: Vec::new() };
    let answer = gate.call(caller, call, gate.settings.patience).await?;
    Ok(reply::json(StatusCode::OK, answer.json()))
}

/// An answer whose body is text of JSON.
pub(crate) fn with_json(status: StatusCode, text: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
