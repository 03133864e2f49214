//! A label taken apart, so that queries need not read it again. Knows nothing of queries.

use serde_json::Value as Json;

use super::Value;

/// What the JSON of a label says, by path; nothing when a label is no JSON object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Label {
    fields: Vec<(Box<str>, Leaf)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Leaf {
    Text(Box<str>),
    Number(f64),
    Flag(bool),
}

impl Label {
    /// Takes a label apart. Members of arrays all have the array's path.
    #[must_use]
    pub fn read(label: &str) -> Self {
        let mut fields = Vec::new();
        if let Ok(Json::Object(object)) = serde_json::from_str(label) {
            for (name, value) in object {
                walk(name, value, &mut fields);
            }
        }
        fields.shrink_to_fit();
        Self { fields }
    }

    pub(super) fn at<'a>(&'a self, path: &'a str) -> impl Iterator<Item = Value<'a>> {
        self.fields.iter().filter(move |(at, _)| **at == *path).map(|(_, leaf)| leaf.value())
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter_map(|(_, leaf)| if let Leaf::Text(text) = leaf { Some(&**text) } else { None })
    }
}

impl Leaf {
    const fn value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(text),
            Self::Number(number) => Value::Number(*number),
            Self::Flag(flag) => Value::Flag(*flag),
        }
    }
}

/// As deep as the reader of JSON goes.
fn walk(path: String, value: Json, fields: &mut Vec<(Box<str>, Leaf)>) {
    let leaf = match value {
        Json::Null => return,
        Json::Bool(flag) => Leaf::Flag(flag),
        Json::Number(number) => Leaf::Number(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Leaf::Text(text.into()),
        Json::Array(members) => return members.into_iter().for_each(|member| walk(path.clone(), member, fields)),
        Json::Object(object) => {
            return object.into_iter().for_each(|(name, value)| walk(format!("{path}.{name}"), value, fields));
        }
    };
    fields.push((path.into(), leaf));
}
