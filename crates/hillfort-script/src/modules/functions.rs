//! Host functions of a [`super::ModuleVm`]. Owns how arguments are read and how an error reaches the script; knows nothing of what functions mean.
//!
//! A function returns `true` and its results, or `false` and a message: the prelude raises the message where the script called, so that
//! `pcall` gives a script a plain string.

use std::marker::PhantomData;
use std::sync::Arc;

use mlua::Lua;

use super::results::Held;
use crate::convert::IntoScript;
use crate::data::{Data, DataLimits};
use crate::instance::Entry;
use crate::library::{Host, HostError};
use crate::meter::Meter;

/// Bytes that a host function may work through for one step of the budget.
const BYTES_PER_STEP: usize = 256;

/// Takes host functions while a VM is built.
#[derive(Debug)]
pub struct Functions<'a, H> {
    lua: &'a Lua,
    table: &'a mlua::Table,
    meter: &'a Arc<Meter>,
    host: PhantomData<fn(H)>,
}

/// The budget of the call that a host function works for.
#[derive(Debug)]
pub struct Charge<'a>(&'a Meter);

impl Charge<'_> {
    /// Takes what work over so many bytes costs. The call ends at its next step when nothing is left.
    pub fn bytes(&self, bytes: usize) {
        self.steps(u32::try_from(bytes / BYTES_PER_STEP).unwrap_or(u32::MAX));
    }

    /// Takes steps.
    pub fn steps(&self, steps: u32) {
        self.0.charge(steps);
    }
}

impl<'a, H: Host> Functions<'a, H> {
    pub(super) fn new(lua: &'a Lua, table: &'a mlua::Table, meter: &'a Arc<Meter>) -> Self {
        Self { lua, table, meter, host: PhantomData }
    }

    /// A value that the prelude finds under `name`.
    ///
    /// # Errors
    /// The engine's, when it is out of memory.
    pub fn value(&self, name: &str, value: &Data) -> Result<(), HostError> {
        self.table.raw_set(name, value).map_err(|error| HostError(error.to_string()))
    }

    /// A function that the prelude finds under `name`.
    ///
    /// # Errors
    /// The engine's, when it is out of memory.
    pub fn add<R: IntoScript>(
        &self,
        name: &str,
        function: impl Fn(&mut H, &Charge<'_>, Arguments) -> Result<R, HostError> + Send + Sync + 'static,
    ) -> Result<(), HostError> {
        let meter = Arc::clone(self.meter);
        let made = self.lua.create_function(move |lua, values: mlua::MultiValue| {
            let result = {
                let mut host = lua.app_data_mut::<H>().expect("put in when the VM was made");
                function(&mut host, &Charge(&meter), Arguments { values })
            };
            let mut results;
            match result {
                Ok(result) => {
                    results = result.into_lua_multi(lua)?;
                    results.push_front(mlua::Value::Boolean(true));
                }
                Err(HostError(message)) => {
                    results = mlua::MultiValue::new();
                    results.push_front(mlua::Value::String(lua.create_string(&message)?));
                    results.push_front(mlua::Value::Boolean(false));
                }
            }
            Ok(results)
        });
        made.and_then(|made| self.table.raw_set(name, made)).map_err(|error| HostError(error.to_string()))
    }
}

/// What a script passed to a host function. Places count from 1, as in messages.
#[derive(Debug)]
pub struct Arguments {
    values: mlua::MultiValue,
}

impl Arguments {
    /// How many, trailing `nil`s included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether nothing was passed there.
    #[must_use]
    pub fn is_nil(&self, place: usize) -> bool {
        self.get(place).is_none_or(mlua::Value::is_nil)
    }

    /// A string; a number is taken as its text.
    ///
    /// # Errors
    /// It is something else.
    pub fn bytes(&self, place: usize) -> Result<Vec<u8>, HostError> {
        match self.get(place) {
            Some(mlua::Value::String(text)) => Ok(text.as_bytes().to_vec()),
            Some(value @ (mlua::Value::Integer(_) | mlua::Value::Number(_))) => {
                value.to_string().map(String::into_bytes).map_err(|error| HostError(error.to_string()))
            }
            _ => Err(self.expected(place, "string")),
        }
    }

    /// The same as text: bytes that are no UTF-8 are replaced.
    ///
    /// # Errors
    /// As [`Arguments::bytes`].
    pub fn text(&self, place: usize) -> Result<String, HostError> {
        self.bytes(place).map(|bytes| match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    /// The same, or nothing when it is `nil`.
    ///
    /// # Errors
    /// As [`Arguments::bytes`].
    pub fn optional_text(&self, place: usize) -> Result<Option<String>, HostError> {
        if self.is_nil(place) { Ok(None) } else { self.text(place).map(Some) }
    }

    /// A number.
    ///
    /// # Errors
    /// It is something else.
    pub fn number(&self, place: usize) -> Result<f64, HostError> {
        match self.get(place) {
            #[expect(clippy::cast_precision_loss, reason = "scripts have no other numbers")]
            Some(mlua::Value::Integer(number)) => Ok(*number as f64),
            Some(mlua::Value::Number(number)) => Ok(*number),
            Some(mlua::Value::String(text)) => {
                let number = std::str::from_utf8(&text.as_bytes()).ok().and_then(|text| text.trim().parse().ok());
                number.ok_or_else(|| self.expected(place, "number"))
            }
            _ => Err(self.expected(place, "number")),
        }
    }

    /// A whole number; fractions are cut off, what is out of bounds is the nearest bound.
    ///
    /// # Errors
    /// It is something else.
    pub fn integer(&self, place: usize) -> Result<i64, HostError> {
        #[expect(clippy::cast_possible_truncation, reason = "saturates, which is what the contract says")]
        self.number(place).map(|number| number as i64)
    }

    /// The same, or `default` when it is `nil`.
    ///
    /// # Errors
    /// As [`Arguments::integer`].
    pub fn integer_or(&self, place: usize, default: i64) -> Result<i64, HostError> {
        if self.is_nil(place) { Ok(default) } else { self.integer(place) }
    }

    /// A boolean, or `default` when it is `nil`.
    ///
    /// # Errors
    /// It is something else.
    pub fn flag_or(&self, place: usize, default: bool) -> Result<bool, HostError> {
        match self.get(place) {
            None | Some(mlua::Value::Nil) => Ok(default),
            Some(mlua::Value::Boolean(flag)) => Ok(*flag),
            _ => Err(self.expected(place, "boolean")),
        }
    }

    /// A copy of a table.
    ///
    /// # Errors
    /// It is something else, or more than `limits`.
    pub fn table(&self, place: usize, limits: DataLimits) -> Result<Data, HostError> {
        match self.get(place) {
            Some(value @ mlua::Value::Table(_)) => Data::copy(value, limits),
            _ => Err(self.expected(place, "table")),
        }
    }

    /// A list of whole numbers.
    ///
    /// # Errors
    /// It is something else.
    pub fn integers(&self, place: usize) -> Result<Vec<i64>, HostError> {
        match self.get(place) {
            Some(mlua::Value::Table(table)) => {
                let numbers: mlua::Result<Vec<i64>> = table.sequence_values::<i64>().collect();
                numbers.map_err(|error| HostError(error.to_string()))
            }
            _ => Err(self.expected(place, "table")),
        }
    }

    /// A copy of any value.
    ///
    /// # Errors
    /// It is more than `limits`.
    pub fn data(&self, place: usize, limits: DataLimits) -> Result<Data, HostError> {
        Data::copy(self.get(place).unwrap_or(&mlua::Value::Nil), limits)
    }

    /// A function.
    ///
    /// # Errors
    /// It is something else.
    pub fn function(&self, place: usize) -> Result<Entry, HostError> {
        match self.get(place) {
            Some(mlua::Value::Function(function)) => Ok(Entry(function.clone())),
            _ => Err(self.expected(place, "function")),
        }
    }

    /// The value itself, to be given back to a script.
    #[must_use]
    pub fn held(&self, place: usize) -> Held {
        Held(self.get(place).cloned().unwrap_or(mlua::Value::Nil))
    }

    /// Says that an argument is wrong.
    #[must_use]
    pub fn wrong(place: usize, what: &str) -> HostError {
        HostError(format!("bad argument #{place} ({what})"))
    }

    fn expected(&self, place: usize, kind: &str) -> HostError {
        let got = self.get(place).map_or("no value", mlua::Value::type_name);
        Self::wrong(place, &format!("{kind} expected, got {got}"))
    }

    fn get(&self, place: usize) -> Option<&mlua::Value> {
        self.values.get(place.wrapping_sub(1))
    }
}
