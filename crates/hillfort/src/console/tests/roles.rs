//! Who may do what: each route of the table with the right role, a wrong one, and none; sessions, guesses and the audit log.

use hillfort_store::{AuditEntry, AuditFilter, Role};
use serde_json::{Value, json};

use super::rig::{Rig, start};
use crate::console::routes::{Needs, ROWS};

const JSON: &str = "content-type: application/json\r\n";

impl Rig {
    /// Headers of a browser on the console's own page.
    pub(super) fn browser(&self, cookie: &str) -> String {
        let cookie = if cookie.is_empty() { String::new() } else { format!("cookie: {cookie}\r\n") };
        format!("host: {0}\r\norigin: http://{0}\r\n{JSON}{cookie}", self.address)
    }

    /// Makes an operator; its password.
    pub(super) fn operator(&self, name: &str, role: &str) -> String {
        let (status, answer) = self.post("/api/operators", &json!({ "name": name, "role": role }));
        assert_eq!(status, 200, "{answer}");
        body(&answer)["password"].as_str().unwrap().to_owned()
    }

    pub(super) fn sign_in(&self, name: &str, password: &str) -> (u16, String) {
        let credentials = json!({ "name": name, "password": password }).to_string();
        self.ask("POST", "/api/sign-in", &self.browser(""), &credentials)
    }

    /// The cookie of who signs in.
    pub(super) fn cookie(&self, name: &str, password: &str) -> String {
        let (status, answer) = self.sign_in(name, password);
        assert_eq!(status, 200, "{answer}");
        cookie_of(&answer)
    }

    /// The audit log, newest first.
    pub(super) fn audit(&self) -> Vec<AuditEntry> {
        let audit = self.office.store.audit.clone();
        self.office.threads.block_on(async move { audit.list(AuditFilter::default(), 1_000, None).await.unwrap().items })
    }
}

pub(super) fn body(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"))
}

fn cookie_of(answer: &str) -> String {
    let line = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap_or_else(|| panic!("{answer}"));
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43200"] {
        assert!(line.contains(part), "{line}");
    }
    line.split(';').next().unwrap().to_owned()
}

/// A path of the table with something in it for its parameters.
fn filled(path: &str) -> String {
    let parameters = [
        ("{id}", "00000000-0000-4000-8000-000000000001"),
        ("{name}", "nobody at all"),
        ("{address}", "192.0.2.1"),
        ("{room}", "1"),
        ("{call}", "GetAccount"),
    ];
    parameters.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, &value.replace(' ', "%20")))
}

#[test]
fn each_route_asks_for_its_role() {
    let rig = start(false, None);
    let roles = [(Role::Viewer, "viewer"), (Role::Operator, "operator"), (Role::Administrator, "administrator")];
    let cookies = roles.map(|(role, name)| (role, rig.cookie(name, &rig.operator(name, name))));
    let (mut refused, mut let_in) = (0, 0);
    for row in ROWS {
        let (method, path) = (row.method.as_str(), filled(row.path));
        // A body that no route takes: what is let in goes no further than that.
        let ask = |headers: &str| rig.ask(method, &path, headers, if row.method == "GET" { "" } else { "[" });
        let own = matches!(row.path, "/api/sign-out" | "/api/live");
        let what = format!("{method} {path}");
        for bad in ["", &format!("hillfort_console_{}={}", rig.address.port(), "0".repeat(64)), &cookies[2].1[..60]] {
            let (status, answer) = ask(&rig.browser(bad));
            assert_eq!(status == 401, row.needs != Needs::Nothing, "{what} without a session: {answer}");
        }
        let wrong_key = format!("host: {}\r\n{JSON}authorization: Bearer {}\r\n", rig.address, "0".repeat(64));
        assert_eq!(ask(&wrong_key).0 == 401, row.needs != Needs::Nothing, "{what} with a wrong key");
        for (role, cookie) in &cookies {
            let may = row.needs <= Needs::Role(*role);
            if may && own {
                continue;
            }
            let (status, answer) = ask(&rig.browser(cookie));
            if may {
                assert!(!matches!(status, 401 | 403), "{what} as {role:?}: {answer}");
                let_in += 1;
            } else {
                assert!(status == 403 && answer.contains("takes the role"), "{what} as {role:?}: {answer}");
                refused += 1;
                if let Some(action) = row.action {
                    let line = &rig.audit()[0];
                    assert_eq!(
                        (line.actor.as_str(), line.action.as_str(), line.address.as_str()),
                        (role.name(), action, "127.0.0.1")
                    );
                    assert!(line.detail.contains("\"refused\""), "{line:?}");
                }
            }
            // Whatever changes something is asked for by the console's own page.
            if !row.method.is_safe() {
                let (own, foreign) = (format!("origin: http://{}\r\n", rig.address), "origin: http://evil.example\r\n");
                let headers = rig.browser(cookie);
                assert_eq!(ask(&headers.replace(&own, foreign)).0, 403, "{what} from another site");
                assert_eq!(ask(&headers.replace(&own, "")).0, 403, "{what} from nowhere, with a cookie");
                assert_eq!(ask(&format!("{headers}sec-fetch-site: same-site\r\n")).0, 403, "{what} from another port");
            }
        }
    }
    assert!(refused >= 15 && let_in >= 60, "{refused} {let_in}");
    rig.console.stop();
}

#[test]
fn a_session_begins_and_ends() {
    let rig = start(false, None);
    let password = rig.operator("anna", "viewer");
    let (_, answer) = rig.ask("GET", "/api/me", &rig.browser(""), "");
    assert_eq!(body(&answer), json!({ "operator": null, "development": false }));
    let cookie = rig.cookie("anna", &password);
    let (_, answer) = rig.ask("GET", "/api/me", &rig.browser(&cookie), "");
    assert_eq!(body(&answer)["operator"], json!({ "name": "anna", "role": "viewer", "signedIn": true }));
    let (status, answer) = rig.ask("POST", "/api/sign-out", &rig.browser(&cookie), "");
    assert!(status == 200 && answer.contains("Max-Age=0"), "{answer}");
    assert_eq!(rig.ask("GET", "/api/rooms", &rig.browser(&cookie), "").0, 401);
    let actions: Vec<_> = rig.audit().into_iter().map(|line| (line.actor, line.action)).collect();
    let line = |actor: &str, action: &str| (actor.to_owned(), action.to_owned());
    let expect = [line("anna", "operator.sign_out"), line("anna", "operator.sign_in"), line("command line", "operator.create")];
    assert_eq!(actions, expect);
    rig.console.stop();
}

#[test]
fn guesses_are_refused_and_then_limited() {
    let rig = start(false, None);
    let password = rig.operator("anna", "administrator");
    for (name, password) in [("anna", "wrong"), ("nobody", "wrong"), ("anna", ""), ("an\0na", "wrong")] {
        let (status, answer) = rig.sign_in(name, password);
        assert!(status == 401 && answer.contains("wrong name or password") && !answer.contains("set-cookie"), "{answer}");
    }
    for (name, password) in [("", "x"), (&*"x".repeat(129), "x"), ("anna", &*"x".repeat(1_025))] {
        assert_eq!(rig.sign_in(name, password).0, 422);
    }
    let failed = &rig.audit()[0];
    assert_eq!((failed.actor.as_str(), failed.action.as_str()), ("nobody", "operator.sign_in"));
    let subjects: Vec<_> = rig.audit().into_iter().take(4).map(|line| line.subject).collect();
    assert_eq!(subjects, ["no operator", "anna", "no operator", "anna"], "what is no operator's name may be a password");
    assert!(failed.detail.contains("refused") && !failed.detail.contains("wrong"), "{failed:?}");
    let statuses: Vec<_> = (0..8).map(|_| rig.sign_in("anna", "wrong").0).collect();
    assert_eq!(statuses[statuses.len() - 1], 429, "{statuses:?}");
    let (status, answer) = rig.sign_in("anna", &password);
    assert!(status == 429 && answer.contains("try again in"), "also the right one has to wait: {answer}");
    for bad in ["", "{}", "[]", "null", r#"{"name":1,"password":"x"}"#, r#"{"name":"a","password":"b","more":1}"#] {
        assert!(matches!(rig.ask("POST", "/api/sign-in", &rig.browser(""), bad).0, 400 | 422), "{bad}");
    }
    let large = json!({ "name": "anna", "password": "x".repeat(8 << 10) }).to_string();
    assert_eq!(rig.ask("POST", "/api/sign-in", &rig.browser(""), &large).0, 413);
    rig.console.stop();
}

#[test]
fn operators_are_made_changed_and_removed() {
    let rig = start(false, None);
    let first = rig.operator("anna", "administrator");
    let anna = rig.cookie("anna", &first);
    let ask = |method: &str, path: &str, body: &Value| rig.ask(method, path, &rig.browser(&anna), &body.to_string());
    assert_eq!(ask("POST", "/api/password", &json!({ "old": "x", "new": "a longer password" })).0, 403);
    assert_eq!(ask("POST", "/api/password", &json!({ "old": first, "new": "short" })).0, 422);
    let (status, answer) = ask("POST", "/api/password", &json!({ "old": first, "new": "a longer password" }));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(ask("GET", "/api/operators", &Value::Null).0, 401, "the session of before has ended");
    let anna = cookie_of(&answer);
    let ask = |method: &str, path: &str, body: &Value| rig.ask(method, path, &rig.browser(&anna), &body.to_string());

    let ben = rig.cookie("ben", &rig.operator("ben", "viewer"));
    assert_eq!(ask("POST", "/api/operators", &json!({ "name": "ben", "role": "viewer" })).0, 409);
    for name in ["", " ben", "b\nn", "development", "command line", "nobody", "Server", &"x".repeat(129)] {
        assert_eq!(ask("POST", "/api/operators", &json!({ "name": name, "role": "viewer" })).0, 422, "{name:?}");
    }
    assert_eq!(ask("POST", "/api/operators", &json!({ "name": "carl", "role": "emperor" })).0, 422);
    let mut live = std::io::BufReader::new(rig.send("GET", "/api/live", &rig.browser(&ben), ""));
    let (status, answer) = ask("POST", "/api/operators/ben", &json!({ "role": "operator", "password": true }));
    assert!(status == 200 && body(&answer)["operator"]["role"] == "operator", "{answer}");
    assert!(body(&answer)["password"].as_str().is_some_and(|password| password.len() == 20), "{answer}");
    assert_eq!(rig.ask("GET", "/api/rooms", &rig.browser(&ben), "").0, 401, "a change signs out");
    // The feed of who is signed out ends; reading to its end does not wait for ever.
    std::io::copy(&mut live, &mut std::io::sink()).unwrap();
    assert_eq!(ask("POST", "/api/operators/ben", &json!({})).0, 422);
    assert_eq!(ask("POST", "/api/operators/carl", &json!({ "role": "viewer" })).0, 404);
    assert_eq!(ask("POST", "/api/operators/anna", &json!({ "role": "viewer" })).0, 409, "the last administrator stays one");
    assert_eq!(ask("DELETE", "/api/operators/anna", &Value::Null).0, 409, "nobody removes themselves");
    let (_, answer) = ask("GET", "/api/operators", &Value::Null);
    assert_eq!(body(&answer)["operators"].as_array().unwrap().len(), 2);
    assert!(!answer.contains("argon2"), "{answer}");
    assert_eq!(
        (ask("DELETE", "/api/operators/ben", &Value::Null).0, ask("DELETE", "/api/operators/ben", &Value::Null).0),
        (200, 404)
    );
    let (_, answer) = ask("GET", "/api/audit?action=operator.delete", &Value::Null);
    let lines = body(&answer)["lines"].as_array().unwrap().clone();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!((&lines[1]["subject"], &lines[1]["detail"]["outcome"]), (&json!("ben"), &json!("done")), "{lines:?}");
    assert_eq!(ask("GET", "/api/audit?cursor=zz", &Value::Null).0, 422);
    rig.console.stop();
}

#[test]
fn the_first_administrator_is_made_once() {
    let rig = start(false, None);
    let office = rig.office.clone();
    let password = office.threads.block_on(office.first_administrator()).unwrap().expect("there is no operator yet");
    assert_eq!(office.threads.block_on(office.first_administrator()), Ok(None));
    let cookie = rig.cookie(crate::console::FIRST, &password);
    assert_eq!(rig.ask("GET", "/api/operators", &rig.browser(&cookie), "").0, 200);
    rig.console.stop();
}

#[test]
fn in_development_nobody_on_this_machine_signs_in() {
    let rig = start(true, None);
    let (_, answer) = rig.ask("GET", "/api/me", &rig.browser(""), "");
    let operator = json!({ "name": "development", "role": "administrator", "signedIn": false });
    assert_eq!(body(&answer), json!({ "operator": operator, "development": true }));
    let ban = json!({ "address": "192.0.2.7", "reason": "rude", "seconds": 60 }).to_string();
    assert_eq!(rig.ask("POST", "/api/ban", &rig.browser(""), &ban).0, 202);
    let line = &rig.audit()[0];
    assert_eq!((line.actor.as_str(), line.action.as_str(), line.subject.as_str()), ("development", "address.ban", "192.0.2.7"));
    let detail: Value = serde_json::from_str(&line.detail).unwrap();
    assert_eq!(detail, json!({ "outcome": "done", "status": 202, "reason": "rude", "seconds": 60 }));
    rig.console.stop();
}

#[test]
fn a_move_of_a_room_is_for_operators_and_written_down_with_its_outcome() {
    let rig = start(false, None);
    let [vera, otto] = [("vera", "viewer"), ("otto", "operator")].map(|(name, role)| rig.cookie(name, &rig.operator(name, role)));
    let to = json!({ "to": 3 }).to_string();
    let ask = |cookie: &str, room: &str| rig.ask("POST", &format!("/api/rooms/{room}/move"), &rig.browser(cookie), &to);
    let check = |cookie: &str, room: &str, expect: (u16, &str), line: (&str, &str, &str)| {
        let (status, answer) = ask(cookie, room);
        assert!(status == expect.0 && answer.contains(expect.1), "{room}: {status} {answer}");
        let written = &rig.audit()[0];
        let detail: Value = serde_json::from_str(&written.detail).unwrap();
        let outcome = detail["outcome"].as_str().unwrap();
        assert_eq!((written.actor.as_str(), written.action.as_str(), outcome), (line.0, "room.move", line.2), "{written:?}");
        if !line.1.is_empty() {
            assert_eq!((written.subject.as_str(), &detail["to"]), (line.1, &json!(3)), "{written:?}");
        }
    };
    check(&vera, "1", (403, "takes the role operator"), ("vera", "", "refused"));
    check(&otto, "1", (202, "true"), ("otto", "1", "done"));
    check(&otto, "4", (403, "one thread"), ("otto", "4", "refused"));
    check(&otto, "5", (409, "it is paused"), ("otto", "5", "refused"));
    check(&otto, "9", (404, "no such room"), ("otto", "9", "refused"));
    rig.console.stop();
}
