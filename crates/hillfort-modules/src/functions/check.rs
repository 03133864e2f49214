//! Arguments that are more than a type: ids, lists of ids, fields of tables. Owns the messages for what is wrong with them.

use hillfort_script::modules::Arguments;
use hillfort_script::{Data, HostError};

use crate::id::{Id, id_from_text};
use crate::json;

/// Ids in one list.
const LIST_MAX: usize = 1000;

pub(super) fn wrong(place: usize, what: &str) -> HostError {
    Arguments::wrong(place, what)
}

/// A string that is not empty.
pub(super) fn filled(arguments: &Arguments, place: usize, what: &str) -> Result<Vec<u8>, HostError> {
    let bytes = arguments.bytes(place)?;
    if bytes.is_empty() { Err(wrong(place, what)) } else { Ok(bytes) }
}

/// The same as text.
pub(super) fn filled_text(arguments: &Arguments, place: usize, what: &str) -> Result<String, HostError> {
    let text = arguments.text(place)?;
    if text.is_empty() { Err(wrong(place, what)) } else { Ok(text) }
}

pub(super) fn id(arguments: &Arguments, place: usize, what: &str) -> Result<Id, HostError> {
    id_from_text(&arguments.bytes(place)?).ok_or_else(|| wrong(place, what))
}

/// Nothing when it is `nil` or empty.
pub(super) fn optional_id(arguments: &Arguments, place: usize, what: &str) -> Result<Option<Id>, HostError> {
    match arguments.optional_text(place)? {
        Some(text) if !text.is_empty() => id_from_text(text.as_bytes()).map(Some).ok_or_else(|| wrong(place, what)),
        _ => Ok(None),
    }
}

/// The values of a table that is a list, or has no values.
pub(super) fn list(data: Data, place: usize, what: &str) -> Result<Vec<Data>, HostError> {
    match data {
        Data::List(list) if list.len() > LIST_MAX => Err(wrong(place, &format!("{what}: at most {LIST_MAX}"))),
        Data::List(list) => Ok(list),
        Data::Map(fields) if fields.is_empty() => Ok(Vec::new()),
        _ => Err(wrong(place, what)),
    }
}

/// A list of ids.
pub(super) fn ids(arguments: &Arguments, place: usize, what: &str) -> Result<Vec<Id>, HostError> {
    let list = list(arguments.table(place, super::limits())?, place, what)?;
    list.iter()
        .map(|value| match value {
            Data::Text(text) => id_from_text(text).ok_or_else(|| wrong(place, "each user id must be a valid id string")),
            _ => Err(wrong(place, "each user id must be a string")),
        })
        .collect()
}

/// A list of strings that are not empty.
pub(super) fn texts(data: Data, place: usize, what: &str, each: &str) -> Result<Vec<String>, HostError> {
    list(data, place, what)?
        .into_iter()
        .map(|value| match value {
            Data::Text(text) if !text.is_empty() => Ok(String::from_utf8_lossy(&text).into_owned()),
            _ => Err(wrong(place, each)),
        })
        .collect()
}

/// Fields of a table that a script passed at `place`.
pub(super) struct Fields<'a> {
    data: &'a Data,
    place: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(data: &'a Data, place: usize, what: &str) -> Result<Self, HostError> {
        match data {
            Data::Map(_) => Ok(Self { data, place }),
            _ => Err(wrong(place, what)),
        }
    }

    fn expects(&self, name: &str, what: &str) -> HostError {
        wrong(self.place, &format!("expects {name} to be {what}"))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, HostError> {
        match self.data.get(name) {
            Data::Nil => Ok(None),
            Data::Text(text) => Ok(Some(String::from_utf8_lossy(text).into_owned())),
            _ => Err(self.expects(name, "string")),
        }
    }

    pub(super) fn filled(&self, name: &str) -> Result<Option<String>, HostError> {
        match self.text(name)? {
            Some(text) if text.is_empty() => Err(self.expects(name, "a non-empty string")),
            other => Ok(other),
        }
    }

    pub(super) fn needed(&self, name: &str) -> Result<String, HostError> {
        self.filled(name)?.ok_or_else(|| self.expects(name, "supplied").clone())
    }

    pub(super) fn id(&self, name: &str) -> Result<Option<Id>, HostError> {
        match self.data.get(name) {
            Data::Nil => Ok(None),
            Data::Text(text) => id_from_text(text).map(Some).ok_or_else(|| self.expects(name, "a valid ID")),
            _ => Err(self.expects(name, "string")),
        }
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, HostError> {
        match self.data.get(name) {
            Data::Nil => Ok(None),
            #[expect(clippy::cast_possible_truncation, reason = "saturates")]
            Data::Number(number) => Ok(Some(*number as i64)),
            _ => Err(self.expects(name, "number")),
        }
    }

    /// A table as a JSON object.
    pub(super) fn object(&self, name: &str) -> Result<Option<String>, HostError> {
        match self.data.get(name) {
            Data::Nil => Ok(None),
            value @ Data::Map(_) => {
                json::to_text(value).map(Some).map_err(|error| wrong(self.place, &format!("failed to convert {name}: {error}")))
            }
            Data::List(_) => Err(self.expects(name, "a table with names, not a list")),
            _ => Err(self.expects(name, "table")),
        }
    }

    /// A table of whole numbers by name.
    pub(super) fn amounts(&self, name: &str) -> Result<Option<Vec<(String, i64)>>, HostError> {
        match self.data.get(name) {
            Data::Nil => Ok(None),
            value => amounts(value, self.place).map(Some),
        }
    }
}

/// Largest whole number below which scripts tell each one from its neighbours.
const EXACT_MAX: f64 = 9_007_199_254_740_991.0;

/// A table of whole numbers by name.
pub(super) fn amounts(data: &Data, place: usize) -> Result<Vec<(String, i64)>, HostError> {
    let Data::Map(fields) = data else {
        return Err(wrong(place, "expects changeset to be table"));
    };
    fields
        .iter()
        .map(|(key, value)| match value {
            #[expect(clippy::cast_possible_truncation, reason = "checked")]
            Data::Number(number) if number.fract() == 0.0 && number.abs() <= EXACT_MAX => {
                Ok((String::from_utf8_lossy(key).into_owned(), *number as i64))
            }
            Data::Number(number) if number.fract() == 0.0 => Err(wrong(
                place,
                "expects changeset values of at most 2^53 - 1 either way: scripts cannot tell larger ones apart",
            )),
            _ => Err(wrong(place, "expects changeset values to be whole numbers")),
        })
        .collect()
}

/// A table of strings by name, or nothing.
pub(super) fn strings(arguments: &Arguments, place: usize, what: &str) -> Result<Vec<(String, String)>, HostError> {
    if arguments.is_nil(place) {
        return Ok(Vec::new());
    }
    let Data::Map(fields) = arguments.table(place, super::limits())? else {
        return Err(wrong(place, &format!("{what} keys must be strings")));
    };
    fields
        .into_iter()
        .map(|(key, value)| match value {
            Data::Text(value) => Ok((String::from_utf8_lossy(&key).into_owned(), String::from_utf8_lossy(&value).into_owned())),
            _ => Err(wrong(place, &format!("{what} values must be strings"))),
        })
        .collect()
}

/// A table as a JSON object, or nothing.
pub(super) fn object(arguments: &Arguments, place: usize) -> Result<Option<String>, HostError> {
    if arguments.is_nil(place) {
        return Ok(None);
    }
    match arguments.table(place, super::limits())? {
        data @ Data::Map(_) => {
            json::to_text(&data).map(Some).map_err(|error| wrong(place, &format!("failed to convert table: {error}")))
        }
        _ => Err(wrong(place, "expects a table with names, not a list")),
    }
}
