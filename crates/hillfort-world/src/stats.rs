//! How long a room's last ticks took and how late they began. Durations are measured by the caller. Knows no clock.

use std::time::Duration;

const KEPT: usize = 64;

/// The last 64 ticks of a room, in 512 bytes.
#[derive(Debug, Clone)]
pub struct TickStats {
    recorded: u64,
    /// Duration and lateness of a tick side by side: noting one touches one line of memory.
    ticks_ns: [(u32, u32); KEPT],
}

/// Mean, median, 99th percentile (nearest rank) and largest of the kept ticks; zero when there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spread {
    /// Mean.
    pub mean: Duration,
    /// Half of the ticks are at or below.
    pub p50: Duration,
    /// 99 of 100 ticks are at or below.
    pub p99: Duration,
    /// Largest.
    pub max: Duration,
}

impl Default for TickStats {
    fn default() -> Self {
        Self { recorded: 0, ticks_ns: [(0, 0); KEPT] }
    }
}

impl TickStats {
    /// Notes a tick. Values above 4.29 s are kept as that.
    pub fn record(&mut self, duration: Duration, lateness: Duration) {
        let at = (self.recorded % KEPT as u64) as usize;
        self.ticks_ns[at] = (saturated(duration), saturated(lateness));
        self.recorded += 1;
    }

    /// How long the kept ticks took.
    #[must_use]
    pub fn duration(&self) -> Spread {
        spread(self.ticks_ns.map(|(duration, _)| duration), self.recorded)
    }

    /// How long after their deadline the kept ticks began.
    #[must_use]
    pub fn lateness(&self) -> Spread {
        spread(self.ticks_ns.map(|(_, lateness)| lateness), self.recorded)
    }
}

fn saturated(duration: Duration) -> u32 {
    u32::try_from(duration.as_nanos()).unwrap_or(u32::MAX)
}

fn spread(mut ns: [u32; KEPT], recorded: u64) -> Spread {
    let kept = usize::try_from(recorded).unwrap_or(KEPT).min(KEPT);
    if kept == 0 {
        return Spread::default();
    }
    let sorted = &mut ns[..kept];
    sorted.sort_unstable();
    let rank = |percent: usize| Duration::from_nanos(u64::from(sorted[(kept * percent).div_ceil(100) - 1]));
    let sum: u64 = sorted.iter().copied().map(u64::from).sum();
    Spread { mean: Duration::from_nanos(sum / kept as u64), p50: rank(50), p99: rank(99), max: rank(100) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ticks_count() {
        let mut stats = TickStats::default();
        assert_eq!(stats.duration(), Spread::default());
        stats.record(Duration::from_nanos(7), Duration::from_secs(9));
        let seven = Duration::from_nanos(7);
        assert_eq!(stats.duration(), Spread { mean: seven, p50: seven, p99: seven, max: seven });
        assert_eq!(stats.lateness().p50, Duration::from_nanos(u64::from(u32::MAX)));
        (1..=64).for_each(|ns| stats.record(Duration::from_nanos(ns * 10), Duration::ZERO));
        let [mean, p50, p99, max] = [325, 320, 640, 640].map(Duration::from_nanos);
        assert_eq!(stats.duration(), Spread { mean, p50, p99, max });
        assert_eq!(stats.lateness(), Spread::default());
    }
}
