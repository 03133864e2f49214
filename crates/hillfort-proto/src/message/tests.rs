//! The borrowed forms against prost's: the same bytes, the same meaning, the same refusals.

use proptest::prelude::*;
use prost::Message;

use super::schema::{self, ClientMessage, ServerMessage, client_message, server_message};
use super::*;
use crate::ids::{RoomId, SessionId};
use crate::reject::Reject;

fn client_to_owned(view: &ClientView<'_>) -> ClientMessage {
    use client_message::Body;
    let body = match view.body {
        ClientBody::Login { name } => Body::Login(schema::Login { name: name.into() }),
        ClientBody::Resume { session, token, received } => {
            Body::Resume(schema::Resume { session: session.0, token: token.into(), received })
        }
        ClientBody::Join { game, room } => {
            let (room, name, params) = match room {
                Wanted::Any => (0, "", &[][..]),
                Wanted::Room(room) => (room.0, "", &[][..]),
                Wanted::Named { name, params } => (0, name, params),
            };
            Body::Join(schema::Join { game: game.into(), room, name: name.into(), params: params.into() })
        }
        ClientBody::List(Ask { ask, game, label, free }) => {
            Body::List(schema::List { ask, game: game.into(), label: label.into(), free })
        }
        ClientBody::Resync => Body::Resync(schema::Resync {}),
        ClientBody::Leave => Body::Leave(schema::Leave {}),
        ClientBody::Input { op, data } => Body::Input(schema::Input { op, data: data.into() }),
        ClientBody::Ping { echo, pad } => Body::Ping(schema::Ping { echo, pad: pad.into() }),
        ClientBody::Pong { echo, pad } => Body::Pong(schema::Pong { echo, pad: pad.into() }),
        ClientBody::Ack => Body::OnlyAck(schema::Ack {}),
        ClientBody::Bye => Body::Bye(schema::Bye {}),
        ClientBody::Work { nonce } => Body::Work(schema::Work { nonce }),
        ClientBody::Ticket { ticket } => Body::Ticket(schema::Ticket { ticket: ticket.into() }),
    };
    ClientMessage { seq: view.seq, ack: view.ack, body: Some(body) }
}

fn server_to_owned(view: &ServerView<'_>) -> ServerMessage {
    use server_message::Body;
    let body = match view.body {
        ServerBody::Welcome { session, token, resumed, received, heartbeat_ms, resume_ms } => {
            Body::Welcome(schema::Welcome { session: session.0, token: token.into(), resumed, received, heartbeat_ms, resume_ms })
        }
        ServerBody::Joined { room, game, hz, tick } => Body::Joined(schema::Joined { room: room.0, game: game.into(), hz, tick }),
        ServerBody::Left { code, reason } => Body::Left(schema::Left { code, reason: reason.into() }),
        ServerBody::Event { op, data } => Body::Event(schema::RoomEvent { op, data: data.into() }),
        ServerBody::State { tick, data } => Body::State(schema::RoomState { tick, data: data.into() }),
        ServerBody::Scene { data } => Body::Scene(schema::RoomScene { data: data.into() }),
        ServerBody::Ping { echo, pad } => Body::Ping(schema::Ping { echo, pad: pad.into() }),
        ServerBody::Pong { echo, pad } => Body::Pong(schema::Pong { echo, pad: pad.into() }),
        ServerBody::Ack => Body::OnlyAck(schema::Ack {}),
        ServerBody::Refused { code, reason } => Body::Refused(schema::Refused { code, reason: reason.into() }),
        ServerBody::Close { code, reason } => Body::Close(schema::Close { code, reason: reason.into() }),
        ServerBody::Challenge { salt, bits } => Body::Challenge(schema::Challenge { salt: salt.into(), bits }),
        ServerBody::Ticket { ticket } => Body::Ticket(schema::Ticket { ticket: ticket.into() }),
        ServerBody::Rooms { ask, more, rooms } => {
            Body::Rooms(schema::Rooms { ask, more, rooms: rooms.iter().map(line_to_owned).collect() })
        }
    };
    ServerMessage { seq: view.seq, ack: view.ack, body: Some(body) }
}

fn line_to_owned(line: RoomLine<'_>) -> schema::RoomLine {
    let RoomLine { room, name, label, seats_taken, seats_max, hz } = line;
    schema::RoomLine { room: room.0, name: name.into(), label: label.into(), seats_taken, seats_max, hz }
}

fn written(message: &impl Encode) -> Vec<u8> {
    let mut out = Vec::new();
    message.put(Framing::Bare, &mut out);
    assert_eq!(out.len(), message.encoded_len());
    out
}

/// Random values of every field that any body has.
#[derive(Debug, Clone)]
struct Values {
    text: String,
    data: Vec<u8>,
    token: [u8; 16],
    a: u64,
    b: u64,
    c: u32,
    d: u32,
    flag: bool,
    lines: Vec<u8>,
}

/// Numbers of every length, zero among them.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0u32..=64).prop_map(|(value, bits)| value.checked_shr(bits).unwrap_or(0))
}

fn values() -> impl Strategy<Value = Values> {
    let text = prop::collection::vec(any::<char>(), 0..40).prop_map(String::from_iter);
    let data = prop::collection::vec(any::<u8>(), 0..300);
    (text, data, any::<[u8; 16]>(), number(), number(), number(), number(), any::<bool>()).prop_map(
        |(text, data, token, a, b, c, d, flag)| {
            let (c, d, mut lines) = (c as u32, d as u32, Vec::new());
            for room in 0..data.len() as u64 % 4 {
                let line =
                    RoomLine { room: RoomId(a ^ room), name: &text, label: "mode=duel", seats_taken: c, seats_max: d, hz: 20 };
                line.put(&mut lines);
            }
            Values { text, data, token, a, b, c, d, flag, lines }
        },
    )
}

fn client_body(kind: u8, v: &Values) -> ClientBody<'_> {
    match kind % 14 {
        13 => ClientBody::Ticket { ticket: &v.data },
        0 => ClientBody::Login { name: &v.text },
        1 => ClientBody::Resume { session: SessionId(v.a), token: &v.token, received: v.b },
        2 => ClientBody::Join { game: &v.text, room: if v.a == 0 { Wanted::Any } else { Wanted::Room(RoomId(v.a)) } },
        3 => ClientBody::Leave,
        4 => ClientBody::Input { op: v.c, data: &v.data },
        5 => ClientBody::Ping { echo: v.a, pad: &v.data },
        6 => ClientBody::Pong { echo: v.a, pad: &v.data },
        7 => ClientBody::Ack,
        8 => ClientBody::Work { nonce: v.a },
        9 if !v.text.is_empty() => ClientBody::Join { game: "", room: Wanted::Named { name: &v.text, params: &v.data } },
        10 => ClientBody::List(Ask { ask: v.c, game: "hilltop", label: &v.text, free: v.flag }),
        11 => ClientBody::Resync,
        _ => ClientBody::Bye,
    }
}

fn server_body(kind: u8, v: &Values) -> ServerBody<'_> {
    match kind % 14 {
        13 => ServerBody::Ticket { ticket: &v.data },
        12 => ServerBody::Scene { data: &v.data },
        0 => ServerBody::Welcome {
            session: SessionId(v.a),
            token: &v.token,
            resumed: v.flag,
            received: v.b,
            heartbeat_ms: v.c,
            resume_ms: v.d,
        },
        1 => ServerBody::Joined { room: RoomId(v.a), game: &v.text, hz: v.c, tick: v.b },
        2 => ServerBody::Left { code: v.c, reason: &v.text },
        3 => ServerBody::Event { op: v.c, data: &v.data },
        4 => ServerBody::State { tick: v.a, data: &v.data },
        5 => ServerBody::Ping { echo: v.a, pad: &v.data },
        6 => ServerBody::Pong { echo: v.a, pad: &v.data },
        7 => ServerBody::Ack,
        8 => ServerBody::Refused { code: v.c, reason: &v.text },
        9 => ServerBody::Challenge { salt: &v.token, bits: v.c },
        10 => ServerBody::Rooms { ask: v.c, more: v.flag, rooms: RoomLines::new(&v.lines) },
        _ => ServerBody::Close { code: v.c, reason: &v.text },
    }
}

/// One field that no message of ours has, with any of the wire types that are skipped.
fn unknown_field(number: u32, wire: u8, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let (wire, value) = match wire % 4 {
        0 => (0, vec![0xFF, 0x01]),
        1 => (1, vec![9; 8]),
        2 => (2, [&[data.len() as u8][..], data].concat()),
        _ => (5, vec![9; 4]),
    };
    wire::put_varint(u64::from(number << 3 | wire), &mut out);
    out.extend(value);
    out
}

proptest! {
    #[test]
    fn client_messages_are_the_bytes_of_prost(kind: u8, v in values(), seq in number(), ack in number()) {
        let view = ClientView { seq, ack, body: client_body(kind, &v) };
        let bytes = written(&view);
        prop_assert_eq!(&bytes, &client_to_owned(&view).encode_to_vec());
        prop_assert_eq!(ClientView::read(&bytes), Ok(view));
    }

    #[test]
    fn server_messages_are_the_bytes_of_prost(kind: u8, v in values(), seq in number(), ack in number()) {
        let view = ServerView { seq, ack, body: server_body(kind, &v) };
        let bytes = written(&view);
        prop_assert_eq!(&bytes, &server_to_owned(&view).encode_to_vec());
        prop_assert_eq!(ServerView::read(&bytes), Ok(view));
    }

    /// An older end reads what a newer one added, as if it were not there.
    #[test]
    fn unknown_fields_are_skipped(
        kind: u8, v in values(), number in 15u32..1 << 28, wire: u8, data in prop::collection::vec(any::<u8>(), 0..50), front: bool,
    ) {
        let view = ClientView { seq: 1, ack: 2, body: client_body(kind, &v) };
        let field = unknown_field(number, wire, &data);
        let bytes = if front { [field, written(&view)].concat() } else { [written(&view), field].concat() };
        prop_assert_eq!(ClientView::read(&bytes), Ok(view));
    }

    /// Whatever the borrowed form takes, prost takes with the same meaning. (Prost takes more: groups, bodies given twice, tokens
    /// and salts of any length.)
    #[test]
    fn hostile_bytes_are_refused_or_mean_what_prost_says(kind: u8, v in values(), at: prop::sample::Index, change: u8, cut: prop::sample::Index) {
        let mut bytes = written(&ClientView { seq: 300, ack: 5, body: client_body(kind, &v) });
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        bytes.truncate(cut.index(bytes.len()) + 1);
        match ClientView::read(&bytes) {
            Ok(view) => prop_assert_eq!(ClientMessage::decode(&bytes[..]).unwrap(), client_to_owned(&view)),
            Err(reject) => prop_assert!(matches!(reject, Reject::Message | Reject::ResumeToken)),
        }
        let mut bytes = written(&ServerView { seq: 300, ack: 5, body: server_body(kind, &v) });
        let at = at % bytes.len();
        bytes[at] ^= change;
        match ServerView::read(&bytes) {
            Ok(view) => prop_assert_eq!(ServerMessage::decode(&bytes[..]).unwrap(), server_to_owned(&view)),
            Err(reject) => prop_assert!(matches!(reject, Reject::Message | Reject::ResumeToken | Reject::Work)),
        }
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _either_way = (ClientView::read(&bytes), ServerView::read(&bytes));
    }
}

#[test]
fn a_body_given_twice_is_refused_even_within_a_larger_message() {
    let one = written(&ClientView { seq: 1, ack: 0, body: ClientBody::Input { op: 1, data: b"x" } });
    let bye = written(&ClientView::unsequenced(ClientBody::Bye));
    assert_eq!(ClientView::read(&[&one[..], &bye].concat()), Err(Reject::Message));
    let ack = written(&ServerView::unsequenced(ServerBody::Ack));
    assert_eq!(ServerView::read(&[&ack[..], &ack].concat()), Err(Reject::Message));
}

#[test]
fn names_and_games_are_judged_at_their_edges() {
    let name = |name: &str, good: bool| assert_eq!(client::check_name(name).is_ok(), good, "{name:?}");
    name("a", true);
    name(&"é".repeat(24), true);
    name(&"é".repeat(25), false);
    name("", false);
    name(" a", false);
    name("a b", true);
    name("a\u{0}", false);
    name("a\u{7f}b", false);
    name("\u{3000}", false);
    name("a\u{202E}b", false);
    name("👩\u{200D}🌾", true);
    let game = |game: &str, good: bool| assert_eq!(client::check_game(game).is_ok(), good, "{game:?}");
    game("hilltop", true);
    game("a-1", true);
    game("", false);
    game(&"a".repeat(32), true);
    game(&"a".repeat(33), false);
    game("Hill", false);
    game("a_b", false);
    game("höhe", false);
}

#[test]
fn room_names_and_filters_are_judged_at_their_edges() {
    let name = |name: &str, good: bool| assert_eq!(client::check_room_name(name).is_ok(), good, "{name:?}");
    name("a", true);
    name("Zoë's room", true);
    name(&"a".repeat(64), true);
    name(&"a".repeat(65), false);
    name("", false);
    name("a ", false);
    name("a\nb", false);
    let fits = |filter: &str, label: &str, expect: bool| {
        let ask = Ask { ask: 0, game: "g", label: filter, free: false };
        assert_eq!(ask.fits(label), expect, "{filter:?} {label:?}");
    };
    fits("", "", true);
    fits("duel", "mode=duel open", true);
    fits("mode=duel", "mode=duel open", true);
    fits("mode=du", "mode=duel open", false);
    fits("open mode=duel", "mode=duel open", true);
    fits("open Mode=duel", "mode=duel open", false);
    fits("ope", "mode=duel open", true);
}
