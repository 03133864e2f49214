//! A game's schema as its author writes it: the text of a TOML file with kinds and their fields. Owns the keys of the file and says in words what is
//! wrong with it; knows nothing of where files lie, of entities and of what is made of the schema.

use std::fmt::Display;

use serde::Deserialize;

use crate::column::Tier;
use crate::schema::{Field, FieldType, Kind, Schema, To, When};

/// Names that a client's entities have already.
const TAKEN: [&str; 4] = ["id", "kind", "constructor", "__proto__"];

/// What is wrong with a schema file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchemaFileError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSchema {
    kind: Vec<RawKind>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKind {
    name: String,
    at: Option<[String; 2]>,
    /// Read one by one, so that a mistake is told with the name of its field.
    #[serde(default)]
    field: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawField {
    name: String,
    #[serde(rename = "type")]
    ty: RawType,
    min: Option<f64>,
    max: Option<f64>,
    step: Option<f64>,
    bits: Option<u8>,
    #[serde(default)]
    when: RawWhen,
    #[serde(default)]
    to: RawTo,
    #[serde(default)]
    tier: RawTier,
    extrapolate: Option<u8>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawType {
    Fixed,
    Angle,
    Int,
    Bool,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawWhen {
    #[default]
    Change,
    Always,
    Join,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawTo {
    #[default]
    All,
    Owner,
    Team,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawTier {
    #[default]
    Far,
    Mid,
    Near,
}

/// Reads the text of a schema file.
///
/// # Errors
/// The first mistake, with the kind and the field that it is in.
pub fn read_schema(text: &str) -> Result<Schema, SchemaFileError> {
    let raw: RawSchema = toml::from_str(text).map_err(|error| SchemaFileError(error.to_string().trim_end().to_owned()))?;
    let kinds = raw.kind.into_iter().map(kind).collect::<Result<_, _>>()?;
    Schema::new(kinds).map_err(|error| SchemaFileError(error.to_string()))
}

fn kind(raw: RawKind) -> Result<Kind, SchemaFileError> {
    let within = |error: &dyn Display| SchemaFileError(format!("kind {}: {error}", raw.name));
    let mut kind = Kind::new(&raw.name);
    for (at, table) in raw.field.into_iter().enumerate() {
        let name = table.get("name").and_then(toml::Value::as_str).map_or_else(|| format!("number {}", at + 1), str::to_owned);
        let made =
            RawField::deserialize(table).map_err(|error| error.to_string().trim_end().to_owned()).and_then(|raw| field(&raw));
        kind = kind.with(made.map_err(|error| within(&format!("field {name}: {error}")))?);
    }
    if let Some([first, second]) = &raw.at {
        kind = kind.at(first, second);
    }
    // Alone, so that what is wrong with a field is told with its kind.
    Schema::new(vec![kind.clone()]).map_err(|error| within(&error))?;
    Ok(kind)
}

fn field(raw: &RawField) -> Result<Field, String> {
    if TAKEN.contains(&raw.name.as_str()) {
        return Err("clients have this name for something else: choose another".to_owned());
    }
    let mut field = Field::new(&raw.name, field_type(raw)?);
    field.when = match raw.when {
        RawWhen::Change => When::Change,
        RawWhen::Always => When::Always,
        RawWhen::Join => When::Join,
    };
    field.to = match raw.to {
        RawTo::All => To::All,
        RawTo::Owner => To::Owner,
        RawTo::Team => To::Team,
    };
    field.tier = match raw.tier {
        RawTier::Far => Tier::Far,
        RawTier::Mid => Tier::Mid,
        RawTier::Near => Tier::Near,
    };
    field.extrapolate = raw.extrapolate;
    Ok(field)
}

fn field_type(raw: &RawField) -> Result<FieldType, String> {
    let (name, needs): (_, &[&str]) = match raw.ty {
        RawType::Fixed => ("fixed", &["min", "max", "step"]),
        RawType::Angle => ("angle", &["bits"]),
        RawType::Int => ("int", &["min", "max"]),
        RawType::Bool => ("bool", &[]),
    };
    let given =
        [("min", raw.min.is_some()), ("max", raw.max.is_some()), ("step", raw.step.is_some()), ("bits", raw.bits.is_some())];
    for (key, is_given) in given {
        match (needs.contains(&key), is_given) {
            (true, false) => return Err(format!("a field of type {name} needs `{key}`: add it")),
            (false, true) => return Err(format!("a field of type {name} has no `{key}`: leave it out")),
            _ => {}
        }
    }
    let number = |value: Option<f64>| value.unwrap_or_default();
    let whole = |key: &str, value: Option<f64>| {
        let value = number(value);
        let fits = value.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&value);
        if fits { Ok(value as i32) } else { Err(format!("`{key}` of an int is a whole number of 32 bits, not {value}")) }
    };
    Ok(match raw.ty {
        RawType::Fixed => {
            FieldType::Fixed { min: number(raw.min) as f32, max: number(raw.max) as f32, step: number(raw.step) as f32 }
        }
        RawType::Angle => FieldType::Angle { bits: raw.bits.unwrap_or_default() },
        RawType::Int => FieldType::Int { min: whole("min", raw.min)?, max: whole("max", raw.max)? },
        RawType::Bool => FieldType::Bool,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUAD: &str = r#"
        [[kind]]
        name = "squad"
        at = ["x", "y"]
        [[kind.field]]
        name = "x"
        type = "fixed"
        min = 0
        max = 160
        step = 0.015625
        extrapolate = 2
        [[kind.field]]
        name = "y"
        type = "fixed"
        min = 0
        max = 100.5
        step = 0.015625
        [[kind.field]]
        name = "hp"
        type = "int"
        min = -1
        max = 100
        when = "always"
        to = "team"
        tier = "mid"
    "#;

    #[test]
    fn a_file_says_what_the_library_means() {
        let x = Field { extrapolate: Some(2), ..Field::fixed("x", 0.0, 160.0, 1.0 / 64.0) };
        let hp =
            Field { when: When::Always, to: To::Team, tier: Tier::Mid, ..Field::new("hp", FieldType::Int { min: -1, max: 100 }) };
        let kind = Kind::new("squad").with(x).with(Field::fixed("y", 0.0, 100.5, 1.0 / 64.0)).with(hp).at("x", "y");
        assert_eq!(read_schema(SQUAD), Ok(Schema::new(vec![kind]).unwrap()));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (from, to, expect) in [
            (
                "step = 0.015625\n        extrapolate",
                "extrapolate",
                "kind squad: field x: a field of type fixed needs `step`: add it",
            ),
            ("max = 160", "max = 160\nbits = 3", "kind squad: field x: a field of type fixed has no `bits`: leave it out"),
            ("min = -1", "min = 0.5", "kind squad: field hp: `min` of an int is a whole number of 32 bits, not 0.5"),
            ("tier = \"mid\"", "tire = \"mid\"", "kind squad: field hp: unknown field `tire`, expected one of `name`"),
            ("to = \"team\"", "to = \"foes\"", "kind squad: field hp: unknown variant `foes`, expected one of `all`"),
            ("name = \"hp\"", "name = \"id\"", "kind squad: field id: clients have this name for something else"),
            ("name = \"hp\"", "name = \"HP\"", "kind squad: \"HP\": a name has 1 to 32 of a-z"),
            ("name = \"hp\"", "", "kind squad: field number 3: missing field `name`"),
            ("at = [\"x\", \"y\"]", "at = [\"x\", \"z\"]", "kind squad: `at` must name two different `fixed` fields"),
            ("min = 0\n        max = 160", "min = 200\n        max = 160", "kind squad: field x: min must be below max"),
            ("at = ", "it = ", "unknown field `it`"),
        ] {
            assert!(SQUAD.contains(from), "{from}");
            let error = read_schema(&SQUAD.replacen(from, to, 1)).expect_err(to).to_string();
            assert!(error.contains(expect), "{error}\nand not: {expect}");
        }
    }
}
