//! Who is here, in the order they came, and who goes to make room for a newcomer. Knows nothing of what they ask.

use std::collections::VecDeque;
use std::sync::Weak;
use std::sync::atomic::Ordering::Relaxed;

use hillfort_proto::reject::Reject;
use tokio::task::AbortHandle;

use super::Visit;

/// Fewer are not worth looking through.
const NOTED_MIN: usize = 16;

/// See the module.
#[derive(Debug)]
pub(super) struct Visits {
    /// Those that ended are among them until somebody looks. Each keeps the memory of its task, some kilobytes, so that is soon.
    noted: VecDeque<(Weak<Visit>, AbortHandle)>,
    /// With so many noted, those that ended are forgotten: twice as many as were left the last time, so that looking costs each newcomer the same
    /// small time, and no more than that is kept for nobody.
    look_at: usize,
    silent_max: usize,
    open_max: usize,
}

impl Visits {
    /// `silent_max` may wait for their first request, `open_max` may be here; both at least 1.
    pub(super) const fn new(silent_max: usize, open_max: usize) -> Self {
        Self { noted: VecDeque::new(), look_at: NOTED_MIN, silent_max, open_max }
    }

    pub(super) fn push(&mut self, visit: Weak<Visit>, task: AbortHandle) {
        if self.noted.len() >= self.look_at {
            self.forget_ended();
        }
        self.noted.push_back((visit, task));
    }

    /// Makes room for one more: ends the oldest of the silent when they are `silent_max`, and the oldest of all when they are `open_max`:
    /// whoever keeps asking just often enough must not hold the door against newcomers, and a page is fetched in less time than it takes
    /// to become the oldest. Strangers go before known addresses, as at the other door.
    pub(super) fn make_room(&mut self) {
        if self.noted.len() < self.silent_max.min(self.open_max) {
            return;
        }
        self.forget_ended();
        let visits = &mut self.noted;
        let is_silent = |(visit, _): &(Weak<Visit>, _)| visit.upgrade().is_some_and(|visit| !visit.has_asked.load(Relaxed));
        let is_stranger = |(visit, _): &(Weak<Visit>, _)| visit.upgrade().is_some_and(|visit| !visit.goes_first);
        let oldest = if visits.iter().filter(|visit| is_silent(visit)).count() >= self.silent_max {
            visits.iter().position(|visit| is_silent(visit) && is_stranger(visit)).or_else(|| visits.iter().position(is_silent))
        } else if visits.len() >= self.open_max {
            visits.iter().position(is_stranger).or(Some(0))
        } else {
            None
        };
        if let Some((visit, task)) = oldest.and_then(|at| visits.remove(at)) {
            if let Some(visit) = visit.upgrade() {
                visit.stats.http.refuse(Reject::UnprovenShed);
            }
            task.abort();
        }
    }

    fn forget_ended(&mut self) {
        self.noted.retain(|(visit, _)| visit.strong_count() > 0);
        self.look_at = NOTED_MIN.max(2 * self.noted.len());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::sync::{Arc, Mutex};

    use mio::{Poll, Token, Waker};
    use tokio::sync::mpsc::channel;

    use super::super::Exit;
    use super::*;
    use crate::guests::Returns;

    #[tokio::test]
    async fn those_that_ended_are_soon_forgotten_and_the_others_stay() {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let exit = Exit { departures: channel(1).0, desk: Arc::new(Returns::new(Arc::clone(&waker))), waker };
        let visit = || {
            let (admitted, fault, has_asked) = (Mutex::new(None), Mutex::default(), AtomicBool::new(false));
            let peer = ([127, 0, 0, 1], 1).into();
            Arc::new(Visit { peer, admitted, fault, goes_first: false, has_asked, exit: exit.clone(), stats: Arc::default() })
        };
        let (mut visits, mut stay) = (Visits::new(1000, 1000), Vec::new());
        for n in 0..5000 {
            let visit = visit();
            visits.make_room();
            visits.push(Arc::downgrade(&visit), tokio::spawn(async {}).abort_handle());
            if n % 100 == 0 {
                stay.push(visit);
            }
            assert!(
                visits.noted.len() <= NOTED_MIN.max(2 * stay.len()) + 1,
                "{} are noted for {}",
                visits.noted.len(),
                stay.len()
            );
        }
        let here: Vec<_> = visits.noted.iter().filter_map(|(visit, _)| visit.upgrade()).collect();
        assert!(here.len() == 50 && here.iter().zip(&stay).all(|(a, b)| Arc::ptr_eq(a, b)), "in their order");
    }
}
