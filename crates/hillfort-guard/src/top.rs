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
    entries: Vec<Entry>,
    halved: Time,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// 0: empty.
    name: u64,
    events: u32,
    error: u32,
    refused: u32,
}

impl Top {
    pub(crate) fn new() -> Self {
        Self { entries: vec![Entry::default(); LINES * WAYS], halved: Time::ZERO }
    }

    /// A connection of the source was judged, or an offence of it was.
    pub(crate) fn on_event(&mut self, now: Time, source: Source, refused: bool) {
        if now.since(self.halved) >= HALF_LIFE {
            self.fade(now);
        }
        let from = (source.hash() >> 40) as usize % LINES * WAYS;
        let line = &mut self.entries[from..from + WAYS];
        let at = match line.iter().position(|entry| entry.name == source.name()) {
            Some(own) => own,
            None => {
                let least = (0..WAYS).min_by_key(|&at| line[at].events).expect("eight ways");
                let events = line[least].events;
                line[least] = Entry { name: source.name(), events, error: events, refused: 0 };
                least
            }
        };
        line[at].events = line[at].events.saturating_add(1);
        line[at].refused += u32::from(refused && line[at].refused < u32::MAX);
    }

    /// The loudest, at most `n`, by what is sure to be theirs.
    pub(crate) fn top(&self, n: usize) -> Vec<TopSource> {
        let mut top: Vec<_> = self.entries.iter().filter(|entry| entry.events > entry.error).copied().collect();
        top.sort_unstable_by_key(|entry| std::cmp::Reverse((entry.events - entry.error, entry.name)));
        top.truncate(n);
        let row = |Entry { name, events, error, refused }| TopSource { addr: home(name), events, error, refused };
        top.into_iter().map(row).collect()
    }

    fn fade(&mut self, now: Time) {
        let halvings = (now.since(self.halved).as_secs() / HALF_LIFE.as_secs()).min(31) as u32;
        self.halved = now;
        for entry in &mut self.entries {
            entry.events >>= halvings;
            entry.error >>= halvings;
            entry.refused >>= halvings;
        }
    }
}

#[cfg(test)]
mod tests;
