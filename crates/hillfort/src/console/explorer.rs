//! Any call of the client API, as any user or as the server: the same table and the same handlers as behind the doors. Knows nothing of what
//! calls do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Extension, Path, State as Shared};
use hillfort_api::calls::{Auth, Row, State as Served};
use hillfort_api::json::{Unknown, to_wire};
use hillfort_api::table::{Field, Kind, Message, Scalar, Shape};
use hillfort_api::{ApiError, CALLS, Call, CallName, Code, SessionUser, Who};
use hillfort_store::UserId;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::admission::Actor;
use super::api::State;
use super::sign_in::now_ms;
use super::told::{Note, Noted, Refusal, Told};

/// Seconds for which the one is good as whom a call is made.
const LIFE_S: i64 = 60;
/// How deep an example of a request goes: messages may hold themselves.
const DEPTH_MAX: usize = 4;

/// `GET /api/calls`: the table, each call with a request to begin with.
pub(super) async fn list() -> Json<Value> {
    Json(json!({ "calls": CALLS.iter().map(shown).collect::<Vec<_>>() }))
}

fn shown(row: &Row) -> Value {
    let auth = match row.auth {
        Auth::None => "everybody",
        Auth::ServerKey => "server",
        Auth::User => "user",
        Auth::HttpKeyOrUser => "user or server",
    };
    let way = row.routes.first().map(|route| format!("{:?} {}", route.method, route.path));
    let request = example(row.request, DEPTH_MAX);
    json!({
        "name": row.name, "about": row.about, "auth": auth, "served": row.state == Served::Done, "way": way,
        "request": request, "takes": row.request.short(), "gives": row.reply.short(),
    })
}

/// A request with every field, at its default.
fn example(message: &Message, depth: usize) -> Value {
    let fields = message.fields.iter().filter(|_| depth > 0);
    Value::Object(fields.map(|field| (field.name.to_owned(), value(field, depth - 1))).collect::<Map<_, _>>())
}

fn value(field: &Field, depth: usize) -> Value {
    let one = match field.kind {
        Kind::Scalar(scalar) | Kind::Wrapped(scalar) => match scalar {
            Scalar::Bool => false.into(),
            Scalar::Int32 | Scalar::Uint32 | Scalar::Double => 0.into(),
            Scalar::Int64 => "0".into(),
            Scalar::String | Scalar::Bytes => "".into(),
        },
        Kind::Enum(_) => 0.into(),
        Kind::Message(message) => example(message, depth),
        Kind::Timestamp => Value::Null,
    };
    match field.shape {
        Shape::One => one,
        Shape::List if matches!(field.kind, Kind::Message(_)) => json!([one]),
        Shape::List => json!([]),
        Shape::Map => json!({}),
    }
}

/// A call to make.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// As whom; `None`: as the server, or as nobody where that is enough.
    user: Option<UserId>,
    /// What it takes.
    request: Value,
}

/// `POST /api/calls/{call}`. What the call says, an error too, is the answer; the request itself is not written down: it may hold secrets.
pub(super) async fn call(
    Shared(state): Shared<State>,
    Extension(actor): Extension<Actor>,
    Path(name): Path<String>,
    Json(Wanted { user, request }): Json<Wanted>,
) -> Noted {
    let note = Note::about(name.clone());
    let request = request.to_string();
    let note = note.with("user", user.map(|user| user.to_string())).with("bytes", request.len());
    let Some(name) = CallName::parse(&name) else { return note.told(Err(Refusal::unknown("call"))) };
    let begin = Instant::now();
    let answer = make(&state, &actor, name, user, &request).await;
    let ms = begin.elapsed().as_secs_f64() * 1e3;
    let code = answer.as_ref().map_or_else(|error| error.code, |_| Code::Ok);
    let outcome = match code {
        Code::Ok => None,
        Code::Internal | Code::Unavailable | Code::Unknown => Some(format!("failed: {code:?}")),
        _ => Some(format!("refused: {code:?}")),
    };
    let note = Note { outcome, ..note.with("code", format!("{code:?}")) };
    note.told(told(answer, code, ms))
}

async fn make(state: &State, actor: &Actor, name: CallName, user: Option<UserId>, request: &str) -> Result<Vec<u8>, ApiError> {
    let row = name.row();
    let wire = to_wire(row.request, request.as_bytes(), Unknown::Refuse)?;
    let call = Call::decode(name, wire.as_slice()).map_err(|why| ApiError::new(Code::InvalidArgument, why.to_string()))?;
    let who = match user {
        Some(user) => Who::User(Arc::new(session(state, user).await?)),
        None => match row.auth {
            Auth::ServerKey => Who::ServerKey,
            Auth::HttpKeyOrUser => Who::HttpKey,
            Auth::None | Auth::User => Who::Nobody,
        },
    };
    let address = SocketAddr::new(actor.from, 0);
    Ok(state.office.gate.call_for_operator(who, address, call).await?.json())
}

/// The user as a session would have them. The operator vouches: there is no token.
async fn session(state: &State, user: UserId) -> Result<SessionUser, ApiError> {
    let accounts = Arc::clone(&state.office.store.accounts);
    let found = state.office.run(async move { accounts.get(user).await }).await;
    let account = found.map_err(|refusal| ApiError::new(Code::Internal, refusal.text))?;
    let account = account.map_err(|why| ApiError::new(Code::NotFound, why.to_string()))?;
    let now_s = now_ms() / 1000;
    Ok(SessionUser {
        user_id: hillfort_api::UserId(user.0),
        username: account.username,
        vars: BTreeMap::new(),
        expires_s: now_s + LIFE_S,
        issued_s: now_s,
        token_id: String::new(),
        generation: 0,
    })
}

fn told(answer: Result<Vec<u8>, ApiError>, code: Code, ms: f64) -> Told {
    let (reply, error, field) = match answer {
        Ok(json) => (serde_json::from_slice(&json).unwrap_or(Value::Null), None, None),
        Err(error) => (Value::Null, Some(error.message), error.field),
    };
    let status = code.http_status();
    Ok(Json(json!({
        "code": format!("{code:?}"), "number": code as u8, "status": status, "error": error, "field": field, "reply": reply, "ms": ms,
    })))
}
