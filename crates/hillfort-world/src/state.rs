//! All that a room has beside what its game saves: tick, random numbers, timers, label, players and the inputs that wait. With it and
//! `on_save` a room goes on as if nothing had happened. Owns the bytes it is written in; knows nothing of where they are kept.

use std::collections::BTreeSet;

use hillfort_proto::ids::SessionId;
use hillfort_proto::limits::{INPUT_BYTES_MAX, NAME_CHARS_MAX};

use crate::config::{LABEL_BYTES_MAX, SEATS_MAX};
use crate::ctx::Seat;
use crate::inputs::PLAYER_QUEUE_BYTES_MAX;
use crate::timers::TIMERS_MAX;
use crate::wire::{Damaged, Reader, put_bytes, put_number};

/// First byte of the written form.
const VERSION: u64 = 1;
/// A name is at most so many bytes.
const NAME_BYTES_MAX: usize = NAME_CHARS_MAX * 4;

/// The shell's half of a room's state: see [`crate::RoomCell::state`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CellState {
    /// Number of the last tick.
    pub tick: u64,
    /// Where the room's random numbers are.
    pub rng: u64,
    /// The room's label.
    pub label: String,
    /// By tick, and of one tick by setting: `(tick, number of the setting, id)`.
    pub timers: Vec<(u64, u64, u32)>,
    /// Timers set so far.
    pub timers_set: u64,
    /// By seat.
    pub players: Vec<PlayerState>,
    /// Seats whose inputs wait, in the order of their turns.
    pub pending: Vec<Seat>,
}

/// A player of a [`CellState`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayerState {
    /// Where the player sits.
    pub seat: Seat,
    /// The player's session.
    pub session: SessionId,
    /// Display name.
    pub name: Box<str>,
    /// Whether the connection was there.
    pub connected: bool,
    /// Whether the player was told to leave, and is about to.
    pub kicked: bool,
    /// Inputs that wait, oldest first: op and data.
    pub inputs: Vec<(u32, Vec<u8>)>,
}

impl CellState {
    /// Appends the written form.
    pub fn write(&self, out: &mut Vec<u8>) {
        put_number(out, VERSION);
        put_number(out, self.tick);
        out.extend_from_slice(&self.rng.to_le_bytes());
        put_bytes(out, self.label.as_bytes());
        put_number(out, self.timers_set);
        put_number(out, self.timers.len() as u64);
        for &(tick, set, id) in &self.timers {
            put_number(out, tick);
            put_number(out, set);
            put_number(out, u64::from(id));
        }
        put_number(out, self.players.len() as u64);
        for player in &self.players {
            put_number(out, u64::from(player.seat.0));
            put_number(out, player.session.0);
            put_bytes(out, player.name.as_bytes());
            put_number(out, u64::from(player.connected));
            put_number(out, u64::from(player.kicked));
            put_number(out, player.inputs.len() as u64);
            for (op, data) in &player.inputs {
                put_number(out, u64::from(*op));
                put_bytes(out, data);
            }
        }
        put_number(out, self.pending.len() as u64);
        for seat in &self.pending {
            put_number(out, u64::from(seat.0));
        }
    }

    /// Reads all of `bytes`.
    ///
    /// # Errors
    /// [`Damaged`]: not a state, of another version, or outside the bounds that rooms have.
    pub fn read(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut read = Reader(bytes);
        if read.number(u64::MAX)? != VERSION {
            return Err(Damaged);
        }
        let mut state = Self {
            tick: read.number(u64::MAX)?,
            rng: u64::from_le_bytes(read.array()?),
            label: read.text(LABEL_BYTES_MAX)?.to_owned(),
            timers_set: read.number(u64::MAX)?,
            ..Self::default()
        };
        for _ in 0..read.number(TIMERS_MAX as u64)? {
            let (tick, set) = (read.number(u64::MAX)?, read.number(state.timers_set)?);
            state.timers.push((tick, set, read.number(u64::from(u32::MAX))? as u32));
        }
        for _ in 0..read.number(u64::from(SEATS_MAX))? {
            let player = PlayerState::read(&mut read)?;
            if state.players.last().is_some_and(|before| before.seat >= player.seat) {
                return Err(Damaged);
            }
            state.players.push(player);
        }
        for _ in 0..read.number(u64::from(SEATS_MAX))? {
            state.pending.push(Seat(read.number(u64::from(SEATS_MAX))? as u16));
        }
        let pending: BTreeSet<_> = state.pending.iter().copied().collect();
        let waiting = state.players.iter().filter(|player| !player.inputs.is_empty()).map(|player| player.seat);
        let whole = read.is_empty() && pending.len() == state.pending.len() && waiting.eq(pending);
        if whole { Ok(state) } else { Err(Damaged) }
    }
}

impl PlayerState {
    fn read(read: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut player = Self {
            seat: Seat(read.number(u64::from(SEATS_MAX) - 1)? as u16),
            session: SessionId(read.number(u64::MAX)?),
            name: read.text(NAME_BYTES_MAX)?.into(),
            connected: read.flag()?,
            kicked: read.flag()?,
            inputs: Vec::new(),
        };
        let mut bytes = 0;
        for _ in 0..read.number(u64::from(u16::MAX))? {
            let op = read.number(u64::from(u32::MAX))? as u32;
            let data = read.bytes(INPUT_BYTES_MAX)?;
            bytes += data.len();
            player.inputs.push((op, data.to_vec()));
        }
        if bytes <= PLAYER_QUEUE_BYTES_MAX { Ok(player) } else { Err(Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> CellState {
        let player = |seat: u16, inputs: Vec<(u32, Vec<u8>)>| PlayerState {
            seat: Seat(seat),
            session: SessionId(u64::from(seat) + 7),
            name: "Ann".into(),
            connected: seat != 3,
            kicked: seat == 3,
            inputs,
        };
        CellState {
            tick: 1_234,
            rng: u64::MAX - 5,
            label: "fort".into(),
            timers: vec![(1_300, 4, 9), (1_300, 5, 1)],
            timers_set: 5,
            players: vec![player(0, Vec::new()), player(3, vec![(1, vec![1, 2]), (400, Vec::new())])],
            pending: vec![Seat(3)],
        }
    }

    #[test]
    fn comes_back_as_it_was_written() {
        for state in [CellState::default(), state()] {
            let mut bytes = Vec::new();
            state.write(&mut bytes);
            assert_eq!(CellState::read(&bytes), Ok(state));
            assert!((0..bytes.len()).all(|len| CellState::read(&bytes[..len]) == Err(Damaged)), "cut off");
            bytes.push(0);
            assert_eq!(CellState::read(&bytes), Err(Damaged), "something left over");
        }
    }

    #[test]
    fn what_no_room_can_be_in_is_refused() {
        #[track_caller]
        fn check(change: impl FnOnce(&mut CellState)) {
            let mut state = state();
            change(&mut state);
            let mut bytes = Vec::new();
            state.write(&mut bytes);
            assert_eq!(CellState::read(&bytes), Err(Damaged));
        }
        check(|state| state.players.swap(0, 1));
        check(|state| state.pending.clear());
        check(|state| state.pending = vec![Seat(0), Seat(3)]);
        check(|state| state.pending = vec![Seat(3), Seat(3)]);
        check(|state| state.timers = vec![(1, 1, 1); TIMERS_MAX + 1]);
        check(|state| state.label = "x".repeat(LABEL_BYTES_MAX + 1));
        check(|state| state.players[1].inputs = vec![(1, vec![0; INPUT_BYTES_MAX]); 17]);
    }
}
