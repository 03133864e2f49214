//! Running other programs from the root of the repository. Knows nothing of what they are for.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// Root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies below the root").to_path_buf()
}

/// Runs `line` (words separated by blanks, so none of them may have one) in `folder` and fails when it does.
pub(crate) fn run_in(folder: &Path, line: &str) -> anyhow::Result<()> {
    let mut words = line.split_whitespace();
    run(Command::new(words.next().context("empty command")?).args(words).current_dir(folder))
}

/// Runs the command and fails when it does: for words that may have blanks, as paths do.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().display();
    let hint = format!("cannot start `{program}`: is it installed? (.ci/run installs all that is needed)");
    let status = command.status().context(hint)?;
    if !status.success() {
        bail!("{command:?} failed ({status})");
    }
    Ok(())
}
