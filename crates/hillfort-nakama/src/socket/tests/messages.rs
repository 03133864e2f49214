//! Hooks around each message that clients may send.

use hillfort_api::calls::State;
use hillfort_api::error::RealtimeCode;
use hillfort_api::messages::{MESSAGES, Sender};
use serde_json::{Value, json};

use super::rig::*;
use crate::socket::conn::Format;

/// Messages that clients send and that are served, each as somebody in the match `id` may send it, and what answers it.
fn messages(id: &str) -> Vec<(&'static str, Value, Option<&'static str>)> {
    let message = |name: &'static str, body: Value, answer| (name, json!({ name: body }), answer);
    let user = user_id(2).to_string();
    vec![
        message("match_create", json!({}), Some("match")),
        message("match_data_send", json!({ "match_id": id, "op_code": "1", "data": "aGkA" }), None),
        message("match_join", json!({ "match_id": id }), Some("match")),
        message("match_leave", json!({ "match_id": id }), Some("")),
        message("rpc", json!({ "id": "echo", "payload": "x" }), Some("rpc")),
        message("status_follow", json!({ "user_ids": [user] }), Some("status")),
        message("status_unfollow", json!({ "user_ids": [user] }), Some("")),
        message("status_update", json!({ "status": "here" }), Some("")),
        message("ping", json!({}), Some("pong")),
        message("pong", json!({}), None),
    ]
}

/// A client in a match of its own.
fn in_a_match(rig: &mut Rig) -> (Client, String) {
    let mut client = rig.connect_as(1, Format::Json, true);
    client.send(&json!({ "cid": "m", "match_create": {} }));
    let mut id = None;
    while id.is_none() {
        id = rig.next(&mut client)["match"]["match_id"].as_str().map(str::to_owned);
    }
    rig.settle();
    while client.poll().is_some() {}
    (client, id.unwrap())
}

/// The answer with this `cid`.
fn answer(rig: &mut Rig, client: &mut Client, cid: &str) -> Value {
    loop {
        let heard = rig.next(client);
        if heard["cid"] == cid {
            return heard;
        }
    }
}

#[test]
fn each_message_that_is_served_has_a_case_here() {
    let served = MESSAGES.iter().filter(|(_, sender, state)| *sender != Sender::Server && *state == State::Done);
    let mut served: Vec<_> = served.map(|(name, ..)| *name).collect();
    let mut cases: Vec<_> = messages("").into_iter().map(|(name, ..)| name).collect();
    served.sort_unstable();
    cases.sort_unstable();
    assert_eq!(cases, served);
}

#[test]
fn the_hook_after_sees_the_message_that_the_hook_before_let_through_and_its_answer() {
    for (name, mut message, expect) in messages("?") {
        let mut rig = Rig::new();
        let (mut client, id) = in_a_match(&mut rig);
        rig.service.seen.lock().unwrap().on = Some(On::Lets);
        if message[name].get("match_id").is_some() {
            message[name]["match_id"] = id.into();
        }
        message["cid"] = "7".into();
        client.send(&message);
        if let Some(expect) = expect {
            let heard = answer(&mut rig, &mut client, "7");
            assert!(expect.is_empty() || heard.get(expect).is_some(), "{name}: {heard}");
        }
        rig.until(name, |rig| rig.service.seen.lock().unwrap().after.len() == 1);
        let seen = std::mem::take(&mut *rig.service.seen.lock().unwrap());
        assert_eq!(seen.before, [name], "before");
        let reply = expect.filter(|expect| !expect.is_empty()).map(str::to_owned);
        assert_eq!(seen.after, [(name.to_owned(), reply)], "after");
    }
}

#[test]
fn a_message_that_its_hook_switches_off_is_answered_as_by_nakama_and_does_nothing() {
    for (name, mut message, _) in messages("?") {
        let mut rig = Rig::new();
        let (mut client, id) = in_a_match(&mut rig);
        let open = rig.sockets.stats().open;
        if message[name].get("match_id").is_some() {
            message[name]["match_id"] = id.into();
        }
        message["cid"] = "7".into();
        for (on, code, text) in [
            (On::Drops, RealtimeCode::UnrecognizedPayload, "Requested resource was not found."),
            (On::Fails, RealtimeCode::RuntimeFunctionException, "not today"),
        ] {
            rig.service.seen.lock().unwrap().on = Some(on);
            client.send(&message);
            assert_eq!(rig.next(&mut client), error("7", code as i32, text), "{name}");
            rig.hears_nothing(&mut client);
        }
        let seen = std::mem::take(&mut *rig.service.seen.lock().unwrap());
        assert_eq!((seen.before, seen.after), (vec![name.to_owned(), name.to_owned()], vec![]));
        // The session goes on.
        assert_eq!(rig.ask(&mut client, json!({ "cid": "8", "ping": {} })), json!({ "cid": "8", "pong": {} }));
        assert_eq!(rig.sockets.stats().open, open);
    }
}
