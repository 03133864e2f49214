//! Owns the checks of arguments that hold for every database alike: bounds, NUL characters, JSON. Rules of an API are its own business.

use serde::de::IgnoredAny;
use std::collections::BTreeMap;

use crate::{BATCH_MAX, Result, StoreError};

/// Text that a database can keep: at most `max` bytes, no NUL (PostgreSQL refuses it).
pub(crate) fn text(field: &str, text: &str, max: usize) -> Result<()> {
    if text.len() > max {
        return Err(StoreError::invalid(field, format!("has {} bytes, at most {max}", text.len())));
    }
    if text.contains('\0') {
        return Err(StoreError::invalid(field, "has a NUL character"));
    }
    Ok(())
}

/// Text of at most `most` characters (Unicode scalar values), no NUL.
pub(crate) fn chars(field: &str, given: &str, most: usize) -> Result<()> {
    // Few bytes are few characters.
    if given.len() > most && given.chars().nth(most).is_some() {
        return Err(StoreError::invalid(field, format!("has more than {most} characters")));
    }
    text(field, given, given.len())
}

/// Text that names something: as [`text`], and not empty.
pub(crate) fn name(field: &str, name: &str, max: usize) -> Result<()> {
    if name.is_empty() {
        return Err(StoreError::invalid(field, "is empty"));
    }
    text(field, name, max)
}

/// Deepest nesting of JSON: what `serde_json` reads (128), with some to spare for what is put around it.
const DEPTH_MAX: usize = 100;

/// A JSON object of at most `max` bytes, at most [`DEPTH_MAX`] deep.
pub(crate) fn object(field: &str, json: &str, max: usize) -> Result<()> {
    text(field, json, max)?;
    let is_object = json.trim_ascii_start().starts_with('{');
    if !is_object || serde_json::from_str::<IgnoredAny>(json).is_err() {
        return Err(StoreError::invalid(field, "is not a JSON object"));
    }
    if depth(json) > DEPTH_MAX {
        return Err(StoreError::invalid(field, format!("is nested more than {DEPTH_MAX} deep")));
    }
    Ok(())
}

/// How deep well-formed JSON is nested.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// A batch of at most [`BATCH_MAX`] items.
pub(crate) fn batch<T>(field: &str, items: &[T]) -> Result<()> {
    if items.len() > BATCH_MAX {
        return Err(StoreError::invalid(field, format!("has {} items, at most {BATCH_MAX}", items.len())));
    }
    Ok(())
}

/// Names of a changeset.
pub(crate) fn changes(changes: &BTreeMap<String, i64>, max: usize) -> Result<()> {
    if changes.len() > max {
        return Err(StoreError::invalid("changeset", format!("has {} names, at most {max}", changes.len())));
    }
    changes.keys().try_for_each(|key| name("changeset name", key, 128))
}

#[cfg(test)]
mod tests {
    use super::{chars, name, object, text};

    #[test]
    fn bounds() {
        assert!(text("a", "abc", 3).is_ok());
        assert!(text("a", "abcd", 3).is_err());
        assert!(text("a", "a\0", 3).is_err());
        assert!(name("a", "", 3).is_err());
        for (given, good) in
            [("", true), ("日本語", true), ("日本語だ", false), ("🏰🏰🏰", true), ("abcd", false), ("a\0", false)]
        {
            assert_eq!(chars("a", given, 3).is_ok(), good, "{given:?}");
        }
    }

    #[test]
    fn only_objects_are_objects() {
        for (json, good) in [
            ("{}", true),
            (" {\"a\":\"\\u0000\"}", true),
            ("[]", false),
            ("", false),
            ("{", false),
            ("{} x", false),
            ("{\"a\":1e}", false),
            ("null", false),
        ] {
            assert_eq!(object("value", json, 64).is_ok(), good, "{json}");
        }
        for (nested, good) in [(99, true), (100, false), (100_000, false)] {
            let deep = format!("{{\"\\\"[\":{}{}}}", "[".repeat(nested), "]".repeat(nested));
            assert_eq!(object("value", &deep, 1 << 20).is_ok(), good, "{nested}");
        }
    }
}
