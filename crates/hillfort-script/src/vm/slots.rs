//! Places in a VM's memory accounts. Owns who has which and who has ended; the engine keeps the sums.

use std::sync::atomic::{AtomicU8, Ordering};

/// One less than the engine's categories: the first is the VM's own.
pub(crate) const SLOTS: usize = 254;

const FREE: u8 = 0;
const TAKEN: u8 = 1;
const ENDED: u8 = 2;

/// Which slots are taken, and whose instance has ended.
#[derive(Debug)]
pub(crate) struct Slots([AtomicU8; SLOTS]);

impl Default for Slots {
    fn default() -> Self {
        Self([const { AtomicU8::new(FREE) }; SLOTS])
    }
}

impl Slots {
    /// A free slot among the first `max`.
    pub(crate) fn take(&self, max: usize) -> Option<u8> {
        let index = self.0.iter().take(max).position(|slot| slot.load(Ordering::Relaxed) == FREE)?;
        self.0[index].store(TAKEN, Ordering::Relaxed);
        u8::try_from(index).ok()
    }

    /// Marks the instance as ended.
    pub(crate) fn end(&self, index: u8) {
        // One that is free stays free.
        self.0[usize::from(index)].compare_exchange(TAKEN, ENDED, Ordering::Relaxed, Ordering::Relaxed).ok();
    }

    pub(crate) fn has_ended(&self, index: u8) -> bool {
        self.0[usize::from(index)].load(Ordering::Relaxed) == ENDED
    }

    pub(crate) fn taken(&self) -> usize {
        self.0.iter().filter(|slot| slot.load(Ordering::Relaxed) != FREE).count()
    }

    pub(crate) fn release(&self, index: u8) {
        self.0[usize::from(index)].store(FREE, Ordering::Relaxed);
    }
}

/// The engine's name for a slot's account: its number in hexadecimal.
pub(crate) fn name(index: u8) -> &'static str {
    std::str::from_utf8(&NAMES[usize::from(index)]).expect("hexadecimal digits")
}

const NAMES: [[u8; 2]; SLOTS] = {
    let digits = b"0123456789abcdef";
    let mut names = [[0; 2]; SLOTS];
    let mut index = 0;
    while index < SLOTS {
        names[index] = [digits[index / 16], digits[index % 16]];
        index += 1;
    }
    names
};
