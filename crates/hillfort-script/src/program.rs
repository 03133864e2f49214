//! A source that was compiled and can be run by any VM. Owns the compiler's settings; runs nothing.

use std::sync::Arc;

use crate::fault::{Fault, bounded};
use crate::vm::math::REPLACED;

/// Most bytes of a source: also what bounds the work that a script can do without a loop or call.
pub const SOURCE_BYTES_MAX: usize = 256 * 1024;

/// Compiled source. Cheap to clone, can be made on any thread.
#[derive(Debug, Clone)]
pub struct Program {
    pub(crate) name: Arc<str>,
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
        if source.len() > SOURCE_BYTES_MAX {
            return Err(Fault::Source(format!("{name}: longer than {SOURCE_BYTES_MAX} bytes")));
        }
        let bytecode = compiler().compile(source).map_err(|error| match error {
            mlua::Error::SyntaxError { message, .. } => Fault::Source(bounded(&format!("{name}:{message}"))),
            other => Fault::Source(bounded(&format!("{name}: {other}"))),
        })?;
        Ok(Self { name: name.into(), bytecode: bytecode.into() })
    }

    /// The name that errors mention.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}
