//! Who comes most: connection attempts and refusals of the loudest sources, in fixed memory. Knows nothing of limits.
//!
//! Space-saving (Metwally, Agrawal and El Abbadi, 2005) within lines of eight that a keyed hash chooses: a source that has no place takes
//! the one with the lowest count and inherits it as its possible error. So a source with more than an eighth of its line's events always
//! has a place, and a count is never too small. Counts are halved every ten seconds: they are about those of the last twenty.

use std::net::IpAddr;
use std::time::Duration;

use hillfort_proto::time::Time;

use crate::source::{Source, home};

const LINES: usize = 64;
const WAYS: usize = 8;
const HALF_LIFE: Duration = Duration::from_secs(10);

/// One of the loudest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopSource {
    /// The address; of an IPv6 address its /64.
    pub addr: IpAddr,
    /// Connections and refusals, about those of the last 20 s; never too few.
    pub events: u32,
    /// Of those, how many may have been others' at most.
    pub error: u32,
    /// Refused connections and offences of it.
    pub refused: u32,
}

#[derive(Debug)]
pub(crate) struct Top {
    lines: Vec<Line>,
    halved: Time,
}

/// Names first: they are all that is looked at for a source that has a place.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Line {
    /// 0: empty.
    names: [u64; WAYS],
    counts: [Counts; WAYS],
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    events: u32,
    error: u32,
    refused: u32,
}

impl Top {
    pub(crate) fn new() -> Self {
        Self { lines: vec![Line::default(); LINES], halved: Time::ZERO }
    }

    /// A connection of the source was judged, or an offence of it was.
    pub(crate) fn on_event(&mut self, now: Time, source: Source, refused: bool) {
        if now.since(self.halved) >= HALF_LIFE {
            self.fade(now);
        }
        let line = &mut self.lines[(source.hash() >> 40) as usize % LINES];
        let name = source.name();
        // Looks at all eight without a branch: which one it is cannot be predicted.
        let own = (0..WAYS).rev().fold(WAYS, |own, at| if line.names[at] == name { at } else { own });
        let at = if own < WAYS {
            own
        } else {
            let least = (0..WAYS).min_by_key(|&at| line.counts[at].events).expect("eight ways");
            let events = line.counts[least].events;
            line.names[least] = name;
            line.counts[least] = Counts { events, error: events, refused: 0 };
            least
        };
        let counts = &mut line.counts[at];
        counts.events = counts.events.saturating_add(1);
        counts.refused = counts.refused.saturating_add(u32::from(refused));
    }

    /// The loudest, at most `n`, by what is sure to be theirs.
    pub(crate) fn top(&self, n: usize) -> Vec<TopSource> {
        let rows = self.lines.iter().flat_map(|line| line.names.iter().zip(&line.counts));
        let mut top: Vec<_> = rows.filter(|(_, counts)| counts.events > counts.error).collect();
        top.sort_unstable_by_key(|(name, counts)| std::cmp::Reverse((counts.events - counts.error, **name)));
        top.truncate(n);
        top.into_iter()
            .map(|(name, Counts { events, error, refused })| TopSource {
                addr: home(*name),
                events: *events,
                error: *error,
                refused: *refused,
            })
            .collect()
    }

    fn fade(&mut self, now: Time) {
        let halvings = (now.since(self.halved).as_secs() / HALF_LIFE.as_secs()).min(31) as u32;
        self.halved = now;
        for counts in self.lines.iter_mut().flat_map(|line| &mut line.counts) {
            counts.events >>= halvings;
            counts.error >>= halvings;
            counts.refused >>= halvings;
        }
    }
}

#[cfg(test)]
mod tests;
