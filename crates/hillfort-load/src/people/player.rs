//! One virtual player: its device, session, connections, and what it waits for. Owns the requests it makes and what it makes of their answers; knows no
//! other player, no clock and no schedule.

use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hillfort_proto::time::Time;
use serde_json::{Value, json};

use super::http::{Answer, Link, request};
use super::mix::Class;
use super::socket::Socket;
use super::tally::End;
use super::target::Target;

const COLLECTION: &str = "people";
const KEY: &str = "slot";

/// A player.
#[derive(Debug)]
pub(super) struct Player {
    /// What it signs in with.
    pub(super) device: String,
    /// Where it comes from.
    pub(super) source: Ipv4Addr,
    /// Its connection for calls.
    pub(super) link: Option<Link>,
    /// Its realtime socket.
    pub(super) socket: Option<Socket>,
    /// How far it is into its match.
    pub(super) seat: Seat,
    pub(super) session: Option<Session>,
    /// What it waits for.
    pub(super) busy: Option<Busy>,
    /// Its first object is written.
    pub(super) has_written: bool,
    /// Messages sent into the match.
    pub(super) messages: u64,
}

/// How far a player is into its match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seat {
    /// No socket.
    None,
    /// The socket is being opened.
    Opening,
    /// The socket is open.
    Open,
    /// The match was asked.
    Asked,
    /// In the match.
    Taken,
}

/// A session.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) token: String,
    user: String,
    pub(super) since: Time,
}

/// What a player waits for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Busy {
    pub(super) ask: Ask,
    /// When it was due: latencies count from there.
    pub(super) due: Time,
    /// It is in the tally.
    pub(super) counts: bool,
    /// Its connection is a new one: if it ends, that is no connection that was idle for too long.
    pub(super) is_fresh: bool,
}

/// What a player asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// A call of the mix.
    Call(Class),
    /// An account of its own.
    Enter,
    /// A match for itself and others.
    Table,
}

impl Player {
    pub(super) const fn new(device: String, source: Ipv4Addr) -> Self {
        Self {
            device,
            source,
            link: None,
            socket: None,
            seat: Seat::None,
            session: None,
            busy: None,
            has_written: false,
            messages: 0,
        }
    }

    /// The request for `ask`, for everything but an echo. `stranger` is a device that nobody knows.
    pub(super) fn request(&self, ask: Ask, target: &Target, stranger: &str, number: u64) -> Vec<u8> {
        let (bearer, user) = match &self.session {
            Some(session) => (format!("Bearer {}", session.token), session.user.as_str()),
            None => (String::new(), ""),
        };
        let key = target.server_key.as_str();
        let device = |id: &str| json!({ "id": id }).to_string();
        // A payload is text of JSON in a text of JSON.
        let payload = |payload: Value| Value::String(payload.to_string()).to_string();
        let authenticate = "/v2/account/authenticate/device?create=";
        let (method, path, authorization, body) = match ask {
            Ask::Enter => ("POST", format!("{authenticate}true"), key, device(&self.device)),
            Ask::Table => {
                let who = target.http_key.as_ref().unwrap_or(&bearer);
                ("POST", "/v2/rpc/people.table".to_owned(), who.as_str(), payload(json!({})))
            }
            Ask::Call(Class::Register) => ("POST", format!("{authenticate}true"), key, device(stranger)),
            Ask::Call(Class::Login) => ("POST", format!("{authenticate}false"), key, device(&self.device)),
            Ask::Call(Class::Write) => {
                let value = json!({ "n": number, "level": 3, "items": ["sword", "shield", "lamp"], "note": "x".repeat(120) });
                let object = json!({ "collection": COLLECTION, "key": KEY, "value": value.to_string(), "permission_read": 1, "permission_write": 1 });
                ("PUT", "/v2/storage".to_owned(), bearer.as_str(), json!({ "objects": [object] }).to_string())
            }
            Ask::Call(Class::Read) => {
                let id = json!({ "collection": COLLECTION, "key": KEY, "user_id": user });
                ("POST", "/v2/storage".to_owned(), bearer.as_str(), json!({ "object_ids": [id] }).to_string())
            }
            // Echoes go over the socket: who asks for one here gets a function's answer instead.
            Ask::Call(Class::Rpc | Class::Echo) => {
                ("POST", "/v2/rpc/people.greet".to_owned(), bearer.as_str(), payload(json!({ "n": number })))
            }
        };
        request(method, &path, &target.host, authorization, &body)
    }

    /// What an answer says about `ask`: how it ended, and what it said where that matters, such as the id of a match.
    pub(super) fn take(&mut self, ask: Ask, answer: &Answer, now: Time) -> (End, String) {
        let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        if answer.status != 200 {
            let code = body.as_ref().and_then(|body| body.get("code")?.as_u64()).and_then(|code| u8::try_from(code).ok());
            let end = code.filter(|code| (1..=16).contains(code)).map_or(End::Status(answer.status), End::Code);
            return (end, body.and_then(|body| text(&body, "message")).unwrap_or_default());
        }
        let Some(body) = body else { return (End::Wrong, "the answer is no JSON".to_owned()) };
        let inner = || text(&body, "payload").and_then(|payload| serde_json::from_str::<Value>(&payload).ok());
        let said = match ask {
            Ask::Call(Class::Register) => text(&body, "token"),
            Ask::Enter | Ask::Call(Class::Login) => text(&body, "token").and_then(|token| {
                let user = user_of(&token)?;
                self.session = Some(Session { token, user, since: now });
                Some(String::new())
            }),
            Ask::Call(Class::Write) => {
                let is_written = body["acks"][0]["key"] == KEY;
                self.has_written |= is_written;
                is_written.then(String::new)
            }
            Ask::Call(Class::Read) => (body["objects"][0]["key"] == KEY).then(String::new),
            Ask::Call(Class::Rpc | Class::Echo) => {
                let user = self.session.as_ref().map(|session| session.user.as_str());
                inner().filter(|inner| inner["user_id"].as_str() == user).map(|_| String::new())
            }
            Ask::Table => inner().and_then(|inner| text(&inner, "match_id")),
        };
        said.map_or_else(|| (End::Wrong, "the answer is another one than was asked for".to_owned()), |said| (End::Ok, said))
    }
}

/// The user that a session token names. Its signature is the server's business.
fn user_of(token: &str) -> Option<String> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims.get("uid")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::tls::Trust;
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.as_bytes().to_vec(), keep: true }
    }

    fn token(user: &str) -> String {
        format!("h.{}.s", URL_SAFE_NO_PAD.encode(json!({ "uid": user }).to_string()))
    }

    #[test]
    fn answers_are_looked_at() {
        let mut player = Player::new("device".into(), Ipv4Addr::LOCALHOST);
        let mut check = |ask, status, body: &str, expect: End| {
            assert_eq!(player.take(ask, &answer(status, body), Time::ZERO).0, expect, "{ask:?} {body}");
        };
        let call = Ask::Call;
        check(Ask::Enter, 200, &json!({ "token": token("ann") }).to_string(), End::Ok);
        check(call(Class::Login), 200, r#"{"token":"no token"}"#, End::Wrong);
        check(call(Class::Register), 200, r#"{"token":"t"}"#, End::Ok);
        check(call(Class::Write), 200, r#"{"acks":[{"key":"slot"}]}"#, End::Ok);
        check(call(Class::Read), 200, r#"{"objects":[]}"#, End::Wrong);
        check(call(Class::Read), 200, r#"{"objects":[{"key":"slot"}]}"#, End::Ok);
        check(call(Class::Rpc), 200, r#"{"payload":"{\"user_id\":\"ann\"}"}"#, End::Ok);
        check(call(Class::Rpc), 200, r#"{"payload":"{\"user_id\":\"bob\"}"}"#, End::Wrong);
        check(Ask::Table, 200, r#"{"payload":"{\"match_id\":\"m\"}"}"#, End::Ok);
        check(call(Class::Read), 200, "no JSON", End::Wrong);
        check(call(Class::Read), 503, r#"{"code":14,"message":"busy"}"#, End::Code(14));
        check(call(Class::Read), 502, "a balancer's page", End::Status(502));
        check(call(Class::Read), 500, r#"{"code":999}"#, End::Status(500));
    }

    #[test]
    fn requests_carry_the_session() {
        let target = Target::new("http://127.0.0.1:7350", "defaultkey", Some("httpkey"), Trust::System).expect("a target");
        let mut player = Player::new("device-1".into(), Ipv4Addr::LOCALHOST);
        let text = |player: &Player, ask| String::from_utf8(player.request(ask, &target, "device-2", 7)).expect("text");
        let enter = text(&player, Ask::Enter);
        assert!(
            enter.contains("device?create=true") && enter.contains("Basic ") && enter.ends_with(r#"{"id":"device-1"}"#),
            "{enter}"
        );
        assert!(text(&player, Ask::Call(Class::Register)).ends_with(r#"{"id":"device-2"}"#));
        let body = json!({ "token": token("ann") }).to_string();
        player.take(Ask::Enter, &answer(200, &body), Time::ZERO);
        let read = text(&player, Ask::Call(Class::Read));
        assert!(read.contains("authorization: Bearer h.") && read.contains(r#""user_id":"ann""#), "{read}");
        let table = text(&player, Ask::Table);
        assert!(table.contains("/v2/rpc/people.table") && table.contains("authorization: Basic aHR0cGtleTo="), "{table}");
        assert!(text(&player, Ask::Call(Class::Rpc)).ends_with(r#""{\"n\":7}""#));
    }
}
