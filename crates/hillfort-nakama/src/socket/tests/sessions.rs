//! Opening, pings, calls, slow clients, orders of other threads, the end.

use std::time::Duration;

use hillfort_api::realtime::envelope::Message;
use hillfort_api::realtime::{Envelope, Ping, Pong};
use hillfort_api::{Close, Sessions as _};
use hillfort_guard::Rate;
use hillfort_proto::reject::Reject;
use serde_json::json;

use super::rig::*;
use crate::socket::Config;
use crate::socket::conn::Format;
use crate::socket::registry::told;

#[test]
fn pings_are_answered_in_both_formats() {
    let mut rig = Rig::new();
    let mut ann = rig.connect(Format::Json);
    assert_eq!(rig.ask(&mut ann, json!({ "cid": "1", "ping": {} })), json!({ "cid": "1", "pong": {} }));
    assert_eq!(rig.ask(&mut ann, json!({ "ping": {} })), json!({ "pong": {} }));
    let mut bob = rig.connect(Format::Protobuf);
    bob.send_binary(&Envelope { cid: "9".to_owned(), message: Some(Message::Ping(Ping {})) });
    assert_eq!(rig.next_binary(&mut bob), Envelope { cid: "9".to_owned(), message: Some(Message::Pong(Pong {})) });
    // A ping of WebSocket's own, and a message in parts with one between.
    ann.frame(0x89, b"hi");
    ann.frame(0x01, b"{\"ping\"");
    ann.frame(0x89, b"");
    ann.frame(0x80, b":{}}");
    rig.settle();
    assert_eq!([ann.poll(), ann.poll()], [Some((10, b"hi".to_vec())), Some((10, Vec::new()))]);
    assert_eq!(rig.next(&mut ann), json!({ "pong": {} }));
    let idle = &rig.thread.conns[0];
    assert_eq!((idle.partial.capacity(), idle.out.capacity(), idle.parts.capacity()), (0, 0, 0), "idle sockets hold nothing");
}

#[test]
fn who_may_not_be_here_is_told_so_before_anything_is_heard() {
    let mut rig = Rig::new();
    let mut ann = rig.connect(Format::Json);
    rig.ask(&mut ann, json!({ "cid": "1", "status_follow": { "user_ids": [user_id(BANNED).to_string()] } }));
    let mut other = rig.connect_as(BANNED, Format::Json, true);
    other.send(&json!({ "ping": {} }));
    assert_eq!(rig.closed(&mut other), (4003, "User account banned.".to_owned()));
    rig.hears_nothing(&mut ann);
    let stats = rig.sockets.stats();
    assert_eq!((stats.open, stats.opened, stats.turned_away, stats.messages_in), (1, 2, 1, 1));
}

#[test]
fn silence_is_pinged_and_then_ended() {
    let mut rig = Rig::new();
    let (mut ann, mut bob) = (rig.connect(Format::Json), rig.connect(Format::Json));
    rig.thread.pass(Duration::from_secs(14));
    rig.hears_nothing(&mut ann);
    rig.thread.pass(Duration::from_secs(1));
    rig.settle();
    assert_eq!((ann.poll(), bob.poll()), (Some((9, Vec::new())), Some((9, Vec::new()))));
    ann.frame(0x8a, b"");
    rig.settle();
    rig.thread.pass(Duration::from_secs(10));
    assert_eq!(rig.closed(&mut bob), (1008, "no pong in time".to_owned()));
    rig.hears_nothing(&mut ann);
    assert_eq!(rig.sockets.stats().lost, 1);
}

#[test]
fn functions_are_called_and_their_errors_have_codes() {
    let mut rig = Rig::new();
    let mut ann = rig.connect(Format::Json);
    let rpc = |id: &str| json!({ "cid": "1", "rpc": { "id": id, "payload": "x" } });
    assert_eq!(rig.ask(&mut ann, rpc("echo")), json!({ "cid": "1", "rpc": { "id": "echo", "payload": "user1:x" } }));
    assert_eq!(rig.ask(&mut ann, rpc("none")), error("1", 6, "RPC function not found"));
    assert_eq!(rig.ask(&mut ann, rpc("bad")), error("1", 7, "bad payload"));
    assert_eq!(rig.ask(&mut ann, rpc("panic")), error("1", 7, "the server failed to answer: its log says more"));
    // One that waits holds nobody up, and its answer wakes the loop.
    ann.send(&json!({ "cid": "2", "rpc": { "id": "slow" } }));
    assert_eq!(rig.ask(&mut ann, json!({ "cid": "3", "ping": {} })), json!({ "cid": "3", "pong": {} }));
    let waiting = rig.service.waiting.lock().unwrap().remove(0);
    let answers = std::thread::spawn(move || waiting.send("done".to_owned()));
    assert_eq!(rig.next(&mut ann), json!({ "cid": "2", "rpc": { "id": "slow", "payload": "done" } }));
    answers.join().unwrap().unwrap();
}

#[test]
fn calls_under_way_are_bounded_and_those_of_the_dead_end() {
    let mut rig = Rig::with(Config { session_calls_max: 2, calls_max: 3, ..Config::default() });
    let (mut ann, mut bob) = (rig.connect(Format::Json), rig.connect(Format::Json));
    let slow = json!({ "cid": "1", "rpc": { "id": "slow" } });
    ann.send(&slow);
    ann.send(&slow);
    assert_eq!(
        rig.ask(&mut ann, slow.clone())["error"]["message"],
        "this session has too many calls under way: wait for answers"
    );
    bob.send(&slow);
    assert_eq!(rig.ask(&mut bob, slow.clone())["error"]["message"], "the server has too many calls under way: wait for answers");
    drop(ann);
    rig.until("the end", |rig| rig.sockets.stats().open == 1);
    for waiting in std::mem::take(&mut *rig.service.waiting.lock().unwrap()) {
        waiting.send("late".to_owned()).unwrap();
    }
    assert_eq!(rig.next(&mut bob)["rpc"]["payload"], "late");
    rig.settle();
    bob.send(&slow);
    rig.until("the call", |rig| rig.service.waiting.lock().unwrap().len() == 1);
    assert_eq!(rig.sockets.stats().calls_refused, 2);
}

#[test]
fn who_reads_too_slowly_is_told_and_then_closed() {
    let mut rig = Rig::with(Config { queue_bytes_max: 64 * 1024, ..Config::default() });
    let (mut slow, mut quick) = (rig.connect(Format::Json), rig.connect(Format::Json));
    let name = json!({ "match_create": { "name": "den" } });
    let id = rig.ask(&mut slow, name.clone())["match"]["match_id"].clone();
    rig.ask(&mut quick, name);
    rig.settle();
    while quick.poll().is_some() {}
    let data = json!({ "match_data_send": { "match_id": id, "op_code": "1", "data": "A".repeat(3_000) } });
    rig.thread.pass(Duration::from_secs(1));
    let mut sent = 0_u64;
    // The kernel's buffers fill first; nothing is read meanwhile.
    while rig.sockets.stats().slow == 0 {
        quick.send(&data);
        sent += 1;
        rig.until("the message", |rig| rig.sockets.stats().relayed == sent);
        rig.thread.pass(Duration::from_millis(20));
        assert!(sent < 5_000, "no end of it");
    }
    let held = &rig.thread.conns[0];
    assert!(held.pending() < 64 * 1024 + 8 * 1024, "{} bytes wait", held.pending());
    let mut last = Vec::new();
    let mut got = 0;
    let mut code = None;
    rig.until("the close frame", |_| {
        while let Some((opcode, payload)) = slow.poll() {
            if opcode == 8 {
                code = Some(u16::from_be_bytes(payload[..2].try_into().unwrap()));
            } else {
                got += 1;
                last = payload;
            }
        }
        code.is_some()
    });
    assert_eq!(code, Some(4004));
    let last: serde_json::Value = serde_json::from_slice(&last).unwrap();
    assert_eq!(last, error("", 0, "you read too slowly: what waits for you is above the limit"));
    assert_eq!(got, sent + 3, "two who came, all that was sent, and the last word");
    assert_eq!(rig.next(&mut quick)["match_presence_event"]["leaves"][0], slow.presence(), "the others play on");
}

/// Too much waits for all of them, so the end of one is the end of the next. With a step of the stack for each this little one would not last.
#[test]
fn a_crowd_that_does_not_read_ends_one_after_the_other() {
    const CROWD: u8 = 150;
    let crowd = || {
        let mut rig = Rig::with(Config { queues_bytes_max: 3 * 1024 * 1024, ..Config::default() });
        let mut quick = rig.connect(Format::Json);
        let name = json!({ "match_create": { "name": "den" } });
        let id = rig.ask(&mut quick, name.clone())["match"]["match_id"].clone();
        let mut crowd: Vec<_> = (0..CROWD).map(|n| rig.connect_as(100 + n, Format::Json, false)).collect();
        for one in &mut crowd {
            one.send(&name);
            rig.settle();
            while quick.poll().is_some() {}
        }
        let data = json!({ "match_data_send": { "match_id": id, "op_code": "1", "data": "A".repeat(3_000) } });
        let mut sent = 0;
        while rig.sockets.stats().slow < u64::from(CROWD) / 2 {
            rig.thread.pass(Duration::from_millis(20));
            quick.send(&data);
            let before = rig.sockets.stats();
            rig.until("the message", |rig| rig.sockets.stats().messages_in > before.messages_in);
            sent += 1;
            assert!(sent < 1_000, "no end of it");
        }
        let (slow, mut left) = (rig.sockets.stats().slow, 0);
        rig.until("the last one's leave", |_| {
            while let Some((_, payload)) = quick.poll() {
                left += String::from_utf8_lossy(&payload).matches("leaves").count() as u64;
            }
            left == slow
        });
        assert_eq!(rig.ask(&mut quick, json!({ "ping": {} })), json!({ "pong": {} }), "who reads plays on");
    };
    std::thread::Builder::new().stack_size(64 * 1024).spawn(crowd).unwrap().join().unwrap();
}

#[test]
fn other_threads_send_and_close() {
    let mut rig = Rig::new();
    let (mut ann, mut bob) = (rig.connect(Format::Json), rig.connect(Format::Protobuf));
    let envelope = told(Message::Pong(Pong {}));
    assert_eq!(rig.sockets.of_user(ann.user), [ann.session]);
    assert_eq!(rig.sockets.send(&[ann.session, bob.session, Default::default()], &envelope), 2);
    assert_eq!((rig.next(&mut ann), rig.next_binary(&mut bob)), (json!({ "pong": {} }), envelope.clone()));
    assert!(rig.sockets.close(ann.session, Close::Banned, "cheating"));
    rig.sockets.send(&[ann.session], &envelope);
    assert_eq!(rig.closed(&mut ann), (4003, "cheating".to_owned()));
    assert!(!rig.sockets.close(ann.session, Close::Banned, ""));
    assert_eq!(rig.sockets.send(&[ann.session], &envelope), 0);
    assert_eq!(rig.sockets.of_user(ann.user), []);
    drop(ann);
    rig.until("its place", |rig| rig.desk.0.lock().unwrap().as_slice() == [None]);
}

#[test]
fn one_socket_a_user_where_that_is_asked_for() {
    let mut rig = Rig::with(Config { single_socket: true, ..Config::default() });
    let mut old = rig.connect_as(1, Format::Json, false);
    let mut other = rig.connect_as(2, Format::Json, false);
    let mut new = rig.connect_as(1, Format::Json, false);
    assert_eq!(rig.closed(&mut old), (4002, "another socket of this user was opened".to_owned()));
    for client in [&mut other, &mut new] {
        assert_eq!(rig.ask(client, json!({ "ping": {} })), json!({ "pong": {} }));
    }
}

#[test]
fn a_client_that_closes_is_answered() {
    let mut rig = Rig::new();
    let mut ann = rig.connect(Format::Json);
    ann.frame(0x88, &[3, 232]);
    assert_eq!(rig.closed(&mut ann), (1000, String::new()));
    drop(ann);
    rig.until("the end", |rig| rig.thread.conns.is_empty());
    // One that does not go is not kept.
    let mut bob = rig.connect(Format::Json);
    bob.frame(0x88, &[3, 232]);
    rig.settle();
    rig.thread.pass(Duration::from_secs(11));
    rig.until("the end", |rig| rig.thread.conns.is_empty());
    assert_eq!(rig.sockets.stats().left, 2);
}

#[test]
fn a_drain_tells_everybody() {
    let mut rig = Rig::new();
    let mut ann = rig.connect(Format::Json);
    rig.sockets.drain();
    assert_eq!(rig.closed(&mut ann), (1001, "the server stops".to_owned()));
    drop(ann);
    let mut goes_on = true;
    rig.until("the end", |rig| {
        goes_on = rig.thread.turn(Some(Duration::from_millis(1))).unwrap();
        !goes_on
    });
}

#[test]
fn too_many_messages_are_refused_and_a_flood_ends() {
    let rate = |per_s, burst| Rate::new(per_s, burst).unwrap();
    let mut config = Config::default();
    config.rates.control = rate(1, 2);
    config.rates.tolerance = rate(1, 3);
    let mut rig = Rig::with(config);
    let mut ann = rig.connect(Format::Json);
    let ping = json!({ "cid": "1", "ping": {} });
    assert_eq!(
        [rig.ask(&mut ann, ping.clone()), rig.ask(&mut ann, ping.clone())].map(|answer| answer["pong"].clone()),
        [json!({}), json!({})]
    );
    for _ in 0..3 {
        assert_eq!(rig.ask(&mut ann, ping.clone()), error("1", 0, "too many messages: this one was refused"));
    }
    ann.send(&ping);
    assert_eq!(rig.closed(&mut ann), (1008, "too many messages, also after they were refused".to_owned()));
    drop(ann);
    rig.until("the end", |rig| rig.thread.conns.is_empty());
    assert_eq!(rig.desk.0.lock().unwrap().as_slice(), [Some(Reject::InputFlood)], "charged to its address");
    assert_eq!((rig.sockets.stats().rate_refused, rig.sockets.stats().flooded), (3, 1));
}
