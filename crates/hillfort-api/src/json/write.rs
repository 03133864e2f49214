//! Protobuf's bytes of a message as JSON. Takes only bytes that prost wrote: fields in order, repeated ones together.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Buf;
use prost::DecodeError;
use prost::encoding::{WireType, decode_key, decode_varint};
use prost_types::Timestamp;

use crate::table::{Field, Kind, Message, Scalar, Shape};

/// A value as it lies on the wire.
#[derive(Clone, Copy)]
enum Raw<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

pub(super) fn message(table: &Message, mut wire: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    out.push(b'{');
    let mut open: Option<&Field> = None;
    while !wire.is_empty() {
        let (number, kind) = decode_key(&mut wire)?;
        let raw = raw(kind, &mut wire)?;
        let Some(field) = table.numbered(number) else { continue };
        if open.is_some_and(|open| open.number == field.number) {
            out.push(b',');
        } else {
            close(open, out);
            if open.is_some() {
                out.push(b',');
            }
            out.push(b'"');
            out.extend_from_slice(field.name.as_bytes());
            out.extend_from_slice(b"\":");
            out.extend_from_slice(match field.shape {
                Shape::One => b"",
                Shape::List => b"[",
                Shape::Map => b"{",
            });
            open = Some(field);
        }
        if field.shape == Shape::Map { entry(field.kind, raw, out)? } else { value(field.kind, raw, out)? }
    }
    close(open, out);
    out.push(b'}');
    Ok(())
}

fn close(open: Option<&Field>, out: &mut Vec<u8>) {
    match open.map(|field| field.shape) {
        Some(Shape::List) => out.push(b']'),
        Some(Shape::Map) => out.push(b'}'),
        Some(Shape::One) | None => {}
    }
}

fn raw<'a>(kind: WireType, wire: &mut &'a [u8]) -> Result<Raw<'a>, DecodeError> {
    match kind {
        WireType::Varint => decode_varint(wire).map(Raw::Number),
        WireType::SixtyFourBit => wire.try_get_u64_le().map(Raw::Number).map_err(|_| broken()),
        WireType::LengthDelimited => {
            let length = decode_varint(wire)?;
            let length = usize::try_from(length).ok().filter(|&length| length <= wire.len()).ok_or_else(broken)?;
            let (bytes, rest) = wire.split_at(length);
            *wire = rest;
            Ok(Raw::Bytes(bytes))
        }
        WireType::ThirtyTwoBit | WireType::StartGroup | WireType::EndGroup => Err(broken()),
    }
}

fn broken() -> DecodeError {
    // The one way to make this error without a deprecated function.
    decode_varint(&mut &[][..]).expect_err("nothing is no number")
}

/// Key and value of a map.
fn entry(kind: Kind, raw: Raw<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let Raw::Bytes(mut wire) = raw else { return Err(broken()) };
    let (mut key, mut found) = (Raw::Bytes(b""), None);
    while !wire.is_empty() {
        let (number, wire_type) = decode_key(&mut wire)?;
        let part = self::raw(wire_type, &mut wire)?;
        if number == 1 { key = part } else { found = Some(part) }
    }
    value(Kind::Scalar(Scalar::String), key, out)?;
    out.push(b':');
    value(kind, found.unwrap_or_else(|| unset(kind)), out)
}

/// What stands for a value that is not on the wire.
fn unset(kind: Kind) -> Raw<'static> {
    match kind {
        Kind::Scalar(Scalar::String | Scalar::Bytes) | Kind::Message(_) | Kind::Wrapped(_) | Kind::Timestamp => Raw::Bytes(b""),
        Kind::Scalar(_) | Kind::Enum(_) => Raw::Number(0),
    }
}

fn value(kind: Kind, raw: Raw<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    match (kind, raw) {
        (Kind::Scalar(scalar), raw) => self::scalar(scalar, raw, out),
        (Kind::Enum(_), Raw::Number(number)) => {
            text(out, format_args!("{}", number as i32));
            Ok(())
        }
        (Kind::Message(table), Raw::Bytes(wire)) => message(table, wire, out),
        (Kind::Wrapped(scalar), Raw::Bytes(mut wire)) => {
            let inner = if wire.is_empty() {
                unset(Kind::Scalar(scalar))
            } else {
                let (_, wire_type) = decode_key(&mut wire)?;
                self::raw(wire_type, &mut wire)?
            };
            self::scalar(scalar, inner, out)
        }
        (Kind::Timestamp, Raw::Bytes(wire)) => {
            let time = <Timestamp as prost::Message>::decode(wire)?;
            text(out, format_args!("\"{time}\""));
            Ok(())
        }
        _ => Err(broken()),
    }
}

fn scalar(scalar: Scalar, raw: Raw<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    match (scalar, raw) {
        (Scalar::Bool, Raw::Number(number)) => out.extend_from_slice(if number == 0 { b"false" } else { b"true" }),
        (Scalar::Int32, Raw::Number(number)) => text(out, format_args!("{}", number as i32)),
        (Scalar::Uint32, Raw::Number(number)) => text(out, format_args!("{}", number as u32)),
        (Scalar::Int64, Raw::Number(number)) => text(out, format_args!("\"{}\"", number as i64)),
        (Scalar::Double, Raw::Number(number)) => double(f64::from_bits(number), out),
        (Scalar::String, Raw::Bytes(bytes)) => {
            let string = str::from_utf8(bytes).map_err(|_| broken())?;
            serde_json::to_writer(out, string).map_err(|_| broken())?;
        }
        (Scalar::Bytes, Raw::Bytes(bytes)) => {
            out.push(b'"');
            let start = out.len();
            out.resize(start + bytes.len().div_ceil(3) * 4, 0);
            STANDARD.encode_slice(bytes, &mut out[start..]).map_err(|_| broken())?;
            out.push(b'"');
        }
        _ => return Err(broken()),
    }
    Ok(())
}

fn double(number: f64, out: &mut Vec<u8>) {
    if number.is_finite() {
        serde_json::to_writer(out, &number).expect("a vector takes all");
    } else {
        let name = if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        text(out, format_args!("\"{name}\""));
    }
}

fn text(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    std::io::Write::write_fmt(out, arguments).expect("a vector takes all");
}
