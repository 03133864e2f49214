//! One room's globals and the thread that its code runs in. Owns their life; budgets are the VM's.

use std::sync::Arc;

use crate::convert::Object;
use crate::vm::Slots;

/// One room's sandboxed globals. Ends when dropped: the collector takes its memory in passing.
#[derive(Debug)]
pub struct Instance {
    pub(crate) globals: mlua::Table,
    pub(crate) thread: mlua::Thread,
    pub(crate) object: Object,
    pub(crate) slot: Slot,
}

/// A global function of an instance.
#[derive(Debug)]
pub struct Entry(pub(crate) mlua::Function);

/// The instance's place in the VM's accounts, given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) index: u8,
    pub(crate) slots: Arc<Slots>,
}

impl Instance {
    /// The global function `name`, if the script defined one.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<Entry> {
        self.globals.raw_get::<Option<mlua::Function>>(name).ok().flatten().map(Entry)
    }

    /// The instance's object: a table with the library's methods, and whatever fields the caller sets.
    #[must_use]
    pub fn object(&self) -> &Object {
        &self.object
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.release(self.index);
    }
}
