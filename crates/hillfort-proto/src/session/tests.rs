//! Both ends against each other, over a connection that works.

use super::client;
use super::server::{self, Event};
use super::*;
use crate::ids::SessionId;
use crate::message::Wanted;
use crate::time::Time;

const T: Framing = Framing::Bare;
const ROOM: RoomId = RoomId(0x1_00);

/// One payload that `write` appends.
fn one(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

#[test]
fn login_join_input_and_event_reach_the_other_side() {
    let now = Time::from_millis(1);
    let mut server = server::Session::new(now);
    let mut client = client::Session::new("Ada");
    let mut none = Vec::new();

    let login = one(|out| client.start(now, T, out));
    assert_eq!(server.handle_payload(now, &login, T, &mut none), Ok(Some(Event::Login { name: "Ada" })));
    let welcome = one(|out| server.accept_login(now, SessionId(0x700), [7; 16], T, out).unwrap());
    assert_eq!(
        client.handle_payload(now, &welcome, T, &mut none),
        Ok(Some(client::Event::Welcome { session: SessionId(0x700), resumed: false }))
    );

    let join = one(|out| client.join("hilltop", Wanted::Any, T, out).unwrap());
    assert_eq!(server.handle_payload(now, &join, T, &mut none), Ok(Some(Event::Join { game: "hilltop", room: Wanted::Any })));
    let joined = one(|out| assert_eq!(server.enqueue_joined(ROOM, "hilltop", 20, 5, T, out), Ok(true)));
    assert_eq!(
        client.handle_payload(now, &joined, T, &mut none),
        Ok(Some(client::Event::Joined { room: ROOM, game: "hilltop", hz: 20, tick: 5 }))
    );

    let input = one(|out| client.input(3, b"go", T, out).unwrap());
    assert_eq!(server.handle_payload(now, &input, T, &mut none), Ok(Some(Event::Input { room: ROOM, op: 3, data: b"go" })));
    let event = one(|out| server.enqueue_event(ROOM, 4, b"boom", T, out).unwrap());
    assert_eq!(client.handle_payload(now, &event, T, &mut none), Ok(Some(client::Event::Room { op: 4, data: b"boom" })));
    assert!(none.is_empty());
}
