//! Clippy's configuration of the pure crates. The nearest clippy.toml replaces the root's, so theirs is generated: root plus bans.

use anyhow::bail;
use std::fs;

use crate::shell::root;

const PURE: &[&str] = &["hillfort-proto", "hillfort-guard", "hillfort-world", "hillfort-script", "hillfort-sync"];

/// Of these, the ones whose arithmetic must give the same on every machine.
const REPLAYED: &[&str] = &["hillfort-world", "hillfort-script"];

const METHODS: &[(&str, &str)] = &[
    ("std::time::Instant::now", "time is an argument here"),
    ("std::time::SystemTime::now", "time is an argument here"),
    ("std::thread::spawn", "threads belong to the floors above"),
    ("std::env::var", "settings are arguments here"),
    ("std::fs::read", "files belong to the floors above"),
    ("std::fs::write", "files belong to the floors above"),
    ("std::fs::File::open", "files belong to the floors above"),
];

/// Functions of `f32` and `f64` whose last bits the system's library decides; `sqrt`, `floor`, `mul_add` and their kin are exact.
const INEXACT: &[&str] = &[
    "sin", "cos", "tan", "sin_cos", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "exp", "exp2", "exp_m1", "ln",
    "ln_1p", "log", "log2", "log10", "powf", "powi", "cbrt", "hypot",
];

const TYPES: &[(&str, &str)] = &[
    ("std::collections::HashMap", "its order is random: use BTreeMap or a table of fixed size"),
    ("std::collections::HashSet", "its order is random: use BTreeSet or a table of fixed size"),
    ("std::net::TcpStream", "sockets belong to the edge"),
    ("std::net::TcpListener", "sockets belong to the edge"),
    ("std::net::UdpSocket", "sockets belong to the edge"),
];

pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let common = fs::read_to_string(root().join("clippy.toml"))?;
    for name in PURE {
        let wanted = generated(&common, REPLAYED.contains(name));
        let path = root().join("crates").join(name).join("clippy.toml");
        if !check {
            fs::write(&path, &wanted)?;
        } else if fs::read_to_string(&path).unwrap_or_default() != wanted {
            bail!("{} is not what `cargo xtask pure` writes: run it", path.display());
        }
    }
    println!("pure: clippy.toml of {} crates", PURE.len());
    Ok(())
}

fn generated(common: &str, replayed: bool) -> String {
    let lines = |bans: &[(&str, &str)]| -> String {
        bans.iter().map(|(path, reason)| format!("  {{ path = \"{path}\", reason = \"{reason}\" }},\n")).collect()
    };
    let inexact = INEXACT.iter().filter(|_| replayed).flat_map(|name| ["f32", "f64"].map(|float| format!("{float}::{name}")));
    let inexact = inexact
        .map(|path| format!("  {{ path = \"{path}\", reason = \"differs between systems: use hillfort_world::math\" }},\n"));
    let inexact: String = inexact.collect();
    let head = "# Written by `cargo xtask pure`: the root's bans, and what a floor without clocks, sockets and randomness must not touch.\n";
    let body = common.replace("disallowed-methods = [\n", &format!("disallowed-methods = [\n{}{inexact}", lines(METHODS)));
    format!("{head}{body}disallowed-types = [\n{}]\n", lines(TYPES))
}

#[cfg(test)]
mod tests {
    #[test]
    fn root_bans_stay_in_force() {
        let text = super::generated("disallowed-methods = [\n  { path = \"a::b\", reason = \"c\" },\n]\n", true);
        for part in ["a::b", "std::time::Instant::now", "f32::sin", "f64::powf", "std::collections::HashMap"] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
