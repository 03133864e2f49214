//! Hooks that take their time, sessions that end meanwhile, and what has places of its own beside calls.

use std::sync::atomic::Ordering::Relaxed;

use hillfort_api::Hooks;
use hillfort_proto::ids::RoomId;
use hillfort_proto::route::Outbound;
use serde_json::{Value, json};

use super::rig::*;
use crate::socket::Config;
use crate::socket::conn::Format;

const BEFORE: Hooks = Hooks { before: true, after: false };
const AFTER: Hooks = Hooks { before: false, after: true };

fn rpc(id: &str) -> Value {
    json!({ "cid": "1", "rpc": { "id": id, "payload": "x" } })
}

impl Rig {
    fn with_hooks(config: Config, hooks: Hooks) -> Self {
        let rig = Self::with(config);
        *rig.service.hooks.lock().unwrap() = hooks;
        rig
    }

    /// Waits until so many hooks wait.
    fn hooked(&mut self, count: usize) {
        self.until("hooks", |rig| rig.service.hooked.lock().unwrap().len() == count);
    }

    /// Lets the oldest hook be done.
    fn unhook(&mut self) {
        let hook = self.service.hooked.lock().unwrap().remove(0);
        hook.send(()).unwrap();
    }
}

/// Somebody says two things and ends the connection while a hook looks at the first: both are heard, and then the end. No time passes.
#[test]
fn what_came_before_the_end_is_heard_and_the_end_after_it() {
    let mut rig = Rig::with_hooks(Config::default(), BEFORE);
    let mut ann = rig.connect(Format::Json);
    ann.send(&rpc("echo"));
    rig.hooked(1);
    ann.send(&rpc("echo"));
    ann.finish();
    rig.settle();
    assert_eq!(rig.thread.conns.len(), 1, "what it says is heard");
    for _ in 0..2 {
        rig.hooked(1);
        rig.unhook();
        assert_eq!(rig.next(&mut ann)["rpc"]["payload"], "user1:x");
    }
    rig.until("the end", |rig| rig.thread.conns.is_empty());
    assert_eq!((rig.sockets.stats().left, rig.sockets.stats().lost), (1, 0));
}

#[test]
fn an_end_in_one_piece_with_what_was_said_is_not_missed() {
    let mut rig = Rig::with_hooks(Config::default(), BEFORE);
    let mut ann = rig.connect(Format::Json);
    for _ in 0..3 {
        ann.send(&rpc("echo"));
    }
    ann.finish();
    for _ in 0..3 {
        rig.hooked(1);
        rig.unhook();
        assert_eq!(rig.next(&mut ann)["rpc"]["payload"], "user1:x");
    }
    rig.until("the end", |rig| rig.thread.conns.is_empty());
}

#[test]
fn hooks_after_messages_have_places_of_their_own() {
    let mut rig = Rig::with_hooks(Config { session_calls_max: 2, calls_max: 3, ..Config::default() }, AFTER);
    let (mut ann, mut bob, mut eve) = (rig.connect(Format::Json), rig.connect(Format::Json), rig.connect(Format::Json));
    // Far more than a session's calls: all are answered, and those without a place are shown to no hook.
    for _ in 0..5 {
        assert_eq!(rig.ask(&mut ann, rpc("echo"))["rpc"]["payload"], "user1:x");
    }
    rig.hooked(2);
    assert_eq!(rig.sockets.stats().calls_refused, 3);
    // Of all there are three.
    for _ in 0..2 {
        assert_eq!(rig.ask(&mut bob, rpc("echo"))["rpc"]["payload"], "user2:x");
    }
    rig.hooked(3);
    assert_eq!(rig.sockets.stats().calls_refused, 4);
    // Calls have theirs.
    for client in [&mut ann, &mut bob, &mut eve] {
        client.send(&rpc("slow"));
    }
    rig.until("the calls", |rig| rig.service.waiting.lock().unwrap().len() == 3);
    while !rig.service.hooked.lock().unwrap().is_empty() {
        rig.unhook();
    }
    rig.settle();
    let answer = rig.service.waiting.lock().unwrap().remove(0);
    answer.send("late".to_owned()).unwrap();
    assert_eq!(rig.next(&mut ann)["rpc"]["payload"], "late");
    rig.hooked(1);
}

#[test]
fn whoever_comes_in_finds_a_place_beside_all_calls() {
    let mut rig = Rig::with(Config { calls_max: 1, ..Config::default() });
    let mut ann = rig.connect(Format::Json);
    ann.send(&rpc("slow"));
    rig.until("the call", |rig| rig.service.waiting.lock().unwrap().len() == 1);
    let mut bob = rig.connect(Format::Json);
    assert_eq!(rig.ask(&mut bob, json!({ "ping": {} })), json!({ "pong": {} }));
    assert_eq!(rig.ask(&mut bob, rpc("slow"))["error"]["message"], "the server has too many calls under way: wait for answers");
}

/// A ban finds no socket before it is in the registry: so the socket looks once it is there.
#[test]
fn a_session_that_ends_while_it_opens_is_closed() {
    let mut rig = Rig::new();
    rig.service.ends.store(true, Relaxed);
    let mut ann = rig.connect(Format::Json);
    assert_eq!(rig.closed(&mut ann), (4001, "the session has ended".to_owned()));
    assert_eq!((rig.sockets.stats().open, rig.sockets.stats().turned_away), (0, 1));
}

#[test]
fn a_seat_whose_socket_is_gone_is_given_up() {
    const ROOM: RoomId = RoomId(0x1_0000_0200);
    let mut rig = Rig::new();
    let mut ann = rig.connect(Format::Json);
    let id = hillfort_api::match_id::MatchId { uuid: rig.cipher.uuid(ROOM.0), node: "hillfort" }.to_string();
    ann.send(&json!({ "match_join": { "match_id": id } }));
    rig.told();
    // A seat that its socket has forgotten, whatever made it so.
    rig.thread.conns[0].seats.clear();
    drop(ann);
    rig.until("the end", |rig| rig.thread.conns.is_empty());
    let seat = hillfort_proto::ids::SessionId(0x1_0000_0001);
    rig.say(Outbound::Joined { session: seat, room: ROOM, game: "g", label: "", hz: 10, tick: 0 });
    assert_eq!(rig.told(), [format!("{seat} leaves {ROOM}")]);
    assert!(rig.thread.seats.of_room(ROOM).is_empty());
}
