//! For each call that is served, what is refused and how: what is missing, of the wrong type, too long, another person's, expired, replayed,
//! and text that means something elsewhere. A call that is served without a line here fails the test.

use hillfort_api::CALLS;
use hillfort_api::calls::{Auth, State};
use serde_json::{Value, json};

use crate::rig::{Rig, SERVER_KEY, Signed, config};

/// One thing that is refused, or is text and nothing else.
struct Case {
    what: &'static str,
    method: &'static str,
    path: String,
    body: Value,
    /// Code and field; 0 for what is answered.
    wanted: (u64, &'static str),
}

fn case(what: &'static str, method: &'static str, path: impl Into<String>, body: Value, wanted: (u64, &'static str)) -> Case {
    Case { what, method, path: path.into(), body, wanted }
}

const SQL: &str = "'; DROP TABLE accounts; --";
const LUA: &str = "]] os.execute('id') --[[";
const REGEX: &str = "+label.a:/((a*)*)*b/";

/// Who is there.
struct People {
    ada: Signed,
    eve: Signed,
    bob: Signed,
}

/// By the name of the call. `Ada` asks; what is Eve's is another person's.
fn cases(call: &str, people: &People) -> Vec<Case> {
    let long = |bytes: usize| "x".repeat(bytes);
    let (eve, ada) = (&people.eve.user, &people.ada.user);
    match call {
        "Healthcheck" => vec![case("injected", "GET", format!("/healthcheck?x={}", "%27%3B"), Value::Null, (0, ""))],
        "AuthenticateDevice" | "AuthenticateCustom" => {
            let path =
                if call == "AuthenticateDevice" { "/v2/account/authenticate/device" } else { "/v2/account/authenticate/custom" };
            vec![
                case("missing", "POST", path, json!({}), (3, "id")),
                case("wrong type", "POST", path, json!({ "id": 1 }), (3, "id")),
                case("wrong type", "POST", format!("{path}?create=maybe"), json!({ "id": "device-0001" }), (3, "create")),
                case("too long", "POST", path, json!({ "id": long(129) }), (3, "id")),
                case(
                    "too long",
                    "POST",
                    format!("{path}?username={}", long(129)),
                    json!({ "id": "device-0009" }),
                    (3, "username"),
                ),
                case("too long", "POST", path, json!({ "id": "device-0001", "vars": { "v": long(2048) } }), (3, "vars")),
                case("another's", "POST", format!("{path}?username=eve"), json!({ "id": "device-0009" }), (6, "username")),
                case("injected", "POST", path, json!({ "id": SQL }), (3, "id")),
                case("injected", "POST", path, json!({ "id": "device\u{0}-0001" }), (3, "id")),
                case("injected", "POST", format!("{path}?create=false"), json!({ "id": SQL.replace(' ', "_") }), (5, "")),
            ]
        }
        "AuthenticateEmail" => {
            let path = "/v2/account/authenticate/email";
            vec![
                case("missing", "POST", path, Value::Null, (3, "account")),
                case("missing", "POST", path, json!({ "email": "new@example.org" }), (3, "password")),
                case("missing", "POST", path, json!({ "password": "correct horse" }), (3, "username")),
                case("wrong type", "POST", path, json!({ "email": ["a"], "password": 1 }), (3, "email")),
                case("too long", "POST", path, json!({ "email": "new@example.org", "password": long(1025) }), (3, "password")),
                case(
                    "too long",
                    "POST",
                    path,
                    json!({ "email": format!("{}@example.org", long(250)), "password": "correct horse" }),
                    (3, "email"),
                ),
                case("another's", "POST", path, json!({ "email": "eve@example.org", "password": "not the right one" }), (16, "")),
                case("another's", "POST", format!("{path}?username=eve"), json!({ "password": "not the right one" }), (16, "")),
                case("injected", "POST", path, json!({ "email": "eve@example.org", "password": "' OR ''='" }), (16, "")),
                case(
                    "injected",
                    "POST",
                    format!("{path}?create=false"),
                    json!({ "email": "'OR''='@example.org", "password": "correct horse" }),
                    (5, ""),
                ),
            ]
        }
        "AuthenticateApple" | "AuthenticateGoogle" | "AuthenticateFacebook" | "AuthenticateSteam" => {
            let path = format!("/v2/account/authenticate/{}", call.trim_start_matches("Authenticate").to_lowercase());
            proofs(&path, "token")
        }
        "AuthenticateFacebookInstantGame" => proofs("/v2/account/authenticate/facebookinstantgame", "signed_player_info"),
        "AuthenticateGameCenter" => game_center("/v2/account/authenticate/gamecenter"),
        "LinkSteam" => vec![
            case("missing", "POST", "/v2/account/link/steam", json!({ "account": {} }), (3, "token")),
            case("wrong type", "POST", "/v2/account/link/steam", json!({ "account": [] }), (3, "account")),
            case("too long", "POST", "/v2/account/link/steam", json!({ "account": { "token": long(100_000) } }), (9, "")),
            case("injected", "POST", "/v2/account/link/steam", json!({ "account": { "token": SQL } }), (9, "")),
        ],
        "LinkApple" | "LinkGoogle" | "LinkFacebook" => {
            proofs(&format!("/v2/account/link/{}", call.trim_start_matches("Link").to_lowercase()), "token")
        }
        "LinkFacebookInstantGame" => proofs("/v2/account/link/facebookinstantgame", "signed_player_info"),
        "LinkGameCenter" => game_center("/v2/account/link/gamecenter"),
        "LinkDevice" | "LinkCustom" => {
            let path = if call == "LinkDevice" { "/v2/account/link/device" } else { "/v2/account/link/custom" };
            let hers = if call == "LinkDevice" { "device-of-eve" } else { "custom-of-eve" };
            vec![
                case("missing", "POST", path, json!({}), (3, "id")),
                case("wrong type", "POST", path, json!({ "id": {} }), (3, "id")),
                case("too long", "POST", path, json!({ "id": long(129) }), (3, "id")),
                case("another's", "POST", path, json!({ "id": hers }), (6, "")),
                case("injected", "POST", path, json!({ "id": SQL }), (3, "id")),
            ]
        }
        "LinkEmail" => {
            let path = "/v2/account/link/email";
            vec![
                case("missing", "POST", path, json!({}), (3, "email")),
                case("missing", "POST", path, json!({ "email": "new@example.org" }), (3, "password")),
                case("wrong type", "POST", path, json!({ "email": 1 }), (3, "email")),
                case("too long", "POST", path, json!({ "email": "new@example.org", "password": long(1025) }), (3, "password")),
                case("another's", "POST", path, json!({ "email": "Eve@example.org", "password": "correct horse" }), (6, "")),
                case(
                    "injected",
                    "POST",
                    path,
                    json!({ "email": "a b'--@example.org", "password": "correct horse" }),
                    (3, "email"),
                ),
            ]
        }
        "UnlinkDevice" => vec![
            case("missing", "POST", "/v2/account/unlink/device", json!({}), (3, "id")),
            case("wrong type", "POST", "/v2/account/unlink/device", json!({ "id": true }), (3, "id")),
            case("too long", "POST", "/v2/account/unlink/device", json!({ "id": long(513) }), (3, "")),
            case("another's", "POST", "/v2/account/unlink/device", json!({ "id": "device-of-eve" }), (7, "")),
            case("injected", "POST", "/v2/account/unlink/device", json!({ "id": SQL }), (7, "")),
        ],
        "UnlinkCustom" | "UnlinkEmail" => {
            let (path, field) =
                if call == "UnlinkCustom" { ("/v2/account/unlink/custom", "id") } else { ("/v2/account/unlink/email", "email") };
            let hers = if call == "UnlinkCustom" { "custom-of-eve" } else { "eve@example.org" };
            vec![
                case("missing", "POST", path, json!({}), (7, "")),
                case("wrong type", "POST", path, json!({ field: 1 }), (3, if field == "id" { "id" } else { "email" })),
                case("too long", "POST", path, json!({ field: long(513) }), (3, "")),
                case("another's", "POST", path, json!({ field: hers }), (7, "")),
                case("injected", "POST", path, json!({ field: SQL }), (7, "")),
            ]
        }
        "UnlinkApple" | "UnlinkGoogle" | "UnlinkFacebook" | "UnlinkSteam" | "UnlinkFacebookInstantGame" | "UnlinkGameCenter" => {
            let path = format!("/v2/account/unlink/{}", call.trim_start_matches("Unlink").to_lowercase());
            // Without a proof whatever there is goes, and there is nothing.
            vec![
                case("missing", "POST", path.clone(), json!({}), (7, "")),
                case("wrong type", "POST", path.clone(), json!([]), (3, "")),
                case("another's", "POST", path, json!({ "vars": {} }), (7, "")),
            ]
        }
        "SessionRefresh" => {
            let path = "/v2/account/session/refresh";
            vec![
                case("missing", "POST", path, json!({}), (3, "token")),
                case("wrong type", "POST", path, json!({ "token": 1 }), (3, "token")),
                case("too long", "POST", path, json!({ "token": long(5000) }), (16, "")),
                case("another's", "POST", path, json!({ "token": people.eve.bearer.trim_start_matches("Bearer ") }), (16, "")),
                case("injected", "POST", path, json!({ "token": SQL }), (16, "")),
            ]
        }
        "SessionLogout" => {
            let path = "/v2/session/logout";
            vec![
                case("wrong type", "POST", path, json!({ "token": {} }), (3, "token")),
                case("too long", "POST", path, json!({ "token": long(5000) }), (3, "token")),
                case(
                    "another's",
                    "POST",
                    path,
                    json!({ "token": people.eve.bearer.trim_start_matches("Bearer ") }),
                    (3, "token"),
                ),
                case("another's", "POST", path, json!({ "refresh_token": people.eve.refresh_token }), (3, "refresh_token")),
                case("injected", "POST", path, json!({ "token": SQL }), (3, "token")),
            ]
        }
        "GetAccount" => vec![case("another's", "GET", format!("/v2/account?user_id={eve}"), Value::Null, (0, ""))],
        // Bob asks, who is here for that alone: the session says whose account it is, and nothing else does.
        "DeleteAccount" => vec![
            case("wrong type", "POST", "/v2/account", Value::Null, (12, "")),
            case("injected", "DELETE", format!("/v2/account/{eve}"), Value::Null, (5, "")),
            case("injected", "DELETE", "/v2/account?user_id=%27%20OR%20%27%27%3D%27%27--", json!({ "user_id": eve }), (0, "")),
            case("another's", "DELETE", format!("/v2/account?user_id={eve}&id={eve}"), json!({ "id": eve }), (16, "")),
            case("replayed", "DELETE", "/v2/account", Value::Null, (16, "")),
        ],
        "UpdateAccount" => {
            let path = "/v2/account";
            vec![
                case("missing", "PUT", path, json!({}), (3, "")),
                case("wrong type", "PUT", path, json!({ "username": 1 }), (3, "username")),
                case("too long", "PUT", path, json!({ "username": long(129) }), (3, "username")),
                case("too long", "PUT", path, json!({ "display_name": long(256) }), (3, "display_name")),
                case("too long", "PUT", path, json!({ "avatar_url": long(513) }), (3, "avatar_url")),
                case("another's", "PUT", path, json!({ "username": "eve" }), (3, "username")),
                case("injected", "PUT", path, json!({ "username": "eve\u{200b}" }), (3, "username")),
                case("injected", "PUT", path, json!({ "display_name": SQL }), (0, "")),
                case("injected", "PUT", path, json!({ "location": LUA }), (0, "")),
            ]
        }
        "GetUsers" => {
            let many: Vec<_> = (0..1025).map(|number| format!("usernames={number}")).collect();
            vec![
                case("wrong type", "GET", "/v2/user?ids=eve", Value::Null, (3, "ids")),
                case("too long", "GET", format!("/v2/user?{}", many.join("&")), Value::Null, (3, "usernames")),
                case("another's", "GET", format!("/v2/user?ids={eve}"), Value::Null, (0, "")),
                case("injected", "GET", "/v2/user?usernames=%27%20OR%20%27%27%3D%27", Value::Null, (0, "")),
                case("injected", "GET", "/v2/user?facebook_ids=%27--", Value::Null, (0, "")),
            ]
        }
        "ReadStorageObjects" => {
            let path = "/v2/storage";
            let id = |collection: &str, key: &str, user: &str| json!({ "object_ids": [{ "collection": collection, "key": key, "user_id": user }] });
            vec![
                case("missing", "POST", path, json!({ "object_ids": [{}] }), (3, "collection")),
                case("wrong type", "POST", path, json!({ "object_ids": 1 }), (3, "object_ids")),
                case("wrong type", "POST", path, id("saves", "slot", "eve"), (3, "user_id")),
                case("too long", "POST", path, id(&long(129), "slot", eve), (3, "collection")),
                case(
                    "too long",
                    "POST",
                    path,
                    json!({ "object_ids": vec![json!({ "collection": "c", "key": "k" }); 1025] }),
                    (3, "object_ids"),
                ),
                case("another's", "POST", path, id("saves", "slot", eve), (0, "")),
                case("injected", "POST", path, id(SQL, LUA, ada), (0, "")),
                case("injected", "POST", path, id("a\u{0}", "k", ada), (3, "collection")),
            ]
        }
        "WriteStorageObjects" => {
            let path = "/v2/storage";
            let write = |more: Value| {
                let mut object = json!({ "collection": "saves", "key": "mine", "value": "{}" });
                object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                json!({ "objects": [object] })
            };
            vec![
                case("missing", "PUT", path, json!({ "objects": [{}] }), (3, "collection")),
                case("wrong type", "PUT", path, write(json!({ "value": {} })), (3, "value")),
                case("wrong type", "PUT", path, write(json!({ "value": "[]" })), (3, "value")),
                case("wrong type", "PUT", path, write(json!({ "permission_read": 3 })), (3, "permission_read")),
                case("too long", "PUT", path, write(json!({ "key": long(129) })), (3, "key")),
                case(
                    "too long",
                    "PUT",
                    path,
                    write(json!({ "value": format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200)) })),
                    (3, "value"),
                ),
                case("another's", "PUT", path, write(json!({ "user_id": eve })), (0, "")),
                case("replayed", "PUT", path, write(json!({ "version": "*" })), (3, "version")),
                case(
                    "injected",
                    "PUT",
                    path,
                    write(json!({ "key": SQL, "value": "{\"sql\":\"'; DELETE FROM accounts; --\"}" })),
                    (0, ""),
                ),
                case("injected", "PUT", path, write(json!({ "version": SQL })), (3, "version")),
            ]
        }
        "DeleteStorageObjects" => {
            let path = "/v2/storage/delete";
            let id = |collection: &str, key: &str, version: &str| json!({ "object_ids": [{ "collection": collection, "key": key, "version": version }] });
            vec![
                case("missing", "PUT", path, json!({ "object_ids": [{}] }), (3, "collection")),
                case("wrong type", "PUT", path, json!({ "object_ids": [1] }), (3, "object_ids")),
                case("too long", "PUT", path, id("saves", &long(129), ""), (3, "key")),
                case("another's", "PUT", path, id("saves", "slot", ""), (3, "")),
                case("replayed", "PUT", path, id("saves", "gone", ""), (3, "")),
                case("injected", "PUT", path, id(SQL, "' OR 1=1 --", ""), (3, "")),
            ]
        }
        "ListStorageObjects" => vec![
            case("wrong type", "GET", "/v2/storage/saves?limit=many", Value::Null, (3, "limit")),
            case("wrong type", "GET", format!("/v2/storage/saves/{}", "eve"), Value::Null, (3, "user_id")),
            case("too long", "GET", format!("/v2/storage/{}", long(129)), Value::Null, (3, "collection")),
            case("too long", "GET", "/v2/storage/saves?limit=101", Value::Null, (3, "limit")),
            case("too long", "GET", format!("/v2/storage/saves?cursor={}", long(5000)), Value::Null, (3, "cursor")),
            case("another's", "GET", format!("/v2/storage/saves/{eve}?limit=100"), Value::Null, (0, "")),
            case("replayed", "GET", "/v2/storage/saves?cursor=5b225d", Value::Null, (3, "cursor")),
            case("injected", "GET", "/v2/storage/%27%20OR%201%3D1%20--?limit=100", Value::Null, (0, "")),
        ],
        "ListMatches" => vec![
            case("wrong type", "GET", "/v2/match?authoritative=perhaps", Value::Null, (3, "authoritative")),
            case("too long", "GET", "/v2/match?limit=101", Value::Null, (3, "limit")),
            case("too long", "GET", format!("/v2/match?query={}", long(2049)), Value::Null, (3, "query")),
            case(
                "injected",
                "GET",
                format!("/v2/match?query={}", "%2Blabel.a%3A%2F%28%28a%2A%29%2A%29%2Ab%2F"),
                Value::Null,
                (0, ""),
            ),
        ],
        "RpcFunc" => vec![
            case("missing", "POST", "/v2/rpc/", Value::Null, (3, "")),
            case("missing", "POST", "/v2/rpc/nothing", Value::Null, (5, "")),
            case("wrong type", "POST", "/v2/rpc/hillfort.export", json!({ "cursor": 1 }), (3, "")),
            case("too long", "POST", format!("/v2/rpc/{}", long(129)), Value::Null, (3, "")),
            case(
                "another's",
                "POST",
                "/v2/rpc/hillfort.password_change",
                json!("{\"old\":\"x\",\"new\":\"battery staple\"}"),
                (9, ""),
            ),
            case(
                "replayed",
                "POST",
                "/v2/rpc/hillfort.password_reset",
                json!(format!("{{\"token\":\"{}\",\"password\":\"battery staple\"}}", long(43))),
                (3, ""),
            ),
            case("injected", "POST", format!("/v2/rpc/{}", "%5D%5D%20os.execute%28%27id%27%29"), Value::Null, (5, "")),
            case("injected", "POST", "/v2/rpc/hillfort.export", json!(json!({ "cursor": REGEX }).to_string()), (3, "")),
        ],
        other => panic!("{other} is served, and this table has no line for it"),
    }
}

/// Of a service that is not configured: the form is looked at first.
fn proofs(path: &str, field: &'static str) -> Vec<Case> {
    let field_of = if field == "token" { "token" } else { "signed_player_info" };
    vec![
        case("missing", "POST", path, json!({}), (3, field_of)),
        case("wrong type", "POST", path, json!({ field: 1 }), (3, field_of)),
        case("wrong type", "POST", path, json!([]), (3, "")),
        case("injected", "POST", path, json!({ field: SQL }), (9, "")),
        case("too long", "POST", path, json!({ field: "x".repeat(100_000) }), (9, "")),
    ]
}

fn game_center(path: &str) -> Vec<Case> {
    vec![
        case("missing", "POST", path, json!({}), (3, "bundle_id")),
        case(
            "missing",
            "POST",
            path,
            json!({ "bundle_id": "b", "player_id": "p", "public_key_url": "u", "salt": "s", "signature": "s" }),
            (3, "timestamp_seconds"),
        ),
        case("wrong type", "POST", path, json!({ "timestamp_seconds": "soon" }), (3, "timestamp_seconds")),
    ]
}

fn people(rig: &Rig) -> People {
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
    People { ada, eve, bob }
}

#[test]
fn every_call_that_is_served_refuses_what_is_wrong() {
    let rig = Rig::new(config());
    let people = people(&rig);
    let eve: hillfort_store::UserId = people.eve.user.parse().unwrap();
    let before = rig.runtime.block_on(rig.store.accounts.export(eve, None)).unwrap();
    let mut wrong = Vec::new();
    for row in CALLS.iter().filter(|row| row.state == State::Done) {
        for case in cases(row.name, &people) {
            let authorization = match row.auth {
                Auth::ServerKey => SERVER_KEY,
                _ if row.name == "DeleteAccount" => &people.bob.bearer,
                _ => &people.ada.bearer,
            };
            let answer = rig.call(case.method, &case.path, authorization, &case.body);
            let path = &case.path[..case.path.len().min(200)];
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            if (answer.code(), answer.field().as_str()) != case.wanted {
                wrong.push(format!("{}: {} {path} {:?} is wanted\n{said}", row.name, case.what, case.wanted));
            }
            assert!(!said.contains("secret"), "{}: {} {path}\n{said}", row.name, case.what);
        }
        let after = rig.runtime.block_on(rig.store.accounts.export(eve, None)).unwrap();
        assert_eq!(after, before, "{} has changed what is another's", row.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let bob: hillfort_store::UserId = people.bob.user.parse().unwrap();
    assert!(rig.runtime.block_on(rig.store.accounts.get(bob)).is_err(), "who asked to be deleted is");
    assert_eq!(rig.call("GET", "/v2/account", &people.ada.bearer, &Value::Null).status, 200);
}

/// Whatever else is right: a session that has ended makes no call, and an old refresh token no session.
#[test]
fn what_is_expired_or_was_used_is_refused_everywhere() {
    let rig = Rig::new(config());
    let (over, out) = (rig.device("device-0001"), rig.device("device-0002"));
    assert_eq!(rig.call("POST", "/v2/session/logout", &out.bearer, &json!({})).status, 200);
    rig.pass(66);
    for row in CALLS.iter().filter(|row| row.state == State::Done && matches!(row.auth, Auth::User | Auth::HttpKeyOrUser)) {
        for route in row.routes {
            let path =
                route.path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>().join("/");
            for session in [&over, &out] {
                let answer = rig.call(&format!("{:?}", route.method), &path, &session.bearer, &Value::Null);
                assert_eq!((answer.status, answer.code()), (401, 16), "{}", row.name);
            }
        }
    }
    let refresh = |token: &str| rig.call("POST", "/v2/account/session/refresh", SERVER_KEY, &json!({ "token": token }));
    let next = rig.session(&refresh(&over.refresh_token));
    rig.pass(11);
    assert_eq!(refresh(&over.refresh_token).code(), 16, "used before");
    assert_eq!(refresh(&next.refresh_token).code(), 16, "so the session is over");
    assert_eq!(refresh(&out.refresh_token).code(), 16, "signed out");
    let late = rig.device("device-0001");
    rig.pass(3606);
    assert_eq!(refresh(&late.refresh_token).code(), 16, "too late");
}
