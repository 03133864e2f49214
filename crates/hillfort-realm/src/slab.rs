//! The rooms of one world thread by number, and the numbers' names. A name is never used twice: it carries a generation.

use std::sync::Arc;
use std::time::Duration;

use hillfort_proto::ids::RoomId;
use hillfort_proto::time::Time;
use hillfort_world::{RoomCell, Slot};

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
    /// Since when nobody has had a seat.
    pub(crate) empty_since: Option<Time>,
    /// Free seats as they are counted in the game's sum.
    pub(crate) seats_counted: u16,
    /// Inputs heard when the room was last listed, and when that was.
    pub(crate) listed: Option<(Time, u64)>,
}

/// Rooms by number.
#[derive(Debug)]
pub(crate) struct Slab {
    world: u8,
    entries: Vec<Entry>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Entry {
    generation: u32,
    room: Option<Box<Hosted>>,
}

impl Slab {
    pub(crate) const fn new(world: u8) -> Self {
        Self { world, entries: Vec::new(), free: Vec::new() }
    }

    /// Reserves a number and its name; [`Slab::put`] or [`Slab::release`] must follow.
    pub(crate) fn reserve(&mut self) -> (u32, RoomId) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry { generation: 1, room: None });
            u32::try_from(self.entries.len() - 1).expect("rooms are at most ROOMS_MAX")
        });
        let generation = u64::from(self.entries[index as usize].generation);
        (index, RoomId(generation << 32 | u64::from(index) << 8 | u64::from(self.world)))
    }

    /// Frees a number. Its name is not used again until the generation has gone round.
    pub(crate) fn release(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        entry.generation = entry.generation.wrapping_add(1).max(1);
        self.free.push(index);
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
        let index = (id.0 >> 8) as u32 & 0x00ff_ffff;
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

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }
}

impl Hosted {
    /// Whether nobody has had a seat for `long`.
    pub(crate) fn is_deserted(&self, now: Time, long: Duration) -> bool {
        self.empty_since.is_some_and(|since| now.since(since) >= long)
    }
}
