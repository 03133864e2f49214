//! What port 7350 serves beside sessions: the games' clients, the client library, `/client.json`, `/healthz` and `/readyz`.
//!
//! Owns paths and headers. Knows nothing of sockets, rooms or the console. `/ws` and `/v2` are left free.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Json, Redirect, Response};
use axum::routing::get;
use axum::{Router, http};
use serde::Serialize;

use crate::console::{KernelBoard, Mode, Rung};
use crate::games::Games;

/// What a client needs to sign its hello, and to sign in. A key inside a client is no secret: it keeps out what does not care to look for it.
#[derive(Debug, Clone)]
pub struct ClientKey {
    /// Application.
    pub app: u32,
    /// Key of the application.
    pub key: u16,
    /// Secret in hexadecimal digits.
    pub secret_hex: String,
    /// What guests show to the client API when they sign in; empty: nobody signs in there.
    pub server_key: String,
}

/// Whether the server takes players; shared with the thread that drains it.
#[derive(Debug, Default)]
pub struct Readiness(AtomicBool);

impl Readiness {
    /// From now on `/readyz` says yes, or no.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// What `/readyz` says.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

#[derive(Debug)]
struct Pages {
    games: Games,
    client_key: Option<ClientKey>,
    readiness: Arc<Readiness>,
    kernel: KernelBoard,
    start: Instant,
}

/// Routes of port 7350. Without `client_key` browsers are told the time but no key: the studio's own page has to bring it. `kernel` is
/// where `/healthz` finds how the kernel filter stands.
pub fn router(games: Games, client_key: Option<ClientKey>, readiness: Arc<Readiness>, kernel: KernelBoard) -> Router {
    let front_page = format!("/{}/", games.front());
    let pages = Arc::new(Pages { games, client_key, readiness, kernel, start: Instant::now() });
    Router::new()
        .route("/", get(move || async move { Redirect::temporary(&front_page) }))
        .route("/client.json", get(client))
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/sdk/js/{*path}", get(library))
        .route("/{game}/", get(front))
        .route("/{game}/{*path}", get(file))
        .fallback(|| async { (StatusCode::NOT_FOUND, "nothing is served here") })
        .with_state(pages)
}

#[derive(Serialize)]
struct Client<'a> {
    now_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_key: Option<&'a str>,
    game: &'a str,
}

async fn client(State(pages): State<Arc<Pages>>) -> Response {
    let now_ms =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    let key = pages.client_key.as_ref();
    let body = Client {
        now_ms,
        app: key.map(|key| key.app),
        key: key.map(|key| key.key),
        secret: key.map(|key| key.secret_hex.as_str()),
        server_key: key.map(|key| key.server_key.as_str()).filter(|key| !key.is_empty()),
        game: pages.games.front(),
    };
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
    uptime_s: u64,
    wall: WallHealth,
}

/// How packets are refused before they reach the process.
#[derive(Serialize)]
struct WallHealth {
    rung: Rung,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not_higher: Option<String>,
    mode: Mode,
}

async fn health(State(pages): State<Arc<Pages>>) -> Json<Health> {
    let wall = match pages.kernel.read() {
        Some(kernel) => WallHealth { rung: kernel.rung, why_not_higher: kernel.why_not_higher, mode: kernel.mode },
        None => WallHealth {
            rung: Rung::UserSpace,
            why_not_higher: Some("no kernel filter is attached".to_owned()),
            mode: Mode::Passive,
        },
    };
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION"), uptime_s: pages.start.elapsed().as_secs(), wall })
}

async fn ready(State(pages): State<Arc<Pages>>) -> (StatusCode, &'static str) {
    if pages.readiness.is_ready() { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "draining") }
}

async fn library(Path(path): Path<String>) -> Response {
    respond(&path, Games::library_file(&path))
}

async fn front(State(pages): State<Arc<Pages>>, Path(game): Path<String>) -> Response {
    respond("index.html", pages.games.client_file(&game, "index.html"))
}

async fn file(State(pages): State<Arc<Pages>>, Path((game, path)): Path<(String, String)>) -> Response {
    respond(&path, pages.games.client_file(&game, &path))
}

/// A file with its type. Nothing from elsewhere may be loaded by a page: it works without internet, and injected text cannot call home.
fn respond(path: &str, bytes: Option<Cow<'static, [u8]>>) -> Response {
    const HEADERS: [(HeaderName, &str); 3] = [
        (CACHE_CONTROL, "no-cache"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; \
             frame-ancestors 'self'; object-src 'none'; base-uri 'none'",
        ),
    ];
    let Some(bytes) = bytes else { return (StatusCode::NOT_FOUND, "no such file").into_response() };
    let body = match bytes {
        Cow::Borrowed(bytes) => axum::body::Body::from(bytes),
        Cow::Owned(bytes) => axum::body::Body::from(bytes),
    };
    let mut response = (HEADERS, body).into_response();
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(crate::files::content_type(path)));
    response
}
