//! A source that was compiled and can be run by any VM. Owns the compiler's settings; runs nothing.

use std::sync::Arc;

use crate::fault::{Fault, bounded};
use crate::vm::math::REPLACED;

/// Most bytes of a source: also what bounds the work that a script can do without a loop or call.
pub const SOURCE_BYTES_MAX: usize = 256 * 1024;

/// What a source was written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Luau: its libraries are what they are.
    Luau,
    /// Lua 5.1: names that only Luau's libraries have may be the source's own.
    Lua51,
}

/// Libraries that Lua 5.1 does not have: a source's own tables of these names are not taken for them.
const NO_LIBRARIES: [&str; 4] = ["vector", "buffer", "integer", "utf8"];

/// Functions that Lua 5.1 does not have: the compiler would call Luau's own whatever a source defines.
const NO_BUILTINS: [&str; 13] = [
    "typeof",
    "rawlen",
    "math.clamp",
    "math.sign",
    "math.round",
    "math.lerp",
    "math.isnan",
    "math.isinf",
    "math.isfinite",
    "table.unpack",
    "bit32.countlz",
    "bit32.countrz",
    "bit32.byteswap",
];

/// Compiled source. Cheap to clone, can be made on any thread.
#[derive(Debug, Clone)]
pub struct Program {
    pub(crate) name: Arc<str>,
    file: Arc<str>,
    pub(crate) bytecode: Arc<[u8]>,
}

/// The settings that all code here is compiled with.
pub(crate) fn compiler() -> mlua::chunk::Compiler {
    mlua::chunk::Compiler::new().set_optimization_level(2).set_debug_level(1).set_disabled_builtins(REPLACED)
}

impl Program {
    /// Compiles `source`; `name` is the file name that errors mention.
    ///
    /// # Errors
    /// [`Fault::Source`] as `name:line: what`, when the source is too long or has a syntax error.
    pub fn compile(name: &str, source: &str) -> Result<Self, Fault> {
        Self::compile_as(Dialect::Luau, name, name, source)
    }

    /// As [`Program::compile`], for a source in `dialect` whose name is not that of its file: `file` is what errors mention.
    ///
    /// # Errors
    /// As [`Program::compile`].
    pub fn compile_as(dialect: Dialect, name: &str, file: &str, source: &str) -> Result<Self, Fault> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(Fault::Source(format!("{file}: longer than {SOURCE_BYTES_MAX} bytes")));
        }
        let compiler = match dialect {
            Dialect::Luau => compiler(),
            Dialect::Lua51 => {
                compiler().set_mutable_globals(NO_LIBRARIES).set_disabled_builtins(REPLACED.into_iter().chain(NO_BUILTINS))
            }
        };
        let bytecode = compiler.compile(source).map_err(|error| match error {
            mlua::Error::SyntaxError { message, .. } => Fault::Source(bounded(&format!("{file}:{message}"))),
            other => Fault::Source(bounded(&format!("{file}: {other}"))),
        })?;
        Ok(Self { name: name.into(), file: file.into(), bytecode: bytecode.into() })
    }

    /// The module's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name that errors mention.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }
}
