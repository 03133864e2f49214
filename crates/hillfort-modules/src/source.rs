//! A folder of modules as sources: read, looked through, compiled. Owns the names of modules and what is said about them before any of them runs.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use hillfort_script::{Dialect, Program, SOURCE_BYTES_MAX};

mod assign;
mod scan;
mod skip;
mod token;

use crate::functions::State;

/// Modules of a folder.
pub const MODULES_MAX: usize = 1000;
/// Folders in folders.
const DEPTH_MAX: usize = 16;

/// What is done when a module names what is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unsupported {
    /// The modules are not loaded.
    #[default]
    Refuse,
    /// They are: a warning is logged, and the call fails when it happens.
    Warn,
}

/// A module's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What `require` calls it: the path without its ending, with dots.
    pub name: String,
    /// Its path in the folder.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// Something in a source that will not work, for its author.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Which file.
    pub file: String,
    /// Counted from 1; 0: the whole file.
    pub line: u32,
    /// What, and what to do about it.
    pub text: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(to, "{}: {}", self.file, self.text),
            line => write!(to, "{}:{line}: {}", self.file, self.text),
        }
    }
}

/// Modules, compiled.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// In the order in which they run: by name.
    pub(crate) programs: Arc<Vec<Program>>,
    /// What will not work, when that is no reason to refuse.
    pub(crate) warnings: Vec<Finding>,
}

/// Reads the modules of a folder and of the folders in it; a folder that is not there has none.
///
/// # Errors
/// What cannot be read, is too much, or is a name twice.
pub fn read(folder: &Path) -> Result<Vec<Source>, Vec<Finding>> {
    let mut sources = Vec::new();
    let mut faults = Vec::new();
    walk(folder, "", 0, &mut sources, &mut faults);
    sources.sort_by(|one: &Source, other| one.name.cmp(&other.name));
    for pair in sources.windows(2).filter(|pair| pair[0].name == pair[1].name) {
        faults.push(whole(&pair[1].file, format!("has the same name as {}: rename one of them", pair[0].file)));
    }
    if faults.is_empty() { Ok(sources) } else { Err(faults) }
}

fn whole(file: &str, text: String) -> Finding {
    Finding { file: file.to_owned(), line: 0, text }
}

fn walk(folder: &Path, path: &str, depth: usize, sources: &mut Vec<Source>, faults: &mut Vec<Finding>) {
    if depth > DEPTH_MAX {
        faults.push(whole(path, format!("more than {DEPTH_MAX} folders deep")));
        return;
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if depth == 0 && error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => {
            faults.push(whole(if path.is_empty() { "modules" } else { path }, error.to_string()));
            return;
        }
    };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let place = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        // Follows links, as an operator who makes one expects; the depth bounds those that go round.
        match fs::metadata(entry.path()) {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), &place, depth + 1, sources, faults),
            Ok(kind) if kind.is_file() && name.to_ascii_lowercase().ends_with(".lua") => {
                if sources.len() >= MODULES_MAX {
                    faults.push(whole(&place, format!("more than {MODULES_MAX} modules")));
                    return;
                }
                match text(&entry.path(), kind.len()) {
                    Ok(text) => {
                        let stem = &place[..place.len() - ".lua".len()];
                        sources.push(Source { name: stem.replace('/', "."), file: place, text });
                    }
                    Err(text) => faults.push(whole(&place, text)),
                }
            }
            Ok(_) => {}
            Err(error) => faults.push(whole(&place, error.to_string())),
        }
    }
}

fn text(path: &Path, len: u64) -> Result<String, String> {
    if usize::try_from(len).unwrap_or(usize::MAX) > SOURCE_BYTES_MAX {
        return Err(format!("longer than {SOURCE_BYTES_MAX} bytes: split it"));
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "is no UTF-8 text".to_owned())
}

/// Looks through the sources and compiles them.
///
/// # Errors
/// All that is wrong, in order.
pub fn compile(sources: &[Source], unsupported: Unsupported) -> Result<Compiled, Vec<Finding>> {
    let mut programs = Vec::with_capacity(sources.len());
    let (mut faults, mut warnings) = (Vec::new(), Vec::new());
    for source in sources {
        let found =
            scan::look(source, &|name| crate::functions::find(name).map(|function| matches!(function.state, State::Done(_))));
        match unsupported {
            Unsupported::Refuse => faults.extend(found),
            Unsupported::Warn => warnings.extend(found),
        }
        let text = match skip::goto_continue(source) {
            Ok(text) => text,
            Err(finding) => {
                faults.push(finding);
                continue;
            }
        };
        match Program::compile_as(Dialect::Lua51, &source.name, &source.file, &text) {
            Ok(program) => programs.push(program),
            Err(fault) => faults.push(placed(&source.file, &fault.to_string())),
        }
    }
    faults.sort();
    if faults.is_empty() { Ok(Compiled { programs: Arc::new(programs), warnings }) } else { Err(faults) }
}

/// A message of the engine, which begins with file and line.
pub(crate) fn placed(file: &str, message: &str) -> Finding {
    let rest = message.strip_prefix(file).and_then(|rest| rest.strip_prefix(':'));
    let parts = rest.and_then(|rest| rest.split_once(':'));
    match parts.and_then(|(line, text)| Some((line.trim().parse().ok()?, text.trim()))) {
        Some((line, text)) => Finding { file: file.to_owned(), line, text: text.to_owned() },
        None => whole(file, message.to_owned()),
    }
}

#[cfg(test)]
mod tests;
