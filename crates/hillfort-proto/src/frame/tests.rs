//! Frames and the other ways to mark a payload, at their edges.

use proptest::prelude::*;

use super::*;

fn framed(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Framing::Tcp.put(&mut out, payload.len(), |out| out.extend_from_slice(payload));
    out
}

/// The same CRC, bit by bit.
fn crc8_slow(bytes: &[u8]) -> u8 {
    let mut crc = 0u8;
    for byte in bytes {
        crc ^= byte;
        for _ in 0..8 {
            crc = if crc & 0x80 == 0 { crc << 1 } else { (crc << 1) ^ 7 };
        }
    }
    crc
}

#[test]
fn every_prefix_of_a_frame_needs_more_and_the_whole_is_a_slice_of_the_buffer() {
    let mut bytes = framed(b"payload");
    let whole = bytes.len();
    bytes.extend_from_slice(b"HF next frame");
    for len in 0..whole {
        assert_eq!(read(&bytes[..len], 7), Ok(None), "{len}");
    }
    let frame = read(&bytes, 7).unwrap().unwrap();
    assert_eq!((frame.payload, frame.consumed), (&b"payload"[..], whole));
    assert!(std::ptr::eq(frame.payload, &bytes[8..15]));
}

#[test]
fn the_length_is_refused_at_its_edge_and_before_the_payload() {
    let check = |length: u32, max: usize, expect| assert_eq!(read(&write_header(length), max), expect, "{length} of {max}");
    check(7, 7, Ok(None));
    check(8, 7, Err(Reject::FrameLength));
    check(u32::MAX, 64 * 1024, Err(Reject::FrameLength));
    check(0, 0, Ok(Some(Frame { payload: &[], consumed: 8 })));
}

#[test]
fn a_wrong_byte_is_refused_as_soon_as_it_is_there() {
    let good = framed(b"x");
    let check = |at: usize, expect| {
        let mut bad = good.clone();
        bad[at] ^= 0x20;
        assert_eq!(read(&bad[..at], 1), Ok(None), "before byte {at}");
        assert_eq!(read(&bad[..=at], 1).unwrap_err(), expect, "with byte {at}");
        assert_eq!(read(&bad, 1).unwrap_err(), expect, "all, byte {at} wrong");
    };
    check(0, Reject::FrameMagic);
    check(1, Reject::FrameMagic);
    check(2, Reject::FrameVersion);
    check(7, Reject::FrameCrc);
}

#[test]
fn every_single_wrong_bit_of_a_header_is_noticed() {
    let good = framed(&[0; 300]);
    for bit in 0..FRAME_HEADER_BYTES * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 0x80 >> (bit % 8);
        assert!(read(&bad, usize::MAX).is_err(), "bit {bit}");
    }
}

#[test]
fn the_crc_has_the_check_value_of_its_catalogue_entry() {
    // CRC-8/SMBUS: check value F4 for "123456789".
    assert_eq!(crc8_slow(b"123456789"), 0xF4);
}

#[test]
fn websocket_headers_change_form_at_their_edges() {
    let check = |framing: Framing, length: usize, header: &[u8]| {
        let mut out = Vec::new();
        framing.put(&mut out, length, |out| out.resize(out.len() + length, 0));
        assert_eq!(out[..header.len()], *header, "{length}");
        assert_eq!(out.len(), header.len() + length);
        assert!(header.len() <= framing.overhead_max());
    };
    check(Framing::WebSocket, 0, &[0x82, 0]);
    check(Framing::WebSocket, 125, &[0x82, 125]);
    check(Framing::WebSocket, 126, &[0x82, 126, 0, 126]);
    check(Framing::WebSocket, 65_535, &[0x82, 126, 0xFF, 0xFF]);
    check(Framing::WebSocket, 65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    check(Framing::WebSocketMasked([0; 4]), 126, &[0x82, 0xFE, 0, 126, 0, 0, 0, 0]);
    check(Framing::Bare, 9, &[]);

    // RFC 6455 §5.7: "Hello", masked; there as text, here as binary.
    let mut out = Vec::new();
    Framing::WebSocketMasked([0x37, 0xfa, 0x21, 0x3d]).put(&mut out, 5, |out| out.extend_from_slice(b"Hello"));
    assert_eq!(out, [0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
}

proptest! {
    #[test]
    fn what_was_written_is_read_back(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8)) {
        let mut stream = Vec::new();
        for payload in &payloads {
            Framing::Tcp.put(&mut stream, payload.len(), |out| out.extend_from_slice(payload));
        }
        let mut rest = &stream[..];
        for payload in &payloads {
            let frame = read(rest, 300).unwrap().unwrap();
            prop_assert_eq!(frame.payload, &payload[..]);
            rest = &rest[frame.consumed..];
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn the_table_agrees_with_the_long_way(bytes: [u8; 7]) {
        prop_assert_eq!(crc8(&bytes), crc8_slow(&bytes));
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), max in 0usize..100) {
        if let Ok(Some(frame)) = read(&bytes, max) {
            prop_assert!(frame.payload.len() <= max && frame.consumed <= bytes.len());
        }
    }
}
