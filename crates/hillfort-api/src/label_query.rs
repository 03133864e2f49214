//! Queries over labels of matches, in the language of Nakama's lists: `+label.mode:ffa +label.rank:>=5 -label.closed:true label.map:de*`.
//!
//! A query is clauses with spaces between. `+` must hold, `-` must not, others should: when there is no `+`, one of them must. A clause is
//! a value, or `field:value`. Values are words (`\` before a special letter, `*` and `?` as wildcards), `"phrases"`, `/patterns/` over the whole
//! text, and `>`, `>=`, `<`, `<=` with a number or a quoted time. `^2` behind a clause is read and means nothing here, since lists are sorted
//! by age. `*` alone is everything. Fields are `label.` and a path of a label that is JSON, `label_string`, `handler_name`, `node`,
//! `tick_rate`, `create_time`; a value without a field is looked for in all texts of the label.
//!
//! Reading is total and bounded. Looking counts its steps ([`Work`]) and ends where they are used up: wildcards take the product of what is
//! written and what is looked at, patterns a fourth of what they look at or, large ones, the product, and a list has many labels.

use std::cell::Cell;
use std::fmt;

use prost_types::Timestamp;

mod label;
mod pattern;
mod read;

pub use label::Label;
pub use pattern::PATTERN_BYTES_MAX;

use pattern::Pattern;

/// Most bytes of a query.
pub const QUERY_BYTES_MAX: usize = 2048;
/// Most clauses.
pub const CLAUSES_MAX: usize = 64;
/// Most patterns between slashes.
pub const PATTERNS_MAX: usize = 4;

/// Why a query cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError(pub(crate) String);

/// A query, read.
#[derive(Debug)]
pub struct Query {
    must: Vec<Clause>,
    must_not: Vec<Clause>,
    should: Vec<Clause>,
}

/// What looking may still take, in steps of some nanoseconds: a letter of a text with wildcards, a field of a label.
#[derive(Debug)]
pub struct Work(Cell<u64>);

/// What a query looks at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The label, taken apart.
    pub label: &'a Label,
    /// The label as it is.
    pub label_string: &'a str,
    /// The handler's name.
    pub handler_name: &'a str,
    /// The server.
    pub node: &'a str,
    /// Ticks a second.
    pub tick_rate: u32,
    /// When the match was made, milliseconds since 1970.
    pub create_time_ms: i64,
}

#[derive(Debug)]
struct Clause {
    /// Empty: all texts of the label.
    field: Box<str>,
    test: Test,
}

#[derive(Debug)]
enum Test {
    /// This text, or this number or flag when the text writes one.
    Is {
        text: Box<str>,
        number: Option<f64>,
    },
    /// This text with wildcards; a lone `*` is whatever there is.
    Like(Box<str>),
    Pattern(Pattern),
    Number(Order, f64),
    Time(Order, i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Below,
    UpTo,
    From,
    Above,
}

/// One value of a subject.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Text(&'a str),
    Number(f64),
    Flag(bool),
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// [`QueryError`] says what is wrong, and where.
    pub fn read(text: &str) -> Result<Self, QueryError> {
        read::query(text)
    }

    /// Whether `subject` is one of those that the query wants. What it says when `work` is used up means nothing.
    #[must_use]
    pub fn wants(&self, subject: &Subject<'_>, work: &Work) -> bool {
        let holds = |clause: &Clause| clause.holds(subject, work);
        let must = self.must.iter().all(holds) && !self.must_not.iter().any(holds);
        must && (!self.must.is_empty() || self.should.is_empty() || self.should.iter().any(holds))
    }
}

impl Work {
    /// So many steps.
    #[must_use]
    pub const fn new(steps: u64) -> Self {
        Self(Cell::new(steps))
    }

    /// Takes so many steps; `false`: they are used up.
    pub fn take(&self, steps: u64) -> bool {
        self.0.set(self.0.get().saturating_sub(steps));
        self.0.get() > 0
    }

    /// Steps that are left.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.0.get()
    }
}

impl Clause {
    fn holds(&self, subject: &Subject<'_>, work: &Work) -> bool {
        if !work.take(1 + subject.label.fields() as u64) {
            return false;
        }
        let test = |value| self.test.holds(value, work);
        match &*self.field {
            "" => subject.label.texts().map(Value::Text).any(test) || test(Value::Text(subject.label_string)),
            "label_string" => test(Value::Text(subject.label_string)),
            "handler_name" => test(Value::Text(subject.handler_name)),
            "node" => test(Value::Text(subject.node)),
            "tick_rate" => test(Value::Number(f64::from(subject.tick_rate))),
            "create_time" => test(Value::Number(subject.create_time_ms as f64)),
            field => field.strip_prefix("label.").is_some_and(|path| subject.label.at(path).any(test)),
        }
    }
}

impl Test {
    fn holds(&self, value: Value<'_>, work: &Work) -> bool {
        match (self, value) {
            (Self::Is { text, .. }, Value::Text(is)) => **text == *is,
            (Self::Is { number, .. }, Value::Number(is)) => *number == Some(is),
            (Self::Is { text, .. }, Value::Flag(is)) => matches!((&**text, is), ("true" | "T", true) | ("false" | "F", false)),
            (Self::Like(like), Value::Text(is)) => is_like(like, is, work),
            (Self::Like(like), Value::Number(_) | Value::Flag(_)) => **like == *"*",
            (Self::Pattern(pattern), Value::Text(is)) => pattern.is_match(is, work),
            (Self::Number(order, bound), Value::Number(is)) => order.holds(&is, bound),
            (Self::Time(order, bound), Value::Text(is)) => work.take(64) && unix_ms(is).is_some_and(|is| order.holds(&is, bound)),
            _ => false,
        }
    }
}

impl Order {
    fn holds<T: PartialOrd>(self, is: &T, bound: &T) -> bool {
        match self {
            Self::Below => is < bound,
            Self::UpTo => is <= bound,
            Self::From => is >= bound,
            Self::Above => is > bound,
        }
    }
}

/// Whether `text` is as `like` says, in which `*` is any text, `?` any letter, and `\` takes the next letter as it is. Each `*` is tried at
/// one place further at a time and never taken back for an earlier one, so it takes at most the product of both lengths, and no more than
/// `work` has.
fn is_like(like: &str, text: &str, work: &Work) -> bool {
    let (mut like, mut text) = (like.chars(), text.chars());
    let mut retry = None;
    loop {
        if !work.take(1) {
            return false;
        }
        let mut ahead = like.clone();
        match ahead.next() {
            Some('*') => {
                like = ahead;
                retry = Some((like.clone(), text.clone()));
                continue;
            }
            Some(wanted) => {
                let (any, wanted) = match wanted {
                    '?' => (true, '?'),
                    '\\' => (false, ahead.next().unwrap_or('\\')),
                    letter => (false, letter),
                };
                let mut rest = text.clone();
                if rest.next().is_some_and(|letter| any || letter == wanted) {
                    (like, text) = (ahead, rest);
                    continue;
                }
            }
            None if text.as_str().is_empty() => return true,
            None => {}
        }
        // The last `*` takes one letter more.
        let Some((after, from)) = &mut retry else { return false };
        if from.next().is_none() {
            return false;
        }
        (like, text) = (after.clone(), from.clone());
    }
}

/// Milliseconds since 1970 of a time as RFC 3339 writes it.
fn unix_ms(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let has_zone = bytes.ends_with(b"Z") || bytes.len().checked_sub(6).is_some_and(|at| matches!(bytes[at], b'+' | b'-'));
    if bytes.len() > 64 || bytes.get(10) != Some(&b'T') || !has_zone {
        return None;
    }
    let time: Timestamp = text.parse().ok()?;
    time.seconds.checked_mul(1_000)?.checked_add(i64::from(time.nanos / 1_000_000))
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for QueryError {}

#[cfg(test)]
mod tests;
