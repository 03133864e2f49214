//! Keys that should have been forgotten, set by the tests themselves: whoever holds one ends, nobody else notices.

use std::time::Duration;

use hillfort_proto::ids::RoomId;
use hillfort_proto::message::{ClientBody, ServerBody, ServerView};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::Outbound;
use hillfort_proto::session::server::State;

use super::rig::*;
use crate::conn::Phase;

const ROOM: RoomId = RoomId(0x100);
const NOBODY: u32 = 77;

#[test]
fn a_session_whose_connection_is_not_there_is_detached() {
    let mut rig = Rig::new(config());
    let (mut lost, mut other) = (rig.login("ann"), rig.login("bob"));
    rig.seat(&mut lost, ROOM);
    rig.seat(&mut other, ROOM);
    let at = rig.edge.sessions.find(lost.session).unwrap();
    rig.edge.sessions.get_mut(at).unwrap().conn = Some(NOBODY);
    let to = [lost.session, other.session];
    rig.batch.push(Outbound::State { to: &to, room: ROOM, tick: 2, data: b"board" }).unwrap();
    rig.batch.push(Outbound::Event { to: &to, room: ROOM, op: 1, data: b"check" }).unwrap();
    rig.say(Outbound::JoinRefused { session: lost.session, reject: Reject::RoomFull, reason: "" });
    let mut players = rig.control.players(9).unwrap();
    for _ in 0..2 {
        let message = rig.next(&mut other);
        let body = ServerView::read(&message).unwrap().body;
        assert!(matches!(body, ServerBody::State { tick: 2, .. } | ServerBody::Event { op: 1, .. }), "{body:?}");
    }
    let players = players.try_recv().unwrap();
    let ann = players.iter().find(|player| player.name == "ann").unwrap();
    assert_eq!((players.len(), ann.peer), (2, None));
    rig.edge.release_held(at);
    // Long enough for a heartbeat to be due.
    rig.pass(Duration::from_secs(10));
    assert_eq!(rig.edge.sessions.get_mut(at).unwrap().session.state(), State::Detached);
    rig.expect_told("drop");
    assert!(rig.take_stale_keys() > 0);
}

#[test]
fn a_connection_whose_session_is_not_there_is_closed() {
    let mut rig = Rig::new(config());
    let (mut lost, mut other) = (rig.login("ann"), rig.login_websocket("bob"));
    for (_, conn) in &mut rig.edge.conns {
        conn.phase = Phase::Live(NOBODY);
    }
    lost.say(ClientBody::Ping { echo: 1, pad: &[] });
    // A ping of WebSocket itself is charged to the session.
    other.send(&[0x89, 0x80, 0, 0, 0, 0]);
    other.say(ClientBody::Ping { echo: 1, pad: &[] });
    assert_eq!((rig.closed(&mut lost), rig.closed(&mut other)), (None, None));
    assert_eq!(rig.take_stale_keys(), 2);
}

#[test]
fn events_and_orders_for_a_connection_that_is_not_there_are_nothing() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    let now = rig.edge.now();
    rig.edge.release_out(NOBODY);
    rig.edge.stop_waiting(NOBODY);
    rig.edge.on_hello(NOBODY, now, &hello());
    assert_eq!(rig.edge.charge_transport(now, NOBODY), Ok(false));
    assert!(rig.take_stale_keys() >= 4);
    client.say(ClientBody::Ping { echo: 1, pad: &[] });
    rig.next(&mut client);
}
