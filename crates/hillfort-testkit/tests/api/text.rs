//! Text that is a command to somebody, taken to those who might obey it: the database, the engine of queries over labels, the sandbox of Lua
//! and its patterns. It comes back byte for byte, and nothing else happens.

use serde_json::{Value, json};

use crate::engine::Engine;
use crate::play::{ARENAS, PLAIN};
use crate::rig::{Rig, SERVER_KEY, Signed, config, escaped};

/// Commands of SQL, Lua, patterns, formats and shells; what escapes, ends or hides text.
const HOSTILE: [&str; 18] = [
    "'; DROP TABLE accounts; --",
    "' OR '1'='1",
    "' UNION SELECT password_hash FROM accounts --",
    "\" OR \"\"=\"",
    "\\'",
    "$1",
    "$$; DROP TABLE objects; $$",
    "?1",
    "%",
    "_",
    "]] os.execute('id') --[[",
    "\" .. require('nakama').users_ban_id({}) .. \"",
    "return _G",
    "+label.a:/((a*)*)*b/",
    "(a+)+$",
    "${jndi:ldap://x}{{7*7}}$(id)",
    "\u{feff}\u{1f9a6}e\u{301}",
    "\u{10ffff}",
];

/// Somebody with an account, an address, an object and a wallet; and all rows that name her.
fn bystander(rig: &Rig) -> (Signed, Vec<String>) {
    let eve = rig.device("device-of-eve");
    assert_eq!(rig.call("PUT", "/v2/account", &eve.bearer, &json!({ "username": "eve" })).status, 200);
    let address = json!({ "email": "eve@example.org", "password": "the right one" });
    assert_eq!(rig.call("POST", "/v2/account/link/email", &eve.bearer, &address).status, 200);
    let object = json!({ "objects": [{ "collection": "saves", "key": "slot", "value": "{\"mine\":1}" }] });
    assert_eq!(rig.call("PUT", "/v2/storage", &eve.bearer, &object).status, 200);
    let rows = rig.rows_of(&eve.user).0;
    assert!(rows.len() >= 4, "{rows:?}");
    (eve, rows)
}

/// The payload of a function's answer, or its code.
fn rpc(rig: &Rig, bearer: &str, id: &str, payload: &str) -> Result<String, u64> {
    let answer = rig.call("POST", &format!("/v2/rpc/{id}"), bearer, &Value::from(payload));
    if answer.status == 200 { Ok(answer.json()["payload"].as_str().unwrap_or_default().to_owned()) } else { Err(answer.code()) }
}

fn kept_byte_for_byte(engine: Engine) {
    let Some(rig) = Rig::on(engine, config()) else { return };
    let (eve, before) = bystander(&rig);
    let ada = rig.device("device-of-ada");
    let ok = |method: &str, path: &str, body: &Value| {
        let answer = rig.call(method, path, &ada.bearer, body);
        assert_eq!(answer.status, 200, "{method} {path} {body}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()
    };
    let (_, rows_before) = rig.rows_of(&ada.user);
    for text in HOSTILE {
        // A name, and the fields beside it.
        let fields = ["username", "display_name", "avatar_url", "lang_tag", "location", "timezone"];
        let named: serde_json::Map<_, _> = fields.iter().map(|field| ((*field).to_owned(), text.into())).collect();
        let answer = rig.call("PUT", "/v2/account", &ada.bearer, &Value::Object(named));
        let account = ok("GET", "/v2/account", &Value::Null);
        if answer.status == 200 {
            for field in fields {
                assert_eq!(account["user"][field], text, "{field}");
            }
            let found = ok("GET", &format!("/v2/user?usernames={}", escaped(text)), &Value::Null);
            assert_eq!((found["users"].as_array().unwrap().len(), &found["users"][0]["id"]), (1, &json!(ada.user)), "{text}");
        } else {
            // Some are no names; then nothing has changed.
            assert_eq!(answer.code(), 3, "{text}");
            assert_ne!(account["user"]["username"], text);
        }
        // A collection, a key and a value.
        let value = json!({ "text": text }).to_string();
        let object = json!({ "objects": [{ "collection": text, "key": text, "value": value }] });
        assert_eq!(ok("PUT", "/v2/storage", &object)["acks"][0]["key"], text);
        let read = json!({ "object_ids": [{ "collection": text, "key": text, "user_id": ada.user }] });
        let found = ok("POST", "/v2/storage", &read)["objects"][0].clone();
        assert_eq!((&found["collection"], &found["key"], &found["value"]), (&json!(text), &json!(text), &json!(value)));
        let listed = ok("GET", &format!("/v2/storage/{}/{}?limit=100", escaped(text), ada.user), &Value::Null);
        assert_eq!(listed["objects"], json!([found]), "{text}");
        // Somebody else's key, which is not there.
        let gone = json!({ "object_ids": [{ "collection": text, "key": "' OR '1'='1' --" }] });
        assert_eq!(rig.call("PUT", "/v2/storage/delete", &ada.bearer, &gone).code(), 3, "{text}");
        // By a function of a module.
        assert_eq!(rpc(&rig, &ada.bearer, "keep", text), Ok(text.to_owned()));
        // A password, a device.
        let guess = json!({ "email": "eve@example.org", "password": format!("{text}{}", "x".repeat(8)) });
        assert_eq!(rig.call("POST", "/v2/account/authenticate/email", SERVER_KEY, &guess).code(), 16, "{text}");
        let device = json!({ "id": format!("{text}{}", "x".repeat(10)) });
        let answer = rig.call("POST", "/v2/account/authenticate/device?create=false", SERVER_KEY, &device);
        assert!([3, 5].contains(&answer.code()), "{text}: {}", String::from_utf8_lossy(&answer.body));
    }
    let (rows, all) = rig.rows_of(&eve.user);
    assert_eq!(rows, before, "what a bystander has");
    // Two objects for each text, and nothing less or more.
    assert_eq!(all, rows_before + 2 * HOSTILE.len());
    let signed_in = json!({ "email": "eve@example.org", "password": "the right one" });
    assert_eq!(rig.call("POST", "/v2/account/authenticate/email", SERVER_KEY, &signed_in).status, 200);
}

#[test]
fn kept_byte_for_byte_on_sqlite() {
    kept_byte_for_byte(Engine::Sqlite);
}

#[test]
fn kept_byte_for_byte_on_postgres() {
    kept_byte_for_byte(Engine::Postgres);
}

/// Queries by REST and by a module's function: those that mean something find what they mean, however much work that is; the others are
/// refused with code 3. How much work one may ask for is tested where queries are carried out.
const QUERIES: [(&str, Result<u64, u64>); 16] = [
    ("+label.mode:arena", Ok(ARENAS)),
    ("+label.mode:arena +label.open:1", Ok(ARENAS / 2)),
    ("+label.mode:hill", Ok(1)),
    ("-label.mode:arena", Ok(2)),
    ("+label.mode:'; DROP TABLE accounts; --", Ok(0)),
    ("+label.a:/((a*)*)*b/", Ok(1)),
    ("+label.a:/(a*)*c/", Ok(ARENAS)),
    ("+label.a:/(a|a)*b/", Ok(1)),
    ("+label.a:/a*a*a*a*a*a*a*a*b/", Ok(1)),
    ("+label.a:/.*.*.*.*x/", Ok(0)),
    ("+label.a:/(/", Err(3)),
    ("+label.a:/a{1000}{1000}/", Err(3)),
    ("+label.a:/(?=a)/", Err(3)),
    ("+label.open:>=nothing", Err(3)),
    ("((((", Ok(0)),
    ("\"", Err(3)),
];

#[test]
fn queries_are_read_by_their_engine() {
    let rig = Rig::new(config());
    let ada = rig.device("device-of-ada");
    let mut wrong = Vec::new();
    for (query, wanted) in QUERIES {
        let path = format!("/v2/match?limit=100&authoritative=true&query={}", escaped(query));
        let answer = rig.call("GET", &path, &ada.bearer, &Value::Null);
        let found = match answer.status {
            200 => Ok(answer.json()["matches"].as_array().map_or(0, Vec::len) as u64),
            _ => Err((answer.code(), answer.field())),
        };
        if found != wanted.map_err(|code| (code, "query".to_owned())) {
            wrong.push(format!("{query}: {found:?} instead of {wanted:?}"));
        }
        let by_module = rpc(&rig, &ada.bearer, "find", query);
        if by_module.clone().ok() != wanted.ok().map(|count| count.to_string()) {
            wrong.push(format!("{query}: {by_module:?} from the module instead of {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A label that is no JSON is found as it is, and no query is.
    let path = |label: &str| format!("/v2/match?limit=100&authoritative=true&label={}", escaped(label));
    let found = |label| rig.call("GET", &path(label), &ada.bearer, &Value::Null).json()["matches"].as_array().map_or(0, Vec::len);
    assert_eq!((found(PLAIN), found("' OR '1'='1"), found("+label.mode:arena")), (1, 0, 0));
}

#[test]
fn payloads_are_data_to_a_module() {
    let rig = Rig::new(config());
    let ada = rig.device("device-of-ada");
    for text in HOSTILE.into_iter().chain(["", "\0", "a\0b", "\r\nx: 1", "\u{2028}"]) {
        assert_eq!(rpc(&rig, &ada.bearer, "echo", text), Ok(text.to_owned()));
        let quoted = Value::from(text).to_string();
        let decoded: Value = serde_json::from_str(&rpc(&rig, &ada.bearer, "decode", &quoted).unwrap()).unwrap();
        assert_eq!(decoded["is"], text);
    }
    // JSON that is deep or broken, and patterns that would run for ever: refused, and the next call is answered.
    let deep = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    for json in [&deep, "{", "[1,", "nope", "\"\\ud800\"", "1e999999"] {
        assert!(rpc(&rig, &ada.bearer, "decode", json).is_err(), "{}", &json[..json.len().min(40)]);
        assert_eq!(rpc(&rig, &ada.bearer, "echo", "still here"), Ok("still here".to_owned()));
    }
    for (pattern, answered) in [("a+!", true), ("%", false), ("[", false), ("%f", false), ("(", false), ("%b", false)] {
        assert_eq!(rpc(&rig, &ada.bearer, "pattern", pattern).is_ok(), answered, "{pattern}");
    }
    let forever = "a*".repeat(14) + "b";
    let answer = rpc(&rig, &ada.bearer, "pattern", &forever);
    assert_ne!(answer, Ok("nil".to_owned()), "it would take 30^14 steps");
    assert_eq!(rpc(&rig, &ada.bearer, "echo", "still here"), Ok("still here".to_owned()));
}
