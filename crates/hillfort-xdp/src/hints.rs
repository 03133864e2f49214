//! Whom the table of bans need not be asked about: a bit for each hash of a key, in memory that the program reads and user space writes. A
//! source whose bit is not set is not banned. In a flood nearly all sources are strangers, and looking each up in a table of megabytes is a
//! miss of the cache; these bits stay in it. A Bloom filter (B. H. Bloom, 1970) with one hash. Knows nothing of when bans end.

use std::sync::atomic::Ordering::Relaxed;

use hillfort_bpf::{Map, Mapping, Result};

use crate::sketch::Secret;

/// Bits, as a power of two. Two for each ban that there may be: 16 KiB, half of a core's first cache.
pub(crate) const HINT_BITS: u32 = 17;
/// Bytes of all bits.
pub(crate) const HINT_BYTES: usize = 1 << (HINT_BITS - 3);

/// User space's side of the bits.
#[derive(Debug)]
pub(crate) struct Hints {
    words: Mapping,
    secret: Secret,
}

impl Hints {
    pub(crate) fn of(map: &Map, secret: Secret) -> Result<Self> {
        Ok(Self { words: Mapping::new(map)?, secret })
    }

    /// From now on the table is asked about `key`. Before it has the ban, or the ban holds late.
    pub(crate) fn set(&self, key: u64) {
        let (word, bit) = place(self.secret, key);
        self.words.cells()[word].fetch_or(bit, Relaxed);
    }

    /// The bits of these keys and no others. At no moment is the bit of one of them not set that was before.
    pub(crate) fn replace(&self, keys: impl Iterator<Item = u64>) {
        let mut words = vec![0; HINT_BYTES / 8];
        for key in keys {
            let (word, bit) = place(self.secret, key);
            words[word] |= bit;
        }
        for (cell, word) in self.words.cells().iter().zip(words) {
            cell.store(word, Relaxed);
        }
    }

    /// Bits that are set.
    #[cfg(test)]
    pub(crate) fn count(&self) -> u32 {
        self.words.cells().iter().map(|cell| cell.load(Relaxed).count_ones()).sum()
    }
}

/// Word and bit of a key.
const fn place(secret: Secret, key: u64) -> (usize, u64) {
    let index = secret.hash(key) >> (64 - HINT_BITS);
    ((index >> 6) as usize, 1 << (index & 63))
}
