//! Packets with what they mean, for decoders in other languages: writes them from this implementation and holds the committed files against it.
//! `UPDATE_VECTORS=1 cargo test -p hillfort-sync --test vectors` writes them anew.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

#[path = "vectors/play.rs"]
mod play;
#[path = "vectors/wrong.rs"]
mod wrong;

use hillfort_sync::{Mirror, MirrorError, Schema};
use serde_json::{Value, json};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All entities of a client, by id, as `[id, kind, numbers by field]`; null is what the client does not get.
fn entities(schema: &Schema, mirror: &Mirror) -> Value {
    let mut seen: Vec<_> = mirror.seen().collect();
    seen.sort_by_key(hillfort_sync::Seen::id);
    let one = |seen: &hillfort_sync::Seen<'_>| {
        let kind = &schema.kinds()[usize::from(seen.kind())];
        // In as few digits as tell one 32-bit float from the next.
        let short = |value: f32| value.to_string().parse::<f64>().unwrap();
        let values: Vec<_> = (0..kind.fields.len()).map(|field| seen.value(field).map(short)).collect();
        json!([seen.id().get(), kind.name, values])
    };
    seen.iter().map(one).collect()
}

/// What taking a packet gives, in a word.
fn outcome(taken: Result<bool, MirrorError>) -> &'static str {
    match taken {
        Ok(true) => "taken",
        Ok(false) => "old",
        Err(MirrorError::Malformed) => "malformed",
        Err(MirrorError::Schema { .. }) => "schema",
        Err(MirrorError::NoState) => "state",
    }
}

#[expect(clippy::disallowed_methods, reason = "a test of files reads and writes files")]
fn check_file(name: &str, wanted: &Value) {
    let path = format!("{}/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        // A packet on a line: people look at differences.
        std::fs::write(&path, lines(wanted)).unwrap();
    }
    let found: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    // Both read by the same reader, and compared as values: whether serde_json sorts keys depends on what else is built.
    let wanted: Value = serde_json::from_str(&lines(wanted)).unwrap();
    assert!(
        found == wanted,
        "{path} is not what this implementation writes; run with UPDATE_VECTORS=1 and look at the difference"
    );
}

fn lines(value: &Value) -> String {
    let members = value.as_object().unwrap().iter().map(|(key, value)| match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| format!("    {item}")).collect();
            format!("  {}: [\n{}\n  ]", json!(key), items.join(",\n"))
        }
        other => format!("  {}: {other}", json!(key)),
    });
    format!("{{\n{}\n}}\n", members.collect::<Vec<_>>().join(",\n"))
}
