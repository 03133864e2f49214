//! The test vectors that every client's tests read too: writes them from this implementation, holds the committed files against it,
//! and checks that each says what it claims. `UPDATE_VECTORS=1 cargo test -p hillfort-proto --test vectors` writes them anew.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

#[path = "vectors/frames.rs"]
mod frames;
#[path = "vectors/hellos.rs"]
mod hellos;
#[path = "vectors/messages.rs"]
mod messages;

use serde_json::Value;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test of files reads and writes files")]
fn check_file(name: &str, wanted: &Value) {
    let path = format!("{}/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(wanted).unwrap() + "\n").unwrap();
    }
    // Compared as values: whether serde_json sorts keys depends on what else is built.
    let found: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert!(
        found == *wanted,
        "{path} is not what this implementation writes; run with UPDATE_VECTORS=1 and look at the difference"
    );
}
