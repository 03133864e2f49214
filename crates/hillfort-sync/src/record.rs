//! One entity in a packet: all its numbers, or how they differ from what the client knows. Owns the bits of both; knows nothing of which entities
//! a client sees.

use crate::bits::{BitReader, BitWriter};
use crate::column::{Column, KindColumns, Role, SPEED_PARTS, View, restore};
use crate::frame::foresee;
use crate::schema::{Field, FieldType};

/// Bits of an age.
const AGE_BITS: u32 = 8;

/// Takes bits.
pub(crate) trait Sink {
    fn put(&mut self, bits: u64, len: u32);
}

/// Bits that fit into a word, so that they can be kept for other clients.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Short {
    pub(crate) bits: u64,
    /// Above 64: they did not fit.
    pub(crate) len: u32,
}

impl Sink for BitWriter {
    #[inline]
    fn put(&mut self, bits: u64, len: u32) {
        Self::put(self, bits, len);
    }
}

impl Sink for Short {
    #[inline]
    fn put(&mut self, bits: u64, len: u32) {
        if self.len < 64 {
            self.bits |= bits << self.len;
        }
        self.len += len;
    }
}

/// All numbers that `view` gets.
pub(crate) fn put_whole(sink: &mut impl Sink, kind: &KindColumns, view: View, tick: u32, values: &[u32]) {
    if let Some(since) = kind.since {
        sink.put(u64::from(tick.wrapping_sub(values[since])), AGE_BITS);
    }
    let mask = kind.enter[view.index()];
    for (at, column) in kind.columns.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1) {
        sink.put(u64::from(values[at]), column.bits);
    }
}

/// What differs from `base`, which the client knows.
pub(crate) fn put_changes(sink: &mut impl Sink, kind: &KindColumns, view: View, tick: u32, values: &[u32], base: &[u32]) {
    let anchored = kind.since.is_some_and(|since| values[since] != base[since]);
    if let Some(since) = kind.since {
        sink.put(u64::from(anchored), 1);
        if anchored {
            match tick.wrapping_sub(values[since]) {
                0 => sink.put(0, 1),
                age => sink.put(u64::from(age) << 1 | 1, 1 + AGE_BITS),
            }
        }
    }
    let difference = |at: usize, column: &Column| difference(kind, column, at, values, base);
    let (mut mask, mut len, mut changed) = (0_u64, 0, 0_u64);
    for (at, column) in masked(kind, view, anchored) {
        let differs = difference(at, column) != 0;
        mask |= u64::from(differs) << len;
        changed |= u64::from(differs) << at;
        len += 1;
    }
    sink.put(mask, len);
    for (at, column) in kind.columns.iter().enumerate().filter(|(at, _)| changed >> at & 1 == 1) {
        put_difference(sink, column, difference(at, column), values[at]);
    }
    let always = kind.always[view.index()];
    for (at, column) in kind.columns.iter().enumerate().filter(|(at, _)| always >> at & 1 == 1) {
        sink.put(u64::from(values[at]), column.bits);
    }
}

/// Whether [`put_changes`] would say anything.
pub(crate) fn has_changes(kind: &KindColumns, view: View, values: &[u32], base: &[u32]) -> bool {
    let anchored = kind.since.is_some_and(|since| values[since] != base[since]);
    anchored
        || kind.always[view.index()] != 0
        || masked(kind, view, anchored).any(|(at, column)| difference(kind, column, at, values, base) != 0)
}

/// Reads all numbers. `None`: the bits end.
pub(crate) fn take_whole(bits: &mut BitReader<'_>, kind: &KindColumns, view: View, tick: u32, values: &mut [u32]) -> Option<()> {
    if let Some(since) = kind.since {
        values[since] = tick.wrapping_sub(bits.take(AGE_BITS)?);
    }
    let mask = kind.enter[view.index()];
    for (at, column) in kind.columns.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1) {
        values[at] = bits.take(column.bits)?;
    }
    Some(())
}

/// Reads what differs. `values` has what is known and gets what is new. `None`: the bits end, or a number leaves its range.
pub(crate) fn take_changes(
    bits: &mut BitReader<'_>,
    kind: &KindColumns,
    view: View,
    tick: u32,
    values: &mut [u32],
) -> Option<()> {
    let mut anchored = false;
    let mut aged = 0;
    if let Some(since) = kind.since {
        anchored = bits.take_bit()?;
        if anchored {
            let age = if bits.take_bit()? { bits.take(AGE_BITS)? } else { 0 };
            let now = tick.wrapping_sub(age);
            aged = now.wrapping_sub(values[since]);
            values[since] = now;
        }
    }
    let mut changed = 0_u64;
    for (at, _) in masked(kind, view, anchored) {
        changed |= u64::from(bits.take_bit()?) << at;
    }
    if anchored {
        // From where the client believed it to be, also when nothing more is said of it; anchors first, they need the old speeds.
        for (at, column) in kind.columns.iter().enumerate().filter(|(_, column)| column.role == Role::Anchor) {
            values[at] = foreseen(column, values[at], values[at + 1], aged);
        }
    }
    for (at, column) in kind.columns.iter().enumerate().filter(|(at, _)| changed >> at & 1 == 1) {
        values[at] = take_difference(bits, column, values[at])?;
    }
    let always = kind.always[view.index()];
    for (at, column) in kind.columns.iter().enumerate().filter(|(at, _)| always >> at & 1 == 1) {
        values[at] = bits.take(column.bits)?;
    }
    Some(())
}

/// The value of a column at `tick`, moved on where it moves by itself.
pub(crate) fn value_of(kind: &KindColumns, fields: &[Field], values: &[u32], column: usize, tick: u32) -> f32 {
    let spec = kind.columns[column];
    let ty = &fields[spec.field].ty;
    match (spec.role, kind.since, *ty) {
        (Role::Anchor, Some(since), FieldType::Fixed { min, max, step }) => {
            let parts = foresee(values[column], values[column + 1], tick.wrapping_sub(values[since]));
            let exact = f64::from(min) + parts as f64 / SPEED_PARTS as f64 * f64::from(step);
            exact.clamp(f64::from(min), f64::from(max)) as f32
        }
        _ => restore(ty, values[column]),
    }
}

/// Columns that have a bit each that says whether they changed.
fn masked(kind: &KindColumns, view: View, anchored: bool) -> impl Iterator<Item = (usize, &Column)> {
    let mask = kind.update[view.index()] & !kind.always[view.index()];
    let columns = kind.columns.iter().enumerate();
    columns.filter(move |(at, column)| mask >> at & 1 == 1 && (anchored || column.role == Role::Plain))
}

#[inline]
fn difference(kind: &KindColumns, column: &Column, at: usize, values: &[u32], base: &[u32]) -> i32 {
    let known = match (column.role, kind.since) {
        (Role::Anchor, Some(since)) => foreseen(column, base[at], base[at + 1], values[since].wrapping_sub(base[since])),
        _ => base[at],
    };
    let difference = values[at].wrapping_sub(known) as i32;
    if column.wraps {
        let unused = 32 - column.bits;
        difference << unused >> unused
    } else {
        difference
    }
}

/// Where a client believes an anchored number to be, in whole steps.
#[inline]
fn foreseen(column: &Column, anchor: u32, speed: u32, age: u32) -> u32 {
    let parts = foresee(anchor, speed, age) + SPEED_PARTS / 2;
    (parts >> SPEED_PARTS.trailing_zeros()).clamp(0, (1 << column.bits) - 1) as u32
}

#[inline]
fn put_difference(sink: &mut impl Sink, column: &Column, difference: i32, value: u32) {
    // Zigzag; 0 never travels, so all go down by one.
    let folded = u64::from((difference << 1 ^ difference >> 31) as u32).wrapping_sub(1);
    let whole = u64::from(value);
    match (column.small, column.medium) {
        (0, _) => sink.put(whole, column.bits),
        (small, _) if folded >> small == 0 => sink.put(folded << 1, 1 + small),
        (_, 0) => sink.put(whole << 1 | 1, 1 + column.bits),
        (_, medium) if folded >> medium == 0 => sink.put(folded << 2 | 0b01, 2 + medium),
        _ => sink.put(whole << 2 | 0b11, 2 + column.bits),
    }
}

#[inline]
fn take_difference(bits: &mut BitReader<'_>, column: &Column, known: u32) -> Option<u32> {
    let len = match (column.small, column.medium) {
        (0, _) => return bits.take(column.bits),
        (small, medium) => match (bits.take_bit()?, medium) {
            (false, _) => small,
            (true, 0) => return bits.take(column.bits),
            (true, medium) => {
                if bits.take_bit()? {
                    return bits.take(column.bits);
                }
                medium
            }
        },
    };
    let folded = bits.take(len)? + 1;
    let difference = (folded >> 1) as i32 ^ -((folded & 1) as i32);
    let value = known.wrapping_add_signed(difference);
    let range = (1 << column.bits) - 1;
    if column.wraps { Some(value & range) } else { Some(value).filter(|&value| value <= range) }
}

#[cfg(test)]
mod tests;
