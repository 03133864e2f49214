//! Clippy's configuration of the pure crates. The nearest clippy.toml replaces the root's, so theirs is generated: root plus bans.

use anyhow::bail;
use std::fs;

use crate::shell::root;

const PURE: &[&str] = &["hillfort-proto", "hillfort-guard", "hillfort-world", "hillfort-script"];

const METHODS: &[(&str, &str)] = &[
    ("std::time::Instant::now", "time is an argument here"),
    ("std::time::SystemTime::now", "time is an argument here"),
    ("std::thread::spawn", "threads belong to the floors above"),
    ("std::env::var", "settings are arguments here"),
    ("std::fs::read", "files belong to the floors above"),
    ("std::fs::write", "files belong to the floors above"),
    ("std::fs::File::open", "files belong to the floors above"),
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
    let wanted = generated(&common);
    for name in PURE {
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

fn generated(common: &str) -> String {
    let lines = |bans: &[(&str, &str)]| -> String {
        bans.iter().map(|(path, reason)| format!("  {{ path = \"{path}\", reason = \"{reason}\" }},\n")).collect()
    };
    let head = "# Written by `cargo xtask pure`: the root's bans, and what a floor without clocks, sockets and randomness must not touch.\n";
    let body = common.replace("disallowed-methods = [\n", &format!("disallowed-methods = [\n{}", lines(METHODS)));
    format!("{head}{body}disallowed-types = [\n{}]\n", lines(TYPES))
}

#[cfg(test)]
mod tests {
    #[test]
    fn root_bans_stay_in_force() {
        let text = super::generated("disallowed-methods = [\n  { path = \"a::b\", reason = \"c\" },\n]\n");
        for part in ["a::b", "std::time::Instant::now", "std::collections::HashMap"] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
