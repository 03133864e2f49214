//! Which session sits in which room. To the realm each seat is a session of its own, so that one socket may be in several rooms. Knows
//! nothing of what rooms say.

use std::collections::HashMap;
use std::sync::Arc;

use hillfort_api::{SessionId as SocketSession, SessionUser};
use hillfort_proto::ids::{RoomId, SessionId};

use crate::socket::conn::ConnRef;

/// Seats that one loop may have: what a session's number has bits for.
const SEATS_MAX: usize = 1 << 24;

/// See the module.
#[derive(Debug)]
pub(crate) struct Seats {
    edge: u8,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Seats that are taken, by room, in the order in which they were.
    rooms: HashMap<RoomId, Vec<u32>>,
    /// Rooms that have to be told of a leave, and could not be yet.
    owed: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    seat: Option<Seat>,
}

/// One seat, asked for or taken.
#[derive(Debug)]
pub(crate) struct Seat {
    /// The realm's name for it.
    pub(crate) id: SessionId,
    pub(crate) room: RoomId,
    /// Its socket; one that is gone leaves a seat behind until its room has let it go.
    pub(crate) at: ConnRef,
    pub(crate) session: SocketSession,
    pub(crate) user: Arc<SessionUser>,
    pub(crate) state: SeatState,
    /// The newest state of the room, for a socket that was full.
    pub(crate) held: Option<Vec<u8>>,
    /// A packet of the room's scene was not sent.
    pub(crate) scene_lost: bool,
}

/// How far a seat has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SeatState {
    /// The room has not answered; the client waits with this `cid`.
    Asking(String),
    /// Taken. `handler`: a match handler runs the room.
    In { handler: bool },
    /// Given up; the room has not said so yet.
    Leaving,
}

impl Seats {
    pub(crate) fn new(edge: u8) -> Self {
        Self { edge, slots: Vec::new(), free: Vec::new(), rooms: HashMap::new(), owed: Vec::new() }
    }

    /// A seat that is asked for. `None`: there are too many.
    pub(crate) fn ask(
        &mut self,
        at: ConnRef,
        session: SocketSession,
        user: Arc<SessionUser>,
        room: RoomId,
        cid: String,
    ) -> Option<u32> {
        let key = match self.free.pop() {
            Some(key) => key,
            None if self.slots.len() < SEATS_MAX => {
                self.slots.push(Slot { generation: 1, seat: None });
                (self.slots.len() - 1) as u32
            }
            None => return None,
        };
        let slot = &mut self.slots[key as usize];
        let id = SessionId(u64::from(slot.generation) << 32 | u64::from(key) << 8 | u64::from(self.edge));
        slot.seat = Some(Seat { id, room, at, session, user, state: SeatState::Asking(cid), held: None, scene_lost: false });
        Some(key)
    }

    pub(crate) fn get(&self, key: u32) -> Option<&Seat> {
        self.slots.get(key as usize)?.seat.as_ref()
    }

    pub(crate) fn get_mut(&mut self, key: u32) -> Option<&mut Seat> {
        self.slots.get_mut(key as usize)?.seat.as_mut()
    }

    /// The seat of the realm's name.
    pub(crate) fn find(&self, id: SessionId) -> Option<u32> {
        let key = (id.0 >> 8) as u32 & 0x00ff_ffff;
        self.get(key).filter(|seat| seat.id == id).map(|_| key)
    }

    /// Notes that a seat is taken.
    pub(crate) fn take(&mut self, key: u32, handler: bool) {
        let Some(seat) = self.slots.get_mut(key as usize).and_then(|slot| slot.seat.as_mut()) else { return };
        seat.state = SeatState::In { handler };
        self.rooms.entry(seat.room).or_default().push(key);
    }

    /// Seats of a room that are taken.
    pub(crate) fn of_room(&self, room: RoomId) -> &[u32] {
        self.rooms.get(&room).map(Vec::as_slice).unwrap_or_default()
    }

    /// Takes a seat off its room's list.
    pub(crate) fn leave_room(&mut self, key: u32) {
        let Some(room) = self.get(key).map(|seat| seat.room) else { return };
        if let Some(seats) = self.rooms.get_mut(&room) {
            seats.retain(|other| *other != key);
            if seats.is_empty() {
                self.rooms.remove(&room);
            }
        }
    }

    /// Forgets a seat.
    pub(crate) fn release(&mut self, key: u32) -> Option<Seat> {
        self.leave_room(key);
        let slot = self.slots.get_mut(key as usize)?;
        let seat = slot.seat.take()?;
        slot.generation = slot.generation.wrapping_add(1).max(1);
        self.free.push(key);
        Some(seat)
    }

    /// Its room is to be told that it is given up.
    pub(crate) fn owe(&mut self, key: u32) {
        self.owed.push(key);
    }

    pub(crate) fn take_owed(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.owed)
    }

    pub(crate) fn owes(&self) -> bool {
        !self.owed.is_empty()
    }
}
