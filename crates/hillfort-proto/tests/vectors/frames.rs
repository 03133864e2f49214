//! Frames of TCP, and the server's WebSocket frames.

use hillfort_proto::frame::{Frame, Framing, read, write_header};
use hillfort_proto::reject::Reject;
use serde_json::{Value, json};

use crate::{check_file, hex};

const PAYLOAD_MAX: usize = 4096;

fn framed(framing: Framing, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    framing.put(&mut out, payload.len(), |out| out.extend_from_slice(payload));
    out
}

fn good(name: &str, payload: &[u8], after: &[u8]) -> Value {
    let bytes = [&framed(Framing::Tcp, payload), after].concat();
    let consumed = bytes.len() - after.len();
    assert_eq!(read(&bytes, PAYLOAD_MAX), Ok(Some(Frame { payload, consumed })), "{name}");
    json!({ "name": name, "hex": hex(&bytes), "expect": "ok", "payload": hex(payload), "consumed": consumed })
}

fn more(name: &str, bytes: &[u8]) -> Value {
    assert_eq!(read(bytes, PAYLOAD_MAX), Ok(None), "{name}");
    json!({ "name": name, "hex": hex(bytes), "expect": "more" })
}

fn bad(name: &str, expect: Reject, bytes: &[u8]) -> Value {
    assert_eq!(read(bytes, PAYLOAD_MAX), Err(expect), "{name}");
    json!({ "name": name, "hex": hex(bytes), "expect": expect.label() })
}

fn changed(at: usize) -> Vec<u8> {
    let mut bytes = framed(Framing::Tcp, b"hill");
    bytes[at] ^= 1;
    bytes
}

#[test]
fn frames() {
    let whole = framed(Framing::Tcp, b"hill");
    let vectors = [
        good("four bytes", b"hill", b""),
        good("empty payload", b"", b""),
        good("the next frame stays in the buffer", b"hill", &whole[..5]),
        good("256 bytes: the length is big endian", &[0xEE; 256], b""),
        more("nothing yet", b""),
        more("half of the magic", &whole[..1]),
        more("header without its last byte", &whole[..7]),
        more("header alone", &whole[..8]),
        more("payload without its last byte", &whole[..11]),
        more("longest payload announced", &write_header(PAYLOAD_MAX as u32)),
        bad("first byte wrong, and nothing else there", Reject::FrameMagic, b"G"),
        bad("second byte wrong", Reject::FrameMagic, b"HT"),
        bad("version 0", Reject::FrameVersion, &changed(2)),
        bad("version 2, and nothing else there", Reject::FrameVersion, &[0x48, 0x46, 2]),
        bad("one byte too long, before any payload", Reject::FrameLength, &write_header(PAYLOAD_MAX as u32 + 1)),
        bad("longest length that can be written", Reject::FrameLength, &write_header(u32::MAX)),
        bad("length changed, CRC not", Reject::FrameCrc, &changed(6)),
        bad("CRC changed", Reject::FrameCrc, &changed(7)),
    ];
    let websocket: Vec<_> = [5usize, 125, 126, 300]
        .iter()
        .map(|&length| {
            let payload = vec![0xC0; length];
            let (server, client) = (Framing::WebSocket, Framing::WebSocketMasked([0x37, 0xFA, 0x21, 0x3D]));
            json!({
                "payload": hex(&payload), "server": hex(&framed(server, &payload)),
                "mask": "37fa213d", "client": hex(&framed(client, &payload)),
            })
        })
        .collect();
    check_file(
        "frame.json",
        &json!({
            "about": "Buffers with at most one frame to read. expect: \"ok\", \"more\" (bytes are missing), or the label of the reject.",
            "payload_max": PAYLOAD_MAX,
            "vectors": vectors,
            "websocket": websocket,
        }),
    );
}
