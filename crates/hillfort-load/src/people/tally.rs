//! What became of calls: offered, held back, answered, refused, lost; latencies of those that were let in. Knows nothing of how calls are made.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::mix::Class;
use crate::latency::{Latencies, Percentiles};

/// gRPC's codes by which a server says that it has too much to do.
const RESOURCE_EXHAUSTED: u8 = 8;
const UNAVAILABLE: u8 = 14;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Ok,
    /// Refused or failed, with gRPC's code.
    Code(u8),
    /// The same without one: HTTP's status.
    Status(u16),
    /// Its connection ended before the answer.
    Lost,
    /// No answer in time.
    Late,
    /// An answer that is none to what was asked.
    Wrong,
}

impl End {
    /// The server had too much to do and said so.
    pub(super) const fn is_refusal(self) -> bool {
        matches!(self, Self::Code(RESOURCE_EXHAUSTED | UNAVAILABLE) | Self::Status(429 | 503))
    }
}

impl fmt::Display for End {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => to.write_str("ok"),
            Self::Code(code) => write!(to, "code {code}"),
            Self::Status(status) => write!(to, "HTTP {status}"),
            Self::Lost => to.write_str("connection lost"),
            Self::Late => to.write_str("no answer in time"),
            Self::Wrong => to.write_str("wrong answer"),
        }
    }
}

/// What became of the calls of a time, by class.
#[derive(Debug)]
pub(super) struct Tally([OfClass; 6]);

#[derive(Debug)]
struct OfClass {
    offered: u64,
    held: u64,
    ends: BTreeMap<End, u64>,
    admitted: Latencies,
    refused: Latencies,
}

/// The figures of a class, or of all.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Figures {
    pub(super) class: &'static str,
    /// Calls that were due.
    pub(super) offered: u64,
    /// Of those, the ones whose player still waited for an answer: never sent.
    pub(super) held: u64,
    pub(super) ok: u64,
    /// Refused because the server had too much to do (gRPC's codes 8 and 14, HTTP's 429 and 503).
    pub(super) refused: u64,
    /// Every other end.
    pub(super) failed: u64,
    /// How often each end came.
    pub(super) ends: BTreeMap<String, u64>,
    /// Of all answers but refusals, from when the call was due.
    pub(super) admitted: Percentiles,
    /// Of refusals.
    pub(super) refusals: Percentiles,
    /// Admitted calls by latency: the upper bound of each bucket in microseconds, and how many are in it.
    pub(super) histogram: Vec<(u64, u64)>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| OfClass {
            offered: 0,
            held: 0,
            ends: BTreeMap::new(),
            admitted: Latencies::new(),
            refused: Latencies::new(),
        }))
    }

    /// A call was due, and was sent unless its player was `held` by another one.
    pub(super) fn offer(&mut self, class: Class, held: bool) {
        let of = &mut self.0[class as usize];
        of.offered += 1;
        of.held += u64::from(held);
    }

    /// A call ended, `latency` after it was due.
    pub(super) fn end(&mut self, class: Class, end: End, latency: Duration) {
        let of = &mut self.0[class as usize];
        *of.ends.entry(end).or_default() += 1;
        match end {
            End::Lost | End::Late => {}
            end if end.is_refusal() => of.refused.record(latency),
            _ => of.admitted.record(latency),
        }
    }

    /// Figures of each class that was offered, and of all together at the end.
    pub(super) fn figures(&self) -> Vec<Figures> {
        let mut figures: Vec<_> = Class::ALL.iter().filter_map(|&class| self.0[class as usize].figures(class.name())).collect();
        let mut all =
            OfClass { offered: 0, held: 0, ends: BTreeMap::new(), admitted: Latencies::new(), refused: Latencies::new() };
        for of in &self.0 {
            all.offered += of.offered;
            all.held += of.held;
            all.admitted.add(&of.admitted);
            all.refused.add(&of.refused);
            for (end, times) in &of.ends {
                *all.ends.entry(*end).or_default() += times;
            }
        }
        figures.extend(all.figures("all"));
        figures
    }
}

impl OfClass {
    fn figures(&self, class: &'static str) -> Option<Figures> {
        (self.offered > 0).then(|| {
            let sum = |pick: fn(End) -> bool| self.ends.iter().filter(|(end, _)| pick(**end)).map(|(_, times)| times).sum();
            Figures {
                class,
                offered: self.offered,
                held: self.held,
                ok: sum(|end| end == End::Ok),
                refused: sum(End::is_refusal),
                failed: sum(|end| end != End::Ok && !end.is_refusal()),
                ends: self.ends.iter().map(|(end, times)| (end.to_string(), *times)).collect(),
                admitted: self.admitted.percentiles(),
                refusals: self.refused.percentiles(),
                histogram: self.admitted.buckets(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_is_counted_once_and_refusals_are_no_latency_of_what_was_admitted() {
        let mut tally = Tally::new();
        for at in 0..10 {
            tally.offer(Class::Read, at == 9);
        }
        let ms = Duration::from_millis;
        for (end, latency) in [
            (End::Ok, ms(1)),
            (End::Ok, ms(3)),
            (End::Code(5), ms(2)),
            (End::Code(14), ms(900)),
            (End::Code(8), ms(1)),
            (End::Status(503), ms(1)),
            (End::Status(500), ms(4)),
            (End::Lost, ms(5_000)),
            (End::Late, ms(10_000)),
        ] {
            tally.end(Class::Read, end, latency);
        }
        let figures = tally.figures();
        assert_eq!(figures.iter().map(|of| of.class).collect::<Vec<_>>(), ["read", "all"]);
        for of in figures {
            assert_eq!((of.offered, of.held, of.ok, of.refused, of.failed), (10, 1, 2, 3, 4));
            assert_eq!(of.ends["code 14"], 1);
            assert!((4_000..4_100).contains(&of.admitted.max_us), "{:?}", of.admitted);
            assert!((900_000..901_000).contains(&of.refusals.max_us), "{:?}", of.refusals);
            assert_eq!(of.histogram.iter().map(|(_, count)| count).sum::<u64>(), 4, "all that were admitted");
        }
    }
}
