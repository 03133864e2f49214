//! One WebSocket frame out of bytes, and one into bytes (RFC 6455). Header codec by tungstenite; unmasking in place. Pure: knows
//! nothing of sockets, sessions or how many bytes are still to come.

use std::io::Cursor;

use hillfort_proto::reject::Reject;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// Most bytes of a header that a client sends: two, eight of length, four of mask.
const CLIENT_HEADER_BYTES_MAX: usize = 14;
/// Most bytes of a control frame's payload (RFC 6455 §5.5).
const CONTROL_BYTES_MAX: u64 = 125;

/// How a message is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any bytes.
    Binary,
    /// UTF-8, which is for the receiver to check.
    Text,
}

/// What one frame of the client means.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// A whole message.
    Message(Kind, &'a [u8]),
    /// First part of a message.
    FirstPart(Kind, &'a [u8]),
    /// Middle part of a message.
    Part(&'a [u8]),
    /// Last part of a message.
    LastPart(&'a [u8]),
    /// To be answered by a pong with the same bytes.
    Ping(&'a [u8]),
    /// Answer to a ping, or unasked.
    Pong,
    /// The client closes.
    Close,
}

/// Reads the next frame of a client out of `buf`, whose payload is unmasked in place. Returns it and the bytes used; `None` when the
/// frame is not whole yet. `in_parts`: a message was begun that has more parts to come. `payload_max` bounds one data frame and is
/// checked as soon as the header is there.
///
/// # Errors
/// [`Reject::WebSocket`]: reserved bits, no mask, unknown opcode, parts in the wrong order, a control frame that is long or in
/// parts. [`Reject::FrameLength`]: longer than `payload_max`.
pub fn read(buf: &mut [u8], in_parts: bool, payload_max: usize) -> Result<Option<(Received<'_>, usize)>, Reject> {
    let head = &buf[..buf.len().min(CLIENT_HEADER_BYTES_MAX)];
    let mut cursor = Cursor::new(head);
    let Some((header, len)) = FrameHeader::parse(&mut cursor).map_err(|_| Reject::WebSocket)? else {
        return Ok(None);
    };
    let from = usize::try_from(cursor.position()).expect("at most 14");
    // No extension was agreed on, so reserved bits mean nothing; a client must mask (§5.1).
    let (false, false, false, Some(mask)) = (header.rsv1, header.rsv2, header.rsv3, header.mask) else {
        return Err(Reject::WebSocket);
    };
    match header.opcode {
        OpCode::Control(_) if !header.is_final || len > CONTROL_BYTES_MAX => return Err(Reject::WebSocket),
        OpCode::Control(_) => {}
        OpCode::Data(Data::Binary | Data::Text) if in_parts => return Err(Reject::WebSocket),
        OpCode::Data(Data::Continue) if !in_parts => return Err(Reject::WebSocket),
        OpCode::Data(Data::Reserved(_)) => return Err(Reject::WebSocket),
        OpCode::Data(_) if len > payload_max as u64 => return Err(Reject::FrameLength),
        OpCode::Data(_) => {}
    }
    let len = usize::try_from(len).expect("bounded by `payload_max` or 125");
    let Some(payload) = buf.get_mut(from..from + len) else {
        return Ok(None);
    };
    unmask(payload, mask);
    let received = match (header.opcode, header.is_final) {
        (OpCode::Data(Data::Binary), true) => Received::Message(Kind::Binary, payload),
        (OpCode::Data(Data::Text), true) => Received::Message(Kind::Text, payload),
        (OpCode::Data(Data::Binary), false) => Received::FirstPart(Kind::Binary, payload),
        (OpCode::Data(Data::Text), false) => Received::FirstPart(Kind::Text, payload),
        (OpCode::Data(_), true) => Received::LastPart(payload),
        (OpCode::Data(_), false) => Received::Part(payload),
        (OpCode::Control(Control::Ping), _) => Received::Ping(payload),
        (OpCode::Control(Control::Pong), _) => Received::Pong,
        (OpCode::Control(_), _) => Received::Close,
    };
    Ok(Some((received, from + len)))
}

/// Appends a message of the server.
pub fn write_message(out: &mut Vec<u8>, kind: Kind, payload: &[u8]) {
    let data = match kind {
        Kind::Binary => Data::Binary,
        Kind::Text => Data::Text,
    };
    write(out, OpCode::Data(data), payload);
}

/// Appends a ping without content.
pub fn write_ping(out: &mut Vec<u8>) {
    write(out, OpCode::Control(Control::Ping), &[]);
}

/// Appends the answer to a ping.
pub fn write_pong(out: &mut Vec<u8>, payload: &[u8]) {
    write(out, OpCode::Control(Control::Pong), payload);
}

/// Appends a close frame with a code and its fixed label.
pub fn write_close(out: &mut Vec<u8>, code: u16, label: &str) {
    let mut payload = [0; CONTROL_BYTES_MAX as usize];
    let len = label.len().min(payload.len() - 2);
    payload[..2].copy_from_slice(&code.to_be_bytes());
    payload[2..2 + len].copy_from_slice(&label.as_bytes()[..len]);
    write(out, OpCode::Control(Control::Close), &payload[..2 + len]);
}

fn write(out: &mut Vec<u8>, opcode: OpCode, payload: &[u8]) {
    let header = FrameHeader { is_final: true, rsv1: false, rsv2: false, rsv3: false, opcode, mask: None };
    header.format(payload.len() as u64, out).expect("a vector takes all bytes");
    out.extend_from_slice(payload);
}

/// Four bytes at a time, so that the compiler can widen it.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let (words, rest) = payload.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask) {
        *byte ^= key;
    }
}

// With its path, since fuzzing reads this file from elsewhere.
#[cfg(test)]
#[path = "websocket/tests.rs"]
mod tests;
