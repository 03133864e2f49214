//! What the caller lets scripts do. Owns the registration of host functions; knows nothing of what they mean.

use std::marker::PhantomData;

use std::cell::RefCell;

use mlua::Lua;

use crate::convert::{FromScript, IntoScript, Numbers};

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

/// The memory of the script that calls a host function: what is made in it counts as the script's own.
#[derive(Debug)]
pub struct Memory<'a> {
    lua: &'a Lua,
    failed: RefCell<Option<mlua::Error>>,
}

impl Memory<'_> {
    /// A buffer of `count` numbers, all 0.
    ///
    /// # Errors
    /// There is no room for it: the script hears that its memory is spent, whatever the host function returns.
    pub fn numbers(&self, count: usize) -> Result<Numbers, HostError> {
        self.lua.create_buffer_with_capacity(count * 4).map(Numbers).map_err(|error| {
            let text = HostError(error.to_string());
            self.failed.replace(Some(error));
            text
        })
    }
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

    /// As [`Library::method`], for a function that makes buffers for the script.
    ///
    /// # Errors
    /// As [`Library::global`].
    pub fn method_with_memory<A, R>(
        &self,
        name: &str,
        function: impl Fn(&mut H, &Memory<'_>, A) -> Result<R, HostError> + Send + 'static,
    ) -> Result<(), HostError>
    where
        A: FromScript,
        R: IntoScript,
    {
        self.put(self.methods, name, move |lua, host, arguments| {
            let memory = Memory { lua, failed: RefCell::default() };
            let result = function(host, &memory, arguments);
            // What the engine said goes before the words that stand for it: the budget of memory is no error of the script's.
            match memory.failed.into_inner() {
                Some(error) => Err(error),
                None => result.map_err(|HostError(text)| mlua::Error::RuntimeError(text)),
            }
        })
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
        self.put(to, name, move |_, host, arguments| {
            function(host, arguments).map_err(|HostError(text)| mlua::Error::RuntimeError(text))
        })
    }

    fn put<A, R>(
        &self,
        to: &mlua::Table,
        name: &str,
        function: impl Fn(&Lua, &mut H, A) -> mlua::Result<R> + Send + 'static,
    ) -> Result<(), HostError>
    where
        A: FromScript,
        R: IntoScript,
    {
        let function = self.lua.create_function(move |lua, arguments: A| {
            let mut host = lua.app_data_mut::<H>().expect("put in when the VM was made");
            function(lua, &mut host, arguments)
        });
        function.and_then(|function| to.raw_set(name, function)).map_err(|error| HostError(error.to_string()))
    }
}
