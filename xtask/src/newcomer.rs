//! A project as `hillfort new game --rust` makes it, on the way that a newcomer goes: it builds without a network, plays the same twice, and its lints
//! refuse what no recording can bear. Knows nothing of what its files say.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::shell::{root, run_in};

/// Lines that a room must not have, and what clippy says of each.
const REFUSED: &[(&str, &str)] = &[
    ("let _: Option<std::collections::HashMap<u8, u8>> = None;", "disallowed type `std::collections::HashMap`"),
    ("let _: Option<std::collections::HashSet<u8>> = None;", "disallowed type `std::collections::HashSet`"),
    ("let _ = std::time::Instant::now();", "disallowed method `std::time::Instant::now`"),
    ("let _ = std::time::SystemTime::now();", "disallowed method `std::time::SystemTime::now`"),
    ("let _ = std::thread::spawn(|| ());", "disallowed method `std::thread::spawn`"),
    ("let _ = 1.5_f32.sin();", "disallowed method `f32::sin`"),
    ("let _ = 1.5_f64.powf(0.3);", "disallowed method `f64::powf`"),
];

pub(crate) fn run() -> anyhow::Result<()> {
    let (root, folder) = (root(), root().join("target/newcomer"));
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let target = root.join("target");
    let (checkout, target) = (root.display(), target.display());
    run_in(&folder, &format!("{target}/debug/hillfort new game coin-rush --rust --checkout {checkout}"))?;
    let project = folder.join("coin-rush");
    // The workspace's folder, so that what comes from the registry is not built again.
    let cargo = |word: &str| format!("cargo {word} --quiet --offline --target-dir {target}");
    run_in(&project, &cargo("build"))?;
    run_in(&project, &format!("{target}/debug/game-coin-rush room sync-test coin-rush --ticks 300"))?;
    let clippy = format!("{} -- -D warnings", cargo("clippy"));
    run_in(&project, &clippy)?;
    refuses(&project, &clippy)
}

fn refuses(project: &Path, clippy: &str) -> anyhow::Result<()> {
    let room = project.join("src/room.rs");
    let lines: String = REFUSED.iter().map(|(line, _)| format!("    {line}\n")).collect();
    let text = std::fs::read_to_string(&room)?;
    std::fs::write(&room, format!("{text}\n#[allow(dead_code)]\nfn differs() {{\n{lines}}}\n"))?;
    let words: Vec<_> = clippy.split_whitespace().collect();
    let output = Command::new(words[0]).args(&words[1..]).current_dir(project).output().context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let missing: Vec<_> = REFUSED.iter().map(|(_, part)| *part).filter(|part| !said.contains(part)).collect();
    if output.status.success() || !missing.is_empty() {
        bail!("clippy ({}) lets a room have {missing:?}:\n{said}", output.status);
    }
    println!("newcomer: {} lines refused", REFUSED.len());
    Ok(())
}
