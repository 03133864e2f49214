//! Requests that are made from the OpenAPI document: for every operation some that fit, some at the bounds, some that are hostile. From
//! seeds, so that a request that found something can be had again. Whatever comes: no answer is a fault of the server's, each error says
//! what it is, and what another account has is neither changed nor shown.

use axum::body::Body;
use axum::http::Request;
use hillfort_store::{Caller, ObjectId, PersonExport, ReadPermission, UserId, WalletChange, WriteObject};
use hillfort_testkit::seed::Seed;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::rig::{BYTES_MAX, HTTP_KEY, Rig, SERVER_KEY, Signed, config, escaped};

/// Requests for each operation and kind. `HILLFORT_FUZZ=1000` makes more of them.
const EACH: usize = 12;
/// Text of the victim's that nobody else may see.
const SECRET: &str = "only-the-victim-knows";
/// Functions of the rig's module.
const MODULE: [&str; 5] = ["/v2/rpc/echo", "/v2/rpc/decode", "/v2/rpc/pattern", "/v2/rpc/find", "/v2/rpc/keep"];
/// How deep values are made.
const DEEP: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fits,
    Bound,
    Hostile,
}

/// What requests are made from.
struct Maker<'a> {
    seed: Seed,
    kind: Kind,
    document: &'a Value,
    /// Ids, names and addresses that mean something: the victim's, the attacker's.
    known: Vec<String>,
}

impl Maker<'_> {
    fn pick<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.seed.below(texts.len())]
    }

    fn text(&mut self) -> String {
        let fitting =
            ["saves", "slot", "device-0000001", "eve", "eve@example.org", "correct horse", "{}", "{\"a\":1}", "en", "1"];
        let bounds = [
            "",
            " ",
            "0",
            "-1",
            "2147483648",
            "9223372036854775807",
            "-9223372036854775809",
            "1e309",
            "true",
            "null",
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "2024-02-30T25:61:61Z",
            "====",
        ];
        let hostile = [
            "'; DROP TABLE accounts; --",
            "\" OR \"\"=\"",
            "' UNION SELECT password_hash FROM accounts --",
            "%' OR '1'='1",
            "$1",
            "?1",
            "\0",
            "a\0b",
            "\u{202e}eve",
            "\u{feff}",
            "\u{1f9a6}",
            "{{7*7}}",
            "${jndi:ldap://x}",
            "<script>alert(1)</script>",
            "]] os.execute('id') --[[",
            "\" .. require('nakama') .. \"",
            "(a+)+$",
            "+label.a:/(a*)*b/",
            "/.*.*.*.*x/",
            "../../etc/passwd",
            "%00",
            "%ff",
            "\r\nx-injected: 1",
            "*",
            "NaN",
            "-Infinity",
            "\\u0000",
        ];
        let once = self.seed.below(4);
        let text = match self.kind {
            _ if once == 0 && !self.known.is_empty() => self.known[self.seed.below(self.known.len())].clone(),
            Kind::Fits => self.pick(&fitting).to_owned(),
            Kind::Bound => self.pick(&bounds).to_owned(),
            Kind::Hostile => self.pick(&hostile).to_owned(),
        };
        match (self.kind, self.seed.below(6)) {
            (Kind::Bound, 0) => "x".repeat([127, 128, 129, 255, 256, 1024, 1025, 2049][self.seed.below(8)]),
            (Kind::Hostile, 0) => text.repeat(1 + self.seed.below(200)),
            (Kind::Hostile, 1) => ["[", "{\"a\":", "("][self.seed.below(3)].repeat(self.seed.below(20_000)),
            _ => text,
        }
    }

    /// JSON for a schema, or for none.
    fn json(&mut self, schema: &Value, deep: usize) -> String {
        if self.kind == Kind::Hostile && self.seed.one_in(6) {
            return self
                .pick(&["null", "[]", "{}", "-1", "1e400", "\"x\"", "true", "[[[[[]]]]]", "0.5", "nope", "\"\\ud800\""])
                .to_owned();
        }
        let schema = match schema["$ref"].as_str() {
            Some(reference) => &self.document.pointer(reference.trim_start_matches('#')).unwrap().clone(),
            None => schema,
        };
        match schema["type"].as_str() {
            Some("object") if deep > 0 => self.object(schema, deep),
            Some("array") if deep > 0 => {
                let count = match self.kind {
                    Kind::Bound if self.seed.one_in(8) => [1023, 1024, 1025][self.seed.below(3)],
                    _ => self.seed.below(4),
                };
                let one = self.json(&schema["items"], deep - 1);
                let items: Vec<_> =
                    (0..count).map(|at| if at < 3 { self.json(&schema["items"], deep - 1) } else { one.clone() }).collect();
                format!("[{}]", items.join(","))
            }
            Some("boolean") => self.pick(&["true", "false"]).to_owned(),
            Some("integer" | "number") => match schema["enum"].as_array() {
                Some(values) if self.kind == Kind::Fits => values[self.seed.below(values.len())].to_string(),
                _ => self.number().to_owned(),
            },
            Some("string") if schema["format"] == "int64" => format!("\"{}\"", self.number()),
            Some("string") => Value::String(self.text()).to_string(),
            _ => "{}".to_owned(),
        }
    }

    fn object(&mut self, schema: &Value, deep: usize) -> String {
        let mut fields = Vec::new();
        if let Some(more) = schema.get("additionalProperties") {
            for _ in 0..self.seed.below(4) {
                fields.push(format!("{}:{}", Value::String(self.text()), self.json(more, deep - 1)));
            }
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            if self.seed.one_in(4) {
                continue;
            }
            let value = self.json(field, deep - 1);
            fields.push(format!("{}:{value}", json!(name)));
            if self.kind == Kind::Hostile && self.seed.one_in(20) {
                fields.push(format!("{}:{value}", json!(name)));
            }
        }
        format!("{{{}}}", fields.join(","))
    }

    fn number(&mut self) -> &'static str {
        match self.kind {
            Kind::Fits => self.pick(&["0", "1", "2", "10"]),
            _ => self.pick(&[
                "0",
                "-1",
                "1",
                "100",
                "101",
                "2147483647",
                "-2147483648",
                "4294967296",
                "9223372036854775808",
                "0.1",
                "1e3",
            ]),
        }
    }

    fn body(&mut self, operation: &Value) -> Vec<u8> {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        if self.kind == Kind::Hostile && self.seed.one_in(8) {
            return match self.seed.below(5) {
                0 => self.seed.bytes(200),
                1 => vec![b' '; BYTES_MAX + 1],
                2 => "[".repeat(BYTES_MAX / 2).into_bytes(),
                3 => b"{\"a\":\xff\xfe}".to_vec(),
                _ => format!("{{\"{}\":1}}", "k".repeat(5000)).into_bytes(),
            };
        }
        let text = if schema.is_null() { String::new() } else { self.json(schema, DEEP) };
        let cut = if self.kind == Kind::Hostile && self.seed.one_in(8) { self.seed.below(text.len() + 1) } else { text.len() };
        text.into_bytes()[..cut].to_vec()
    }

    /// Path and query.
    fn target(&mut self, path: &str, operation: &Value) -> String {
        let mut path = path.to_owned();
        let mut query = Vec::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let mut value = || {
                let plain = self.json(&parameter["schema"], 1);
                let text = serde_json::from_str::<String>(&plain).unwrap_or(plain);
                escaped(&text.chars().take(600).collect::<String>())
            };
            if parameter["in"] == "path" {
                let text = value();
                path = path.replace(&format!("{{{name}}}"), if text.is_empty() { "x" } else { &text });
            } else {
                query.push(format!("{name}={}", value()));
                if self.seed.one_in(10) {
                    let again = self.text();
                    query.push(format!("{name}={}", escaped(&again.chars().take(100).collect::<String>())));
                }
            }
        }
        query.retain(|_| !self.seed.one_in(4));
        if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
    }

    /// Mostly what the operation asks for.
    fn authorization(&mut self, operation: &Value, session: &Signed) -> String {
        let all = operation["security"].to_string();
        let right = if all.contains("Session") { &session.bearer } else { SERVER_KEY };
        if self.kind == Kind::Hostile && self.seed.one_in(6) {
            let cut = session.bearer.len() - 1;
            return self
                .pick(&[
                    "",
                    SERVER_KEY,
                    "Bearer ",
                    "Bearer a.b.c",
                    "Basic !",
                    "Digest x",
                    &session.bearer[..cut],
                    &session.bearer,
                ])
                .to_owned();
        }
        right.to_owned()
    }
}

/// Somebody with everything that one may have, and a secret in it.
fn victim(rig: &Rig) -> UserId {
    let signed_in = rig.call(
        "POST",
        "/v2/account/authenticate/email?username=victim",
        SERVER_KEY,
        &json!({ "email": "victim@example.org", "password": "a password of the victim's own" }),
    );
    let session = rig.session(&signed_in);
    let id: UserId = session.user.parse().unwrap();
    rig.runtime.block_on(async {
        let write = |key: &str, read| WriteObject {
            read,
            ..WriteObject::new(ObjectId::new("saves", key, id), format!("{{\"secret\":\"{SECRET}\"}}"))
        };
        let writes = vec![write("slot", ReadPermission::Owner), write("hidden", ReadPermission::Nobody)];
        rig.store.objects.write(Caller::Server, writes, 1).await.unwrap();
        let change = WalletChange {
            user: id,
            changeset: [("gold".to_owned(), 100)].into(),
            metadata: format!("{{\"why\":\"{SECRET}\"}}"),
        };
        rig.store.wallets.apply(vec![change], true, 1).await.unwrap();
    });
    id
}

fn everything(rig: &Rig, user: UserId) -> PersonExport {
    rig.runtime.block_on(rig.store.accounts.export(user, None)).unwrap()
}

/// An attacker's session that is good, whatever was done to the one before.
fn session(rig: &Rig, old: Option<Signed>) -> Signed {
    let token = old.as_ref().map(|session| session.bearer.trim_start_matches("Bearer ").to_owned()).unwrap_or_default();
    let good = hillfort_api::Service::caller(&rig.social, hillfort_api::Credentials::Token(&token)).is_ok();
    old.filter(|_| good).unwrap_or_else(|| rig.device("device-0000001"))
}

#[test]
fn whatever_is_asked_on_sqlite_the_server_answers_for_itself_and_leaves_others_alone() {
    whatever_is_asked(Engine::Sqlite, EACH);
}

#[test]
fn whatever_is_asked_on_postgres_the_server_answers_for_itself_and_leaves_others_alone() {
    whatever_is_asked(Engine::Postgres, EACH / 3);
}

fn whatever_is_asked(engine: Engine, each: usize) {
    let each = std::env::var("HILLFORT_FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(each);
    let Some(rig) = Rig::on(engine, config()) else { return };
    let document = hillfort_nakama::openapi::document();
    let victim = victim(&rig);
    let before = everything(&rig, victim);
    let (rows, _) = rig.rows_of(&victim.to_string());
    assert!(rows.len() > 5, "{rows:?}");
    let (mut by_module, mut lists) = (0, 0);
    let (mut asked, mut by_status) = (0, std::collections::BTreeMap::<u16, u32>::new());
    let mut attacker = None;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for kind in [Kind::Fits, Kind::Bound, Kind::Hostile] {
                // What goes on to an engine of its own has more to try.
                let times = if path.starts_with("/v2/match") || path.starts_with("/v2/rpc") { 4 * each } else { each };
                for number in 0..times {
                    let seed = (asked as u64) << 32 | number as u64;
                    let eve = session(&rig, attacker.take());
                    let known = vec![
                        victim.to_string(),
                        "victim".into(),
                        "victim@example.org".into(),
                        eve.user.clone(),
                        eve.refresh_token.clone(),
                    ];
                    let mut maker = Maker { seed: Seed::new(seed), kind, document: &document, known };
                    let mut target = maker.target(path, operation);
                    if path.starts_with("/v2/match") && maker.seed.one_in(2) {
                        target = format!("/v2/match?limit=100&authoritative=true&query={}", escaped(&maker.text()));
                    }
                    if path.starts_with("/v2/rpc") && maker.seed.one_in(2) {
                        let id = maker.pick(&[
                            "echo",
                            "decode",
                            "pattern",
                            "find",
                            "keep",
                            "hillfort.export",
                            "hillfort.password_reset",
                            "hillfort.password_change",
                            "hillfort.routes",
                        ]);
                        target = format!("/v2/rpc/{id}{}", maker.pick(&["", "?unwrap", "?http_key=an-http-key", "?payload=%7B"]));
                    }
                    let authorization = maker.authorization(operation, &eve);
                    let body = maker.body(operation);
                    let say = || {
                        format!(
                            "{method} {target} (seed {seed}, {kind:?})\n{}",
                            String::from_utf8_lossy(&body[..body.len().min(2000)])
                        )
                    };
                    let request = Request::builder().method(method.to_uppercase().as_str()).uri(&target);
                    let request = request.header("authorization", &authorization).body(Body::from(body.clone()));
                    // What is no HTTP does not reach a door.
                    let Ok(request) = request else { continue };
                    let answer = rig.rest(request);
                    asked += 1;
                    *by_status.entry(answer.status).or_default() += 1;
                    by_module += usize::from(answer.status == 200 && MODULE.iter().any(|id| target.starts_with(id)));
                    lists += usize::from(answer.status == 200 && target.contains("&query="));
                    let shown = String::from_utf8_lossy(&answer.body).into_owned();
                    assert!(!shown.contains(SECRET), "{}\nshows {shown}", say());
                    assert!(!authorization.contains(HTTP_KEY), "keys are not sent this way");
                    if answer.status != 200 {
                        let stated = answer.status < 500 || answer.status == 501 && operation["x-state"] == "not yet";
                        // A payload may be more work than a function may do.
                        let stated = stated || answer.status == 504 && MODULE.iter().any(|id| target.starts_with(id));
                        assert!(stated, "{} {}\n{shown}", answer.status, say());
                        let said: Value =
                            serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {}\n{shown}", say()));
                        let code = said["code"].as_u64().unwrap_or_default();
                        let message = said["message"].as_str().unwrap_or_default();
                        assert!((1..=16).contains(&code) && !message.is_empty(), "{}\n{shown}", say());
                    }
                    attacker = Some(eve);
                }
                assert_eq!(everything(&rig, victim), before, "{method} {path} has changed what another account has");
            }
        }
    }
    println!("{asked} requests: {by_status:?}; {by_module} answers of a module, {lists} lists of matches");
    // Rows of every table, and those of the victim as they were.
    assert_eq!(rig.rows_of(&victim.to_string()).0, rows);
    assert!(by_module > each && lists > each, "{by_module} answers of a module, {lists} lists of matches");
    // It is of no use when everything is refused at the first look.
    for status in [200, 400, 401, 404] {
        assert!(by_status.get(&status).is_some_and(|times| *times as usize > each), "{status}: {by_status:?}");
    }
}
