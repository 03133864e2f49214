//! Bytes that must be refused, end to end: each gets its stated refusal, is counted once, and changes nothing else.

use std::collections::BTreeMap;

use hillfort_proto::hello::{AppId, Hello, HelloKey, KeyId};
use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::limits::HELLO_BYTES;
use hillfort_proto::message::{ClientBody, ClientView, ServerBody, Wanted};
use hillfort_proto::reject::Reject;
use hillfort_proto::time::UnixMs;
use serde_json::Value;

use crate::player::Player;
use crate::server::Server;
use crate::web::{Metrics, get};
use crate::wire::{Door, Wire, development_key, hello, unix_ms};

/// A server, an honest player that must not notice, and what should be counted by now.
struct Bench {
    server: Server,
    witness: Player,
    expect: BTreeMap<String, u64>,
}

impl Bench {
    fn new() -> Self {
        let server = Server::start(&[("edge.hello_ms_max", "500"), ("edge.login_ms_max", "500")]);
        let witness = Player::seated(&Door::frames(server.frames), "Witness", "hilltop");
        Self { server, witness, expect: BTreeMap::new() }
    }

    fn count(&mut self, reject: Reject) {
        *self.expect.entry(reject.label().to_owned()).or_default() += 1;
    }

    /// The connection must end, with these last words.
    fn ends(&mut self, what: &str, mut wire: Wire, reject: Reject, said: bool) {
        assert_eq!(wire.closed(), said.then_some(reject), "{what}");
        self.count(reject);
    }

    /// One message must be refused, and the next one answered.
    fn refused(&mut self, what: &str, wire: &mut Wire, reject: Reject) {
        let code = wire.wait(what, |body| match body {
            ServerBody::Refused { code, .. } => Some(code),
            ServerBody::Left { code, .. } => Some(code),
            ServerBody::Close { code, .. } => panic!("{what}: closed by {code}"),
            _ => None,
        });
        assert_eq!(Reject::from_code(code), Some(reject), "{what}");
        self.count(reject);
    }

    /// All refusals are counted, each once; one player plays in one room; the server is well and wrote nothing about it.
    fn settle(mut self) {
        let expect = &self.expect;
        Metrics::when(self.server.console, &format!("{expect:?}"), |metrics| {
            metrics.refused() == *expect && metrics.sessions() == (1, 0) && metrics.rooms() == 1
        });
        let (tick, _) = self.witness.state();
        assert!(self.witness.state().0 > tick, "the room goes on");
        assert_eq!(get(self.server.http, "/healthz").status, 200);
        let complaints = self.server.log().iter().filter(|line| line.contains("WARN") || line.contains("ERROR")).count();
        assert!(complaints <= 1, "only descriptors may be complained about");
    }
}

fn vectors(name: &str) -> Value {
    let path = format!("{}/../hillfort-proto/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Name, bytes and expected reject of each vector of a list that has one.
fn rejected(list: &Value) -> Vec<(String, Vec<u8>, Reject)> {
    let text = |vector: &Value, field: &str| vector[field].as_str().unwrap().to_owned();
    let find = |label: &str| Reject::ALL.iter().copied().find(|reject| reject.label() == label);
    let vectors = list.as_array().unwrap().iter();
    vectors.filter_map(|v| Some((text(v, "name"), bytes(&text(v, "hex")), find(&text(v, "expect"))?))).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap()).collect()
}

#[test]
fn hellos() {
    let mut bench = Bench::new();
    let [frames, websocket] = bench.server.doors();
    let signed = |shift: i64, app: u32, key: u16, secret: &[u8]| {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).unwrap();
        let key = HelloKey::new(AppId(app), KeyId(key), secret).unwrap();
        Hello::sign(UnixMs(unix_ms().0.saturating_add_signed(shift)), nonce, &key)
    };
    let secret = crate::wire::DEVELOPMENT_SECRET;
    let changed = |at: usize, bits: u8| {
        let mut bytes = hello(&development_key());
        bytes[at] ^= bits;
        bytes
    };
    // What an honest client can get wrong is said over TCP, too; to all others nothing is.
    type Case<'a> = (&'a str, [u8; HELLO_BYTES], Reject, bool);
    let cases: [Case<'_>; 9] = [
        ("first byte of the magic", changed(0, 1), Reject::HelloMagic, false),
        ("last byte of the magic", changed(7, 1), Reject::HelloMagic, false),
        ("a minute late", signed(-60_000, 1, 1, secret), Reject::HelloTime, true),
        ("a minute early", signed(60_000, 1, 1, secret), Reject::HelloTime, true),
        ("unknown app", signed(0, 2, 1, secret), Reject::HelloKey, true),
        ("unknown key", signed(0, 1, 2, secret), Reject::HelloKey, true),
        ("another secret", signed(0, 1, 1, &[0x5a; 32]), Reject::HelloMac, true),
        ("last bit of the MAC", changed(71, 1), Reject::HelloMac, true),
        ("a flag", changed(39, 1), Reject::HelloFlags, true),
    ];
    for door in [&frames, &websocket] {
        for (what, hello, reject, said) in &cases {
            let mut wire = Wire::open(door).unwrap();
            wire.send_hello(hello);
            bench.ends(what, wire, *reject, *said || door.websocket);
        }
        let good = hello(&development_key());
        let mut first = Wire::open(door).unwrap();
        first.send_hello(&good);
        first.say(ClientView::unsequenced(ClientBody::Login { name: "First" }));
        first.wait("Welcome", |body| matches!(body, ServerBody::Welcome { .. }).then_some(()));
        let mut again = Wire::open(door).unwrap();
        again.send_hello(&good);
        bench.ends("a replay", again, Reject::HelloReplay, true);
        first.say(ClientView::unsequenced(ClientBody::Bye));
        assert_eq!(first.closed(), Some(Reject::Goodbye));

        let mut slow = Wire::open(door).unwrap();
        if !door.websocket {
            slow.send(&good[..8]);
        }
        bench.ends("a hello that does not go on", slow, Reject::HelloSlow, door.websocket);
        bench.ends("no login", Wire::proven(door), Reject::LoginSlow, true);
    }
    // All hellos of the vectors are months old, so that their own faults come second to that.
    for vector in vectors("hello")["vectors"].as_array().unwrap() {
        let hello = bytes(vector["hex"].as_str().unwrap());
        let mut wire = Wire::open(&websocket).unwrap();
        wire.send_hello(&hello);
        let expect = match vector["expect"].as_str().unwrap() {
            "hello_magic" => Reject::HelloMagic,
            "hello_length" => Reject::HelloLength,
            "hello_flags" => Reject::HelloFlags,
            _ => Reject::HelloTime,
        };
        bench.ends(vector["name"].as_str().unwrap(), wire, expect, true);
    }
    bench.settle();
}

#[test]
fn frames() {
    let mut bench = Bench::new();
    let [frames, websocket] = bench.server.doors();
    let vectors = vectors("frame");
    for (what, bytes, reject) in rejected(&vectors["vectors"]) {
        let mut wire = Wire::logged_in(&frames);
        wire.send(&bytes);
        bench.ends(&what, wire, reject, true);
    }
    // Opcode, mask and length of a header, with the four bytes of a mask.
    let cases: [(&str, &[u8], Reject); 7] = [
        ("not masked", &[0x82, 0x02, 0x52, 0x00], Reject::WebSocket),
        ("text", &[0x81, 0x82, 0, 0, 0, 0, 0x52, 0x00], Reject::WebSocket),
        ("reserved bit", &[0xc2, 0x82, 0, 0, 0, 0, 0x52, 0x00], Reject::WebSocket),
        ("unknown opcode", &[0x83, 0x80, 0, 0, 0, 0], Reject::WebSocket),
        ("a part without a beginning", &[0x80, 0x80, 0, 0, 0, 0], Reject::WebSocket),
        ("a ping in parts", &[0x09, 0x80, 0, 0, 0, 0], Reject::WebSocket),
        ("one byte too long", &[0x82, 0xfe, 0x10, 0x01, 0, 0, 0, 0], Reject::FrameLength),
    ];
    for (what, bytes, reject) in cases {
        let mut wire = Wire::logged_in(&websocket);
        wire.send(bytes);
        bench.ends(what, wire, reject, true);
    }
    // Not even an upgrade.
    let answer = get(bench.server.http, "/session");
    assert_eq!(answer.status, 426, "{answer:?}");
    bench.count(Reject::WebSocket);
    let mut junk = Wire::open(&Door::frames(bench.server.http)).unwrap();
    junk.send(b"\x16\x03\x01 no request\r\n\r\n");
    let said = String::from_utf8(junk.bytes_to_the_end()).unwrap();
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 400 "), "{said}");
    bench.count(Reject::Http);
    bench.settle();
}

#[test]
fn messages() {
    let mut bench = Bench::new();
    let vectors = vectors("message");
    for door in bench.server.doors() {
        for (what, payload, reject) in rejected(&vectors["bad"]) {
            let mut wire = Wire::logged_in(&door);
            wire.send_payload(&payload);
            bench.ends(&what, wire, reject, true);
        }
        for (what, payload, reject) in rejected(&vectors["beyond"]) {
            // A name and a ticket come before the login.
            let early = reject == Reject::LoginName || what.starts_with("ticket");
            let mut wire = if early { Wire::proven(&door) } else { Wire::logged_in(&door) };
            wire.send_payload(&payload);
            match reject {
                Reject::Message => bench.ends(&what, wire, reject, true),
                _ => {
                    bench.refused(&what, &mut wire, reject);
                    // The connection is as good as before.
                    if reject == Reject::LoginName {
                        wire.say(ClientView::unsequenced(ClientBody::Login { name: "Second try" }));
                        wire.wait("Welcome", |body| matches!(body, ServerBody::Welcome { .. }).then_some(()));
                    }
                    wire.say(ClientView::unsequenced(ClientBody::Bye));
                    assert_eq!(wire.closed(), Some(Reject::Goodbye), "{what}");
                }
            }
        }
    }
    bench.settle();
}

#[test]
fn messages_at_the_wrong_time() {
    let mut bench = Bench::new();
    let door = Door::websocket(bench.server.http);
    let unsequenced = ClientView::unsequenced;
    let join = |seq, room| ClientView { seq, ack: 0, body: ClientBody::Join { game: "hilltop", room } };
    let input = |seq| ClientView { seq, ack: 0, body: ClientBody::Input { op: 1, data: &[] } };
    let login = ClientBody::Login { name: "Twice" };
    let resume = ClientBody::Resume { session: SessionId(0x1234_5678_9a00), token: &[0; 16], received: 0 };

    let first: [(&str, ClientView<'_>, Reject); 5] = [
        ("input before login", unsequenced(ClientBody::Input { op: 1, data: &[] }), Reject::OutOfState),
        ("ping before login", unsequenced(ClientBody::Ping { echo: 1, pad: &[] }), Reject::OutOfState),
        ("login with a number", ClientView { seq: 1, ack: 0, body: login }, Reject::Message),
        ("resume of what never was", unsequenced(resume), Reject::ResumeUnknown),
        ("bye before login", unsequenced(ClientBody::Bye), Reject::OutOfState),
    ];
    for (what, message, reject) in first {
        let mut wire = Wire::proven(&door);
        wire.say(message);
        bench.ends(what, wire, reject, true);
    }
    let closing: [(&str, ClientView<'_>, Reject); 5] = [
        ("login twice", unsequenced(login), Reject::OutOfState),
        ("resume after login", unsequenced(resume), Reject::OutOfState),
        ("number 2 first", input(2), Reject::SequenceGap),
        ("ack of what was never sent", ClientView { seq: 0, ack: 1_000, body: ClientBody::Ack }, Reject::AckAhead),
        ("ping with a number", ClientView { seq: 1, ack: 0, body: ClientBody::Ping { echo: 1, pad: &[] } }, Reject::Message),
    ];
    for (what, message, reject) in closing {
        let mut wire = Wire::logged_in(&door);
        wire.say(message);
        bench.ends(what, wire, reject, true);
    }
    // One session bears all of these.
    let mut wire = Wire::logged_in(&door);
    let sequenced = |seq, body| ClientView { seq, ack: 0, body };
    wire.say(input(1));
    bench.refused("input without a seat", &mut wire, Reject::NotJoined);
    wire.say(sequenced(2, ClientBody::Leave));
    bench.refused("leave without a seat", &mut wire, Reject::NotJoined);
    wire.say(sequenced(3, ClientBody::Join { game: "chess", room: Wanted::Any }));
    bench.refused("no such game", &mut wire, Reject::RoomGame);
    wire.say(join(4, Wanted::Room(RoomId(0xffff_ff00))));
    bench.refused("no such room", &mut wire, Reject::RoomUnknown);
    wire.say(join(5, Wanted::Any));
    wire.wait("Joined", |body| matches!(body, ServerBody::Joined { .. }).then_some(()));
    wire.say(join(6, Wanted::Any));
    bench.refused("a second seat", &mut wire, Reject::AlreadyJoined);
    wire.say(sequenced(7, ClientBody::Input { op: 1, data: &[0; 1025] }));
    bench.refused("a long input", &mut wire, Reject::InputLength);
    // A number that came before is a repetition after a resumption, and ignored.
    wire.say(join(6, Wanted::Any));
    wire.say(unsequenced(ClientBody::Bye));
    assert_eq!(wire.closed(), Some(Reject::Goodbye));
    bench.settle();
}
