//! What comes out of a call. Owns the telling apart of results and errors.

use mlua::{IntoLua, Lua};

use crate::data::{Data, DataLimits};
use crate::fault::{Fault, bounded};
use crate::library::HostError;
use crate::meter::Meter;

use super::Call;

/// What a slice of a call came to.
#[derive(Debug)]
pub enum Step {
    /// The call is over.
    Done(Results),
    /// It failed.
    Failed(Failure),
    /// It waits: a host function noted what for.
    Waits(Call),
}

/// What a call returned.
#[derive(Debug)]
pub struct Results(mlua::MultiValue);

/// A script's value that the caller keeps and gives back, unread.
#[derive(Debug, Clone)]
pub struct Held(pub(super) mlua::Value);

/// Why a call failed.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// `error("text")`, or the engine's own.
    Raised {
        /// What, with file and line where the engine knows them.
        text: String,
        /// The functions it passed through.
        trace: String,
    },
    /// `error({ ... })`: a copy of the table.
    RaisedTable(Data),
    /// The call used more steps than it may.
    Steps,
    /// A slice took longer than it may.
    Time,
    /// More memory than a call may have, or an environment may keep.
    Memory,
}

impl Failure {
    pub(super) fn of(error: &mlua::Error, meter: &Meter) -> Self {
        match Fault::of(error, meter) {
            Fault::Steps => Self::Steps,
            Fault::Time => Self::Time,
            Fault::Memory | Fault::VmFull => Self::Memory,
            Fault::Source(text) | Fault::Script(text) => Self::Raised { text, trace: String::new() },
        }
    }

    fn raised(value: &mlua::Value) -> Self {
        let mlua::Value::Table(table) = value else {
            return Self::Raised { text: bounded(value.type_name()), trace: String::new() };
        };
        let field = |text: Option<mlua::LuaString>| text.map(|text| bounded(&text.to_string_lossy())).unwrap_or_default();
        let text = table.raw_get::<Option<mlua::LuaString>>(0).ok().flatten();
        let trace = table.raw_get::<Option<mlua::LuaString>>("trace").ok().flatten();
        match (text, trace) {
            // From the engine itself, or through a host function.
            (Some(text), Some(_))
                if [&b"not enough memory"[..], b"memory error"].iter().any(|begin| text.as_bytes().starts_with(begin)) =>
            {
                Self::Memory
            }
            (Some(text), Some(trace)) => Self::Raised { text: field(Some(text)), trace: field(Some(trace)) },
            _ => {
                let limits = DataLimits { values_max: 1000, bytes_max: 16 * 1024, depth_max: 8 };
                Data::copy(value, limits).map_or_else(
                    |HostError(text)| Self::Raised {
                        text: format!("an error that cannot be shown: {text}"),
                        trace: String::new(),
                    },
                    Self::RaisedTable,
                )
            }
        }
    }
}

impl Step {
    /// From what the guard returned: whether it went well, then results or the error.
    pub(super) fn of(mut results: Results) -> Self {
        match results.0.pop_front() {
            Some(mlua::Value::Boolean(true)) => Self::Done(results),
            _ => Self::Failed(Failure::raised(results.0.front().unwrap_or(&mlua::Value::Nil))),
        }
    }
}

impl Results {
    pub(super) fn new(values: mlua::MultiValue) -> Self {
        Self(values)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A copy of one, counted from 1; [`Data::Nil`] when there are fewer.
    ///
    /// # Errors
    /// It is more than `limits`.
    pub fn data(&self, place: usize, limits: DataLimits) -> Result<Data, HostError> {
        Data::copy(self.0.get(place.wrapping_sub(1)).unwrap_or(&mlua::Value::Nil), limits)
    }

    /// The value itself, to be given back to a script.
    #[must_use]
    pub fn held(&self, place: usize) -> Held {
        Held(self.0.get(place.wrapping_sub(1)).cloned().unwrap_or(mlua::Value::Nil))
    }
}

impl Held {
    /// `nil`.
    #[must_use]
    pub const fn nil() -> Self {
        Self(mlua::Value::Nil)
    }

    /// Whether it is `nil`.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.0.is_nil()
    }

    /// A copy of it.
    ///
    /// # Errors
    /// It is more than `limits`.
    pub fn data(&self, limits: DataLimits) -> Result<Data, HostError> {
        Data::copy(&self.0, limits)
    }
}

impl IntoLua for &Held {
    fn into_lua(self, _: &Lua) -> mlua::Result<mlua::Value> {
        Ok(self.0.clone())
    }
}

impl IntoLua for Held {
    fn into_lua(self, _: &Lua) -> mlua::Result<mlua::Value> {
        Ok(self.0)
    }
}
