//! Counting without memory of who was seen: arrays of fixed size, from which the keys that were seen most can still be named. Owns
//! the shape of the cells and how they are read; the program does the counting, `count` the same in Rust, for tests.
//!
//! MV-Sketch (L. Tang, Q. Huang, P. Lee: "MV-Sketch: A Fast and Compact Invertible Sketch for Heavy Flow Detection in Network Data
//! Streams", INFOCOM 2019): a cell has a total, a candidate and its votes, after the majority vote of Boyer and Moore (1981). Another
//! key takes votes away, or the candidate's place when there are not enough left. A key is at most `(total + votes) / 2` where it is the
//! candidate and `(total - votes) / 2` where it is not; the least over the rows counts.
//!
//! In flood mode one of [`SAMPLE`] SYNs is counted, as that many: cells that are in no cache cost more than all the rest.
//!
//! A cell is two words: the candidate, and total (low half) and votes (high half). Each sketch has two halves, one of the epoch that
//! runs and one of the last. CPUs share the cells without locks, so counts are a little low when several write to one cell.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Most keys that are named.
pub const TOP_MAX: usize = 32;

/// Of so many SYNs one is counted in flood mode, chosen at random. A power of two.
pub(crate) const SAMPLE: i32 = 16;

/// Shape of a sketch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Rows, each with a hash of its own: 1 or 2.
    pub(crate) rows: usize,
    /// Cells of a row, as a power of two.
    pub(crate) bits: u32,
}

/// Of sources, and of networks: a flood from a million addresses leaves 61 of them in each cell, so whoever sends more can be named.
pub(crate) const SOURCES: Shape = Shape { rows: 2, bits: 14 };
/// Of SYN signatures. Each CPU has its own, since all packets of a flood fall on one cell.
pub(crate) const SIGNATURES: Shape = Shape { rows: 1, bits: 9 };

/// Bytes of a cell, as a power of two.
pub(crate) const CELL_SHIFT: i32 = 4;

impl Shape {
    /// Cells of one half.
    pub(crate) const fn cells(self) -> usize {
        self.rows << self.bits
    }

    /// Bytes of one half.
    pub(crate) const fn bytes(self) -> usize {
        self.cells() << CELL_SHIFT
    }

    /// Where in row `row` a hash falls.
    pub(crate) const fn place(self, hash: u64, row: usize) -> usize {
        let index = hash >> (64 - self.bits as usize * (row + 1)) & ((1 << self.bits) - 1);
        (row << self.bits) + index as usize
    }
}

/// Hash of a key: two rounds of multiply and fold (multiply-shift, M. Dietzfelbinger et al. 1997), with a secret so that nobody can
/// aim at a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Secret {
    /// Mixed into the key.
    pub(crate) xor: u64,
    /// Odd.
    pub(crate) multiplier: u64,
}

impl Secret {
    /// Both halves out of one random number.
    pub(crate) fn new(seed: u64) -> Self {
        // The finaliser of SplitMix64 makes them unlike each other.
        let mix = |x: u64| {
            let x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            x ^ x >> 31
        };
        Self { xor: mix(seed), multiplier: mix(seed ^ 0x9E37_79B9_7F4A_7C15) | 1 }
    }

    pub(crate) const fn hash(self, key: u64) -> u64 {
        let once = (key ^ self.xor).wrapping_mul(self.multiplier);
        (once ^ once >> 32).wrapping_mul(self.multiplier)
    }
}

/// A key that was seen often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heavy {
    /// The key.
    pub key: u64,
    /// How often, at most.
    pub count: u64,
}

/// The keys of one half of a sketch that were seen most, most first, at most [`TOP_MAX`]. With several copies (one for each CPU) they
/// are added up.
pub(crate) fn top(shape: Shape, secret: Secret, copies: &[&[AtomicU64]]) -> Vec<Heavy> {
    let mut keys: Vec<u64> = Vec::new();
    for copy in copies {
        keys.extend(copy.chunks_exact(2).filter(|cell| cell[1].load(Relaxed) != 0).map(|cell| cell[0].load(Relaxed)));
    }
    keys.sort_unstable();
    keys.dedup();
    let count = |key: u64| copies.iter().map(|copy| estimate(shape, secret, copy, key)).sum();
    let mut heavy: Vec<Heavy> = keys.into_iter().map(|key| Heavy { key, count: count(key) }).collect();
    heavy.sort_unstable_by_key(|heavy| (std::cmp::Reverse(heavy.count), heavy.key));
    heavy.truncate(TOP_MAX);
    heavy
}

fn estimate(shape: Shape, secret: Secret, cells: &[AtomicU64], key: u64) -> u64 {
    let hash = secret.hash(key);
    let in_row = |row| {
        let at = shape.place(hash, row) * 2;
        let counts = cells[at + 1].load(Relaxed);
        let (total, votes) = (counts & 0xFFFF_FFFF, counts >> 32);
        if cells[at].load(Relaxed) == key { total.midpoint(votes) } else { total.saturating_sub(votes) / 2 }
    };
    (0..shape.rows).map(in_row).min().unwrap_or(0)
}

/// Counts `key` as the program does.
#[cfg(test)]
pub(crate) fn count(shape: Shape, secret: Secret, cells: &[AtomicU64], key: u64) {
    let hash = secret.hash(key);
    for row in 0..shape.rows {
        let at = shape.place(hash, row) * 2;
        let counts = cells[at + 1].load(Relaxed);
        let (total, votes) = ((counts as u32).wrapping_add(1), (counts >> 32) as u32);
        let votes = match votes {
            votes if cells[at].load(Relaxed) == key => votes.wrapping_add(1),
            0 => {
                cells[at].store(key, Relaxed);
                1
            }
            votes => votes - 1,
        };
        cells[at + 1].store(u64::from(votes) << 32 | u64::from(total), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{SOURCES, Secret, Shape, count, top};
    use std::sync::atomic::AtomicU64;

    fn cells(shape: Shape) -> Vec<AtomicU64> {
        (0..shape.cells() * 2).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn heavy_ones_are_named_under_a_million_others() {
        let (secret, cells) = (Secret::new(7), cells(SOURCES));
        for number in 0..1_000_000_u64 {
            count(SOURCES, secret, &cells, number << 20 | 0xFFFFF);
            if number % 1000 == 0 {
                (1..=3).for_each(|heavy| (0..heavy).for_each(|_| count(SOURCES, secret, &cells, heavy)));
            }
        }
        let named = top(SOURCES, secret, &[&cells]);
        let keys: Vec<u64> = named.iter().take(3).map(|heavy| heavy.key).collect();
        assert_eq!(keys, [3, 2, 1]);
        for (heavy, truth) in named.iter().zip([3000, 2000, 1000]) {
            assert!((truth..truth + 100).contains(&heavy.count), "{heavy:?} instead of {truth}");
        }
    }

    #[test]
    fn copies_add_up_and_nothing_is_nothing() {
        let secret = Secret::new(1);
        let shape = Shape { rows: 1, bits: 4 };
        let (a, b) = (cells(shape), cells(shape));
        assert!(top(shape, secret, &[&a, &b]).is_empty());
        (0..3).for_each(|_| count(shape, secret, &a, 5));
        (0..4).for_each(|_| count(shape, secret, &b, 5));
        assert_eq!(top(shape, secret, &[&a, &b]).first().map(|heavy| (heavy.key, heavy.count)), Some((5, 7)));
    }
}
