//! Proofs that were used already, remembered as long as they would be taken. Bounded: when it is full of what still matters, a new proof
//! is refused rather than an old one forgotten.

use std::collections::{HashSet, VecDeque};
use std::sync::Mutex;

/// What is remembered of a proof: a hash of it.
pub(crate) type Mark = [u8; 32];

#[derive(Debug)]
pub(crate) struct Used {
    inner: Mutex<Inner>,
    most: usize,
}

#[derive(Debug, Default)]
struct Inner {
    marks: HashSet<Mark>,
    /// In the order in which they were used, with the time at which they may be forgotten.
    order: VecDeque<(i64, Mark)>,
}

/// Why a proof is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    Before,
    Full,
}

impl Used {
    pub(crate) fn new(most: usize) -> Self {
        Self { inner: Mutex::default(), most }
    }

    /// Notes that a proof is used, for `keep_ms`, the same for each of them.
    pub(crate) fn take(&self, mark: Mark, keep_ms: i64, now_ms: i64) -> Result<(), NotTaken> {
        let mut inner = self.inner.lock().expect("no holder panics");
        while let Some((_, old)) = inner.order.pop_front_if(|(until_ms, _)| *until_ms < now_ms) {
            inner.marks.remove(&old);
        }
        if inner.marks.contains(&mark) {
            return Err(NotTaken::Before);
        }
        if inner.marks.len() >= self.most {
            return Err(NotTaken::Full);
        }
        inner.marks.insert(mark);
        inner.order.push_back((now_ms + keep_ms, mark));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{NotTaken, Used};

    #[test]
    fn a_proof_is_used_once_while_it_is_good() {
        let used = Used::new(2);
        assert_eq!(used.take([1; 32], 100, 0), Ok(()));
        assert_eq!(used.take([1; 32], 100, 100), Err(NotTaken::Before));
        assert_eq!(used.take([2; 32], 100, 50), Ok(()));
        assert_eq!(used.take([3; 32], 100, 60), Err(NotTaken::Full));
        assert_eq!(used.take([3; 32], 100, 101), Ok(()));
        assert_eq!(used.take([2; 32], 100, 150), Err(NotTaken::Before));
        assert_eq!(used.take([1; 32], 100, 151), Ok(()), "its time is over, and so is that of the one that made room");
    }
}
