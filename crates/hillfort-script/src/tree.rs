//! A value of a script as bytes that say what they are, so that it can be kept, shown, and given back. Reading is total: any bytes give a tree within
//! the bounds below or are refused. Knows nothing of what the values mean.
//!
//! A tree is [`MAGIC`] and a node: a byte for its type, then what the type needs. Numbers are 64-bit floats, lengths and counts 32-bit
//! numbers, all little endian. A table is its count, then key and value of each entry: 1, 2, 3 … first, then other numbers, then texts, each in order.

use mlua::{Lua, Value};

/// First bytes of a tree.
pub const MAGIC: [u8; 6] = *b"\0tree\x01";
/// Tables in tables at most.
pub const DEPTH_MAX: usize = 16;
/// Values at most, keys included.
pub const NODES_MAX: usize = 65_536;

const FALSE: u8 = 0;
const TRUE: u8 = 1;
const NUMBER: u8 = 2;
const TEXT: u8 = 3;
const BUFFER: u8 = 4;
const TABLE: u8 = 5;

/// What a tree's bytes say.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree<'a> {
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A string: bytes that need not be text.
    Text(&'a [u8]),
    /// A buffer.
    Buffer(&'a [u8]),
    /// A table: keys, which are numbers or texts, and values.
    Table(Vec<(Tree<'a>, Tree<'a>)>),
}

/// The bytes are no tree, or one beyond the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no tree of values")]
pub struct NoTree;

impl<'a> Tree<'a> {
    /// Reads all of `bytes`.
    ///
    /// # Errors
    /// [`NoTree`].
    pub fn read(bytes: &'a [u8]) -> Result<Self, NoTree> {
        let mut read = Reader { rest: bytes.strip_prefix(&MAGIC).ok_or(NoTree)?, nodes: 0 };
        let tree = read.node(0)?;
        if read.rest.is_empty() { Ok(tree) } else { Err(NoTree) }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn node(&mut self, depth: usize) -> Result<Tree<'a>, NoTree> {
        self.nodes += 1;
        if self.nodes > NODES_MAX || depth > DEPTH_MAX {
            return Err(NoTree);
        }
        Ok(match self.take::<1>()?[0] {
            FALSE => Tree::Bool(false),
            TRUE => Tree::Bool(true),
            NUMBER => Tree::Number(f64::from_le_bytes(self.take()?)),
            TEXT => Tree::Text(self.bytes()?),
            BUFFER => Tree::Buffer(self.bytes()?),
            TABLE => {
                // Each entry takes bytes, so that no count is larger than what follows.
                let count = u32::from_le_bytes(self.take()?);
                let mut entries = Vec::new();
                for _ in 0..count {
                    let key = self.node(depth + 1)?;
                    let is_key = matches!(key, Tree::Text(_)) || matches!(key, Tree::Number(number) if !number.is_nan());
                    if !is_key {
                        return Err(NoTree);
                    }
                    entries.push((key, self.node(depth + 1)?));
                }
                Tree::Table(entries)
            }
            _ => return Err(NoTree),
        })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], NoTree> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(NoTree)?;
        self.rest = rest;
        Ok(*head)
    }

    fn bytes(&mut self) -> Result<&'a [u8], NoTree> {
        let len = u32::from_le_bytes(self.take()?) as usize;
        let (head, rest) = self.rest.split_at_checked(len).ok_or(NoTree)?;
        self.rest = rest;
        Ok(head)
    }
}

/// Appends a table, with [`MAGIC`], to `out`, which has `bytes_max` bytes at most then. What tables' metatables say is not asked.
pub(crate) fn write(table: &mlua::Table, out: &mut Vec<u8>, bytes_max: usize) -> Result<(), String> {
    out.extend_from_slice(&MAGIC);
    let mut writer = Writer { out, bytes_max, nodes: 0 };
    writer.table(table, 0)
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    bytes_max: usize,
    nodes: usize,
}

impl Writer<'_> {
    fn node(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        match value {
            Value::Boolean(flag) => self.tag(if *flag { TRUE } else { FALSE }),
            #[expect(clippy::cast_precision_loss, reason = "scripts have no other numbers")]
            Value::Integer(number) => self.number(*number as f64),
            Value::Number(number) => self.number(*number),
            Value::String(text) => self.bytes(TEXT, &text.as_bytes()),
            Value::Buffer(buffer) => self.bytes(BUFFER, &buffer.to_vec()),
            Value::Table(table) => self.table(table, depth),
            other => Err(format!("a {} cannot be kept", other.type_name())),
        }
    }

    fn table(&mut self, table: &mlua::Table, depth: usize) -> Result<(), String> {
        if depth == DEPTH_MAX {
            return Err(format!("tables are more than {DEPTH_MAX} deep, or one is in itself"));
        }
        let mut numbers = Vec::new();
        let mut texts = Vec::new();
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair.map_err(|error| error.to_string())?;
            match key {
                #[expect(clippy::cast_precision_loss, reason = "scripts have no other numbers")]
                Value::Integer(number) => numbers.push((number as f64, value)),
                Value::Number(number) => numbers.push((number, value)),
                Value::String(text) => texts.push((text.as_bytes().to_vec(), value)),
                other => return Err(format!("a {} is no key that can be kept", other.type_name())),
            }
            if self.nodes + 2 * (numbers.len() + texts.len()) >= NODES_MAX {
                return Err(too_many());
            }
        }
        // The order in which a table has them is not the same in two runs.
        numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
        texts.sort_by(|a, b| a.0.cmp(&b.0));
        self.tag(TABLE)?;
        self.put(&((numbers.len() + texts.len()) as u32).to_le_bytes())?;
        for (key, value) in numbers {
            self.number(key)?;
            self.node(&value, depth + 1)?;
        }
        for (key, value) in texts {
            self.bytes(TEXT, &key)?;
            self.node(&value, depth + 1)?;
        }
        Ok(())
    }

    fn number(&mut self, number: f64) -> Result<(), String> {
        self.tag(NUMBER)?;
        self.put(&number.to_le_bytes())
    }

    fn bytes(&mut self, kind: u8, bytes: &[u8]) -> Result<(), String> {
        self.tag(kind)?;
        self.put(&(bytes.len() as u32).to_le_bytes())?;
        self.put(bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.out.len() + bytes.len() > self.bytes_max {
            return Err(format!("more than {} bytes", self.bytes_max));
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// Begins a node.
    fn tag(&mut self, tag: u8) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > NODES_MAX { Err(too_many()) } else { self.put(&[tag]) }
    }
}

fn too_many() -> String {
    format!("more than {NODES_MAX} values")
}

/// The value again.
pub(crate) fn give(lua: &Lua, tree: &Tree<'_>) -> mlua::Result<Value> {
    Ok(match tree {
        Tree::Bool(flag) => Value::Boolean(*flag),
        Tree::Number(number) => Value::Number(*number),
        Tree::Text(text) => Value::String(lua.create_string(text)?),
        Tree::Buffer(bytes) => Value::Buffer(lua.create_buffer(bytes)?),
        Tree::Table(entries) => {
            let table = lua.create_table()?;
            for (key, value) in entries {
                table.raw_set(give(lua, key)?, give(lua, value)?)?;
            }
            Value::Table(table)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(source: &str) -> Result<Vec<u8>, String> {
        let lua = Lua::new();
        let mut out = Vec::new();
        write(&lua.load(source).eval().expect("a table"), &mut out, 4096).map(|()| out)
    }

    #[test]
    fn comes_back_as_it_was_and_is_in_order() {
        let source =
            "return { b = true, a = { 1, 2, -0.5 }, [-1] = 'x', [2.5] = false, e = {}, c = buffer.fromstring('\\0\\255') }";
        let bytes = written(source).expect("fits");
        let tree = Tree::read(&bytes).expect("a tree");
        let Tree::Table(entries) = &tree else { panic!("{tree:?}") };
        let keys: Vec<_> = entries.iter().map(|(key, _)| key.clone()).collect();
        let text = |text: &'static str| Tree::Text(text.as_bytes());
        assert_eq!(keys, [Tree::Number(-1.0), Tree::Number(2.5), text("a"), text("b"), text("c"), text("e")]);
        let lua = Lua::new();
        let Value::Table(again) = give(&lua, &tree).expect("fits") else { panic!("a table") };
        let mut out = Vec::new();
        write(&again, &mut out, 4096).expect("fits");
        assert_eq!(out, bytes);
        assert_eq!(written("return {}"), Ok([&MAGIC[..], &[TABLE, 0, 0, 0, 0]].concat()));
    }

    #[test]
    fn what_cannot_be_kept_is_refused_with_a_reason() {
        #[track_caller]
        fn check(source: &str, expect: &str) {
            let refused = written(source).expect_err("is refused");
            assert!(refused.contains(expect), "{refused}");
        }
        check("return { print }", "a function cannot be kept");
        check("return { [true] = 1 }", "a boolean is no key");
        check("local t = {} t.t = t return t", "one is in itself");
        check("local t = {} for i = 1, 500 do t[i] = i end return t", "more than 4096 bytes");
        let many = |source: &str| {
            let lua = Lua::new();
            let mut out = Vec::new();
            let done = write(&lua.load(source).eval().expect("a table"), &mut out, usize::MAX);
            done.map(|()| Tree::read(&out).is_ok())
        };
        let filled = |count: usize| format!("local t = {{}} for i = 1, {count} do t[i] = true end return {{ t, t }}");
        assert_eq!(many(&filled(NODES_MAX / 4 - 2)), Ok(true));
        assert!(many(&filled(NODES_MAX / 4)).is_err_and(|text| text.contains("more than 65536 values")));
        let deep = |depth: usize| format!("return {}{}", "{".repeat(depth), "}".repeat(depth));
        assert!(written(&deep(DEPTH_MAX)).is_ok());
        check(&deep(DEPTH_MAX + 1), "more than 16 deep");
    }

    #[test]
    fn any_bytes_are_a_tree_or_none() {
        let whole = written("return { a = { 1, 'two', buffer.create(3) }, [7] = false }").expect("fits");
        assert!((0..whole.len()).all(|len| Tree::read(&whole[..len]).is_err()), "cut off");
        assert!(Tree::read(&[&whole[..], &[0]].concat()).is_err(), "something left over");
        let node = |node: &[u8]| Tree::read(&[&MAGIC[..], node].concat()).is_ok();
        assert!(!node(&[9]) && !node(&[TABLE, 255, 255, 255, 255]) && !node(&[TEXT, 255, 255, 255, 255]));
        assert!(!node(&[&[TABLE, 1, 0, 0, 0, NUMBER][..], &f64::NAN.to_le_bytes(), &[TRUE]].concat()), "no key");
        assert!(!node(&[TABLE, 1, 0, 0, 0, TRUE, TRUE]));
        // One node for each five bytes, each in the one before.
        assert!(!node(&[TABLE, 1, 0, 0, 0].repeat(100_000)), "too deep");
        let many = |count: usize| [&[TABLE][..], &(count as u32).to_le_bytes(), &[TEXT, 0, 0, 0, 0, TRUE].repeat(count)].concat();
        assert!(node(&many(NODES_MAX / 2 - 1)) && !node(&many(NODES_MAX / 2)));
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                let _any = Tree::read(&damaged);
            }
        }
    }
}
