//! Habits that no compiler checks: every module says what it owns, files stay short, the map of the code is complete, links lead somewhere.

use anyhow::bail;
use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::root;

/// A file longer than this (without its tests) fails.
const LINES_MAX: usize = 500;

/// Words that say nothing about what a file owns.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc", "manager"];

/// Pages at the root whose links are checked.
const PAGES: &[&str] =
    &["README.md", "README.zh-CN.md", "ARCHITECTURE.md", "SPECIFICATION.md", "CONTRIBUTING.md", "CHANGELOG.md"];

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
    for page in PAGES {
        let text = fs::read_to_string(root.join(page))?;
        faults.extend(dead_links(page, &text, &|target| root.join(target).exists()));
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

/// Links to files that are not there. Other protocols and places in a page are not looked at.
fn dead_links(page: &str, text: &str, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    let dead = files.filter(|file| !file.is_empty() && !file.contains("://") && !exists(file));
    dead.map(|file| format!("{page} links to {file}, which is not there")).collect()
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
    use super::{LINES_MAX, dead_links, faults_of};

    #[test]
    fn links_lead_somewhere() {
        let check = |text, dead| assert_eq!(dead_links("README.md", text, &|file| file == "here.md").len(), dead, "{text}");
        check("[a](here.md) and [b](here.md#place)", 0);
        check("![a](gone.png)", 1);
        check("[a](https://example.org) [b](#place) plain (text)", 0);
        check("[a](gone.md), [b](here.md), [c](gone.md)", 2);
    }

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
