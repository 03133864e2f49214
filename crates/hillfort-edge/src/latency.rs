//! A histogram of fixed size for round trips. Knows nothing of who was measured.

use std::time::Duration;

/// Buckets to each doubling: figures are at most 1/32 too low.
const STEPS: usize = 32;
/// Doublings above the first `STEPS` microseconds; the last ends at 134 s, more counts as that.
const DOUBLINGS: usize = 22;

/// See the module.
#[derive(Debug)]
pub(crate) struct Latencies {
    counts: Box<[u32; STEPS * (DOUBLINGS + 1)]>,
    total: u64,
    max_us: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: Box::new([0; STEPS * (DOUBLINGS + 1)]), total: 0, max_us: 0 }
    }
}

impl Latencies {
    pub(crate) fn record(&mut self, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket(us)] += 1;
        self.total += 1;
        self.max_us = self.max_us.max(us);
    }

    /// Lower end of the bucket below which `percent` of the records are; 0 without records.
    pub(crate) fn percentile_us(&self, percent: u64) -> u64 {
        let rank = (self.total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                return floor_us(at);
            }
        }
        0
    }

    pub(crate) fn max_us(&self) -> u64 {
        self.max_us
    }

    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
        self.max_us = 0;
    }
}

fn bucket(us: u64) -> usize {
    let doubling = (us / STEPS as u64).checked_ilog2().map_or(0, |log| log as usize + 1);
    if doubling > DOUBLINGS {
        return STEPS * (DOUBLINGS + 1) - 1;
    }
    let shift = doubling.saturating_sub(1);
    doubling * STEPS + (us >> shift) as usize % STEPS
}

fn floor_us(bucket: usize) -> u64 {
    let (doubling, step) = (bucket / STEPS, (bucket % STEPS) as u64);
    if doubling == 0 { step } else { (STEPS as u64 + step) << (doubling - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_begins_where_it_says() {
        for us in (0..5_000).chain((5_000..130_000_000).step_by(7_919)) {
            let floor = floor_us(bucket(us));
            assert!(floor <= us && us - floor <= us / STEPS as u64, "{us} in a bucket from {floor}");
        }
        assert_eq!(bucket(u64::MAX), STEPS * (DOUBLINGS + 1) - 1);
    }

    #[test]
    fn percentiles() {
        let mut latencies = Latencies::default();
        assert_eq!((latencies.percentile_us(50), latencies.max_us()), (0, 0));
        for us in 1..=100 {
            latencies.record(Duration::from_micros(us));
        }
        assert_eq!((latencies.percentile_us(25), latencies.percentile_us(50), latencies.max_us()), (25, 50, 100));
        assert_eq!(latencies.percentile_us(99), 98);
        latencies.clear();
        assert_eq!((latencies.percentile_us(50), latencies.max_us()), (0, 0));
    }
}
