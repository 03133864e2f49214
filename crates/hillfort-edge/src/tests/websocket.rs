//! WebSocket: the same sessions as over TCP frames, and what only a WebSocket can get wrong.

use std::time::Duration;

use hillfort_proto::ids::RoomId;
use hillfort_proto::message::{ClientBody, ClientView, Encode, ServerBody, ServerView};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::Outbound;

use super::rig::*;
use crate::Door;

const ROOM: RoomId = RoomId(0x100);

/// One frame with the given first byte, masked with zeroes.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    if payload.len() < 126 {
        bytes.push(0x80 | payload.len() as u8);
    } else {
        bytes.push(0x80 | 126);
        bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

fn ping(echo: u64) -> Vec<u8> {
    let mut payload = Vec::new();
    ClientView::unsequenced(ClientBody::Ping { echo, pad: &[9; 30] }).encode(&mut payload);
    payload
}

fn expect_pong(rig: &mut Rig, client: &mut Client, expect: u64) {
    let message = rig.next(client);
    let ServerBody::Pong { echo, .. } = ServerView::read(&message).unwrap().body else { panic!("no pong") };
    assert_eq!(echo, expect);
}

/// Waits for the end; the code of the close frame.
fn close_code(rig: &mut Rig, client: &mut Client) -> u16 {
    rig.until("the end", |_| {
        client.read();
        client.ended
    });
    while let Some((opcode, payload)) = client.poll_websocket_frame() {
        if opcode == 8 {
            return u16::from_be_bytes(payload[..2].try_into().unwrap());
        }
    }
    0
}

#[test]
fn pings_and_rooms() {
    let mut rig = Rig::new(config());
    let mut client = rig.login_websocket("ann");
    for echo in 0..16 {
        client.message(&ping(echo));
    }
    for echo in 0..16 {
        expect_pong(&mut rig, &mut client, echo);
    }
    rig.seat(&mut client, ROOM);
    rig.say(Outbound::State { to: &[client.session], room: ROOM, tick: 1, data: &[5; 3_000] });
    let message = rig.next(&mut client);
    assert_eq!(ServerView::read(&message).unwrap().body, ServerBody::State { tick: 1, data: &[5; 3_000] });
    let snapshot = rig.stats.snapshot();
    assert_eq!((snapshot.open(Door::WebSocket), snapshot.open(Door::Http), snapshot.open(Door::Frames)), (1, 0, 0));
    let idle = &rig.edge.conns[0];
    assert_eq!((idle.partial.capacity(), idle.out.capacity(), idle.parts.capacity()), (0, 0, 0), "idle connections hold nothing");
}

#[test]
fn what_came_with_the_upgrade_request_counts() {
    let mut rig = Rig::new(config());
    let mut client = rig.connect_http();
    let mut bytes = UPGRADE.as_bytes().to_vec();
    bytes.extend_from_slice(&frame(0x82, &hello()));
    client.send(&bytes);
    let answer = rig.request(&mut client, "");
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    client.framing = hillfort_proto::frame::Framing::WebSocketMasked([0; 4]);
    client.say(ClientBody::Login { name: "ann" });
    rig.welcome(&mut client);
}

#[test]
fn messages_may_come_in_parts_with_control_frames_between() {
    let mut rig = Rig::new(config());
    let mut client = rig.login_websocket("ann");
    let payload = ping(7);
    client.send(&frame(0x02, &payload[..10]));
    client.send(&frame(0x89, b"you there?"));
    client.send(&frame(0x00, &payload[10..20]));
    client.send(&frame(0x8a, b""));
    client.send(&frame(0x80, &payload[20..]));
    let mut frames = Vec::new();
    rig.until("both answers", |_| {
        frames.extend(client.poll_websocket_frame());
        frames.len() == 2
    });
    assert_eq!(frames[0], (0x0a, b"you there?".to_vec()));
    assert!(matches!(ServerView::read(&frames[1].1).unwrap().body, ServerBody::Pong { echo: 7, .. }));
}

#[test]
fn each_bad_websocket_frame_closes_by_its_code() {
    let long = vec![0; 4097];
    let table: Vec<(Vec<Vec<u8>>, Reject)> = vec![
        (vec![frame(0x81, b"text")], Reject::WebSocket),
        (vec![frame(0xc2, b"compressed")], Reject::WebSocket),
        (vec![b"\x82\x01a".to_vec()], Reject::WebSocket),
        (vec![frame(0x80, b"no beginning")], Reject::WebSocket),
        (vec![frame(0x02, b"a"), frame(0x82, b"b")], Reject::WebSocket),
        (vec![frame(0x82, &long)], Reject::FrameLength),
        (vec![frame(0x02, &long[..4096]), frame(0x80, b"x")], Reject::FrameLength),
        (vec![frame(0x82, b"\xff\xff")], Reject::Message),
        (vec![frame(0x82, b"")], Reject::Message),
    ];
    let mut rig = Rig::new(config());
    for (frames, expect) in table {
        let before = rig.refused(expect);
        let mut client = rig.login_websocket("ann");
        for frame in &frames {
            client.send(frame);
        }
        assert_eq!(close_code(&mut rig, &mut client), expect.websocket_code(), "{expect}");
        assert_eq!((rig.refused(expect), rig.edge.sessions.len()), (before + 1, 0), "{expect}");
    }
}

#[test]
fn each_bad_first_message_closes_by_its_code() {
    let mut rig = Rig::new(config());
    let mut wrong = hello();
    wrong[71] ^= 1;
    for (message, expect) in [
        (&wrong[..], Reject::HelloMac),
        (&wrong[..71], Reject::HelloLength),
        (&[0; 73], Reject::HelloLength),
        (&[0; 72], Reject::HelloMagic),
    ] {
        let mut client = rig.connect_http();
        rig.upgrade(&mut client);
        client.message(message);
        assert_eq!(close_code(&mut rig, &mut client), expect.websocket_code(), "{expect}");
        assert!(rig.refused(expect) >= 1);
    }
    let mut silent = rig.connect_http();
    rig.upgrade(&mut silent);
    rig.until("the way back", |rig| rig.stats.snapshot().open_websocket == 1);
    rig.pass(Duration::from_secs(3));
    assert_eq!((close_code(&mut rig, &mut silent), rig.refused(Reject::HelloSlow)), (Reject::HelloSlow.websocket_code(), 1));
}

#[test]
fn nothing_is_lost_over_a_cut_connection() {
    let mut rig = Rig::new(config());
    let mut client = rig.login_websocket("ann");
    rig.seat(&mut client, ROOM);
    let (session, token) = (client.session, client.token);
    drop(client);
    rig.expect_told("drop");
    rig.say(Outbound::Event { to: &[session], room: ROOM, op: 2, data: b"missed" });
    let mut back = rig.connect_http();
    rig.upgrade(&mut back);
    back.message(&hello());
    back.say(ClientBody::Resume { session, token: &token, received: 1 });
    rig.welcome(&mut back);
    rig.expect_told("reconnect");
    let message = rig.next(&mut back);
    assert_eq!(ServerView::read(&message).unwrap().body, ServerBody::Event { op: 2, data: b"missed" });
}

#[test]
fn a_browser_that_leaves_may_come_back() {
    let mut rig = Rig::new(config());
    let mut client = rig.login_websocket("ann");
    client.send(&frame(0x88, &[3, 233]));
    assert_eq!(close_code(&mut rig, &mut client), Reject::Goodbye.websocket_code());
    assert_eq!(rig.edge.sessions.len(), 1);
}

#[test]
fn control_frames_have_a_rate_and_come_after_the_hello() {
    for flood in [frame(0x89, b"ping"), frame(0x8a, b""), frame(0x02, b"")] {
        let mut guard = guard_config();
        guard.inputs.control = rate(1, 10);
        guard.inputs.tolerance = rate(1, 10);
        let mut rig = Rig::new(crate::Config { guard, ..config() });
        let mut client = rig.login_websocket("ann");
        // A message in parts goes on by parts; other frames repeat.
        let next = if flood[0] == 0x02 { frame(0x00, b"") } else { flood.clone() };
        client.send(&flood);
        for _ in 0..30 {
            client.send(&next);
        }
        assert_eq!(close_code(&mut rig, &mut client), Reject::InputFlood.websocket_code());
        assert!((9..=10).contains(&rig.refused(Reject::ControlRate)), "{:?}", rig.refusals());
        let mut early = rig.connect_http();
        rig.upgrade(&mut early);
        early.send(&flood);
        assert_eq!(close_code(&mut rig, &mut early), Reject::WebSocket.websocket_code());
    }
}
