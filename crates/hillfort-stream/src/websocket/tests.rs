//! Frames as a client may send them, good and bad.

use super::*;

const MAX: usize = 4096;

fn masked(first: u8, len: &[u8], payload: &[u8]) -> Vec<u8> {
    let mask = [0x11, 0x22, 0x33, 0x44];
    let mut frame = vec![first];
    frame.extend_from_slice(len);
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().enumerate().map(|(i, b)| b ^ mask[i % 4]));
    frame
}

#[test]
fn frames_of_a_client() {
    let check = |mut bytes: Vec<u8>, in_parts: bool, expect: Result<Option<(Received<'_>, usize)>, Reject>| {
        let shown = format!("{bytes:02x?}");
        assert_eq!(read(&mut bytes, in_parts, MAX), expect, "{shown} in_parts={in_parts}");
    };
    check(masked(0x82, &[0x83], b"abc"), false, Ok(Some((Received::Message(Kind::Binary, b"abc"), 9))));
    check(masked(0x82, &[0x80], b""), false, Ok(Some((Received::Message(Kind::Binary, b""), 6))));
    check(masked(0x82, &[0xfe, 0, 3], b"abc"), false, Ok(Some((Received::Message(Kind::Binary, b"abc"), 11))));
    check(masked(0x81, &[0x83], b"abc"), false, Ok(Some((Received::Message(Kind::Text, b"abc"), 9))));
    check(masked(0x02, &[0x83], b"abc"), false, Ok(Some((Received::FirstPart(Kind::Binary, b"abc"), 9))));
    check(masked(0x01, &[0x83], b"abc"), false, Ok(Some((Received::FirstPart(Kind::Text, b"abc"), 9))));
    check(masked(0x00, &[0x83], b"abc"), true, Ok(Some((Received::Part(b"abc"), 9))));
    check(masked(0x80, &[0x83], b"abc"), true, Ok(Some((Received::LastPart(b"abc"), 9))));
    check(masked(0x89, &[0x82], b"hi"), true, Ok(Some((Received::Ping(b"hi"), 8))));
    check(masked(0x8a, &[0x80], b""), false, Ok(Some((Received::Pong, 6))));
    check(masked(0x88, &[0x82], &[3, 232]), false, Ok(Some((Received::Close, 8))));
    // Not whole yet: every prefix of a good frame.
    let whole = masked(0x82, &[0x83], b"abc");
    for cut in 0..whole.len() {
        check(whole[..cut].to_vec(), false, Ok(None));
    }
    // Reserved bits, opcodes, no mask.
    for first in [0xc2, 0xa2, 0x92, 0x83, 0x87, 0x8b, 0x8f] {
        check(masked(first, &[0x83], b"abc"), false, Err(Reject::WebSocket));
    }
    check(vec![0x82, 3, b'a', b'b', b'c'], false, Err(Reject::WebSocket));
    // Parts in the wrong order.
    check(masked(0x82, &[0x83], b"abc"), true, Err(Reject::WebSocket));
    check(masked(0x01, &[0x83], b"abc"), true, Err(Reject::WebSocket));
    check(masked(0x80, &[0x83], b"abc"), false, Err(Reject::WebSocket));
    check(masked(0x00, &[0x83], b"abc"), false, Err(Reject::WebSocket));
    // Control frames in parts or too long.
    check(masked(0x09, &[0x82], b"hi"), false, Err(Reject::WebSocket));
    check(masked(0x89, &[0xfe, 0, 126], &[0; 126]), false, Err(Reject::WebSocket));
    // Lengths are judged before their bytes arrive, at the edge of the limit.
    check(masked(0x82, &[0xfe, 0x10, 0x00], b""), false, Ok(None));
    check(masked(0x82, &[0xfe, 0x10, 0x01], b""), false, Err(Reject::FrameLength));
    check(masked(0x82, &[0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255], b""), false, Err(Reject::FrameLength));
    check(masked(0x82, &[0xff, 0xff, 255, 255, 255, 255, 255, 255, 255], b""), false, Err(Reject::FrameLength));
}

#[test]
fn what_the_server_writes() {
    let check = |write: &dyn Fn(&mut Vec<u8>), expect: &[u8]| {
        let mut out = Vec::new();
        write(&mut out);
        assert_eq!(out, expect);
    };
    check(&|out| write_message(out, Kind::Binary, b"abc"), b"\x82\x03abc");
    check(&|out| write_message(out, Kind::Text, b"abc"), b"\x81\x03abc");
    check(&|out| write_ping(out), b"\x89\x00");
    check(&|out| write_pong(out, b"hi"), b"\x8a\x02hi");
    check(&|out| write_close(out, 4200, "hello_magic"), b"\x88\x0d\x10\x68hello_magic");
    let mut out = Vec::new();
    write_message(&mut out, Kind::Binary, &[7; 126]);
    assert_eq!(out[..4], [0x82, 126, 0, 126]);
    out.clear();
    write_message(&mut out, Kind::Binary, &vec![7; 65536]);
    assert_eq!(out[..10], [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
}

#[test]
fn any_bytes_give_an_answer() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20_000 {
        let mut bytes = [0_u8; 24];
        for byte in &mut bytes {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (seed >> 56) as u8;
        }
        let cut = seed as usize % 25;
        if let Ok(Some((_, used))) = read(&mut bytes[..cut], seed & 1 == 1, 16) {
            assert!(used <= cut);
        }
    }
}
