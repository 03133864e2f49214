//! Rooms that live on another world thread than the one that made them, and how each edge thread comes to know. Owns the table; knows nothing of what
//! a move needs.
//!
//! Few rooms move, so edge threads keep a copy, and look at one number a turn to see whether it is still true. The lock is taken when it is not.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hillfort_proto::ids::RoomId;

/// Where rooms are that are not with the thread that their number names.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    changes: AtomicU64,
    moved: Mutex<HashMap<RoomId, u8>>,
}

/// What one edge thread knows of it.
#[derive(Debug, Default)]
pub(crate) struct View {
    seen: u64,
    known: HashMap<RoomId, u8>,
    /// Rooms that this edge thread is to send elsewhere, and where to.
    waiting: VecDeque<(RoomId, u8)>,
}

impl Routes {
    /// World thread that has the room, or is about to.
    pub(crate) fn owner(&self, room: RoomId) -> u8 {
        if self.changes.load(Ordering::Acquire) == 0 {
            return room.owner();
        }
        self.moved().get(&room).copied().unwrap_or_else(|| room.owner())
    }

    /// The room is with `world` from now on. All that its thread put out before is in the lanes.
    pub(crate) fn set(&self, room: RoomId, world: u8) {
        let mut moved = self.moved();
        if world == room.owner() {
            moved.remove(&room);
        } else {
            moved.insert(room, world);
        }
        self.changes.fetch_add(1, Ordering::Release);
    }

    fn moved(&self) -> MutexGuard<'_, HashMap<RoomId, u8>> {
        // What is in it is whole after every line.
        self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View {
    pub(crate) fn owner(&self, room: RoomId) -> u8 {
        if self.known.is_empty() {
            return room.owner();
        }
        self.known.get(&room).copied().unwrap_or_else(|| room.owner())
    }

    /// Looks whether anything changed.
    pub(crate) fn look(&mut self, routes: &Routes) {
        let changes = routes.changes.load(Ordering::Acquire);
        if changes == self.seen {
            return;
        }
        self.seen = changes;
        let moved = routes.moved();
        self.waiting.clear();
        let home = self.known.keys().filter(|room| !moved.contains_key(room)).map(|room| (*room, room.owner()));
        let away = moved.iter().filter(|(room, world)| self.owner(**room) != **world).map(|(room, world)| (*room, *world));
        let mut waiting: Vec<_> = home.chain(away).collect();
        waiting.sort_unstable();
        self.waiting.extend(waiting);
    }

    /// A room that is to be sent elsewhere, and where it was sent so far.
    pub(crate) fn poll_switch(&self) -> Option<(RoomId, u8)> {
        self.waiting.front().map(|(room, _)| (*room, self.owner(*room)))
    }

    /// That is done.
    pub(crate) fn switched(&mut self) {
        let Some((room, world)) = self.waiting.pop_front() else { return };
        if world == room.owner() {
            self.known.remove(&room);
        } else {
            self.known.insert(room, world);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_thread_learns_of_each_change_once() {
        let (routes, mut view) = (Routes::default(), View::default());
        let (a, b) = (RoomId(0x1_0000_0001), RoomId(0x1_0000_0102));
        assert_eq!((routes.owner(a), view.owner(b)), (1, 2));
        routes.set(a, 0);
        routes.set(b, 0);
        assert_eq!((routes.owner(a), view.owner(a), view.poll_switch()), (0, 1, None), "nothing before it looks");
        view.look(&routes);
        assert_eq!(view.poll_switch(), Some((a, 1)));
        assert_eq!(view.owner(a), 1, "nor before it is done");
        view.switched();
        assert_eq!((view.owner(a), view.poll_switch()), (0, Some((b, 2))));
        // The second comes home before it was switched.
        routes.set(b, 2);
        view.look(&routes);
        assert_eq!((view.owner(b), view.poll_switch()), (2, None));
        routes.set(a, 1);
        view.look(&routes);
        assert_eq!(view.poll_switch(), Some((a, 0)));
        view.switched();
        assert_eq!((view.owner(a), view.known.len(), routes.moved().len()), (1, 0, 0));
    }
}
