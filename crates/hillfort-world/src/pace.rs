//! How a room meets its rate: what it does about missed ticks, and how fast it runs. Knows nothing of the wheel.

use crate::config::{HZ_IDLE, LatePolicy};

/// Late policy of one room, at work.
#[derive(Debug)]
pub(crate) struct Pace {
    hz: u32,
    policy: LatePolicy,
    /// `hz`, or less while the room is dilated.
    dilated_hz: u32,
    /// Visits in time since the rate was changed last.
    calm: u32,
}

impl Pace {
    pub(crate) const fn new(hz: u32, policy: LatePolicy) -> Self {
        Self { hz, policy, dilated_hz: hz, calm: 0 }
    }

    /// The room's slot came, `missed` times later than it should, on a thread that wants rooms to be `slower` or not. Returns how many
    /// ticks to run.
    pub(crate) fn on_due(&mut self, missed: u64, slower: bool) -> u32 {
        match self.policy {
            LatePolicy::Skip => 1,
            LatePolicy::CatchUp { max } => 1 + u32::try_from(missed).unwrap_or(max).min(max),
            LatePolicy::Dilate { min } => {
                self.dilate(missed > 0 || slower, min);
                1
            }
        }
    }

    /// Whether the room runs slower than its game wants.
    pub(crate) const fn is_slowed(&self) -> bool {
        self.dilated_hz < self.hz
    }

    /// Ticks a second at which the room is to be visited.
    pub(crate) const fn rate(&self, idle: bool) -> u32 {
        if idle { HZ_IDLE } else { self.dilated_hz }
    }

    /// Down by a quarter at each late visit, up by a tenth of the full rate after each second without one: quick to relieve a thread
    /// that is overloaded, slow to load it again.
    fn dilate(&mut self, late: bool, min: f32) {
        if late {
            let lowest = ((self.hz as f32 * min).ceil() as u32).max(1);
            self.dilated_hz = (self.dilated_hz * 3 / 4).max(lowest);
            self.calm = 0;
        } else if self.dilated_hz < self.hz {
            self.calm += 1;
            if self.calm >= self.dilated_hz {
                self.dilated_hz = (self.dilated_hz + self.hz.div_ceil(10)).min(self.hz);
                self.calm = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skip_and_catch_up() {
        #[track_caller]
        fn check(policy: LatePolicy, missed: u64, expect: u32) {
            assert_eq!(Pace::new(20, policy).on_due(missed, true), expect);
        }
        check(LatePolicy::Skip, 0, 1);
        check(LatePolicy::Skip, 1_000, 1);
        check(LatePolicy::CatchUp { max: 3 }, 0, 1);
        check(LatePolicy::CatchUp { max: 3 }, 2, 3);
        check(LatePolicy::CatchUp { max: 3 }, 3, 4);
        check(LatePolicy::CatchUp { max: 3 }, u64::MAX, 4);
    }

    #[test]
    fn dilation_falls_to_its_floor_and_climbs_back() {
        let mut pace = Pace::new(20, LatePolicy::Dilate { min: 0.3 });
        let falling: Vec<_> = (0..6).map(|_| (pace.on_due(1, false), pace.rate(false))).collect();
        assert_eq!(falling, [(1, 15), (1, 11), (1, 8), (1, 6), (1, 6), (1, 6)]);
        let mut visits = 0;
        while pace.rate(false) < 20 {
            assert_eq!(pace.on_due(0, false), 1);
            visits += 1;
        }
        // 6, 8, 10, ... 18 Hz for one second each.
        assert_eq!(visits, 6 + 8 + 10 + 12 + 14 + 16 + 18);
        assert_eq!(pace.rate(true), HZ_IDLE);
        assert_eq!((pace.on_due(0, true), pace.rate(false)), (1, 15), "in time, but the thread wants it slower");
    }
}
