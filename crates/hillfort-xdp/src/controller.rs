//! Which mode it should be. Owns hysteresis; reads no clock and no counter.

use std::time::Duration;

use hillfort_proto::time::Time;

use crate::verdict::Mode;

/// When to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// SYNs a second from which on it is a flood.
    pub flood_syn_per_s: u64,
    /// How long there must be less than half of that, and no overflow, before it is over.
    pub calm: Duration,
}

/// What was seen since the last sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    /// Well-formed SYNs for our ports a second, or TCP that belongs to no connection, whichever is more.
    pub syn_per_s: u64,
    /// How often the kernel's queues for new connections were full, see [`crate::SynQueue`].
    pub overflows: u64,
}

/// Enters flood mode at once, leaves it after a calm time, and changes at most once a second. Once in flood mode it stays there at
/// least for the calm time, so it never swings faster than that.
#[derive(Debug, Clone)]
pub struct Controller {
    limits: Limits,
    mode: Mode,
    changed: Option<Time>,
    /// Last sample that was not calm.
    loud: Time,
}

/// Least time between two changes.
const BETWEEN: Duration = Duration::from_secs(1);

impl Controller {
    /// Begins passive.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits, mode: Mode::Passive, changed: None, loud: Time::ZERO }
    }

    /// The mode after a sample; call it about once a second.
    pub fn on_sample(&mut self, now: Time, sample: Sample) -> Mode {
        let flood = sample.syn_per_s >= self.limits.flood_syn_per_s || sample.overflows > 0;
        if flood || sample.syn_per_s >= self.limits.flood_syn_per_s / 2 {
            self.loud = now;
        }
        let wanted = match self.mode {
            Mode::Passive if flood => Mode::Flood,
            Mode::Flood if now.since(self.loud) >= self.limits.calm => Mode::Passive,
            mode => mode,
        };
        if wanted != self.mode && self.changed.is_none_or(|changed| now.since(changed) >= BETWEEN) {
            (self.mode, self.changed) = (wanted, Some(now));
        }
        self.mode
    }

    /// The mode now.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Replaces the limits; the mode stays until the next sample.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hillfort_proto::time::Time;
    use hillfort_testkit::seed::Seed;

    use super::{BETWEEN, Controller, Limits, Sample};
    use crate::verdict::Mode::{self, Flood, Passive};

    const CALM: Duration = Duration::from_secs(10);
    const LIMITS: Limits = Limits { flood_syn_per_s: 20_000, calm: CALM };

    fn check(steps: &[(u64, u64, u64, Mode)]) {
        let mut controller = Controller::new(LIMITS);
        for &(ms, syn_per_s, overflows, expect) in steps {
            let mode = controller.on_sample(Time::from_millis(ms), Sample { syn_per_s, overflows });
            assert_eq!(mode, expect, "at {ms} ms");
        }
    }

    #[test]
    fn it_enters_at_once_and_leaves_after_calm() {
        check(&[
            (0, 19_999, 0, Passive),
            (1_000, 20_000, 0, Flood),
            (2_000, 0, 0, Flood),
            (10_999, 0, 0, Flood),
            (11_000, 0, 0, Passive),
        ]);
        check(&[(0, 0, 1, Flood), (9_000, 0, 0, Flood), (10_000, 0, 0, Passive)]);
    }

    #[test]
    fn half_the_limit_keeps_it_going() {
        check(&[(0, 50_000, 0, Flood), (9_000, 10_000, 0, Flood), (18_999, 9_999, 0, Flood), (19_000, 9_999, 0, Passive)]);
        check(&[(0, 10_000, 0, Passive), (1_000, 19_999, 0, Passive)]);
        check(&[(0, 50_000, 0, Flood), (9_999, 0, 1, Flood), (19_998, 0, 0, Flood), (19_999, 0, 0, Passive)]);
    }

    #[test]
    fn it_changes_at_most_once_a_second() {
        check(&[(0, 0, 1, Flood), (10_000, 0, 0, Passive), (10_500, 0, 1, Passive), (11_000, 0, 1, Flood)]);
    }

    /// Whatever the samples and however they are spaced, a stay in flood mode lasts the calm time and a change is a second away.
    #[test]
    fn it_never_swings_faster_than_its_hold() {
        for number in 0..500 {
            let mut seed = Seed::new(number);
            let mut controller = Controller::new(LIMITS);
            let (mut now, mut mode, mut since) = (Time::ZERO, Passive, None::<Time>);
            for _ in 0..2_000 {
                now = now + Duration::from_millis(seed.below(3_000) as u64);
                let quiet = seed.one_in(2);
                let syn_per_s = seed.below(if quiet { 10_000 } else { 40_000 }) as u64;
                let overflows = u64::from(seed.one_in(20));
                let next = controller.on_sample(now, Sample { syn_per_s, overflows });
                if next != mode {
                    let stayed = since.map_or(Duration::MAX, |since| now.since(since));
                    assert!(stayed >= if mode == Flood { CALM } else { BETWEEN }, "seed {number}: {stayed:?} in {mode:?}");
                    (mode, since) = (next, Some(now));
                }
            }
            assert!(since.is_some(), "seed {number} saw no change: the test shows nothing");
        }
    }
}
