//! Text into a query. Total: whatever the text is, it is a query or an error that says what is wrong. Knows nothing of labels.

use super::{CLAUSES_MAX, Clause, Order, PATTERNS_MAX, Pattern, QUERY_BYTES_MAX, Query, QueryError, Test, unix_ms};

/// The rest of the text.
struct Rest<'a> {
    text: &'a str,
    patterns: usize,
}

pub(super) fn query(text: &str) -> Result<Query, QueryError> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(QueryError(format!("a query must have at most {QUERY_BYTES_MAX} bytes")));
    }
    let mut query = Query { must: Vec::new(), must_not: Vec::new(), should: Vec::new() };
    let mut rest = Rest { text: text.trim(), patterns: 0 };
    if rest.text == "*" {
        return Ok(query);
    }
    let mut clauses = 0;
    loop {
        rest.text = rest.text.trim_start();
        if rest.text.is_empty() {
            return Ok(query);
        }
        clauses += 1;
        if clauses > CLAUSES_MAX {
            return Err(QueryError(format!("a query must have at most {CLAUSES_MAX} clauses")));
        }
        let kind = if rest.take('+') {
            &mut query.must
        } else if rest.take('-') {
            &mut query.must_not
        } else {
            &mut query.should
        };
        kind.push(rest.clause()?);
    }
}

impl Rest<'_> {
    fn take(&mut self, letter: char) -> bool {
        let rest = self.text.strip_prefix(letter);
        self.text = rest.unwrap_or(self.text);
        rest.is_some()
    }

    fn clause(&mut self) -> Result<Clause, QueryError> {
        // A value that begins like a phrase, a pattern or a bound has no field.
        let mut field = Box::default();
        if !self.text.starts_with(['"', '/', '>', '<']) {
            let word = self.word(true)?;
            if !self.take(':') {
                let clause = Clause { field, test: word.test() };
                self.boost()?;
                return Ok(clause);
            }
            field = word.plain;
            if field.is_empty() {
                return Err(QueryError("a field must have a name".to_owned()));
            }
        }
        let test = self.value()?;
        self.boost()?;
        Ok(Clause { field, test })
    }

    fn value(&mut self) -> Result<Test, QueryError> {
        let order = if self.take('>') {
            Some(if self.take('=') { Order::From } else { Order::Above })
        } else if self.take('<') {
            Some(if self.take('=') { Order::UpTo } else { Order::Below })
        } else {
            None
        };
        match (order, self.text.chars().next()) {
            (None, Some('"')) => Ok(Test::Is { text: self.quoted('"')?.into(), number: None }),
            (None, Some('/')) => {
                self.patterns += 1;
                if self.patterns > PATTERNS_MAX {
                    return Err(QueryError(format!("a query must have at most {PATTERNS_MAX} patterns")));
                }
                Ok(Test::Pattern(Pattern::read(&self.quoted('/')?)?))
            }
            (None, _) => Ok(self.word(false)?.test()),
            (Some(order), Some('"')) => {
                let time = self.quoted('"')?;
                let ms = unix_ms(&time)
                    .ok_or_else(|| QueryError("a quoted bound must be a time like \"2026-01-31T18:00:00Z\"".to_owned()))?;
                Ok(Test::Time(order, ms))
            }
            (Some(order), _) => {
                let word = self.word(false)?;
                let number = word.plain.parse().ok().filter(|number: &f64| number.is_finite());
                Ok(Test::Number(
                    order,
                    number.ok_or_else(|| QueryError("a bound must be a number, or a time in quotes".to_owned()))?,
                ))
            }
        }
    }

    /// What stands between two `mark`s, where `\` takes the next letter as it is. In a pattern the backslash stays, unless a mark follows.
    fn quoted(&mut self, mark: char) -> Result<String, QueryError> {
        let mut text = String::new();
        let mut letters = self.text.char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => {
                    let Some((_, next)) = letters.next() else { break };
                    if mark == '/' && next != '/' {
                        text.push('\\');
                    }
                    text.push(next);
                }
                _ if letter == mark => {
                    self.text = &self.text[at + mark.len_utf8()..];
                    return Ok(text);
                }
                _ => text.push(letter),
            }
        }
        Err(QueryError(format!("a closing {mark} is missing")))
    }

    /// Up to a space, a boost, or the colon behind a field.
    fn word(&mut self, may_be_field: bool) -> Result<Word, QueryError> {
        let (mut plain, mut like, mut wild) = (String::new(), String::new(), false);
        let mut letters = self.text.char_indices();
        let mut end = self.text.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => {
                    let Some((_, next)) = letters.next() else { return Err(QueryError("a letter must follow \\".to_owned())) };
                    plain.push(next);
                    like.extend(['\\', next]);
                    continue;
                }
                '~' => return Err(QueryError("fuzzy words (with ~) are not supported".to_owned())),
                ':' if may_be_field => {}
                '^' => {}
                _ if letter.is_whitespace() => {}
                _ => {
                    wild |= matches!(letter, '*' | '?');
                    plain.push(letter);
                    like.push(letter);
                    continue;
                }
            }
            end = at;
            break;
        }
        self.text = &self.text[end..];
        if plain.is_empty() {
            return Err(QueryError("a value is missing".to_owned()));
        }
        Ok(Word { plain: plain.into(), like: wild.then(|| like.into()) })
    }

    fn boost(&mut self) -> Result<(), QueryError> {
        if self.take('^') {
            let end = self.text.find(char::is_whitespace).unwrap_or(self.text.len());
            let (boost, rest) = self.text.split_at(end);
            boost.parse::<f64>().map_err(|_| QueryError("a number must follow ^".to_owned()))?;
            self.text = rest;
        }
        if self.text.is_empty() || self.text.starts_with(char::is_whitespace) {
            return Ok(());
        }
        Err(QueryError("a space must follow a value".to_owned()))
    }
}

struct Word {
    plain: Box<str>,
    like: Option<Box<str>>,
}

impl Word {
    fn test(self) -> Test {
        match self.like {
            Some(like) => Test::Like(like),
            None => Test::Is { number: self.plain.parse().ok(), text: self.plain },
        }
    }
}
