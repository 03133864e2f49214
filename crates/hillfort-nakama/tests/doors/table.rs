//! Each route of the table, asked wrongly in every way that the table knows: without credentials, with those of another class, with
//! fields of the wrong kind, with text that is no JSON, with too much. No such request may reach the service.

use hillfort_api::CALLS;
use hillfort_api::calls::{Auth, Body, Route, Row, State};
use hillfort_api::params::is_text;
use hillfort_api::table::{Field, Kind, Message, Scalar, Shape};

use crate::rig::{BYTES_MAX, Rig, SERVER_KEY, TOKEN, request};

/// Path with a value for each parameter.
fn path(route: &Route) -> String {
    let parts = route.path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn credentials(auth: Auth) -> Option<&'static str> {
    match auth {
        Auth::None => None,
        Auth::ServerKey => Some(SERVER_KEY),
        Auth::User | Auth::HttpKeyOrUser => Some(TOKEN),
    }
}

fn routes() -> impl Iterator<Item = (&'static Row, &'static Route)> {
    CALLS.iter().flat_map(|row| row.routes.iter().map(move |route| (row, route)))
}

/// Message that the body is.
fn body(row: &Row, route: &Route) -> Option<&'static Message> {
    match route.body {
        Body::None => None,
        Body::Whole => Some(row.request),
        Body::Field(name) => match row.request.field(name)?.1.kind {
            Kind::Message(message) => Some(message),
            _ => None,
        },
    }
}

/// JSON that is no value of the field.
fn wrong(field: &Field) -> &'static str {
    match (field.shape, field.kind) {
        (Shape::List | Shape::Map, _) => "\"x\"",
        (_, Kind::Scalar(Scalar::String) | Kind::Wrapped(Scalar::String)) => "1",
        (_, Kind::Message(_)) => "[]",
        _ => "\"no such value\"",
    }
}

/// Status and code of an answer.
const UNAUTHENTICATED: (u16, u64) = (401, 16);
const INVALID: (u16, u64) = (400, 3);

#[track_caller]
fn check(rig: &Rig, row: &Row, route: &Route, url: &str, authorization: Option<&str>, text: &str, wanted: (u16, u64)) {
    let before = rig.asked();
    let answer = rig.rest(request(&format!("{:?}", route.method), url, authorization, text.to_owned()));
    let said = answer.json();
    assert_eq!((answer.status, said["code"].as_u64()), (wanted.0, Some(wanted.1)), "{} {url} {text}: {said}", row.name);
    assert!(said["message"].as_str().is_some_and(|message| !message.is_empty()), "{} {url}", row.name);
    assert_eq!(rig.asked(), before, "{} {url} {text}", row.name);
}

#[test]
fn credentials_are_asked_for_before_anything_else() {
    let rig = Rig::new();
    for (row, route) in routes().filter(|(row, _)| row.auth != Auth::None) {
        for bad in [None, Some("Bearer bad"), Some("Basic bad"), Some("Digest x"), Some("")] {
            check(&rig, row, route, &path(route), bad, "not even JSON", UNAUTHENTICATED);
        }
        let other = if row.auth == Auth::ServerKey { TOKEN } else { SERVER_KEY };
        check(&rig, row, route, &path(route), Some(other), "", UNAUTHENTICATED);
    }
}

#[test]
fn bodies_must_be_what_the_table_says() {
    let rig = Rig::new();
    for (row, route) in routes() {
        let Some(message) = body(row, route) else { continue };
        let say = |text: String| check(&rig, row, route, &path(route), credentials(row.auth), &text, INVALID);
        for text in ["[]", "1", "\"x\"", "null", "{", "{}}", "\u{0}"] {
            say(text.into());
        }
        say(format!("{{\"x\":\"{}\"}}", "a".repeat(BYTES_MAX)));
        for field in message.fields {
            say(format!("{{\"{}\":{}}}", field.name, wrong(field)));
            say(format!("{{\"{}\":null,\"{}\":null}}", field.name, field.json));
        }
    }
}

#[test]
fn queries_must_be_what_the_table_says() {
    let rig = Rig::new();
    for (row, route) in routes().filter(|(row, route)| route.body != Body::Whole && row.name != "RpcFunc") {
        let is_in_path = |field: &&Field| route.path.contains(&format!("{{{}}}", field.name));
        for field in row.request.fields.iter().filter(|field| is_text(field)).filter(|field| !is_in_path(field)) {
            let say =
                |query: String| check(&rig, row, route, &format!("{}?{query}", path(route)), credentials(row.auth), "", INVALID);
            if !matches!(field.kind, Kind::Scalar(Scalar::String) | Kind::Wrapped(Scalar::String)) {
                say(format!("{}=no%20such%20value", field.name));
                say(format!("{}=", field.name));
            }
            if field.shape == Shape::One && matches!(field.kind, Kind::Scalar(Scalar::String)) {
                say(format!("{}=a&{}=b", field.name, field.json));
            }
        }
    }
}

#[test]
fn what_is_asked_rightly_reaches_the_service_or_is_said_not_to_be_served() {
    let rig = Rig::new();
    for (row, route) in routes().filter(|(row, _)| !matches!(row.name, "RpcFunc" | "Healthcheck")) {
        let before = rig.asked();
        let answer = rig.rest(request(&format!("{:?}", route.method), &path(route), credentials(row.auth), ""));
        match row.state {
            State::Done => {
                assert_eq!((answer.status, rig.asked()), (200, before + 1), "{}", row.name);
                assert_eq!(rig.last().1.name(), row.call);
            }
            State::NotYet => {
                assert_eq!((answer.status, answer.json()["code"].as_u64(), rig.asked()), (501, Some(12), before), "{}", row.name);
                assert!(answer.json()["message"].as_str().unwrap().contains("docs/nakama.md"));
            }
        }
    }
}
