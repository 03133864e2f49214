//! Accounts, storage and calls of the client API through the console, over real services.

use serde_json::{Value, json};

use super::rig::{Rig, start};
use super::roles::body;

impl Rig {
    /// Makes any call; what it says.
    pub(super) fn call(&self, name: &str, user: Option<&str>, request: &Value) -> Value {
        let (status, answer) = self.post(&format!("/api/calls/{name}"), &json!({ "user": user, "request": request }));
        assert_eq!(status, 200, "{answer}");
        body(&answer)
    }

    /// A player who signs in with a device, and the id of the account.
    fn player(&self, device: &str, name: &str) -> String {
        let answer = self.call("AuthenticateDevice", None, &json!({ "account": { "id": device }, "username": name }));
        assert_eq!(answer["code"], "Ok", "{answer}");
        let (_, found) = self.get(&format!("/api/accounts?by=identity&q={device}"));
        body(&found)["accounts"][0]["id"].as_str().unwrap().to_owned()
    }

    fn found(&self, query: &str) -> Vec<String> {
        let (status, answer) = self.get(&format!("/api/accounts?{query}"));
        assert_eq!(status, 200, "{answer}");
        let names = body(&answer)["accounts"].as_array().unwrap().clone();
        names.iter().map(|account| account["username"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn accounts_are_searched_by_all_that_names_them() {
    let rig = start(false, None);
    let ids: Vec<_> = (0..60).map(|n| rig.player(&format!("device-number-{n:02}"), &format!("player{n:02}"))).collect();
    let email = json!({ "account": { "email": "Ada@Example.org", "password": "correct horse" }, "username": "ada" });
    assert_eq!(rig.call("AuthenticateEmail", None, &email)["code"], "Ok");
    for (query, expect) in [
        ("by=name&q=player07", "player07"),
        ("by=identity&q=device-number-07", "player07"),
        ("q=device-number-07", "player07"),
        ("by=identity&q=ada@example.org", "ada"),
        ("q=ADA@EXAMPLE.ORG", "ada"),
        ("q=ad", "ada"),
        (&format!("by=id&q={}", ids[7]), "player07"),
        (&format!("q={}", ids[7]), "player07"),
    ] {
        assert_eq!(rig.found(query), [expect], "{query}");
    }
    for nobody in
        ["q=device-number", "by=id&q=player07", "by=name&q=ayer", "q=%27%20OR%201%3D1--", "q=%25", "by=banned", "by=identity&q="]
    {
        assert_eq!(rig.found(nobody), Vec::<String>::new(), "{nobody}");
    }
    let (_, first) = rig.get("/api/accounts?q=player");
    let cursor = body(&first)["cursor"].as_str().unwrap().to_owned();
    let rest = rig.found(&format!("q=player&cursor={cursor}"));
    assert_eq!((rig.found("q=player").len(), rest.len(), rest[0].as_str()), (50, 10, "player50"));
    assert_eq!(rig.found("").len(), 50);
    let long = format!("q={}", "x".repeat(600));
    for (bad, status) in [("by=shoe", 400), ("cursor=zz", 422), ("more=1", 400), (&*long, 422)] {
        assert_eq!(rig.get(&format!("/api/accounts?{bad}")).0, status, "{bad}");
    }
    rig.console.stop();
}

#[test]
fn an_account_is_edited_banned_exported_and_erased() {
    let rig = start(false, None);
    let id = rig.player("a-device-of-eve", "eve");
    let path = format!("/api/accounts/{id}");
    let edit = json!({ "display_name": "Eve", "metadata": "{\"level\":3}" });
    assert_eq!(rig.post(&path, &edit).0, 200);
    let shown = body(&rig.get(&path).1);
    assert_eq!((&shown["account"]["display_name"], &shown["account"]["metadata"]), (&json!("Eve"), &json!("{\"level\":3}")));
    assert_eq!((shown["sessions"].as_array().unwrap().len(), &shown["banned"]), (1, &json!(false)), "{shown}");
    let line = &rig.audit()[0];
    assert!(line.action == "account.edit" && line.detail.contains("\"metadata\":\"11 bytes\""), "{line:?}");
    assert!(!line.detail.contains("level") && !line.detail.contains("Eve"), "what was typed may be secret: {line:?}");
    for (bad, status) in [
        (json!({}), 422),
        (json!({ "username": "" }), 400),
        (json!({ "username": "a\nb" }), 400),
        (json!({ "metadata": "[]" }), 400),
        (json!({ "display_name": "x".repeat(300) }), 400),
        (json!({ "id": "x" }), 422),
    ] {
        assert_eq!(rig.post(&path, &bad).0, status, "{bad}");
    }

    for (bad, status) in [
        (json!({ "reason": "", "seconds": 60 }), 422),
        (json!({ "reason": "x\u{7}", "seconds": 60 }), 422),
        (json!({ "reason": "x", "seconds": 0 }), 422),
        (json!({ "reason": "x", "seconds": u64::MAX }), 422),
        (json!({ "reason": "x", "seconds": -1 }), 422),
        (json!({ "seconds": 1 }), 422),
    ] {
        assert_eq!(rig.post(&format!("{path}/ban"), &bad).0, status, "{bad}");
    }
    assert_eq!(rig.post(&format!("{path}/ban"), &json!({ "reason": "sold gold", "seconds": 3600 })).0, 200);
    let refused = rig.call("AuthenticateDevice", None, &json!({ "account": { "id": "a-device-of-eve" } }));
    let text = refused["error"].as_str().unwrap();
    assert!(refused["code"] == "PermissionDenied" && text.contains("sold gold") && text.contains("until 20"), "{refused}");
    let shown = body(&rig.get(&path).1);
    assert_eq!(
        (&shown["sessions"], &shown["banned"], &shown["account"]["ban"]["by"]),
        (&json!([]), &json!(true), &json!("command line"))
    );
    assert_eq!(rig.found("by=banned"), ["eve"]);
    let line = &rig.audit()[1];
    assert_eq!((line.action.as_str(), line.subject.as_str()), ("account.ban", id.as_str()));
    assert!(line.detail.contains("sold gold") && line.detail.contains("3600"), "{line:?}");
    assert_eq!(rig.post(&format!("{path}/unban"), &json!({})).0, 200);
    let again = rig.call("AuthenticateDevice", None, &json!({ "account": { "id": "a-device-of-eve" } }));
    assert_eq!(again["code"], "Ok", "{again}");
    assert_eq!(rig.post(&format!("{path}/sign-out"), &json!({})).0, 200);
    assert_eq!(body(&rig.get(&path).1)["sessions"], json!([]));

    let (status, answer) = rig.post(&format!("{path}/export"), &json!({}));
    assert_eq!(status, 200, "{answer}");
    assert_eq!((&body(&answer)["account"]["username"], &body(&answer)["cursor"]), (&json!("eve"), &Value::Null), "{answer}");
    assert_eq!(rig.post(&format!("{path}/export"), &json!({ "cursor": "zz" })).0, 400);
    assert_eq!(rig.audit()[1].action, "account.export");
    let delete = |path: &str| rig.ask("DELETE", path, &format!("host: {}\r\n{}", rig.address, rig.who), "").0;
    assert_eq!((delete(&path), delete(&path), rig.get(&path).0), (200, 404, 404));
    for bad in ["x", "00000000-0000-0000-0000-000000000000", "..%2f..", "%00"] {
        assert_eq!(rig.get(&format!("/api/accounts/{bad}")).0, 404, "{bad}");
    }
    rig.console.stop();
}

#[test]
fn a_wallet_changes_with_a_line_in_the_ledger() {
    let rig = start(false, None);
    let id = rig.player("a-device-of-eve", "eve");
    let change = |changeset: Value, reason: &str| {
        rig.post(&format!("/api/accounts/{id}/wallet"), &json!({ "changeset": changeset, "reason": reason }))
    };
    let (status, answer) = change(json!({ "coins": 50, "gems": 1 }), "lost to a fault");
    assert_eq!((status, &body(&answer)["wallet"]), (200, &json!({ "coins": 50, "gems": 1 })), "{answer}");
    assert_eq!(change(json!({ "coins": -20 }), "given twice").0, 200);
    let many: serde_json::Map<_, _> = (0..17).map(|n| (n.to_string(), 1.into())).collect();
    for (changeset, reason, status) in [
        (json!({ "coins": -31 }), "too much", 409),
        (json!({ "coins": 0 }), "nothing", 422),
        (json!({}), "nothing", 422),
        (json!({ "coins": 1.5 }), "a part", 422),
        (json!({ "coins": 1_i64 << 53 }), "cannot be told apart", 422),
        (json!({ "coins": -(1_i64 << 53) }), "cannot be told apart", 422),
        (json!({ "coins": 1 }), "", 422),
        (json!({ "": 1 }), "no name", 422),
        (Value::Object(many), "many", 422),
    ] {
        assert_eq!(change(changeset.clone(), reason).0, status, "{changeset} {reason}");
    }
    assert_eq!(body(&rig.get(&format!("/api/accounts/{id}")).1)["wallet"], json!({ "coins": 30, "gems": 1 }));
    let ledger = body(&rig.get(&format!("/api/accounts/{id}/ledger")).1);
    let lines = ledger["lines"].as_array().unwrap();
    assert_eq!((lines.len(), &lines[0]["changeset"], &ledger["cursor"]), (2, &json!({ "coins": -20 }), &Value::Null));
    let metadata: Value = serde_json::from_str(lines[1]["metadata"].as_str().unwrap()).unwrap();
    assert_eq!(metadata, json!({ "by": "command line", "console": true, "reason": "lost to a fault" }));
    let audit = rig.audit().into_iter().rfind(|line| line.action == "account.wallet").unwrap();
    assert!(
        audit.subject == id && audit.detail.contains("50 coins, 1 gems") && audit.detail.contains("lost to a fault"),
        "{audit:?}"
    );
    assert_eq!(rig.post("/api/accounts/x/wallet", &json!({ "changeset": { "coins": 1 }, "reason": "x" })).0, 404);
    let nobody = "00000000-0000-4000-8000-00000000dead";
    assert_eq!(
        rig.post(&format!("/api/accounts/{nobody}/wallet"), &json!({ "changeset": { "coins": 1 }, "reason": "x" })).0,
        404
    );
    rig.console.stop();
}

#[test]
fn a_way_to_sign_in_is_taken_away() {
    let rig = start(false, None);
    let id = rig.player("a-device-of-eve", "eve");
    assert_eq!(rig.call("LinkCustom", Some(&id), &json!({ "id": "studio-id-of-eve" }))["code"], "Ok");
    let unlink =
        |kind: &str, value: &str| rig.post(&format!("/api/accounts/{id}/unlink"), &json!({ "kind": kind, "value": value })).0;
    assert_eq!((unlink("shoe", "x"), unlink("device", "another-device"), unlink("device", "a-device-of-eve")), (422, 404, 200));
    let again = rig.call("AuthenticateDevice", None, &json!({ "account": { "id": "a-device-of-eve" }, "create": false }));
    assert_eq!(again["code"], "NotFound", "{again}");
    assert_eq!(unlink("custom", "studio-id-of-eve"), 400, "the last one stays");
    let lines: Vec<_> = rig.audit().into_iter().filter(|line| line.action == "account.unlink").collect();
    assert_eq!(lines.len(), 4);
    assert!(
        lines.iter().all(|line| line.subject == id && !line.detail.contains("a-device-of-eve")),
        "no id is written: {lines:?}"
    );
    assert!(lines[1].detail.contains("\"done\"") && lines[1].detail.contains("\u{2026}-eve"), "{lines:?}");
    rig.console.stop();
}

#[test]
fn objects_are_written_listed_and_deleted() {
    let rig = start(false, None);
    let id = rig.player("a-device-of-eve", "eve");
    let system = "00000000-0000-0000-0000-000000000000";
    let write = |key: &str, user: &str, value: &str, version: &str| {
        let object =
            json!({ "collection": "saves", "key": key, "user": user, "value": value, "version": version, "read": 2, "write": 0 });
        rig.post("/api/object", &object)
    };
    let (status, answer) = write("a/b", &id, "{\"n\":1}", "*");
    assert_eq!(status, 200, "{answer}");
    let version = body(&answer)["version"].as_str().unwrap().to_owned();
    assert_eq!(write("a/b", &id, "{\"n\":2}", "*").0, 409, "it is there");
    assert_eq!(write("a/b", &id, "{\"n\":2}", &version).0, 200);
    assert_eq!(write("a/b", &id, "{\"n\":3}", &version).0, 409, "it changed meanwhile");
    let large = format!("{{\"t\":\"{}\"}}", "x".repeat(1_000_000));
    assert_eq!(write("large", system, &large, "").0, 200);
    for (key, user, value, status) in [
        ("k", "x", "{}", 422),
        ("k", &*id, "[]", 422),
        ("k", &*id, "", 422),
        ("", &*id, "{}", 422),
        ("k", "00000000-0000-4000-8000-00000000dead", "{}", 404),
        ("k", &*id, &*format!("{{\"t\":\"{}\"}}", "x".repeat(1_100_000)), 422),
        ("k", &*id, &*"x".repeat(2_500_000), 413),
    ] {
        assert_eq!(write(key, user, value, "").0, status, "{key:?} {user} {}", value.len());
    }
    assert_eq!(body(&rig.get("/api/collections").1), json!({ "collections": ["saves"], "more": false }));
    let listed = body(&rig.get("/api/objects?collection=saves").1);
    let rows = listed["objects"].as_array().unwrap();
    assert_eq!((rows.len(), listed["cursor"].is_null()), (2, true));
    let row = rows.iter().find(|row| row["key"] == "large").unwrap();
    assert_eq!((&row["bytes"], row["value"].as_str().unwrap().len()), (&json!(large.len()), 120));
    assert_eq!(body(&rig.get(&format!("/api/objects?collection=saves&user={id}")).1)["objects"].as_array().unwrap().len(), 1);
    let object = format!("/api/object?collection=saves&key=a/b&user={id}");
    let shown = body(&rig.get(&object).1);
    assert_eq!((&shown["value"], &shown["read"], &shown["write"]), (&json!("{\"n\":2}"), &json!(2), &json!(0)));
    let delete = |query: &str| rig.ask("DELETE", query, &format!("host: {}\r\n{}", rig.address, rig.who), "").0;
    assert_eq!(delete(&format!("{object}&version={version}")), 409);
    assert_eq!((delete(&object), delete(&object), rig.get(&object).0), (200, 404, 404));
    assert_eq!(rig.audit()[1].subject, "saves/a/b");
    for (bad, status) in [("collection=saves&user=x", 422), ("", 400), ("collection=saves&cursor=00", 422)] {
        assert_eq!(rig.get(&format!("/api/objects?{bad}")).0, status, "{bad}");
    }
    rig.console.stop();
}

#[test]
fn any_call_is_made_as_anybody() {
    let rig = start(false, None);
    let calls = body(&rig.get("/api/calls").1);
    let calls = calls["calls"].as_array().unwrap();
    assert_eq!(calls.len(), hillfort_api::CALLS.len());
    for call in calls {
        // What the page begins with is a request of the call; those that are served are answered, whatever they say.
        let request = &call["request"];
        let answer = rig.call(call["name"].as_str().unwrap(), None, request);
        assert!(!answer["error"].as_str().is_some_and(|error| error.contains("has no field")), "{call} {answer}");
        assert_ne!(answer["code"], "Internal", "{call} {answer}");
    }
    let id = rig.player("a-device-of-eve", "eve");
    let account = rig.call("GetAccount", Some(&id), &json!({}));
    assert_eq!((&account["code"], &account["reply"]["user"]["username"]), (&json!("Ok"), &json!("eve")));
    assert_eq!(rig.call("GetAccount", None, &json!({}))["code"], "Unauthenticated", "the class of a call binds operators, too");
    let nobody = "00000000-0000-4000-8000-000000000001";
    assert_eq!(rig.call("GetAccount", Some(nobody), &json!({}))["code"], "NotFound");
    let wrong = rig.call("GetAccount", Some(&id), &json!({ "shoe": 1 }));
    assert_eq!(wrong["code"], "InvalidArgument", "{wrong}");
    let invalid = rig.call("UpdateAccount", Some(&id), &json!({ "username": "" }));
    assert_eq!((&invalid["code"], &invalid["field"]), (&json!("InvalidArgument"), &json!("username")), "{invalid}");
    assert_eq!(rig.post("/api/calls/DropTables", &json!({ "user": null, "request": {} })).0, 404);
    assert_eq!(rig.post("/api/calls/GetAccount", &json!({ "user": "x", "request": {} })).0, 422);
    assert_eq!(
        rig.post("/api/calls/GetAccount", &json!({ "request": [] })).0,
        200,
        "what is wrong with a request, the call says"
    );
    let line = rig.audit().into_iter().find(|line| line.subject == "UpdateAccount").unwrap();
    assert!(line.action == "api.call" && line.detail.contains(&id) && line.detail.contains("InvalidArgument"), "{line:?}");
    assert!(line.detail.contains("\"outcome\":\"refused: InvalidArgument\""), "{line:?}");
    let went_well = rig.audit().into_iter().filter(|line| line.detail.contains("\"outcome\":\"done\"")).count();
    assert!(went_well > 0, "what was done is done");
    rig.console.stop();
}
