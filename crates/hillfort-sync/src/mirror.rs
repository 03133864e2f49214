//! The client's end: reads packets and holds what a client knows. A packet is taken whole or not at all. Knows nothing of how packets travel and
//! of what is made of the entities.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::bits::BitReader;
use crate::column::View;
use crate::frame::{EntityId, GENERATION_BITS};
use crate::history::HISTORY;
use crate::packet::{self, Head, Note, WIDTH_BITS};
use crate::record::{take_changes, take_whole, value_of};
use crate::schema::Schema;
use crate::viewer::SLOT_BITS_MAX;

/// A packet that was not taken; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    /// Too short, too long, of another version, or its numbers contradict each other or what is known.
    #[error("the packet is malformed")]
    Malformed,
    /// Server and client mean different things by their numbers.
    #[error("the server's schema has hash {server:016x}, this client's has {client:016x}: generate the client's schema anew")]
    Schema { server: u64, client: u64 },
    /// The first packet must begin anew.
    #[error("the packet belongs to a state that this client does not have")]
    NoState,
}

/// What a client knows.
#[derive(Debug, Clone)]
pub struct Mirror {
    schema: Arc<Schema>,
    slots: Vec<Option<Held>>,
    tick: Option<u32>,
    epoch: Option<u8>,
    note: Note,
    /// Ticks before the newest whose packets came, bit 0 for the one before.
    received: u64,
    lossy: bool,
}

#[derive(Debug, Clone)]
struct Held {
    id: EntityId,
    kind: u8,
    view: View,
    /// Numbers by the tick at which they came, the newest last. Streams need the newest only.
    values: VecDeque<(u32, Box<[u32]>)>,
}

/// An entity as a client sees it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    schema: &'a Schema,
    held: &'a Held,
    tick: u32,
}

/// What a packet is about to change.
#[derive(Debug, Default)]
struct Staged {
    left: Vec<usize>,
    entered: Vec<(usize, Held)>,
    changed: Vec<(usize, Box<[u32]>)>,
}

impl Mirror {
    /// Knows nothing yet.
    #[must_use]
    pub const fn new(schema: Arc<Schema>) -> Self {
        Self { schema, slots: Vec::new(), tick: None, epoch: None, note: Note { input: 0, ahead: 0 }, received: 0, lossy: false }
    }

    /// What its entities look like.
    #[must_use]
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Takes a packet. `false`: it is not newer than the last one, and says nothing.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub fn take(&mut self, bytes: &[u8]) -> Result<bool, MirrorError> {
        let (head, rest) = Head::take(bytes).ok_or(MirrorError::Malformed)?;
        let client = self.schema.hash();
        if let Some((server, _)) = head.reset.filter(|(server, _)| *server != client) {
            return Err(MirrorError::Schema { server, client });
        }
        // On a stream each reset comes once, and whatever was known before, of this room or another, is over.
        let anew = head.reset.filter(|(_, epoch)| !head.lossy || self.epoch != Some(*epoch));
        let begins = anew.is_some() && !head.lossy;
        let passed = self.tick.map(|tick| head.tick.wrapping_sub(tick));
        if !begins && passed.is_some_and(|passed| passed == 0 || passed > u32::MAX / 2) {
            return Ok(false);
        }
        if anew.is_none() && passed.is_none() {
            return Err(MirrorError::NoState);
        }
        let known = if anew.is_some() { &[][..] } else { &self.slots };
        let staged = self.read(&head, rest, known).ok_or(MirrorError::Malformed)?;
        if let Some((_, epoch)) = anew {
            self.slots.clear();
            self.epoch = Some(epoch);
            self.received = 0;
        } else if let Some(passed) = passed {
            self.received = (self.received << 1 | 1).checked_shl(passed - 1).unwrap_or(0);
        }
        self.tick = Some(head.tick);
        self.lossy = head.lossy;
        self.note = head.note.unwrap_or(self.note);
        self.apply(&head, staged);
        Ok(true)
    }

    /// What to acknowledge: the newest tick, and the ticks before it whose packets came. `None`: nothing came yet, or nothing gets lost here.
    #[must_use]
    pub fn ack(&self) -> Option<(u32, u64)> {
        self.tick.filter(|_| self.lossy).map(|tick| (tick, self.received))
    }

    /// Tick of the newest packet.
    #[must_use]
    pub const fn tick(&self) -> Option<u32> {
        self.tick
    }

    /// What was said last of the client's inputs.
    #[must_use]
    pub const fn note(&self) -> Note {
        self.note
    }

    /// All entities in sight.
    pub fn seen(&self) -> impl Iterator<Item = Seen<'_>> {
        let tick = self.tick.unwrap_or(0);
        self.slots.iter().flatten().map(move |held| Seen { schema: &self.schema, held, tick })
    }

    fn read(&self, head: &Head, rest: &[u8], known: &[Option<Held>]) -> Option<Staged> {
        let kinds = self.schema.compiled();
        let mut bits = BitReader::new(rest);
        let mut staged = Staged::default();
        let slot_bits = bits.take(WIDTH_BITS).filter(|bits| (1..=SLOT_BITS_MAX).contains(bits))?;
        let row_bits = bits.take(WIDTH_BITS).filter(|bits| (1..=21).contains(bits))?;
        // Each takes bits of the packet, so that no count is longer than the packet is.
        for _ in 1..bits.take_gamma()? {
            staged.left.push(bits.take(slot_bits)? as usize);
        }
        for _ in 1..bits.take_gamma()? {
            let slot = bits.take(slot_bits)? as usize;
            let row = bits.take(row_bits)?;
            let id = EntityId::new(row, bits.take(GENERATION_BITS)? as u16);
            let kind = bits.take(4)? as u8;
            let columns = kinds.kinds.get(usize::from(kind))?;
            let view = View::from_number(bits.take(4)?)?;
            let mut values = vec![0; kinds.stride].into_boxed_slice();
            take_whole(&mut bits, columns, view, head.tick, &mut values)?;
            staged.entered.push((slot, Held { id, kind, view, values: VecDeque::from([(head.tick, values)]) }));
        }
        let mut before = -1;
        while let Some(slot) = packet::take_step(&mut bits, before, slot_bits)? {
            before = slot;
            let held = known.get(slot as usize)?.as_ref()?;
            let mut values = held.base(head)?.to_vec().into_boxed_slice();
            take_changes(&mut bits, kinds.kind(held.kind), held.view, head.tick, &mut values)?;
            staged.changed.push((slot as usize, values));
        }
        (bits.left() < 8).then_some(staged)
    }

    fn apply(&mut self, head: &Head, staged: Staged) {
        for (slot, values) in staged.changed {
            if let Some(held) = self.slots.get_mut(slot).and_then(Option::as_mut) {
                held.values.push_back((head.tick, values));
                held.forget(head);
            }
        }
        for slot in staged.left {
            if let Some(held) = self.slots.get_mut(slot) {
                *held = None;
            }
        }
        for (slot, mut held) in staged.entered {
            if self.slots.len() <= slot {
                self.slots.resize(slot + 1, None);
            }
            // Sent again because the acknowledgement was late: what came before may still be what changes are from.
            if let Some(old) =
                self.slots[slot].take().filter(|old| (old.id, old.kind, old.view) == (held.id, held.kind, held.view))
            {
                held.values = old.values.into_iter().chain(held.values).collect();
                held.forget(head);
            }
            self.slots[slot] = Some(held);
        }
    }
}

impl Held {
    /// What a change in this packet is from.
    fn base(&self, head: &Head) -> Option<&[u32]> {
        if !head.lossy {
            return self.values.back().map(|(_, values)| &**values);
        }
        let base = head.base?;
        let is_then = |(tick, _): &&(u32, Box<[u32]>)| base.wrapping_sub(*tick) < u32::MAX / 2;
        self.values.iter().rev().find(is_then).map(|(_, values)| &**values)
    }

    /// Lets go of numbers that no packet can build on: those before what the newest known base means.
    fn forget(&mut self, head: &Head) {
        let is_then = |tick: u32, base: u32| base.wrapping_sub(tick) < u32::MAX / 2;
        let keep_from = match (head.lossy, head.base) {
            (false, _) => self.values.len() - 1,
            (true, Some(base)) => self.values.iter().rposition(|(tick, _)| is_then(*tick, base)).unwrap_or(0),
            (true, None) => 0,
        };
        let bound = self.values.len().saturating_sub(HISTORY as usize + 1);
        self.values.drain(..keep_from.max(bound));
    }
}

impl<'a> Seen<'a> {
    /// How the server calls it.
    #[must_use]
    pub const fn id(&self) -> EntityId {
        self.held.id
    }

    /// Number of its kind.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        self.held.kind
    }

    /// A field's value at the tick of the newest packet. `None`: its kind has no such field, or this client does not get it.
    #[must_use]
    pub fn value(&self, field: usize) -> Option<f32> {
        self.value_at(field, self.tick)
    }

    /// The same at another tick, for fields that clients move on by themselves; all others stay as they are.
    #[must_use]
    pub fn value_at(&self, field: usize, tick: u32) -> Option<f32> {
        let kind = self.schema.compiled().kind(self.held.kind);
        let fields = &self.schema.kinds()[usize::from(self.held.kind)].fields;
        let column = kind.columns.iter().position(|column| column.field == field)?;
        let gets = kind.enter[self.held.view.index()] >> column & 1 == 1;
        gets.then(|| value_of(kind, fields, self.steps(), column, tick))
    }

    /// Its numbers in steps, by column: for tests that compare both ends.
    pub(crate) fn steps(&self) -> &'a [u32] {
        self.held.values.back().map_or(&[], |(_, values)| values)
    }

    /// Columns that this client gets.
    #[cfg(test)]
    pub(crate) fn mask(&self) -> u64 {
        self.schema.compiled().kind(self.held.kind).enter[self.held.view.index()]
    }
}

#[cfg(test)]
mod tests;
