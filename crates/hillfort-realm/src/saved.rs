//! A room at rest: all that is needed to go on with it, and the bytes of a file that keeps it. Reading is total: any bytes give a room or
//! are refused. Knows nothing of folders.

use hillfort_proto::ids::RoomId;
use hillfort_proto::limits::{GAME_BYTES_MAX, ROOM_NAME_BYTES_MAX, ROOM_PARAMS_BYTES_MAX};
use hillfort_world::{CellState, Damaged, HZ_MAX, SEATS_MAX};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes that a room's `on_save` may write.
pub const STATE_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of the largest file of a room: beside its state there are a label, parameters, names and timers.
pub(crate) const SAVED_BYTES_MAX: usize = STATE_BYTES_MAX + 64 * 1024;

/// Format and version.
const MAGIC: [u8; 8] = *b"HFROOM\0\x01";
/// Bytes before what the checksum is of.
const HEAD: usize = MAGIC.len() + 8;

/// A room without its players and its code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SavedRoom {
    pub(crate) id: Option<RoomId>,
    pub(crate) game: String,
    /// Empty for a room without a name.
    pub(crate) name: String,
    /// What it was made from.
    pub(crate) params: Vec<u8>,
    pub(crate) seats_max: u16,
    pub(crate) hz: u32,
    /// The shell's half of its state, without players.
    pub(crate) cell: CellState,
    /// The game's half.
    pub(crate) state: Vec<u8>,
}

impl SavedRoom {
    /// The bytes of its file.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD + 256 + self.state.len());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&self.id.map_or(0, |id| id.0).to_le_bytes());
        out.extend_from_slice(&self.seats_max.to_le_bytes());
        out.extend_from_slice(&self.hz.to_le_bytes());
        let mut cell = Vec::new();
        self.cell.write(&mut cell);
        for part in [self.game.as_bytes(), self.name.as_bytes(), &self.params, &cell, &self.state] {
            let length = u32::try_from(part.len()).expect("bounded far below 4 GiB");
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(part);
        }
        let sum = xxh3_64(&out[HEAD..]);
        out[MAGIC.len()..HEAD].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// Reads all of `bytes`.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let (magic, rest) = bytes.split_first_chunk::<8>().ok_or(Damaged)?;
        let (sum, mut rest) = rest.split_first_chunk::<8>().ok_or(Damaged)?;
        if *magic != MAGIC || xxh3_64(rest) != u64::from_le_bytes(*sum) {
            return Err(Damaged);
        }
        let read = &mut rest;
        let id = u64::from_le_bytes(chunk(read)?);
        let seats_max = u16::from_le_bytes(chunk(read)?);
        let hz = u32::from_le_bytes(chunk(read)?);
        let game = text(part(read, GAME_BYTES_MAX)?)?;
        let name = text(part(read, ROOM_NAME_BYTES_MAX)?)?;
        let params = part(read, ROOM_PARAMS_BYTES_MAX)?.to_vec();
        let cell = CellState::read(part(read, SAVED_BYTES_MAX)?)?;
        let state = part(read, STATE_BYTES_MAX)?.to_vec();
        let whole = read.is_empty() && id != 0 && (1..=SEATS_MAX).contains(&seats_max) && (1..=HZ_MAX).contains(&hz);
        let saved = Self { id: Some(RoomId(id)), game, name, params, seats_max, hz, cell, state };
        if whole { Ok(saved) } else { Err(Damaged) }
    }

    /// Bytes that it takes in memory, about.
    pub(crate) const fn weight(&self) -> usize {
        512 + self.name.len() + self.params.len() + self.cell.label.len() + self.cell.timers.len() * 24 + self.state.len()
    }
}

fn chunk<const N: usize>(read: &mut &[u8]) -> Result<[u8; N], Damaged> {
    let (chunk, rest) = read.split_first_chunk().ok_or(Damaged)?;
    *read = rest;
    Ok(*chunk)
}

fn part<'a>(read: &mut &'a [u8], max: usize) -> Result<&'a [u8], Damaged> {
    let length = u32::from_le_bytes(chunk(read)?) as usize;
    let (part, rest) = read.split_at_checked(length).filter(|_| length <= max).ok_or(Damaged)?;
    *read = rest;
    Ok(part)
}

fn text(bytes: &[u8]) -> Result<String, Damaged> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_whole_and_no_damage_goes_unseen() {
        let cell = CellState {
            tick: 300,
            rng: 7,
            label: "mode=duel".into(),
            timers: vec![(310, 1, 9)],
            timers_set: 1,
            ..CellState::default()
        };
        let saved = SavedRoom {
            id: Some(RoomId(0x1_0000_0001)),
            game: "hilltop".into(),
            name: "Zoë's".into(),
            params: vec![1, 2],
            seats_max: 16,
            hz: 20,
            cell,
            state: vec![7; 300],
        };
        let bytes = saved.encode();
        assert_eq!(SavedRoom::decode(&bytes), Ok(saved));
        for at in 0..bytes.len() {
            let mut torn = bytes.clone();
            torn[at] ^= 0x10;
            assert_eq!(SavedRoom::decode(&torn), Err(Damaged), "byte {at}");
            assert_eq!(SavedRoom::decode(&bytes[..at]), Err(Damaged), "cut at {at}");
        }
    }
}
