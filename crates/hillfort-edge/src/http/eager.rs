//! Polls a connection again at once when it has woken itself, and tells how long it waited for its turn. Owns its waker; knows nothing of
//! what a connection says.
//!
//! A request with a body wakes its own connection twice on its way to the service: the service asks for the body, and the body is there. By
//! the runtime's queue each of them would wait behind all other connections that are ready, and so would the answer of a call that is done
//! in the meantime: under load three queues for one call.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use hillfort_stream::Lag;

/// Polls in a row, as a request with a body needs: whoever goes on to wake itself has its turn behind the others.
const IN_A_ROW_MAX: u32 = 3;

/// It is being polled.
const POLLED: u8 = 1;
/// It was woken since that began, or ended.
const WOKEN: u8 = 2;

#[derive(Debug)]
struct Signal {
    state: AtomicU8,
    /// When its turn became due: microseconds from `begun` on, and 1. 0: it is not due.
    due: AtomicU64,
    begun: Instant,
    /// The task that this runs in.
    task: AtomicWaker,
}

impl Signal {
    fn since_begun(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The first of several that wake it counts.
    fn is_due(&self) {
        if self.due.load(Ordering::Relaxed) == 0 {
            let _ = self.due.compare_exchange(0, self.since_begun() + 1, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// How long it has been due.
    fn waited(&self) -> Duration {
        let due = self.due.swap(0, Ordering::Relaxed);
        if due == 0 { Duration::ZERO } else { Duration::from_micros((self.since_begun() + 1).saturating_sub(due)) }
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Always a write, so that whoever polls next sees what it was woken for.
        if self.state.fetch_or(WOKEN, Ordering::AcqRel) & POLLED == 0 {
            self.is_due();
            self.task.wake();
        }
    }
}

/// Runs a connection that has been due since it came, at `begun`. `lag` is told what each turn waited before it.
pub(super) async fn eager<F: Future>(connection: F, begun: Instant, lag: Lag) -> F::Output {
    let (state, due, task) = (AtomicU8::new(0), AtomicU64::new(1), AtomicWaker::new());
    let signal = Arc::new(Signal { state, due, begun, task });
    let waker = Waker::from(Arc::clone(&signal));
    let mut connection = pin!(connection);
    std::future::poll_fn(move |context| {
        signal.task.register(context.waker());
        lag.set(signal.waited());
        for _ in 0..IN_A_ROW_MAX {
            signal.state.swap(POLLED, Ordering::AcqRel);
            let polled = connection.as_mut().poll(&mut Context::from_waker(&waker));
            // What comes from here on wakes the task.
            let before = signal.state.swap(0, Ordering::AcqRel);
            if polled.is_ready() || before & WOKEN == 0 {
                return polled;
            }
        }
        signal.is_due();
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicU32;

    /// Counts how often the task was woken.
    #[derive(Default)]
    struct Task(AtomicU32);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_wakes_itself_is_polled_at_once_and_not_for_ever() {
        let task = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&task));
        let mut context = Context::from_waker(&waker);
        for (wakes, rounds) in [(0, 1), (1, 1), (2, 1), (3, 2), (100, 34)] {
            task.0.store(0, Ordering::Relaxed);
            let mut left = wakes;
            let connection = std::future::poll_fn(move |context| {
                if left == 0 {
                    return Poll::Ready(());
                }
                left -= 1;
                context.waker().wake_by_ref();
                Poll::Pending
            });
            let mut eager = Box::pin(eager(connection, Instant::now(), Lag::default()));
            let mut polls = 1;
            while eager.as_mut().poll(&mut context).is_pending() {
                assert_eq!(task.0.load(Ordering::Relaxed), polls, "its task is to come back");
                polls += 1;
            }
            assert_eq!(polls, rounds, "{wakes} wakes");
        }
    }

    #[test]
    fn a_wake_from_elsewhere_reaches_the_task() {
        let task = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&task));
        let mut context = Context::from_waker(&waker);
        let kept: Arc<Mutex<Option<Waker>>> = Arc::default();
        let keep = Arc::clone(&kept);
        let connection = std::future::poll_fn(move |context| {
            let first = keep.lock().unwrap().replace(context.waker().clone()).is_none();
            if first { Poll::Pending } else { Poll::Ready(7) }
        });
        let mut eager = Box::pin(eager(connection, Instant::now(), Lag::default()));
        assert_eq!(eager.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(task.0.load(Ordering::Relaxed), 0);
        let elsewhere = kept.lock().unwrap().clone().unwrap();
        std::thread::spawn(move || elsewhere.wake()).join().unwrap();
        assert_eq!(task.0.load(Ordering::Relaxed), 1);
        assert_eq!(eager.as_mut().poll(&mut context), Poll::Ready(7));
    }

    /// Lets time pass.
    fn busy(span: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < span {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn a_turn_is_told_how_long_it_waited() {
        let (lag, span) = (Lag::default(), Duration::from_millis(3));
        let mut context = Context::from_waker(Waker::noop());
        let kept: Arc<Mutex<Option<Waker>>> = Arc::default();
        let keep = Arc::clone(&kept);
        let connection = std::future::poll_fn(move |context| {
            *keep.lock().unwrap() = Some(context.waker().clone());
            Poll::<()>::Pending
        });
        let begun = Instant::now();
        let mut eager = Box::pin(eager(connection, begun, lag.clone()));
        busy(span);
        assert!(eager.as_mut().poll(&mut context).is_pending());
        assert!(lag.now() >= span, "since it came: {:?}", lag.now());
        let wake = || kept.lock().unwrap().as_ref().unwrap().wake_by_ref();
        // The first of two wakes counts, not the time before it, when nothing was to do.
        busy(span);
        let woken = Instant::now();
        wake();
        busy(span);
        wake();
        assert!(eager.as_mut().poll(&mut context).is_pending());
        let most = woken.elapsed() + Duration::from_micros(1);
        assert!(lag.now() >= span && lag.now() <= most, "{:?} of {most:?}", lag.now());
        assert!(eager.as_mut().poll(&mut context).is_pending());
        assert_eq!(lag.now(), Duration::ZERO, "nobody has woken it");
    }

    /// Wakes that come while it is polled, just before and just behind, on another thread: none is lost.
    #[test]
    fn no_wake_is_lost_between_two_polls() {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            for _ in 0..20_000 {
                let (sender, receiver) = tokio::sync::oneshot::channel();
                let sending = tokio::task::spawn_blocking(move || sender.send(()));
                eager(receiver, Instant::now(), Lag::default()).await.unwrap();
                sending.await.unwrap().unwrap();
            }
        });
    }
}
