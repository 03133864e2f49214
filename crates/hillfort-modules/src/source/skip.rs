//! `goto` in modules. Nakama's Lua has it, Luau has `continue`: a jump to the end of the innermost loop is written as that, any other is refused. Owns the
//! blocks of a source, as far as that needs them. Lines stay where they are.

use super::token::{Token, tokens};
use super::{Finding, Source};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    /// Of a loop, with its number.
    Loop(usize),
    /// Of a function: no jump leaves it.
    Function,
    /// Of anything else.
    Plain,
}

struct Jump<'a> {
    token: Token<'a>,
    label: &'a str,
    end: usize,
    innermost: Option<usize>,
}

struct Label<'a> {
    name: &'a str,
    from: usize,
    end: usize,
    /// The loop that it is at the end of.
    ends: Option<usize>,
}

/// The source without `goto`.
///
/// # Errors
/// A jump that does something else than begin the next turn of its loop.
pub(super) fn goto_continue(source: &Source) -> Result<String, Finding> {
    let tokens = tokens(&source.text);
    if !tokens.iter().any(|token| token.is_name("goto")) {
        return Ok(source.text.clone());
    }
    let (jumps, labels) = find(&tokens);
    let mut edits: Vec<(usize, usize, &str)> = labels.iter().map(|label| (label.from, label.end, "")).collect();
    for jump in &jumps {
        let fits = |label: &Label<'_>| label.name == jump.label && label.ends.is_some() && label.ends == jump.innermost;
        if !labels.iter().any(fits) {
            return Err(Finding {
                file: source.file.clone(),
                line: jump.token.line,
                text: format!(
                    "goto {} works only to the end of the innermost loop, as `continue` does: use if, break or a function",
                    jump.label
                ),
            });
        }
        edits.push((jump.token.at, jump.end, "continue"));
    }
    edits.sort_unstable();
    let (mut text, mut done) = (String::with_capacity(source.text.len() + edits.len() * 8), 0);
    for (from, end, word) in edits {
        // Edges are those of tokens; edits do not overlap.
        text.push_str(source.text.get(done..from).unwrap_or_default());
        text.push_str(word);
        text.extend(source.text.get(from..end).unwrap_or_default().chars().filter(|character| *character == '\n'));
        done = end;
    }
    text.push_str(source.text.get(done..).unwrap_or_default());
    Ok(text)
}

fn find<'a>(tokens: &[Token<'a>]) -> (Vec<Jump<'a>>, Vec<Label<'a>>) {
    let (mut jumps, mut labels) = (Vec::new(), Vec::new());
    let mut open: Vec<Block> = Vec::new();
    let mut loops = 0;
    // `while` and `for` have a `do` of their own.
    let mut heads = 0_usize;
    // Behind the last label: its own colons begin no other.
    let mut behind = 0;
    for (at, token) in tokens.iter().enumerate() {
        if at < behind {
            continue;
        }
        let field = at > 0 && (tokens[at - 1].is_symbol(".") || tokens[at - 1].is_symbol(":"));
        match token.text {
            _ if field => {}
            "::" if token.is_symbol("::") => {
                let name = tokens.get(at + 1).filter(|_| tokens.get(at + 2).is_some_and(|end| end.is_symbol("::")));
                if let Some(name) = name {
                    let end = tokens[at + 2].at + 2;
                    let last = ends_block(&tokens[at + 3..]);
                    let ends = open.last().and_then(|block| if let Block::Loop(number) = block { Some(*number) } else { None });
                    behind = at + 3;
                    labels.push(Label { name: name.text, from: token.at, end, ends: ends.filter(|_| last) });
                }
            }
            "goto" if token.is_name("goto") => {
                if let Some(label) = tokens.get(at + 1) {
                    let innermost = open.iter().rev().find(|block| **block != Block::Plain);
                    let innermost =
                        innermost.and_then(|block| if let Block::Loop(number) = block { Some(*number) } else { None });
                    jumps.push(Jump { token: *token, label: label.text, end: label.at + label.text.len(), innermost });
                }
            }
            "while" | "for" if token.is_name(token.text) => heads += 1,
            "do" if token.is_name("do") => {
                let block = if heads > 0 { next_loop(&mut loops) } else { Block::Plain };
                heads = heads.saturating_sub(1);
                open.push(block);
            }
            "repeat" if token.is_name("repeat") => open.push(next_loop(&mut loops)),
            "function" if token.is_name("function") => open.push(Block::Function),
            "if" if token.is_name("if") => open.push(Block::Plain),
            "end" | "until" if token.is_name(token.text) => {
                open.pop();
            }
            _ => {}
        }
    }
    (jumps, labels)
}

fn next_loop(loops: &mut usize) -> Block {
    *loops += 1;
    Block::Loop(*loops)
}

/// Whether nothing but labels comes before the block's end. A condition behind `until` sees the loop's names, which `continue` may not skip.
fn ends_block(rest: &[Token<'_>]) -> bool {
    let mut at = 0;
    while rest.get(at).is_some_and(|token| token.is_symbol("::")) && rest.get(at + 2).is_some_and(|token| token.is_symbol("::")) {
        at += 3;
    }
    rest.get(at).is_some_and(|token| token.is_name("end") || token.is_name("until"))
}
