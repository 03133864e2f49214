//! Memory that the recorders of one thread's rooms share. Knows nothing of what they write.

use std::cell::Cell;

/// Bytes that are left, of so many.
#[derive(Debug)]
pub struct RecordBudget {
    bytes: usize,
    left: Cell<usize>,
}

impl Default for RecordBudget {
    /// 64 MiB.
    fn default() -> Self {
        Self::new(64 * 1024 * 1024)
    }
}

impl RecordBudget {
    /// `bytes` for all rooms of a thread together.
    #[must_use]
    pub const fn new(bytes: usize) -> Self {
        Self { bytes, left: Cell::new(bytes) }
    }

    /// Bytes that are taken.
    #[must_use]
    pub const fn taken(&self) -> usize {
        self.bytes - self.left.get()
    }

    pub(super) fn take(&self, bytes: usize) -> bool {
        let left = self.left.get().checked_sub(bytes);
        self.left.set(left.unwrap_or_else(|| self.left.get()));
        left.is_some()
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.left.set(self.left.get() + bytes);
    }

    /// Whether three quarters are taken.
    pub(super) const fn is_scarce(&self) -> bool {
        self.left.get() < self.bytes / 4
    }
}
