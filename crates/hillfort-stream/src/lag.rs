//! How long a connection waited for its turn on its door's thread. Owns the figure; who measures it and what is done about it are others' business.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How long what came last by a connection waited for its turn on its door's thread. Requests carry it as an extension, so that whoever
/// answers them can refuse what would be answered too late. A clone is the same figure.
#[derive(Debug, Clone, Default)]
pub struct Lag(Arc<AtomicU64>);

impl Lag {
    /// As it was measured last, to the microsecond.
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_micros(self.0.load(Relaxed))
    }

    /// Sets what was measured.
    pub fn set(&self, lag: Duration) {
        self.0.store(u64::try_from(lag.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }
}
