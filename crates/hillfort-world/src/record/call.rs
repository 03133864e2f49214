//! One call into a room as a recording writes it: a byte that says which, and its arguments. Reading is total. Knows nothing of files.

use std::time::Duration;

use hillfort_proto::ids::SessionId;
use hillfort_proto::limits::{JOIN_FACTS_BYTES_MAX, NAME_CHARS_MAX, ROOM_INPUT_BYTES_MAX};

use crate::config::SEATS_MAX;
use crate::ctx::Seat;
use crate::room::Who;
use crate::state::CellState;
use crate::wire::{Damaged, Reader, put_bytes, put_number};

const NAME_BYTES_MAX: usize = NAME_CHARS_MAX * 4;
/// Bytes of a signal or a state at most: more than any segment holds.
const DATA_BYTES_MAX: usize = u32::MAX as usize;

const ATTEMPT: u8 = 1;
const TAKE_SEAT: u8 = 2;
const JOIN: u8 = 3;
const DROP: u8 = 4;
const RECONNECT: u8 = 5;
const LEAVE: u8 = 6;
const FREE_SEAT: u8 = 7;
const SIGNAL: u8 = 8;
const SAVE: u8 = 9;
const RESTORE: u8 = 10;
const STATE: u8 = 11;
const DISPOSE: u8 = 12;
const MARK: u8 = 13;
const TICKS: u8 = 14;
/// An attempt of somebody about whom the door knows more than the name.
const ATTEMPT_WITH_FACTS: u8 = 15;
/// With the number of ticks in the low six bits, when there are 1 to 63.
const TICKS_SHORT: u8 = 0x40;
/// With the seat in the low seven bits, when it is below 127.
const INPUT: u8 = 0x80;
const INPUT_OF_ANY_SEAT: u8 = 0xff;

/// What was done to a room: the methods of [`crate::RoomCell`] by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call<'a> {
    /// Somebody asked for a seat.
    Attempt(Who<'a>),
    /// The lowest free seat was taken; without facts.
    TakeSeat(Who<'a>),
    /// The room heard of it.
    Join(Seat),
    /// An input began to wait.
    Input {
        /// Whose.
        seat: Seat,
        /// Its kind.
        op: u32,
        /// What it says.
        data: &'a [u8],
    },
    /// The connection was lost.
    Drop(Seat),
    /// It came back.
    Reconnect(Seat),
    /// The player left.
    Leave(Seat),
    /// The seat was freed.
    FreeSeat(Seat),
    /// A signal.
    Signal(&'a [u8]),
    /// The room was asked for its state.
    Save,
    /// The room was given a state.
    Restore(&'a [u8]),
    /// The shell was given its half of the state, as [`crate::CellState`] is written.
    State(&'a [u8]),
    /// The room was told to end.
    Dispose(Duration),
    /// So many ticks, at least 1.
    Ticks(u64),
    /// Not a call: the hash of all that was put out until here.
    Mark(u64),
}

impl<'a> Call<'a> {
    /// What it is, in one word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Attempt(_) => "attempt",
            Self::TakeSeat(_) => "take_seat",
            Self::Join(_) => "join",
            Self::Input { .. } => "input",
            Self::Drop(_) => "drop",
            Self::Reconnect(_) => "reconnect",
            Self::Leave(_) => "leave",
            Self::FreeSeat(_) => "free_seat",
            Self::Signal(_) => "signal",
            Self::Save => "save",
            Self::Restore(_) => "restore",
            Self::State(_) => "state",
            Self::Dispose(_) => "dispose",
            Self::Ticks(_) => "ticks",
            Self::Mark(_) => "mark",
        }
    }

    /// Number of the tick that was run last after the call, when it was `tick` before.
    #[must_use]
    pub fn tick_after(&self, tick: u64) -> u64 {
        match self {
            Self::Ticks(count) => tick.saturating_add(*count),
            Self::State(state) => CellState::read(state).map_or(tick, |state| state.tick),
            _ => tick,
        }
    }

    /// Bytes that [`Call::write`] appends at most.
    pub(super) const fn len_max(&self) -> usize {
        let data = match self {
            Self::Attempt(who) => who.name.len() + who.facts.len(),
            Self::TakeSeat(who) => who.name.len(),
            Self::Input { data, .. } | Self::Signal(data) | Self::Restore(data) | Self::State(data) => data.len(),
            _ => 0,
        };
        30 + data
    }

    #[inline]
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match *self {
            // Most calls are this one, so it is written at once.
            Self::Input { seat, op, data } if seat.0 < 127 && op < 128 && data.len() < 128 => {
                out.extend_from_slice(&[INPUT | seat.0 as u8, op as u8, data.len() as u8]);
                out.extend_from_slice(data);
            }
            Self::Input { seat, op, data } => {
                if seat.0 < 127 {
                    out.push(INPUT | seat.0 as u8);
                } else {
                    out.push(INPUT_OF_ANY_SEAT);
                    put_number(out, u64::from(seat.0));
                }
                put_number(out, u64::from(op));
                put_bytes(out, data);
            }
            Self::Ticks(count @ 1..=63) => out.push(TICKS_SHORT | count as u8),
            Self::Ticks(count) => {
                out.push(TICKS);
                put_number(out, count);
            }
            Self::Mark(hash) => {
                out.push(MARK);
                out.extend_from_slice(&hash.to_le_bytes());
            }
            Self::Attempt(who) if who.facts.is_empty() => put_who(out, ATTEMPT, who),
            Self::Attempt(who) => {
                put_who(out, ATTEMPT_WITH_FACTS, who);
                put_bytes(out, who.facts);
            }
            Self::TakeSeat(who) => put_who(out, TAKE_SEAT, who),
            Self::Join(seat) => put_seat(out, JOIN, seat),
            Self::Drop(seat) => put_seat(out, DROP, seat),
            Self::Reconnect(seat) => put_seat(out, RECONNECT, seat),
            Self::Leave(seat) => put_seat(out, LEAVE, seat),
            Self::FreeSeat(seat) => put_seat(out, FREE_SEAT, seat),
            Self::Signal(data) => put_data(out, SIGNAL, data),
            Self::Save => out.push(SAVE),
            Self::Restore(data) => put_data(out, RESTORE, data),
            Self::State(data) => put_data(out, STATE, data),
            Self::Dispose(grace) => {
                out.push(DISPOSE);
                put_number(out, u64::try_from(grace.as_nanos()).unwrap_or(u64::MAX));
            }
        }
    }

    pub(crate) fn read(from: &mut Reader<'a>) -> Result<Self, Damaged> {
        Ok(match from.byte()? {
            ATTEMPT => Self::Attempt(who(from)?),
            ATTEMPT_WITH_FACTS => {
                let who = who(from)?;
                Self::Attempt(Who { facts: from.bytes(JOIN_FACTS_BYTES_MAX)?, ..who })
            }
            TAKE_SEAT => Self::TakeSeat(who(from)?),
            JOIN => Self::Join(seat(from)?),
            DROP => Self::Drop(seat(from)?),
            RECONNECT => Self::Reconnect(seat(from)?),
            LEAVE => Self::Leave(seat(from)?),
            FREE_SEAT => Self::FreeSeat(seat(from)?),
            SIGNAL => Self::Signal(from.bytes(DATA_BYTES_MAX)?),
            SAVE => Self::Save,
            RESTORE => Self::Restore(from.bytes(DATA_BYTES_MAX)?),
            STATE => Self::State(from.bytes(DATA_BYTES_MAX)?),
            DISPOSE => Self::Dispose(Duration::from_nanos(from.number(u64::MAX)?)),
            MARK => Self::Mark(u64::from_le_bytes(from.array()?)),
            TICKS => match from.number(u64::from(u32::MAX))? {
                0 => return Err(Damaged),
                count => Self::Ticks(count),
            },
            INPUT_OF_ANY_SEAT => input(seat(from)?, from)?,
            tag if tag >= INPUT => input(Seat(u16::from(tag & 0x7f)), from)?,
            tag if tag > TICKS_SHORT => Self::Ticks(u64::from(tag & 0x3f)),
            _ => return Err(Damaged),
        })
    }
}

fn put_who(out: &mut Vec<u8>, tag: u8, who: Who<'_>) {
    out.push(tag);
    put_number(out, who.session.0);
    put_bytes(out, who.name.as_bytes());
}

fn put_seat(out: &mut Vec<u8>, tag: u8, seat: Seat) {
    out.push(tag);
    put_number(out, u64::from(seat.0));
}

fn put_data(out: &mut Vec<u8>, tag: u8, data: &[u8]) {
    out.push(tag);
    put_bytes(out, data);
}

fn who<'a>(from: &mut Reader<'a>) -> Result<Who<'a>, Damaged> {
    Ok(Who { session: SessionId(from.number(u64::MAX)?), name: from.text(NAME_BYTES_MAX)?, facts: &[] })
}

fn seat(from: &mut Reader<'_>) -> Result<Seat, Damaged> {
    Ok(Seat(from.number(u64::from(SEATS_MAX) - 1)? as u16))
}

fn input<'a>(seat: Seat, from: &mut Reader<'a>) -> Result<Call<'a>, Damaged> {
    Ok(Call::Input { seat, op: from.number(u64::from(u32::MAX))? as u32, data: from.bytes(ROOM_INPUT_BYTES_MAX)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_come_back_as_they_were_written() {
        let who = Who { session: SessionId(0x1_0000_0001), name: "Zoë", facts: &[] };
        let input = |seat: u16| Call::Input { seat: Seat(seat), op: 300, data: &[1, 2, 3] };
        let calls = [
            Call::Attempt(who),
            Call::Attempt(Who { facts: b"more", ..who }),
            Call::TakeSeat(who),
            Call::Join(Seat(4_095)),
            input(0),
            input(126),
            input(127),
            input(4_095),
            Call::Drop(Seat(1)),
            Call::Reconnect(Seat(1)),
            Call::Leave(Seat(1)),
            Call::FreeSeat(Seat(1)),
            Call::Signal(b"how"),
            Call::Save,
            Call::Restore(b"so"),
            Call::State(b""),
            Call::Dispose(Duration::from_secs(5)),
            Call::Ticks(1),
            Call::Ticks(63),
            Call::Ticks(64),
            Call::Ticks(1 << 30),
            Call::Mark(u64::MAX),
        ];
        let mut bytes = Vec::new();
        for call in &calls {
            let before = bytes.len();
            call.write(&mut bytes);
            assert!(bytes.len() - before <= call.len_max(), "{call:?}");
        }
        let mut read = Reader(&bytes);
        for call in calls {
            assert_eq!(Call::read(&mut read), Ok(call));
        }
        assert!(read.is_empty());
        for bad in [&[0][..], &[TICKS, 0], &[TICKS_SHORT], &[16], &[JOIN, 0x80, 0x20], &[INPUT, 1, 0x81, 0x20]] {
            assert_eq!(Call::read(&mut Reader(bad)), Err(Damaged), "{bad:?}");
        }
    }
}
