//! What the operator wants: read from four layers, checked, and turned into the plain settings of each crate.
//!
//! Owns names of keys, defaults (`default.toml`) and error texts. Reads nothing by itself: environment and files are arguments.
//!
//! - `layers`: embedded defaults, file, environment, flags, merged into one value and one origin for each key
//! - `raw`: the same with types; `limits`: the range of every number; `pairs`: which may not be above which
//! - `settings`, `services`, `outside`, `socket`, `modules`: raw values into the settings of each crate; `check`: what they may be; `keys`, `fingerprints`: the keys of the hello,
//!   and fingerprints of TLS, as written
//! - `print`: the effective configuration for people; `warnings`: what is doubtful about it

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

mod check;
mod fingerprints;
mod keys;
mod layers;
mod limits;
mod modules;
mod outside;
mod pairs;
mod print;
mod raw;
mod services;
mod settings;
mod socket;
mod warnings;

pub use keys::{DEVELOPMENT_SECRET_HEX, Key};
pub use layers::Origin;
pub use limits::{LIMITS, Limit};
pub use print::Setting;
pub use services::Services;
pub use settings::{Console, FilterWish, Kernel, Log, Settings, Store};
pub use warnings::{Configuration, Warning};

use layers::Layers;

/// The defaults, with comments.
pub const DEFAULT: &str = include_str!("../default.toml");
/// Read when it is there and no other file is named.
pub const FILE: &str = "hillfort.toml";

/// What the command line says about the configuration.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// `--set`: key and value.
    pub set: Vec<(String, String)>,
}

/// Where files come from; a test gives its own.
pub trait Files {
    /// All of a file.
    ///
    /// # Errors
    /// As [`std::fs::read`].
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
}

/// The machine's files.
#[derive(Debug, Clone, Copy)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }
}

/// Everything that is wrong with a configuration; never empty.
#[derive(Debug)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("{} cannot be read: {error}", .path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{origin} is not TOML: {text}")]
    Syntax { origin: Origin, text: String },
    #[error("unknown key {key} in {origin}{}", or_meant(.nearest.as_deref()))]
    Unknown { key: String, origin: Origin, nearest: Option<String> },
    #[error("{key} = {value} in {origin}: {expected} is expected")]
    Value { key: String, value: String, origin: Origin, expected: String },
    #[error("{key} in {origin}: {text}")]
    Key { key: String, origin: Origin, text: String },
}

/// Reads all layers. `env` is the whole environment: only `HILLFORT_*` is looked at.
///
/// # Errors
/// Everything that is wrong, each with its key and where it stands.
pub fn load(
    overrides: &Overrides,
    env: impl IntoIterator<Item = (String, String)>,
    files: &dyn Files,
) -> Result<Settings, ConfigError> {
    let mut problems = Vec::new();
    let layers = Layers::read(overrides, env, files, &mut problems);
    match settings::validate(layers, files, &mut problems) {
        Some(settings) if problems.is_empty() => Ok(settings),
        _ => Err(ConfigError { problems }),
    }
}

fn or_meant(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default()
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.problems.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(problem, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests;
