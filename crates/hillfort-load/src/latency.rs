//! Latencies in an HDR histogram, and what is said about them. Knows nothing of what was measured.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Longest latency that is told from a longer one: a minute.
const MAX_US: u64 = 60_000_000;

/// Latencies to three digits, from a microsecond to a minute.
#[derive(Debug, Clone)]
pub(crate) struct Latencies {
    histogram: Histogram<u64>,
}

/// Percentiles, microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) p50_us: u64,
    pub(crate) p90_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) p999_us: u64,
    pub(crate) max_us: u64,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        Self { histogram: Histogram::new_with_bounds(1, MAX_US, 3).expect("1 to a minute in three digits is in range") }
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        self.histogram.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(MAX_US).max(1));
    }

    pub(crate) fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Those of another one, too.
    pub(crate) fn add(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("both have the same bounds");
    }

    /// How many were at most so long, each bucket twice as long as the one before: its upper bound in microseconds, and the count.
    /// Empty ones at either end are left out.
    pub(crate) fn buckets(&self) -> Vec<(u64, u64)> {
        let all = self.histogram.iter_log(64, 2.0);
        let all = all.map(|step| (step.value_iterated_to(), step.count_since_last_iteration()));
        let mut buckets: Vec<_> = all.skip_while(|(_, count)| *count == 0).collect();
        while buckets.last().is_some_and(|(_, count)| *count == 0) {
            buckets.pop();
        }
        buckets
    }

    pub(crate) fn percentiles(&self) -> Percentiles {
        let at = |quantile| self.histogram.value_at_quantile(quantile);
        Percentiles { p50_us: at(0.5), p90_us: at(0.9), p99_us: at(0.99), p999_us: at(0.999), max_us: self.histogram.max() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let mut latencies = Latencies::new();
        (1..=1_000).for_each(|ms| latencies.record(Duration::from_millis(ms)));
        let Percentiles { p50_us, p99_us, max_us, .. } = latencies.percentiles();
        let check = |value: u64, expect: u64| assert!(value.abs_diff(expect) <= expect / 500, "{value} is not {expect}");
        check(p50_us, 500_000);
        check(p99_us, 990_000);
        check(max_us, 1_000_000);
        assert_eq!(latencies.count(), 1_000);
    }

    #[test]
    fn buckets_have_everything_and_add_up() {
        let (mut latencies, mut others) = (Latencies::new(), Latencies::new());
        latencies.record(Duration::from_micros(10));
        others.record(Duration::from_micros(200));
        others.record(Duration::from_micros(210));
        latencies.add(&others);
        let buckets = latencies.buckets();
        assert_eq!(buckets.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [1, 0, 2], "{buckets:?}");
        assert!(buckets.windows(2).all(|pair| pair[1].0 > pair[0].0), "{buckets:?}");
        assert_eq!(Latencies::new().buckets(), []);
    }

    #[test]
    fn what_is_out_of_range_is_counted_at_the_edge() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::ZERO);
        latencies.record(Duration::from_secs(3_600));
        assert_eq!(latencies.count(), 2);
        assert!(latencies.percentiles().max_us >= 60_000_000);
    }
}
