//! An engine for code that may wait: many sources under names, environments that are isolated from each other, calls that stop at a host function and
//! go on when the caller has its answer. Owns the running and the budgets of such calls; what functions there are and how they look to a script is
//! the caller's: its own trusted prelude and its host functions.
//!
//! A call is a coroutine. A host function that must wait notes in the caller's state what it wants and lets the prelude suspend; the caller sees
//! [`Step::Waits`], and later calls [`ModuleVm::resume`] with the answer. The budget of steps goes on where it stopped; the budget of time is
//! one slice's. A call that fails harms no other: only an environment that keeps too much memory ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlua::thread::ThreadStatus;
use mlua::{Lua, LuaOptions, StdLib, VmState};

use crate::convert::IntoScript;
use crate::fault::Fault;
use crate::instance::{Entry, Slot};
use crate::library::{Host, HostError};
use crate::meter::{Limits, Meter};
use crate::program::Program;
use crate::vm::{Slots, sandbox, slots};

mod environment;
mod functions;
mod results;

pub use environment::{Call, Environment};
pub use functions::{Arguments, Charge, Functions};
pub use results::{Failure, Held, Results, Step};

/// Runs before any prelude: what only this crate may touch.
const BASE: &str = include_str!("modules/base.luau");

/// An engine with the code of many modules. A clone is another handle to the same engine.
#[derive(Debug, Clone)]
pub struct ModuleVm {
    lua: Lua,
    /// Runs a function so that its error comes back as a value.
    guarded: mlua::Function,
    /// What the prelude returned.
    exports: mlua::Table,
    meter: Arc<Meter>,
    slots: Arc<Slots>,
    /// Memory in use at which to look for what keeps too much.
    audit_bytes: Arc<AtomicUsize>,
    limits: Limits,
}

/// A trusted source: it sees the engine's own libraries, before they are made read-only, and all host functions.
#[derive(Debug, Clone, Copy)]
pub struct Prelude<'a> {
    /// Its name in errors.
    pub name: &'a str,
    /// Gets a table with the host functions, `instantiate(name, environment)`, `suspend()` and `traceback()`; returns a table of entries.
    pub source: &'a str,
}

impl ModuleVm {
    /// An engine for `programs`.
    ///
    /// # Errors
    /// The prelude fails, or memory is out.
    pub fn new<H: Host>(
        programs: Arc<Vec<Program>>,
        prelude: Prelude<'_>,
        limits: Limits,
        host: H,
        functions: impl FnOnce(&Functions<'_, H>) -> Result<(), HostError>,
    ) -> Result<Self, Fault> {
        let meter = Arc::new(Meter::new(&limits));
        Self::build(programs, prelude, limits, host, functions, Arc::clone(&meter)).map_err(|error| Fault::of(&error, &meter))
    }

    fn build<H: Host>(
        programs: Arc<Vec<Program>>,
        prelude: Prelude<'_>,
        limits: Limits,
        host: H,
        functions: impl FnOnce(&Functions<'_, H>) -> Result<(), HostError>,
        meter: Arc<Meter>,
    ) -> mlua::Result<Self> {
        let kept = StdLib::TABLE | StdLib::STRING | StdLib::BIT | StdLib::MATH | StdLib::OS | StdLib::UTF8;
        let hidden = StdLib::COROUTINE | StdLib::DEBUG;
        let lua = Lua::new_with(kept | StdLib::BUFFER | StdLib::VECTOR | hidden, LuaOptions::default())?;
        lua.set_app_data(host);
        let globals = lua.globals();
        let base: mlua::Function = lua.load(BASE).set_name("=base.luau").eval()?;
        sandbox::restrict::<H>(&lua, &globals)?;
        let (table, guarded): (mlua::Table, mlua::Function) = base.call(())?;
        table.raw_set("instantiate", instantiate(&lua, programs)?)?;
        functions(&Functions::new(&lua, &table, &meter)).map_err(mlua::Error::external)?;
        for name in ["coroutine", "debug"] {
            globals.raw_remove(name)?;
        }
        let exports = lua.load(prelude.source).set_name(format!("={}", prelude.name)).call(table)?;
        lua.sandbox(true)?;
        let steps = Arc::clone(&meter);
        lua.set_interrupt(move |_| {
            if steps.step() { Ok(VmState::Continue) } else { Err(mlua::Error::RuntimeError("budget exceeded".to_owned())) }
        });
        lua.gc_collect()?;
        let audit_bytes = Arc::new(AtomicUsize::new(lua.used_memory() + limits.vm_bytes_max / 2));
        Ok(Self { lua, guarded, exports, meter, slots: Arc::new(Slots::default()), audit_bytes, limits })
    }

    /// An entry that the prelude returned.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<Entry> {
        self.exports.raw_get::<Option<mlua::Function>>(name).ok().flatten().map(Entry)
    }

    /// Environments that the VM takes; the next one needs another VM.
    #[must_use]
    pub fn environments_max(&self) -> usize {
        (self.limits.vm_bytes_max / self.limits.room_bytes_max.max(1)).clamp(1, slots::SLOTS)
    }

    /// Environments that live, and bytes in use.
    #[must_use]
    pub fn stats(&self) -> (usize, usize) {
        (self.slots.taken(), self.lua.used_memory())
    }

    /// A place for calls that may see what each other keeps, and for nobody else's.
    ///
    /// # Errors
    /// [`Fault::VmFull`].
    pub fn environment(&self) -> Result<Environment, Fault> {
        let index = self.slots.take(self.environments_max()).ok_or(Fault::VmFull)?;
        Ok(Environment::new(Slot { index, slots: Arc::clone(&self.slots) }))
    }

    /// Begins a call of `entry` with a budget of `steps`.
    pub fn begin(&self, environment: &Environment, entry: &Entry, arguments: impl IntoScript, steps: u32) -> Step {
        if environment.has_ended() {
            return Step::Failed(Failure::Memory);
        }
        match self.thread(environment) {
            Ok(thread) => self.run(environment, Call { thread, steps }, |lua| {
                let mut all = arguments.into_lua_multi(lua)?;
                all.push_front(mlua::Value::Function(entry.0.clone()));
                Ok(all)
            }),
            Err(error) => Step::Failed(Failure::of(&error, &self.meter)),
        }
    }

    /// Goes on with a call that waited: the prelude's `suspend()` returns `arguments`.
    pub fn resume(&self, environment: &Environment, call: Call, arguments: impl IntoScript) -> Step {
        if environment.has_ended() {
            return Step::Failed(Failure::Memory);
        }
        self.run(environment, call, |lua| arguments.into_lua_multi(lua))
    }

    /// Steps that the last slice left of its call's budget.
    #[must_use]
    pub fn steps_left(&self) -> u32 {
        self.meter.left()
    }

    /// Runs `change` on the caller's state.
    ///
    /// # Panics
    /// When `H` is not the type that the VM was made with, or from within a host function.
    pub fn with_host<H: Host, T>(&self, change: impl FnOnce(&mut H) -> T) -> T {
        change(&mut self.lua.app_data_mut::<H>().expect("the type that the VM was made with"))
    }

    fn thread(&self, environment: &Environment) -> mlua::Result<mlua::Thread> {
        if let Some(thread) = environment.idle_thread() {
            thread.reset(self.guarded.clone())?;
            return Ok(thread);
        }
        self.lua.set_memory_category(slots::name(environment.slot.index))?;
        let made = self.lua.create_thread(self.guarded.clone());
        self.lua.set_memory_category("main")?;
        made
    }

    fn run(&self, environment: &Environment, call: Call, arguments: impl FnOnce(&Lua) -> mlua::Result<mlua::MultiValue>) -> Step {
        let Call { thread, steps } = call;
        let result = self.limited(|| {
            let arguments = arguments(&self.lua)?;
            self.meter.start(steps);
            thread.resume::<mlua::MultiValue>(arguments)
        });
        let waits = thread.status() == ThreadStatus::Resumable;
        let step = match (result, self.meter.spent()) {
            (Ok(_), None) if waits => return Step::Waits(Call { steps: self.meter.left(), thread }),
            (Ok(values), None) => Step::of(Results::new(values)),
            (Ok(_), Some(_)) => Step::Failed(Failure::of(&mlua::Error::RuntimeError(String::new()), &self.meter)),
            (Err(error), _) => Step::Failed(Failure::of(&error, &self.meter)),
        };
        environment.keep_thread(thread);
        if self.lua.used_memory() > self.audit_bytes.load(Ordering::Relaxed) {
            self.audit(environment);
        }
        step
    }

    fn limited<T>(&self, call: impl FnOnce() -> mlua::Result<T>) -> mlua::Result<T> {
        self.lua.set_memory_limit(self.lua.used_memory() + self.limits.call_bytes_max)?;
        let result = call();
        self.lua.set_memory_limit(0)?;
        result
    }

    /// Ends each environment that keeps more than it may. Stops the thread for as long as a full collection takes, and with more than one
    /// environment for a look at the heap, as [`crate::Vm`] does.
    fn audit(&self, running: &Environment) {
        // Fails only when a finaliser does, and scripts have none.
        self.lua.gc_collect().ok();
        let live = self.lua.used_memory();
        if live > self.audit_bytes.load(Ordering::Relaxed) {
            if self.environments_max() == 1 {
                // Whose memory it is needs no look, which takes long.
                if live > self.limits.room_bytes_max {
                    self.slots.end(running.slot.index);
                }
            } else {
                self.end_the_large(running);
            }
        }
        self.audit_bytes.fetch_max(live.saturating_add(self.limits.vm_bytes_max / 4), Ordering::Relaxed);
    }

    /// `running` is ended when it cannot be found out.
    fn end_the_large(&self, running: &Environment) {
        let limit = u64::try_from(self.limits.room_bytes_max).unwrap_or(u64::MAX);
        match self.lua.heap_dump() {
            Ok(dump) => {
                let sizes = dump.size_by_category();
                let over = |index: &u8| sizes.get(slots::name(*index)).is_some_and(|bytes| *bytes > limit);
                (0..slots::SLOTS as u8).filter(over).for_each(|index| self.slots.end(index));
            }
            Err(_) => self.slots.end(running.slot.index),
        }
    }
}

/// `instantiate(name, environment)`: the main function of a program, with its own globals; nothing when there is no such program.
fn instantiate(lua: &Lua, programs: Arc<Vec<Program>>) -> mlua::Result<mlua::Function> {
    let mains: mlua::Table = lua.create_table()?;
    lua.create_function(move |lua, (name, environment): (mlua::LuaString, mlua::Table)| {
        let main = match mains.raw_get::<Option<mlua::Function>>(&name)? {
            Some(main) => main,
            None => {
                let Some(program) = programs.iter().find(|program| program.name().as_bytes() == &*name.as_bytes()) else {
                    return Ok(None);
                };
                let chunk = lua.load(&*program.bytecode).set_name(format!("={}", program.file()));
                // The engine would look globals up once and for all when it loads. It does not while they may change: a global is always the one of
                // the environment that runs.
                lua.globals().set_safeenv(false);
                let loaded = chunk.set_mode(mlua::chunk::ChunkMode::Binary).into_function();
                lua.globals().set_safeenv(true);
                let main = loaded?;
                mains.raw_set(&name, &main)?;
                main
            }
        };
        let own = main.deep_clone()?;
        // The libraries behind the environment are read-only, which is what the engine's fast paths need to hold.
        environment.set_safeenv(true);
        own.set_environment(environment)?;
        Ok(Some(own))
    })
}
