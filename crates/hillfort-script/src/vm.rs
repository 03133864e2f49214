//! One engine for all instances of one program on one thread. Owns the sandbox, the budgets of each call and the accounts of memory.
//! Knows nothing of what the host functions do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlua::thread::ThreadStatus;
use mlua::{Lua, LuaOptions, StdLib, VmState};

use crate::convert::{FromScript, IntoScript, Object, Payload};
use crate::fault::Fault;
use crate::instance::{Entry, Instance, Slot};
use crate::library::{Host, HostError, Library};
use crate::meter::{Limits, Meter};
use crate::program::Program;
use crate::tree::{self, Tree};

pub(crate) mod math;
pub(crate) mod sandbox;
pub(crate) mod slots;

pub(crate) use slots::Slots;

/// An engine with one program's code. A clone is another handle to the same engine.
#[derive(Debug, Clone)]
pub struct Vm {
    lua: Lua,
    main: mlua::Function,
    /// Gives an instance's globals the libraries to read from.
    environment: mlua::Table,
    /// Gives an instance's object its methods.
    class: mlua::Table,
    meter: Arc<Meter>,
    slots: Arc<Slots>,
    /// Memory in use at which to look for leaks.
    audit_bytes: Arc<AtomicUsize>,
    limits: Limits,
}

/// What a VM holds and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Instances that live.
    pub instances: usize,
    /// Bytes in use, with what the collector has not taken yet.
    pub used_bytes: usize,
    /// Steps that the last call used.
    pub steps_last: u32,
}

impl Vm {
    /// An engine for `program`, with the functions that `library` adds.
    ///
    /// # Errors
    /// [`Fault::Script`] when the library cannot be built.
    pub fn new<H: Host>(
        program: &Program,
        limits: Limits,
        host: H,
        library: impl FnOnce(&Library<'_, H>) -> Result<(), HostError>,
    ) -> Result<Self, Fault> {
        let meter = Arc::new(Meter::new(&limits));
        Self::build(program, limits, host, library, Arc::clone(&meter)).map_err(|error| Fault::of(&error, &meter))
    }

    fn build<H: Host>(
        program: &Program,
        limits: Limits,
        host: H,
        library: impl FnOnce(&Library<'_, H>) -> Result<(), HostError>,
        meter: Arc<Meter>,
    ) -> mlua::Result<Self> {
        let kept = StdLib::COROUTINE | StdLib::TABLE | StdLib::STRING | StdLib::UTF8 | StdLib::BIT | StdLib::MATH;
        let lua = Lua::new_with(kept | StdLib::BUFFER | StdLib::VECTOR, LuaOptions::default())?;
        lua.set_app_data(host);
        let globals = lua.globals();
        let methods = lua.create_table()?;
        sandbox::restrict::<H>(&lua, &globals)?;
        library(&Library::new(&lua, &globals, &methods)).map_err(mlua::Error::external)?;
        let class = sandbox::locked(&lua, &methods)?;
        let environment = sandbox::locked(&lua, &globals)?;
        lua.sandbox(true)?;

        let steps = Arc::clone(&meter);
        lua.set_interrupt(move |_| {
            if steps.step() { Ok(VmState::Continue) } else { Err(mlua::Error::RuntimeError("budget exceeded".to_owned())) }
        });
        let main = lua
            .load(&*program.bytecode)
            .set_name(format!("={}", program.name))
            .set_mode(mlua::chunk::ChunkMode::Binary)
            .into_function()?;
        lua.gc_collect()?;
        let audit_bytes = Arc::new(AtomicUsize::new(lua.used_memory() + limits.vm_bytes_max / 2));
        Ok(Self { lua, main, environment, class, meter, slots: Arc::new(Slots::default()), audit_bytes, limits })
    }

    /// Instances that the VM takes; the next one needs another VM. At most 254, which is what the engine's accounts can tell apart.
    #[must_use]
    pub fn instances_max(&self) -> usize {
        (self.limits.vm_bytes_max / self.limits.room_bytes_max.max(1)).clamp(1, slots::SLOTS)
    }

    /// New globals, with the program's top level run in them.
    ///
    /// # Errors
    /// [`Fault::VmFull`], or whatever the top level did wrong.
    pub fn instance(&self) -> Result<Instance, Fault> {
        let slot = Slot { index: self.slots.take(self.instances_max()).ok_or(Fault::VmFull)?, slots: Arc::clone(&self.slots) };
        let made = self.in_account(&slot, |lua| {
            let globals = lua.create_table()?;
            globals.set_metatable(Some(self.environment.clone()))?;
            // The libraries behind it are read-only, which is what the fast paths need to hold.
            globals.set_safeenv(true);
            let object = lua.create_table()?;
            object.set_metatable(Some(self.class.clone()))?;
            let main = self.main.deep_clone()?;
            main.set_environment(globals.clone())?;
            let thread = lua.create_thread(main.clone())?;
            Ok((globals, object, main, thread))
        });
        let (globals, object, main, thread) = made.map_err(|error| Fault::of(&error, &self.meter))?;
        let instance = Instance { globals, thread, object: Object(object), slot };
        self.run::<()>(&instance, &Entry(main), (), self.limits.load_steps_max)?;
        Ok(instance)
    }

    /// Calls `entry` of `instance` within the budgets.
    ///
    /// # Errors
    /// The instance has ended with this fault: every later call fails too.
    pub fn call<R: FromScript>(&self, instance: &Instance, entry: &Entry, arguments: impl IntoScript) -> Result<R, Fault> {
        self.run(instance, entry, arguments, self.limits.steps_max)
    }

    /// Runs `change` on the caller's state.
    ///
    /// # Panics
    /// When `H` is not the type that the VM was made with, or from within a host function.
    pub fn with_host<H: Host, T>(&self, change: impl FnOnce(&mut H) -> T) -> T {
        change(&mut self.lua.app_data_mut::<H>().expect("the type that the VM was made with"))
    }

    /// Puts `data` into `inbox` as a buffer, in the memory of the last one when the length is the same. The script must copy
    /// what it keeps.
    ///
    /// # Errors
    /// [`Fault::Memory`].
    pub fn fill(&self, instance: &Instance, inbox: &mut Payload, data: &[u8]) -> Result<(), Fault> {
        match &inbox.0 {
            mlua::Value::Buffer(buffer) if buffer.len() == data.len() => buffer.write_bytes(0, data),
            _ => {
                let buffer = self.in_account(&instance.slot, |lua| lua.create_buffer(data));
                inbox.0 = mlua::Value::Buffer(buffer.map_err(|error| Fault::of(&error, &self.meter))?);
            }
        }
        Ok(())
    }

    /// A string for `instance`.
    ///
    /// # Errors
    /// [`Fault::Memory`].
    pub fn text(&self, instance: &Instance, text: &str) -> Result<Payload, Fault> {
        let text = self.in_account(&instance.slot, |lua| lua.create_string(text));
        Ok(Payload(mlua::Value::String(text.map_err(|error| Fault::of(&error, &self.meter))?)))
    }

    /// The value of `tree` for `instance`.
    ///
    /// # Errors
    /// [`Fault::Memory`].
    pub fn value(&self, instance: &Instance, tree: &Tree<'_>) -> Result<Payload, Fault> {
        let used = self.lua.used_memory();
        let value = self.limited(used, || self.in_account(&instance.slot, |lua| tree::give(lua, tree)));
        Ok(Payload(value.map_err(|error| Fault::of(&error, &self.meter))?))
    }

    /// What it holds and did.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            instances: self.slots.taken(),
            used_bytes: self.lua.used_memory(),
            steps_last: self.limits.steps_max.saturating_sub(self.meter.left()),
        }
    }

    fn run<R: FromScript>(&self, instance: &Instance, entry: &Entry, arguments: impl IntoScript, steps: u32) -> Result<R, Fault> {
        if self.slots.has_ended(instance.slot.index) {
            return Err(Fault::Memory);
        }
        let used = self.lua.used_memory();
        let result = self.limited(used, || {
            instance.thread.reset(entry.0.clone())?;
            self.meter.start(steps);
            instance.thread.resume::<R>(arguments)
        });
        let fault = match (result, self.meter.spent()) {
            (Ok(_), None) if instance.thread.status() == ThreadStatus::Resumable => {
                Fault::Script("yielded outside of its own coroutine".to_owned())
            }
            (Ok(result), None) => {
                if self.lua.used_memory() > self.audit_bytes.load(Ordering::Relaxed) {
                    self.audit(instance);
                    if self.slots.has_ended(instance.slot.index) {
                        return Err(Fault::Memory);
                    }
                }
                return Ok(result);
            }
            // Caught by the script, and still over.
            (Ok(_), Some(_)) => Fault::of(&mlua::Error::RuntimeError(String::new()), &self.meter),
            (Err(error), _) => Fault::of(&error, &self.meter),
        };
        self.slots.end(instance.slot.index);
        if fault == Fault::Memory {
            self.collect();
        }
        Err(fault)
    }

    /// Allocations of `make` go to the account of `slot`.
    fn in_account<T>(&self, slot: &Slot, make: impl FnOnce(&Lua) -> mlua::Result<T>) -> mlua::Result<T> {
        self.lua.set_memory_category(slots::name(slot.index))?;
        let made = make(&self.lua);
        self.lua.set_memory_category("main")?;
        made
    }

    fn limited<T>(&self, used: usize, call: impl FnOnce() -> mlua::Result<T>) -> mlua::Result<T> {
        self.lua.set_memory_limit(used + self.limits.call_bytes_max)?;
        let result = call();
        self.lua.set_memory_limit(0)?;
        result
    }

    /// Ends each instance that keeps more than it may. `running` is ended when that cannot be found out.
    fn audit(&self, running: &Instance) {
        self.collect();
        let live = self.lua.used_memory();
        // Most crossings are uncollected memory of honest rooms: then nobody has to be looked at.
        if live > self.audit_bytes.load(Ordering::Relaxed) {
            match self.lua.heap_dump() {
                Ok(dump) => {
                    let sizes = dump.size_by_category();
                    let limit = u64::try_from(self.limits.room_bytes_max).unwrap_or(u64::MAX);
                    let over = |index: &u8| sizes.get(slots::name(*index)).is_some_and(|bytes| *bytes > limit);
                    (0..slots::SLOTS as u8).filter(over).for_each(|index| self.slots.end(index));
                }
                Err(_) => self.slots.end(running.slot.index),
            }
        }
        let next = live.saturating_add(self.limits.vm_bytes_max / 4);
        self.audit_bytes.fetch_max(next, Ordering::Relaxed);
    }

    fn collect(&self) {
        // Fails only when a finaliser does, and scripts have none.
        self.lua.gc_collect().ok();
    }
}
