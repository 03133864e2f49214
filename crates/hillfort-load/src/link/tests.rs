//! Payloads come out whole however the bytes are cut, on both wires.

use super::*;

fn wires(payloads: &[&[u8]]) -> [(Wire, Vec<u8>); 2] {
    [(Wire::Frames, Framing::Tcp), (Wire::WebSocket, Framing::WebSocket)].map(|(wire, framing)| {
        let mut bytes = vec![];
        payloads.iter().for_each(|payload| framing.put(&mut bytes, payload.len(), |out| out.extend_from_slice(payload)));
        (wire, bytes)
    })
}

#[test]
fn whole_payloads_are_handed_over_and_the_rest_is_left() {
    let long = vec![7; 40_000];
    for (wire, bytes) in wires(&[b"one", b"", &long, b"four"]) {
        for cut_off in [0, 1, 5, 30] {
            let mut got: Vec<Vec<u8>> = vec![];
            let used = cut(wire, &bytes[..bytes.len() - cut_off], &mut |payload| got.push(payload.to_vec())).expect("good bytes");
            let expect = if cut_off == 0 { 4 } else { 3 };
            assert!(got.len() >= expect - 1 && got.len() <= expect, "{wire:?} {cut_off}: {}", got.len());
            assert!(used <= bytes.len() - cut_off);
            assert_eq!(got[0], b"one");
        }
    }
}

#[test]
fn bytes_that_are_no_frame_break_the_link() {
    let check =
        |wire: Wire, bytes: &[u8], expect: Gone| assert_eq!(cut(wire, bytes, &mut |_| {}), Err(expect), "{wire:?} {bytes:?}");
    check(Wire::Frames, b"GET / HTTP/1.1", Gone::Broken);
    check(Wire::WebSocket, &[0x82, 127, 0, 0, 0, 0, 255, 255, 255, 255], Gone::Broken);
    check(Wire::WebSocket, &[0x02, 1, 9], Gone::Broken);
    check(Wire::WebSocket, &[0x88, 0], Gone::Closed);
}

#[test]
fn a_ping_frame_is_passed_over() {
    let mut got = vec![];
    let used = cut(Wire::WebSocket, &[0x89, 1, 9, 0x82, 1, 5], &mut |payload| got.push(payload.to_vec())).expect("good bytes");
    assert_eq!((used, got), (6, vec![vec![5]]));
}
