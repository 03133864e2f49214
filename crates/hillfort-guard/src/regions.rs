//! Which autonomous system and country an address belongs to: disjoint ranges in flat sorted arrays, built once off the hot path and
//! swapped as a whole. Knows nothing of files' shapes (see [`text`]) or of what a place is refused for.
//!
//! IPv4: 8 bytes a range, and an index by the upper 16 bits that leaves few of them to search. IPv6 is told apart to the /64, 16 bytes a
//! range. Empty until an operator gives a table: none ships.

mod rules;
mod text;

use std::collections::BTreeMap;
use std::net::IpAddr;

pub use rules::{Places, RegionRules};

/// Ranges of one table at most, of both families together: six times the routed Internet of 2025.
pub const RANGES_MAX: usize = 4_000_000;

/// Where a range of addresses belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// Number of the autonomous system; 0: unknown.
    pub asn: u32,
    /// Country.
    pub country: Country,
}

/// A country by two letters (ISO 3166-1 alpha-2), or unknown, which is the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Country([u8; 2]);

/// Addresses from `start` to `end`, both included, of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First.
    pub start: IpAddr,
    /// Last.
    pub end: IpAddr,
    /// Where they belong.
    pub place: Place,
}

/// Why there is no table. Numbers count lines, or ranges of an iterator, from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegionsError {
    /// A line has less than four columns.
    #[error("line {line}: expected start, end, number, country and name with tabs between them")]
    Columns {
        /// Which.
        line: usize,
    },
    /// What stands there is no IP address.
    #[error("line {line}: the {column} is not an IP address")]
    Address {
        /// Which.
        line: usize,
        /// `start` or `end`.
        column: &'static str,
    },
    /// Not a number of 32 bits.
    #[error("line {line}: the number of the autonomous system is not one of 0 to 4294967295")]
    Asn {
        /// Which.
        line: usize,
    },
    /// Neither two capital letters nor `None`.
    #[error("line {line}: a country is two capital letters, or None")]
    Country {
        /// Which.
        line: usize,
    },
    /// Start and end are of two families, or the end comes first.
    #[error("line {line}: the end is not after the start")]
    Backwards {
        /// Which.
        line: usize,
    },
    /// It begins inside another.
    #[error("line {line}: the range begins inside another one")]
    Overlap {
        /// The later one.
        line: usize,
    },
    /// More than [`RANGES_MAX`].
    #[error("more than {RANGES_MAX} ranges")]
    TooMany,
}

/// The table. Costs 8 bytes for each IPv4 range and gap between ranges, 16 for IPv6, 256 KiB of index, and 8 for each different place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regions {
    v4: Table<u32>,
    v6: Table<u64>,
    /// The first is what no range knows.
    places: Vec<Place>,
    ranges: usize,
}

/// Where each range begins; it goes on to where the next begins. Gaps are ranges of the unknown place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Table<W> {
    /// Start and number of the place, side by side: who finds the one has the other.
    ranges: Vec<(W, u32)>,
    /// By the upper 16 bits: the last range that begins at or before the first address with them.
    index: Vec<u32>,
}

/// What both families have in common.
trait Word: Copy + Ord {
    const ZERO: Self;
    fn upper_16(self) -> usize;
    fn from_upper_16(bits: usize) -> Self;
    fn next(self) -> Option<Self>;
}

impl Regions {
    /// The table of these ranges, in any order. An IPv6 range that begins inside a /64 begins for us at the next one; one that lies
    /// inside a /64 whole is left out.
    ///
    /// # Errors
    /// [`RegionsError`].
    pub fn from_ranges(ranges: impl IntoIterator<Item = Range>) -> Result<Self, RegionsError> {
        let mut maker = Maker::default();
        for (at, range) in ranges.into_iter().enumerate() {
            maker.add(at + 1, range)?;
        }
        maker.end()
    }

    /// The table of a text in the shape of iptoasn.com: a line for each range, `start`, `end`, number, country and name with tabs between
    /// them. Names are not kept. Empty lines and lines that begin with `#` are passed over.
    ///
    /// # Errors
    /// [`RegionsError`], with the line.
    pub fn from_tsv(text: &str) -> Result<Self, RegionsError> {
        let mut maker = Maker::default();
        for (at, line) in text.lines().enumerate() {
            if let Some(range) = text::range(at + 1, line)? {
                maker.add(at + 1, range)?;
            }
        }
        maker.end()
    }

    /// The ranges of such a text as they stand there, so that tables can be laid over each other before one is made of them.
    ///
    /// # Errors
    /// [`RegionsError`] of a single line.
    pub fn ranges_of_tsv(text: &str) -> Result<Vec<Range>, RegionsError> {
        text.lines().enumerate().filter_map(|(at, line)| text::range(at + 1, line).transpose()).collect()
    }

    /// Where the address belongs; the unknown place when no range has it.
    #[must_use]
    pub fn place(&self, addr: IpAddr) -> Place {
        let place = match addr.to_canonical() {
            IpAddr::V4(v4) => self.v4.place(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.place((v6.to_bits() >> 64) as u64),
        };
        self.places[place as usize]
    }

    /// Ranges that it was made of.
    #[must_use]
    pub const fn ranges(&self) -> usize {
        self.ranges
    }
}

impl Default for Regions {
    fn default() -> Self {
        Maker::default().end().expect("nothing overlaps in an empty table")
    }
}

impl Country {
    /// Not known.
    pub const UNKNOWN: Self = Self([0; 2]);

    /// The country with these two capital letters.
    #[must_use]
    pub const fn new(letters: [u8; 2]) -> Option<Self> {
        if letters[0].is_ascii_uppercase() && letters[1].is_ascii_uppercase() { Some(Self(letters)) } else { None }
    }

    /// Its two letters, or `--`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        if *self == Self::UNKNOWN { "--" } else { std::str::from_utf8(&self.0).expect("two ASCII letters") }
    }
}

/// Collects ranges of both families.
#[derive(Debug, Default)]
struct Maker {
    v4: Vec<Raw<u32>>,
    v6: Vec<Raw<u64>>,
    numbers: BTreeMap<Place, u32>,
    ranges: usize,
}

#[derive(Debug, Clone, Copy)]
struct Raw<W> {
    start: W,
    end: W,
    place: u32,
    line: usize,
}

impl Maker {
    fn add(&mut self, line: usize, range: Range) -> Result<(), RegionsError> {
        if self.ranges == RANGES_MAX {
            return Err(RegionsError::TooMany);
        }
        self.ranges += 1;
        let next = self.numbers.len() as u32 + 1;
        let place = if range.place == Place::default() { 0 } else { *self.numbers.entry(range.place).or_insert(next) };
        match (range.start, range.end) {
            (IpAddr::V4(start), IpAddr::V4(end)) if start <= end => {
                self.v4.push(Raw { start: start.to_bits(), end: end.to_bits(), place, line });
            }
            (IpAddr::V6(start), IpAddr::V6(end)) if start <= end => {
                let inside = u128::from(u64::MAX);
                // In /64s: rounded up at the start, so that the /64 belongs to the range that has its first address.
                let first = ((start.to_bits() >> 64) as u64).checked_add(u64::from(start.to_bits() & inside != 0));
                let end = (end.to_bits() >> 64) as u64;
                // Behind the last /64 there is none.
                if let Some(start) = first.filter(|first| *first <= end) {
                    self.v6.push(Raw { start, end, place, line });
                }
            }
            _ => return Err(RegionsError::Backwards { line }),
        }
        Ok(())
    }

    fn end(self) -> Result<Regions, RegionsError> {
        let mut places = vec![Place::default(); self.numbers.len() + 1];
        for (place, number) in self.numbers {
            places[number as usize] = place;
        }
        Ok(Regions { v4: Table::new(self.v4)?, v6: Table::new(self.v6)?, places, ranges: self.ranges })
    }
}

impl<W: Word> Table<W> {
    fn new(mut ranges: Vec<Raw<W>>) -> Result<Self, RegionsError> {
        ranges.sort_unstable_by_key(|range| range.start);
        let mut table = vec![(W::ZERO, 0)];
        // The first address that no range has taken yet; `None` behind the last.
        let mut free = Some(W::ZERO);
        for range in ranges {
            let Some(at) = free.filter(|at| *at <= range.start) else {
                return Err(RegionsError::Overlap { line: range.line });
            };
            if at == range.start {
                // What was taken for a gap has no length.
                table.pop();
            }
            table.push((range.start, range.place));
            free = range.end.next();
            table.extend(free.map(|free| (free, 0)));
        }
        if table.len() == 1 {
            return Ok(Self { ranges: table, index: vec![0; (1 << 16) + 1] });
        }
        let mut index = Vec::with_capacity((1 << 16) + 1);
        let mut at = 0;
        for upper in 0..1 << 16 {
            let first = W::from_upper_16(upper);
            while table.get(at + 1).is_some_and(|(start, _)| *start <= first) {
                at += 1;
            }
            index.push(at as u32);
        }
        index.push(table.len() as u32 - 1);
        Ok(Self { ranges: table, index })
    }

    fn place(&self, addr: W) -> u32 {
        let upper = addr.upper_16();
        let (from, to) = (self.index[upper] as usize, self.index[upper + 1] as usize);
        // The first of them begins at or before the address.
        let at = from + self.ranges[from + 1..=to].partition_point(|(start, _)| *start <= addr);
        self.ranges[at].1
    }
}

impl Word for u32 {
    const ZERO: Self = 0;
    fn upper_16(self) -> usize {
        (self >> 16) as usize
    }
    fn from_upper_16(bits: usize) -> Self {
        (bits as Self) << 16
    }
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Word for u64 {
    const ZERO: Self = 0;
    fn upper_16(self) -> usize {
        (self >> 48) as usize
    }
    fn from_upper_16(bits: usize) -> Self {
        (bits as Self) << 48
    }
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

#[cfg(test)]
mod tests;
