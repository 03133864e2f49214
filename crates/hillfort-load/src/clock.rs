//! The clocks of the tool: monotonic time since it started, and the wall clock that a signed hello needs.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hillfort_proto::time::{Time, UnixMs};

/// Monotonic time with an origin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    pub(crate) fn now(self) -> Time {
        Time::ZERO + self.origin.elapsed()
    }
}

/// Wall-clock time; the epoch itself if the clock stands before it.
pub(crate) fn unix_ms() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
