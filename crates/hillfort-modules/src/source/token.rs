//! Lua's words. Owns where one ends and the next begins; total: any text gives tokens.

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a keyword.
    Name,
    /// A string; the token's text is what is between its quotes, escapes unread.
    Text,
    /// A number.
    Number,
    /// Anything else.
    Symbol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) line: u32,
    /// Byte at which the token begins.
    pub(super) at: usize,
}

impl Token<'_> {
    pub(super) fn is_symbol(&self, text: &str) -> bool {
        self.kind == Kind::Symbol && self.text == text
    }

    pub(super) fn is_name(&self, text: &str) -> bool {
        self.kind == Kind::Name && self.text == text
    }
}

const LONG_SYMBOLS: [&str; 7] = ["...", "..", "==", "~=", "<=", ">=", "::"];

pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let bytes = source.as_bytes();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    // A first line for a shell is none of Lua's.
    if source.starts_with('#') {
        at = source.find('\n').unwrap_or(source.len());
    }
    while let Some(&byte) = bytes.get(at) {
        if byte.is_ascii_whitespace() {
            line += u32::from(byte == b'\n');
            at += 1;
            continue;
        }
        if bytes[at..].starts_with(b"--") {
            let end = long_end(bytes, at + 2).map_or_else(|| line_end(bytes, at), |(_, _, end)| end);
            line += newlines(&bytes[at..end]);
            at = end;
            continue;
        }
        let (kind, from, to, end) = if byte.is_ascii_alphabetic() || byte == b'_' {
            let end = run(bytes, at, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
            (Kind::Name, at, end, end)
        } else if byte.is_ascii_digit() || byte == b'.' && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
            let end = number_end(bytes, at);
            (Kind::Number, at, end, end)
        } else if byte == b'"' || byte == b'\'' {
            let end = quoted_end(bytes, at);
            (Kind::Text, at + 1, end.saturating_sub(1).max(at + 1), end)
        } else if let Some((from, to, end)) = long_end(bytes, at) {
            (Kind::Text, from, to, end)
        } else {
            let long = LONG_SYMBOLS.iter().find(|symbol| bytes[at..].starts_with(symbol.as_bytes()));
            let len = long.map_or_else(|| source[at..].chars().next().map_or(1, char::len_utf8), |symbol| symbol.len());
            (Kind::Symbol, at, at + len, at + len)
        };
        // All edges are ASCII bytes, or a character's own.
        found.push(Token { kind, text: source.get(from..to).unwrap_or(""), line, at });
        line += newlines(&bytes[at..end]);
        at = end;
    }
    found
}

fn newlines(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(0)
}

fn run(bytes: &[u8], at: usize, belongs: impl Fn(u8) -> bool) -> usize {
    at + bytes[at..].iter().take_while(|byte| belongs(**byte)).count()
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    run(bytes, at, |byte| byte != b'\n')
}

fn number_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        let sign = matches!(byte, b'+' | b'-') && matches!(bytes[at - 1], b'e' | b'E') && !bytes[from..].starts_with(b"0x");
        // Two dots are an operator.
        let dot = byte == b'.' && bytes.get(at + 1) != Some(&b'.');
        if !(byte.is_ascii_alphanumeric() || dot || at > from && sign) {
            break;
        }
        at += 1;
    }
    at.max(from + 1)
}

/// Behind the closing quote, or behind the line that lacks one.
fn quoted_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'\n' => return at,
            _ if byte == bytes[from] => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// A long bracket at `from`: where its text begins and ends, and where the bracket ends.
fn long_end(bytes: &[u8], from: usize) -> Option<(usize, usize, usize)> {
    if bytes.get(from) != Some(&b'[') {
        return None;
    }
    let level = run(bytes, from + 1, |byte| byte == b'=') - from - 1;
    let begin = from + level + 2;
    if bytes.get(begin - 1) != Some(&b'[') {
        return None;
    }
    let mut closing = vec![b'='; level + 2];
    closing[0] = b']';
    closing[level + 1] = b']';
    let rest = bytes.get(begin..).unwrap_or_default();
    let len = rest.windows(closing.len()).position(|window| window == closing);
    Some(len.map_or((begin, bytes.len(), bytes.len()), |len| (begin, begin + len, begin + len + closing.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expect: &[(Kind, &str, u32)]) {
        let found: Vec<_> = tokens(source).iter().map(|token| (token.kind, token.text, token.line)).collect();
        assert_eq!(found, expect, "{source:?}");
    }

    #[test]
    fn words_are_told_apart() {
        use Kind::{Name, Number, Symbol, Text};
        check("local a = 1", &[(Name, "local", 1), (Name, "a", 1), (Symbol, "=", 1), (Number, "1", 1)]);
        check("a..b...", &[(Name, "a", 1), (Symbol, "..", 1), (Name, "b", 1), (Symbol, "...", 1)]);
        check(
            "1..2 .5 1e-3 0xFF",
            &[(Number, "1", 1), (Symbol, "..", 1), (Number, "2", 1), (Number, ".5", 1), (Number, "1e-3", 1), (Number, "0xFF", 1)],
        );
        check("'a\\'b' \"c\"", &[(Text, "a\\'b", 1), (Text, "c", 1)]);
        check("[[a\nb]] [==[x]]y]==] z", &[(Text, "a\nb", 1), (Text, "x]]y", 2), (Name, "z", 2)]);
        check("-- nk.x\n--[[ nk.y\n]] nk", &[(Name, "nk", 3)]);
        check("::top::", &[(Symbol, "::", 1), (Name, "top", 1), (Symbol, "::", 1)]);
        check("#!/usr/bin/lua\nx", &[(Name, "x", 2)]);
        check(
            "a[b[1]]",
            &[
                (Name, "a", 1),
                (Symbol, "[", 1),
                (Name, "b", 1),
                (Symbol, "[", 1),
                (Number, "1", 1),
                (Symbol, "]", 1),
                (Symbol, "]", 1),
            ],
        );
    }

    #[test]
    fn any_text_has_tokens() {
        for source in ["'", "\"\\", "[[", "[=", "--[==[", "1e", "é = 'ü", "\u{0}", "'\n", "[==", "\\"] {
            let found = tokens(source);
            assert!(found.iter().all(|token| token.at < source.len()), "{source:?}");
        }
    }
}
