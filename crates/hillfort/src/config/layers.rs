//! Embedded defaults, file, environment and flags, merged key by key. The defaults are the schema: what is not in them is
//! unknown, and what is of another type is wrong. Knows nothing of what the values mean.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{DEFAULT, FILE, Files, Overrides, Problem, limits};

/// Environment variables with this prefix are settings ...
const ENV_PREFIX: &str = "HILLFORT_";
/// ... but for these, which the command line reads by itself.
const ENV_OTHERS: [&str; 2] = ["HILLFORT_CONFIG", "HILLFORT_LOAD_"];

/// Likeness from which on a key is offered as the one that was meant.
const LIKENESS_MIN: f64 = 0.6;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In `default.toml`, which is embedded.
    Default,
    /// In this file.
    File(PathBuf),
    /// In this environment variable.
    Environment(String),
    /// In `--set`.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag => f.write_str("--set"),
        }
    }
}

/// All keys, each with its value and where it comes from.
#[derive(Clone)]
pub(super) struct Layers {
    values: BTreeMap<String, (Value, Origin)>,
}

impl fmt::Debug for Layers {
    /// Secrets stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.values.iter().map(|(key, (_, origin))| (key, origin))).finish()
    }
}

impl Layers {
    pub(super) fn read(
        overrides: &Overrides,
        env: impl IntoIterator<Item = (String, String)>,
        files: &dyn Files,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut layers = Self::defaults();
        layers.read_file(overrides.file.as_deref(), files, problems);
        let mut env: Vec<_> = env.into_iter().filter(|(name, _)| is_setting(name)).collect();
        env.sort();
        for (name, text) in env {
            let key = name[ENV_PREFIX.len()..].to_lowercase().replace("__", ".");
            layers.put_text(&key, &text, Origin::Environment(name), problems);
        }
        for (key, text) in &overrides.set {
            layers.put_text(key, text, Origin::Flag, problems);
        }
        layers
    }

    pub(super) fn defaults() -> Self {
        let table: Table = DEFAULT.parse().expect("the defaults are TOML: a test reads them");
        let leaves = leaves(table).into_iter().map(|(key, value)| (key, (value, Origin::Default)));
        Self { values: leaves.collect() }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).map(|(value, _)| value)
    }

    pub(super) fn origin(&self, key: &str) -> &Origin {
        self.values.get(key).map_or(&Origin::Default, |(_, origin)| origin)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The values as one table, for serde.
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new();
        for (key, (value, _)) in &self.values {
            match key.split_once('.') {
                Some((section, name)) => {
                    let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
                    if let Value::Table(section) = section {
                        section.insert(name.to_owned(), value.clone());
                    }
                }
                None => {
                    table.insert(key.clone(), value.clone());
                }
            }
        }
        table
    }

    fn read_file(&mut self, named: Option<&Path>, files: &dyn Files, problems: &mut Vec<Problem>) {
        let path = named.unwrap_or_else(|| Path::new(FILE));
        let bytes = match files.read(path) {
            Ok(bytes) => bytes,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => return problems.push(Problem::Unreadable { path: path.to_path_buf(), error }),
        };
        let origin = Origin::File(path.to_path_buf());
        let table = match std::str::from_utf8(&bytes).map_err(|error| error.to_string()) {
            // Without the line itself: it may hold a secret.
            Ok(text) => text.parse::<Table>().map_err(|error| match error.span() {
                Some(span) => format!("line {}: {}", 1 + text[..span.start].matches('\n').count(), error.message()),
                None => error.message().to_owned(),
            }),
            Err(error) => Err(error),
        };
        match table {
            Ok(table) => {
                for (key, value) in leaves(table) {
                    self.put(&key, value, origin.clone(), problems);
                }
            }
            Err(text) => problems.push(Problem::Syntax { origin, text }),
        }
    }

    fn put_text(&mut self, key: &str, text: &str, origin: Origin, problems: &mut Vec<Problem>) {
        let value = match self.get(key) {
            Some(Value::String(_)) | None => Value::String(text.to_owned()),
            // Numbers, truth values and lists are written as in TOML; what is none of them is told by its type.
            Some(_) => format!("value = {text}")
                .parse::<Table>()
                .ok()
                .and_then(|mut table| table.remove("value"))
                .unwrap_or_else(|| text.into()),
        };
        self.put(key, value, origin, problems);
    }

    fn put(&mut self, key: &str, value: Value, origin: Origin, problems: &mut Vec<Problem>) {
        let Some((held, _)) = self.values.get(key) else {
            return problems.push(self.unknown(key, origin));
        };
        let expected = match (held, &value) {
            (Value::Integer(_), Value::Integer(_))
            | (Value::String(_), Value::String(_))
            | (Value::Boolean(_), Value::Boolean(_)) => None,
            (Value::Array(_), Value::Array(items)) if key == "keys" => return self.put_keys(items.clone(), origin, problems),
            (Value::Array(_), Value::Array(items)) if items.iter().all(Value::is_str) => None,
            (Value::Integer(_), _) => Some(limits::expected(key)),
            (Value::Boolean(_), _) => Some("true or false".to_owned()),
            (Value::Array(_), _) if key == "keys" => Some("a list of tables, [[keys]]".to_owned()),
            (Value::Array(_), _) => Some("a list of texts".to_owned()),
            _ => Some("a text".to_owned()),
        };
        match expected {
            Some(expected) => problems.push(Problem::Value { key: key.to_owned(), value: shown(&value), origin, expected }),
            None => {
                self.values.insert(key.to_owned(), (value, origin));
            }
        }
    }

    fn put_keys(&mut self, items: Vec<Value>, origin: Origin, problems: &mut Vec<Problem>) {
        let before = problems.len();
        for item in &items {
            let Value::Table(table) = item else {
                let expected = "a list of tables, [[keys]]".to_owned();
                problems.push(Problem::Value { key: "keys".to_owned(), value: shown(item), origin: origin.clone(), expected });
                continue;
            };
            for (name, value) in table {
                let (key, origin) = (format!("keys.{name}"), origin.clone());
                match (name.as_str(), value) {
                    ("app" | "key", Value::Integer(_)) | ("secret_hex" | "secret_file", Value::String(_)) => {}
                    ("app" | "key", _) => {
                        problems.push(Problem::Value { value: shown(value), expected: limits::expected(&key), key, origin });
                    }
                    // The value is not shown: it may be a secret.
                    ("secret_hex" | "secret_file", _) => {
                        problems.push(Problem::Key { key, origin, text: "a text is expected".to_owned() })
                    }
                    _ => problems.push(self.unknown(&key, origin)),
                }
            }
        }
        if problems.len() == before {
            self.values.insert("keys".to_owned(), (Value::Array(items), origin));
        }
    }

    fn unknown(&self, key: &str, origin: Origin) -> Problem {
        let section = format!("{key}.");
        if self.keys().any(|known| known.starts_with(&section)) {
            return Problem::Key { key: key.to_owned(), origin, text: format!("this is a section: [{key}]") };
        }
        let inside_keys = ["keys.app", "keys.key", "keys.secret_hex", "keys.secret_file"];
        let likeness = |known: &str| {
            // Somebody who left the section out, or took the wrong one, meant the same name elsewhere.
            let names = strsim::normalized_damerau_levenshtein(last(known), last(key)) * 0.9;
            names.max(strsim::normalized_damerau_levenshtein(known, key))
        };
        let nearest = self.keys().chain(inside_keys).map(|known| (likeness(known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
        let nearest = nearest.filter(|(likeness, _)| *likeness >= LIKENESS_MIN).map(|(_, known)| known.to_owned());
        Problem::Unknown { key: key.to_owned(), origin, nearest }
    }
}

/// A value in one line.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Table(_) => "a table".to_owned(),
        value => value.to_string(),
    }
}

fn is_setting(name: &str) -> bool {
    name.starts_with(ENV_PREFIX) && name != ENV_OTHERS[0] && !name.starts_with(ENV_OTHERS[1])
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// Keys with their sections, `section.name`. An empty section is a leaf, so that a misspelt one is found.
fn leaves(table: Table) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                found.extend(leaves(inner).into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            value => found.push((name, value)),
        }
    }
    found
}
