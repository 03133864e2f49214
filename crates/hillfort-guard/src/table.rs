//! Buckets of all sources in a table of fixed size. Knows nothing of addresses or of what an event is.
//!
//! A line of 64 bytes holds eight entries of 8 bytes: a keyed tag of 32 bits and a [`Cell`]. At half fill that is 16 bytes a
//! source. In a full line the source that owes least gives way; when it owes nothing, nothing is lost. Two sources share a bucket
//! by chance once in 2^29 pairs of line and tag, which costs them a share of a burst.

use crate::bucket::{Cell, Rate};
use crate::lines::{LINE_WORDS, Lines};

/// Sources that are remembered at most: 16 MiB of address space, of which only touched pages become memory.
pub const SOURCES_MAX: usize = 1 << 21;

#[derive(Debug)]
pub(crate) struct Table {
    lines: Lines,
    used: usize,
    evicted: u64,
}

impl Table {
    pub(crate) fn new(sources_max: usize) -> Self {
        Self { lines: Lines::new(sources_max), used: 0, evicted: 0 }
    }

    /// Entries in use. Falls never: an entry is only replaced.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Sources forgotten while they owed something: the table is too small for the flood, the global bucket has to hold it.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Charges one event to the source with this keyed hash. `false`: its bucket is empty, nothing was charged.
    pub(crate) fn charge(&mut self, hash: u64, now: u32, rate: &Rate) -> bool {
        let tag = ((hash >> 32) as u32).max(1);
        let line = self.lines.line_mut(hash);
        // Looks at all eight without a branch: which one it is cannot be predicted.
        let own = (0..LINE_WORDS).rev().fold(LINE_WORDS, |own, at| if unpack(line[at]).0 == tag { at } else { own });
        if let Some(word) = line.get_mut(own) {
            let Some(cell) = unpack(*word).1.after(now, rate, 1) else { return false };
            *word = pack(tag, cell);
            return true;
        }
        let (victim, debt_min) = match line.iter().position(|&word| word == 0) {
            Some(empty) => {
                self.used += 1;
                (empty, 0)
            }
            None => {
                let debts = line.iter().map(|&word| unpack(word).1.debt(now, rate));
                debts.enumerate().min_by_key(|(_, debt)| *debt).expect("eight words")
            }
        };
        self.evicted += u64::from(debt_min > 0);
        let cell = Cell::full(now).after(now, rate, 1).expect("a burst is at least one event");
        line[victim] = pack(tag, cell);
        true
    }
}

const fn pack(tag: u32, cell: Cell) -> u64 {
    (tag as u64) << 32 | cell.0 as u64
}

const fn unpack(word: u64) -> (u32, Cell) {
    ((word >> 32) as u32, Cell(word as u32))
}

#[cfg(test)]
mod tests;
