//! Where world threads read the time. A test gives them its own.

use std::time::Instant;

use hillfort_proto::time::Time;

/// A monotonic clock.
pub trait Clock: Sync {
    /// Time since the clock's origin.
    fn now(&self) -> Time;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock that reads [`Time::ZERO`] now.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        Time::ZERO + self.origin.elapsed()
    }
}
