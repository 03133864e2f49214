//! What is no envelope, or none that a client may send.

use hillfort_api::realtime::Envelope;
use hillfort_api::realtime::envelope::Message;
use hillfort_proto::reject::Reject;
use serde_json::{Value, json};

use super::rig::*;
use crate::socket::Config;
use crate::socket::conn::Format;

/// Bytes that end a session with a code, and what is charged.
#[track_caller]
fn check(format: Format, send: impl FnOnce(&mut Client), code: u16, reason: &str, fault: Option<Reject>) {
    let mut rig = Rig::new();
    let mut client = rig.connect(format);
    let mut other = rig.connect(Format::Json);
    send(&mut client);
    assert_eq!(rig.closed(&mut client), (code, reason.to_owned()));
    drop(client);
    rig.until("the end", |rig| rig.thread.conns.len() == 1);
    assert_eq!(rig.desk.0.lock().unwrap().as_slice(), [fault]);
    assert_eq!(rig.ask(&mut other, json!({ "ping": {} })), json!({ "pong": {} }), "nobody else notices");
}

#[test]
fn bytes_that_are_no_envelope_end_the_session() {
    let no_envelope = "the message is no envelope";
    let texts = [
        "",
        " ",
        "null",
        "7",
        "[]",
        "\"x\"",
        "{",
        "{}}",
        "{\"cid\":1}",
        "{\"nope\":{}}",
        "{\"ping\":{\"x\":1}}",
        "{\"ping\":7}",
        "{\"ping\":{},\"pong\":{}}",
        "{\"ping\":{},\"ping\":{}}",
        "{\"match_join\":{\"match_id\":7}}",
        "{\"match_data_send\":{\"data\":\"!\"}}",
        "{\"match_data_send\":{\"op_code\":\"x\"}}",
        "{\"match_data_send\":{\"op_code\":1e30}}",
        "\u{0}",
        "{\"cid\":\"\u{7}\"}",
    ];
    for text in texts {
        check(Format::Json, |client| client.frame(0x81, text.as_bytes()), 1007, no_envelope, Some(Reject::Message));
    }
    let deep = format!("{{\"rpc\":{}1{}}}", "{\"a\":".repeat(600), "}".repeat(600));
    check(Format::Json, |client| client.frame(0x81, deep.as_bytes()), 1007, no_envelope, Some(Reject::Message));
    check(Format::Json, |client| client.frame(0x81, b"{\"cid\":\"\xff\"}"), 1007, no_envelope, Some(Reject::Message));
    for bytes in [&[0xff][..], &[0x0a, 0x05, b'x'], &[0x0a, 0x01, 0xff], &[0x7a, 0x80], &[0x0b; 400]] {
        check(Format::Protobuf, |client| client.frame(0x82, bytes), 1007, no_envelope, Some(Reject::Message));
    }
    let mixed = "a session of format=json speaks text, one of format=protobuf binary messages";
    check(Format::Json, |client| client.frame(0x82, b"{\"ping\":{}}"), 1007, mixed, Some(Reject::Message));
    check(Format::Protobuf, |client| client.frame(0x81, b"{\"ping\":{}}"), 1007, mixed, Some(Reject::Message));
}

#[test]
fn frames_that_break_the_rules_end_the_session() {
    let (bad, long) = ("a bad WebSocket frame", "the message is longer than the limit");
    check(Format::Json, |client| client.raw(&[0x81, 2, b'{', b'}']), 1008, bad, Some(Reject::WebSocket));
    check(Format::Json, |client| client.frame(0xc1, b"{}"), 1008, bad, Some(Reject::WebSocket));
    check(Format::Json, |client| client.frame(0x80, b"{}"), 1008, bad, Some(Reject::WebSocket));
    check(Format::Json, |client| client.frame(0x83, b"{}"), 1008, bad, Some(Reject::WebSocket));
    check(Format::Json, |client| client.frame(0x89, &[0; 126]), 1008, bad, Some(Reject::WebSocket));
    let fits = json!({ "cid": "x".repeat(4096 - 21), "ping": {} }).to_string();
    assert_eq!(fits.len(), 4096 - 21 + 20);
    check(Format::Json, |client| client.frame(0x81, &[b' '; 4097]), 1009, long, Some(Reject::FrameLength));
    check(
        Format::Json,
        |client| client.raw(&[0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4]),
        1009,
        long,
        Some(Reject::FrameLength),
    );
    let parts = |client: &mut Client| {
        client.frame(0x01, &[b' '; 4096]);
        client.frame(0x80, b" ");
    };
    check(Format::Json, parts, 1009, long, Some(Reject::FrameLength));
    let empty = |client: &mut Client| (0..100).for_each(|_| client.frame(0x8a, b""));
    check(Format::Json, empty, 1008, "too many frames without content", Some(Reject::ControlRate));
    let endless = |client: &mut Client| {
        client.frame(0x01, b"");
        (0..100).for_each(|_| client.frame(0x00, b""));
    };
    check(Format::Json, endless, 1008, "too many frames without content", Some(Reject::ControlRate));
}

#[test]
fn the_longest_message_is_heard() {
    let mut rig = Rig::new();
    let mut ann = rig.connect(Format::Json);
    let mut long = json!({ "cid": "1", "ping": {} }).to_string();
    long.push_str(&" ".repeat(4096 - long.len()));
    ann.frame(0x81, long.as_bytes());
    assert_eq!(rig.next(&mut ann), json!({ "cid": "1", "pong": {} }));
}

#[test]
fn envelopes_that_no_client_may_send_are_told_so_and_end_the_session() {
    let table = [
        (json!({}), error("", 2, "the envelope has no message")),
        (json!({ "cid": "7" }), error("7", 2, "the envelope has no message")),
        (json!({ "cid": "7", "match": {} }), error("7", 1, "this message is the server's to send")),
        (json!({ "match_data": { "match_id": "x" } }), error("", 1, "this message is the server's to send")),
        (json!({ "error": { "code": 3 } }), error("", 1, "this message is the server's to send")),
        (json!({ "notifications": {} }), error("", 1, "this message is the server's to send")),
    ];
    for (envelope, expect) in table {
        let mut rig = Rig::new();
        let mut ann = rig.connect(Format::Json);
        assert_eq!(rig.ask(&mut ann, envelope.clone()), expect, "{envelope}");
        assert_eq!(rig.closed(&mut ann), (1007, "the envelope has no message that a client may send".to_owned()));
    }
}

#[test]
fn what_is_not_served_yet_is_told_so_and_the_session_goes_on() {
    let mut rig = Rig::new();
    let mut ann = rig.connect(Format::Json);
    let names = [
        "channel_join",
        "channel_leave",
        "channel_message_send",
        "channel_message_update",
        "channel_message_remove",
        "matchmaker_add",
        "matchmaker_remove",
        "party_create",
        "party_join",
        "party_leave",
        "party_promote",
        "party_accept",
        "party_remove",
        "party_close",
        "party_join_request_list",
        "party_matchmaker_add",
        "party_matchmaker_remove",
        "party_data_send",
        "party_update",
    ];
    rig.thread.pass(std::time::Duration::from_secs(1));
    for name in names {
        let expect = error("1", 1, &format!("{name} is not served yet: docs/nakama.md lists what is"));
        assert_eq!(rig.ask(&mut ann, json!({ "cid": "1", name: {} })), expect);
    }
    assert_eq!(rig.ask(&mut ann, json!({ "ping": {} })), json!({ "pong": {} }));
}

#[test]
fn fields_that_are_wrong_are_named_and_change_nothing() {
    let mut rig = Rig::with(Config { message_bytes_max: 64_000, ..Config::default() });
    let mut ann = rig.connect(Format::Json);
    let uuid = "00112233-4455-4677-8899-aabbccddeeff";
    let (relayed, other_node) = (format!("{uuid}."), format!("{uuid}.elsewhere"));
    let (ours, long) = (format!("{uuid}.hillfort"), "x".repeat(2049));
    let table: [(Value, i32, &str); 19] = [
        (json!({ "match_join": {} }), 3, "No match ID or token found"),
        (json!({ "match_join": { "match_id": "" } }), 3, "Invalid match ID"),
        (json!({ "match_join": { "match_id": uuid } }), 3, "Invalid match ID"),
        (json!({ "match_join": { "match_id": "x.hillfort" } }), 3, "Invalid match ID"),
        (json!({ "match_join": { "match_id": relayed } }), 4, "Match not found"),
        (json!({ "match_join": { "match_id": other_node } }), 4, "Match not found"),
        (json!({ "match_join": { "match_id": ours } }), 4, "Match not found"),
        (
            json!({ "match_join": { "token": "x" } }),
            3,
            "token: matchmaking is not served yet, so there are no tokens: docs/nakama.md lists what is",
        ),
        (json!({ "match_leave": { "match_id": "x" } }), 3, "Invalid match ID"),
        (json!({ "match_create": { "name": "x".repeat(257) } }), 3, "name: at most 256 bytes"),
        (json!({ "match_data_send": { "match_id": "x" } }), 3, "Invalid match ID"),
        (json!({ "status_follow": { "user_ids": ["x"] } }), 3, "user_ids: each must be a UUID"),
        (json!({ "status_follow": { "usernames": [""] } }), 3, "usernames: none may be empty"),
        (json!({ "status_follow": { "user_ids": vec![uuid; 1025] } }), 3, "at most 1024 users can be followed at once"),
        (json!({ "status_unfollow": { "user_ids": ["x"] } }), 3, "user_ids: each must be a UUID"),
        (json!({ "status_update": { "status": long } }), 3, "status: at most 2048 bytes"),
        (json!({ "rpc": {} }), 6, "RPC function not found"),
        (json!({ "rpc": { "id": "none" } }), 6, "RPC function not found"),
        (
            json!({ "match_data_send": { "match_id": relayed, "presences": [{ "session_id": "x" }] } }),
            3,
            "presences: each must have a session_id",
        ),
    ];
    for (mut envelope, code, message) in table {
        let is_data = envelope.get("match_data_send").is_some();
        envelope["cid"] = "5".into();
        rig.thread.pass(std::time::Duration::from_secs(1));
        // Data are sent without waiting for an answer.
        let answer = rig.ask(&mut ann, envelope.clone());
        let cid = if is_data && answer.get("cid").is_none() { "" } else { "5" };
        assert_eq!(answer, error(cid, code, message), "{envelope}");
    }
    assert_eq!(rig.lines(), [""; 0], "no room heard of it");
}

#[test]
fn unknown_fields_of_protobuf_are_passed_over() {
    let mut rig = Rig::new();
    let mut ann = rig.connect(Format::Protobuf);
    // Field 900 of a later version beside a ping.
    ann.frame(0x82, &[0x82, 0x02, 0x00, 0xa0, 0x38, 0x01]);
    let Envelope { message: Some(Message::Pong(_)), .. } = rig.next_binary(&mut ann) else { panic!("no pong") };
}
