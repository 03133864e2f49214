//! Writes packets: what each client needs to know next, within its budget, each change encoded once for all who know the same. Owns the order in
//! a packet and what is shared; knows nothing of how packets travel. The layout is in docs/sync.md.

use crate::bits::BitWriter;
use crate::column::View;
use crate::frame::{Frame, GENERATION_BITS, Row};
use crate::history::{HISTORY, History};
use crate::interest::{Look, Marks, OWN_WEIGHT};
use crate::packet::{self, Head, Note, WIDTH_BITS};
use crate::priority::{NOTHING, Selection};
use crate::record::{Short, has_changes, put_changes, put_whole};
use crate::scene::NO_KIND;
use crate::schema::{KINDS_MAX, Schema};
use crate::shared::{Key, Shared, SharedChanges};
use crate::viewer::{Delivery, Slot, State, Viewer};

/// Slots whose changes are looked up at once.
const AHEAD: usize = 16;
/// Bits of a kind's number, and of a view's.
const KIND_BITS: u32 = KINDS_MAX.trailing_zeros();
const VIEW_BITS: u32 = 4;
/// Bits that are kept free for the longest change and the end.
const SPARE_BITS: usize = 1_088;
/// A newcomer that was not acknowledged is sent again after so many ticks at least.
const RESEND_MIN: u32 = 2;

/// One thread's memory for writing packets; serves any number of rooms and clients, one after the other.
#[derive(Debug, Default)]
pub struct Replicator {
    marks: Marks,
    shared: SharedChanges,
    /// Slots that go, when not all do; how urgent each is.
    chosen: Vec<u16>,
    buckets: Vec<u8>,
    /// Slots that something else is to be done with.
    list: Vec<u16>,
}

/// What is looked up for some slots at once: memory answers to all of them in the time of one.
#[derive(Debug, Clone, Copy, Default)]
struct Ahead {
    base: u32,
    shared: Shared,
}

/// All clients of one room and tick, one after the other.
#[derive(Debug)]
pub struct Pass<'a> {
    replicator: &'a mut Replicator,
    schema: &'a Schema,
    history: &'a History,
    frame: &'a Frame,
}

/// What a packet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// Entities that came into sight.
    pub entered: u32,
    /// Entities that changed.
    pub changed: u32,
    /// Entities that went out of sight.
    pub left: u32,
    /// Newcomers and changes that wait for a later packet.
    pub waiting: u32,
    /// The client forgets what it knew.
    pub anew: bool,
}

impl Replicator {
    /// Begins to write the newest frame of `history`, whose scenes have this schema. `None`: nothing was published.
    pub fn pass<'a>(&'a mut self, schema: &'a Schema, history: &'a History) -> Option<Pass<'a>> {
        let frame = history.newest()?;
        self.shared.begin(frame.rows.len());
        let ahead = self.shared.ahead();
        let mut pass = Pass { replicator: self, schema, history, frame };
        ahead.for_each(|key| pass.encode_ahead(key));
        Some(pass)
    }
}

impl Pass<'_> {
    /// Appends the client's packet for this tick to `out`. `None`: there is nothing to say, and nothing was appended.
    pub fn write(&mut self, viewer: &mut Viewer, note: Option<Note>, out: &mut Vec<u8>) -> Option<Sent> {
        let frame = self.frame;
        let tick = frame.tick;
        let look = Look { schema: self.schema, history: self.history, frame };
        self.begin(viewer);
        if viewer.looks(frame) {
            self.replicator.marks.look_around(&look, viewer);
        }
        let lossy = viewer.config.delivery == Delivery::Lossy;
        let limit = viewer.tokens.min(i64::from(viewer.config.packet) * 8);
        let (all, waiting) = self.select(viewer, limit);

        let start = out.len();
        let reset = viewer.resetting.then(|| (self.schema.hash(), viewer.epoch));
        Head { tick, reset, lossy, base: viewer.base.filter(|_| lossy), note }.put(out);
        let mut bits = BitWriter::behind(std::mem::take(out));
        let room = Room { from: start * 8, most: start * 8 + viewer.config.packet as usize * 8 - SPARE_BITS };
        let widths = (viewer.slot_bits(), (usize::BITS - frame.rows.len().leading_zeros()).max(1));
        bits.put(u64::from(widths.0), WIDTH_BITS);
        bits.put(u64::from(widths.1), WIDTH_BITS);
        let left = put_leaves(&mut bits, viewer, &mut self.replicator.list, widths.0, &room);
        let entered = self.put_newcomers(&mut bits, viewer, all, widths, &room);
        let changed = self.put_changes(&mut bits, viewer, all, widths.0, &room);
        packet::put_end(&mut bits, widths.0);
        let len = bits.bit_len() - room.from;
        *out = bits.finish();

        // With datagrams somebody has to go on acknowledging, or what is known would fall out of the history.
        let acknowledged = !lossy || viewer.base.is_some_and(|base| tick.wrapping_sub(base) < HISTORY / 4);
        let silent = left + entered + changed == 0 && note.is_none() && !viewer.resetting && acknowledged;
        if silent {
            out.truncate(start);
            return None;
        }
        viewer.tokens -= len as i64;
        viewer.epoch_tick.get_or_insert(tick);
        viewer.resetting &= lossy;
        viewer.written |= u64::from(lossy);
        Some(Sent { entered, changed, left, waiting: waiting.saturating_sub(entered + changed), anew: reset.is_some() })
    }

    /// A tick went by: tokens, and what was sent is older.
    fn begin(&self, viewer: &mut Viewer) {
        let tick = self.frame.tick;
        let rate = i64::from(viewer.config.budget) * 8;
        // What is left over is kept for a quarter of a second; a packet may be as long as it may be.
        let kept = (rate * i64::from(viewer.config.hz) / 4).max(rate);
        let stale = |base: u32| tick.wrapping_sub(base) >= HISTORY;
        let before = viewer.tick.replace(tick);
        // Not every tick is written when a thread has too much to do.
        let passed = before.map_or(1, |before| tick.wrapping_sub(before));
        viewer.tokens = viewer.tokens.saturating_add(rate.saturating_mul(i64::from(passed))).min(kept);
        // What it knows by an id may be another entity now.
        if std::mem::replace(&mut viewer.rounds, self.frame.rounds) != self.frame.rounds && before.is_some() {
            viewer.reset();
        }
        if before.is_none() || viewer.config.delivery == Delivery::Ordered {
            return;
        }
        viewer.slots.iter_mut().for_each(|slot| slot.sent = slot.sent.checked_shl(passed).unwrap_or(0));
        viewer.written = viewer.written.checked_shl(passed).unwrap_or(0);
        if viewer.base.is_some_and(stale) || (viewer.base.is_none() && viewer.epoch_tick.is_some_and(stale)) {
            viewer.reset();
        }
    }

    /// Decides what goes when not all fits: fills the list of chosen slots. Returns whether all go, and how many wait.
    fn select(&mut self, viewer: &mut Viewer, limit: i64) -> (bool, u32) {
        let newcomer_bits = 64 + self.schema.compiled().kinds.iter().map(|kind| kind.whole_bits).max().unwrap_or(0);
        let change_bits = viewer.change_bits / 16 + 2;
        let all = viewer.fresh as i64 * i64::from(newcomer_bits) + viewer.slots.len() as i64 * i64::from(change_bits) <= limit;
        if all {
            return (true, 0);
        }
        let (mut selection, mut waiting) = (Selection::new(), 0_u32);
        let Replicator { buckets, chosen, .. } = &mut *self.replicator;
        buckets.clear();
        buckets.extend(viewer.slots.iter_mut().map(|slot| {
            let bits = match slot.state {
                State::Fresh => newcomer_bits,
                State::Known if self.frame.rows.get(slot.row as usize).is_some_and(|row| is_newer(row.changed, slot.known)) => {
                    change_bits
                }
                _ => return NOTHING,
            };
            slot.urgency = slot.urgency.saturating_add(u16::from(slot.weight));
            waiting = waiting.wrapping_add(1);
            selection.add(slot.urgency, bits)
        }));
        selection.draw(limit);
        selection.choose(buckets, self.frame.tick, chosen);
        (false, waiting)
    }

    fn put_newcomers(
        &mut self,
        bits: &mut BitWriter,
        viewer: &mut Viewer,
        all: bool,
        (slot_bits, row_bits): (u32, u32),
        room: &Room,
    ) -> u32 {
        let lossy = viewer.config.delivery == Delivery::Lossy;
        let Replicator { list, chosen, .. } = &mut *self.replicator;
        list.clear();
        if viewer.fresh > 0 {
            let tick = self.frame.tick;
            let lag = viewer.base.map_or(RESEND_MIN, |base| tick.wrapping_sub(base) + 1).clamp(RESEND_MIN, HISTORY - 1);
            let on_its_way = (1_u64 << lag) - 1;
            let mut end = bits.bit_len() + 64;
            let count = if all { viewer.slots.len() } else { chosen.len() };
            for turn in 0..count {
                let at = if all { turn } else { chosen.get(turn).map_or(turn, |at| usize::from(*at)) };
                let slot = &viewer.slots[at];
                if slot.state != State::Fresh {
                    continue;
                }
                let Some(row) = self.frame.rows.get(slot.row as usize).filter(|row| is_alive(row, slot)) else { continue };
                if is_hidden(self.frame, slot, viewer.groups) {
                    continue;
                }
                if lossy && slot.sent & on_its_way != 0 {
                    continue;
                }
                end += (self.schema.compiled().kind(row.kind).whole_bits + 64) as usize;
                if end > room.most {
                    break;
                }
                list.push(at as u16);
            }
        }
        bits.put_gamma(list.len() as u32 + 1);
        for &at in list.iter() {
            let slot = &mut viewer.slots[usize::from(at)];
            let row = &self.frame.rows[slot.row as usize];
            bits.put(u64::from(at), slot_bits);
            bits.put(u64::from(slot.row), row_bits);
            bits.put(u64::from(slot.generation), GENERATION_BITS);
            bits.put(u64::from(row.kind), KIND_BITS);
            bits.put(u64::from(slot.view.0), VIEW_BITS);
            let kind = self.schema.compiled().kind(row.kind);
            put_whole(bits, kind, slot.view, self.frame.tick, self.frame.row_values(slot.row));
            slot.urgency = 0;
            slot.tell(self.frame.tick);
            if lossy {
                slot.sent |= 1;
            } else {
                slot.state = State::Known;
                slot.known = self.frame.tick;
                viewer.fresh -= 1;
            }
        }
        list.len() as u32
    }

    /// The hot path: a few nanoseconds a pair. All sums wrap on purpose; ticks do.
    fn put_changes(&mut self, bits: &mut BitWriter, viewer: &mut Viewer, all: bool, slot_bits: u32, room: &Room) -> u32 {
        let lossy = viewer.config.delivery == Delivery::Lossy;
        let (frame, tick) = (self.frame, self.frame.tick);
        let from = bits.bit_len();
        let (mut changed, mut before) = (0_u32, -1);
        let mut slots = std::mem::take(&mut viewer.slots);
        self.replicator.list.clear();
        let count = if all { slots.len() } else { self.replicator.chosen.len() };
        let mut ahead = [Ahead::default(); AHEAD];
        for turn in 0..count {
            let place = |turn: usize, chosen: &[u16]| if all { turn } else { usize::from(chosen[turn]) };
            if turn.is_multiple_of(AHEAD) {
                for (ahead, turn) in ahead.iter_mut().zip(turn..count) {
                    *ahead = self.look_ahead(&slots[place(turn, &self.replicator.chosen)]);
                }
            }
            let at = place(turn, &self.replicator.chosen);
            let slot = &mut slots[at];
            if slot.state != State::Known {
                continue;
            }
            let Some(row) = frame.rows.get(slot.row as usize).filter(|row| is_alive(row, slot)) else {
                self.replicator.list.push(at as u16);
                continue;
            };
            if !is_newer(row.changed, slot.known) {
                continue;
            }
            if is_hidden(frame, slot, viewer.groups) {
                self.replicator.list.push(at as u16);
                continue;
            }
            if bits.bit_len() > room.most {
                break;
            }
            let Ahead { base, shared } = ahead[turn % AHEAD];
            let found = self.replicator.shared.found(shared).or_else(|| self.encode(slot, row, base));
            let Some((change, change_len)) = found else {
                self.replicator.list.push(at as u16);
                continue;
            };
            let (change, change_len, is_other) = match change_len {
                0 if lossy && slot.is_unsettled(tick) => self.as_before(slot, row),
                _ => (change, change_len, slot.last_sent(tick).is_none_or(|sent| is_newer(row.changed, sent))),
            };
            if change_len > 0 {
                let (step, len) = packet::step(before, at as i32, slot_bits);
                let all = len.wrapping_add(change_len);
                if all <= 64 {
                    bits.put(step | change << len, all);
                } else {
                    self.put_long(bits, (step, len), slot, row, base);
                }
                before = at as i32;
                changed = changed.wrapping_add(1);
            }
            slot.urgency = 0;
            if lossy && change_len > 0 {
                if is_other {
                    slot.tell(tick);
                }
                slot.sent |= 1;
            } else {
                // Nothing that this client gets is another: it knows this tick as well as the last.
                slot.known = tick;
            }
        }
        viewer.slots = slots;
        self.gone(viewer);
        if let Some(mean) = (((bits.bit_len() - from) * 16) as u32).checked_div(changed) {
            viewer.change_bits = (viewer.change_bits * 7 + mean) / 8;
        }
        changed
    }

    /// From which tick on a slot's change is told, and the change itself if somebody got it already.
    #[inline]
    fn look_ahead(&self, slot: &Slot) -> Ahead {
        let Some(row) = self.frame.rows.get(slot.row as usize).filter(|_| slot.state == State::Known) else {
            return Ahead::default();
        };
        // What is the same as at the tick before the change serves as well as what the client got, and is shared with more others.
        let base = if is_newer(row.before, slot.known) { slot.known } else { row.changed.wrapping_sub(1) };
        let Some(key) = self.key(slot, base) else { return Ahead { base, ..Ahead::default() } };
        Ahead { base, shared: self.replicator.shared.get(key, slot.row) }
    }

    /// Where changes since the tick `base` are kept for others. `None`: it is too old.
    #[inline]
    fn key(&self, slot: &Slot, base: u32) -> Option<Key> {
        Key::new(slot.view, self.frame.tick.wrapping_sub(base).wrapping_sub(1) as usize)
    }

    /// What is new for a client that knows the tick `base`. `None`: so old a tick is not kept.
    #[cold]
    fn encode(&mut self, slot: &Slot, row: &Row, base: u32) -> Option<(u64, u32)> {
        let made = self.made(slot.row, row, slot.view, self.history.frame(base)?)?;
        if let Some(key) = self.key(slot, base) {
            self.replicator.shared.keep(key, slot.row, made);
        }
        Some(made)
    }

    /// How a row differs from what it was in `base`. `None`: it was not there.
    #[inline]
    fn made(&self, at: u32, row: &Row, view: View, base: &Frame) -> Option<(u64, u32)> {
        let base = base.values_of(at, row.generation)?;
        let kind = self.schema.compiled().kind(row.kind);
        let values = self.frame.row_values(at);
        let mut short = Short::default();
        if has_changes(kind, view, values, base) {
            put_changes(&mut short, kind, view, self.frame.tick, values, base);
        }
        Some((short.bits, short.len))
    }

    /// Encodes the changes of one view and age that will be asked for.
    fn encode_ahead(&mut self, key: Key) {
        let (Some(view), age) = key.parts() else { return };
        let since = self.frame.tick.wrapping_sub(1).wrapping_sub(age);
        let Some(base) = self.history.frame(since) else { return };
        let mut shared = std::mem::take(&mut self.replicator.shared);
        shared.keep_all(key, |at| {
            let row = &self.frame.rows[at as usize];
            let told = is_newer(row.changed, since) && (is_newer(row.before, since) || row.changed.wrapping_sub(1) == since);
            if told && row.kind != NO_KIND { self.made(at, row, view, base) } else { None }
        });
        self.replicator.shared = shared;
    }

    /// That everything is again as the client knew it: what it was told in between may have arrived or not. And whether it is something else
    /// than it was told last.
    #[cold]
    fn as_before(&self, slot: &Slot, row: &Row) -> (u64, u32, bool) {
        let kind = self.schema.compiled().kind(row.kind);
        let values = self.frame.row_values(slot.row);
        let mut short = Short::default();
        put_changes(&mut short, kind, slot.view, self.frame.tick, values, values);
        let last = slot.last_sent(self.frame.tick).and_then(|sent| self.history.frame(sent));
        let last = last.and_then(|frame| frame.values_of(slot.row, slot.generation));
        (short.bits, short.len, last.is_none_or(|last| has_changes(kind, slot.view, values, last)))
    }

    /// A change that does not fit into a word.
    #[cold]
    fn put_long(&self, bits: &mut BitWriter, (step, len): (u64, u32), slot: &Slot, row: &Row, base: u32) {
        let Some(base) = self.history.frame(base).and_then(|frame| frame.values_of(slot.row, slot.generation)) else { return };
        bits.put(step, len);
        let kind = self.schema.compiled().kind(row.kind);
        put_changes(bits, kind, slot.view, self.frame.tick, self.frame.row_values(slot.row), base);
    }

    /// Slots of which no change was written: their entities are gone or hidden, or what the client knows of them is too old.
    fn gone(&self, viewer: &mut Viewer) {
        for &at in &self.replicator.list {
            let at = usize::from(at);
            let slot = &viewer.slots[at];
            let view = slot.view;
            let alive = self.frame.rows.get(slot.row as usize).is_some_and(|row| is_alive(row, slot));
            if alive && !is_hidden(self.frame, slot, viewer.groups) {
                viewer.renew(at, view);
            } else {
                viewer.leave(at);
            }
        }
    }
}

/// The bits of a packet.
#[derive(Debug)]
struct Room {
    from: usize,
    most: usize,
}

/// Slots whose entities are gone. With datagrams they are named until that is acknowledged.
fn put_leaves(bits: &mut BitWriter, viewer: &mut Viewer, list: &mut Vec<u16>, slot_bits: u32, room: &Room) -> u32 {
    list.clear();
    if viewer.leaving > 0 {
        // No more than a quarter of the packet; those that were not named lately go first.
        let most = (room.most - room.from) / 4 / slot_bits as usize;
        let leaving = |lately: bool| {
            let slots = viewer.slots.iter().enumerate();
            slots
                .filter(move |(_, slot)| slot.state == State::Leaving && (slot.sent & 0b1110 != 0) == lately)
                .map(|(at, _)| at as u16)
        };
        list.extend(leaving(false).chain(leaving(true)).take(most));
    }
    bits.put_gamma(list.len() as u32 + 1);
    for &at in list.iter() {
        bits.put(u64::from(at), slot_bits);
        match viewer.config.delivery {
            Delivery::Lossy => viewer.slots[usize::from(at)].sent |= 1,
            Delivery::Ordered => viewer.free(usize::from(at)),
        }
    }
    list.len() as u32
}

#[inline]
fn is_alive(row: &Row, slot: &Slot) -> bool {
    row.generation == slot.generation && row.kind != NO_KIND
}

/// Whether a client of these groups must not get anything more of what it has in this slot.
#[inline]
fn is_hidden(frame: &Frame, slot: &Slot, groups: u64) -> bool {
    frame.hides && slot.weight != OWN_WEIGHT && frame.seen_by.get(slot.row as usize).is_some_and(|seen_by| seen_by & groups == 0)
}

/// Whether tick `a` is after tick `b`.
#[inline]
const fn is_newer(a: u32, b: u32) -> bool {
    let passed = a.wrapping_sub(b);
    passed != 0 && passed < u32::MAX / 2
}

#[cfg(test)]
mod tests;
