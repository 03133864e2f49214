//! An open loop: what is sent when, fixed beforehand. Latency counts from the intended time, so a server that stalls is charged for every
//! message that was due in the stall, not only for the one that waited (coordinated omission, as Gil Tene named it). Reads no clock.

use std::time::Duration;

use hillfort_proto::time::Time;

/// When each of `senders` sends: all at the same rate, their phases spread evenly, so that the server sees a steady stream.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    start: Time,
    /// Between two messages of one sender, nanoseconds.
    interval_ns: u64,
    senders: u64,
    /// Messages handed out so far, over all senders.
    next: u64,
}

/// One message that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) sender: usize,
    /// 0 for the sender's first one.
    pub(crate) number: u64,
}

impl Schedule {
    /// `rate_hz` messages a second from each of `senders`, the first at `start`.
    pub(crate) fn new(start: Time, rate_hz: f64, senders: usize) -> Self {
        Self { start, interval_ns: ((1e9 / rate_hz) as u64).max(1), senders: senders.max(1) as u64, next: 0 }
    }

    /// When message `number` of `sender` should leave.
    pub(crate) fn intended(&self, due: Due) -> Time {
        self.at(due.number * self.senders + due.sender as u64)
    }

    /// The next message whose time has come. Late calls lose nothing: all that was due comes out, one by one.
    pub(crate) fn poll_due(&mut self, now: Time) -> Option<Due> {
        if self.at(self.next) > now {
            return None;
        }
        let due = Due { sender: (self.next % self.senders) as usize, number: self.next / self.senders };
        self.next += 1;
        Some(due)
    }

    /// When the next message is due.
    pub(crate) fn next_at(&self) -> Time {
        self.at(self.next)
    }

    fn at(&self, index: u64) -> Time {
        let (round, sender) = (index / self.senders, index % self.senders);
        // The phase is computed from the sender's number, not added up: no drift over millions of messages.
        let phase_ns = u128::from(self.interval_ns) * u128::from(sender) / u128::from(self.senders);
        self.start + Duration::from_nanos(round * self.interval_ns + phase_ns as u64)
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;

    use super::*;

    #[test]
    fn phases_are_spread_and_rounds_do_not_drift() {
        let mut schedule = Schedule::new(Time::from_millis(1_000), 20.0, 5);
        let now = Time::from_millis(1_000 + 3_600_000);
        let mut dues = vec![];
        while let Some(due) = schedule.poll_due(now) {
            dues.push(due);
        }
        assert_eq!(dues.len(), 20 * 5 * 3_600 + 1, "an hour at 20 Hz, and the first of the next round");
        assert_eq!(schedule.intended(dues[0]), Time::from_millis(1_000));
        assert_eq!(schedule.intended(dues[1]), Time::from_millis(1_010));
        assert_eq!(dues[7], Due { sender: 2, number: 1 });
        assert_eq!(schedule.intended(dues[7]), Time::from_millis(1_000 + 50 + 20));
        assert_eq!(schedule.next_at(), now + Duration::from_millis(10));
    }

    #[test]
    fn nothing_is_due_early() {
        let mut schedule = Schedule::new(Time::from_millis(10), 1.0, 1);
        assert_eq!(schedule.poll_due(Time::from_millis(9)), None);
        assert_eq!(schedule.poll_due(Time::from_millis(10)), Some(Due { sender: 0, number: 0 }));
        assert_eq!(schedule.poll_due(Time::from_millis(1_009)), None);
    }

    /// A server that answers in 1 ms, but stands still from second 5 to second 6 of ten.
    fn answered_at(arrival: Time) -> Time {
        let (stall, end) = (Time::from_millis(5_000), Time::from_millis(6_000));
        let started = if (stall..end).contains(&arrival) { end } else { arrival };
        started + Duration::from_millis(1)
    }

    /// One sender at 100 Hz for ten seconds that sends the next message only when the last one is answered.
    fn waiting_sender(latency_of: impl Fn(Due, Time, &Schedule) -> Duration) -> Histogram<u64> {
        let mut latencies = Histogram::new(3).expect("3 digits are allowed");
        let mut schedule = Schedule::new(Time::ZERO, 100.0, 1);
        let mut now = Time::ZERO;
        while now < Time::from_millis(10_000) {
            now = now.max(schedule.next_at());
            let due = schedule.poll_due(now).expect("its time has come");
            let answered = answered_at(now);
            latencies
                .record(latency_of(due, now, &schedule).as_micros() as u64 + answered.since(now).as_micros() as u64)
                .expect("small");
            now = answered;
        }
        latencies
    }

    #[test]
    fn a_stall_is_charged_to_all_that_were_due_in_it() {
        let from_send = waiting_sender(|_, _, _| Duration::ZERO);
        let from_intended = waiting_sender(|due, sent, schedule| sent.since(schedule.intended(due)));
        assert!(from_send.value_at_quantile(0.99) < 1_100, "measured from the send, one second of nothing does not show at p99");
        assert!(from_intended.value_at_quantile(0.99) > 800_000, "measured from the intended time it does");
        // 1 s of stall at 100 Hz: a tenth of the messages were late, by half a second on average.
        assert!(from_intended.value_at_quantile(0.95) > 300_000);
        assert!(from_intended.value_at_quantile(0.80) < 1_100, "and it recovers");
    }
}
