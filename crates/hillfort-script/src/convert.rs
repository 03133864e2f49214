//! What crosses between the caller and a script: plain numbers and strings by the engine's own conversions, and the types below.
//! Owns no policy: bounds on lengths are the caller's.

use std::io::Read;

use mlua::{FromLua, IntoLua, Lua};

use crate::library::HostError;
use crate::tree;

/// Arguments of host functions and results of entries: numbers, booleans, [`Bytes`], [`Value`], `Option`s and tuples of them.
pub use mlua::FromLuaMulti as FromScript;
/// Results of host functions and arguments of entries: the same, and [`Numbers`], `&Object`, `&Payload`.
pub use mlua::IntoLuaMulti as IntoScript;

/// A buffer or string that a script gave.
#[derive(Debug)]
pub struct Bytes(Store);

#[derive(Debug)]
enum Store {
    Buffer(mlua::Buffer),
    Text(mlua::LuaString),
}

/// Any value that a script gave.
#[derive(Debug)]
pub enum Value {
    /// `nil`, or nothing returned.
    Nil,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A buffer or a string.
    Bytes(Bytes),
    /// A table.
    Object(Object),
    /// A function, thread or vector: of no use outside.
    Other,
}

/// A table.
#[derive(Debug)]
pub struct Object(pub(crate) mlua::Table);

/// A buffer of 32-bit floats that a script fills and the host reads: the script keeps it, so does the host.
#[derive(Debug, Clone)]
pub struct Numbers(pub(crate) mlua::Buffer);

/// Bytes for a script: a buffer or a string. A buffer keeps its memory when it is filled again with as many bytes.
#[derive(Debug)]
pub struct Payload(pub(crate) mlua::Value);

impl Default for Payload {
    /// Nothing yet: see [`crate::Vm::fill`].
    fn default() -> Self {
        Self(mlua::Value::Nil)
    }
}

impl Bytes {
    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Store::Buffer(buffer) => buffer.len(),
            Store::Text(text) => text.as_bytes().len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a copy to `out`.
    pub fn append_to(self, out: &mut Vec<u8>) {
        let len = self.len();
        self.append_start_to(len, out).expect("it has as many bytes as it has");
    }

    /// Appends a copy of the first `len` bytes to `out`.
    ///
    /// # Errors
    /// There are fewer; nothing was appended.
    pub fn append_start_to(self, len: usize, out: &mut Vec<u8>) -> Result<(), HostError> {
        if len > self.len() {
            return Err(HostError(format!("{len} bytes asked for of {}", self.len())));
        }
        match self.0 {
            Store::Buffer(buffer) => {
                let from = out.len();
                out.resize(from + len, 0);
                buffer.cursor().read_exact(&mut out[from..]).expect("the buffer has as many bytes");
            }
            Store::Text(text) => out.extend_from_slice(&text.as_bytes()[..len]),
        }
        Ok(())
    }

    /// A copy.
    #[must_use]
    pub fn to_vec(self) -> Vec<u8> {
        let mut out = Vec::new();
        self.append_to(&mut out);
        out
    }
}

impl Numbers {
    /// Copies the first numbers out, as many as `out` takes.
    ///
    /// # Panics
    /// There are fewer.
    pub fn copy_to(&self, out: &mut [f32]) {
        let mut cursor = self.0.clone().cursor();
        let mut bytes = [0; 1024];
        for part in out.chunks_mut(bytes.len() / 4) {
            let bytes = &mut bytes[..part.len() * 4];
            cursor.read_exact(bytes).expect("the buffer has as many numbers");
            for (number, bytes) in part.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *number = f32::from_le_bytes(*bytes);
            }
        }
    }

    /// Sets one number.
    ///
    /// # Panics
    /// It has no number `at`.
    pub fn set(&self, at: usize, number: f32) {
        self.0.write_bytes(at * 4, &number.to_le_bytes());
    }
}

impl FromLua for Bytes {
    fn from_lua(value: mlua::Value, _: &Lua) -> mlua::Result<Self> {
        match value {
            mlua::Value::Buffer(buffer) => Ok(Self(Store::Buffer(buffer))),
            mlua::Value::String(text) => Ok(Self(Store::Text(text))),
            other => Err(mlua::Error::runtime(format!("buffer or string expected, got {}", other.type_name()))),
        }
    }
}

impl FromLua for Value {
    fn from_lua(value: mlua::Value, lua: &Lua) -> mlua::Result<Self> {
        Ok(match value {
            mlua::Value::Nil => Self::Nil,
            mlua::Value::Boolean(flag) => Self::Bool(flag),
            #[expect(clippy::cast_precision_loss, reason = "scripts have no other numbers")]
            mlua::Value::Integer(number) => Self::Number(number as f64),
            mlua::Value::Number(number) => Self::Number(number),
            mlua::Value::Buffer(_) | mlua::Value::String(_) => Self::Bytes(Bytes::from_lua(value, lua)?),
            mlua::Value::Table(table) => Self::Object(Object(table)),
            _ => Self::Other,
        })
    }
}

impl Object {
    /// Sets a field to a number. For tables that the caller made: a metatable is not asked.
    ///
    /// # Errors
    /// The message, when the table cannot grow or be written.
    pub fn set_number(&self, name: &str, number: f64) -> Result<(), String> {
        self.0.raw_set(name, number).map_err(|error| error.to_string())
    }

    /// A field, without asking a metatable.
    #[must_use]
    pub fn get(&self, name: &str) -> Value {
        self.0.raw_get(name).unwrap_or(Value::Nil)
    }

    /// A key that is not among `known`, as text.
    #[must_use]
    pub fn unknown(&self, known: &[&str]) -> Option<String> {
        let keys = self.0.pairs::<mlua::Value, mlua::Value>().filter_map(Result::ok);
        keys.map(|(key, _)| plain_text(&key)).find(|key| !known.contains(&key.as_str()))
    }
}

/// A value as text without asking its metatable: `__tostring` is the script's own code, and it must not run while the host is at work.
pub(crate) fn plain_text(value: &mlua::Value) -> String {
    match value {
        mlua::Value::String(text) => text.to_string_lossy(),
        mlua::Value::Integer(_) | mlua::Value::Number(_) | mlua::Value::Boolean(_) | mlua::Value::Nil => {
            value.to_string().unwrap_or_default()
        }
        other => other.type_name().to_owned(),
    }
}

impl Object {
    /// Appends the table to `out` as bytes that [`crate::Tree`] reads; `out` has `bytes_max` bytes at most then.
    ///
    /// # Errors
    /// Why it cannot be kept: a function in it, a table in itself, too much.
    pub fn write_tree(&self, out: &mut Vec<u8>, bytes_max: usize) -> Result<(), String> {
        tree::write(&self.0, out, bytes_max)
    }
}

impl IntoLua for &Object {
    fn into_lua(self, _: &Lua) -> mlua::Result<mlua::Value> {
        Ok(mlua::Value::Table(self.0.clone()))
    }
}

impl IntoLua for &crate::instance::Entry {
    fn into_lua(self, _: &Lua) -> mlua::Result<mlua::Value> {
        Ok(mlua::Value::Function(self.0.clone()))
    }
}

impl IntoLua for Numbers {
    fn into_lua(self, _: &Lua) -> mlua::Result<mlua::Value> {
        Ok(mlua::Value::Buffer(self.0))
    }
}

impl IntoLua for &Payload {
    fn into_lua(self, _: &Lua) -> mlua::Result<mlua::Value> {
        Ok(self.0.clone())
    }
}
