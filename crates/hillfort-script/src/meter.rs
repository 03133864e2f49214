//! The budget of one call: steps and time. Owns the counting, knows nothing of what is counted.

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

/// Steps between two looks at the clock.
const STEPS_PER_LOOK: i64 = 64;

/// What scripts may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Steps of one call: loop turns, calls, returns, pattern steps.
    pub steps_max: u32,
    /// Steps of running a source's top level, once for each instance.
    pub load_steps_max: u32,
    /// Time of one call, by both clocks below. Only calls of more than 64 steps are looked at.
    pub time_max: Duration,
    /// A clock that is cheap to read. One that always says zero turns the time limit off.
    pub clock: fn() -> Duration,
    /// Processor time of the thread: asked when `clock` says that the time is over, so that a preempted room is not punished.
    pub busy_clock: fn() -> Duration,
    /// Bytes that one call may add, garbage included.
    pub call_bytes_max: usize,
    /// Bytes that one instance may keep.
    pub room_bytes_max: usize,
    /// Bytes that all instances of one VM may keep: as many instances fit a VM as this holds rooms. A look for leaks happens
    /// at half of it and takes time in proportion to it.
    pub vm_bytes_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spent {
    Steps,
    Time,
}

/// Counts down. Atomics only because the engine wants callbacks that can be sent; one thread uses it at a time.
#[derive(Debug)]
pub(crate) struct Meter {
    left: AtomicI64,
    /// 0: not spent, 1: steps, 2: time.
    spent: AtomicU8,
    /// Clock reading at which the call is over; 0: not looked yet.
    deadline_nanos: AtomicU64,
    /// Reading of the busy clock at which the call is over.
    busy_deadline_nanos: AtomicU64,
    clock: fn() -> Duration,
    busy_clock: fn() -> Duration,
    time_max: Duration,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            left: AtomicI64::new(0),
            spent: AtomicU8::new(0),
            deadline_nanos: AtomicU64::new(0),
            busy_deadline_nanos: AtomicU64::new(0),
            clock: limits.clock,
            busy_clock: limits.busy_clock,
            time_max: limits.time_max,
        }
    }

    /// Begins a call.
    pub(crate) fn start(&self, steps: u32) {
        self.left.store(i64::from(steps), Ordering::Relaxed);
        self.spent.store(0, Ordering::Relaxed);
        self.deadline_nanos.store(0, Ordering::Relaxed);
    }

    /// Counts one step. `false`: over, and it stays over until the next start.
    pub(crate) fn step(&self) -> bool {
        let left = self.left.load(Ordering::Relaxed) - 1;
        if left < 0 {
            self.spent.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).ok();
            return false;
        }
        self.left.store(left, Ordering::Relaxed);
        left % STEPS_PER_LOOK != 0 || self.look()
    }

    /// Takes `steps` more at once. What is over shows at the next step.
    pub(crate) fn charge(&self, steps: u32) {
        let left = self.left.load(Ordering::Relaxed) - i64::from(steps);
        self.left.store(left.max(0), Ordering::Relaxed);
    }

    /// What ran out in this call.
    pub(crate) fn spent(&self) -> Option<Spent> {
        match self.spent.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(Spent::Steps),
            _ => Some(Spent::Time),
        }
    }

    /// Steps that are left.
    pub(crate) fn left(&self) -> u32 {
        u32::try_from(self.left.load(Ordering::Relaxed)).unwrap_or(0)
    }

    fn look(&self) -> bool {
        let now = nanos((self.clock)());
        let deadline = self.deadline_nanos.load(Ordering::Relaxed);
        if deadline == 0 {
            // The first look starts the clocks, so that short calls never read them.
            let time_max = nanos(self.time_max);
            self.deadline_nanos.store(now.saturating_add(time_max).max(1), Ordering::Relaxed);
            self.busy_deadline_nanos.store(nanos((self.busy_clock)()).saturating_add(time_max), Ordering::Relaxed);
            return true;
        }
        if now <= deadline {
            return true;
        }
        let busy = nanos((self.busy_clock)());
        let busy_deadline = self.busy_deadline_nanos.load(Ordering::Relaxed);
        if busy <= busy_deadline {
            self.deadline_nanos.store(now.saturating_add(busy_deadline - busy).max(1), Ordering::Relaxed);
            return true;
        }
        self.spent.store(2, Ordering::Relaxed);
        self.left.store(0, Ordering::Relaxed);
        false
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Default for Limits {
    /// 80,000 steps (about 2 ms when they do nothing but loop), 200,000 for the top level, 4 MiB a call, 256 KiB a room, 16 MiB a VM, which
    /// makes 64 rooms; no clock.
    fn default() -> Self {
        Self {
            steps_max: 80_000,
            load_steps_max: 200_000,
            time_max: Duration::from_millis(25),
            clock: || Duration::ZERO,
            busy_clock: || Duration::ZERO,
            call_bytes_max: 4 * 1024 * 1024,
            room_bytes_max: 256 * 1024,
            vm_bytes_max: 16 * 1024 * 1024,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_to_its_edge_and_stays_over() {
        let meter = Meter::new(&Limits::default());
        meter.start(3);
        assert_eq!([meter.step(), meter.step(), meter.step(), meter.step(), meter.step()], [true, true, true, false, false]);
        assert_eq!(meter.spent(), Some(Spent::Steps));
        meter.start(1);
        assert_eq!((meter.spent(), meter.step()), (None, true));
    }

    /// Says 1 ms, then 11, 21, ...
    fn hand() -> Duration {
        static NOW_MS: AtomicU64 = AtomicU64::new(1);
        Duration::from_millis(NOW_MS.fetch_add(10, Ordering::Relaxed))
    }

    fn steps_until_over(busy_clock: fn() -> Duration) -> usize {
        let meter = Meter::new(&Limits { clock: hand, busy_clock, time_max: Duration::from_millis(25), ..Limits::default() });
        meter.start(100_000);
        let steps = (0..1_000_000).take_while(|_| meter.step()).count();
        assert!(!meter.step(), "stays over");
        steps
    }

    #[test]
    fn time_ends_a_call_that_has_steps_left_unless_the_thread_did_not_run() {
        // 25 ms are over at the fourth look.
        let looks = steps_until_over(|| hand() * 100) as i64 / STEPS_PER_LOOK;
        assert!((1..=4).contains(&looks), "{looks}");
        // Preempted all the time: only the steps count.
        assert_eq!(steps_until_over(|| Duration::ZERO), 100_000);
    }
}
