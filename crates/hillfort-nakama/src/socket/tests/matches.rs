//! Matches: relayed ones, and those that rooms run.

use hillfort_api::SessionId;
use hillfort_api::match_id::MatchId;
use hillfort_api::matches::{HANDLER_GAME, HandlerEvent, HandlerInput, Sender};
use hillfort_api::realtime::envelope::Message;
use hillfort_api::realtime::{Envelope, MatchDataSend};
use hillfort_proto::ids::{RoomId, SessionId as SeatId};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::Outbound;
use serde_json::{Value, json};

use super::rig::*;
use crate::socket::Config;
use crate::socket::conn::Format;

const ROOM: RoomId = RoomId(0x1_0000_0200);
/// First seat of the loop, which is edge 1.
const SEAT: SeatId = SeatId(0x1_0000_0001);
const SECOND: SeatId = SeatId(0x1_0000_0101);

fn room_match(rig: &Rig) -> String {
    MatchId { uuid: rig.cipher.uuid(ROOM.0), node: "hillfort" }.to_string()
}

fn join(id: &str) -> Value {
    json!({ "cid": "1", "match_join": { "match_id": id } })
}

fn data(id: &str, op: &str, data: &str) -> Value {
    json!({ "match_data_send": { "match_id": id, "op_code": op, "data": data } })
}

fn joined(seat: SeatId, game: &'static str) -> Outbound<'static> {
    Outbound::Joined { session: seat, room: ROOM, game, label: "{\"mode\":\"ffa\"}", hz: 10, tick: 0 }
}

/// A client in the room's match.
fn seated(rig: &mut Rig, seat: SeatId, game: &'static str) -> Client {
    let mut client = rig.connect(Format::Json);
    client.send(&join(&room_match(rig)));
    rig.told();
    rig.say(joined(seat, game));
    assert_eq!(rig.next(&mut client)["match"]["authoritative"], true);
    assert_eq!(rig.next(&mut client)["match_presence_event"]["joins"], json!([client.presence()]), "who joins hears it, too");
    client
}

#[test]
fn a_relayed_match_from_its_first_to_its_last() {
    let mut rig = Rig::new();
    let (mut ann, mut bob) = (rig.connect(Format::Json), rig.connect(Format::Json));
    let made = rig.ask(&mut ann, json!({ "cid": "1", "match_create": {} }));
    let id = made["match"]["match_id"].as_str().expect("an id").to_owned();
    assert_eq!(made, json!({ "cid": "1", "match": { "match_id": id, "size": 1, "self": ann.presence() } }));
    assert!(id.len() == 37 && id.ends_with('.') && id.as_bytes()[14] == b'4', "{id}");
    let event = |joins: Value, leaves: Value| {
        let mut event = json!({ "match_id": id });
        for (name, who) in [("joins", joins), ("leaves", leaves)] {
            if !who.is_null() {
                event[name] = json!([who]);
            }
        }
        json!({ "match_presence_event": event })
    };
    assert_eq!(rig.next(&mut ann), event(ann.presence(), Value::Null));
    let found = rig.ask(&mut bob, join(&id));
    let expect = json!({ "match_id": id, "size": 1, "presences": [ann.presence()], "self": bob.presence() });
    assert_eq!(found, json!({ "cid": "1", "match": expect }));
    assert_eq!(
        (rig.next(&mut ann), rig.next(&mut bob)),
        (event(bob.presence(), Value::Null), event(bob.presence(), Value::Null))
    );
    let again = rig.ask(&mut bob, join(&id));
    assert_eq!(again["match"]["presences"], json!([ann.presence(), bob.presence()]), "who is in it sees itself");
    assert_eq!(again["match"]["size"], 2);
    // Data go to the others, as they are.
    let mut send = data(&id, "-9007199254740993", "aGkA");
    send["match_data_send"]["reliable"] = true.into();
    ann.send(&send);
    let got =
        json!({ "match_id": id, "presence": ann.presence(), "op_code": "-9007199254740993", "data": "aGkA", "reliable": true });
    assert_eq!(rig.next(&mut bob), json!({ "match_data": got }));
    rig.hears_nothing(&mut ann);
    // Or to those who are named, oneself too.
    let mut cat = rig.connect(Format::Protobuf);
    cat.send_binary(&Envelope {
        cid: String::new(),
        message: Some(Message::MatchJoin(hillfort_api::realtime::MatchJoin {
            id: Some(hillfort_api::realtime::match_join::Id::MatchId(id.clone())),
            ..Default::default()
        })),
    });
    rig.next_binary(&mut cat);
    rig.next_binary(&mut cat);
    rig.next(&mut ann);
    rig.next(&mut bob);
    let mut named = data(&id, "2", "eA==");
    named["match_data_send"]["presences"] =
        json!([ann.presence(), cat.presence(), { "session_id": SessionId::default().to_string() }]);
    ann.send(&named);
    assert_eq!(rig.next(&mut ann)["match_data"]["op_code"], "2");
    let Some(Message::MatchData(relayed)) = rig.next_binary(&mut cat).message else { panic!("no data") };
    assert_eq!((relayed.op_code, &relayed.data[..]), (2, &b"x"[..]));
    rig.hears_nothing(&mut bob);
    assert_eq!(rig.ask(&mut bob, json!({ "cid": "3", "match_leave": { "match_id": id } })), json!({ "cid": "3" }));
    assert_eq!(rig.next(&mut ann), event(Value::Null, bob.presence()));
    bob.send(&data(&id, "1", ""));
    for client in [&mut ann, &mut bob] {
        rig.hears_nothing(client);
    }
    assert_eq!(rig.sockets.stats().data_of_others, 1, "what was on its way is passed over");
    let gone = cat.presence();
    drop(cat);
    assert_eq!(rig.next(&mut ann), event(Value::Null, gone));
    drop(ann);
    rig.until("the end", |rig| rig.sockets.stats().open == 1);
    assert_eq!(rig.ask(&mut bob, join(&id)), error("1", 4, "Match not found"), "with its last it is gone");
}

#[test]
fn a_name_gives_the_same_match() {
    let mut rig = Rig::new();
    let (mut ann, mut bob) = (rig.connect(Format::Json), rig.connect(Format::Json));
    let named = json!({ "cid": "1", "match_create": { "name": "www.example.com" } });
    let first = rig.ask(&mut ann, named.clone());
    assert_eq!(first["match"]["match_id"], "2ed6657d-e927-568b-95e1-2665a8aea6a2.");
    let second = rig.ask(&mut bob, named);
    assert_eq!((&second["match"]["size"], &second["match"]["presences"]), (&json!(2), &json!([ann.presence()])));
    rig.next(&mut bob);
    let again = rig.ask(&mut bob, json!({ "cid": "1", "match_create": { "name": "www.example.com" } }));
    let both = json!([ann.presence(), bob.presence()]);
    assert_eq!((&again["match"]["size"], &again["match"]["presences"]), (&json!(2), &both), "who is in it sees itself");
}

#[test]
fn matches_and_sessions_are_bounded() {
    let mut rig = Rig::with(Config { stream_sessions_max: 2, session_streams_max: 2, ..Config::default() });
    let named = |name: &str| json!({ "cid": "1", "match_create": { "name": name } });
    let mut clients: Vec<_> = (0..3).map(|_| rig.connect(Format::Json)).collect();
    for client in &mut clients[..2] {
        assert!(rig.ask(client, named("full"))["match"].is_object());
        rig.settle();
        while client.poll().is_some() {}
    }
    assert_eq!(rig.ask(&mut clients[2], named("full")), error("1", 5, "too many sessions on one stream"));
    let mut client = clients.remove(0);
    rig.settle();
    while client.poll().is_some() {}
    client.send(&named("second"));
    rig.next(&mut client);
    rig.next(&mut client);
    assert_eq!(rig.ask(&mut client, named("third")), error("1", 5, "too many streams of one session"));
}

#[test]
fn one_match_at_a_time_where_that_is_asked_for() {
    let mut rig = Rig::with(Config { single_match: true, ..Config::default() });
    let mut ann = rig.connect(Format::Json);
    let first = rig.ask(&mut ann, json!({ "match_create": { "name": "a" } }))["match"]["match_id"].clone();
    rig.next(&mut ann);
    rig.ask(&mut ann, json!({ "match_create": { "name": "b" } }));
    rig.settle();
    while ann.poll().is_some() {}
    let mut bob = rig.connect(Format::Json);
    assert_eq!(rig.ask(&mut bob, join(first.as_str().unwrap())), error("1", 4, "Match not found"), "she left it");
    ann.send(&join(&room_match(&rig)));
    rig.told();
    rig.say(joined(SEAT, "hill"));
    assert_eq!(rig.next(&mut ann)["match"]["authoritative"], true);
    let made = rig.ask(&mut bob, json!({ "cid": "1", "match_create": { "name": "b" } }));
    assert_eq!(made["match"]["size"], 1, "and the second for the room");
}

#[test]
fn a_room_lets_in_hears_and_speaks() {
    let mut rig = Rig::new();
    let mut ann = rig.connect(Format::Json);
    let id = room_match(&rig);
    let mut ask = join(&id);
    ask["match_join"]["metadata"] = json!({ "side": "red" });
    ann.send(&ask);
    assert_eq!(rig.told(), ["0000000100000001 joins 0000000100000200 as user1"]);
    let facts = rig.rooms.lock().unwrap().facts.remove(0);
    assert_eq!(facts.ids(), Some((ann.user, ann.session)));
    assert_eq!((facts.username.as_str(), facts.metadata["side"].as_str(), facts.vars["region"].as_str()), ("user1", "red", "eu"));
    assert_eq!((facts.client_ip.as_str(), facts.expires_s), ("127.0.0.1", 2_000_000_000));
    assert_eq!(rig.ask(&mut ann, join(&id)), error("1", 3, "a join or leave of this match is under way"));
    rig.say(joined(SEAT, "hill"));
    let expect = json!({ "match_id": id, "authoritative": true, "label": "{\"mode\":\"ffa\"}", "self": ann.presence() });
    assert_eq!(rig.next(&mut ann), json!({ "cid": "1", "match": expect }));
    assert_eq!(rig.next(&mut ann), json!({ "match_presence_event": { "match_id": id, "joins": [ann.presence()] } }));
    let mut bob = seated(&mut rig, SECOND, "hill");
    assert_eq!(rig.next(&mut ann)["match_presence_event"]["joins"], json!([bob.presence()]));
    assert_eq!(rig.ask(&mut bob, join(&id))["match"]["presences"], json!([ann.presence(), bob.presence()]));

    ann.send(&data(&id, "4294967295", "aGk="));
    assert_eq!(rig.told(), ["0000000100000001 says 4294967295 in 0000000100000200"]);
    assert_eq!(rig.rooms.lock().unwrap().inputs.remove(0).2, b"hi");
    for op in ["-1", "4294967296"] {
        ann.send(&data(&id, op, ""));
        assert_eq!(rig.next(&mut ann), error("", 3, "op_code: 0 to 4294967295 in this match"));
    }
    rig.say(Outbound::Event { to: &[SEAT, SECOND], room: ROOM, op: 7, data: b"boo" });
    let boo = json!({ "match_data": { "match_id": id, "op_code": "7", "data": "Ym9v", "reliable": true } });
    assert_eq!((rig.next(&mut ann), rig.next(&mut bob)), (boo.clone(), boo));
    rig.say(Outbound::State { to: &[SEAT], room: ROOM, tick: 3, data: b"s" });
    assert_eq!(rig.next(&mut ann), json!({ "match_data": { "match_id": id, "op_code": "4294967296", "data": "cw==" } }));
    for (anew, op) in [(true, "4294967298"), (false, "4294967297")] {
        rig.say(Outbound::Scene { session: SECOND, room: ROOM, anew, data: b"p" });
        assert_eq!(rig.next(&mut bob)["match_data"], json!({ "match_id": id, "op_code": op, "data": "cA==", "reliable": true }));
    }
}

#[test]
fn a_handlers_room_hears_and_says_more() {
    let mut rig = Rig::new();
    let mut ann = seated(&mut rig, SEAT, HANDLER_GAME);
    let id = room_match(&rig);
    let mut send = data(&id, "-5", "aGk=");
    send["match_data_send"]["reliable"] = true.into();
    ann.send(&send);
    rig.told();
    let (_, _, bytes) = rig.rooms.lock().unwrap().inputs.remove(0);
    let input = HandlerInput::read(&bytes).expect("has its header");
    assert_eq!((input.op_code, input.reliable, input.data), (-5, true, &b"hi"[..]));
    assert!(input.received_ms > 1_700_000_000_000);
    let sender = Sender { user_id: user_id(9), session_id: SessionId([3; 16]), username: "eve" };
    let mut bytes = Vec::new();
    HandlerEvent { op_code: i64::MAX, reliable: false, sender: Some(sender), data: b"x" }.write(&mut bytes);
    rig.say(Outbound::Event { to: &[SEAT], room: ROOM, op: 1, data: &bytes });
    let from = json!({ "user_id": user_id(9).to_string(), "session_id": SessionId([3; 16]).to_string(), "username": "eve" });
    let expect = json!({ "match_id": id, "presence": from, "op_code": i64::MAX.to_string(), "data": "eA==" });
    assert_eq!(rig.next(&mut ann), json!({ "match_data": expect }));
}

#[test]
fn refusals_have_codes_and_the_rooms_words() {
    let mut rig = Rig::new();
    let mut ann = rig.connect(Format::Json);
    let id = room_match(&rig);
    let table = [
        (Reject::RoomUnknown, "", 4, "Match not found"),
        (Reject::RoomFull, "", 5, "Match is full"),
        (Reject::RoomRefused, "", 5, "Match join rejected"),
        (Reject::RoomRefused, "come back on Friday", 5, "come back on Friday"),
        (Reject::WorldBusy, "", 0, "the match's server has too much to do: try again"),
        (Reject::Draining, "", 0, "the server stops"),
        (Reject::RoomCrashed, "", 0, "the match ended by an error"),
    ];
    for (n, (reject, reason, code, text)) in (1_u64..).zip(table) {
        ann.send(&join(&id));
        rig.told();
        // The same place each time, and another name.
        rig.say(Outbound::JoinRefused { session: SeatId(n << 32 | 1), reject, reason });
        assert_eq!(rig.next(&mut ann), error("1", code, text));
    }
    rig.say(joined(SEAT, "hill"));
    rig.hears_nothing(&mut ann);
}

#[test]
fn seats_are_given_up_by_either_side() {
    let mut rig = Rig::new();
    let id = room_match(&rig);
    let (mut ann, mut bob) = (seated(&mut rig, SEAT, "hill"), seated(&mut rig, SECOND, "hill"));
    rig.next(&mut ann);
    // Kicked: both hear it.
    rig.say(Outbound::Left { session: SECOND, room: ROOM, reject: Some(Reject::RoomKicked) });
    let left = json!({ "match_presence_event": { "match_id": id, "leaves": [bob.presence()] } });
    assert_eq!((rig.next(&mut ann), rig.next(&mut bob)), (left.clone(), left));
    bob.send(&data(&id, "1", ""));
    rig.hears_nothing(&mut bob);
    assert_eq!((rig.sockets.stats().data_of_others, rig.lines()), (1, Vec::new()), "what was on its way is passed over");
    // Left: the room is told, and its answer changes nothing.
    assert_eq!(rig.ask(&mut ann, json!({ "cid": "2", "match_leave": { "match_id": id } })), json!({ "cid": "2" }));
    assert_eq!(rig.told(), ["0000000100000001 leaves 0000000100000200"]);
    rig.say(Outbound::Left { session: SEAT, room: ROOM, reject: None });
    rig.hears_nothing(&mut ann);
    assert_eq!(
        rig.ask(&mut ann, json!({ "cid": "2", "match_leave": { "match_id": id } })),
        json!({ "cid": "2" }),
        "as often as one likes"
    );
    // The connection is lost, in the room and on the way into it.
    ann.send(&join(&id));
    assert_eq!(rig.told().len(), 1);
    let place = rig.thread.conns.iter().find(|(_, conn)| conn.session == ann.session).expect("is open").1.seats[0];
    let seat = rig.thread.seats.get(place).expect("is asked for").id;
    drop(ann);
    assert_eq!(rig.told(), [format!("{seat} leaves {ROOM}")]);
    rig.say(joined(seat, "hill"));
    rig.settle();
    rig.say(Outbound::Left { session: seat, room: ROOM, reject: None });
    rig.settle();
    assert!(rig.thread.seats.get(place).is_none(), "nothing is left of it");
    // The room ends.
    bob.send(&join(&id));
    rig.told();
    let place = rig.thread.conns.iter().next().expect("is open").1.seats[0];
    let seat = rig.thread.seats.get(place).expect("is asked for").id;
    rig.say(joined(seat, "hill"));
    rig.next(&mut bob);
    rig.next(&mut bob);
    rig.say(Outbound::Left { session: seat, room: ROOM, reject: Some(Reject::RoomClosed) });
    assert_eq!(rig.next(&mut bob)["match_presence_event"]["leaves"], json!([bob.presence()]));
}

#[test]
fn a_world_thread_that_takes_nothing_is_asked_again() {
    let mut rig = Rig::new();
    let mut ann = seated(&mut rig, SEAT, "hill");
    rig.rooms.lock().unwrap().shut = true;
    ann.send(&data(&room_match(&rig), "1", "aGk="));
    rig.ask(&mut ann, json!({ "cid": "2", "match_leave": { "match_id": room_match(&rig) } }));
    assert_eq!(rig.lines(), [""; 0]);
    rig.rooms.lock().unwrap().shut = false;
    assert_eq!(
        rig.told(),
        ["0000000100000001 says 1 in 0000000100000200", "0000000100000001 leaves 0000000100000200"],
        "in order"
    );
}

#[test]
fn metadata_is_bounded() {
    let mut rig = Rig::with(Config { message_bytes_max: 16 * 1024, ..Config::default() });
    let mut ann = rig.connect(Format::Json);
    let mut ask = join(&room_match(&rig));
    ask["match_join"]["metadata"] = json!({ "x": "y".repeat(8 * 1024) });
    assert_eq!(rig.ask(&mut ann, ask), error("1", 3, "metadata: with the session's vars at most 8192 bytes"));
    let mut ann = seated(&mut rig, SEAT, HANDLER_GAME);
    let long = MatchDataSend { match_id: room_match(&rig), data: vec![0; 4080].into(), ..MatchDataSend::default() };
    let mut envelope: Value = serde_json::from_slice(&hillfort_api::json::write(&Envelope {
        cid: String::new(),
        message: Some(Message::MatchDataSend(long)),
    }))
    .unwrap();
    envelope["match_data_send"]["op_code"] = "1".into();
    ann.send(&envelope);
    assert_eq!(rig.next(&mut ann), error("", 3, "data: at most 4079 bytes in this match"));
}
