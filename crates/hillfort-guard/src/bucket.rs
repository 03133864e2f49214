//! Token buckets, written as the generic cell rate algorithm (ITU-T I.371 annex A): one number says when the bucket will be full
//! again. A bucket that is full again says nothing, so forgetting it costs nothing; and there is no division and no drift. Knows
//! no sources.

use std::time::Duration;

use hillfort_proto::time::Time;

/// Most events a second that a [`Rate`] can allow: the resolution of the small buckets is 4.096 µs.
pub const PER_S_MAX: u32 = 200_000;

/// Longest time that an empty bucket may take to fill up: well below half the turn of the small buckets' clock (4.9 h).
const SPAN_MAX: Duration = Duration::from_secs(2 * 60 * 60);

/// The same in ticks of the small buckets.
const MAX_SPAN_TICKS: u64 = SPAN_MAX.as_nanos() as u64 / TICK_NS;

/// How many events a second, and how many at once after a quiet time.
///
/// Small buckets (per source, per session) count in steps of 4.096 µs and round the rate down to them: by 0.04 % at 100/s, by at
/// most 4 % at 10,000/s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    per_s: u32,
    burst: u32,
    /// Nanoseconds that one event costs.
    step_ns: u64,
    /// Nanoseconds from empty to full.
    span_ns: u64,
    /// The same two in ticks.
    step: u32,
    span: u32,
}

/// Why a rate cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Zero, or above [`PER_S_MAX`].
    #[error("the rate must be 1 to {PER_S_MAX} a second")]
    PerSecond,
    /// Zero, or so large that an empty bucket needs more than two hours to fill up.
    #[error("the burst must be at least 1 and at most two hours' worth of the rate")]
    Burst,
}

impl Rate {
    /// `per_s` events a second, `burst` of them at once.
    ///
    /// # Errors
    /// [`RateError`]: out of the range in which buckets are exact.
    pub const fn new(per_s: u32, burst: u32) -> Result<Self, RateError> {
        if per_s == 0 || per_s > PER_S_MAX {
            return Err(RateError::PerSecond);
        }
        let step_ns = 1_000_000_000_u64.div_ceil(per_s as u64);
        let step = step_ns.div_ceil(TICK_NS);
        let (span_ns, span) = (step_ns * burst as u64, step * burst as u64);
        if burst == 0 || span * TICK_NS > SPAN_MAX.as_nanos() as u64 {
            return Err(RateError::Burst);
        }
        Ok(Self { per_s, burst, step_ns, span_ns, step: step as u32, span: span as u32 })
    }

    /// Events a second.
    #[must_use]
    pub const fn per_s(&self) -> u32 {
        self.per_s
    }

    /// Events at once.
    #[must_use]
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// This rate and burst times `percent` / 100, at least one event at once. An empty bucket fills up in the same time as before, so
    /// a bucket may be charged by one scale after another.
    pub(crate) fn scaled(&self, percent: u32) -> Self {
        if percent == 100 {
            return *self;
        }
        let times = |n: u32| (u64::from(n) * u64::from(percent) / 100).clamp(1, u64::from(u32::MAX)) as u32;
        let step_ns = (self.step_ns * 100 / u64::from(percent.max(1))).max(1);
        let step = (u64::from(self.step) * 100 / u64::from(percent.max(1))).clamp(1, MAX_SPAN_TICKS) as u32;
        Self {
            per_s: times(self.per_s),
            burst: times(self.burst),
            step_ns,
            span_ns: self.span_ns.max(step_ns),
            step,
            span: self.span.max(step),
        }
    }

    /// Nanoseconds of debt at which `percent` of the burst is spent.
    pub(crate) const fn debt_at(&self, percent: u32) -> u64 {
        self.span_ns / 100 * percent as u64
    }

    /// Events that so much debt stands for.
    pub(crate) fn events(&self, debt: Duration) -> u32 {
        (debt.as_nanos() as u64 / self.step_ns).min(u64::from(u32::MAX)) as u32
    }
}

/// One bucket in nanoseconds, for what exists once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bucket {
    full_at: Time,
}

impl Bucket {
    /// Cuts a debt down to an empty bucket: beyond that it is left from a slower rate or a larger burst, and would be waited for.
    pub(crate) fn cut(&mut self, now: Time, rate: &Rate) {
        self.full_at = self.full_at.min(now + Duration::from_nanos(rate.span_ns));
    }

    /// The bucket after `cost` events more, if it holds them.
    pub(crate) fn after(self, now: Time, rate: &Rate, cost: u32) -> Option<Self> {
        self.after_leaving(now, rate, cost, 0)
    }

    /// The same, if `reserve` percent of the burst are still there afterwards.
    pub(crate) fn after_leaving(self, now: Time, rate: &Rate, cost: u32, reserve: u32) -> Option<Self> {
        let debt = self.full_at.0.saturating_sub(now.0);
        let debt = debt.saturating_add(rate.step_ns.saturating_mul(u64::from(cost)));
        // At least one event fits, or the smallest bursts would never let anybody in.
        let span = rate.debt_at(100 - reserve.min(100)).max(rate.step_ns);
        let span = if reserve == 0 { rate.span_ns } else { span };
        (debt <= span).then(|| Self { full_at: now + Duration::from_nanos(debt) })
    }

    /// When it is full again.
    pub(crate) const fn full_at(self) -> Time {
        self.full_at
    }

    /// An empty bucket.
    pub(crate) fn empty(now: Time, rate: &Rate) -> Self {
        Self { full_at: now + Duration::from_nanos(rate.span_ns) }
    }

    /// When so much debt is left.
    pub(crate) fn debt_falls_to(self, debt_ns: u64) -> Time {
        self.full_at - Duration::from_nanos(debt_ns)
    }

    /// Time until it is full again: zero when the past is forgotten.
    pub(crate) fn owed(self, now: Time) -> Duration {
        self.full_at.since(now)
    }
}

/// One bucket in ticks of a clock that turns over every 4.9 h, for what exists a million times.
///
/// A cell untouched for about a whole turn can look as if it still owed something; by chance (span ÷ 4.9 h), at most one span's
/// worth, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell(pub(crate) u32);

const TICK_SHIFT: u32 = 12;
const TICK_NS: u64 = 1 << TICK_SHIFT;

/// The small buckets' clock; it wraps.
pub(crate) const fn ticks(now: Time) -> u32 {
    (now.0 >> TICK_SHIFT) as u32
}

impl Cell {
    /// A full bucket.
    pub(crate) const fn full(now: u32) -> Self {
        Self(now)
    }

    /// Ticks until it is full again.
    pub(crate) const fn debt(self, now: u32, rate: &Rate) -> u32 {
        let ahead = self.0.wrapping_sub(now);
        if ahead <= rate.span { ahead } else { 0 }
    }

    /// The bucket after `cost` events more, if it holds them.
    pub(crate) fn after(self, now: u32, rate: &Rate, cost: u32) -> Option<Self> {
        let debt = self.debt(now, rate).saturating_add(rate.step.saturating_mul(cost));
        (debt <= rate.span).then(|| Self(now.wrapping_add(debt)))
    }
}

#[cfg(test)]
mod tests;
