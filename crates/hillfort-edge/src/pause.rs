//! How long the loop keeps everybody waiting by one piece of its own work: one connection's event, one accept, one write, one step of
//! upkeep. Knows nothing of what the work was.
//!
//! [`Probe::mark`] is called after each piece and reads the wall clock: some 30 ns, no system call. A piece shorter than [`LOOK`] counts
//! by that; it cannot have been more. For a longer one the time that the thread has run is asked for (`CLOCK_THREAD_CPUTIME_ID`, a system
//! call of some 600 ns), and what passed meanwhile without its running, because the scheduler ran somebody else, is taken off. The
//! reference for that is from the last long piece or from the last time the loop woke up ([`Probe::begin`]); what was lost in pieces
//! shorter than [`LOOK`] since then is taken off, too, so a figure can be too low by such slivers.
//!
//! What the kernel does inside our calls is in it, and so are interrupts and, in a virtual machine, what the host took: the kernel books
//! both on the running thread. So a figure is to be held against a thread that only counts, in the same run; the bench `pauses` does.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::latency::Latencies;

/// Shorter pieces are not looked at.
const LOOK: Duration = Duration::from_micros(60);
/// The loop has slept when the poller took longer.
const SLEPT: Duration = Duration::from_micros(10);
/// The longest pause that is promised.
pub(crate) const PAUSE_MAX: Duration = Duration::from_micros(120);

#[derive(Debug)]
pub(crate) struct Probe {
    /// End of the last piece.
    last: Instant,
    /// The reference: wall clock, and what the thread had run then. The thread that marks may be another than the one that made this.
    looked: Instant,
    ran: Duration,
    pauses: Latencies,
    /// Pauses longer than promised, since the start.
    pub(crate) too_long: u64,
}

impl Probe {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self { last: now, looked: now, ran: thread_time(), pauses: Latencies::default(), too_long: 0 }
    }

    /// The loop has waited for events: what the kernel did for others meanwhile, as it books it on whoever waits, is no piece of work.
    pub(crate) fn begin(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.last) >= SLEPT {
            (self.looked, self.ran) = (now, thread_time());
        }
        self.last = now;
    }

    /// A piece of work is done.
    #[inline]
    pub(crate) fn mark(&mut self) {
        let now = Instant::now();
        let lasted = now.duration_since(self.last);
        self.last = now;
        if lasted < LOOK { self.pauses.record(lasted) } else { self.look(now, lasted) }
    }

    #[cold]
    fn look(&mut self, now: Instant, lasted: Duration) {
        let ran = thread_time();
        let lost = now.duration_since(self.looked).saturating_sub(ran.saturating_sub(self.ran));
        let own = lasted.saturating_sub(lost);
        self.pauses.record(own);
        self.too_long += u64::from(own > PAUSE_MAX);
        (self.looked, self.ran) = (now, ran);
    }

    /// Median, 99th percentile and maximum of all pieces since this was last asked, µs.
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
        probe.begin();
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
        let (max, _) = measured(|probe| {
            work(Duration::from_millis(5));
            probe.begin();
            probe.mark();
        });
        assert!(max < 5_000, "{max} µs, although the loop waited until then");
    }
}
