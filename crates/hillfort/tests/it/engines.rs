//! The whole server on each database: people register, keep things, call functions and play a match; then the server is stopped, killed
//! while they write, and its database crashes. Knows nothing of how a database is asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use hillfort_testkit::postgres;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::modules::{base64, folder};
use crate::nakama::{Socket, User};
use crate::server::Server;
use crate::web::Metrics;

/// Text that is a command to somebody.
const HOSTILE: [&str; 6] =
    ["'; DROP TABLE accounts; --", "' OR '1'='1", "$1", "\\'", "%_?", "\u{202e}\u{10ffff}${jndi:ldap://x}"];

/// Times that the server is killed, and people who write meanwhile.
const KILLS: usize = 3;
const WRITERS: usize = 4;

#[test]
fn on_sqlite() {
    let mut server = start("sqlite:people.db", None);
    server = walk(server, "sqlite:people.db");
    killed(server, "sqlite:people.db");
}

#[test]
fn on_postgres() {
    let Some(mut database) = postgres::Server::start() else { return };
    let url = database.database();
    let mut server = start(&url, None);
    server = walk(server, &url);
    server = killed(server, &url);
    crashed(&server, &mut database);
}

/// A server on this database, in the folder of the one before.
fn start(url: &str, before: Option<Server>) -> Server {
    let settings = [
        ("store.url", url),
        ("nakama.token_s", "3600"),
        ("modules.env", "[\"place=hill\"]"),
        // A busy machine is slow, and that is not what is tested.
        ("modules.call_ms_max", "10000"),
    ];
    Server::start_in(before.map_or_else(folder, Server::kill), &settings)
}

fn object(key: &str, value: &Value, version: &str) -> Value {
    json!({ "objects": [{ "collection": "saves", "key": key, "value": value.to_string(), "version": version }] })
}

/// All that one does in an evening, and that it is there the next one. Gives the server of that one.
fn walk(server: Server, url: &str) -> Server {
    let (ann, bob) = (User::sign_in(&server, "ann"), User::sign_in(&server, "bob"));
    assert!(ann.created && bob.created);
    ann.done("POST /v2/account/link/custom", &json!({ "id": "custom-of-ann" }));
    let taken = bob.call("POST /v2/account/link/custom", &json!({ "id": "custom-of-ann" }));
    assert_eq!((taken.0, &taken.1["code"]), (409, &json!(6)), "{taken:?}");

    for text in HOSTILE {
        ann.done("PUT /v2/account", &json!({ "display_name": text }));
        assert_eq!(ann.done("GET /v2/account", &Value::Null)["user"]["display_name"], text);
        let ack = ann.done("PUT /v2/storage", &object(text, &json!({ "text": text }), "*"))["acks"][0].clone();
        assert_eq!(ack["key"], text);
        assert_eq!(ann.call("PUT /v2/storage", &object(text, &json!({}), "*")).1["code"], 3, "{text} is there");
        let changed = json!({ "text": text, "again": true });
        ann.done("PUT /v2/storage", &object(text, &changed, ack["version"].as_str().unwrap()));
        assert_eq!(ann.object("saves", text), Some(changed));
    }
    assert_eq!(keys(&ann), sorted(&HOSTILE));

    assert_eq!(ann.rpc("note", "remember me"), "");
    let coins = |user: &User| serde_json::from_str::<Value>(&user.rpc("daily_reward", "")).unwrap()["coins"].clone();
    assert_eq!((coins(&ann), coins(&ann)), (json!(50), json!(0)), "once a day");
    play(&ann, &bob, &server);
    let wallet = wallet(&ann);
    assert_eq!(wallet, json!({ "coins": 60, "wins": 1 }));

    // The newest of what nobody waits for is written before the server ends.
    for turn in 0..20 {
        assert_eq!(ann.rpc("note_later", &turn.to_string()), "");
    }

    let mut server = server;
    server.signal(Signal::TERM);
    assert_eq!(server.ended().code(), Some(0));
    let server = start(url, Some(server));
    let ann = ann.at(&server);
    assert_eq!((self::wallet(&ann), keys(&ann)), (wallet, sorted(&HOSTILE)), "with the token of before");
    assert_eq!(ann.object("notes", "last"), Some(json!({ "text": "remember me" })));
    assert_eq!(ann.object("notes", "late"), Some(json!({ "text": "19" })));
    assert!(!User::sign_in(&server, "ann").created && !User::sign_in(&server, "bob").created);
    server
}

fn wallet(user: &User) -> Value {
    serde_json::from_str(user.done("GET /v2/account", &Value::Null)["wallet"].as_str().unwrap()).unwrap()
}

/// Keys of what somebody keeps in `saves`, page by page.
fn keys(user: &User) -> Vec<String> {
    let id = user.id();
    let (mut keys, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = user.done(&format!("GET /v2/storage/saves/{}?limit=4&cursor={cursor}", id.as_str().unwrap()), &Value::Null);
        let objects = page["objects"].as_array().into_iter().flatten();
        keys.extend(objects.map(|object| object["key"].as_str().unwrap().to_owned()));
        cursor = page["cursor"].as_str().unwrap_or_default().to_owned();
        if cursor.is_empty() {
            return keys;
        }
    }
}

fn sorted(keys: &[&str]) -> Vec<String> {
    let mut keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
    keys.sort_unstable();
    keys
}

/// A match of a module, found by its label, until ann has won.
fn play(ann: &User, bob: &User, server: &Server) {
    let id = ann.rpc("make_match", "{\"size\":2}");
    let (mut anns, mut bobs) = (ann.socket(), bob.socket());
    let join = |socket: &mut Socket| socket.ask(json!({ "match_join": { "match_id": id } }));
    assert_eq!([join(&mut anns), join(&mut bobs)].map(|joined| joined["match"]["authoritative"].clone()), [true, true]);
    Metrics::when(server.console, "the full match in the list", |_| {
        let query = "authoritative=true&query=%2Blabel.mode:arena%20%2Blabel.open:0";
        bob.done(&format!("GET /v2/match?limit=10&{query}"), &Value::Null)["matches"][0]["match_id"] == id
    });
    let points = base64(&json!({ "points": 10 }).to_string());
    for _ in 0..10 {
        anns.send(&json!({ "match_data_send": { "match_id": id, "op_code": "1", "data": points } }));
    }
    bobs.wait("the winner", |envelope| (envelope["match_data"]["op_code"] == "3").then_some(()));
    bobs.wait("the end of the match", |envelope| envelope["match_presence_event"]["leaves"][0]["username"].as_str().map(drop));
}

/// Kills the server while people write: what was answered is there afterwards. Gives the server of afterwards.
fn killed(mut server: Server, url: &str) -> Server {
    for kill in 0..KILLS {
        let people: Vec<_> = (0..WRITERS).map(|at| User::sign_in(&server, &format!("writer-{kill}-{at}"))).collect();
        let (told, acknowledged) = sync_channel(100_000);
        let writers: Vec<_> = people
            .iter()
            .map(|user| {
                let (address, token, told) = (server.http, user.token.clone(), told.clone());
                std::thread::spawn(move || {
                    (0..).take_while(|n| write(address, &token, *n)).inspect(|n| told.send(*n).unwrap()).count()
                })
            })
            .collect();
        drop(told);
        let counted = enough(&acknowledged, 20 + 7 * kill);
        server = start(url, Some(server));
        let each = ends(writers, &acknowledged, counted);
        for (user, acknowledged) in people.iter().zip(each) {
            let keys = keys(&user.at(&server));
            let missing: Vec<_> = (0..acknowledged).map(|n| n.to_string()).filter(|key| !keys.contains(key)).collect();
            assert!(missing.is_empty(), "acknowledged, then lost: {missing:?} of {acknowledged}");
            // The one that was under way may be there as well.
            assert!(keys.len() <= acknowledged + 1, "{keys:?}");
        }
    }
    server
}

/// Waits for so many answers.
fn enough(acknowledged: &Receiver<u32>, count: usize) -> usize {
    for _ in 0..count {
        acknowledged.recv_timeout(crate::PATIENCE).expect("writers are answered");
    }
    count
}

/// How many answers each writer had, when all have ended.
fn ends(writers: Vec<JoinHandle<usize>>, acknowledged: &Receiver<u32>, counted: usize) -> Vec<usize> {
    let each: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
    assert_eq!(each.iter().sum::<usize>(), counted + acknowledged.iter().count());
    each
}

/// Writes one object, on a connection of its own. Whether that was acknowledged.
fn write(address: SocketAddr, token: &str, n: u32) -> bool {
    let body = object(&n.to_string(), &json!({ "n": n }), "*").to_string();
    let head = format!("Host: {address}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: {}", body.len());
    let mut answer = String::new();
    let asked = TcpStream::connect(address).and_then(|mut stream| {
        stream.write_all(format!("PUT /v2/storage HTTP/1.1\r\n{head}\r\n\r\n{body}").as_bytes())?;
        stream.read_to_string(&mut answer)
    });
    asked.is_ok() && answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"acks\"")
}

/// The database crashes and comes back under a server that runs: calls are refused for a moment, and all is there.
fn crashed(server: &Server, database: &mut postgres::Server) {
    let ann = User::sign_in(server, "ann");
    let before = (wallet(&ann), keys(&ann));
    database.crash_and_restart();
    Metrics::when(server.console, "a call that is answered again", |_| {
        let (status, answer) = ann.call("PUT /v2/storage", &object("after", &json!({}), ""));
        assert!(status == 200 || answer["code"] == 14, "{answer}");
        status == 200
    });
    assert_eq!(wallet(&ann), before.0);
    assert_eq!(keys(&ann).into_iter().filter(|key| key != "after").collect::<Vec<_>>(), before.1);
}
