//! The frame of a packet: its first bytes, and how slots are written. Owns layout and bounds; knows nothing of what entities are.

use crate::bits::{BitReader, BitWriter};

/// Longest packet. Together with the protocol's own bytes it fits into one message of the server.
pub const PACKET_BYTES_MAX: usize = 32 * 1024;
/// Version of the layout.
pub(crate) const VERSION: u8 = 1;
/// Bits of a number of slots' bits, and of rows'.
pub(crate) const WIDTH_BITS: u32 = 5;

const BASE: u8 = 1;
const RESET: u8 = 2;
const NOTE: u8 = 4;
const LOSSY: u8 = 8;

/// What the room tells a client about its inputs, for prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Note {
    /// The client's own number of the last input that is in this state.
    pub input: u32,
    /// Ticks by which its inputs come early (above 0) or late: a client runs a little slower or faster until this is small and above 0.
    pub ahead: i8,
}

/// First bytes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) tick: u32,
    /// The client forgets all entities, once for each number; both ends must have the schema with this hash.
    pub(crate) reset: Option<(u64, u8)>,
    /// Packets may be lost: differences are from what the client knew at the tick of `base`.
    pub(crate) lossy: bool,
    pub(crate) base: Option<u32>,
    pub(crate) note: Option<Note>,
}

impl Head {
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let flags = flag(self.base.is_some(), BASE)
            | flag(self.reset.is_some(), RESET)
            | flag(self.note.is_some(), NOTE)
            | flag(self.lossy, LOSSY);
        out.push(flags | VERSION << 4);
        out.extend_from_slice(&self.tick.to_le_bytes());
        if let Some((hash, epoch)) = self.reset {
            out.extend_from_slice(&hash.to_le_bytes());
            out.push(epoch);
        }
        if let Some(note) = self.note {
            out.extend_from_slice(&note.input.to_le_bytes());
            out.push(note.ahead.cast_unsigned());
        }
        if let Some(base) = self.base {
            // History is shorter than a byte counts.
            out.push(self.tick.wrapping_sub(base) as u8);
        }
    }

    /// Reads it, and says where the bits begin. `None`: too short, another version, or flags that contradict each other.
    pub(crate) fn take(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&flags, rest) = bytes.split_first()?;
        if flags >> 4 != VERSION || (flags & BASE != 0 && flags & LOSSY == 0) {
            return None;
        }
        let (tick, mut rest) = rest.split_first_chunk()?;
        let tick = u32::from_le_bytes(*tick);
        let mut head = Self { tick, reset: None, lossy: flags & LOSSY != 0, base: None, note: None };
        if flags & RESET != 0 {
            let (hash, after) = rest.split_first_chunk()?;
            let (&epoch, after) = after.split_first()?;
            head.reset = Some((u64::from_le_bytes(*hash), epoch));
            rest = after;
        }
        if flags & NOTE != 0 {
            let (input, after) = rest.split_first_chunk()?;
            let (&ahead, after) = after.split_first()?;
            head.note = Some(Note { input: u32::from_le_bytes(*input), ahead: ahead.cast_signed() });
            rest = after;
        }
        if flags & BASE != 0 {
            let (&age, after) = rest.split_first()?;
            head.base = Some(tick.wrapping_sub(u32::from(age)));
            rest = after;
        }
        Some((head, rest))
    }
}

/// Writes the step from the slot of the update before, -1 at the beginning, to this one's. Slots go up; most steps are 1.
#[inline]
pub(crate) fn step(before: i32, slot: i32, slot_bits: u32) -> (u64, u32) {
    match slot - before {
        1 => (1, 1),
        gap @ 2..=9 => (((gap - 2) as u64) << 2 | 0b10, 5),
        _ => ((slot as u64) << 2, 2 + slot_bits),
    }
}

/// After the last update: slot 0 in long form, which never travels.
pub(crate) fn put_end(bits: &mut BitWriter, slot_bits: u32) {
    bits.put(0, 2 + slot_bits);
}

/// Reads a step. `Some(None)`: the end. `None`: the bits end, or slots go back.
#[inline]
pub(crate) fn take_step(bits: &mut BitReader<'_>, before: i32, slot_bits: u32) -> Option<Option<i32>> {
    let slot = if bits.take_bit()? {
        before + 1
    } else if bits.take_bit()? {
        before + 2 + bits.take(3)? as i32
    } else {
        match bits.take(slot_bits)? {
            0 => return Some(None),
            slot => slot as i32,
        }
    };
    (slot > before).then_some(Some(slot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn heads_and_steps_are_read(
            tick in any::<u32>(), reset in any::<Option<(u64, u8)>>(), age in prop::option::of(1_u32..64), lossy in any::<bool>(),
            note in any::<Option<(u32, i8)>>(), slots in prop::collection::btree_set(0_i32..2_000, 0..100),
        ) {
            let lossy = lossy || age.is_some();
            let note = note.map(|(input, ahead)| Note { input, ahead });
            let head = Head { tick, reset, lossy, base: age.map(|age| tick.wrapping_sub(age)), note };
            let mut bytes = Vec::new();
            head.put(&mut bytes);
            for short in 0..bytes.len() {
                prop_assert!(Head::take(&bytes[..short]).is_none_or(|(other, _)| other != head));
            }
            let len = bytes.len();
            let mut bits = BitWriter::behind(bytes);
            let mut before = -1;
            for &slot in &slots {
                let (code, len) = step(before, slot, 11);
                bits.put(code, len);
                before = slot;
            }
            put_end(&mut bits, 11);
            let bytes = bits.finish();
            let (read, rest) = Head::take(&bytes).unwrap();
            prop_assert_eq!((read, rest.len()), (head, bytes.len() - len));
            let mut reader = BitReader::new(rest);
            let mut before = -1;
            for &slot in &slots {
                prop_assert_eq!(take_step(&mut reader, before, 11), Some(Some(slot)));
                before = slot;
            }
            prop_assert_eq!(take_step(&mut reader, before, 11), Some(None));
        }
    }
}
