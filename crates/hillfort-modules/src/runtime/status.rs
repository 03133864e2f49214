//! What the console shows of the runtime. Owns the form, and counts nothing.

use crate::desk::Kind;
use crate::source::Finding;

/// What the console shows of the runtime.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// Counts loads that went well, from 1.
    pub generation: u64,
    /// When the current modules were loaded, UTC milliseconds.
    pub loaded_ms: i64,
    /// Names and files of modules.
    pub modules: Vec<(String, String)>,
    /// Registered functions.
    pub functions: Vec<(Kind, String)>,
    /// Names of modules of which matches can be made: those that return a table with the seven callbacks.
    pub match_handlers: Vec<String>,
    /// What will not work in the current modules.
    pub warnings: Vec<Finding>,
    /// Why the last load was refused; empty when it went well.
    pub refused: Vec<Finding>,
    /// What failed last, newest first.
    pub faults: Vec<ModuleFault>,
    /// Calls in queue or under way, for each thread.
    pub load: Vec<usize>,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleFault {
    /// When, UTC milliseconds.
    pub at_ms: i64,
    /// Which RPC, hook or match.
    pub place: String,
    /// What, with file and line, and the functions it passed through.
    pub text: String,
}
