//! Matches and players of a real server as its console shows and ends them.

use std::path::Path;

use serde_json::{Value, json};

use crate::nakama::User;
use crate::server::Server;
use crate::web::{Answer, Metrics, Visit, get, post};

fn read(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

fn delete(server: &Server, path: &str) -> Answer {
    Visit::begin(server.console).ask(&format!("DELETE {path}"), "", "")
}

/// The newest line of this action in the audit log.
fn line(server: &Server, action: &str) -> Value {
    read(&get(server.console, &format!("/api/audit?action={action}")))["lines"][0].take()
}

#[test]
fn a_modules_match_is_shown_with_its_state_and_ended() {
    let folder = tempfile::tempdir().unwrap();
    let modules = folder.path().join("modules");
    std::fs::create_dir(&modules).unwrap();
    let arena = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../modules/arena.lua");
    std::fs::copy(arena, modules.join("arena.lua")).unwrap();
    let make =
        "local nk = require('nakama')\nnk.register_rpc(function() return nk.match_create('arena', { size = 4 }) end, 'make')";
    std::fs::write(modules.join("make.lua"), make).unwrap();
    let server = Server::start_in(folder, &[]);
    let loaded = read(&get(server.console, "/api/modules"));
    let arena = loaded["modules"].as_array().unwrap().iter().find(|one| one["name"] == "arena").cloned();
    assert_eq!(arena, Some(json!({ "name": "arena", "file": "arena.lua", "match": true })));

    let (ann, bob) = (User::sign_in(&server, "ann"), User::sign_in(&server, "bob"));
    let id = ann.rpc("make", "");
    let (mut ann_socket, mut bob_socket) = (ann.socket(), bob.socket());
    for socket in [&mut ann_socket, &mut bob_socket] {
        assert_eq!(socket.ask(json!({ "match_join": { "match_id": id } }))["match"]["authoritative"], true);
    }
    let path = format!("/api/matches/{id}");
    let mut shown = Value::Null;
    Metrics::when(server.console, "both in the match's state", |_| {
        shown = read(&get(server.console, &path));
        shown["state"]["players"] == 2
    });
    assert_eq!((&shown["handler"], &shown["state"]["scores"]), (&json!("arena"), &json!({ "ann": 0, "bob": 0 })), "{shown}");
    assert_eq!((&shown["rate"], &shown["inside"]["game"]), (&json!(10), &json!("match-handler")));
    let user = ann.done("GET /v2/account", &Value::Null)["user"]["id"].clone();
    let presences = shown["presences"].as_array().unwrap();
    assert_eq!((presences.len(), &presences[0]["username"], &presences[0]["user"]), (2, &json!("ann"), &user), "{shown}");
    Metrics::when(server.console, "its line in the list", |_| {
        let found = read(&get(server.console, "/api/matches?kind=rooms&query=%2Blabel.mode:arena"));
        found["matches"][0]["id"] == id && found["matches"][0]["size"] == 2
    });

    let ended = delete(&server, &path);
    assert_eq!(ended.status, 200, "{ended:?}");
    bob_socket.wait("the end of the match", |envelope| envelope["match_presence_event"]["leaves"][0].as_object().map(|_| ()));
    assert_eq!((get(server.console, &path).status, delete(&server, &path).status), (404, 404));
    let error = ann_socket.ask(json!({ "match_join": { "match_id": id } }));
    assert!(error["error"].is_object(), "{error}");
    assert_eq!(read(&get(server.console, "/api/audit?action=match.end"))["lines"][1]["detail"]["outcome"], "done");
}

#[test]
fn a_relayed_match_is_shown_and_is_its_players() {
    let server = Server::start(&[]);
    let (ann, bob) = (User::sign_in(&server, "ann"), User::sign_in(&server, "bob"));
    let (mut ann_socket, mut bob_socket) = (ann.socket(), bob.socket());
    let id = ann_socket.ask(json!({ "match_create": {} }))["match"]["match_id"].as_str().unwrap().to_owned();
    bob_socket.ask(json!({ "match_join": { "match_id": id } }));
    let shown = read(&get(server.console, &format!("/api/matches/{id}")));
    let names: Vec<_> = shown["presences"].as_array().unwrap().iter().map(|one| &one["username"]).collect();
    assert_eq!(
        (names, &shown["authoritative"], &shown["room"]),
        (vec![&json!("ann"), &json!("bob")], &json!(false), &Value::Null)
    );
    let refused = delete(&server, &format!("/api/matches/{id}"));
    assert!(refused.status == 409 && refused.body.contains("its players'"), "{refused:?}");
    assert_eq!(line(&server, "match.end")["detail"]["outcome"], "refused");
}

#[test]
fn a_ban_closes_the_sockets_that_are_open() {
    let server = Server::start(&[]);
    let (ann, bob) = (User::sign_in(&server, "ann"), User::sign_in(&server, "bob"));
    let (mut first, mut second, mut other) = (ann.socket(), ann.socket(), bob.socket());
    let id = ann.done("GET /v2/account", &Value::Null)["user"]["id"].as_str().unwrap().to_owned();
    assert_eq!(read(&get(server.console, &format!("/api/accounts/{id}")))["sockets"], 2);
    let banned = post(server.console, &format!("/api/accounts/{id}/ban"), &json!({ "reason": "sold gold", "seconds": 3600 }));
    assert_eq!(banned.status, 200, "{banned:?}");
    for socket in [&mut first, &mut second] {
        assert_eq!(socket.closed(), (4003, "sold gold".to_owned()));
    }
    assert_eq!(read(&get(server.console, &format!("/api/accounts/{id}")))["sockets"], 0);
    let url = format!("GET /ws?token={}", ann.token);
    assert_eq!(Visit::begin(server.http).ask(&url, "", "").status, 401, "and none opens again");
    assert_eq!(other.ask(json!({ "ping": {} }))["pong"], json!({}), "nobody else notices");
    assert_eq!(line(&server, "account.ban")["subject"], id);
}
