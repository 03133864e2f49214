//! What a stranger can make us do, and what is done for each frame. `cargo bench -p hillfort-proto`.

#![expect(clippy::unwrap_used, reason = "a bench of known input")]

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use hillfort_proto::frame::{self, Framing};
use hillfort_proto::hello::{AppId, Hello, HelloKey, KeyId, KeyRing};
use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::message::schema::ClientMessage;
use hillfort_proto::message::{ClientBody, ClientView, Encode, Wanted};
use hillfort_proto::session::server::Session;
use hillfort_proto::time::{Time, UnixMs};
use prost::Message;

const NOW: UnixMs = UnixMs(1_763_700_000_000);
/// Frames or messages in one turn, as with a pipeline of 16.
const PIPELINE: usize = 16;

fn main() {
    divan::main();
}

fn ring() -> (KeyRing, HelloKey) {
    let key = HelloKey::new(AppId(1), KeyId(1), &[7; 32]).unwrap();
    let mut ring = KeyRing::new();
    ring.insert(key.clone()).unwrap();
    (ring, key)
}

/// Magic, flags, clock, key, MAC: all that one hello costs, good or with a wrong MAC.
#[divan::bench(args = [true, false])]
fn hello_check(bencher: Bencher<'_, '_>, good: bool) {
    let (ring, key) = ring();
    let mut bytes = Hello::sign(NOW, [9; 16], &key);
    bytes[71] ^= u8::from(!good);
    bencher.bench_local(|| {
        let hello = Hello::read(black_box(&bytes))?;
        hello.check_time(NOW)?;
        hello.check_mac(&ring)
    });
}

/// A hello of a stranger.
#[divan::bench]
fn hello_wrong_magic(bencher: Bencher<'_, '_>) {
    let bytes = [0x16; 72];
    bencher.bench_local(|| Hello::read(black_box(&bytes)).is_err());
}

#[divan::bench]
fn frame_read(bencher: Bencher<'_, '_>) {
    let mut bytes = Vec::new();
    Framing::Tcp.put(&mut bytes, 64, |out| out.resize(out.len() + 64, 1));
    bencher.bench_local(|| frame::read(black_box(&bytes), 4096));
}

fn seated() -> Session {
    let now = Time::ZERO;
    let mut out = Vec::new();
    let mut session = Session::new(now);
    let feed = |session: &mut Session, seq, body| {
        let mut bytes = Vec::new();
        ClientView { seq, ack: 0, body }.put(Framing::Bare, &mut bytes);
        session.handle_payload(now, &bytes, Framing::Bare, &mut Vec::new()).unwrap();
    };
    feed(&mut session, 0, ClientBody::Login { name: "bench" });
    session.accept_login(now, SessionId(256), [0; 16], Framing::Tcp, &mut out).unwrap();
    feed(&mut session, 1, ClientBody::Join { game: "hilltop", room: Wanted::Any });
    session.enqueue_joined(RoomId(1), "hilltop", 20, 0, Framing::Tcp, &mut out).unwrap();
    session
}

/// Frame in, frame out: read, decode, answer, encode; payload of 11 and of 64 bytes.
#[divan::bench(args = [0, 51])]
fn ping_to_pong(bencher: Bencher<'_, '_>, pad: usize) {
    let mut session = seated();
    let mut stream = Vec::new();
    for echo in 1..=PIPELINE as u64 {
        ClientView::unsequenced(ClientBody::Ping { echo, pad: &vec![1; pad] }).put(Framing::Tcp, &mut stream);
    }
    let mut out = Vec::with_capacity(4096);
    bencher.counter(ItemsCount::new(PIPELINE)).bench_local(|| {
        out.clear();
        let mut rest = black_box(&stream[..]);
        while let Ok(Some(frame)) = frame::read(rest, 4096) {
            session.handle_payload(Time::ZERO, frame.payload, Framing::Tcp, &mut out).unwrap();
            rest = &rest[frame.consumed..];
        }
        out.len()
    });
}

#[divan::bench]
fn input_decode(bencher: Bencher<'_, '_>) {
    let bytes = input();
    bencher
        .counter(ItemsCount::new(PIPELINE))
        .bench_local(|| (0..PIPELINE).fold(0, |seq, _| seq + ClientView::read(black_box(&bytes)).unwrap().seq));
}

/// The same by prost, which allocates the data.
#[divan::bench]
fn input_decode_prost(bencher: Bencher<'_, '_>) {
    let bytes = input();
    bencher
        .counter(ItemsCount::new(PIPELINE))
        .bench_local(|| (0..PIPELINE).fold(0, |seq, _| seq + ClientMessage::decode(black_box(&bytes[..])).unwrap().seq));
}

fn input() -> Vec<u8> {
    let mut bytes = Vec::new();
    ClientView { seq: 300, ack: 40, body: ClientBody::Input { op: 2, data: &[7; 32] } }.put(Framing::Bare, &mut bytes);
    bytes
}

/// A state of 400 bytes to one session.
#[divan::bench]
fn state_encode(bencher: Bencher<'_, '_>) {
    let mut session = seated();
    let mut out = Vec::with_capacity(4096);
    bencher.bench_local(|| {
        out.clear();
        session.enqueue_state(RoomId(1), 1000, black_box(&[5; 400]), Framing::Tcp, &mut out);
        out.len()
    });
}
