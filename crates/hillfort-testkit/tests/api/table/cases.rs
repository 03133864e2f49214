//! The rows of calls that ask nobody else: accounts, sessions, storage, matches, functions.

use serde_json::{Value, json};

use crate::rig::{Signed, escaped};

/// One thing that is refused, or is text and nothing else.
pub(super) struct Case {
    /// One of the kinds.
    pub(super) what: &'static str,
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) body: Value,
    /// Code and field; 0 for what is answered.
    pub(super) wanted: (u64, &'static str),
}

pub(super) fn case(
    what: &'static str,
    method: &'static str,
    path: impl Into<String>,
    body: Value,
    wanted: (u64, &'static str),
) -> Case {
    Case { what, method, path: path.into(), body, wanted }
}

pub(super) const SQL: &str = "'; DROP TABLE accounts; --";
const LUA: &str = "]] os.execute('id') --[[";
const REGEX: &str = "+label.a:/((a*)*)*b/";

/// Who is there.
pub(super) struct People {
    pub(super) ada: Signed,
    pub(super) eve: Signed,
    pub(super) bob: Signed,
    /// A refresh token that was used, and one that is too old.
    pub(super) used: String,
    pub(super) late: String,
}

/// By the name of the call. `Ada` asks; what is Eve's is another person's.
pub(super) fn cases(call: &str, people: &People) -> Vec<Case> {
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
        "SessionRefresh" => {
            let path = "/v2/account/session/refresh";
            vec![
                case("missing", "POST", path, json!({}), (3, "token")),
                case("wrong type", "POST", path, json!({ "token": 1 }), (3, "token")),
                case("too long", "POST", path, json!({ "token": long(5000) }), (16, "")),
                case("another's", "POST", path, json!({ "token": people.eve.bearer.trim_start_matches("Bearer ") }), (16, "")),
                case("expired", "POST", path, json!({ "token": people.late }), (16, "")),
                case("replayed", "POST", path, json!({ "token": people.used }), (16, "")),
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
        "GetAccount" => vec![
            case("another's", "GET", format!("/v2/account?user_id={eve}"), Value::Null, (0, "")),
            case("injected", "GET", "/v2/account?user_id=%27%20OR%20%27%27%3D%27%27--", Value::Null, (0, "")),
        ],
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
                case("missing", "GET", "/v2/user", Value::Null, (0, "")),
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
            case("missing", "GET", "/v2/storage/", Value::Null, (5, "")),
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
            case("missing", "GET", "/v2/match", Value::Null, (0, "")),
            // What each query finds is in `text`.
            case("injected", "GET", format!("/v2/match?authoritative=true&query={}", escaped(REGEX)), Value::Null, (0, "")),
            case(
                "injected",
                "GET",
                format!("/v2/match?authoritative=true&query={}", escaped("+label.a:/(/")),
                Value::Null,
                (3, "query"),
            ),
            case("injected", "GET", format!("/v2/match?authoritative=true&label={}", escaped(SQL)), Value::Null, (0, "")),
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
            case("injected", "POST", "/v2/rpc/echo", json!(LUA), (0, "")),
            case("injected", "POST", "/v2/rpc/find", json!("+label.a:/(/"), (3, "")),
            case("injected", "POST", "/v2/rpc/pattern", json!("%"), (3, "")),
            case("injected", "POST", format!("/v2/rpc/{}", "%5D%5D%20os.execute%28%27id%27%29"), Value::Null, (5, "")),
            case("injected", "POST", "/v2/rpc/hillfort.export", json!(json!({ "cursor": REGEX }).to_string()), (3, "")),
        ],
        _ => Vec::new(),
    }
}
