//! What is done for each frame allocates nothing, once the buffers have their size; a quiet session holds no heap but its name.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

use allocation_counter::measure;
use hillfort_proto::frame::{self, Framing};
use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::message::{ClientBody, ClientView, Encode, Wanted};
use hillfort_proto::session::{client, server};
use hillfort_proto::time::Time;

const F: Framing = Framing::Tcp;
const ROOM: RoomId = RoomId(0x301);
const NOW: Time = Time::ZERO;

/// Hands every frame of `stream` to `handle` and empties it.
fn each_frame(stream: &mut Vec<u8>, mut handle: impl FnMut(&[u8])) {
    let mut at = 0;
    while let Some(frame) = frame::read(&stream[at..], 65_536).unwrap() {
        handle(frame.payload);
        at += frame.consumed;
    }
    assert_eq!(at, stream.len());
    stream.clear();
}

fn opened(up: &mut Vec<u8>, down: &mut Vec<u8>) -> (client::Session, server::Session) {
    let mut client = client::Session::new("Ada");
    let mut server = server::Session::new(NOW);
    client.start(NOW, F, up);
    each_frame(up, |payload| assert!(server.handle_payload(NOW, payload, F, &mut Vec::new()).unwrap().is_some()));
    server.accept_login(NOW, SessionId(256), [1; 16], F, down).unwrap();
    each_frame(down, |payload| assert!(client.handle_payload(NOW, payload, F, &mut Vec::new()).unwrap().is_some()));
    (client, server)
}

fn seated(up: &mut Vec<u8>, down: &mut Vec<u8>) -> (client::Session, server::Session) {
    let (mut client, mut server) = opened(up, down);
    client.join("hilltop", Wanted::Any, F, up).unwrap();
    each_frame(up, |payload| assert!(server.handle_payload(NOW, payload, F, &mut Vec::new()).unwrap().is_some()));
    server.enqueue_joined(ROOM, "hilltop", 20, 0, F, down).unwrap();
    each_frame(down, |payload| assert!(client.handle_payload(NOW, payload, F, &mut Vec::new()).unwrap().is_some()));
    (client, server)
}

#[test]
fn pings_inputs_states_and_events_allocate_nothing_at_either_end() {
    let (mut up, mut down) = (Vec::with_capacity(64 * 1024), Vec::with_capacity(64 * 1024));
    let (mut client, mut server) = seated(&mut up, &mut down);
    let (mut inputs, mut states, mut events, mut pongs) = (0u64, 0u64, 0u64, 0u64);
    let mut turn = |rounds: u64| {
        for tick in 0..rounds {
            client.ping(NOW, &[1; 51], F, &mut up);
            client.input(2, &[2; 32], F, &mut up).unwrap();
            each_frame(&mut up, |payload| match server.handle_payload(NOW, payload, F, &mut down).unwrap() {
                Some(server::Event::Input { .. }) => inputs += 1,
                other => assert_eq!(other, None),
            });
            server.enqueue_state(ROOM, tick, &[3; 400], F, &mut down);
            server.enqueue_event(ROOM, 1, &[4; 40], F, &mut down).unwrap();
            each_frame(&mut down, |payload| match client.handle_payload(NOW, payload, F, &mut up).unwrap() {
                Some(client::Event::State { .. }) => states += 1,
                Some(client::Event::Room { .. }) => events += 1,
                Some(client::Event::Pong { .. }) => pongs += 1,
                other => assert_eq!(other, None),
            });
        }
    };
    turn(100); // the logs get their size
    let counted = measure(|| turn(1_000));
    assert_eq!((inputs, states, events, pongs), (1_100, 1_100, 1_100, 1_100));
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn refusing_hostile_payloads_allocates_nothing() {
    let mut input = Vec::new();
    ClientView { seq: 9, ack: 0, body: ClientBody::Input { op: 1, data: &[0; 100] } }.put(Framing::Bare, &mut input);
    let bad: [&[u8]; 5] = [&[], &[0xFF; 200], &[0x52, 0, 0x52, 0], &input[..50], &input];
    let (mut up, mut down) = (Vec::new(), Vec::new());
    let (_, mut server) = seated(&mut up, &mut down);
    let counted = measure(|| {
        for payload in bad {
            assert!(server.handle_payload(NOW, payload, F, &mut down).is_err());
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn first_bytes_allocate_nothing() {
    use hillfort_proto::client_hello::{self, Scratch, Transport};
    // A ClientHello of OpenSSL, whole, cut short, wrong, and in two records.
    let hello: &[u8] = include_bytes!("../../../fuzz/corpus/client_hello/openssl");
    let mut wrong = hello.to_vec();
    wrong[5 + 4 + 34] = 33; // no session id is as long
    let (one, two) = hello[5..].split_at(80);
    let records = [one, two].map(|part| [&hello[..3], &(part.len() as u16).to_be_bytes(), part].concat()).concat();
    let mut scratch = Scratch::default();
    let mut named = 0;
    let counted = measure(|| {
        for bytes in [hello, &hello[..200], &wrong, &records, b"GET / HTTP/1.1"] {
            if let Ok(Some(hello)) = client_hello::read(bytes, &mut scratch) {
                named += u32::from(hello.ja4(Transport::Tcp).as_str().starts_with("t13d"));
                named += u32::from(hello.ja3().bytes() != [0; 16]);
            }
        }
        assert!(hillfort_proto::proxy::read(b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0C").is_err());
    });
    assert_eq!((named, counted.count_total), (4, 0), "{counted:?}");
}

#[test]
fn a_quiet_session_holds_no_heap_but_its_name() {
    let (mut up, mut down) = (Vec::with_capacity(1024), Vec::with_capacity(1024));
    let counted = measure(|| {
        let mut server = server::Session::new(NOW);
        let mut login = [0u8; 64];
        let mut bytes = Vec::new();
        ClientView::unsequenced(ClientBody::Login { name: "Ada" }).put(Framing::Bare, &mut bytes);
        login[..bytes.len()].copy_from_slice(&bytes);
        server.handle_payload(NOW, &login[..bytes.len()], F, &mut up).unwrap();
        server.accept_login(NOW, SessionId(256), [1; 16], F, &mut down).unwrap();
        drop(bytes);
        std::mem::forget(server);
    });
    assert_eq!(counted.bytes_current, 3, "{counted:?}");
}
