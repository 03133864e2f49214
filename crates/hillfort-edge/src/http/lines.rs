//! Ends what a request came by when whoever answers it says so: a stream of HTTP/2 alone where that is possible, or the connection. Knows
//! nothing of why.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::Version;
use hillfort_proto::reject::Reject;
use hillfort_stream::Line;
use hyper::rt::Executor;
use tokio::sync::Notify;

use crate::stats::Stats;

/// Lines of one connection, and where its streams run. A clone is the same.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    connection: Arc<Notify>,
    /// Of HTTP/2, the one that is about to run.
    stream: Arc<Mutex<Option<Arc<Stream>>>>,
    stats: Arc<Stats>,
}

/// A stream of HTTP/2.
#[derive(Debug, Default)]
struct Stream {
    end: Notify,
    is_cut: AtomicBool,
    /// The last part of its answer was given to its connection, which alone has it from then on.
    is_over: AtomicBool,
}

impl Lines {
    pub(super) fn new(stats: Arc<Stats>) -> Self {
        Self { connection: Arc::default(), stream: Arc::default(), stats }
    }

    /// The line of a request that has just come.
    pub(super) fn of(&self, version: Version) -> Line {
        let connection = Arc::clone(&self.connection);
        if version != Version::HTTP_2 {
            return Line::new(move || connection.notify_one());
        }
        let stream = Arc::<Stream>::default();
        *self.stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&stream));
        Line::new(move || {
            stream.is_cut.store(true, SeqCst);
            stream.end.notify_one();
            if stream.is_over.load(SeqCst) {
                connection.notify_one();
            }
        })
    }

    /// Returns when the connection is to end.
    pub(super) async fn was_cut(&self) {
        self.connection.notified().await;
        self.stats.http.refuse(Reject::SlowConsumer);
    }
}

/// hyper runs a stream right after it has handed its request over, so the line that was made last is its. A stream that is dropped is reset.
impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Lines {
    fn execute(&self, work: F) {
        let (stream, lines) = (self.stream.lock().unwrap_or_else(PoisonError::into_inner).take(), self.clone());
        tokio::spawn(async move {
            let Some(stream) = stream else { return work.await };
            tokio::select! {
                () = stream.end.notified() => lines.stats.http.refuse(Reject::SlowConsumer),
                () = work => {
                    stream.is_over.store(true, SeqCst);
                    if stream.is_cut.load(SeqCst) {
                        lines.connection.notify_one();
                    }
                }
            }
        });
    }
}
