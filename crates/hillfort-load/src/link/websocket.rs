//! Reading the server's side of a WebSocket: unmasked frames, no fragments. Headers by tungstenite. Knows nothing of sockets.

use std::io::Cursor;

use hillfort_proto::limits::SERVER_PAYLOAD_BYTES_MAX;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::Gone;

/// One frame of the server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// Of a binary message; a control frame has none for us.
    pub(super) payload: Option<&'a [u8]>,
    pub(super) consumed: usize,
}

/// The frame at the beginning of `bytes`, when it is whole.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Message<'_>>, Gone> {
    let mut cursor = Cursor::new(bytes);
    let Some((header, length)) = FrameHeader::parse(&mut cursor).map_err(|_| Gone::Broken)? else { return Ok(None) };
    let length = usize::try_from(length).ok().filter(|&length| length <= SERVER_PAYLOAD_BYTES_MAX).ok_or(Gone::Broken)?;
    let start = usize::try_from(cursor.position()).expect("within the bytes");
    let Some(payload) = bytes[start..].get(..length) else { return Ok(None) };
    let consumed = start + length;
    match header.opcode {
        OpCode::Data(Data::Binary) if header.is_final && header.mask.is_none() => {
            Ok(Some(Message { payload: Some(payload), consumed }))
        }
        // Our server pings inside the session; a ping of an intermediary needs no answer as long as the session speaks.
        OpCode::Control(Control::Ping | Control::Pong) => Ok(Some(Message { payload: None, consumed })),
        OpCode::Control(Control::Close) => Err(Gone::Closed),
        _ => Err(Gone::Broken),
    }
}
