//! What the caller lets scripts do. Owns the registration of host functions; knows nothing of what they mean.

use std::marker::PhantomData;

use mlua::Lua;

use crate::convert::{FromScript, IntoScript};

/// The caller's state behind the host functions; one for each VM. Before a call the caller puts in what the functions answer from, after it the
/// caller takes out what they were asked to do.
pub trait Host: Send + 'static {
    /// Random bits for `math.random`. Must come from the seed of the room that runs.
    fn random(&mut self) -> u64;
}

/// A host function says no. The script gets the text as an error that it may catch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HostError(pub String);

/// Takes host functions while a VM is built.
#[derive(Debug)]
pub struct Library<'a, H> {
    lua: &'a Lua,
    globals: &'a mlua::Table,
    methods: &'a mlua::Table,
    host: PhantomData<fn(H)>,
}

impl<'a, H: Host> Library<'a, H> {
    pub(crate) fn new(lua: &'a Lua, globals: &'a mlua::Table, methods: &'a mlua::Table) -> Self {
        Self { lua, globals, methods, host: PhantomData }
    }

    /// A function that all scripts see as a global.
    ///
    /// # Errors
    /// The engine's, when it is out of memory.
    pub fn global<A, R>(
        &self,
        name: &str,
        function: impl Fn(&mut H, A) -> Result<R, HostError> + Send + 'static,
    ) -> Result<(), HostError>
    where
        A: FromScript,
        R: IntoScript,
    {
        self.add(self.globals, name, function)
    }

    /// A function in each instance's object: `object.name(...)`, without a self argument.
    ///
    /// # Errors
    /// As [`Library::global`].
    pub fn method<A, R>(
        &self,
        name: &str,
        function: impl Fn(&mut H, A) -> Result<R, HostError> + Send + 'static,
    ) -> Result<(), HostError>
    where
        A: FromScript,
        R: IntoScript,
    {
        self.add(self.methods, name, function)
    }

    fn add<A, R>(
        &self,
        to: &mlua::Table,
        name: &str,
        function: impl Fn(&mut H, A) -> Result<R, HostError> + Send + 'static,
    ) -> Result<(), HostError>
    where
        A: FromScript,
        R: IntoScript,
    {
        let function = self
            .lua
            .create_function(move |lua, arguments: A| {
                let mut host = lua.app_data_mut::<H>().expect("put in when the VM was made");
                function(&mut host, arguments).map_err(|HostError(text)| mlua::Error::RuntimeError(text))
            })
            .and_then(|function| to.raw_set(name, function));
        function.map_err(|error| HostError(error.to_string()))
    }
}
