//! Patterns between slashes, over a whole text. Most become a table that takes one look-up for each byte, whatever the text is; those whose table
//! would be too large are followed state by state. Both are bounded in memory, in the time to make them, and in the steps to use them. Knows
//! nothing of queries.

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};

use super::{QueryError, Work};

/// Most bytes of a pattern.
pub const PATTERN_BYTES_MAX: usize = 256;
/// Memory that the states of a pattern may take.
const STATES_BYTES_MAX: usize = 64 * 1024;
/// Memory that its table may take, and what is needed to make it: a sum over the states of the table, so it bounds the time as well.
const TABLE_BYTES_MAX: usize = 64 * 1024;
const MAKING_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a text that a table is done with in a step.
const BYTES_A_STEP: u64 = 4;
/// Steps of a state for each byte, where there is no table.
const STATE_STEPS: u64 = 4;

/// See the module.
#[derive(Debug)]
pub(super) enum Pattern {
    Table(Box<dense::DFA<Vec<u32>>>),
    States(Box<PikeVM>),
}

impl Pattern {
    /// Reads a pattern: RE2's syntax, where `\d`, `\s` and `\w` are ASCII as in Go, and everything else is Unicode.
    pub(super) fn read(text: &str) -> Result<Self, QueryError> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(QueryError(format!("a pattern must have at most {PATTERN_BYTES_MAX} bytes")));
        }
        let limits = thompson::Config::new().nfa_size_limit(Some(STATES_BYTES_MAX)).which_captures(WhichCaptures::Implicit);
        let nfa = NFA::compiler().configure(limits).syntax(syntax::Config::new().nest_limit(16)).build(&ascii(text));
        let nfa = nfa.map_err(|_| QueryError("a pattern between slashes cannot be read, or is too large".to_owned()))?;
        let limits = dense::Config::new()
            .start_kind(StartKind::Anchored)
            .match_kind(MatchKind::All)
            .dfa_size_limit(Some(TABLE_BYTES_MAX))
            .determinize_size_limit(Some(MAKING_BYTES_MAX));
        if let Ok(table) = dense::Builder::new().configure(limits).build_from_nfa(&nfa) {
            return Ok(Self::Table(Box::new(table)));
        }
        let states = PikeVM::builder().configure(PikeVM::config().match_kind(MatchKind::All)).build_from_nfa(nfa);
        Ok(Self::States(Box::new(states.map_err(|_| QueryError("a pattern between slashes is too large".to_owned()))?)))
    }

    /// Whether the whole of `text` is as the pattern says.
    pub(super) fn is_match(&self, text: &str, work: &Work) -> bool {
        match self {
            Self::Table(table) => is_in(table, text, work),
            Self::States(states) => {
                let each = STATE_STEPS * states.get_nfa().states().len() as u64;
                if !work.take(each.saturating_mul(1 + text.len() as u64)) {
                    return false;
                }
                // Of all matches from the start, the last is the longest.
                let found = states.find(&mut states.create_cache(), Input::new(text).anchored(Anchored::Yes));
                found.is_some_and(|found| found.end() == text.len())
            }
        }
    }
}

/// Whether the table ends in a match behind the last byte. It is left where nothing can come of it any more.
fn is_in(table: &dense::DFA<Vec<u32>>, text: &str, work: &Work) -> bool {
    let Ok(mut state) = table.start_state_forward(&Input::new(text).anchored(Anchored::Yes)) else { return false };
    for (at, byte) in text.bytes().enumerate() {
        if table.is_special_state(state) && table.is_dead_state(state) {
            work.take(1 + at as u64 / BYTES_A_STEP);
            return false;
        }
        state = table.next_state(state, byte);
    }
    work.take(1 + text.len() as u64 / BYTES_A_STEP) && table.is_match_state(table.next_eoi_state(state))
}

/// The pattern with the classes of ASCII written out: `\d` as `[0-9]`, also among others between brackets.
fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            Some('s') => out.push_str("[\\t\\n\\x0c\\r\\x20]"),
            Some('S') => out.push_str("[^\\t\\n\\x0c\\r\\x20]"),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_match(pattern: &str, text: &str) -> bool {
        Pattern::read(pattern).unwrap().is_match(text, &Work::new(u64::MAX))
    }

    /// Too many states for a table.
    const LARGE: &str = "(a|b)*a(a|b){12}";

    #[test]
    fn the_whole_text_is_meant() {
        for (pattern, text, expect) in [
            ("f+a", "ffa", true),
            ("a|ab", "ab", true),
            ("ab|a", "a", true),
            ("a|ab", "abc", false),
            ("", "", true),
            ("", "a", false),
            (".*hill.*", "de_hill_2", true),
            ("(?i)ranked", "RANKED", true),
            ("[^x]{2,40}", "日本", true),
            (".", "語", true),
            (".", "é", true),
            ("..", "é", false),
            (".", "\n", false),
            ("^a$", "a", true),
            (LARGE, "ab", false),
            (LARGE, "abbbbbbbbbbbb", true),
            (LARGE, "abbbbbbbbbbbbb", false),
            (LARGE, "aabbbbbbbbbbbbx", false),
        ] {
            assert_eq!(is_match(pattern, text), expect, "{pattern} {text}");
        }
        assert!(matches!(Pattern::read(LARGE), Ok(Pattern::States(_))) && matches!(Pattern::read("f+a"), Ok(Pattern::Table(_))));
        for bad in ["a)|(b", "(", "x{500}{500}", "\\", "[\\"] {
            assert!(Pattern::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn classes_are_those_of_ascii() {
        for (pattern, text, expect) in [
            ("\\d+", "2026", true),
            ("\\d", "٣", false),
            ("\\D", "٣", true),
            ("\\w+", "de_Hill2", true),
            ("\\w", "é", false),
            ("\\W", "é", true),
            ("\\s", "\u{a0}", false),
            ("\\s\\S", "\tx", true),
            ("[\\w-]+", "de-hill", true),
            ("[\\d.]+", "1.2", true),
            ("[^\\d]", "é", true),
            ("[^\\d]", "7", false),
            ("\\\\d", "\\d", true),
        ] {
            assert_eq!(is_match(pattern, text), expect, "{pattern} {text}");
        }
    }

    #[test]
    fn what_a_pattern_takes_is_counted() {
        let text = "a".repeat(2_000);
        let taken = |pattern: &str, text: &str| {
            let work = Work::new(1 << 40);
            let _ = Pattern::read(pattern).unwrap().is_match(text, &work);
            (1 << 40) - work.left()
        };
        for simple in ["a*", "\\w+", "\\w{0,40}\\w*", "[a-z]*_?[0-9]*", "(?i)a+", ".*hill.*", "(a?){99}a*b"] {
            assert_eq!(taken(simple, &text), 501, "{simple}");
        }
        for early in ["f+a", "(duel|ffa)", "eu-(west|east)-[1-9]"] {
            assert_eq!(taken(early, &text), 1, "{early}: the first letter decides");
        }
        let Ok(Pattern::States(states)) = Pattern::read(LARGE) else { panic!("no table") };
        assert_eq!(taken(LARGE, &text), 2_001 * STATE_STEPS * states.get_nfa().states().len() as u64);
    }
}
