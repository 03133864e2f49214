//! Where the ladder keeps its records: sets of eight, so that a flood of offenders costs what was planned. A ban never gives way to what
//! is none; among equals what matters for the shortest time gives way. Knows nothing of what is in a record.

use hillfort_proto::time::Time;

use super::Record;
use crate::bucket::Bucket;
use crate::lines::{LINE_WORDS, Lines};
use crate::source::Source;

/// Addresses whose offences and bans are remembered at most.
pub const LADDER_MAX: usize = 1 << 14;

#[derive(Debug)]
pub(super) struct Table {
    /// Names of sources; 0 is empty.
    names: Lines,
    hot: Vec<Hot>,
    /// Where in `records` a place has its own; 0 until it is needed for the first time.
    numbers: Vec<u32>,
    /// The first is empty, and stands for all that places do not have. Has room for all from the start, so nothing moves and nothing is
    /// allocated later, and memory that was never written costs nothing but address space.
    records: Vec<Record>,
    used: usize,
}

/// What every connection asks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hot {
    /// End of the ban.
    pub(super) until: Time,
    pub(super) points: Bucket,
    pub(super) standing: Bucket,
}

impl Table {
    pub(super) fn new(entries: usize) -> Self {
        let names = Lines::new(entries);
        let entries = names.words();
        let mut records = Vec::with_capacity(entries + 1);
        records.push(Record::default());
        Self { names, hot: vec![Hot::default(); entries], numbers: vec![0; entries], records, used: 0 }
    }

    pub(super) fn len(&self) -> usize {
        // Nothing to walk through when nobody did anything.
        if self.used == 0 { 0 } else { self.hot.len() }
    }

    pub(super) fn find(&self, source: Source) -> Option<usize> {
        // Nearly always there is none, and then there is nothing to look up.
        if self.used == 0 {
            return None;
        }
        let way = self.names.line(source.hash()).iter().position(|name| *name == source.name())?;
        Some(self.names.at(source.hash()) + way)
    }

    /// The source's own place, or one that gives way to it; to a ban, a ban gives way, too.
    pub(super) fn take(&mut self, now: Time, source: Source, for_ban: bool) -> Option<usize> {
        if let Some(at) = self.find(source) {
            return Some(at);
        }
        let from = self.names.at(source.hash());
        let line = *self.names.line(source.hash());
        let worth = |way: &usize| {
            let (hot, record) = (&self.hot[from + way], self.record(from + way));
            let matters = hot.points.full_at().max(hot.standing.full_at()).max(record.matters_until());
            (line[*way] != 0, hot.until > now, if hot.until > now { hot.until } else { matters })
        };
        let way = (0..LINE_WORDS).min_by_key(worth).expect("eight ways");
        if self.hot[from + way].until > now && !for_ban {
            return None;
        }
        self.clear(from + way);
        self.names.line_mut(source.hash())[way] = source.name();
        self.used += 1;
        Some(from + way)
    }

    pub(super) fn clear(&mut self, at: usize) {
        let name = self.names.word_mut(at);
        self.used -= usize::from(*name != 0);
        *name = 0;
        self.hot[at] = Hot::default();
        if self.numbers[at] != 0 {
            self.records[self.numbers[at] as usize] = Record::default();
        }
    }

    pub(super) fn name(&self, at: usize) -> u64 {
        self.names.word(at)
    }

    pub(super) fn hot(&self, at: usize) -> &Hot {
        &self.hot[at]
    }

    pub(super) fn record(&self, at: usize) -> &Record {
        &self.records[self.numbers[at] as usize]
    }

    pub(super) fn entry(&mut self, at: usize) -> (&mut Hot, &mut Record) {
        let number = &mut self.numbers[at];
        if *number == 0 {
            *number = u32::try_from(self.records.len()).expect("there are far fewer than 2^32 places");
            self.records.push(Record::default());
        }
        (&mut self.hot[at], &mut self.records[*number as usize])
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn records_come_with_offenders_and_never_move() {
        let (sources, mut table) = (crate::source::Secret::new(7), Table::new(64));
        let (places, room, first) = (table.hot.len(), table.records.capacity(), table.records.as_ptr());
        for n in 0..10_000_u32 {
            let source = sources.source(Ipv4Addr::from(n << 8).into());
            let at = table.take(Time(u64::from(n)), source, false).expect("nobody is banned");
            table.entry(at).1.count = n + 1;
            assert_eq!((table.find(source), table.record(at).count, table.record(at).repeats), (Some(at), n + 1, 0));
            assert!(table.records.len() <= 2 + n as usize, "one for each place that was needed");
        }
        assert_eq!((table.records.len(), table.records.capacity(), table.records.as_ptr()), (places + 1, room, first));
        assert_eq!(table.records[0].count, 0, "what places without one are shown");
        (0..places).for_each(|at| table.clear(at));
        assert!(table.used == 0 && (0..places).all(|at| table.record(at).count == 0));
    }
}
