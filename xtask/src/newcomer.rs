//! A project as `hillfort new game --rust` makes it, on the way that a newcomer goes: it builds without a network, plays the same twice, and its lints
//! refuse what no recording can bear. Knows nothing of what its files say.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::shell::{root, run as run_command};

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
    let program = |name: &str, words: &str| {
        let mut command = Command::new(target.join("debug").join(name));
        command.args(words.split_whitespace());
        command
    };
    run_command(program("hillfort", "new game coin-rush --rust --checkout").arg(&root).current_dir(&folder))?;
    let project = folder.join("coin-rush");
    run_command(&mut cargo(&project, &target, "build"))?;
    run_command(program("game-coin-rush", "room sync-test coin-rush --ticks 300").current_dir(&project))?;
    let clippy = || {
        let mut command = cargo(&project, &target, "clippy");
        command.args(["--", "-D", "warnings"]);
        command
    };
    run_command(&mut clippy())?;
    refuses(&project, clippy())
}

/// Cargo without a network, with the workspace's folder, so that what comes from the registry is not built again.
fn cargo(project: &Path, target: &Path, word: &str) -> Command {
    let mut command = Command::new("cargo");
    command.args([word, "--quiet", "--offline", "--target-dir"]).arg(target).current_dir(project);
    command
}

fn refuses(project: &Path, mut clippy: Command) -> anyhow::Result<()> {
    let room = project.join("src/room.rs");
    let lines: String = REFUSED.iter().map(|(line, _)| format!("    {line}\n")).collect();
    let text = std::fs::read_to_string(&room)?;
    std::fs::write(&room, format!("{text}\n#[allow(dead_code)]\nfn differs() {{\n{lines}}}\n"))?;
    let output = clippy.output().context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let missing: Vec<_> = REFUSED.iter().map(|(_, part)| *part).filter(|part| !said.contains(part)).collect();
    if output.status.success() || !missing.is_empty() {
        bail!("clippy ({}) lets a room have {missing:?}:\n{said}", output.status);
    }
    println!("newcomer: {} lines refused", REFUSED.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_blanks_is_one_word() {
        let command = cargo(Path::new("/my games/coin rush"), Path::new("/my games/target"), "build");
        let words: Vec<_> = command.get_args().collect();
        assert_eq!(words, ["build", "--quiet", "--offline", "--target-dir", "/my games/target"]);
        assert_eq!(command.get_current_dir(), Some(Path::new("/my games/coin rush")));
        let folder = std::env::temp_dir().join("a path with blanks");
        assert!(run_command(Command::new("test").arg("-n").arg(&folder)).is_ok(), "its words stay as they are");
    }
}
