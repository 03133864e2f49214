//! Habits that no compiler checks: every module says what it owns, files stay short, the map of the code is complete.

use anyhow::bail;
use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::root;

/// A file longer than this (without its tests) fails.
const LINES_MAX: usize = 500;

/// Words that say nothing about what a file owns.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc", "manager"];

pub(crate) fn run() -> anyhow::Result<()> {
    let root = root();
    let mut files = Vec::new();
    for folder in ["crates", "xtask", "fuzz"] {
        collect(&root.join(folder), &mut files)?;
    }
    let mut faults = Vec::new();
    for path in &files {
        let text = fs::read_to_string(path)?;
        let name = path.strip_prefix(&root)?.display().to_string();
        faults.extend(faults_of(&name, &text));
    }
    let map = fs::read_to_string(root.join("ARCHITECTURE.md"))?;
    for entry in fs::read_dir(root.join("crates"))? {
        let name = entry?.file_name().display().to_string();
        if !map.contains(&format!("`{name}`")) {
            faults.push(format!("ARCHITECTURE.md does not name `{name}`"));
        }
    }
    if !faults.is_empty() {
        bail!("tidy found:\n  {}", faults.join("\n  "));
    }
    println!("tidy: {} files", files.len());
    Ok(())
}

fn faults_of(name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let generated = text.contains("@generated");
    let is_test = name.contains("/tests") || name.ends_with("tests.rs");
    if !generated && !text.trim_start().starts_with("//!") {
        faults.push(format!("{name}: the first line must be `//!` and say what the module owns"));
    }
    let own_lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
    if own_lines > LINES_MAX && !is_test && !generated {
        faults.push(format!("{name}: {own_lines} lines, at most {LINES_MAX}: split it by what its parts own"));
    }
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if EMPTY_NAMES.contains(&stem) || stem == "mod" {
        faults.push(format!("{name}: `{stem}` does not say what the file owns"));
    }
    faults
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let skip = path.file_name().is_some_and(|name| name == "target" || name == "node_modules");
        if path.is_dir() && !skip {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{LINES_MAX, faults_of};

    #[test]
    fn each_habit_is_checked() {
        let long = format!("//! Owns.\n{}", "\n".repeat(LINES_MAX));
        for (name, text, faults) in [
            ("crates/a/src/frame.rs", "//! Owns frames.\n", 0),
            ("crates/a/src/frame.rs", "use std::fs;\n", 1),
            ("crates/a/src/util.rs", "//! Owns.\n", 1),
            ("crates/a/src/mod.rs", "//! Owns.\n", 1),
            ("crates/a/src/long.rs", long.as_str(), 1),
            ("crates/a/src/long/tests.rs", long.as_str(), 0),
        ] {
            assert_eq!(faults_of(name, text).len(), faults, "{name}");
        }
    }
}
