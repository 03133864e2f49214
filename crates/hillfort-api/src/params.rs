//! Fields of a message that came as text: in the path or the query of an HTTP request. As grpc-gateway reads them.

use crate::error::ApiError;
use crate::json::{put_scalar_text, put_timestamp};
use crate::table::{Field, Kind, Message, Scalar, Shape};

/// Appends field `name` of `table` with the value `text` to protobuf's bytes. Gives the field, or nothing when the message has no such
/// field, or one that text cannot give: then nothing is appended.
///
/// # Errors
/// `InvalidArgument` with the field's name: the text is not of its kind.
pub fn put(table: &'static Message, name: &str, text: &str, out: &mut Vec<u8>) -> Result<Option<&'static Field>, ApiError> {
    let Some((_, field)) = table.field(name).filter(|(_, field)| is_text(field)) else { return Ok(None) };
    let before = out.len();
    let done = match field.kind {
        Kind::Scalar(scalar) => scalar_text(scalar, field.number, text, out),
        Kind::Wrapped(scalar) => {
            let mut inner = Vec::with_capacity(text.len() + 8);
            scalar_text(scalar, 1, text, &mut inner).and_then(|()| put_scalar_bytes(field.number, &inner, out))
        }
        Kind::Enum(names) => {
            let named = names.values.iter().find(|(name, _)| *name == text).map(|&(_, value)| value.to_string());
            scalar_text(Scalar::Int32, field.number, named.as_deref().unwrap_or(text), out)
        }
        Kind::Timestamp => put_timestamp(field.number, text, out),
        Kind::Message(_) => None,
    };
    match done {
        Some(()) => Ok(Some(field)),
        None => {
            out.truncate(before);
            Err(ApiError::invalid(field.name, format!("{} must be {}", field.name, wanted(field.kind))))
        }
    }
}

/// Whether text in a path or query can give the field.
pub fn is_text(field: &Field) -> bool {
    field.shape != Shape::Map && !matches!(field.kind, Kind::Message(_))
}

fn scalar_text(scalar: Scalar, number: u32, text: &str, out: &mut Vec<u8>) -> Option<()> {
    match scalar {
        Scalar::Bool => {
            let value = match text {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => 1,
                "0" | "f" | "F" | "false" | "FALSE" | "False" => 0,
                _ => return None,
            };
            prost::encoding::encode_key(number, prost::encoding::WireType::Varint, out);
            prost::encoding::encode_varint(value, out);
            Some(())
        }
        Scalar::Int32 | Scalar::Uint32 | Scalar::Int64 => {
            // Decimal digits only: no fraction, no exponent.
            let value: i128 = text.parse().ok()?;
            prost::encoding::encode_key(number, prost::encoding::WireType::Varint, out);
            prost::encoding::encode_varint(crate::json::integer(scalar, value)?, out);
            Some(())
        }
        Scalar::Double | Scalar::String | Scalar::Bytes => put_scalar_text(scalar, number, text, out),
    }
}

fn put_scalar_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, out);
    prost::encoding::encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
    Some(())
}

fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Scalar(scalar) | Kind::Wrapped(scalar) => match scalar {
            Scalar::Bool => "true or false",
            Scalar::Int32 => "a whole number from -2147483648 to 2147483647",
            Scalar::Uint32 => "a whole number from 0 to 4294967295",
            Scalar::Int64 => "a whole number of 64 bits",
            Scalar::Double => "a number",
            Scalar::String => "text",
            Scalar::Bytes => "base64",
        },
        Kind::Enum(_) => "the number or name of a choice",
        Kind::Timestamp => "a time like 2026-01-31T12:00:00Z",
        Kind::Message(_) => "in the body",
    }
}

#[cfg(test)]
mod tests {
    use super::put;
    use crate::api::{GetUsersRequest, ListMatchesRequest, ListTournamentsRequest};
    use crate::table::Described;

    fn read<M: Described>(pairs: &[(&str, &str)]) -> Result<M, &'static str> {
        let mut wire = Vec::new();
        for (name, text) in pairs {
            put(M::TABLE, name, text, &mut wire).map_err(|error| error.field.expect("the field is named"))?;
        }
        Ok(M::decode(wire.as_slice()).expect("what was put is read"))
    }

    #[test]
    fn text_becomes_fields() {
        let all: ListMatchesRequest = read(&[
            ("limit", "10"),
            ("authoritative", "false"),
            ("label", ""),
            ("minSize", "-1"),
            ("other", "x"),
            ("max_size", "5"),
        ])
        .unwrap();
        let wanted = ListMatchesRequest {
            limit: Some(10),
            authoritative: Some(false),
            label: Some(String::new()),
            min_size: Some(-1),
            max_size: Some(5),
            query: None,
        };
        assert_eq!(all, wanted);
        let users: GetUsersRequest = read(&[("ids", "a"), ("ids", "b"), ("usernames", "c&d")]).unwrap();
        assert_eq!((users.ids, users.usernames), (vec!["a".into(), "b".into()], vec!["c&d".into()]));
        let many: ListTournamentsRequest = read(&[("end_time", "4294967295")]).unwrap();
        assert_eq!(many.end_time, Some(u32::MAX));
    }

    #[test]
    fn text_of_the_wrong_kind_names_the_field() {
        for (name, text) in [
            ("limit", ""),
            ("limit", "1.0"),
            ("limit", "1e3"),
            ("limit", " 1"),
            ("limit", "2147483648"),
            ("authoritative", "yes"),
        ] {
            assert_eq!(read::<ListMatchesRequest>(&[(name, text)]), Err(name), "{name}={text}");
        }
        assert_eq!(read::<ListTournamentsRequest>(&[("end_time", "-1")]), Err("end_time"));
    }
}
