//! Running other programs from the root of the repository. Knows nothing of what they are for.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// Root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies below the root").to_path_buf()
}

/// Runs `line` (words separated by blanks) in `folder` and fails when it does.
pub(crate) fn run_in(folder: &Path, line: &str) -> anyhow::Result<()> {
    let mut words = line.split_whitespace();
    let program = words.next().context("empty command")?;
    let status = Command::new(program)
        .args(words)
        .current_dir(folder)
        .status()
        .with_context(|| format!("cannot start `{program}`: is it installed? (.ci/run installs all that is needed)"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}
