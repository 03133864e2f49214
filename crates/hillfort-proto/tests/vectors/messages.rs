//! Messages of each kind, in our encoding and in others that mean the same; and payloads that are none.

use hillfort_proto::frame::Framing;
use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::message::{Ask, ClientBody, ClientView, Encode, RoomLine, RoomLines, ServerBody, ServerView, Wanted};
use hillfort_proto::reject::Reject;
use hillfort_proto::work::Puzzle;
use serde_json::{Value, json};

use crate::{check_file, hex};

const TOKEN: [u8; 16] = *b"resume-token-16b";
/// The work of the challenge, and its first answer.
const SALT: [u8; 16] = *b"salt-of-16-bytes";
const BITS: u8 = 16;
const SESSION: SessionId = SessionId(0x0123_4567_89AB_CD00);
const ROOM: RoomId = RoomId(0x0000_00F0_0000_0301);

fn encoded(message: &impl Encode) -> Vec<u8> {
    let mut out = Vec::new();
    message.put(Framing::Bare, &mut out);
    out
}

fn client(name: &str, seq: u64, ack: u64, body: ClientBody<'_>) -> Value {
    let message = ClientView { seq, ack, body };
    let bytes = encoded(&message);
    assert_eq!(ClientView::read(&bytes), Ok(message), "{name}");
    let (kind, fields) = client_fields(&body);
    json!({ "name": name, "hex": hex(&bytes), "seq": text(seq), "ack": text(ack), "body": kind, "fields": fields })
}

fn client_fields(body: &ClientBody<'_>) -> (&'static str, Value) {
    match *body {
        ClientBody::Login { name } => ("login", json!({ "name": name })),
        ClientBody::Resume { session, token, received } => {
            ("resume", json!({ "session": text(session.0), "token": hex(token), "received": text(received) }))
        }
        ClientBody::Join { game, room } => {
            let (room, name, params) = match room {
                Wanted::Any => (0, "", &[][..]),
                Wanted::Room(room) => (room.0, "", &[][..]),
                Wanted::Named { name, params } => (0, name, params),
            };
            ("join", json!({ "game": game, "room": text(room), "name": name, "params": hex(params) }))
        }
        ClientBody::List(Ask { ask, game, label, free }) => {
            ("list", json!({ "ask": ask, "game": game, "label": label, "free": free }))
        }
        ClientBody::Leave => ("leave", json!({})),
        ClientBody::Input { op, data } => ("input", json!({ "op": op, "data": hex(data) })),
        ClientBody::Ping { echo, pad } => ("ping", json!({ "echo": text(echo), "pad": hex(pad) })),
        ClientBody::Pong { echo, pad } => ("pong", json!({ "echo": text(echo), "pad": hex(pad) })),
        ClientBody::Ack => ("only_ack", json!({})),
        ClientBody::Bye => ("bye", json!({})),
        ClientBody::Resync => ("resync", json!({})),
        ClientBody::Work { nonce } => ("work", json!({ "nonce": text(nonce) })),
        ClientBody::Ticket { ticket } => ("ticket", json!({ "ticket": hex(ticket) })),
    }
}

fn server(name: &str, seq: u64, ack: u64, body: ServerBody<'_>) -> Value {
    let message = ServerView { seq, ack, body };
    let bytes = encoded(&message);
    assert_eq!(ServerView::read(&bytes), Ok(message), "{name}");
    let (kind, fields) = server_fields(&body);
    json!({ "name": name, "hex": hex(&bytes), "seq": text(seq), "ack": text(ack), "body": kind, "fields": fields })
}

fn server_fields(body: &ServerBody<'_>) -> (&'static str, Value) {
    let verdict = |code: u32, reason: &str| json!({ "code": code, "reason": reason });
    match *body {
        ServerBody::Welcome { session, token, resumed, received, heartbeat_ms, resume_ms } => (
            "welcome",
            json!({
                "session": text(session.0), "token": hex(token), "resumed": resumed, "received": text(received),
                "heartbeat_ms": heartbeat_ms, "resume_ms": resume_ms,
            }),
        ),
        ServerBody::Joined { room, game, hz, tick } => {
            ("joined", json!({ "room": text(room.0), "game": game, "hz": hz, "tick": text(tick) }))
        }
        ServerBody::Left { code, reason } => ("left", verdict(code, reason)),
        ServerBody::Event { op, data } => ("event", json!({ "op": op, "data": hex(data) })),
        ServerBody::State { tick, data } => ("state", json!({ "tick": text(tick), "data": hex(data) })),
        ServerBody::Scene { data } => ("scene", json!({ "data": hex(data) })),
        ServerBody::Ping { echo, pad } => ("ping", json!({ "echo": text(echo), "pad": hex(pad) })),
        ServerBody::Pong { echo, pad } => ("pong", json!({ "echo": text(echo), "pad": hex(pad) })),
        ServerBody::Ack => ("only_ack", json!({})),
        ServerBody::Refused { code, reason } => ("refused", verdict(code, reason)),
        ServerBody::Close { code, reason } => ("close", verdict(code, reason)),
        ServerBody::Challenge { salt, bits } => ("challenge", json!({ "salt": hex(salt), "bits": bits })),
        ServerBody::Ticket { ticket } => ("ticket", json!({ "ticket": hex(ticket) })),
        ServerBody::Rooms { ask, more, rooms } => {
            let line = |line: RoomLine<'_>| {
                let RoomLine { room, name, label, seats_taken, seats_max, hz } = line;
                json!({
                    "room": text(room.0), "name": name, "label": label, "seats_taken": seats_taken, "seats_max": seats_max, "hz": hz,
                })
            };
            ("rooms", json!({ "ask": ask, "more": more, "rooms": rooms.iter().map(line).collect::<Vec<_>>() }))
        }
    }
}

/// 64-bit numbers are decimal text: JSON in a browser has no room for them.
fn text(number: u64) -> String {
    number.to_string()
}

/// Bytes that no encoder of ours writes, but that mean `body`.
fn same(name: &str, bytes: &[u8], seq: u64, ack: u64, body: ClientBody<'_>) -> Value {
    assert_eq!(ClientView::read(bytes), Ok(ClientView { seq, ack, body }), "{name}");
    let (kind, fields) = client_fields(&body);
    json!({ "name": name, "hex": hex(bytes), "seq": text(seq), "ack": text(ack), "body": kind, "fields": fields })
}

fn bad(name: &str, bytes: &[u8], expect: Reject) -> Value {
    assert_eq!(ClientView::read(bytes).err(), Some(expect), "{name}");
    json!({ "name": name, "hex": hex(bytes), "expect": expect.label() })
}

/// Well formed, but a field is beyond its limit; `at_limit` is the same within it.
fn beyond(name: &str, at_limit: ClientBody<'_>, body: ClientBody<'_>, expect: Reject) -> Value {
    let seq = u64::from(body.is_sequenced());
    let bytes = encoded(&ClientView { seq, ack: 0, body });
    assert_eq!(at_limit.check(), Ok(()), "{name}");
    assert_eq!(ClientView::read(&bytes).unwrap().body.check(), Err(expect), "{name}");
    json!({
        "name": name, "hex": hex(&bytes), "expect": expect.label(),
        "at_limit": hex(&encoded(&ClientView { seq, ack: 0, body: at_limit })),
    })
}

fn answer(bits: u8) -> u64 {
    Puzzle::new(SALT, bits).solve(0, u64::MAX).unwrap()
}

fn client_messages() -> Vec<Value> {
    vec![
        client("login", 0, 0, ClientBody::Login { name: "Zoë 山" }),
        client("resume", 0, 0, ClientBody::Resume { session: SESSION, token: &TOKEN, received: 300 }),
        client("join any room", 1, 0, ClientBody::Join { game: "hilltop", room: Wanted::Any }),
        client("join one room", 2, 5, ClientBody::Join { game: "hilltop", room: Wanted::Room(ROOM) }),
        client(
            "join a room by its name",
            2,
            5,
            ClientBody::Join { game: "hilltop", room: Wanted::Named { name: "Zoë's", params: b"duel" } },
        ),
        client("leave", 3, 0, ClientBody::Leave),
        client("input", 4, 0, ClientBody::Input { op: 2, data: &[1, 2, 3] }),
        client("input of nothing", 5, 0, ClientBody::Input { op: 0, data: &[] }),
        client("input with large numbers", u64::MAX, 1 << 40, ClientBody::Input { op: u32::MAX, data: &[0; 130] }),
        client("ping", 0, 0, ClientBody::Ping { echo: 0x1122_3344_5566_7788, pad: &[] }),
        client("ping of 64 bytes", 0, 0, ClientBody::Ping { echo: 1, pad: &[0xAA; 51] }),
        client("pong", 0, 9, ClientBody::Pong { echo: 7, pad: &[] }),
        client("only an acknowledgement", 0, 128, ClientBody::Ack),
        client("bye", 0, 0, ClientBody::Bye),
        client("resync", 0, 0, ClientBody::Resync),
        client("work", 0, 0, ClientBody::Work { nonce: answer(BITS) }),
        client("ticket", 0, 0, ClientBody::Ticket { ticket: &[0x7C; 28] }),
        client("list", 0, 0, ClientBody::List(Ask { ask: 1, game: "hilltop", label: "mode=duel", free: true })),
    ]
}

fn server_messages() -> Vec<Value> {
    let mut lines = Vec::new();
    let line = RoomLine { room: ROOM, name: "Zoë's", label: "mode=duel open", seats_taken: 1, seats_max: 2, hz: 20 };
    line.put(&mut lines);
    RoomLine { room: RoomId(ROOM.0 + 256), name: "", label: "", seats_taken: 0, seats_max: 16, hz: 1 }.put(&mut lines);
    let welcome = |resumed, received| ServerBody::Welcome {
        session: SESSION,
        token: &TOKEN,
        resumed,
        received,
        heartbeat_ms: 15_000,
        resume_ms: 30_000,
    };
    vec![
        server("welcome to a new session", 0, 0, welcome(false, 0)),
        server("welcome back", 0, 0, welcome(true, 300)),
        server("joined", 1, 1, ServerBody::Joined { room: ROOM, game: "hilltop", hz: 20, tick: 1200 }),
        server("left as asked", 2, 3, ServerBody::left(None)),
        server("join refused: no such game", 3, 0, ServerBody::left(Some(Reject::RoomGame))),
        server("event", 4, 0, ServerBody::Event { op: 7, data: b"boom" }),
        server("state", 0, 6, ServerBody::State { tick: 1201, data: &[0xFE; 200] }),
        server("scene", 0, 6, ServerBody::Scene { data: &[0x12; 130] }),
        server("ping", 0, 0, ServerBody::Ping { echo: u64::MAX, pad: &[] }),
        server("pong", 0, 0, ServerBody::Pong { echo: 0x1122_3344_5566_7788, pad: &[1, 2] }),
        server("only an acknowledgement", 0, 32, ServerBody::Ack),
        server("one input refused", 0, 0, ServerBody::refused(Reject::InputRate)),
        server("close", 0, 0, ServerBody::close(Reject::Replaced)),
        server("challenge", 0, 0, ServerBody::Challenge { salt: &SALT, bits: u32::from(BITS) }),
        server("rooms", 0, 0, ServerBody::Rooms { ask: 1, more: true, rooms: RoomLines::new(&lines) }),
        server("ticket", 0, 0, ServerBody::Ticket { ticket: &[0x7C; 28] }),
        server("no rooms", 0, 0, ServerBody::Rooms { ask: 2, more: false, rooms: RoomLines::new(&[]) }),
    ]
}

#[test]
fn messages() {
    let input = ClientBody::Input { op: 2, data: &[9] };
    let same = [
        same("fields in another order", &[0x3A, 5, 0x12, 1, 9, 0x08, 2, 0x10, 1, 0x08, 4], 4, 1, input),
        same("a scalar twice: the last counts", &[0x08, 3, 0x08, 4, 0x3A, 7, 0x08, 1, 0x08, 2, 0x12, 1, 9], 4, 0, input),
        same(
            "unknown fields of each wire type are skipped",
            &[
                0x98, 1, 5, 0x08, 4, 0x99, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0x9A, 1, 1, 0xFF, 0x9D, 1, 1, 2, 3, 4, 0x3A, 7, 0x08, 2,
                0x18, 1, 0x12, 1, 9,
            ],
            4,
            0,
            input,
        ),
        same("longer varints than needed", &[0x88, 0, 0x84, 0, 0x3A, 0x85, 0, 0x08, 2, 0x12, 1, 9], 4, 0, input),
        same("zeros written out", &[0x08, 0, 0x10, 0, 0x52, 0], 0, 0, ClientBody::Ack),
        same(
            "a number of 33 bits for 32: its low bits count",
            &[0x08, 4, 0x3A, 9, 0x08, 0x82, 0x80, 0x80, 0x80, 0x10, 0x12, 1, 9],
            4,
            0,
            input,
        ),
    ];
    let bad = [
        bad("empty payload: no body", &[], Reject::Message),
        bad("numbers but no body", &[0x08, 1, 0x10, 1], Reject::Message),
        bad("the same body twice", &[0x52, 0, 0x52, 0], Reject::Message),
        bad("two bodies", &[0x52, 0, 0x5A, 0], Reject::Message),
        bad("body of a kind that is not known", &[0x8A, 1, 0], Reject::Message),
        bad("body is not a message", &[0x50, 1], Reject::Message),
        bad("seq is not a number", &[0x0A, 0, 0x52, 0], Reject::Message),
        bad("body longer than the payload", &[0x52, 1], Reject::Message),
        bad("length of 2^63", &[0x52, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1], Reject::Message),
        bad("varint of eleven bytes", &[0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0], Reject::Message),
        bad("varint beyond 64 bits", &[0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0x52, 0], Reject::Message),
        bad("varint without its end", &[0x08, 0x80], Reject::Message),
        bad("field 0", &[0x00, 0, 0x52, 0], Reject::Message),
        bad("a group", &[0x9B, 1, 0x9C, 1, 0x52, 0], Reject::Message),
        bad("fixed64 cut short", &[0x42, 5, 0x09, 1, 2, 3, 4], Reject::Message),
        bad("name is not UTF-8", &[0x1A, 3, 0x0A, 1, 0xFF], Reject::Message),
        bad("token of 15 bytes", &[&[0x22, 17, 0x12, 15][..], &[7; 15]].concat(), Reject::ResumeToken),
        bad("work whose number is a varint", &[0x62, 2, 0x08, 1], Reject::Message),
        bad("join of a room by number and name", &[&[0x2A, 12, 0x11][..], &[1; 8], &[0x1A, 1, b'a']].concat(), Reject::Message),
        bad("parameters without the name of a room", &[0x2A, 3, 0x22, 1, 9], Reject::Message),
        bad("token missing", &[0x22, 0], Reject::ResumeToken),
    ];
    let (letters, most) = ("a".repeat(25), "山".repeat(24));
    let data = [0; 1025];
    let join = |game| ClientBody::Join { game, room: Wanted::Any };
    let named = |name, params| ClientBody::Join { game: "hilltop", room: Wanted::Named { name, params } };
    let list = |label| ClientBody::List(Ask { ask: 1, game: "hilltop", label, free: false });
    let ada = ClientBody::Login { name: "Ada" };
    let beyond = [
        beyond(
            "name of 25 characters",
            ClientBody::Login { name: &most },
            ClientBody::Login { name: &letters },
            Reject::LoginName,
        ),
        beyond("no name", ClientBody::Login { name: "A" }, ClientBody::Login { name: "" }, Reject::LoginName),
        beyond("control character in the name", ada, ClientBody::Login { name: "A\nda" }, Reject::LoginName),
        beyond("space at the end of the name", ada, ClientBody::Login { name: "Ada " }, Reject::LoginName),
        beyond("game of 33 bytes", join(&"g".repeat(32)), join(&"g".repeat(33)), Reject::RoomGame),
        beyond("capital in a game's name", join("hill-2"), join("Hill-2"), Reject::RoomGame),
        beyond(
            "input of 1025 bytes",
            ClientBody::Input { op: 1, data: &data[..1024] },
            ClientBody::Input { op: 1, data: &data },
            Reject::InputLength,
        ),
        beyond("name of a room of 65 bytes", named(&"n".repeat(64), &[]), named(&"n".repeat(65), &[]), Reject::RoomName),
        beyond("line break in the name of a room", named("a b", &[]), named("a\nb", &[]), Reject::RoomName),
        beyond("parameters of 1025 bytes", named("a", &data[..1024]), named("a", &data), Reject::RoomParams),
        beyond("filter of 257 bytes", list(&"f".repeat(256)), list(&"f".repeat(257)), Reject::RoomFilter),
        beyond(
            "ticket of 65 bytes",
            ClientBody::Ticket { ticket: &data[..64] },
            ClientBody::Ticket { ticket: &data[..65] },
            Reject::Message,
        ),
        beyond(
            "pad of 65 bytes",
            ClientBody::Ping { echo: 1, pad: &data[..64] },
            ClientBody::Ping { echo: 1, pad: &data[..65] },
            Reject::Message,
        ),
    ];
    let work = [0, 1, 8, 12, BITS].map(|bits| json!({ "salt": hex(&SALT), "bits": bits, "first": text(answer(bits)) }));
    check_file(
        "message.json",
        &json!({
            "about": [
                "client, server: one message of each kind and its encoding. 64-bit numbers are decimal text, bytes are hex.",
                "same: other encodings of messages from a client, to be read as what stands there.",
                "bad: payloads that are no message from a client; expect is the label of the reject.",
                "beyond: messages from a client with a field beyond its limit, and the same message at the limit.",
                "work: challenges and the lowest number that answers each.",
            ],
            "client": client_messages(),
            "server": server_messages(),
            "same": same,
            "bad": bad,
            "beyond": beyond,
            "work": work,
        }),
    );
}
