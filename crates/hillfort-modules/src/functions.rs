//! The one table of Nakama's Lua functions: what each takes and gives, whether it works, and what runs it. Owns the table; registration, the check of
//! sources, and the reference are made from it.

use hillfort_script::modules::{Arguments, Charge};
use hillfort_script::{Data, DataLimits, HostError, Values};

use crate::desk::{Desk, Want};

mod accounts;
mod cache;
mod check;
mod codes;
mod credentials;
mod crypto;
mod matches;
mod missing;
mod register;
mod sessions;
mod storage;
mod streams;
mod time;
mod wallets;
mod web;

/// A function of `require("nakama")`.
#[derive(Debug)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it takes, as the reference shows it.
    pub(crate) arguments: &'static str,
    /// What it gives; empty: nothing.
    pub(crate) results: &'static str,
    /// What it does.
    pub(crate) text: &'static str,
    /// Whether it works.
    pub(crate) state: State,
}

/// Whether a function works.
#[derive(Debug)]
pub(crate) enum State {
    /// It does.
    Done(Runs),
    /// It does not yet: why, and what to do instead.
    NotYet(&'static str),
}

/// What runs a function.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Runs {
    /// The runtime, at once.
    Here(Here),
    /// Somebody else, while the call waits: the backend's [`crate::backend::Ask`] of that name, or the runtime's own threads.
    Elsewhere(&'static str, Elsewhere),
    /// The prelude, by a host function of the same name.
    Prelude,
}

/// Answers at once.
pub(crate) type Here = fn(&mut Desk, &Charge<'_>, &Arguments) -> Result<Values, HostError>;
/// Says what is wanted, or answers at once.
pub(crate) type Elsewhere = fn(&mut Desk, &Charge<'_>, &Arguments) -> Result<Outcome, HostError>;

/// What a function that may wait came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Nothing to wait for.
    Now(Values),
    /// The call waits.
    Later(Box<Want>),
}

impl Outcome {
    pub(crate) fn later(want: Want) -> Result<Self, HostError> {
        Ok(Self::Later(Box::new(want)))
    }
}

/// The table's parts, in the order of the reference.
pub(crate) static GROUPS: &[(&str, &[Function])] = &[
    ("Hooks and RPCs", register::FUNCTIONS),
    ("Text and codes", codes::FUNCTIONS),
    ("Hashes, ciphers and signatures", crypto::FUNCTIONS),
    ("Time", time::FUNCTIONS),
    ("Logs, HTTP and events", web::FUNCTIONS),
    ("Cache", cache::FUNCTIONS),
    ("Accounts and users", accounts::FUNCTIONS),
    ("Signing in", credentials::FUNCTIONS),
    ("Storage", storage::FUNCTIONS),
    ("Wallets", wallets::FUNCTIONS),
    ("Matches", matches::FUNCTIONS),
    ("Streams", streams::FUNCTIONS),
    ("Sessions", sessions::FUNCTIONS),
    ("Not yet", missing::FUNCTIONS),
];

/// All functions.
pub(crate) fn all() -> impl Iterator<Item = &'static Function> {
    GROUPS.iter().flat_map(|(_, functions)| functions.iter())
}

/// Names of all functions.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    all().map(|function| function.name)
}

/// The function of a name.
#[must_use]
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name == name)
}

impl Function {
    /// Why it does not work; empty when it does.
    #[must_use]
    pub(crate) const fn why_not(&self) -> &'static str {
        match self.state {
            State::NotYet(why) => why,
            State::Done(_) => "",
        }
    }
}

/// A row of the table.
const fn row(name: &'static str, arguments: &'static str, results: &'static str, text: &'static str, runs: Runs) -> Function {
    Function { name, arguments, results, text, state: State::Done(runs) }
}

/// One value.
fn one(value: Data) -> Values {
    Values(vec![value])
}

fn text(text: impl Into<Vec<u8>>) -> Data {
    Data::text(text)
}

#[expect(clippy::cast_precision_loss, reason = "scripts have no other numbers")]
fn number(number: i64) -> Data {
    Data::Number(number as f64)
}

/// Bounds of a table that a script passes.
fn limits() -> DataLimits {
    DataLimits::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_function_has_one_row() {
        let mut seen = BTreeSet::new();
        for function in all() {
            assert!(seen.insert(function.name), "{} twice", function.name);
            assert!(!function.text.is_empty(), "{}", function.name);
            let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            assert!(plain(function.name), "{}", function.name);
        }
        // What its own Lua runtime registers; four more are of other languages' runtimes there, and one is ours.
        let theirs: BTreeSet<_> = include_str!("functions/nakama.txt").split_whitespace().collect();
        assert_eq!(theirs.difference(&seen).collect::<Vec<_>>(), Vec::<&&str>::new(), "functions of Nakama 3.40 without a row");
        assert_eq!((theirs.len(), seen.len()), (190, 195));
    }
}
