//! Modules of a real server: functions, hooks, matches, reloads, and what remains of them when the server is killed.

use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::nakama::User;
use crate::server::{Server, hillfort, run};
use crate::web::Metrics;

/// A folder with the modules that ship as examples, and the one of these tests.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let modules = folder.path().join("modules");
    std::fs::create_dir(&modules).unwrap();
    for from in ["../../modules", "tests/it/modules"] {
        for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(from)).unwrap().map(Result::unwrap) {
            std::fs::copy(file.path(), modules.join(file.file_name())).unwrap();
        }
    }
    folder
}

fn server() -> Server {
    Server::start_in(folder(), &[("modules.env", "[\"place=hill\"]"), ("modules.call_ms_max", "5000")])
}

fn write(server: &Server, file: &str, text: &str) {
    std::fs::write(server.folder().join("modules").join(file), text).unwrap();
}

#[test]
fn functions_are_called_by_rest_and_by_the_socket() {
    let server = server();
    let ann = User::sign_in(&server, "ann");
    let answer = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let expect = |on_socket| json!({ "user": "ann", "payload": "hi", "on_socket": on_socket, "env": "hill" });
    assert_eq!(answer(&ann.rpc("echo", "hi")), expect(false));
    let mut socket = ann.socket();
    assert_eq!(answer(socket.rpc("echo", "hi")["rpc"]["payload"].as_str().unwrap()), expect(true));
    let (status, refused) = ann.call("POST /v2/rpc/fails", &"".into());
    assert_eq!((status, &refused["code"], &refused["message"]), (400, &9.into(), &"that does not work".into()));
    assert_eq!(socket.rpc("fails", "")["error"]["message"], "that does not work");
    assert_eq!(ann.call("POST /v2/rpc/none", &"".into()).0, 404);
    assert_eq!(socket.rpc("none", "")["error"]["message"], "RPC function not found");
    // One that does not end is ended, and takes nobody with it.
    let (status, ended) = ann.call("POST /v2/rpc/spins", &"".into());
    assert_eq!((status, &ended["code"]), (504, &4.into()), "{ended}");
    assert!(socket.rpc("spins", "")["error"]["message"].as_str().unwrap().contains("budget of steps"));
    assert_eq!(answer(&ann.rpc("daily_reward", ""))["coins"], 50);
    assert_eq!(answer(&ann.rpc("daily_reward", ""))["coins"], 0, "once a day");
    let wallet = ann.done("GET /v2/account", &Value::Null)["wallet"].as_str().map(answer);
    assert_eq!(wallet, Some(json!({ "coins": 60 })), "with what the hook after the sign-in gave");
}

#[test]
fn hooks_see_calls_and_messages() {
    let server = server();
    let (ann, bob) = (User::sign_in(&server, "ann"), User::sign_in(&server, "bob"));
    let (status, refused) = ann.call("PUT /v2/account", &json!({ "display_name": "admin" }));
    assert_eq!((status, &refused["message"]), (403, &"that name is taken".into()));
    ann.done("PUT /v2/account", &json!({ "display_name": "Ann" }));
    assert_eq!(ann.done("GET /v2/account", &Value::Null)["user"]["location"], "from Ann");

    let (mut ann_socket, mut bob_socket) = (ann.socket(), bob.socket());
    let ann_id = ann.done("GET /v2/account", &Value::Null)["user"]["id"].clone();
    bob_socket.ask(json!({ "status_follow": { "user_ids": [ann_id] } }));
    let rude = ann_socket.ask(json!({ "status_update": { "status": "rude" } }));
    assert_eq!(rude["error"]["message"], "Requested resource was not found.");
    // Both at once: what waits for its hook is not overtaken.
    ann_socket.send(&json!({ "status_update": { "status": "first" } }));
    ann_socket.send(&json!({ "status_update": { "status": "second" } }));
    let mut seen = || {
        bob_socket
            .wait("a status", |envelope| envelope["status_presence_event"]["joins"][0]["status"].as_str().map(str::to_owned))
    };
    assert_eq!([seen(), seen()], ["first!", "second!"]);
    let made = ann_socket.ask(json!({ "match_create": {} }))["match"]["match_id"].clone();
    Metrics::when(server.console, "what the hook after it wrote", |_| {
        ann.object("matches", "made").is_some_and(|kept| kept["id"] == made)
    });
}

#[test]
fn modules_have_sessions_follow_users_and_tell_of_events() {
    let server = server();
    let (ann, bob) = (User::sign_in(&server, "ann"), User::sign_in(&server, "bob"));
    let (mut ann_socket, mut bob_socket) = (ann.socket(), bob.socket());
    let ann_id = ann.done("GET /v2/account", &Value::Null)["user"]["id"].as_str().unwrap().to_owned();
    assert!(bob_socket.rpc("follow", &ann_id)["error"].is_null());
    ann_socket.ask(json!({ "status_update": { "status": "here" } }));
    let seen = bob_socket
        .wait("a status", |envelope| envelope["status_presence_event"]["joins"][0]["status"].as_str().map(str::to_owned));
    assert_eq!(seen, "here!", "as the hook before it made it");
    bob_socket.rpc("unfollow", &ann_id);
    ann_socket.ask(json!({ "status_update": { "status": "unheard" } }));
    bob_socket.send(&json!({ "cid": "after", "ping": {} }));
    let next = bob_socket.wait("a pong", |envelope| match envelope["cid"].as_str() {
        Some("after") => Some("pong".to_owned()),
        _ => envelope["status_presence_event"]["joins"][0]["status"].as_str().map(str::to_owned),
    });
    assert_eq!(next, "pong");
    ann.rpc("sell", "a sword");
    server.logged("event {\"external\":true,\"name\":\"sold\",\"properties\":{\"item\":\"a sword\"},\"timestamp\":1700000000}");
}

#[test]
fn modules_put_sessions_on_streams_and_send_to_them() {
    let server = server();
    let (ann, bob) = (User::sign_in(&server, "ann"), User::sign_in(&server, "bob"));
    let (mut ann_socket, mut bob_socket) = (ann.socket(), bob.socket());
    let payload = |answer: Value| serde_json::from_str::<Value>(answer["rpc"]["payload"].as_str().unwrap()).unwrap();
    assert_eq!(payload(ann_socket.rpc("listen", "")), json!({ "new": true, "count": 1, "first": "ann" }));
    assert_eq!(payload(bob_socket.rpc("listen", "")), json!({ "new": true, "count": 2, "first": "ann" }));
    let got = ann_socket.wait("what bob's call sent", |envelope| {
        envelope.get("stream_data").filter(|data| data["data"] == "bob listens").cloned()
    });
    assert_eq!(got["stream"], json!({ "mode": 20, "label": "news" }));
    assert_eq!(payload(bob_socket.rpc("listen", ""))["new"], false);
    bob_socket.send(&json!({ "rpc": { "id": "hush", "payload": "" } }));
    bob_socket.wait("that ann is off the stream", |envelope| {
        let leaves = envelope["stream_presence_event"]["leaves"].as_array()?;
        leaves.iter().any(|one| one["username"] == "ann").then_some(())
    });
}

#[test]
fn a_match_is_run_by_its_module() {
    let mut server = server();
    let (ann, bob, cat) = (User::sign_in(&server, "ann"), User::sign_in(&server, "bob"), User::sign_in(&server, "cat"));
    let id = ann.rpc("make_match", "{\"size\":2}");
    let (mut ann_socket, mut bob_socket, mut cat_socket) = (ann.socket(), bob.socket(), cat.socket());
    let join = json!({ "match_join": { "match_id": id } });
    for socket in [&mut ann_socket, &mut bob_socket] {
        assert_eq!(socket.ask(join.clone())["match"]["authoritative"], true);
    }
    assert_eq!(cat_socket.ask(join)["error"]["message"], "the arena is full");
    Metrics::when(server.console, "its line in the list", |_| {
        let found =
            cat.done("GET /v2/match?limit=10&authoritative=true&query=%2Blabel.mode:arena%20%2Blabel.open:0", &Value::Null);
        found["matches"][0]["match_id"] == id && found["matches"][0]["size"] == 2
    });
    let add = |points: u32| {
        let data = base64(&json!({ "points": points }).to_string());
        json!({ "match_data_send": { "match_id": id, "op_code": "1", "data": data } })
    };
    bob_socket.send(&add(3));
    ann_socket.wait("the scores", |envelope| {
        let data = envelope["match_data"]["data"].as_str()?;
        (envelope["match_data"]["op_code"] == "2" && data == base64("{\"ann\":0,\"bob\":3}")).then_some(())
    });
    for _ in 0..10 {
        ann_socket.send(&add(1_000));
    }
    bob_socket.wait("the winner", |envelope| (envelope["match_data"]["op_code"] == "3").then_some(()));
    bob_socket
        .wait("the end of the match", |envelope| envelope["match_presence_event"]["leaves"][0]["username"].as_str().map(|_| ()));
    assert!(ann.done("GET /v2/account", &Value::Null)["wallet"].as_str().unwrap().contains("\"wins\":1"));
    // A match that its module does not keep alive holds up no end.
    ann_socket.ask(json!({ "match_join": { "match_id": ann.rpc("make_match", "{\"size\":2}") } }));
    server.signal(Signal::TERM);
    assert_eq!(ann_socket.closed().0, 1001);
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn modules_are_loaded_anew_and_sessions_stay() {
    let server = server();
    let ann = User::sign_in(&server, "ann");
    let mut socket = ann.socket();
    let version = |n: u32| format!("require('nakama').register_rpc(function() return '{n}' end, 'version')\n");
    assert_eq!(ann.call("POST /v2/rpc/version", &"".into()).0, 404);
    write(&server, "version.lua", &version(1));
    server.signal(Signal::HUP);
    server.logged("reloaded: the modules");
    assert_eq!(socket.rpc("version", "")["rpc"]["payload"], "1", "on the socket of before");
    write(&server, "version.lua", &format!("{}nonsense(1)\n", version(2)));
    server.signal(Signal::HUP);
    server.logged("version.lua:2");
    assert_eq!(socket.rpc("version", "")["rpc"]["payload"], "1", "what does not load changes nothing");
    // In development a change is enough.
    write(&server, "version.lua", &version(3));
    Metrics::when(server.console, "the new module", |_| socket.rpc("version", "")["rpc"]["payload"] == "3");
}

#[test]
fn what_a_module_wrote_outlives_the_server() {
    let server = Server::start_in(folder(), &[("store.url", "")]);
    let ann = User::sign_in(&server, "ann");
    assert!(ann.created);
    ann.rpc("note", "remember me");
    let server = Server::start_in(server.kill(), &[("store.url", "")]);
    let ann = User::sign_in(&server, "ann");
    assert!(!ann.created, "the account is there");
    assert_eq!(ann.object("notes", "last"), Some(json!({ "text": "remember me" })));
}

#[test]
fn modules_that_cannot_run_are_refused_with_file_and_line() {
    let folder = folder();
    let file = folder.path().join("modules/shop/items.lua");
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    let refused = |commands: &[&str], source: &str, part: &str| {
        std::fs::write(&file, source).unwrap();
        for command in commands {
            let output = run(hillfort(folder.path()).args([command, "--set", "bots.hilltop=0"]).args(PORTS));
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(65), "{command}: {said}");
            assert!(said.contains("modules.folder") && said.contains(part), "{command} does not say {part:?} but {said}");
        }
    };
    refused(&["check", "serve"], "local a = 1\nlocal b = = 2\n", "shop/items.lua:2");
    refused(&["check", "serve"], "local nk = require('nakama')\nnk.sql_query('select 1')\n", "shop/items.lua:2");
    refused(&["serve"], "\nerror('no luck')\n", "shop/items.lua:2: no luck");
    std::fs::write(&file, "").unwrap();
    assert_eq!(run(hillfort(folder.path()).arg("check")).status.code(), Some(0));
}

const PORTS: [&str; 8] =
    ["--set", "edge.http_port=0", "--set", "edge.tcp_port=0", "--set", "nakama.grpc_port=0", "--set", "console.port=0"];

pub(crate) fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for part in text.as_bytes().chunks(3) {
        let bits = part.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
        let letters = (0..4).map(|at| char::from(LETTERS[(bits >> (18 - 6 * at) & 63) as usize]));
        out.extend(letters.take(part.len() + 1));
        out.extend(std::iter::repeat_n('=', 3 - part.len()));
    }
    out
}
