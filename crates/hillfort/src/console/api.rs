//! The console's routes: what can be asked and changed, in JSON, each body bounded and checked. Knows nothing of who carries it out.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, State as Shared};
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hillfort_proto::ids::RoomId;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;

use super::attack::{Kind, Runner, StartRefused};
use super::feed::Feed;
use super::inspected::RoomDeed;
use super::source::{Change, ChangeRefused, Source, TEXT_CHARS_MAX};
use super::{Settings, assets, gate, live};
use crate::metrics;

/// Bytes of a request body at most.
const BODY_BYTES_MAX: usize = 4 * 1024;
/// Longest ban that can be typed: a day.
const BAN_SECONDS_MAX: u64 = 24 * 3600;

/// Shared by all requests.
#[derive(Clone)]
pub(super) struct State {
    pub(super) source: Arc<dyn Source>,
    pub(super) settings: Arc<Settings>,
    pub(super) feed: Arc<Feed>,
    pub(super) attack: Arc<Runner>,
    pub(super) places: Arc<Semaphore>,
}

impl State {
    pub(super) fn new(source: Arc<dyn Source>, settings: Settings, feed: Arc<Feed>) -> Self {
        let tool = settings.attack.clone().filter(|_| settings.development);
        let attack = Arc::new(Runner::new(tool, Arc::clone(&feed)));
        let places = Arc::new(Semaphore::new(live::READERS_MAX));
        Self { source, settings: Arc::new(settings), feed, attack, places }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// All routes behind the gate.
pub(super) fn router(state: State) -> Router {
    let hosts: Arc<[String]> = state.settings.hosts.clone().into();
    Router::new()
        .route("/api/live", get(live))
        .route("/api/address/{address}", get(explain))
        .route("/api/ban", post(ban))
        .route("/api/lift", post(lift))
        .route("/api/allow", post(allow))
        .route("/api/disallow", post(disallow))
        .route("/api/limits", post(limits))
        .route("/api/attack", post(attack))
        .route("/api/rooms", get(rooms))
        .route("/api/rooms/{room}", get(look).post(steer))
        .route("/api/rooms/{room}/move", post(move_room))
        .route("/api/record", post(record))
        .route("/metrics", get(exposition))
        .fallback(get(file))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(hosts, gate::check))
        .with_state(state)
}

/// What came of a request that changes something.
struct Outcome(Result<(), (StatusCode, String)>);

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        match self.0 {
            Ok(()) => (StatusCode::ACCEPTED, Json(json!({ "ok": true }))).into_response(),
            Err((status, error)) => (status, Json(json!({ "ok": false, "error": error }))).into_response(),
        }
    }
}

impl From<Result<(), ChangeRefused>> for Outcome {
    fn from(result: Result<(), ChangeRefused>) -> Self {
        Self(result.map_err(|refused| {
            let status = match refused {
                ChangeRefused::Unknown(_) => StatusCode::NOT_FOUND,
                ChangeRefused::Gone(_) => StatusCode::GONE,
                ChangeRefused::Forbidden(_) => StatusCode::FORBIDDEN,
                ChangeRefused::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
                ChangeRefused::Busy => StatusCode::SERVICE_UNAVAILABLE,
            };
            (status, refused.to_string())
        }))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Address {
    address: IpAddr,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ban {
    address: IpAddr,
    reason: String,
    seconds: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    key: String,
    value: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attack {
    kind: Kind,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Room {
    room: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    /// World thread.
    to: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Steer {
    deed: RoomDeed,
}

async fn rooms(Shared(state): Shared<State>) -> Response {
    let tables = state.source.tables();
    Json(json!({ "rooms": tables.rooms, "total": tables.rooms_total })).into_response()
}

async fn record(Shared(state): Shared<State>, Json(Room { room }): Json<Room>) -> Response {
    let Ok(room) = u64::from_str_radix(&room, 16).map(RoomId) else {
        return Outcome::from(Err(ChangeRefused::Unknown("room"))).into_response();
    };
    tracing::info!(%room, "recording asked for at the console");
    let source = Arc::clone(&state.source);
    match tokio::task::spawn_blocking(move || source.record(room)).await {
        Ok(Ok(file)) => Json(json!({ "ok": true, "file": file })).into_response(),
        Ok(Err(refused)) => Outcome::from(Err(refused)).into_response(),
        Err(_panicked) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `?inside` asks the room for its state, too.
async fn look(Shared(state): Shared<State>, Path(room): Path<String>, uri: Uri) -> Response {
    let deed = if uri.query() == Some("inside") { RoomDeed::LookInside } else { RoomDeed::Look };
    inspect(&state, &room, deed).await
}

async fn steer(Shared(state): Shared<State>, Path(room): Path<String>, Json(Steer { deed }): Json<Steer>) -> Response {
    if !state.settings.development {
        let refused = ChangeRefused::Forbidden("rooms can be paused and stepped in development mode only");
        return Outcome::from(Err(refused)).into_response();
    }
    tracing::info!(room, ?deed, "room steered from the console");
    inspect(&state, &room, deed).await
}

async fn move_room(Shared(state): Shared<State>, Path(room): Path<String>, Json(Target { to }): Json<Target>) -> Response {
    let Ok(room) = u64::from_str_radix(&room, 16).map(RoomId) else {
        return Outcome::from(Err(ChangeRefused::Unknown("room"))).into_response();
    };
    tracing::info!(%room, to, "move asked for at the console");
    let source = Arc::clone(&state.source);
    match tokio::task::spawn_blocking(move || source.move_room(room, to)).await {
        Ok(moved) => Outcome::from(moved).into_response(),
        Err(_panicked) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn inspect(state: &State, room: &str, deed: RoomDeed) -> Response {
    let Ok(room) = u64::from_str_radix(room, 16).map(RoomId) else {
        return Outcome::from(Err(ChangeRefused::Unknown("room"))).into_response();
    };
    let source = Arc::clone(&state.source);
    match tokio::task::spawn_blocking(move || source.inspect(room, deed)).await {
        Ok(Ok(view)) => Json(view).into_response(),
        Ok(Err(refused)) => Outcome::from(Err(refused)).into_response(),
        Err(_panicked) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn live(Shared(state): Shared<State>) -> Response {
    match live::place(&state) {
        Some(place) => live::respond(state, place),
        None => (StatusCode::SERVICE_UNAVAILABLE, "too many pages look at this console; close one").into_response(),
    }
}

async fn explain(Shared(state): Shared<State>, Path(address): Path<IpAddr>) -> Response {
    let source = Arc::clone(&state.source);
    match tokio::task::spawn_blocking(move || source.explain(address.to_canonical())).await {
        Ok(Ok(view)) => Json(view).into_response(),
        Ok(Err(refused)) => Outcome::from(Err(refused)).into_response(),
        Err(_panicked) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn ban(Shared(state): Shared<State>, Json(ban): Json<Ban>) -> Outcome {
    let reason = ban.reason.trim();
    if reason.is_empty() || reason.chars().count() > TEXT_CHARS_MAX || reason.chars().any(char::is_control) {
        return Err(ChangeRefused::Invalid(format!("a reason has 1 to {TEXT_CHARS_MAX} characters"))).into();
    }
    if !(1..=BAN_SECONDS_MAX).contains(&ban.seconds) {
        return Err(ChangeRefused::Invalid(format!("a ban lasts 1 to {BAN_SECONDS_MAX} seconds"))).into();
    }
    change(&state, Change::Ban { address: ban.address.to_canonical(), reason: reason.to_owned(), seconds: ban.seconds })
}

async fn lift(Shared(state): Shared<State>, Json(Address { address }): Json<Address>) -> Outcome {
    change(&state, Change::Lift { address: address.to_canonical() })
}

async fn allow(Shared(state): Shared<State>, Json(Address { address }): Json<Address>) -> Outcome {
    change(&state, Change::Allow { address: address.to_canonical() })
}

async fn disallow(Shared(state): Shared<State>, Json(Address { address }): Json<Address>) -> Outcome {
    change(&state, Change::Disallow { address: address.to_canonical() })
}

async fn limits(Shared(state): Shared<State>, Json(Limit { key, value }): Json<Limit>) -> Outcome {
    let tables = state.source.tables();
    let Some(limit) = tables.limits.iter().find(|limit| limit.key == key) else {
        return Err(ChangeRefused::Unknown("limit")).into();
    };
    if !(limit.min..=limit.max).contains(&value) {
        return Err(ChangeRefused::Invalid(format!("{} lies between {} and {}", limit.label, limit.min, limit.max))).into();
    }
    change(&state, Change::Limit { key, value })
}

async fn attack(Shared(state): Shared<State>, Json(Attack { kind }): Json<Attack>) -> Outcome {
    Outcome(state.attack.start(kind).map_err(|refused| {
        let status = match refused {
            StartRefused::NotDevelopment | StartRefused::NotLoopback => StatusCode::FORBIDDEN,
            StartRefused::Busy => StatusCode::CONFLICT,
            StartRefused::Cannot(_) => StatusCode::NOT_IMPLEMENTED,
            StartRefused::Start(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, refused.to_string())
    }))
}

fn change(state: &State, change: Change) -> Outcome {
    tracing::info!(?change, "change from the console");
    state.source.change(change).into()
}

async fn exposition(Shared(state): Shared<State>) -> Response {
    let latest = state.feed.latest();
    let text = metrics::text(&latest.0, latest.1, state.feed.version, state.feed.uptime_ms());
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}

async fn file(Shared(state): Shared<State>, uri: Uri) -> Response {
    assets::respond(&uri, state.settings.assets.as_deref())
}
