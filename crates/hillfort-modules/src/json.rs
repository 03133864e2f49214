//! Scripts' values as JSON and back. Owns the writing of numbers and text as Nakama's runtime does it; bounds are the values' own.

use std::fmt::Write as _;

use hillfort_script::Data;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Integers up to here are exact, and written without a fraction.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Appends `data` to `out`. `nil` is `null`; bytes that are no UTF-8 are replaced; numbers that JSON has no words for are an error.
pub(crate) fn write(data: &Data, out: &mut String) -> Result<(), String> {
    match data {
        Data::Nil => out.push_str("null"),
        Data::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Data::Number(number) => return write_number(*number, out),
        Data::Text(text) => write_text(text, out),
        Data::List(list) => {
            out.push('[');
            for (at, value) in list.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(value, out)?;
            }
            out.push(']');
        }
        Data::Map(fields) => {
            out.push('{');
            for (at, (key, value)) in fields.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write(value, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// `data` as JSON.
pub(crate) fn to_text(data: &Data) -> Result<String, String> {
    let mut out = String::new();
    write(data, &mut out).map(|()| out)
}

fn write_number(number: f64, out: &mut String) -> Result<(), String> {
    if !number.is_finite() {
        return Err(format!("unsupported value: {number}"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "exact in these bounds")]
    let written = if number.fract() == 0.0 && number.abs() <= EXACT_MAX {
        write!(out, "{}", number as i64)
    } else {
        // Large and small numbers with an exponent, as everybody writes them.
        write!(out, "{}", serde_json::Number::from_f64(number).map_or_else(String::new, |number| number.to_string()))
    };
    written.map_err(|error| error.to_string())
}

fn write_text(text: &[u8], out: &mut String) {
    out.push('"');
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                // As Go writes them: safe in a page.
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                    write!(out, "\\u{:04x}", u32::from(character)).expect("a string takes all");
                }
                other => out.push(other),
            }
        }
        if !chunk.invalid().is_empty() {
            out.push_str("\\ufffd");
        }
    }
    out.push('"');
}

/// Reads JSON: at most 128 deep. Integers become numbers, so those beyond 2^53 lose their last digits, as in Nakama.
pub(crate) fn from_text(text: &[u8]) -> Result<Data, String> {
    serde_json::from_slice::<Read>(text).map(|read| read.0).map_err(|error| error.to_string())
}

/// A JSON object as a table; anything else is an empty one.
pub(crate) fn object(text: &str) -> Data {
    match from_text(text.as_bytes()) {
        Ok(object @ Data::Map(_)) => object,
        _ => Data::Map(Vec::new()),
    }
}

struct Read(Data);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader).map(Read)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Data;

    fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("JSON")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Data, E> {
        Ok(Data::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Data, E> {
        #[expect(clippy::cast_precision_loss, reason = "scripts have no other numbers")]
        Ok(Data::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Data, E> {
        #[expect(clippy::cast_precision_loss, reason = "scripts have no other numbers")]
        Ok(Data::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Data, E> {
        Ok(Data::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Data, E> {
        Ok(Data::text(text))
    }

    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data::Nil)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Data, A::Error> {
        let mut values = Vec::new();
        while let Some(Read(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Data::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data, A::Error> {
        let mut fields = Vec::new();
        while let Some((key, Read(value))) = map.next_entry::<String, Read>()? {
            fields.push((key, value));
        }
        Ok(Data::map(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_goes_round() {
        for text in ["null", "true", "-3", "0.5", "\"a\\\"b\\\\\\n\"", "[1,null,\"x\"]", "{\"a\":{\"b\":[]},\"c\":1}", "1e+300"] {
            assert_eq!(from_text(text.as_bytes()).and_then(|data| to_text(&data)).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_json_cannot_say() {
        assert!(to_text(&Data::Number(f64::NAN)).is_err());
        assert_eq!(to_text(&Data::Text(vec![b'a', 0xff, b'<', 0])).as_deref(), Ok("\"a\\ufffd\\u003c\\u0000\""));
        assert_eq!(to_text(&Data::Map(vec![])).as_deref(), Ok("{}"));
        for text in ["", "{", "[1,]", "nul", "\"\\ud800\"", "01"] {
            assert!(from_text(text.as_bytes()).is_err(), "{text}");
        }
        assert!(from_text("[".repeat(200).as_bytes()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(text in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            if let Ok(data) = from_text(&text) {
                let written = to_text(&data).expect("JSON has no other numbers");
                assert_eq!(from_text(written.as_bytes()), Ok(data));
            }
        }
    }
}
