//! What a source names that is not there: functions of Nakama's module, and globals of Lua 5.1 that the sandbox does not have. Owns the rules by
//! which a name is known to be one of them; runs nothing.

use std::collections::{BTreeSet, HashMap};

use super::assign::assigned;
use super::token::{Kind, Token, tokens};
use super::{Finding, Source};
use crate::desk::Kind as Registered;

/// Globals that a module may not use, with what to do instead.
const GLOBALS: [(&str, &str); 11] = [
    ("getfenv", "environments cannot be changed: pass tables as arguments"),
    ("setfenv", "environments cannot be changed: pass tables as arguments"),
    ("loadstring", "code cannot be made at run time: write a module and `require` it"),
    ("load", "code cannot be made at run time: write a module and `require` it"),
    ("dofile", "files cannot be read: `require` a module of the folder"),
    ("loadfile", "files cannot be read: `require` a module of the folder"),
    ("module", "return a table from the file, and `require` it"),
    ("newproxy", "use a table with a metatable"),
    ("coroutine", "Nakama's Lua has no coroutines either: functions of the server wait by themselves"),
    ("debug", "use error(), which names file and line"),
    ("io", "files cannot be read: `require` a module of the folder, or use storage"),
];

/// Functions of `os` that there are.
const OS: [&str; 4] = ["clock", "date", "difftime", "time"];

/// Names that are near enough to be meant.
const LIKENESS_MIN: f64 = 0.85;

/// Looks through a source. `state` says of a function of Nakama's module whether it works; nothing: there is no such function.
pub(super) fn look(source: &Source, state: &dyn Fn(&str) -> Option<bool>) -> Vec<Finding> {
    let tokens = tokens(&source.text);
    let mut look = Look { source, tokens: &tokens, closings: closings(&tokens), findings: Vec::new() };
    look.functions(state);
    look.globals();
    look.findings.sort();
    look.findings.dedup();
    look.findings
}

/// Where each round bracket that is closed is closed, by where it opens.
fn closings(tokens: &[Token<'_>]) -> HashMap<usize, usize> {
    let (mut open, mut closings) = (Vec::new(), HashMap::new());
    for (at, token) in tokens.iter().enumerate() {
        if token.is_symbol("(") {
            open.push(at);
        } else if token.is_symbol(")") {
            closings.extend(open.pop().map(|from| (from, at)));
        }
    }
    closings
}

struct Look<'a> {
    source: &'a Source,
    tokens: &'a [Token<'a>],
    closings: HashMap<usize, usize>,
    findings: Vec<Finding>,
}

impl<'a> Look<'a> {
    fn symbol(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_symbol(text))
    }

    fn name(&self, at: usize) -> Option<&'a str> {
        self.tokens.get(at).filter(|token| token.kind == Kind::Name).map(|token| token.text)
    }

    /// Whether the name at `at` is a field of something.
    fn is_field(&self, at: usize) -> bool {
        at > 0 && (self.symbol(at - 1, ".") || self.symbol(at - 1, ":"))
    }

    fn found(&mut self, at: usize, text: String) {
        self.findings.push(Finding { file: self.source.file.clone(), line: self.tokens[at].line, text });
    }

    /// If `require("nakama")` begins at `at`: the token behind it.
    fn nakama(&self, at: usize) -> Option<usize> {
        if self.name(at) != Some("require") || self.is_field(at) {
            return None;
        }
        let bracket = usize::from(self.symbol(at + 1, "("));
        let module = self.tokens.get(at + 1 + bracket).filter(|token| token.kind == Kind::Text && token.text == "nakama")?;
        let _ = module;
        Some(at + 2 + 2 * bracket)
    }

    /// If an access to a field begins at `at`: the field's token.
    fn field(&self, at: usize) -> Option<usize> {
        if self.symbol(at, ".") || self.symbol(at, ":") {
            return self.name(at + 1).map(|_| at + 1);
        }
        let text = self.symbol(at, "[") && self.tokens.get(at + 1).is_some_and(|token| token.kind == Kind::Text);
        (text && self.symbol(at + 2, "]")).then_some(at + 1)
    }

    fn functions(&mut self, state: &dyn Fn(&str) -> Option<bool>) {
        // Names that stand for the module, and whether they are a field of something.
        let mut aliases: BTreeSet<(&str, bool)> = BTreeSet::new();
        let mut own: BTreeSet<&str> = BTreeSet::new();
        let assigned = assigned(self.tokens);
        let mut at = 0;
        while at < self.tokens.len() {
            let stands = self.name(at).is_some_and(|name| aliases.contains(&(name, self.is_field(at))));
            let Some(behind) = self.nakama(at).or_else(|| stands.then_some(at + 1)) else {
                at += 1;
                continue;
            };
            if let Some(field) = self.field(behind) {
                self.function(field, &mut own, state);
            } else if let Some(named) = assigned.get(&at).filter(|_| !self.symbol(behind, "(")) {
                // What is given the module stands for it, too.
                aliases.extend(self.name(*named).map(|name| (name, self.is_field(*named))));
            }
            at = behind.max(at + 1);
        }
    }

    fn function(&mut self, field: usize, own: &mut BTreeSet<&'a str>, state: &dyn Fn(&str) -> Option<bool>) {
        let token = self.tokens[field];
        let name = token.text;
        let behind = field + 1 + usize::from(token.kind == Kind::Text);
        if self.symbol(behind, "=") {
            own.insert(name);
        }
        if own.contains(name) {
            return;
        }
        match state(name) {
            Some(true) => self.hook(field, behind),
            Some(false) => {
                let why = crate::functions::find(name).map_or("", |function| function.why_not());
                self.found(field, format!("nk.{name} does not work yet: {why}"));
            }
            None => {
                let near = crate::functions::names()
                    .map(|known| (strsim::jaro_winkler(known, name), known))
                    .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
                    .max_by(|one, other| one.0.total_cmp(&other.0));
                let hint = near.map(|(_, known)| format!(": did you mean nk.{known}?")).unwrap_or_default();
                self.found(field, format!("Nakama has no function nk.{name}{hint}"));
            }
        }
    }

    /// A hook is registered at `field` with the arguments from `behind` on: whether it is ever called.
    fn hook(&mut self, field: usize, behind: usize) {
        let Some(kind) = self.tokens[field].text.strip_prefix("register_").and_then(Registered::parse) else { return };
        if let Some(Err(useless)) = self.last_argument(behind).map(|message| crate::hooks::check(kind, message)) {
            self.found(field, useless.text);
        }
    }

    /// The last argument of a call whose arguments begin at `at`, when it is a plain string and not the end of an expression. Others are checked when
    /// they are registered.
    fn last_argument(&self, at: usize) -> Option<&'a str> {
        let last = self.closings.get(&at)?.checked_sub(1)?;
        let token = self.tokens.get(last).filter(|token| token.kind == Kind::Text)?;
        self.symbol(last.checked_sub(1)?, ",").then_some(token.text)
    }

    fn globals(&mut self) {
        let own = self.own_names();
        for at in 0..self.tokens.len() {
            let Some(name) = self.name(at) else { continue };
            // A field, or a key in a table.
            if self.is_field(at) || own.contains(name) || self.symbol(at + 1, "=") {
                continue;
            }
            if let Some((_, instead)) = GLOBALS.iter().find(|(global, _)| *global == name) {
                self.found(at, format!("{name} is not there: {instead}"));
            }
            let field = (name == "os").then(|| self.field(at + 1)).flatten().map(|field| self.tokens[field].text);
            if let Some(field) = field.filter(|field| !OS.contains(field)) {
                self.found(at, format!("os.{field} is not there: os has {}", OS.join(", ")));
            }
        }
    }

    /// Names that the source gives a value or takes as parameters, anywhere.
    fn own_names(&self) -> BTreeSet<&'a str> {
        let mut own = BTreeSet::new();
        let mut at = 0;
        while at < self.tokens.len() {
            match self.name(at) {
                Some("local" | "for") => {
                    at += 1;
                    while let Some(name) = self.name(at).filter(|name| *name != "function") {
                        own.insert(name);
                        at += 1;
                        if !self.symbol(at, ",") {
                            break;
                        }
                        at += 1;
                    }
                }
                Some("function") => {
                    at += 1;
                    if let Some(name) = self.name(at).filter(|_| self.symbol(at + 1, "(")) {
                        own.insert(name);
                    }
                    while at < self.tokens.len() && !self.symbol(at, "(") {
                        at += 1;
                    }
                    at += 1;
                    while at < self.tokens.len() && !self.symbol(at, ")") {
                        own.extend(self.name(at));
                        at += 1;
                    }
                }
                Some(name) if self.symbol(at + 1, "=") && !self.is_field(at) => {
                    let key = at > 0 && (self.symbol(at - 1, "{") || self.symbol(at - 1, ",") || self.symbol(at - 1, ";"));
                    if !key {
                        own.insert(name);
                    }
                    at += 1;
                }
                _ => at += 1,
            }
        }
        own
    }
}
