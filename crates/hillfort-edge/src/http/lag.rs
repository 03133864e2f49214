//! Measures how far behind this thread is, while it has something to do. Owns the measuring; what follows from it is decided by who answers.

use std::time::{Duration, Instant};

use hillfort_stream::Lag;
use tokio::sync::Notify;

/// Between two measurements.
const EVERY: Duration = Duration::from_millis(2);
/// Below this nothing waits, and nothing is measured until somebody asks something again.
const CALM: Duration = Duration::from_millis(1);

/// Measures from each request on until the thread is calm again. Everything that is ready has its turn before a task that yields has its
/// next one, so the time between is what a request that comes now would wait.
pub(super) async fn watch(lag: Lag, asked: &Notify) {
    loop {
        asked.notified().await;
        loop {
            let begun = Instant::now();
            tokio::task::yield_now().await;
            let waited = begun.elapsed();
            lag.set(waited);
            if waited < CALM {
                break;
            }
            tokio::time::sleep(EVERY).await;
        }
        tokio::time::sleep(EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps the thread busy, as requests do.
    async fn busy(span: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < span {
            std::hint::spin_loop();
        }
    }

    #[tokio::test]
    async fn a_busy_thread_is_behind_and_a_calm_one_is_not() {
        let (lag, asked) = (Lag::default(), std::sync::Arc::new(Notify::new()));
        let (shared, wake) = (lag.clone(), std::sync::Arc::clone(&asked));
        let watching = tokio::spawn(async move { watch(shared, &wake).await });
        let until = async |holds: fn(Duration) -> bool| {
            let deadline = Instant::now() + Duration::from_secs(20);
            while !holds(lag.now()) {
                assert!(Instant::now() < deadline, "{:?}", lag.now());
                tokio::task::yield_now().await;
            }
        };
        assert_eq!(lag.now(), Duration::ZERO);
        let load = tokio::spawn(async move {
            loop {
                asked.notify_one();
                tokio::spawn(busy(Duration::from_millis(5)));
                tokio::time::sleep(EVERY).await;
            }
        });
        until(|lag| lag >= Duration::from_millis(4)).await;
        load.abort();
        until(|lag| lag < CALM).await;
        watching.abort();
    }
}
