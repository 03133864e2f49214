//! Texts in other forms: JSON, base64, base16, UUIDs.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use hillfort_script::modules::{Arguments, Charge};
use hillfort_script::{HostError, Values};

use super::check::{filled, wrong};
use super::{Function, Runs, limits, one, row, text};
use crate::desk::Desk;
use crate::id::{id_from_text, id_to_text};
use crate::json;

pub(super) static FUNCTIONS: &[Function] = &[
    row(
        "json_encode",
        "value",
        "string",
        "JSON. A table with 1 among its keys is an array, any other an object.",
        Runs::Here(json_encode),
    ),
    row("json_decode", "string", "value", "The value of a JSON text; `null` is `nil`.", Runs::Here(json_decode)),
    row(
        "base64_encode",
        "string, padding = true",
        "string",
        "Base64.",
        Runs::Here(|_, charge, a| encode(charge, a, [&STANDARD, &STANDARD_NO_PAD])),
    ),
    row(
        "base64_decode",
        "string, padding = true",
        "string",
        "From base64; missing padding is added unless `padding` is false.",
        Runs::Here(base64_decode),
    ),
    row(
        "base64url_encode",
        "string, padding = true",
        "string",
        "Base64 with `-` and `_`.",
        Runs::Here(|_, charge, a| encode(charge, a, [&URL_SAFE, &URL_SAFE_NO_PAD])),
    ),
    row(
        "base64url_decode",
        "string, padding = false",
        "string",
        "From base64 with `-` and `_`; missing padding is added unless `padding` is true.",
        Runs::Here(base64url_decode),
    ),
    row("base16_encode", "string", "string", "Hexadecimal, lower case.", Runs::Here(base16_encode)),
    row("base16_decode", "string", "string", "From hexadecimal.", Runs::Here(base16_decode)),
    row("uuid_v4", "", "string", "A new random UUID, 36 characters.", Runs::Here(uuid_v4)),
    row("uuid_bytes_to_string", "bytes", "string", "16 bytes as 36 characters.", Runs::Here(uuid_bytes_to_string)),
    row("uuid_string_to_bytes", "string", "bytes", "36 characters as 16 bytes.", Runs::Here(uuid_string_to_bytes)),
];

fn json_encode(_: &mut Desk, charge: &Charge<'_>, arguments: &Arguments) -> Result<Values, HostError> {
    let data = arguments.data(1, limits())?;
    let json = json::to_text(&data).map_err(|error| HostError(format!("error encoding to JSON: {error}")))?;
    charge.bytes(json.len() * 4);
    Ok(one(text(json)))
}

fn json_decode(_: &mut Desk, charge: &Charge<'_>, arguments: &Arguments) -> Result<Values, HostError> {
    let json = filled(arguments, 1, "expects JSON string")?;
    charge.bytes(json.len() * 4);
    json::from_text(&json).map(one).map_err(|error| HostError(format!("not a valid JSON string: {error}")))
}

fn encode(
    charge: &Charge<'_>,
    arguments: &Arguments,
    [padded, bare]: [&base64::engine::GeneralPurpose; 2],
) -> Result<Values, HostError> {
    let input = filled(arguments, 1, "expects string")?;
    charge.bytes(input.len());
    let engine = if arguments.flag_or(2, true)? { padded } else { bare };
    Ok(one(text(engine.encode(input))))
}

fn decode(
    charge: &Charge<'_>,
    arguments: &Arguments,
    pads: bool,
    engine: &base64::engine::GeneralPurpose,
    kind: &str,
) -> Result<Values, HostError> {
    let mut input = filled(arguments, 1, "expects string")?;
    charge.bytes(input.len());
    if pads {
        input.resize(input.len().next_multiple_of(4), b'=');
    }
    engine.decode(input).map(|bytes| one(text(bytes))).map_err(|error| HostError(format!("not a valid {kind} string: {error}")))
}

fn base64_decode(_: &mut Desk, charge: &Charge<'_>, arguments: &Arguments) -> Result<Values, HostError> {
    decode(charge, arguments, arguments.flag_or(2, true)?, &STANDARD, "base64")
}

fn base64url_decode(_: &mut Desk, charge: &Charge<'_>, arguments: &Arguments) -> Result<Values, HostError> {
    decode(charge, arguments, !arguments.flag_or(2, false)?, &URL_SAFE, "base64 url")
}

/// Hexadecimal, lower case.
pub(super) fn hexadecimal(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect()
}

fn base16_encode(_: &mut Desk, charge: &Charge<'_>, arguments: &Arguments) -> Result<Values, HostError> {
    let input = filled(arguments, 1, "expects string")?;
    charge.bytes(input.len());
    Ok(one(text(hexadecimal(&input))))
}

fn base16_decode(_: &mut Desk, charge: &Charge<'_>, arguments: &Arguments) -> Result<Values, HostError> {
    let input = filled(arguments, 1, "expects string")?;
    charge.bytes(input.len());
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = input.as_chunks::<2>();
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    match bytes.filter(|_| rest.is_empty()) {
        Some(bytes) => Ok(one(text(bytes))),
        None => Err(HostError("not a valid base16 string: pairs of hexadecimal digits are expected".to_owned())),
    }
}

fn uuid_v4(desk: &mut Desk, _: &Charge<'_>, _: &Arguments) -> Result<Values, HostError> {
    let mut id = [0; 16];
    desk.fill_random(&mut id)?;
    id[6] = id[6] & 0x0f | 0x40;
    id[8] = id[8] & 0x3f | 0x80;
    Ok(one(text(id_to_text(&id))))
}

fn uuid_bytes_to_string(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Values, HostError> {
    let bytes = filled(arguments, 1, "expects a UUID byte string")?;
    let id = bytes.try_into().map_err(|_| wrong(1, "not a valid UUID byte string"))?;
    Ok(one(text(id_to_text(&id))))
}

fn uuid_string_to_bytes(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Values, HostError> {
    let input = filled(arguments, 1, "expects a UUID string")?;
    id_from_text(&input).map(|id| one(text(id))).ok_or_else(|| wrong(1, "not a valid UUID string"))
}
