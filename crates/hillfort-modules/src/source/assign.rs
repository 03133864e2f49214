//! Which value of an assignment goes to which name: `local nk, limit = require("nakama"), 10`. Owns where a list of values ends; total: any tokens
//! give an answer, in time that grows with their number. Knows nothing of what names mean.

use std::collections::HashMap;

use super::token::{Kind, Token};

/// An assignment whose values are being read.
struct List {
    /// The tokens that are names of what is given a value; of a field its last one.
    names: Vec<usize>,
    /// Values before the one that is being read.
    before: usize,
    /// How many brackets and blocks are open around it.
    depth: usize,
}

/// By the token at which a value begins: the name that is given it.
pub(super) fn assigned(tokens: &[Token<'_>]) -> HashMap<usize, usize> {
    let mut assigned = HashMap::new();
    let (mut lists, mut open): (Vec<List>, Vec<usize>) = (Vec::new(), Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        let ends = token.is_symbol(";") || token.is_symbol("=") || at > 0 && begins_statement(tokens, at);
        if ends && lists.last().is_some_and(|list| list.depth == open.len()) {
            lists.pop();
        }
        if closes(token) {
            open.pop();
            while lists.last().is_some_and(|list| list.depth > open.len()) {
                lists.pop();
            }
        } else if opens(token) {
            open.push(at);
        } else if token.is_symbol("=") {
            let in_table = open.last().is_some_and(|at| tokens[*at].is_symbol("{"));
            let names = names_before(tokens, at, !in_table);
            assigned.extend(names.first().map(|name| (at + 1, *name)));
            lists.push(List { names, before: 0, depth: open.len() });
        } else if token.is_symbol(",")
            && let Some(list) = lists.last_mut().filter(|list| list.depth == open.len())
        {
            list.before += 1;
            assigned.extend(list.names.get(list.before).map(|name| (at + 1, *name)));
        }
    }
    assigned
}

fn opens(token: &Token<'_>) -> bool {
    ["(", "[", "{"].iter().any(|symbol| token.is_symbol(symbol))
        || ["function", "if", "do", "repeat"].iter().any(|word| token.is_name(word))
}

fn closes(token: &Token<'_>) -> bool {
    [")", "]", "}"].iter().any(|symbol| token.is_symbol(symbol)) || token.is_name("end") || token.is_name("until")
}

/// Whether the word at `at` cannot go on with the value before it.
fn begins_statement(tokens: &[Token<'_>], at: usize) -> bool {
    let joins = |token: &Token<'_>| ["and", "or", "not"].iter().any(|word| token.is_name(word));
    let (before, token) = (&tokens[at - 1], &tokens[at]);
    let is_value = match before.kind {
        Kind::Symbol => closes(before),
        Kind::Name => !joins(before),
        Kind::Text | Kind::Number => true,
    };
    is_value && token.kind == Kind::Name && !joins(token)
}

/// The names in front of the `=` at `at`, from the left; none where something else is among them.
fn names_before(tokens: &[Token<'_>], at: usize, many: bool) -> Vec<usize> {
    let is_name = |at: usize| tokens[at].kind == Kind::Name;
    let (mut names, mut end) = (Vec::new(), at);
    loop {
        let Some(name) = end.checked_sub(1).filter(|at| is_name(*at)) else { return Vec::new() };
        names.push(name);
        end = name;
        // Tables that the field is in.
        while many && end > 0 && tokens[end - 1].is_symbol(".") {
            match end.checked_sub(2).filter(|at| is_name(*at)) {
                Some(table) => end = table,
                // Of a call, say: what is before that is not looked for.
                None => return if names.len() == 1 { names } else { Vec::new() },
            }
        }
        if !many || end == 0 || !tokens[end - 1].is_symbol(",") {
            names.reverse();
            return names;
        }
        end -= 1;
    }
}
