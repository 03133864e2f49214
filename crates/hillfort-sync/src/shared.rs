//! Changes that were encoded for somebody in this pass, for others who know the same. Owns where they are kept, and which are worth encoding
//! before somebody asks; knows nothing of how a change is encoded.

use crate::column::{VIEWS, View};

/// Changes are kept for others when they reach back so many ticks at most.
const AGES: usize = 8;
const KEYS: usize = VIEWS * AGES;
/// Where three quarters of the entities are asked for, changes are encoded before the first asks, for so many passes; then it is looked again.
const AHEAD_PASSES: u8 = 16;
/// Rooms with fewer rows neither do so nor count: it would cost a duel more than its players.
const ROWS_MIN: usize = 256;

/// One thread's memory for them; serves any number of rooms, one after the other.
#[derive(Debug)]
pub(crate) struct SharedChanges {
    /// By view and age, then by row; empty until one is needed.
    kept: Vec<Vec<Shared>>,
    uses: [Use; KEYS],
    /// Differs for each pass, so that nothing has to be cleared.
    pass: u32,
    /// Rows of this pass's room.
    rows: usize,
}

/// A view and an age.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key(usize);

/// A change as it was encoded for somebody in this pass.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shared {
    bits: u64,
    pass: u32,
    len: u32,
}

/// How changes of one view and age are used.
#[derive(Debug, Clone, Copy, Default)]
struct Use {
    /// So many had to be encoded when somebody asked.
    encoded: u32,
    /// In so many passes more they are encoded before.
    ahead: u8,
}

impl Default for SharedChanges {
    fn default() -> Self {
        let kept = std::iter::repeat_with(Vec::new).take(KEYS).collect();
        Self { kept, uses: [Use::default(); KEYS], pass: 0, rows: 0 }
    }
}

impl SharedChanges {
    /// Another pass begins, over a room with so many rows: what is kept is nobody's any more.
    pub(crate) fn begin(&mut self, rows: usize) {
        self.rows = rows;
        self.pass = self.pass.wrapping_add(1);
        if self.pass == 0 {
            self.kept.iter_mut().for_each(Vec::clear);
            self.pass = 1;
        }
    }

    /// The keys whose changes are to be encoded before somebody asks.
    pub(crate) fn ahead(&mut self) -> impl Iterator<Item = Key> + use<> {
        let mut wanted = [false; KEYS];
        if self.rows >= ROWS_MIN {
            for (wanted, Use { encoded, ahead }) in wanted.iter_mut().zip(&mut self.uses) {
                if std::mem::take(encoded) as usize >= self.rows / 4 * 3 {
                    *ahead = AHEAD_PASSES;
                }
                *wanted = *ahead > 0;
                *ahead = ahead.saturating_sub(1);
            }
        }
        (0..KEYS).filter(move |&key| wanted[key]).map(Key)
    }

    /// What was kept for a row.
    #[inline]
    pub(crate) fn get(&self, key: Key, row: u32) -> Shared {
        self.kept.get(key.0).and_then(|kept| kept.get(row as usize)).copied().unwrap_or_default()
    }

    /// The bits of what was looked up, and how many. `None`: nobody has encoded it in this pass.
    #[inline]
    pub(crate) const fn found(&self, shared: Shared) -> Option<(u64, u32)> {
        if shared.pass == self.pass { Some((shared.bits, shared.len)) } else { None }
    }

    /// Somebody asked for this, so that it had to be encoded: kept for the others.
    pub(crate) fn keep(&mut self, key: Key, row: u32, (bits, len): (u64, u32)) {
        if self.rows >= ROWS_MIN {
            self.uses[key.0].encoded += 1;
        }
        let kept = &mut self.kept[key.0];
        if kept.len() < self.rows {
            kept.resize(self.rows, Shared::default());
        }
        kept[row as usize] = Shared { bits, pass: self.pass, len };
    }

    /// Keeps what `made` encodes, row after row: that is quicker than in the order of the asking.
    pub(crate) fn keep_all(&mut self, key: Key, made: impl Fn(u32) -> Option<(u64, u32)>) {
        let kept = &mut self.kept[key.0];
        kept.resize(self.rows, Shared::default());
        for (row, place) in kept.iter_mut().enumerate() {
            if let Some((bits, len)) = made(row as u32) {
                *place = Shared { bits, pass: self.pass, len };
            }
        }
    }

    /// The pass has this number.
    #[cfg(test)]
    pub(crate) const fn set_pass(&mut self, pass: u32) {
        self.pass = pass;
    }

    /// How many keys are encoded ahead.
    #[cfg(test)]
    pub(crate) fn ahead_count(&self) -> usize {
        if self.rows < ROWS_MIN { 0 } else { self.uses.iter().filter(|used| used.ahead > 0).count() }
    }
}

impl Key {
    /// Changes for `view` that reach back over so many ticks. `None`: so old ones are not kept.
    #[inline]
    pub(crate) fn new(view: View, age: usize) -> Option<Self> {
        (age < AGES).then(|| Self(view.index().wrapping_mul(AGES).wrapping_add(age)))
    }

    /// What it is made of.
    pub(crate) fn parts(self) -> (Option<View>, u32) {
        (View::from_number((self.0 / AGES) as u32), (self.0 % AGES) as u32)
    }
}
