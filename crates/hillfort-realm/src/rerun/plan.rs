//! From which seat a recording is looked at, and from which of its saved states on it is run, so that the seat's events since its join are known.
//! Reads the calls, runs nothing.

use std::collections::{BTreeMap, BTreeSet};

use hillfort_world::{Call, CellState, Recording, Seat};

use crate::replay::ReplayRefused;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) seat: Seat,
    /// Number of the segment that it is run from.
    pub(super) segment: usize,
    /// Shown from the end of this tick on.
    pub(super) from: u64,
}

/// A join: its number among all joins, and its segment.
type Join = (usize, usize);

impl Plan {
    /// `seat`: as [`super::RerunOptions::seat`] has it.
    pub(super) fn new(recording: &Recording, seat: Option<Seat>, from: u64) -> Result<Self, ReplayRefused> {
        let mut known = BTreeSet::new();
        // Who is there after tick `from`; without a join: since before the recording.
        let mut there: BTreeMap<Seat, Option<Join>> = BTreeMap::new();
        let mut first_later = None;
        let (mut tick, mut joins) = (0, 0);
        for (number, segment) in recording.segments.iter().enumerate() {
            if number == 0 {
                tick = segment.first_tick;
                there = segment.keyframe.as_ref().map(|keyframe| players(&keyframe.cell)).unwrap_or_default();
                known.extend(there.keys());
            }
            for call in segment.calls().map_while(Result::ok) {
                match call {
                    Call::Join(seat) => {
                        known.insert(seat);
                        if tick <= from {
                            joins += 1;
                            there.insert(seat, Some((joins, number)));
                        } else {
                            first_later = first_later.or(Some(seat));
                        }
                    }
                    Call::FreeSeat(seat) if tick <= from => drop(there.remove(&seat)),
                    Call::State(state) if tick <= from => there = players(state),
                    _ => {}
                }
                tick = call.tick_after(tick);
            }
        }
        if from > tick {
            return Err(ReplayRefused::From { ticks: tick });
        }
        let seat = match seat {
            Some(seat) if !known.contains(&seat) => return Err(ReplayRefused::Seat { seat, known: seats(&known) }),
            Some(seat) => seat,
            None => {
                let joined = there.iter().filter_map(|(seat, join)| join.map(|join| (join, *seat))).min();
                let first = joined.map(|(_, seat)| seat).or_else(|| there.keys().next().copied());
                first.or(first_later).unwrap_or(Seat(0))
            }
        };
        let newest = recording.segments.iter().rposition(|segment| segment.first_tick <= from).unwrap_or(0);
        let joined_in = there.get(&seat).copied().flatten().map_or(newest, |(_, segment)| segment);
        Ok(Self { seat, segment: newest.min(joined_in), from })
    }
}

fn players(cell: &[u8]) -> BTreeMap<Seat, Option<Join>> {
    let state = CellState::read(cell).unwrap_or_default();
    state.players.iter().map(|player| (player.seat, None)).collect()
}

fn seats(known: &BTreeSet<Seat>) -> String {
    known.iter().map(|seat| seat.0.to_string()).collect::<Vec<_>>().join(", ")
}
