//! Limits by account and by address: buckets in a table of fixed size, so that a flood of new names costs memory that was planned for.
//! Owns the table; knows nothing of what is limited, and `now` is an argument.
//!
//! A bucket is one number, the time at which it is full again (the generic cell rate algorithm), so forgetting a full bucket costs
//! nothing. When a new key finds no free place, the bucket of its set that is nearest to full goes: whoever is limited longest stays.
//!
//! The time that a table counts never goes back. A clock that is set back is followed from where it was, so that nobody waits until it has caught up.

use std::hash::{Hash, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use siphasher::sip::SipHasher13;

pub use hillfort_api::source;

/// Locks of a table.
const SHARDS: usize = 64;
/// Places in a set: where a key may be.
const WAYS: usize = 8;
/// Sets in a page, 4 KiB: what a first key takes.
const PAGE_SETS: usize = 32;

/// A time that is earlier than one before by up to so many milliseconds was read earlier, or the clock was put right: the time stands still until
/// then. By more, the clock was set back.
const STEP_MS: i64 = 60_000;

/// How many at once, and how long until one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How many at once after a quiet time.
    burst: u32,
    /// Nanoseconds until one more is allowed: whole milliseconds would make 40,000 a minute 60,000.
    every_ns: i64,
}

const NS_A_MS: i64 = 1_000_000;

impl Allowance {
    /// `burst` at once, and one more every `every_ms` milliseconds. Both count as at least 1.
    #[must_use]
    pub const fn new(burst: u32, every_ms: u32) -> Self {
        Self::every(burst, every_ms as i64 * NS_A_MS, NS_A_MS)
    }

    /// `burst` at once, and `per_min` a minute after that. Both count as at least 1.
    #[must_use]
    pub const fn a_minute(burst: u32, per_min: u32) -> Self {
        Self::every(burst, 60_000 * NS_A_MS / if per_min == 0 { 1 } else { per_min as i64 }, 1)
    }

    /// `burst` at once, and `per_h` an hour after that. Both count as at least 1.
    #[must_use]
    pub const fn an_hour(burst: u32, per_h: u32) -> Self {
        Self::every(burst, 3_600_000 * NS_A_MS / if per_h == 0 { 1 } else { per_h as i64 }, 1)
    }

    /// So many times as much, at once and after that.
    #[must_use]
    pub const fn times(self, times: u32) -> Self {
        Self::every(self.burst.saturating_mul(times), self.every_ns / if times == 0 { 1 } else { times as i64 }, 1)
    }

    const fn every(burst: u32, every_ns: i64, least_ns: i64) -> Self {
        let every_ns = if every_ns < least_ns { least_ns } else { every_ns };
        Self { burst: if burst == 0 { 1 } else { burst }, every_ns }
    }

    /// Nanoseconds from empty to full.
    const fn span_ns(self) -> i64 {
        (self.burst as i64).saturating_mul(self.every_ns)
    }
}

/// It is too much, and will not be in so many milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryAgainIn(pub i64);

/// A table of buckets.
#[derive(Debug)]
pub struct Limits {
    /// A part under each lock, in pages: one is made when the first key of one of its sets comes. Left to the system, which gives memory
    /// only to zeros that are written to, it would depend on the allocator whether it does: glibc's wrote all 17 MB at the start.
    shards: Box<[Mutex<Pages>]>,
    /// Sets in a shard.
    each: usize,
    seed: (u64, u64),
    /// By how much the clock was set back in all, and the latest time, milliseconds.
    set_back: AtomicI64,
    latest: AtomicI64,
}

type Pages = Vec<Option<Box<Page>>>;
type Page = [[Bucket; WAYS]; PAGE_SETS];

/// Hash of the key (a keyed one, so that nobody can aim at another's), and when it is full again, in nanoseconds. In the past, the
/// place is free.
type Bucket = (u64, i64);

impl Limits {
    /// A table for `keys` keys (rounded up; at least 512); 16 bytes each, when they are there. `seed` should be random.
    #[must_use]
    pub fn new(keys: usize, seed: (u64, u64)) -> Self {
        let sets = keys.div_ceil(WAYS).next_power_of_two();
        let each = sets.div_ceil(SHARDS);
        let pages = || (0..each.div_ceil(PAGE_SETS)).map(|_| None).collect();
        let shards = (0..SHARDS).map(|_| Mutex::new(pages())).collect();
        Self { shards, each, seed, set_back: AtomicI64::new(0), latest: AtomicI64::new(i64::MIN) }
    }

    /// Takes one from the bucket of `key`.
    ///
    /// # Errors
    /// [`TryAgainIn`]: the bucket is empty, and nothing was taken.
    pub fn take(&self, key: &impl Hash, allowance: Allowance, now_ms: i64) -> Result<(), TryAgainIn> {
        self.with(key, now_ms, |bucket, now| {
            let full = bucket.1.max(now).saturating_add(allowance.every_ns);
            let over = full - now - allowance.span_ns();
            if over > 0 {
                return Err(TryAgainIn((over + NS_A_MS - 1) / NS_A_MS));
            }
            bucket.1 = full;
            Ok(())
        })
    }

    /// Takes `more` from the bucket of `key`, whether they are there or not: what they were for is done already.
    pub fn take_anyway(&self, key: &impl Hash, allowance: Allowance, more: u32, now_ms: i64) {
        let more = i64::from(more).saturating_mul(allowance.every_ns);
        self.with(key, now_ms, |bucket, now| bucket.1 = bucket.1.max(now).saturating_add(more));
    }

    /// Puts one back that was taken: it was no offence after all.
    pub fn put_back(&self, key: &impl Hash, allowance: Allowance, now_ms: i64) {
        self.with(key, now_ms, |bucket, now| bucket.1 = (bucket.1 - allowance.every_ns).max(now));
    }

    /// Remembers `key` for so many milliseconds; [`Self::remembers`] says so. Such keys share the table with buckets, and must differ
    /// from theirs.
    pub fn remember(&self, key: &impl Hash, for_ms: i64, now_ms: i64) {
        self.with(key, now_ms, |bucket, now| bucket.1 = now.saturating_add(for_ms.saturating_mul(NS_A_MS)));
    }

    /// Whether `key` was remembered and its time is not over.
    #[must_use]
    pub fn remembers(&self, key: &impl Hash, now_ms: i64) -> bool {
        let (hash, now) = (self.hash(key), self.time_ns(now_ms));
        self.in_set(hash, |set| set.iter().any(|(key, full)| *key == hash && *full > now))
    }

    /// `change` is told the time in nanoseconds.
    fn with<T>(&self, key: &impl Hash, now_ms: i64, change: impl FnOnce(&mut Bucket, i64) -> T) -> T {
        let (hash, now) = (self.hash(key), self.time_ns(now_ms));
        self.in_set(hash, |set| {
            let place = set.iter().position(|(key, _)| *key == hash).unwrap_or_else(|| {
                let (place, _) = set.iter().enumerate().min_by_key(|(_, (_, full))| *full).expect("a set has places");
                set[place] = (hash, now);
                place
            });
            change(&mut set[place], now)
        })
    }

    /// The time that this table counts, nanoseconds: never before one that it had.
    fn time_ns(&self, now_ms: i64) -> i64 {
        let set_back = self.set_back.load(Relaxed);
        let time = now_ms.saturating_add(set_back);
        let latest = self.latest.fetch_max(time, Relaxed);
        // Of those who notice at once, one says so.
        if latest.saturating_sub(time) > STEP_MS {
            let more = set_back.saturating_add(latest.saturating_sub(time));
            self.set_back.compare_exchange(set_back, more, Relaxed, Relaxed).ok();
        }
        time.max(latest).saturating_mul(NS_A_MS)
    }

    fn hash(&self, key: &impl Hash) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.seed.0, self.seed.1);
        key.hash(&mut hasher);
        hasher.finish().max(1)
    }

    fn in_set<T>(&self, hash: u64, look: impl FnOnce(&mut [Bucket; WAYS]) -> T) -> T {
        let index = (hash >> 8) as usize % self.each;
        let mut shard = self.shards[hash as usize % SHARDS].lock().expect("no holder panics");
        let page = shard[index / PAGE_SETS].get_or_insert_with(|| Box::new([[(0, 0); WAYS]; PAGE_SETS]));
        look(&mut page[index % PAGE_SETS])
    }
}

#[cfg(test)]
mod tests {
    use super::{Allowance, Limits, TryAgainIn};

    fn limits() -> Limits {
        Limits::new(1024, (1, 2))
    }

    #[test]
    fn a_burst_then_one_by_one() {
        let (limits, five) = (limits(), Allowance::new(5, 60_000));
        for _ in 0..5 {
            assert_eq!(limits.take(&"ada", five, 1_000), Ok(()));
        }
        assert_eq!(limits.take(&"ada", five, 1_000), Err(TryAgainIn(60_000)));
        assert_eq!(limits.take(&"ada", five, 60_999), Err(TryAgainIn(1)), "refusals take nothing");
        assert_eq!(limits.take(&"ada", five, 61_000), Ok(()));
        assert_eq!(limits.take(&"bob", five, 61_000), Ok(()));
        assert_eq!(limits.take(&"ada", five, 400_000), Ok(()));
    }

    #[test]
    fn so_many_a_minute_are_so_many() {
        for per_min in [1, 7, 600, 39_999, 40_000, 40_001, 59_999, 60_000] {
            let (limits, allowance) = (limits(), Allowance::a_minute(10, per_min));
            let taken = |from_ms: i64| {
                let at_once = |now_ms| (0..).take_while(|_| limits.take(&"ada", allowance, now_ms).is_ok()).count();
                (from_ms..from_ms + 60_000).map(at_once).sum::<usize>()
            };
            let (first, second) = (taken(1_700_000_000_000), taken(1_700_000_060_000));
            // The last of them comes when the second minute is over.
            assert_eq!(first + second, 10 + 2 * per_min as usize - 1, "{per_min}");
        }
        assert_eq!(Allowance::a_minute(5, 60_000), Allowance::new(5, 1));
        assert_eq!(Allowance::an_hour(5, 3600), Allowance::new(5, 1000));
        assert_eq!(Allowance::a_minute(0, 0), Allowance::new(1, 60_000));
        assert_eq!(Allowance::new(3, 600_000).times(10), Allowance::new(30, 60_000));
    }

    #[test]
    fn what_is_put_back_was_not_taken() {
        let (limits, one) = (limits(), Allowance::new(1, 1_000));
        for now in 0..10 {
            assert_eq!(limits.take(&"ada", one, now), Ok(()));
            limits.put_back(&"ada", one, now);
        }
        limits.put_back(&"ada", one, 10);
        assert_eq!(limits.take(&"ada", one, 10), Ok(()));
        assert!(limits.take(&"ada", one, 10).is_err(), "no more than the burst, however often it is put back");
    }

    #[test]
    fn what_is_taken_anyway_is_waited_for() {
        let (limits, five) = (limits(), Allowance::new(5, 1_000));
        limits.take(&"ada", five, 0).unwrap();
        limits.take_anyway(&"ada", five, 6, 0);
        assert_eq!(limits.take(&"ada", five, 2_999), Err(TryAgainIn(1)));
        assert_eq!(limits.take(&"ada", five, 3_000), Ok(()));
    }

    #[test]
    fn a_flood_of_keys_does_not_free_who_is_limited() {
        let (limits, two) = (limits(), Allowance::new(2, 3_600_000));
        while limits.take(&"the attacker", two, 0).is_ok() {}
        for stranger in 0..100_000_u32 {
            let _ = limits.take(&stranger, Allowance::new(2, 1_000), 1);
        }
        assert!(limits.take(&"the attacker", two, 2).is_err());
    }

    #[test]
    fn memory_comes_with_keys_and_is_bounded() {
        let keys = 1 << 17;
        let limits = Limits::new(keys, (1, 2));
        let bytes = || {
            let pages = limits.shards.iter().map(|shard| shard.lock().unwrap().iter().flatten().count());
            pages.sum::<usize>() * size_of::<super::Page>()
        };
        assert_eq!(bytes(), 0);
        let mut last = 0;
        for (keys_seen, bytes_max) in [(1, 4096), (100, 100 * 4096), (100_000, 16 * keys), (1_000_000, 16 * keys)] {
            (last..keys_seen).for_each(|key: u32| limits.remember(&key, 1, 0));
            last = keys_seen;
            assert!((1..=bytes_max).contains(&bytes()), "{keys_seen} keys: {} bytes", bytes());
        }
        assert_eq!(bytes(), 16 * keys);
    }

    #[test]
    fn what_is_remembered_is_forgotten_in_time() {
        let limits = limits();
        limits.remember(&"ada", 100, 0);
        assert!(limits.remembers(&"ada", 99) && !limits.remembers(&"ada", 100) && !limits.remembers(&"bob", 0));
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out_and_frees_nobody() {
        const HOUR_MS: i64 = 3_600_000;
        let three = Allowance::new(3, 1_000);
        for back in [1, 1_000, super::STEP_MS, super::STEP_MS + 1, HOUR_MS, 20_000 * 24 * HOUR_MS] {
            let (limits, mut now) = (limits(), 1_700_000_000_000_i64);
            limits.remember(&"known", HOUR_MS, now);
            limits.take_anyway(&"in debt", three, 10, now);
            while limits.take(&"ada", three, now).is_ok() {}
            now -= back;
            assert!(limits.take(&"ada", three, now).is_err(), "{back}: nothing is given for it");
            assert!(limits.take(&"in debt", three, now).is_err() && limits.remembers(&"known", now), "{back}");
            // What passes from then on counts, at the latest after a step that is not noticed.
            now += super::STEP_MS.min(back) + 10_000;
            assert_eq!(limits.take(&"ada", three, now), Ok(()), "{back}");
            assert_eq!(limits.take(&"in debt", three, now), Ok(()), "{back}");
            assert!(limits.remembers(&"known", now), "{back}");
            now += HOUR_MS;
            assert!(!limits.remembers(&"known", now), "{back}: it goes on");
        }
        // What was read a little earlier is no step, however often.
        let limits = limits();
        for late in 0..1_000 {
            let _ = limits.take(&"ada", three, 100_000 - late % 2 * 50_000);
        }
        assert!(limits.take(&"ada", three, 101_000).is_ok() && limits.take(&"ada", three, 101_000).is_err());
    }
}
