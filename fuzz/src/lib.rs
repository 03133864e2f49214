//! What is fuzzed: one function for each target, which takes bytes and panics when something that must hold does not.
//!
//! libFuzzer calls them (`fuzz_targets/`), and so does a plain test that replays the corpora (`tests/replay.rs`). On stable Rust:
//! `cargo fuzz run -s none --features libfuzzer <target> -- -max_total_time=60`. To add a target:
//! a function here, an entry in [`TARGETS`], a main in `fuzz_targets/`, a `[[bin]]` in Cargo.toml, some inputs in `corpus/<name>/`.

mod api;
mod borrowed;
mod classic;
mod envelope;
mod files;
mod first_bytes;
mod guard;
mod packet;
mod proto;
mod recording;
mod scene;
mod script;
mod websocket;
mod work;

pub use api::api_json;
pub use classic::classic;
pub use envelope::{envelope, label_query};
pub use files::{fingerprints, journal, maxmind, names};
pub use first_bytes::{client_hello, proxy};
pub use guard::regions;
pub use packet::packet;
pub use proto::{frame, hello, message};
pub use recording::recording;
pub use scene::scene;
pub use script::session;
pub use websocket::{upgrade, websocket};
pub use work::work;

/// One target.
pub type Target = fn(&[u8]);

/// Name and function of each target.
pub const TARGETS: &[(&str, Target)] = &[
    ("api_json", api_json),
    ("envelope", envelope),
    ("label_query", label_query),
    ("client_hello", client_hello),
    ("proxy", proxy),
    ("hello", hello),
    ("frame", frame),
    ("message", message),
    ("session", session),
    ("regions", regions),
    ("maxmind", maxmind),
    ("journal", journal),
    ("names", names),
    ("fingerprints", fingerprints),
    ("upgrade", upgrade),
    ("websocket", websocket),
    ("work", work),
    ("packet", packet),
    ("classic", classic),
    ("recording", recording),
    ("scene", scene),
];
