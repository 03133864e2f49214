//! Target of the challenge, both sides: puzzles, the messages that carry them, and a client that is asked by anybody.

use hillfort_proto::frame::Framing;
use hillfort_proto::limits::{WORK_BITS_MAX, WORK_SALT_BYTES};
use hillfort_proto::message::{ClientBody, ClientView, Encode, ServerBody, ServerView};
use hillfort_proto::reject::Reject;
use hillfort_proto::session::client::{Event, Session};
use hillfort_proto::time::Time;
use hillfort_proto::work::Puzzle;
use sha2::{Digest, Sha256};

/// Tries that are made for an answer.
const TRIES: u64 = 64;
const NOW: Time = Time::from_millis(1_000);

/// A salt, four bytes of bits, eight of an answer; what is left is read as a message of the server to a client that logs in.
pub fn work(data: &[u8]) {
    if let Some((&salt, rest)) = data.split_first_chunk::<WORK_SALT_BYTES>()
        && let Some((&bits, rest)) = rest.split_first_chunk()
        && let Some((&nonce, rest)) = rest.split_first_chunk()
    {
        let (bits, nonce) = (u32::from_be_bytes(bits), u64::from_be_bytes(nonce));
        puzzle(salt, bits as u8, nonce);
        asked(salt, bits, nonce);
        client(rest);
    }
    client(data);
}

fn zeros(salt: &[u8], nonce: u64) -> usize {
    let hash = Sha256::new().chain_update(salt).chain_update(nonce.to_be_bytes()).finalize();
    hash.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).take_while(|bit| *bit == 0).count()
}

fn puzzle(salt: [u8; WORK_SALT_BYTES], bits: u8, nonce: u64) {
    let puzzle = Puzzle::new(salt, bits);
    assert_eq!(puzzle.bits(), bits.min(WORK_BITS_MAX));
    let is_right = |nonce| zeros(&salt, nonce) >= usize::from(puzzle.bits());
    assert_eq!(puzzle.verify(nonce), is_right(nonce));
    let first = (0..TRIES).map(|n| nonce.wrapping_add(n)).find(|nonce| is_right(*nonce));
    assert_eq!(puzzle.solve(nonce, TRIES), first);
}

/// A client that is asked so works when it is as hard as the page allows, and answers with what is right and nothing else.
fn asked(salt: [u8; WORK_SALT_BYTES], bits: u32, nonce: u64) {
    let mut payload = Vec::new();
    ServerView { seq: 0, ack: 0, body: ServerBody::Challenge { salt: &salt, bits } }.put(Framing::Bare, &mut payload);
    let (mut client, mut out) = started();
    let puzzle = match client.handle_payload(NOW, &payload, Framing::Bare, &mut out) {
        Ok(Some(Event::Challenge(puzzle))) => puzzle,
        other => return assert!(bits > u32::from(WORK_BITS_MAX) && other == Err(Reject::Work), "{other:?}"),
    };
    assert_eq!((u32::from(puzzle.bits()), puzzle.salt()), (bits, &salt));
    out.clear();
    client.work(nonce, Framing::Bare, &mut out);
    if puzzle.verify(nonce) {
        assert_eq!(ClientView::read(&out).map(|view| view.body), Ok(ClientBody::Work { nonce }));
        out.clear();
        client.work(nonce, Framing::Bare, &mut out);
    }
    assert!(out.is_empty(), "a wrong answer, or a second one, is not sent");
}

fn client(payload: &[u8]) {
    let (mut client, mut out) = started();
    if let Ok(Some(Event::Challenge(puzzle))) = client.handle_payload(NOW, payload, Framing::Bare, &mut out) {
        assert!(puzzle.bits() <= WORK_BITS_MAX);
        assert_eq!(
            client.handle_payload(NOW, payload, Framing::Bare, &mut out).err(),
            Some(Reject::OutOfState),
            "asked once a connection"
        );
    }
}

fn started() -> (Session, Vec<u8>) {
    let (mut client, mut out) = (Session::new("Ada"), Vec::new());
    client.start(NOW, Framing::Bare, &mut out);
    (client, out)
}
