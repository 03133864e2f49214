//! The realtime socket of a real server: matches between clients, matches that rooms run, and how sockets end.

use prost::Message as _;
use rustix::process::Signal;
use serde_json::{Value, json};
use tungstenite::Message;

use hillfort_api::realtime::{Envelope, Ping, envelope};

use crate::nakama::{Socket, User};
use crate::server::Server;
use crate::web::Metrics;

/// Creates a relayed match and joins it with both.
fn relayed(ann: &mut Socket, bob: &mut Socket) -> Value {
    let id = ann.ask(json!({ "match_create": {} }))["match"]["match_id"].clone();
    assert_eq!(bob.ask(json!({ "match_join": { "match_id": id } }))["match"]["size"], 1);
    id
}

fn data(id: &Value, op: &str, data: &str) -> Value {
    json!({ "match_data_send": { "match_id": id, "op_code": op, "data": data } })
}

#[test]
fn clients_play_with_each_other() {
    let server = Server::start(&[]);
    let (ann, bob) = (User::sign_in(&server, "ann"), User::sign_in(&server, "bob"));
    let (mut ann_socket, mut bob_socket) = (ann.socket(), bob.socket());
    let id = relayed(&mut ann_socket, &mut bob_socket);
    ann_socket.send(&data(&id, "7", "aGVsbG8="));
    let got = bob_socket.wait("match data", |envelope| envelope.get("match_data").cloned());
    assert_eq!((&got["op_code"], &got["data"], &got["presence"]["username"]), (&"7".into(), &"aGVsbG8=".into(), &"ann".into()));
    let listed = ann.done("GET /v2/match?limit=10&authoritative=false", &Value::Null);
    assert_eq!((&listed["matches"][0]["match_id"], &listed["matches"][0]["size"]), (&id, &2.into()));
    let metrics = Metrics::when(server.console, "what the socket counts", |metrics| {
        metrics.value("hillfort_socket_events_total{event=\"relayed\"}") == 1.0
    });
    assert_eq!(metrics.value("hillfort_socket_sessions"), 2.0);
    assert_eq!(metrics.value("hillfort_calls_total{call=\"ListMatches\",code=\"0\"}"), 1.0);
}

#[test]
fn a_client_may_speak_protobuf() {
    let server = Server::start(&[]);
    let ann = User::sign_in(&server, "ann");
    let url = format!("ws://{}/ws?format=protobuf&token={}", server.http, ann.token);
    let (mut socket, _) = tungstenite::client(url, std::net::TcpStream::connect(server.http).unwrap()).unwrap();
    let ping = Envelope { cid: "1".to_owned(), message: Some(envelope::Message::Ping(Ping {})) };
    socket.send(Message::binary(ping.encode_to_vec())).unwrap();
    let Message::Binary(answer) = socket.read().unwrap() else { panic!("no binary message") };
    let answer = Envelope::decode(&answer[..]).unwrap();
    assert!(answer.cid == "1" && matches!(answer.message, Some(envelope::Message::Pong(_))), "{answer:?}");
}

#[test]
fn a_room_of_a_game_is_a_match() {
    let server = Server::start(&[]);
    let ann = User::sign_in(&server, "ann");
    let _player = crate::player::Player::seated(&server.doors()[0], "Bob", "hilltop");
    Metrics::when(server.console, "the room", |metrics| metrics.rooms() == 1);
    let mut listed = Value::Null;
    Metrics::when(server.console, "its line in the list", |_| {
        let mut found = ann.done("GET /v2/match?limit=10&authoritative=true", &Value::Null);
        listed = found["matches"][0].take();
        !listed.is_null()
    });
    assert_eq!((&listed["handler_name"], &listed["size"]), (&"hilltop".into(), &1.into()));
    let mut socket = ann.socket();
    let joined = socket.ask(json!({ "match_join": { "match_id": listed["match_id"] } }));
    assert_eq!(joined["match"]["authoritative"], true, "{joined}");
    socket.wait("the room's scene", |envelope| envelope["match_data"]["data"].as_str().map(str::to_owned));
    Metrics::when(server.console, "both seats", |metrics| metrics.value("hillfort_seats{world=\"0\"}") == 2.0);
}

#[test]
fn a_drain_is_told_by_a_close_code() {
    let mut server = Server::start(&[("shutdown.drain_ms_max", "60000")]);
    let (mut ann, mut bob) = (User::sign_in(&server, "ann").socket(), User::sign_in(&server, "bob").socket());
    relayed(&mut ann, &mut bob);
    server.signal(Signal::TERM);
    for socket in [&mut ann, &mut bob] {
        assert_eq!(socket.closed(), (1001, "the server stops".to_owned()));
    }
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn who_has_signed_out_is_refused_at_once() {
    let settings = [("store.url", ""), ("nakama.token_s", "3600")];
    let server = Server::start(&settings);
    let ann = User::sign_in(&server, "ann");
    let mut open = ann.socket();
    assert_eq!(open.ask(json!({ "ping": {} }))["pong"], json!({}));
    ann.done("POST /v2/session/logout", &json!({ "token": ann.token, "refresh_token": "" }));
    let url = format!("GET /ws?token={}", ann.token);
    assert_eq!(crate::web::Visit::begin(server.http).ask(&url, "", "").status, 401);
    // The next server has nothing of that in memory, and asks the database.
    let server = Server::start_in(server.kill(), &settings);
    let mut again = ann.at(&server).socket();
    assert_eq!(again.closed().0, 4001);
    let bob = User::sign_in(&server, "bob");
    assert_eq!(bob.socket().ask(json!({ "ping": {} }))["pong"], json!({}));
}
