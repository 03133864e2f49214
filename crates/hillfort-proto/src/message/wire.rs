//! Protobuf's wire format as far as our schema needs it: a reader of fields that borrows, and writers that append. Knows no message.

use crate::reject::Reject;

/// What a field carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// Wire type 5: known to the format, used by no field of ours.
    Fixed32,
}

/// Fields of one message, in the order in which they came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    #[inline]
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// What was not read yet.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Number and value of the next field.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, Reject> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = u32::try_from(self.varint()?).map_err(|_| Reject::Message)?;
        if key < 8 {
            return Err(Reject::Message); // field 0
        }
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(*self.chunk()?)),
            2 => Value::Bytes(self.bytes()?),
            5 => {
                self.chunk::<4>()?;
                Value::Fixed32
            }
            _ => return Err(Reject::Message),
        };
        Ok(Some((key >> 3, value)))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, Reject> {
        match *self.rest {
            [byte, ref rest @ ..] if byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Reject> {
        let mut value = 0;
        for (index, &byte) in self.rest.iter().take(10).enumerate() {
            if index == 9 && byte > 1 {
                return Err(Reject::Message); // more than 64 bits
            }
            value |= u64::from(byte & 0x7F) << (7 * index);
            if byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(Reject::Message)
    }

    #[inline]
    fn chunk<const N: usize>(&mut self) -> Result<&'a [u8; N], Reject> {
        let (chunk, rest) = self.rest.split_first_chunk().ok_or(Reject::Message)?;
        self.rest = rest;
        Ok(chunk)
    }

    #[inline]
    fn bytes(&mut self) -> Result<&'a [u8], Reject> {
        let length = usize::try_from(self.varint()?).map_err(|_| Reject::Message)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Reject::Message)?;
        self.rest = rest;
        Ok(bytes)
    }
}

impl<'a> Value<'a> {
    /// Of a `uint64` field.
    #[inline]
    pub(super) fn uint64(self) -> Result<u64, Reject> {
        if let Self::Varint(value) = self { Ok(value) } else { Err(Reject::Message) }
    }

    /// Of a `uint32` field: the low 32 bits, as protobuf says.
    #[inline]
    pub(super) fn uint32(self) -> Result<u32, Reject> {
        Ok(self.uint64()? as u32)
    }

    /// Of a `fixed64` field.
    #[inline]
    pub(super) fn fixed64(self) -> Result<u64, Reject> {
        if let Self::Fixed64(value) = self { Ok(value) } else { Err(Reject::Message) }
    }

    /// Of a `bytes` field or a message.
    #[inline]
    pub(super) fn bytes(self) -> Result<&'a [u8], Reject> {
        if let Self::Bytes(value) = self { Ok(value) } else { Err(Reject::Message) }
    }

    /// Of a `string` field.
    #[inline]
    pub(super) fn text(self) -> Result<&'a str, Reject> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Reject::Message)
    }
}

/// Calls `field` for each field of a message; what `field` does not know it leaves alone.
#[inline]
pub(super) fn each<'a>(message: &'a [u8], mut field: impl FnMut(u32, Value<'a>) -> Result<(), Reject>) -> Result<(), Reject> {
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        field(number, value)?;
    }
    Ok(())
}

/// Bytes of a varint.
#[inline]
pub(super) const fn varint_len(value: u64) -> usize {
    // 7 bits a byte: ceil(bits / 7), without a division. Same as prost's.
    ((((value | 1).leading_zeros() ^ 63) * 9 + 73) / 64) as usize
}

#[inline]
pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes of a varint field with a number below 16; a field that is 0 is left out, as proto3 does.
#[inline]
pub(super) const fn uint_len(value: u64) -> usize {
    if value == 0 { 0 } else { 1 + varint_len(value) }
}

#[inline]
pub(super) fn put_uint(number: u8, value: u64, out: &mut Vec<u8>) {
    if value != 0 {
        out.push(number << 3);
        put_varint(value, out);
    }
}

/// Bytes of a `fixed64` field; left out when 0.
#[inline]
pub(super) const fn fixed64_len(value: u64) -> usize {
    if value == 0 { 0 } else { 9 }
}

#[inline]
pub(super) fn put_fixed64(number: u8, value: u64, out: &mut Vec<u8>) {
    if value != 0 {
        let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
        out.extend_from_slice(&[number << 3 | 1, a, b, c, d, e, f, g, h]);
    }
}

/// Bytes of a `bytes` or `string` field; left out when empty.
#[inline]
pub(super) const fn bytes_len(value: &[u8]) -> usize {
    if value.is_empty() { 0 } else { 1 + varint_len(value.len() as u64) + value.len() }
}

#[inline]
pub(super) fn put_bytes(number: u8, value: &[u8], out: &mut Vec<u8>) {
    if !value.is_empty() {
        put_message(number, value.len(), out);
        out.extend_from_slice(value);
    }
}

/// Bytes that stand before a message of `length` bytes.
#[inline]
pub(super) const fn message_head_len(number: u8, length: usize) -> usize {
    varint_len((number as u64) << 3) + varint_len(length as u64)
}

/// What stands before a message of `length` bytes; written even when the message is empty.
#[inline]
pub(super) fn put_message(number: u8, length: usize, out: &mut Vec<u8>) {
    put_varint(u64::from(number) << 3 | 2, out);
    put_varint(length as u64, out);
}
