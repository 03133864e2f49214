//! The rooms of one world thread by number, and the numbers' names. A name is never used twice: it carries a generation.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hillfort_proto::ids::RoomId;
use hillfort_proto::time::Time;
use hillfort_world::{RoomCell, Slot, WhenEmpty};

use crate::saved::SavedRoom;
use crate::world::{Asking, Watched, Withheld};

/// A room and what its world thread knows about it.
#[derive(Debug)]
pub(crate) struct Hosted {
    pub(crate) id: RoomId,
    pub(crate) index: u32,
    pub(crate) game: usize,
    pub(crate) game_name: Arc<str>,
    /// Empty for a room without a name.
    pub(crate) name: Arc<str>,
    pub(crate) cell: RoomCell,
    pub(crate) slot: Slot,
    /// When it was made or taken up.
    pub(crate) made: Time,
    /// Its label and handler as lists showed them last.
    pub(crate) shown: (Arc<str>, Arc<str>),
    /// Who waits for its answer.
    pub(crate) asking: Option<Box<Asking>>,
    /// What it was made from.
    pub(crate) params: Box<[u8]>,
    /// When it is to be saved next; `None` when its rules cannot.
    pub(crate) save_at: Option<Time>,
    /// It is about to move to another thread, and rests.
    pub(crate) leaving: bool,
    /// Its rules cannot be saved, so it cannot move.
    pub(crate) stays: bool,
    /// When it came from another thread.
    pub(crate) moved_at: Option<Time>,
    /// There may be a file of it.
    pub(crate) has_file: bool,
    /// Since when nobody has had a seat.
    pub(crate) empty_since: Option<Time>,
    /// Free seats as they are counted in the game's sum.
    pub(crate) seats_counted: u16,
    /// States that an overloaded thread held back.
    pub(crate) withheld: Option<Box<Withheld>>,
    /// Moving average of what a tick takes, and that for a second at the last rate, in nanoseconds.
    pub(crate) cost_ns: u64,
    pub(crate) cost_per_s: i64,
    /// What writing the packets of its scene took, on all threads together.
    pub(crate) shared_in: Duration,
    /// What is noted while somebody looks at it.
    pub(crate) watched: Option<Box<Watched>>,
    /// The last packets were held back, because the thread has too much to do.
    pub(crate) share_held: bool,
    /// It runs slower than its game wants, and is counted so.
    pub(crate) slowed: bool,
    /// Inputs heard when the room was last listed, and when that was.
    pub(crate) listed: Option<(Time, u64)>,
}

/// A room without its code, until somebody joins it.
#[derive(Debug)]
pub(crate) struct Asleep {
    pub(crate) game: usize,
    pub(crate) saved: SavedRoom,
}

/// Rooms by number.
#[derive(Debug)]
pub(crate) struct Slab {
    world: u8,
    /// First generation of each number: names with an earlier one may be those of rooms that are not here.
    first: u32,
    entries: Vec<Entry>,
    free: Vec<u32>,
    asleep: usize,
    /// Numbers that no room gets, because rooms that stay in their files have them.
    kept: usize,
    /// Rooms that came from other threads with their names.
    foreign: HashMap<RoomId, u32>,
}

#[derive(Debug)]
struct Entry {
    generation: u32,
    room: Option<Box<Hosted>>,
    asleep: Option<Box<Asleep>>,
}

impl Slab {
    pub(crate) fn new(world: u8, first: u32) -> Self {
        Self { world, first, entries: Vec::new(), free: Vec::new(), asleep: 0, kept: 0, foreign: HashMap::new() }
    }

    /// Reserves a number and its name; [`Slab::put`] or [`Slab::release`] must follow.
    pub(crate) fn reserve(&mut self) -> (u32, RoomId) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry { generation: self.first, room: None, asleep: None });
            u32::try_from(self.entries.len() - 1).expect("rooms are at most ROOMS_MAX")
        });
        let generation = u64::from(self.entries[index as usize].generation);
        (index, RoomId(generation << 32 | u64::from(index) << 8 | u64::from(self.world)))
    }

    /// Reserves the number of a name that was given before; [`Slab::put`], [`Slab::lay`], [`Slab::keep`] or [`Slab::release`] must follow. `None`: it is taken, not this world's, or above `numbers_max`.
    pub(crate) fn reserve_again(&mut self, id: RoomId, numbers_max: u32) -> Option<u32> {
        let index = (id.0 >> 8) as u32 & 0x00ff_ffff;
        if id.owner() != self.world || index >= numbers_max {
            return None;
        }
        while self.numbers() <= index {
            self.free.push(self.numbers());
            self.entries.push(Entry { generation: self.first, room: None, asleep: None });
        }
        let at = self.free.iter().position(|&free| free == index)?;
        self.free.swap_remove(at);
        self.entries[index as usize].generation = id.generation();
        Some(index)
    }

    /// Nobody gets a number that was reserved, for as long as this world runs: its room is not here.
    pub(crate) const fn keep(&mut self) {
        self.kept += 1;
    }

    /// Reserves a number for a room that keeps the name which another thread gave it, or this one before it moved.
    pub(crate) fn reserve_as(&mut self, id: RoomId) -> u32 {
        let (index, _) = self.reserve();
        self.foreign.insert(id, index);
        index
    }

    /// Where a room of this name is, if there is one.
    fn number(&self, id: RoomId) -> u32 {
        let named = (id.0 >> 8) as u32 & 0x00ff_ffff;
        if self.foreign.is_empty() { named } else { self.foreign.get(&id).copied().unwrap_or(named) }
    }

    /// Lets a room whose number is reserved sleep there.
    pub(crate) fn lay(&mut self, index: u32, room: Asleep) {
        self.asleep += 1;
        self.entries[index as usize].asleep = Some(Box::new(room));
    }

    /// Takes a room up that sleeps. [`Slab::put`] or [`Slab::release`] must follow.
    pub(crate) fn rouse(&mut self, index: u32) -> Option<Box<Asleep>> {
        let room = self.entries.get_mut(index as usize)?.asleep.take()?;
        self.asleep -= 1;
        Some(room)
    }

    /// A room that sleeps.
    pub(crate) fn asleep(&self, index: u32) -> Option<&Asleep> {
        self.entries.get(index as usize)?.asleep.as_deref()
    }

    /// The number of a room that sleeps.
    pub(crate) fn find_asleep(&self, id: RoomId) -> Option<u32> {
        let index = self.number(id);
        self.asleep(index).filter(|room| room.saved.id == Some(id)).map(|_| index)
    }

    /// Rooms that sleep.
    pub(crate) const fn len_asleep(&self) -> usize {
        self.asleep
    }

    /// Frees a number. Its name is not used again until the generation has gone round. Returns the name of a room that had its own.
    pub(crate) fn release(&mut self, index: u32) -> Option<RoomId> {
        let entry = &mut self.entries[index as usize];
        entry.generation = entry.generation.wrapping_add(1).max(self.first);
        self.free.push(index);
        self.foreign.extract_if(|_, at| *at == index).next().map(|(id, _)| id)
    }

    /// Takes a room out while its code runs, so that the rest of the world can be changed meanwhile.
    pub(crate) fn take(&mut self, index: u32) -> Option<Box<Hosted>> {
        self.entries.get_mut(index as usize)?.room.take()
    }

    pub(crate) fn put(&mut self, room: Box<Hosted>) {
        let index = room.index as usize;
        self.entries[index].room = Some(room);
    }

    pub(crate) fn get(&self, index: u32) -> Option<&Hosted> {
        self.entries.get(index as usize)?.room.as_deref()
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Hosted> {
        self.entries.get_mut(index as usize)?.room.as_deref_mut()
    }

    /// The number of a room that is there.
    pub(crate) fn find(&self, id: RoomId) -> Option<u32> {
        let index = self.number(id);
        self.get(index).filter(|room| room.id == id).map(|room| room.index)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Hosted> {
        self.entries.iter().filter_map(|entry| entry.room.as_deref())
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Hosted> {
        self.entries.iter_mut().filter_map(|entry| entry.room.as_deref_mut())
    }

    /// One more than the highest number ever used.
    pub(crate) fn numbers(&self) -> u32 {
        self.entries.len() as u32
    }

    /// Rooms that are awake.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len() - self.asleep - self.kept
    }
}

impl Hosted {
    /// A tick took this long, at this many ticks a second. Returns by how much the room's cost of a second changed.
    pub(crate) fn on_cost(&mut self, duration: Duration, hz: u32) -> i64 {
        let ns = duration.as_nanos() as u64;
        self.cost_ns = if self.cost_ns == 0 { ns } else { (self.cost_ns * 15 + ns) / 16 };
        let before = self.cost_per_s;
        self.cost_per_s = i64::try_from(self.cost_ns.saturating_mul(u64::from(hz))).unwrap_or(i64::MAX / 2);
        self.cost_per_s - before
    }

    /// Whether its ticks wait: for somebody who looks at it, or because it moves.
    pub(crate) fn is_paused(&self) -> bool {
        self.leaving || self.watched.as_ref().is_some_and(|watched| watched.is_paused())
    }

    /// Whether somebody waits for a seat or for the answer to a signal.
    pub(crate) fn owes_answers(&self) -> bool {
        self.asking.as_ref().is_some_and(|asking| !asking.is_empty())
    }

    /// Whether nobody has had a seat, or waited for one, for `long`, and it is not to run on so.
    pub(crate) fn is_deserted(&self, now: Time, long: Duration) -> bool {
        let wanted = self.asking.as_ref().is_some_and(|asking| !asking.joins.is_empty());
        !wanted && self.cell.when_empty() == WhenEmpty::Rest && self.empty_since.is_some_and(|since| now.since(since) >= long)
    }
}
