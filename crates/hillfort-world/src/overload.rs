//! What a thread of rooms gives up, step by step, when it has more to do than time: a ladder with hysteresis. Pure: it is fed what was
//! measured. Knows nothing of how each step is carried out.

use std::time::Duration;

/// A window counts as too much from this busy share on, in thousandths ...
const BUSY_HIGH: u32 = 900;
/// ... or when ticks began so late while the thread was busy for at least [`BUSY_LATE`]. Lateness of a thread that has little to do is
/// the machine's: giving something up would not help.
const LATE_HIGH: Duration = Duration::from_millis(100);
const BUSY_LATE: u32 = 500;
/// Both must be below these for a window to count as calm.
const BUSY_LOW: u32 = 700;
const LATE_LOW: Duration = Duration::from_millis(20);
/// Windows of too much in a row for a step up, and calm ones for a step down: quick to relieve, slow to load again.
const UP_AFTER: u32 = 2;
const DOWN_AFTER: u32 = 5;

/// What is given up. Each step keeps those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Overload {
    /// Nothing.
    #[default]
    None,
    /// Every second state of a room.
    FewerStates,
    /// The rate of rooms that allow it ([`crate::LatePolicy::Dilate`]).
    Slower,
    /// New players.
    NoJoins,
}

/// What was measured in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Share of the window in which the thread was busy, in thousandths.
    pub busy_permille: u32,
    /// 99th percentile of how long after their deadlines ticks began.
    pub late: Duration,
}

/// Where a thread is on the ladder.
#[derive(Debug, Default)]
pub struct Ladder {
    step: Overload,
    /// Windows in a row that were too much, or calm.
    high: u32,
    low: u32,
}

impl Overload {
    const ALL: [Self; 4] = [Self::None, Self::FewerStates, Self::Slower, Self::NoJoins];

    /// Number of the step, 0 to 3.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// For logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::FewerStates => "fewer_states",
            Self::Slower => "slower",
            Self::NoJoins => "no_joins",
        }
    }

    fn up(self) -> Self {
        Self::ALL.get(usize::from(self.number()) + 1).copied().unwrap_or(self)
    }

    fn down(self) -> Self {
        usize::from(self.number()).checked_sub(1).map_or(self, |at| Self::ALL[at])
    }
}

impl Ladder {
    /// What is given up now.
    #[must_use]
    pub const fn step(&self) -> Overload {
        self.step
    }

    /// A window is over. Returns the new step when it changed: by one at a time.
    pub fn on_window(&mut self, load: Load) -> Option<Overload> {
        let late = load.late >= LATE_HIGH && load.busy_permille >= BUSY_LATE;
        let high = load.busy_permille >= BUSY_HIGH || late;
        let low = load.busy_permille < BUSY_LOW && (load.late < LATE_LOW || load.busy_permille < BUSY_LATE);
        self.high = if high { self.high + 1 } else { 0 };
        self.low = if low { self.low + 1 } else { 0 };
        let before = self.step;
        if self.high >= UP_AFTER {
            (self.step, self.high) = (before.up(), 0);
        } else if self.low >= DOWN_AFTER {
            (self.step, self.low) = (before.down(), 0);
        }
        (self.step != before).then_some(self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIGH: (u32, u64) = (950, 0);
    const LATE: (u32, u64) = (600, 150);
    const BETWEEN: (u32, u64) = (800, 0);
    const CALM: (u32, u64) = (300, 1);

    #[track_caller]
    fn check(windows: &[(u32, u64)], expect: &[u8]) {
        let mut ladder = Ladder::default();
        let steps: Vec<_> = windows
            .iter()
            .map(|&(busy_permille, late)| {
                let before = ladder.step();
                let changed = ladder.on_window(Load { busy_permille, late: Duration::from_millis(late) });
                assert_eq!(changed, (ladder.step() != before).then_some(ladder.step()));
                ladder.step().number()
            })
            .collect();
        assert_eq!(steps, expect);
    }

    #[test]
    fn climbs_a_step_after_two_windows_and_stays_at_the_top() {
        check(&[HIGH; 9], &[0, 1, 1, 2, 2, 3, 3, 3, 3]);
        check(&[LATE; 4], &[0, 1, 1, 2]);
        check(&[HIGH, BETWEEN, HIGH, CALM, HIGH, HIGH], &[0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn comes_down_a_step_after_five_calm_windows_and_not_in_between() {
        check(&[HIGH, HIGH, HIGH, HIGH, CALM, CALM, CALM, CALM, CALM, CALM], &[0, 1, 1, 2, 2, 2, 2, 2, 1, 1]);
        check(&[HIGH, HIGH, CALM, CALM, CALM, CALM, BETWEEN, CALM, CALM], &[0, 1, 1, 1, 1, 1, 1, 1, 1]);
        check(&[CALM; 6], &[0; 6]);
    }

    #[test]
    fn lateness_of_an_idle_thread_is_not_its_own() {
        check(&[(100, 500); 4], &[0; 4]);
        let down = [HIGH, HIGH, (100, 500), (100, 500), (100, 500), (100, 500), (100, 500)];
        check(&down, &[0, 1, 1, 1, 1, 1, 0]);
    }
}
