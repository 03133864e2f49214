//! Matches as operators see them: listed as the client API lists them, one of them with the room behind it, and ended. Knows nothing of how one runs.

use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use hillfort_api::api::{ListMatchesRequest, Match};
use hillfort_api::match_id::MatchId;
use hillfort_api::matches::HANDLER_GAME;
use hillfort_nakama::socket::StreamKey;
use hillfort_proto::ids::RoomId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{State, at_room};
use super::inspected::{RoomDeed, RoomView};
use super::play::Play;
use super::source::ChangeRefused;
use super::told::{Note, Noted, Refusal, Told, done};

/// Matches that a list shows.
const MATCHES_MAX: i32 = 100;
/// Presences of a relayed match that are shown.
const PRESENCES_MAX: usize = 200;
/// Longest query over labels, bytes.
const QUERY_MAX: usize = 512;
/// Longest id, bytes: a UUID and the name of a server.
const ID_MAX: usize = 128;

/// Which matches.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Over labels, as clients write it; empty: all.
    #[serde(default)]
    query: String,
    #[serde(default)]
    kind: Kind,
}

/// Who runs them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Any,
    /// The clients in them: the server hands on what they send.
    Relayed,
    /// A module, or a game of this server.
    Rooms,
}

/// `GET /api/matches`: the newest first, and no more than a page.
pub(super) async fn list(Shared(state): Shared<State>, Query(Wanted { query, kind }): Query<Wanted>) -> Told {
    if query.len() > QUERY_MAX {
        return Err(Refusal::invalid(format!("a query has {QUERY_MAX} bytes at most")));
    }
    let play = &state.office.play;
    let request = ListMatchesRequest {
        // One more tells whether there are more.
        limit: Some(MATCHES_MAX + 1),
        authoritative: (kind != Kind::Any).then_some(kind == Kind::Rooms),
        query: Some(query).filter(|query| !query.is_empty()),
        ..ListMatchesRequest::default()
    };
    let matches = play.matches.list(request);
    let mut found = state.office.run(matches).await??;
    let more = found.len() > MATCHES_MAX as usize;
    found.truncate(MATCHES_MAX as usize);
    Ok(Json(json!({ "matches": found.iter().map(|found| row(play, found)).collect::<Vec<_>>(), "more": more })))
}

fn row(play: &Play, found: &Match) -> Value {
    json!({
        "id": found.match_id, "authoritative": found.authoritative, "label": found.label, "size": found.size,
        "rate": found.tick_rate, "handler": found.handler_name, "room": room_of(play, &found.match_id).map(|room| room.to_string()),
    })
}

/// The room that runs a match.
fn room_of(play: &Play, id: &str) -> Option<RoomId> {
    MatchId::parse(id).filter(|id| !id.node.is_empty()).and_then(|id| play.cipher.room(id.uuid)).map(RoomId)
}

/// `GET /api/matches/{id}`: the match as it is now, who is in it, and what its room tells.
pub(super) async fn view(Shared(state): Shared<State>, Path(id): Path<String>) -> Told {
    let found = find(&state, &id).await?;
    let play = &state.office.play;
    let mut shown = row(play, &found);
    match room_of(play, &id) {
        Some(room) => {
            let view = at_room(&state, room, look).await?;
            shown["presences"] = view.told.as_ref().map_or(Value::Null, |told| told["presences"].clone());
            shown["state"] = view.told.as_ref().map_or(Value::Null, |told| told["state"].clone());
            let view =
                serde_json::to_value(view).map_err(|why| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, why.to_string()))?;
            shown["inside"] = view;
        }
        None => shown["presences"] = relayed(play, &id),
    }
    Ok(Json(shown))
}

async fn find(state: &State, id: &str) -> Result<Match, Refusal> {
    let unknown = || Refusal::unknown("match");
    if id.len() > ID_MAX || MatchId::parse(id).is_none() {
        return Err(unknown());
    }
    let found = state.office.play.matches.get(id.to_owned());
    state.office.run(found).await??.ok_or_else(unknown)
}

/// The room of a module also tells its state. Rooms of games are asked for theirs by hand: saving may take them long.
fn look(source: &dyn super::Source, room: RoomId) -> Result<RoomView, ChangeRefused> {
    let view = source.inspect(room, RoomDeed::Look)?;
    if view.game == HANDLER_GAME { source.inspect(room, RoomDeed::LookInside) } else { Ok(view) }
}

fn relayed(play: &Play, id: &str) -> Value {
    let Some(id) = MatchId::parse(id) else { return Value::Null };
    let on = play.sockets.on_stream(&StreamKey::relayed(id.uuid));
    let rows = on
        .into_iter()
        .take(PRESENCES_MAX)
        .map(|on| json!({ "user": on.user.to_string(), "session": on.session.to_string(), "username": on.username }));
    rows.collect()
}

/// `DELETE /api/matches/{id}`: its room is told, and its players leave.
pub(super) async fn end(Shared(state): Shared<State>, Path(id): Path<String>) -> Noted {
    let found = match find(&state, &id).await {
        Ok(found) => found,
        Err(refusal) => return Note::about(id).told(Err(refusal)),
    };
    let note = Note::about(id.clone()).with("handler", found.handler_name).with("players", found.size);
    let Some(room) = room_of(&state.office.play, &id) else {
        let text = "a relayed match is its players': it ends when the last of them has left; sign them out to have them leave";
        return note.told(Err(Refusal::new(StatusCode::CONFLICT, text)));
    };
    note.told(at_room(&state, room, |source, room| source.end_room(room)).await.map(|()| done()))
}
