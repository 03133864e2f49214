//! JSON of the schema's messages, as protojson of Go writes and reads it with the options that Nakama sets. Owns text in both
//! directions; knows nothing of what the messages mean.
//!
//! A message is written with names as in the schema, enums as numbers, 64-bit integers as strings, bytes as base64, times as RFC 3339,
//! wrappers as what they wrap, and without what is not set. Read are also names in lowerCamelCase, enums by name, integers as strings
//! or as numbers without a fraction, both alphabets of base64 with and without padding, and `null` for not set. A field given twice
//! and two fields of a `oneof` are refused.
//!
//! Both directions go over protobuf's own bytes, driven by [`tables`](crate::tables): there is one reader and one writer, and no code
//! for each message.

mod read;
mod write;

use std::fmt;

use crate::error::{ApiError, Code};
use crate::table::{Described, Message};

pub(crate) use read::{integer, put_scalar_text, put_timestamp};

/// What happens with a field that the schema does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It is passed over, as on REST.
    Skip,
    /// The text is refused, as on the socket.
    Refuse,
}

/// Text that is not the message that was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong, in at most 240 bytes.
    pub message: String,
    /// The field where it was found.
    pub field: Option<&'static str>,
}

/// Reads a message.
///
/// # Errors
/// The text is no JSON object, or not of this message.
pub fn read<M: Described>(text: &[u8], unknown: Unknown) -> Result<M, JsonError> {
    let wire = to_wire(M::TABLE, text, unknown)?;
    M::decode(wire.as_slice()).map_err(|error| JsonError::new(&error, None))
}

/// Reads a message and gives protobuf's bytes of it: for callers that know its table but not its type. At most about twice as long as
/// the text.
///
/// # Errors
/// As [`read`].
pub fn to_wire(table: &'static Message, text: &[u8], unknown: Unknown) -> Result<Vec<u8>, JsonError> {
    read::wire(table, text, unknown)
}

/// Writes a message.
pub fn write<M: Described>(message: &M) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.encoded_len() * 2 + 2);
    write::message(M::TABLE, &message.encode_to_vec(), &mut out).expect("prost has written these bytes");
    out
}

/// Text of a message.
pub fn write_string<M: Described>(message: &M) -> String {
    String::from_utf8(write(message)).expect("JSON is UTF-8")
}

impl JsonError {
    fn new(error: &dyn fmt::Display, field: Option<&'static str>) -> Self {
        let mut message = error.to_string();
        if message.len() > 240 {
            let end = (0..=236).rev().find(|&at| message.is_char_boundary(at)).unwrap_or(0);
            message.truncate(end);
            message.push_str(" ...");
        }
        Self { message, field }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            Some(field) => write!(f, "{field}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for JsonError {}

impl From<JsonError> for ApiError {
    fn from(error: JsonError) -> Self {
        Self { code: Code::InvalidArgument, message: error.to_string().into(), field: error.field }
    }
}

#[cfg(test)]
mod tests;
