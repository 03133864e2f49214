//! Frames on a byte stream: an 8-byte header and a payload that stays where it was read. Owns the header and how the three ways of
//! carrying a payload (TCP, WebSocket, bare) mark its length; knows nothing of what is in a payload.
//!
//! | bytes | what |
//! | --- | --- |
//! | 0–1 | magic `48 46` |
//! | 2 | version, 1 |
//! | 3–6 | length of the payload, big endian |
//! | 7 | CRC-8 (polynomial `07`, initial value 0, nothing reflected) over bytes 0–6 |

use crate::limits::FRAME_HEADER_BYTES;
use crate::reject::Reject;

/// First bytes of every frame.
pub const MAGIC: [u8; 2] = [0x48, 0x46];
/// The version that is spoken here.
pub const VERSION: u8 = 1;

/// One frame at the beginning of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The payload, a slice of the buffer.
    pub payload: &'a [u8],
    /// Bytes of header and payload: what to skip to get to the next frame.
    pub consumed: usize,
}

/// How a payload is told apart from the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Each payload follows an 8-byte header.
    Tcp,
    /// From the server: each payload is one final binary WebSocket message (RFC 6455 §5.2), not masked.
    WebSocket,
    /// From a client that is a program: the same, masked with these 4 bytes, which may be 0. A browser masks by itself.
    WebSocketMasked([u8; 4]),
    /// Nothing is written around the payload: the caller has a transport that keeps messages apart, and takes one at a time.
    Bare,
}

/// The frame that `buffer` begins with; `None` when more bytes are needed. A wrong byte is refused as soon as it is there, and the
/// length as soon as it is known. Never allocates.
///
/// # Errors
/// [`Reject::FrameMagic`], [`Reject::FrameVersion`], [`Reject::FrameLength`], [`Reject::FrameCrc`].
#[inline]
pub fn read(buffer: &[u8], payload_max: usize) -> Result<Option<Frame<'_>>, Reject> {
    let Some((header, rest)) = buffer.split_first_chunk::<FRAME_HEADER_BYTES>() else {
        return check_start(buffer).map(|()| None);
    };
    if header[..3] != [MAGIC[0], MAGIC[1], VERSION] {
        check_start(header)?;
    }
    let length = u32::from_be_bytes([header[3], header[4], header[5], header[6]]) as usize;
    if length > payload_max {
        return Err(Reject::FrameLength);
    }
    if header[7] != crc8(header.first_chunk().expect("7 of 8 bytes")) {
        return Err(Reject::FrameCrc);
    }
    Ok(rest.get(..length).map(|payload| Frame { payload, consumed: FRAME_HEADER_BYTES + length }))
}

/// The header of a frame whose payload has `length` bytes.
#[inline]
#[must_use]
pub fn write_header(length: u32) -> [u8; FRAME_HEADER_BYTES] {
    let [a, b, c, d] = length.to_be_bytes();
    let covered = [MAGIC[0], MAGIC[1], VERSION, a, b, c, d];
    [MAGIC[0], MAGIC[1], VERSION, a, b, c, d, crc8(&covered)]
}

impl Framing {
    /// Appends one payload of exactly `length` bytes, which `write` appends.
    ///
    /// # Panics
    /// In debug builds when `write` appended another number of bytes.
    #[inline]
    pub fn put(self, out: &mut Vec<u8>, length: usize, write: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Self::Tcp => out.extend_from_slice(&write_header(u32::try_from(length).expect("payloads are bounded to 64 KiB"))),
            Self::WebSocket => put_websocket_header(out, length, 0),
            Self::WebSocketMasked(mask) => {
                put_websocket_header(out, length, 0x80);
                out.extend_from_slice(&mask);
            }
            Self::Bare => {}
        }
        let start = out.len();
        write(out);
        debug_assert_eq!(out.len() - start, length, "a payload is as long as was said");
        if let Self::WebSocketMasked(mask) = self
            && mask != [0; 4]
        {
            out[start..].iter_mut().zip(mask.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        }
    }

    /// Most bytes that this framing adds to a payload.
    #[must_use]
    pub const fn overhead_max(self) -> usize {
        match self {
            Self::Tcp => FRAME_HEADER_BYTES,
            Self::WebSocket => 10,
            Self::WebSocketMasked(_) => 14,
            Self::Bare => 0,
        }
    }
}

/// Refuses a wrong magic or version in the first bytes of a header.
fn check_start(start: &[u8]) -> Result<(), Reject> {
    let seen = start.len().min(MAGIC.len());
    if start[..seen] != MAGIC[..seen] {
        return Err(Reject::FrameMagic);
    }
    if start.get(2).is_some_and(|&version| version != VERSION) { Err(Reject::FrameVersion) } else { Ok(()) }
}

#[inline]
fn put_websocket_header(out: &mut Vec<u8>, length: usize, mask_bit: u8) {
    // Final fragment, opcode 2: binary.
    const BINARY: u8 = 0x82;
    match length {
        0..=125 => out.extend_from_slice(&[BINARY, mask_bit | length as u8]),
        126..=0xFFFF => {
            let [a, b] = (length as u16).to_be_bytes();
            out.extend_from_slice(&[BINARY, mask_bit | 126, a, b]);
        }
        _ => {
            out.extend_from_slice(&[BINARY, mask_bit | 127]);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

#[inline]
fn crc8(bytes: &[u8; 7]) -> u8 {
    bytes.iter().fold(0, |crc, byte| CRC8[usize::from(crc ^ byte)])
}

static CRC8: [u8; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x80 == 0 { crc << 1 } else { (crc << 1) ^ 0x07 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests;
