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
        Self::new_at(Instant::now(), thread_time())
    }

    /// The loop has waited for events: what the kernel did for others meanwhile, as it books it on whoever waits, is no piece of work.
    pub(crate) fn begin(&mut self) {
        self.begin_at(Instant::now(), thread_time);
    }

    /// A piece of work is done.
    #[inline]
    pub(crate) fn mark(&mut self) {
        self.mark_at(Instant::now(), thread_time);
    }

    fn new_at(now: Instant, ran: Duration) -> Self {
        Self { last: now, looked: now, ran, pauses: Latencies::default(), too_long: 0 }
    }

    fn begin_at(&mut self, now: Instant, ran: impl FnOnce() -> Duration) {
        if now.duration_since(self.last) >= SLEPT {
            (self.looked, self.ran) = (now, ran());
        }
        self.last = now;
    }

    #[inline]
    fn mark_at(&mut self, now: Instant, ran: impl FnOnce() -> Duration) {
        let lasted = now.duration_since(self.last);
        self.last = now;
        if lasted < LOOK { self.pauses.record(lasted) } else { self.look(now, lasted, ran()) }
    }

    #[cold]
    fn look(&mut self, now: Instant, lasted: Duration, ran: Duration) {
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

    /// A probe with clocks that go on when the test says so.
    struct Loop {
        probe: Probe,
        now: Instant,
        ran: Duration,
        /// How often the thread's clock was read, which is a system call.
        looks: u32,
    }

    impl Loop {
        fn new() -> Self {
            let (now, ran) = (Instant::now(), Duration::from_secs(7));
            Self { probe: Probe::new_at(now, ran), now, ran, looks: 0 }
        }

        /// The thread runs.
        fn run(&mut self, us: u64) -> &mut Self {
            self.ran += Duration::from_micros(us);
            self.stand(us)
        }

        /// Somebody else runs, or nobody.
        fn stand(&mut self, us: u64) -> &mut Self {
            self.now += Duration::from_micros(us);
            self
        }

        fn mark(&mut self) {
            let (ran, looks) = (self.ran, &mut self.looks);
            self.probe.mark_at(self.now, || {
                *looks += 1;
                ran
            });
        }

        fn begin(&mut self) {
            self.probe.begin_at(self.now, || self.ran);
        }

        /// The longest pause since this was last asked, µs, and how many were too long so far.
        fn check(&mut self, max: u64, too_long: u64) {
            let [_, _, seen] = self.probe.take();
            assert_eq!((seen, self.probe.too_long), (max, too_long));
        }
    }

    #[test]
    fn a_long_piece_is_seen_with_its_length() {
        let mut turn = Loop::new();
        turn.run(500).mark();
        turn.check(500, 1);
        turn.run(120).mark();
        turn.check(120, 1);
        turn.run(121).mark();
        turn.check(121, 2);
    }

    #[test]
    fn many_short_pieces_are_no_long_one_and_ask_the_system_nothing() {
        let mut turn = Loop::new();
        for _ in 0..1_000 {
            turn.run(59).mark();
        }
        assert_eq!(turn.looks, 0);
        turn.check(59, 0);
        turn.run(60).mark();
        assert_eq!(turn.looks, 1);
    }

    #[test]
    fn time_in_which_others_ran_is_not_ours() {
        let mut turn = Loop::new();
        turn.stand(50_000).mark();
        turn.check(0, 0);
        turn.run(30).stand(50_000).run(40).mark();
        turn.check(70, 0);
        // What was lost in short pieces before is taken off, too: too low by such slivers, never too high.
        turn.stand(20).mark();
        turn.run(200).mark();
        turn.check(180, 1);
    }

    #[test]
    fn what_the_kernel_books_on_us_while_the_loop_waits_is_no_piece() {
        let mut turn = Loop::new();
        turn.run(5_000).begin();
        turn.run(30).mark();
        turn.check(30, 0);
    }

    #[test]
    fn the_threads_clock_goes_on_while_it_runs() {
        let begin = thread_time();
        let work = std::iter::repeat_with(thread_time).find(|ran| *ran > begin + Duration::from_micros(100));
        assert!(work.is_some());
    }
}
