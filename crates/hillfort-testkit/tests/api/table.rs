//! For each call that is served, what is refused and how: what is missing, of the wrong type, too long, another person's, expired, replayed,
//! and text that means something elsewhere. Each call has a row of each kind, or a reason why it cannot have one; a call that is served
//! without fails the test. What REST refuses or lets pass by a row, gRPC does as well.

mod cases;
mod proofs;

use hillfort_api::CALLS;
use hillfort_api::calls::{Auth, Row, State};
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::rig::{Rig, SERVER_KEY, Signed, config};
use cases::{Case, People};
use proofs::Proofs;

const MISSING: &str = "missing";
const WRONG_TYPE: &str = "wrong type";
const TOO_LONG: &str = "too long";
const ANOTHERS: &str = "another's";
const EXPIRED: &str = "expired";
const REPLAYED: &str = "replayed";
const INJECTED: &str = "injected";
const KINDS: [&str; 7] = [MISSING, WRONG_TYPE, TOO_LONG, ANOTHERS, EXPIRED, REPLAYED, INJECTED];

/// Calls that cannot have a row of these kinds, and why. A reason for what there is a row of fails the test.
const CANNOT: [(&[&str], &[&str], &str); 8] = [
    (
        &["Healthcheck"],
        &[MISSING, WRONG_TYPE, TOO_LONG, ANOTHERS, EXPIRED, REPLAYED],
        "takes nothing, asks for no credentials and tells of nobody",
    ),
    (&["GetAccount"], &[MISSING, WRONG_TYPE, TOO_LONG], "takes nothing"),
    (&["DeleteAccount"], &[MISSING, TOO_LONG], "takes nothing"),
    (&["AuthenticateDevice", "AuthenticateCustom"], &[EXPIRED, REPLAYED], "an id signs in for as long as it is linked"),
    (&["AuthenticateEmail"], &[EXPIRED, REPLAYED], "a password signs in until it is changed; guesses are limited"),
    (
        &[
            "AuthenticateApple",
            "AuthenticateGoogle",
            "AuthenticateFacebook",
            "AuthenticateFacebookInstantGame",
            "AuthenticateSteam",
        ],
        &[REPLAYED],
        "the service lets its token be shown until it expires",
    ),
    (&["SessionLogout"], &[MISSING], "without tokens it is the session that asks which ends"),
    (&["ListMatches"], &[ANOTHERS], "a match is nobody's: lists show it to all"),
];

/// How long it takes until a refresh token is too old, and another one that was used is no longer taken again.
const LATE_S: i64 = 3606;
const USED_S: i64 = 11;

/// Sessions that are over: by time, and signed out.
struct Ended {
    late: Signed,
    out: Signed,
}

fn people(rig: &Rig) -> (People, Ended) {
    let out = rig.device("device-of-who-left");
    assert_eq!(rig.call("POST", "/v2/session/logout", &out.bearer, &json!({})).status, 200);
    let late = rig.device("device-of-who-is-late");
    rig.pass(LATE_S);
    let refresh = rig.device("device-of-who-comes-again").refresh_token;
    let again = rig.call("POST", "/v2/account/session/refresh", SERVER_KEY, &json!({ "token": refresh }));
    assert_eq!(again.status, 200);
    rig.pass(USED_S);
    let (ada, eve, bob) = (rig.device("device-of-ada"), rig.device("device-of-eve"), rig.device("device-of-bob"));
    let hers = |path: &str, body: Value| assert_eq!(rig.call("POST", path, &eve.bearer, &body).status, 200, "{path}");
    hers("/v2/account/link/custom", json!({ "id": "custom-of-eve" }));
    hers("/v2/account/link/email", json!({ "email": "eve@example.org", "password": "the right one" }));
    assert_eq!(rig.call("PUT", "/v2/account", &eve.bearer, &json!({ "username": "eve" })).status, 200);
    for session in [&ada, &eve] {
        let key = if session.user == ada.user { "mine" } else { "slot" };
        let objects = json!({ "objects": [{ "collection": "saves", "key": key, "value": "{\"secret\":1}" }] });
        assert_eq!(rig.call("PUT", "/v2/storage", &session.bearer, &objects).status, 200);
    }
    (People { ada, eve, bob, used: refresh, late: late.refresh_token.clone() }, Ended { late, out })
}

/// What is wrong with the kinds of a call's rows.
fn gaps(row: &Row, cases: &[Case]) -> Vec<String> {
    let has_session = matches!(row.auth, Auth::User | Auth::HttpKeyOrUser);
    let mut gaps = Vec::new();
    for kind in KINDS {
        // Of a session that is over, each call is asked below.
        let shown = cases.iter().any(|case| case.what == kind) || has_session && [EXPIRED, REPLAYED].contains(&kind);
        let cannot = CANNOT.iter().any(|(calls, kinds, _)| calls.contains(&row.name) && kinds.contains(&kind));
        match (shown, cannot) {
            (false, false) => gaps.push(format!("{}: no row of what is {kind}, and no reason", row.name)),
            (true, true) => gaps.push(format!("{}: a reason for no row of what is {kind}, and a row", row.name)),
            _ => {}
        }
    }
    gaps.extend(
        cases.iter().filter(|case| !KINDS.contains(&case.what)).map(|case| format!("{}: what is {}?", row.name, case.what)),
    );
    gaps
}

/// The path of a route with something in its places.
fn some_path(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>().join("/")
}

fn every_call_refuses_what_is_wrong(engine: Engine) {
    let Some((rig, services)) = Rig::with_services(engine, config(), LATE_S + USED_S) else { return };
    let (people, ended) = people(&rig);
    let proofs = Proofs::new(&rig, services, &people.eve.bearer);
    let eve: hillfort_store::UserId = people.eve.user.parse().unwrap();
    let before = rig.runtime.block_on(rig.store.accounts.export(eve, None)).unwrap();
    let (rows_of_eve, _) = rig.rows_of(&people.eve.user);
    let (mut wrong, mut rows, mut by_grpc) = (Vec::new(), 0, 0);
    for row in CALLS.iter().filter(|row| row.state == State::Done) {
        let mut cases = cases::cases(row.name, &people);
        cases.extend(proofs.cases(row.name));
        wrong.extend(gaps(row, &cases));
        let authorization = match row.auth {
            Auth::ServerKey => SERVER_KEY,
            _ if row.name == "DeleteAccount" => &people.bob.bearer,
            _ => &people.ada.bearer,
        };
        rows += cases.len();
        for case in cases {
            let answer = rig.call(case.method, &case.path, authorization, &case.body);
            let asked = format!("{}: {} {}", row.name, case.what, &case.path[..case.path.len().min(200)]);
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            if (answer.code(), answer.field().as_str()) != case.wanted {
                let body = case.body.to_string();
                wrong.push(format!("{asked} {:?} is wanted\n{}\n{said}", case.wanted, &body[..body.len().min(300)]));
            }
            assert!(!said.contains("secret"), "{asked}\n{said}");
            // A deletion that was done cannot be done again. A proof of Game Center is good once: what it was refused for does not come again.
            let is_once = row.name == "DeleteAccount" || row.name.ends_with("GameCenter") && case.what == ANOTHERS;
            if let Some((name, message)) = rig.heard().filter(|_| !is_once) {
                let status = rig.grpc_call(name, authorization, &message);
                by_grpc += 1;
                if status != case.wanted.0 {
                    wrong.push(format!("{asked} {:?} is wanted, and gRPC says {status}", case.wanted));
                }
            }
        }
        if matches!(row.auth, Auth::User | Auth::HttpKeyOrUser) {
            for route in row.routes {
                for session in [&ended.late, &ended.out] {
                    let answer = rig.call(&format!("{:?}", route.method), &some_path(route.path), &session.bearer, &Value::Null);
                    assert_eq!((answer.status, answer.code()), (401, 16), "{}", row.name);
                    assert_eq!(rig.grpc_call(row.name, &session.bearer, b""), 16, "{}", row.name);
                }
            }
        }
        let after = rig.runtime.block_on(rig.store.accounts.export(eve, None)).unwrap();
        assert_eq!(after, before, "{} has changed what is another's", row.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{rows} rows over REST, {by_grpc} of them over gRPC as well");
    assert!(by_grpc > 100, "{by_grpc} rows over gRPC");
    assert_eq!(rig.rows_of(&people.eve.user).0, rows_of_eve, "what the database has of another");
    let bob: hillfort_store::UserId = people.bob.user.parse().unwrap();
    assert!(rig.runtime.block_on(rig.store.accounts.get(bob)).is_err(), "who asked to be deleted is");
    assert_eq!(rig.call("GET", "/v2/account", &people.ada.bearer, &Value::Null).status, 200);
}

#[test]
fn every_call_refuses_what_is_wrong_on_sqlite() {
    every_call_refuses_what_is_wrong(Engine::Sqlite);
}

#[test]
fn every_call_refuses_what_is_wrong_on_postgres() {
    every_call_refuses_what_is_wrong(Engine::Postgres);
}

/// A session that was ended is over for its refresh tokens, too, however it ended.
#[test]
fn old_refresh_tokens_begin_nothing() {
    let Some(rig) = Rig::on(Engine::Sqlite, config()) else { return };
    let (over, out) = (rig.device("device-0001"), rig.device("device-0002"));
    assert_eq!(rig.call("POST", "/v2/session/logout", &out.bearer, &json!({})).status, 200);
    rig.pass(66);
    let refresh = |token: &str| rig.call("POST", "/v2/account/session/refresh", SERVER_KEY, &json!({ "token": token }));
    let next = rig.session(&refresh(&over.refresh_token));
    rig.pass(USED_S);
    assert_eq!(refresh(&over.refresh_token).code(), 16, "used before");
    assert_eq!(refresh(&next.refresh_token).code(), 16, "so the session is over");
    assert_eq!(refresh(&out.refresh_token).code(), 16, "signed out");
    let late = rig.device("device-0001");
    rig.pass(LATE_S);
    assert_eq!(refresh(&late.refresh_token).code(), 16, "too late");
}
