//! Clippy's configuration of the pure crates, and of the projects that `hillfort new game --rust` makes. The nearest clippy.toml replaces the
//! root's, so theirs is generated: root plus bans.

use anyhow::bail;
use std::fs;

use crate::shell::root;

const PURE: &[&str] = &["hillfort-proto", "hillfort-guard", "hillfort-world", "hillfort-script", "hillfort-sync"];

/// Of these, the ones whose arithmetic must give the same on every machine.
const REPLAYED: &[&str] = &["hillfort-world", "hillfort-script"];

/// What a new project in Rust gets: rooms are replayed, too.
const PROJECT: &str = "crates/hillfort/src/create/clippy.toml.txt";

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
    ("std::hash::RandomState", "its keys are random: use BTreeMap or BTreeSet"),
    ("std::net::TcpStream", "sockets belong to the edge"),
    ("std::net::TcpListener", "sockets belong to the edge"),
    ("std::net::UdpSocket", "sockets belong to the edge"),
];

/// Beside those above in a project of its own, which may have other crates.
const PROJECT_METHODS: &[(&str, &str)] = &[
    ("std::thread::sleep", "a room waits by ctx.set_timer, for others wait for its thread"),
    ("std::time::Instant::elapsed", "a room counts ticks"),
    ("rand::random", "random numbers come from ctx.rng()"),
    ("rand::rng", "random numbers come from ctx.rng()"),
    ("rand::thread_rng", "random numbers come from ctx.rng()"),
    ("getrandom::fill", "random numbers come from ctx.rng()"),
];

pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let common = fs::read_to_string(root().join("clippy.toml"))?;
    let crates = PURE.iter().map(|name| (format!("crates/{name}/clippy.toml"), generated(&common, REPLAYED.contains(name))));
    for (path, wanted) in crates.chain([(PROJECT.to_owned(), project())]) {
        let path = root().join(path);
        if !check {
            fs::write(&path, &wanted)?;
        } else if fs::read_to_string(&path).unwrap_or_default() != wanted {
            bail!("{} is not what `cargo xtask pure` writes: run it", path.display());
        }
    }
    println!("pure: clippy.toml of {} crates, and of new projects", PURE.len());
    Ok(())
}

fn lines(bans: &[(&str, &str)]) -> String {
    bans.iter().map(|(path, reason)| format!("  {{ path = \"{path}\", reason = \"{reason}\" }},\n")).collect()
}

fn inexact() -> String {
    let paths = INEXACT.iter().flat_map(|name| ["f32", "f64"].map(|float| format!("{float}::{name}")));
    paths
        .map(|path| format!("  {{ path = \"{path}\", reason = \"differs between systems: use hillfort_world::math\" }},\n"))
        .collect()
}

fn project() -> String {
    let head = "# What a room must not use: its recordings would not happen again on another machine, or at another time. `cargo clippy` says where.\n";
    let foreign = lines(PROJECT_METHODS).replace("\" },\n", "\", allow-invalid = true },\n");
    let methods = format!("{}{}{foreign}", lines(METHODS), inexact());
    format!("{head}disallowed-methods = [\n{methods}]\ndisallowed-types = [\n{}]\n", lines(TYPES))
}

fn generated(common: &str, replayed: bool) -> String {
    let inexact = if replayed { inexact() } else { String::new() };
    let head = "# Written by `cargo xtask pure`: the root's bans, and what a floor without clocks, sockets and randomness must not touch.\n";
    let body = common.replace("disallowed-methods = [\n", &format!("disallowed-methods = [\n{}{inexact}", lines(METHODS)));
    format!("{head}{body}disallowed-types = [\n{}]\n", lines(TYPES))
}

#[cfg(test)]
mod tests {
    #[test]
    fn root_bans_stay_in_force() {
        let text = super::generated("disallowed-methods = [\n  { path = \"a::b\", reason = \"c\" },\n]\n", true);
        assert!(
            super::project()
                .contains("{ path = \"rand::random\", reason = \"random numbers come from ctx.rng()\", allow-invalid = true },")
        );
        for part in ["a::b", "std::time::Instant::now", "f32::sin", "f64::powf", "std::collections::HashMap"] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
