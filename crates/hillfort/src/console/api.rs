//! The live part of the console: rooms, addresses, limits and attacks, each body checked. Knows nothing of who asks, nor of who carries it
//! out.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, State as Shared};
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hillfort_proto::ids::RoomId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::admission::Actor;
use super::attack::{Kind, Runner, StartRefused};
use super::audit::Audit;
use super::feed::Feed;
use super::inspected::RoomDeed;
use super::office::Office;
use super::places::Places;
use super::sessions::Sessions;
use super::sign_in::Door;
use super::source::{Change, ChangeRefused, Source, TEXT_CHARS_MAX};
use super::told::{Accepted, Note, Noted, Refusal, Told, accepted};
use super::{Settings, assets, door, live};
use crate::metrics;

/// Longest ban that can be typed: a day.
const BAN_SECONDS_MAX: u64 = 24 * 3600;

/// Shared by all requests.
#[derive(Clone)]
pub(super) struct State {
    pub(super) source: Arc<dyn Source>,
    pub(super) office: Arc<Office>,
    pub(super) settings: Arc<Settings>,
    pub(super) feed: Arc<Feed>,
    pub(super) attack: Arc<Runner>,
    pub(super) places: Places<String>,
    /// Requests of clients behind proxies.
    pub(super) under_way: Places<u64>,
    pub(super) door: Arc<Door>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) audit: Arc<Audit>,
    /// Name of the session's cookie.
    pub(super) cookie: Arc<str>,
}

impl State {
    /// The state of a console on `port`.
    ///
    /// # Errors
    /// Operators' passwords cannot be checked: says why.
    pub(super) fn new(
        source: Arc<dyn Source>,
        office: Office,
        settings: Settings,
        feed: Arc<Feed>,
        port: u16,
    ) -> Result<Self, String> {
        let tool = settings.attack.clone().filter(|_| settings.development);
        let office = Arc::new(office);
        Ok(Self {
            source,
            attack: Arc::new(Runner::new(tool, Arc::clone(&feed))),
            places: Places::new(live::READERS_MAX),
            under_way: Places::new(door::CONNECTIONS_MAX),
            door: Arc::new(Door::new(&office.passwords)?),
            sessions: Arc::default(),
            audit: Arc::new(Audit::new(Arc::clone(&office))),
            cookie: format!("hillfort_console_{port}").into(),
            office,
            settings: Arc::new(settings),
            feed,
        })
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Address {
    address: IpAddr,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ban {
    address: IpAddr,
    reason: String,
    seconds: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    key: String,
    value: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attack {
    kind: Kind,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Room {
    room: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    /// World thread.
    to: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Steer {
    deed: RoomDeed,
}

pub(super) async fn rooms(Shared(state): Shared<State>) -> Json<Value> {
    let tables = state.source.tables();
    Json(json!({ "rooms": tables.rooms, "total": tables.rooms_total }))
}

pub(super) async fn record(Shared(state): Shared<State>, Json(Room { room }): Json<Room>) -> Noted {
    let note = Note::about(room.clone());
    note.told(
        of_room(&state, &room, |source, room| source.record(room)).await.map(|file| Json(json!({ "ok": true, "file": file }))),
    )
}

/// `?inside` asks the room for its state, too.
pub(super) async fn look(Shared(state): Shared<State>, Path(room): Path<String>, uri: Uri) -> Told {
    let deed = if uri.query() == Some("inside") { RoomDeed::LookInside } else { RoomDeed::Look };
    inspect(&state, &room, deed).await
}

pub(super) async fn steer(Shared(state): Shared<State>, Path(room): Path<String>, Json(Steer { deed }): Json<Steer>) -> Noted {
    let note = Note::about(room.clone()).with("deed", format!("{deed:?}"));
    if !state.settings.development {
        let refused = ChangeRefused::Forbidden("rooms can be paused and stepped in development mode only");
        return note.told(Err(refused.into()));
    }
    note.told(inspect(&state, &room, deed).await)
}

pub(super) async fn move_room(
    Shared(state): Shared<State>,
    Path(room): Path<String>,
    Json(Target { to }): Json<Target>,
) -> Noted<Accepted> {
    let note = Note::about(room.clone()).with("to", to);
    let moved = of_room(&state, &room, move |source, room| source.move_room(room, to)).await;
    note.told(moved.map(|()| accepted()))
}

async fn inspect(state: &State, room: &str, deed: RoomDeed) -> Told {
    let view = of_room(state, room, move |source, room| source.inspect(room, deed)).await?;
    let view = serde_json::to_value(view).map_err(|why| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, why.to_string()))?;
    Ok(Json(view))
}

/// Asks something of a room, on a thread that may wait.
async fn of_room<T: Send + 'static>(
    state: &State,
    room: &str,
    ask: impl FnOnce(&dyn Source, RoomId) -> Result<T, ChangeRefused> + Send + 'static,
) -> Result<T, Refusal> {
    let room = u64::from_str_radix(room, 16).map(RoomId).map_err(|_| ChangeRefused::Unknown("room"))?;
    at_room(state, room, ask).await
}

/// The same of a room by its number.
pub(super) async fn at_room<T: Send + 'static>(
    state: &State,
    room: RoomId,
    ask: impl FnOnce(&dyn Source, RoomId) -> Result<T, ChangeRefused> + Send + 'static,
) -> Result<T, Refusal> {
    let source = Arc::clone(&state.source);
    let panicked = |_| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed to answer: its log says more");
    Ok(tokio::task::spawn_blocking(move || ask(&*source, room)).await.map_err(panicked)??)
}

pub(super) async fn live(Shared(state): Shared<State>, Extension(actor): Extension<Actor>) -> Response {
    match live::place(&state, &actor) {
        Some(place) => live::respond(state, actor.token, place),
        None => (StatusCode::SERVICE_UNAVAILABLE, "too many pages of yours look at this console: close one").into_response(),
    }
}

pub(super) async fn explain(Shared(state): Shared<State>, Path(address): Path<IpAddr>) -> Response {
    let source = Arc::clone(&state.source);
    match tokio::task::spawn_blocking(move || source.explain(address.to_canonical())).await {
        Ok(Ok(view)) => Json(view).into_response(),
        Ok(Err(refused)) => Refusal::from(refused).into_response(),
        Err(_panicked) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

pub(super) async fn ban(Shared(state): Shared<State>, Json(ban): Json<Ban>) -> Noted<Accepted> {
    let note = Note::about(ban.address.to_string()).with("reason", ban.reason.clone()).with("seconds", ban.seconds);
    let checked = reason(&ban.reason).and_then(|reason| {
        if !(1..=BAN_SECONDS_MAX).contains(&ban.seconds) {
            return Err(Refusal::invalid(format!("a ban lasts 1 to {BAN_SECONDS_MAX} seconds")));
        }
        Ok(Change::Ban { address: ban.address.to_canonical(), reason, seconds: ban.seconds })
    });
    change(&state, note, checked)
}

/// A reason that a person typed.
pub(super) fn reason(text: &str) -> Result<String, Refusal> {
    let reason = text.trim();
    if reason.is_empty() || reason.chars().count() > TEXT_CHARS_MAX || reason.chars().any(char::is_control) {
        return Err(Refusal::invalid(format!("a reason has 1 to {TEXT_CHARS_MAX} characters")));
    }
    Ok(reason.to_owned())
}

pub(super) async fn lift(Shared(state): Shared<State>, Json(Address { address }): Json<Address>) -> Noted<Accepted> {
    change(&state, Note::about(address.to_string()), Ok(Change::Lift { address: address.to_canonical() }))
}

pub(super) async fn allow(Shared(state): Shared<State>, Json(Address { address }): Json<Address>) -> Noted<Accepted> {
    change(&state, Note::about(address.to_string()), Ok(Change::Allow { address: address.to_canonical() }))
}

pub(super) async fn disallow(Shared(state): Shared<State>, Json(Address { address }): Json<Address>) -> Noted<Accepted> {
    change(&state, Note::about(address.to_string()), Ok(Change::Disallow { address: address.to_canonical() }))
}

pub(super) async fn limits(Shared(state): Shared<State>, Json(Limit { key, value }): Json<Limit>) -> Noted<Accepted> {
    let tables = state.source.tables();
    let limit = tables.limits.iter().find(|limit| limit.key == key);
    let note = Note::about(key.clone()).with("value", value).with("before", limit.map(|limit| limit.value));
    let checked = match limit {
        None => Err(Refusal::unknown("limit")),
        Some(limit) if !(limit.min..=limit.max).contains(&value) => {
            Err(Refusal::invalid(format!("{} lies between {} and {}", limit.label, limit.min, limit.max)))
        }
        Some(_) => Ok(Change::Limit { key, value }),
    };
    change(&state, note, checked)
}

pub(super) async fn attack(Shared(state): Shared<State>, Json(Attack { kind }): Json<Attack>) -> Noted<Accepted> {
    let note = Note::about(format!("{kind:?}"));
    let started = state.attack.start(kind).map_err(|refused| {
        let status = match refused {
            StartRefused::NotDevelopment | StartRefused::NotLoopback => StatusCode::FORBIDDEN,
            StartRefused::Busy => StatusCode::CONFLICT,
            StartRefused::Cannot(_) => StatusCode::NOT_IMPLEMENTED,
            StartRefused::Start(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Refusal::new(status, refused.to_string())
    });
    note.told(started.map(|()| accepted()))
}

fn change(state: &State, note: Note, checked: Result<Change, Refusal>) -> Noted<Accepted> {
    let taken = checked.and_then(|change| {
        tracing::info!(?change, "change from the console");
        Ok(state.source.change(change)?)
    });
    note.told(taken.map(|()| accepted()))
}

pub(super) async fn exposition(Shared(state): Shared<State>) -> Response {
    let latest = state.feed.latest();
    let text = metrics::text(&latest.0, latest.1, state.feed.version, state.feed.uptime_ms());
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}

pub(super) async fn file(Shared(state): Shared<State>, uri: Uri) -> Response {
    assets::respond(&uri, state.settings.assets.as_deref())
}
