//! A label taken apart, so that queries need not read it again. Takes no more memory than some times the label's own, whatever its names
//! are. Knows nothing of queries.

use std::sync::Arc;

use serde_json::Value as Json;

use super::Value;

/// Most bytes of all paths of a label. A long name with many members in it would be written as often as there are members.
const PATHS_BYTES_MAX: usize = 8 * 1024;

/// What the JSON of a label says, by path; nothing when a label is no JSON object, or its paths are too long.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Label {
    fields: Vec<(Arc<str>, Leaf)>,
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
        let mut apart = Apart { fields: Vec::new(), bytes: 0 };
        if let Ok(Json::Object(object)) = serde_json::from_str(label) {
            for (name, value) in object {
                if apart.walk(&name.into(), value).is_none() {
                    return Self::default();
                }
            }
        }
        apart.fields.shrink_to_fit();
        Self { fields: apart.fields }
    }

    /// How many there are.
    pub(super) const fn fields(&self) -> usize {
        self.fields.len()
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

/// A label that is being taken apart.
struct Apart {
    fields: Vec<(Arc<str>, Leaf)>,
    /// Of all paths so far.
    bytes: usize,
}

impl Apart {
    /// As deep as the reader of JSON goes. `None`: the paths are too long.
    fn walk(&mut self, path: &Arc<str>, value: Json) -> Option<()> {
        let leaf = match value {
            Json::Null => return Some(()),
            Json::Bool(flag) => Leaf::Flag(flag),
            Json::Number(number) => Leaf::Number(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Leaf::Text(text.into()),
            Json::Array(members) => return members.into_iter().try_for_each(|member| self.walk(path, member)),
            Json::Object(object) => {
                return object.into_iter().try_for_each(|(name, value)| {
                    self.bytes += path.len() + 1 + name.len();
                    (self.bytes <= PATHS_BYTES_MAX).then(|| self.walk(&format!("{path}.{name}").into(), value))?
                });
            }
        };
        self.fields.push((Arc::clone(path), leaf));
        Some(())
    }
}
