//! The floors of the house, checked over `cargo metadata`: an arrow goes only to a strictly lower floor.

use anyhow::bail;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};
use std::collections::{BTreeMap, BTreeSet};

use crate::shell::root;

/// Floor of each crate. Annexes have none: nobody imports them but those named in [`EXCEPTIONS`].
const FLOORS: &[(&str, u8)] = &[
    ("hillfort-bpf", 0),
    ("hillfort-proto", 0),
    ("hillfort-sync", 0),
    ("hillfort-sync-derive", 0),
    ("hillfort-api", 1),
    ("hillfort-guard", 1),
    ("hillfort-world", 1),
    ("hillfort-script", 1),
    ("hillfort-stream", 2),
    ("hillfort-store", 2),
    ("hillfort-modules", 2),
    ("hillfort-edge", 3),
    ("hillfort-matches", 3),
    ("hillfort-nakama", 3),
    ("hillfort-realm", 3),
    ("hillfort-social", 3),
    ("hillfort", 4),
];

/// Crates that stand beside the house. They may import any floor.
const ANNEXES: &[&str] = &["hillfort-load", "hillfort-testkit", "hillfort-xdp", "xtask"];

/// Arrows into an annex that are allowed, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("hillfort", "hillfort-load", "`hillfort load` is the same binary, always run as another process"),
    ("hillfort", "hillfort-xdp", "the binary attaches the kernel filter"),
];

/// Crates whose whole tree of dependencies must be free of IO, clocks and randomness.
const PURE: &[&str] = &["hillfort-proto", "hillfort-sync", "hillfort-api", "hillfort-guard", "hillfort-world"];

/// What must not be in that tree, with the reason.
const IMPURE: &[(&str, &str)] = &[
    ("tokio", "runtime"),
    ("mio", "sockets"),
    ("socket2", "sockets"),
    ("rustix", "system calls"),
    ("rand", "randomness"),
    ("getrandom", "randomness"),
    ("tracing", "logging needs a clock"),
    ("mlua", "scripts"),
];

#[derive(Debug, Clone, Copy)]
struct Arrow<'a> {
    from: &'a str,
    to: &'a str,
    dev: bool,
}

pub(crate) fn run() -> anyhow::Result<()> {
    let metadata = MetadataCommand::new().current_dir(root()).other_options(["--locked".into()]).exec()?;
    let members: BTreeSet<&str> = metadata.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    let mut arrows = Vec::new();
    for package in metadata.workspace_packages() {
        for dependency in &package.dependencies {
            if members.contains(dependency.name.as_str()) {
                let dev = dependency.kind == DependencyKind::Development;
                arrows.push(Arrow { from: package.name.as_str(), to: &dependency.name, dev });
            }
        }
    }
    let mut faults = forbidden(&members, &arrows);
    faults.extend(impure(&metadata));
    if !faults.is_empty() {
        bail!("the layer check found:\n  {}", faults.join("\n  "));
    }
    println!("layers: {} crates, {} arrows, all downwards", members.len(), arrows.len());
    Ok(())
}

fn forbidden(members: &BTreeSet<&str>, arrows: &[Arrow<'_>]) -> Vec<String> {
    let floors: BTreeMap<&str, u8> = FLOORS.iter().copied().collect();
    let mut faults: Vec<String> = members
        .iter()
        .filter(|name| !floors.contains_key(*name) && !ANNEXES.contains(name))
        .map(|name| format!("{name} has no floor: add it to FLOORS or ANNEXES"))
        .collect();
    for &Arrow { from, to, dev } in arrows {
        let excused = EXCEPTIONS.iter().any(|&(a, b, _)| (a, b) == (from, to));
        let fault = match (floors.get(from), floors.get(to)) {
            (Some(a), Some(b)) if a <= b => Some(format!("{from} (floor {a}) imports {to} (floor {b})")),
            (Some(_), None) if !(excused || dev && to == "hillfort-testkit") => Some(format!("{from} imports the annex {to}")),
            (None, None) if from != to && !dev => Some(format!("the annex {from} imports the annex {to}")),
            _ => None,
        };
        faults.extend(fault);
    }
    faults
}

fn impure(metadata: &Metadata) -> Vec<String> {
    let resolve = metadata.resolve.as_ref().expect("metadata was asked with dependencies");
    let nodes: BTreeMap<&PackageId, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut faults = Vec::new();
    for pure in metadata.workspace_packages().into_iter().filter(|package| PURE.contains(&package.name.as_str())) {
        let (mut seen, mut open) = (BTreeSet::new(), vec![&pure.id]);
        while let Some(id) = open.pop() {
            for dependency in &nodes[id].deps {
                let normal = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
                if normal && seen.insert(&dependency.pkg) {
                    open.push(&dependency.pkg);
                }
            }
        }
        for id in seen {
            let name = metadata[id].name.as_str();
            if let Some((_, reason)) = IMPURE.iter().find(|(banned, _)| *banned == name) {
                faults.push(format!("{} depends on {name} ({reason})", pure.name));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{Arrow, forbidden};

    fn check(from: &str, to: &str, dev: bool, faults: usize) {
        let members = [from, to].into_iter().collect();
        assert_eq!(forbidden(&members, &[Arrow { from, to, dev }]).len(), faults, "{from} -> {to}");
    }

    #[test]
    fn arrows_go_down() {
        check("hillfort-edge", "hillfort-guard", false, 0);
        check("hillfort-edge", "hillfort-realm", false, 1);
        check("hillfort-guard", "hillfort-edge", false, 1);
        check("hillfort-guard", "hillfort-world", true, 1);
        check("hillfort", "hillfort-load", false, 0);
        check("hillfort-edge", "hillfort-load", false, 1);
        check("hillfort", "hillfort-testkit", true, 0);
        check("hillfort", "hillfort-testkit", false, 1);
        check("hillfort-load", "hillfort-proto", false, 0);
        check("hillfort-new", "hillfort-proto", false, 1);
    }
}
