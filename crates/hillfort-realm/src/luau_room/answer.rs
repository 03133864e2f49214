//! What `on_create` returns, as a config. Owns the names of its fields.

use std::time::Duration;

use hillfort_script::{Object, Value};
use hillfort_world::{LatePolicy, RoomConfig};

/// The config in a table; fields that are missing have their defaults, unknown ones are an error.
pub(super) fn config(answer: Value) -> Result<RoomConfig, String> {
    let mut config = RoomConfig::default();
    let table = match answer {
        Value::Nil => return Ok(config),
        Value::Object(table) => table,
        _ => return Err("must return a table or nothing".to_owned()),
    };
    only(&table, &["hz", "seats", "label", "late", "inputs", "reconnect"])?;
    config.hz = number(&table, "hz", config.hz)?;
    config.seats_max = number(&table, "seats", config.seats_max)?;
    let seconds = number::<u32>(&table, "reconnect", config.reconnect.as_secs() as u32)?;
    config.reconnect = Duration::from_secs(u64::from(seconds));
    match table.get("label") {
        Value::Nil => {}
        Value::Bytes(text) => config.label = String::from_utf8(text.to_vec()).map_err(|_| "label must be UTF-8")?,
        _ => return Err("label must be a string".to_owned()),
    }
    match table.get("late") {
        Value::Nil => {}
        Value::Object(late) => config.late = late_policy(&late)?,
        _ => return Err("late must be a table".to_owned()),
    }
    match table.get("inputs") {
        Value::Nil => {}
        Value::Object(inputs) => {
            only(&inputs, &["player_tick", "player_queue", "room_tick"])?;
            config.inputs.player_tick = number(&inputs, "player_tick", config.inputs.player_tick)?;
            config.inputs.player_queue = number(&inputs, "player_queue", config.inputs.player_queue)?;
            config.inputs.room_tick = number(&inputs, "room_tick", config.inputs.room_tick)?;
        }
        _ => return Err("inputs must be a table".to_owned()),
    }
    Ok(config)
}

/// `{}` skips, `{ catch_up = n }` runs n missed ticks more, `{ dilate = share }` slows down.
fn late_policy(late: &Object) -> Result<LatePolicy, String> {
    only(late, &["catch_up", "dilate"])?;
    match (late.get("catch_up"), late.get("dilate")) {
        (Value::Nil, Value::Nil) => Ok(LatePolicy::Skip),
        (Value::Number(_), Value::Nil) => Ok(LatePolicy::CatchUp { max: number(late, "catch_up", 0)? }),
        #[expect(clippy::cast_possible_truncation, reason = "a share needs no more digits")]
        (Value::Nil, Value::Number(share)) => Ok(LatePolicy::Dilate { min: share as f32 }),
        _ => Err("late must have catch_up or dilate, a number".to_owned()),
    }
}

pub(super) fn only(table: &Object, known: &[&str]) -> Result<(), String> {
    table.unknown(known).map_or(Ok(()), |key| Err(format!("unknown field {key:?}; known are {}", known.join(", "))))
}

/// A whole number that fits `T`.
pub(super) fn number<T: TryFrom<u32>>(table: &Object, name: &str, missing: T) -> Result<T, String> {
    let wrong = || format!("{name} must be a whole number in its range");
    match table.get(name) {
        Value::Nil => Ok(missing),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
        Value::Number(number) if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) => {
            T::try_from(number as u32).map_err(|_| wrong())
        }
        _ => Err(wrong()),
    }
}
