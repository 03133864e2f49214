//! The reference of the server runtime, made from the table of functions. Owns its form.

use std::fmt::Write as _;

use crate::functions::{GROUPS, Runs, State};

/// The text of docs/runtime.md.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(include_str!("reference.md"));
    for (group, functions) in GROUPS {
        write!(out, "\n## {group}\n\n| function | what it does | asks |\n| --- | --- | --- |\n").expect("a string takes all");
        for function in *functions {
            let results = if function.results.is_empty() { String::new() } else { format!(" → {}", function.results) };
            let (text, asks) = match function.state {
                State::Done(Runs::Elsewhere(asks, _)) => (function.text.to_owned(), asks),
                State::Done(Runs::Here(_) | Runs::Prelude) => (function.text.to_owned(), ""),
                State::NotYet(why) => (format!("**Not yet**: {why}."), ""),
            };
            let text = text.replace('|', "\\|");
            writeln!(out, "| `{}({})`{results} | {text} | {asks} |", function.name, function.arguments)
                .expect("a string takes all");
        }
    }
    out
}
