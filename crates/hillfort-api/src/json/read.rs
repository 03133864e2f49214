//! JSON as protobuf's bytes of a message. serde_json splits the text; what may stand where is in the tables.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};

use super::{JsonError, Unknown};
use crate::table::{Field, Kind, Message, Scalar, Shape};

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Seconds of the years 1 to 9999, which is what RFC 3339 can write.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

pub(super) fn wire(table: &'static Message, text: &[u8], unknown: Unknown) -> Result<Vec<u8>, JsonError> {
    let mut out = Vec::with_capacity(text.len());
    let reading = Reading { unknown, field: Cell::new(None) };
    let mut source = serde_json::Deserializer::from_slice(text);
    let body = Body { table, out: &mut out, reading: &reading };
    let done = body.deserialize(&mut source).and_then(|()| source.end());
    done.map_err(|error| JsonError::new(&error, reading.field.get()))?;
    Ok(out)
}

/// What holds for the whole text, and where the reader is.
struct Reading {
    unknown: Unknown,
    field: Cell<Option<&'static str>>,
}

/// A message without its length.
struct Body<'a> {
    table: &'static Message,
    out: &'a mut Vec<u8>,
    reading: &'a Reading,
}

impl<'de> DeserializeSeed<'de> for Body<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Body<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a JSON object with the fields of {}", self.table.short())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut seen, mut groups) = (0u64, 0u64);
        while let Some(name) = map.next_key_seed(Name(self.table))? {
            let (place, field) = match name {
                Ok(known) => known,
                Err(_) if self.reading.unknown == Unknown::Skip => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                Err(name) => return Err(A::Error::custom(format_args!("{} has no field {name:?}", self.table.short()))),
            };
            self.reading.field.set(Some(field.name));
            if seen & 1 << place != 0 {
                return Err(A::Error::custom("the field is given twice"));
            }
            seen |= 1 << place;
            let set = map.next_value_seed(FieldValue { field, out: &mut *self.out, reading: self.reading })?;
            if let Some(group) = field.oneof.filter(|_| set) {
                if groups & 1 << group != 0 {
                    return Err(A::Error::custom("only one field of its group may be given"));
                }
                groups |= 1 << group;
            }
            self.reading.field.set(None);
        }
        Ok(())
    }
}

/// The name of a field: which one, or the name when there is none.
struct Name(&'static Message);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Result<(usize, &'static Field), String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Result<(usize, &'static Field), String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.field(name).ok_or_else(|| name.chars().take(64).collect()))
    }
}

/// What a field holds, whatever its shape. Gives whether it was set.
struct FieldValue<'a> {
    field: &'static Field,
    out: &'a mut Vec<u8>,
    reading: &'a Reading,
}

impl<'de> DeserializeSeed<'de> for FieldValue<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for FieldValue<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.shape {
            Shape::One => f.write_str(expected(self.field.kind)),
            Shape::List => f.write_str("an array"),
            Shape::Map => f.write_str("an object"),
        }
    }

    fn visit_none<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        let Field { kind, number, shape, .. } = *self.field;
        match shape {
            Shape::One => {
                Value { kind, number, out: self.out, reading: self.reading }.deserialize(deserializer)?;
                Ok(true)
            }
            Shape::List => deserializer.deserialize_seq(self),
            Shape::Map => deserializer.deserialize_map(self),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        let Field { kind, number, .. } = *self.field;
        while items.next_element_seed(Value { kind, number, out: &mut *self.out, reading: self.reading })?.is_some() {}
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<bool, A::Error> {
        let Field { kind, number, .. } = *self.field;
        let mut keys = BTreeSet::new();
        while let Some(key) = entries.next_key::<Cow<'de, str>>()? {
            let start = begin(number, self.out);
            put_bytes(1, key.as_bytes(), self.out);
            entries.next_value_seed(Value { kind, number: 2, out: &mut *self.out, reading: self.reading })?;
            end(start, self.out);
            if !keys.insert(key) {
                return Err(A::Error::custom("a key is given twice"));
            }
        }
        Ok(true)
    }
}

/// One value, with its number.
struct Value<'a> {
    kind: Kind,
    number: u32,
    out: &'a mut Vec<u8>,
    reading: &'a Reading,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(expected(self.kind))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.kind {
            Kind::Scalar(Scalar::Bool) => put_number(self.number, u64::from(value), self.out),
            Kind::Wrapped(Scalar::Bool) => wrap(self.number, self.out, |out| put_number(1, u64::from(value), out)),
            _ => return Err(E::invalid_type(Unexpected::Bool(value), &self)),
        }
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.number_value(i128::from(value), value as f64)
            .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(value), &self))
            .and_then(|put| put_or_refuse(put, self))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.number_value(i128::from(value), value as f64)
            .ok_or_else(|| E::invalid_value(Unexpected::Signed(value), &self))
            .and_then(|put| put_or_refuse(put, self))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        let found = match whole(value) {
            Some(integer) => self.number_value(integer, value),
            None => self.number_value(i128::MAX, value),
        };
        found.ok_or_else(|| E::invalid_value(Unexpected::Float(value), &self)).and_then(|put| put_or_refuse(put, self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let done = match self.kind {
            Kind::Scalar(scalar) => put_scalar_text(scalar, self.number, text, self.out),
            Kind::Wrapped(scalar) => {
                let start = begin(self.number, self.out);
                let done = put_scalar_text(scalar, 1, text, self.out);
                end(start, self.out);
                done
            }
            Kind::Enum(names) => names.values.iter().find(|(name, _)| *name == text).map(|&(_, value)| {
                put_number(self.number, value as u64, self.out);
            }),
            Kind::Timestamp => put_timestamp(self.number, text, self.out),
            Kind::Message(_) => return Err(E::invalid_type(Unexpected::Str(text), &self)),
        };
        done.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Kind::Message(table) = self.kind else { return Err(A::Error::invalid_type(Unexpected::Map, &self)) };
        let start = begin(self.number, self.out);
        Body { table, out: &mut *self.out, reading: self.reading }.visit_map(map)?;
        end(start, self.out);
        Ok(())
    }
}

/// A number in the form that the wire wants.
enum Put {
    Varint(u64),
    Double(f64),
}

impl Value<'_> {
    /// `integer` and `double` are the same number; the former is out of every range when there is a fraction.
    fn number_value(&self, integer: i128, double: f64) -> Option<Put> {
        match self.kind {
            Kind::Scalar(Scalar::Double) | Kind::Wrapped(Scalar::Double) => Some(Put::Double(double)),
            Kind::Scalar(scalar) | Kind::Wrapped(scalar) => self::integer(scalar, integer).map(Put::Varint),
            Kind::Enum(_) => self::integer(Scalar::Int32, integer).map(Put::Varint),
            Kind::Message(_) | Kind::Timestamp => None,
        }
    }
}

fn put_or_refuse<E: Error>(put: Put, value: Value<'_>) -> Result<(), E> {
    let write = |number: u32, out: &mut Vec<u8>| match put {
        Put::Varint(varint) => put_number(number, varint, out),
        Put::Double(double) => put_double(number, double, out),
    };
    match value.kind {
        Kind::Wrapped(_) => wrap(value.number, value.out, |out| write(1, out)),
        _ => write(value.number, value.out),
    }
    Ok(())
}

/// The varint of `value`, if it is of this kind and in its range.
pub(crate) fn integer(scalar: Scalar, value: i128) -> Option<u64> {
    match scalar {
        Scalar::Int32 => i32::try_from(value).ok().map(|value| i64::from(value) as u64),
        Scalar::Uint32 => u32::try_from(value).ok().map(u64::from),
        Scalar::Int64 => i64::try_from(value).ok().map(|value| value as u64),
        Scalar::Bool | Scalar::Double | Scalar::String | Scalar::Bytes => None,
    }
}

fn whole(value: f64) -> Option<i128> {
    (value.trunc() == value && value.abs() < 1e19).then_some(value as i128)
}

/// A scalar that JSON has written as a string.
pub(crate) fn put_scalar_text(scalar: Scalar, number: u32, text: &str, out: &mut Vec<u8>) -> Option<()> {
    match scalar {
        Scalar::String => put_bytes(number, text.as_bytes(), out),
        Scalar::Bytes => {
            let start = begin(number, out);
            out.resize(start + base64::decoded_len_estimate(text.len()), 0);
            // What only one alphabet has, the other refuses.
            let decoded =
                STANDARD.decode_slice(text, &mut out[start..]).or_else(|_| URL_SAFE.decode_slice(text, &mut out[start..]));
            out.truncate(start + decoded.ok()?);
            end(start, out);
        }
        Scalar::Double => put_double(number, double(text)?, out),
        Scalar::Int32 | Scalar::Uint32 | Scalar::Int64 => {
            let value = digits(text).or_else(|| {
                let parsed = json_number(text)?;
                parsed.as_i128().or_else(|| parsed.as_f64().and_then(whole))
            })?;
            put_number(number, integer(scalar, value)?, out);
        }
        Scalar::Bool => return None,
    }
    Some(())
}

/// What nearly all whole numbers in strings are: a few digits alone.
fn digits(text: &str) -> Option<i128> {
    let plain = text.len() <= 18 && !text.starts_with(['0', '+', '-']);
    text.parse::<i64>().ok().filter(|_| plain).map(i128::from)
}

/// A number in a string: as in JSON, without blanks around it.
fn json_number(text: &str) -> Option<serde_json::Number> {
    if text.trim_ascii().len() != text.len() {
        return None;
    }
    serde_json::from_str(text).ok()
}

fn double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => json_number(text)?.as_f64(),
    }
}

/// A time as RFC 3339 has it.
pub(crate) fn put_timestamp(number: u32, text: &str, out: &mut Vec<u8>) -> Option<()> {
    let bytes = text.as_bytes();
    let has_zone = bytes.ends_with(b"Z") || bytes.len().checked_sub(6).is_some_and(|at| matches!(bytes[at], b'+' | b'-'));
    if bytes.len() > 64 || bytes.get(10) != Some(&b'T') || !has_zone {
        return None;
    }
    let time: Timestamp = text.parse().ok().filter(|time: &Timestamp| SECONDS.contains(&time.seconds))?;
    put_bytes(number, &time.encode_to_vec(), out);
    Some(())
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Scalar(scalar) | Kind::Wrapped(scalar) => match scalar {
            Scalar::Bool => "true or false",
            Scalar::Int32 => "a whole number of 32 bits",
            Scalar::Uint32 => "a whole number of 32 bits, not below 0",
            Scalar::Int64 => "a whole number of 64 bits",
            Scalar::Double => "a number",
            Scalar::String => "a string",
            Scalar::Bytes => "a string of base64",
        },
        Kind::Enum(_) => "the number or name of a choice",
        Kind::Message(_) => "an object",
        Kind::Timestamp => "a time like \"2026-01-31T12:00:00Z\"",
    }
}

fn put_number(number: u32, value: u64, out: &mut Vec<u8>) {
    encode_key(number, WireType::Varint, out);
    encode_varint(value, out);
}

fn put_double(number: u32, value: f64, out: &mut Vec<u8>) {
    encode_key(number, WireType::SixtyFourBit, out);
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn wrap(number: u32, out: &mut Vec<u8>, inner: impl FnOnce(&mut Vec<u8>)) {
    let start = begin(number, out);
    inner(out);
    end(start, out);
}

/// Begins a part whose length is not known yet. One byte is kept for it: most need no more.
fn begin(number: u32, out: &mut Vec<u8>) -> usize {
    encode_key(number, WireType::LengthDelimited, out);
    out.push(0);
    out.len()
}

/// Puts the length of what was written since `start` before it.
fn end(start: usize, out: &mut Vec<u8>) {
    let length = out.len() - start;
    if length < 0x80 {
        out[start - 1] = length as u8;
        return;
    }
    // The first seven bits stand in the byte that was kept, the others before what was written.
    out[start - 1] = length as u8 | 0x80;
    let mut others = [0; 10];
    let mut free = &mut others[..];
    encode_varint((length >> 7) as u64, &mut free);
    let used = 10 - free.len();
    out.splice(start..start, others[..used].iter().copied());
}
