//! A place for calls in a VM, and a call that waits. Owns the threads that finished calls leave for the next ones.

use std::sync::{Mutex, PoisonError};

use crate::instance::Slot;

/// Finished threads that are kept for the next calls: more calls than these at a time make threads of their own.
const THREADS_KEPT_MAX: usize = 16;

/// A place for calls. Ends when dropped: the collector takes its memory in passing.
#[derive(Debug)]
pub struct Environment {
    pub(super) slot: Slot,
    threads: Mutex<Vec<mlua::Thread>>,
}

/// A call that waits for its answer. Dropped, it goes on no more.
#[derive(Debug)]
pub struct Call {
    pub(super) thread: mlua::Thread,
    /// What is left of its budget.
    pub(super) steps: u32,
}

impl Environment {
    pub(super) fn new(slot: Slot) -> Self {
        Self { slot, threads: Mutex::default() }
    }

    /// Whether it kept more memory than it may: every call into it fails.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.slot.slots.has_ended(self.slot.index)
    }

    pub(super) fn idle_thread(&self) -> Option<mlua::Thread> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    pub(super) fn keep_thread(&self, thread: mlua::Thread) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads.len() < THREADS_KEPT_MAX {
            threads.push(thread);
        }
    }
}
