//! How long the loop keeps everybody waiting by one piece of its own work: one connection's event, one accept, one write, one step of
//! upkeep. Knows nothing of what the work was.
//!
//! [`Probe::mark`] is called after each piece. It reads the wall clock (25 ns, no system call), and only when [`LOOK`] has passed since
//! the last reading also the time that this thread has run (`CLOCK_THREAD_CPUTIME_ID`, a system call of some 200 ns). What the thread
//! ran since then is at most [`LOOK`] more than the one piece that made it so long: a figure is never too low and at most that much too
//! high. Time in which the scheduler ran somebody else, or the loop slept, is not in it, since the thread did not run. What the kernel
//! does inside our calls, and interrupts that it books on the running thread, are.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::latency::Latencies;

/// Shorter pieces are not looked at.
pub(crate) const LOOK: Duration = Duration::from_micros(20);
/// The longest pause that is promised.
pub(crate) const PAUSE_MAX: Duration = Duration::from_micros(120);

#[derive(Debug)]
pub(crate) struct Probe {
    looked: Instant,
    /// What the thread had run then; `None` before the first look, which may be in another thread than the making.
    ran: Option<Duration>,
    pauses: Latencies,
    /// Pauses longer than promised, since the start.
    pub(crate) too_long: u64,
}

impl Probe {
    pub(crate) fn new() -> Self {
        Self { looked: Instant::now(), ran: None, pauses: Latencies::default(), too_long: 0 }
    }

    /// A piece of work is done.
    #[inline]
    pub(crate) fn mark(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.looked) >= LOOK {
            self.look(now);
        }
    }

    #[cold]
    fn look(&mut self, now: Instant) {
        let ran = thread_time();
        if let Some(before) = self.ran {
            let own = ran.saturating_sub(before);
            self.pauses.record(own);
            self.too_long += u64::from(own > PAUSE_MAX);
        }
        (self.looked, self.ran) = (now, Some(ran));
    }

    /// Median, 99th percentile and maximum of the pauses looked at since this was last asked, µs.
    pub(crate) fn take(&mut self) -> [u64; 3] {
        let taken = [self.pauses.percentile_us(50), self.pauses.percentile_us(99), self.pauses.max_us()];
        self.pauses.clear();
        taken
    }
}

/// What this thread has run.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs for so long, by the thread's own clock.
    fn work(lasts: Duration) {
        let begin = thread_time();
        while thread_time() - begin < lasts {}
    }

    fn measured(pieces: impl FnOnce(&mut Probe)) -> (u64, u64) {
        let mut probe = Probe::new();
        work(LOOK);
        probe.mark();
        pieces(&mut probe);
        let [_, _, max] = probe.take();
        (max, probe.too_long)
    }

    #[test]
    fn a_long_piece_is_seen_with_its_length() {
        let (max, too_long) = measured(|probe| {
            work(Duration::from_micros(500));
            probe.mark();
        });
        assert!((500..5_000).contains(&max), "{max} µs");
        assert_eq!(too_long, 1);
    }

    #[test]
    fn many_short_pieces_are_no_long_one() {
        let (_, too_long) = measured(|probe| {
            for _ in 0..1_000 {
                work(Duration::from_micros(2));
                probe.mark();
            }
        });
        // Interrupts are booked on us, so now and then a piece is longer.
        assert!(too_long <= 10, "{too_long} of 1,000");
    }

    #[test]
    fn time_in_which_others_ran_is_not_ours() {
        let (max, _) = measured(|probe| {
            // Somebody else has the core, or nobody: the thread waits.
            let (_nobody_sends, never) = std::sync::mpsc::sync_channel::<()>(1);
            assert!(never.recv_timeout(Duration::from_millis(50)).is_err());
            probe.mark();
        });
        assert!(max < 10_000, "{max} µs of 50 ms asleep");
    }
}
