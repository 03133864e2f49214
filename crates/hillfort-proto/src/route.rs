//! What travels between the doors and the rooms: batches in two bounded lanes, one pair for each (edge thread, world thread).
//!
//! Batches are recycled, so a steady stream allocates nothing. The doors know a [`RoomPort`], the rooms know a [`SessionPort`];
//! neither knows the other. Nothing here blocks or wakes anybody by itself: an implementation of a port does.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::ids::{RoomId, SessionId};
use crate::message::{Ask, Wanted};
use crate::reject::Reject;

/// Entries that one batch holds at most.
pub const BATCH_ENTRIES_MAX: usize = 8 * 1024;
/// Bytes of data that one batch holds at most.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Batches that wait in one lane at most.
pub const LANE_DEPTH: usize = 32;

/// The batch cannot take this entry: hand it over, or drop the entry by its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchFull;

/// From a session to the rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inbound<'a> {
    /// Wants a seat; `name` is the player's. `game` may be empty when `room` is a [`Wanted::Room`]. `facts`: what else the door knows about the player, in a form that it and the room agree
    /// on; at most [`crate::limits::JOIN_FACTS_BYTES_MAX`] bytes.
    Join { session: SessionId, room: Wanted<'a>, game: &'a str, name: &'a str, facts: &'a [u8] },
    /// One input; at most [`crate::limits::ROOM_INPUT_BYTES_MAX`] bytes. One that is longer than its room hears is counted and lost.
    Input { session: SessionId, room: RoomId, op: u32, data: &'a [u8] },
    /// Gives the seat up.
    Leave { session: SessionId, room: RoomId },
    /// The connection is gone; the session may come back within the resume window.
    Drop { session: SessionId, room: RoomId },
    /// The connection is back.
    Reconnect { session: SessionId, room: RoomId },
    /// The session did not get all of the room's scene, and needs it anew.
    Resync { session: SessionId, room: RoomId },
    /// From this edge thread nothing more of the room comes this way: it moves to another world thread, which gets the rest.
    Switched { room: RoomId, edge: u8 },
}

/// From a room to sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outbound<'a> {
    /// The seat is taken.
    Joined { session: SessionId, room: RoomId, game: &'a str, label: &'a str, hz: u32, tick: u64 },
    /// No seat. `reason` is the room's own, if it gave one.
    JoinRefused { session: SessionId, reject: Reject, reason: &'a str },
    /// The seat is gone: kicked, or the room ended. `None`: as the session asked.
    Left { session: SessionId, room: RoomId, reject: Option<Reject> },
    /// Delivered once and in order.
    Event { to: &'a [SessionId], room: RoomId, op: u32, data: &'a [u8] },
    /// The newest replaces older ones that are not sent yet.
    State { to: &'a [SessionId], room: RoomId, tick: u64, data: &'a [u8] },
    /// What is new of the room's scene: in order, and all of it. When one is lost, only one that begins `anew` can follow.
    Scene { session: SessionId, room: RoomId, anew: bool, data: &'a [u8] },
}

/// Hands inputs to the rooms. Owned by one edge thread.
pub trait RoomPort: Send {
    /// World thread that is to decide about this join: one and the same for all who want the room of one name. Fails when the game or
    /// the room is unknown.
    ///
    /// # Errors
    /// [`Reject::RoomGame`], [`Reject::RoomUnknown`], [`Reject::RoomsFull`], [`Reject::Draining`].
    fn place(&mut self, game: &str, room: Wanted<'_>) -> Result<u8, Reject>;

    /// The join that was placed could not be handed over: what was set aside for it is free again.
    fn unplace(&mut self, game: &str, room: Wanted<'_>);

    /// Appends the rooms that `ask` is for to `lines`, at most [`crate::limits::LIST_ROOMS_MAX`]. Returns whether there are more. What
    /// it sees is a second old at most, and it may not look at all rooms.
    ///
    /// # Errors
    /// [`Reject::RoomGame`].
    fn list(&mut self, ask: &Ask<'_>, lines: &mut Vec<u8>) -> Result<bool, Reject>;

    /// World thread that gets what is for this room now.
    fn owner(&self, room: RoomId) -> u8 {
        room.owner()
    }

    /// Looks whether rooms move. To be called in each turn, before what waits in the lanes from the world threads is taken, all of it.
    fn look_for_moves(&mut self) {}

    /// After that: an entry for the batch of the world thread that a room leaves. [`RoomPort::switched`] must follow when the batch has it.
    fn poll_switch(&mut self) -> Option<(u8, Inbound<'static>)> {
        None
    }

    /// [`RoomPort::owner`] names the room's new world thread from now on.
    fn switched(&mut self) {}

    /// Does that for all rooms that move, as far as the batches take it; the rest is done in the next turn. `inbound` has a batch for each world thread.
    fn switch_routes(&mut self, inbound: &mut [InboundBatch]) {
        while let Some((world, entry)) = self.poll_switch()
            && inbound.get_mut(usize::from(world)).is_none_or(|batch| batch.push(entry).is_ok())
        {
            self.switched();
        }
    }

    /// Number of world threads.
    fn worlds(&self) -> usize;

    /// Hands `batch` over and leaves an empty one in its place. `false`: the lane is full, `batch` is unchanged; the caller keeps
    /// filling it and tries again soon. Wakes the world thread only when the batch is urgent: inputs wait for their tick anyway.
    fn submit(&mut self, world: u8, batch: &mut InboundBatch) -> bool;
}

/// Hands outputs to the sessions. Owned by one world thread.
pub trait SessionPort: Send {
    /// Number of edge threads.
    fn edges(&self) -> usize;

    /// Hands `batch` over, leaves an empty one in its place and wakes the edge thread. `false`: the lane is full, `batch` is unchanged.
    fn submit(&mut self, edge: u8, batch: &mut OutboundBatch) -> bool;

    /// Wakes the edge thread, so that it looks for rooms that move.
    fn wake(&mut self, _edge: u8) {}
}

/// Part of a batch's byte store.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: u32,
    len: u32,
}

#[derive(Debug, Clone, Copy)]
enum WantedSpan {
    Any,
    Room(RoomId),
    Named { name: Span, params: Span },
}

#[derive(Debug, Clone, Copy)]
enum InboundEntry {
    Join { session: SessionId, room: WantedSpan, game: Span, name: Span, facts: Span },
    Input { session: SessionId, room: RoomId, op: u32, data: Span },
    Leave { session: SessionId, room: RoomId },
    Drop { session: SessionId, room: RoomId },
    Reconnect { session: SessionId, room: RoomId },
    Resync { session: SessionId, room: RoomId },
    Switched { room: RoomId, edge: u8 },
}

#[derive(Debug, Clone, Copy)]
enum OutboundEntry {
    Joined { session: SessionId, room: RoomId, game: Span, label: Span, hz: u32, tick: u64 },
    JoinRefused { session: SessionId, reject: Reject, reason: Span },
    Left { session: SessionId, room: RoomId, reject: Option<Reject> },
    Event { to: Span, room: RoomId, op: u32, data: Span },
    State { to: Span, room: RoomId, tick: u64, data: Span },
    Scene { session: SessionId, room: RoomId, anew: bool, data: Span },
}

/// Inputs on their way to one world thread.
#[derive(Debug, Default)]
pub struct InboundBatch {
    entries: Vec<InboundEntry>,
    bytes: Vec<u8>,
    urgent: bool,
}

/// Outputs on their way to one edge thread.
#[derive(Debug, Default)]
pub struct OutboundBatch {
    entries: Vec<OutboundEntry>,
    sessions: Vec<SessionId>,
    bytes: Vec<u8>,
}

/// A batch that a lane can recycle.
pub trait Recycle: Default + Send {
    /// Forgets the entries, keeps the memory.
    fn clear(&mut self);
}

/// Sending end of a lane.
#[derive(Debug)]
pub struct LaneSender<B> {
    full: SyncSender<B>,
    empty: Receiver<B>,
}

/// Receiving end of a lane.
#[derive(Debug)]
pub struct LaneReceiver<B> {
    full: Receiver<B>,
    empty: SyncSender<B>,
}

/// A bounded lane of [`LANE_DEPTH`] batches with a way back for empty ones.
#[must_use]
pub fn lane<B: Recycle>() -> (LaneSender<B>, LaneReceiver<B>) {
    let (full_in, full_out) = sync_channel(LANE_DEPTH);
    let (empty_in, empty_out) = sync_channel(LANE_DEPTH + 1);
    (LaneSender { full: full_in, empty: empty_out }, LaneReceiver { full: full_out, empty: empty_in })
}

impl<B: Recycle> LaneSender<B> {
    /// Sends `batch` and leaves an empty one. `false`: the lane is full or its other end is gone, `batch` is unchanged.
    pub fn send(&mut self, batch: &mut B) -> bool {
        let spare = self.empty.try_recv().unwrap_or_default();
        match self.full.try_send(std::mem::replace(batch, spare)) {
            Ok(()) => true,
            Err(TrySendError::Full(back) | TrySendError::Disconnected(back)) => {
                *batch = back;
                false
            }
        }
    }
}

impl<B: Recycle> LaneReceiver<B> {
    /// Next batch, if one waits. Give it back by [`LaneReceiver::recycle`].
    pub fn receive(&mut self) -> Option<B> {
        self.full.try_recv().ok()
    }

    /// Returns the memory of `batch` to the sender.
    pub fn recycle(&mut self, mut batch: B) {
        batch.clear();
        // A full way back means that the sender has spares enough: this one is freed.
        let _spare_dropped = self.empty.try_send(batch);
    }
}

impl Span {
    fn put(store: &mut Vec<u8>, data: &[u8]) -> Self {
        let from = u32::try_from(store.len()).expect("batches are bounded far below 4 GiB");
        store.extend_from_slice(data);
        Self { from, len: u32::try_from(data.len()).expect("checked by `fits`") }
    }

    fn of<T>(self, store: &[T]) -> &[T] {
        &store[self.from as usize..][..self.len as usize]
    }

    fn text(self, store: &[u8]) -> &str {
        std::str::from_utf8(self.of(store)).expect("was put as str")
    }
}

fn fits(entries: usize, stored: usize, more: usize) -> Result<(), BatchFull> {
    if entries < BATCH_ENTRIES_MAX && stored.saturating_add(more) <= BATCH_BYTES_MAX { Ok(()) } else { Err(BatchFull) }
}

impl Recycle for InboundBatch {
    fn clear(&mut self) {
        self.entries.clear();
        self.bytes.clear();
        self.urgent = false;
    }
}

impl InboundBatch {
    /// Appends an entry.
    ///
    /// # Errors
    /// [`BatchFull`]: nothing was appended.
    pub fn push(&mut self, entry: Inbound<'_>) -> Result<(), BatchFull> {
        let more = match entry {
            Inbound::Join { game, name, facts, room, .. } => {
                let wanted = if let Wanted::Named { name, params } = room { name.len() + params.len() } else { 0 };
                game.len() + name.len() + facts.len() + wanted
            }
            Inbound::Input { data, .. } => data.len(),
            _ => 0,
        };
        fits(self.entries.len(), self.bytes.len(), more)?;
        self.urgent |= !matches!(entry, Inbound::Input { .. });
        self.entries.push(match entry {
            Inbound::Join { session, room, game, name, facts } => {
                let game = Span::put(&mut self.bytes, game.as_bytes());
                let room = match room {
                    Wanted::Any => WantedSpan::Any,
                    Wanted::Room(room) => WantedSpan::Room(room),
                    Wanted::Named { name, params } => WantedSpan::Named {
                        name: Span::put(&mut self.bytes, name.as_bytes()),
                        params: Span::put(&mut self.bytes, params),
                    },
                };
                let name = Span::put(&mut self.bytes, name.as_bytes());
                InboundEntry::Join { session, room, game, name, facts: Span::put(&mut self.bytes, facts) }
            }
            Inbound::Input { session, room, op, data } => {
                InboundEntry::Input { session, room, op, data: Span::put(&mut self.bytes, data) }
            }
            Inbound::Leave { session, room } => InboundEntry::Leave { session, room },
            Inbound::Drop { session, room } => InboundEntry::Drop { session, room },
            Inbound::Reconnect { session, room } => InboundEntry::Reconnect { session, room },
            Inbound::Resync { session, room } => InboundEntry::Resync { session, room },
            Inbound::Switched { room, edge } => InboundEntry::Switched { room, edge },
        });
        Ok(())
    }

    /// The entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Inbound<'_>> {
        let bytes = &self.bytes;
        self.entries.iter().map(move |entry| match *entry {
            InboundEntry::Join { session, room, game, name, facts } => {
                let room = match room {
                    WantedSpan::Any => Wanted::Any,
                    WantedSpan::Room(room) => Wanted::Room(room),
                    WantedSpan::Named { name, params } => Wanted::Named { name: name.text(bytes), params: params.of(bytes) },
                };
                let facts = facts.of(bytes);
                Inbound::Join { session, room, game: game.text(bytes), name: name.text(bytes), facts }
            }
            InboundEntry::Input { session, room, op, data } => Inbound::Input { session, room, op, data: data.of(bytes) },
            InboundEntry::Leave { session, room } => Inbound::Leave { session, room },
            InboundEntry::Drop { session, room } => Inbound::Drop { session, room },
            InboundEntry::Reconnect { session, room } => Inbound::Reconnect { session, room },
            InboundEntry::Resync { session, room } => Inbound::Resync { session, room },
            InboundEntry::Switched { room, edge } => Inbound::Switched { room, edge },
        })
    }

    /// Whether it holds anything but inputs, so that the world thread should look before its next tick.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Recycle for OutboundBatch {
    fn clear(&mut self) {
        self.entries.clear();
        self.sessions.clear();
        self.bytes.clear();
    }
}

impl OutboundBatch {
    /// Appends an entry. All sessions of an entry belong to the edge thread that the batch is for.
    ///
    /// # Errors
    /// [`BatchFull`]: nothing was appended.
    pub fn push(&mut self, entry: Outbound<'_>) -> Result<(), BatchFull> {
        let more = match entry {
            Outbound::Joined { game, label, .. } => game.len() + label.len(),
            Outbound::JoinRefused { reason, .. } => reason.len(),
            Outbound::Event { to, data, .. } | Outbound::State { to, data, .. } => data.len() + size_of_val(to),
            Outbound::Scene { data, .. } => data.len(),
            _ => 0,
        };
        fits(self.entries.len(), self.bytes.len() + size_of_val(self.sessions.as_slice()), more)?;
        let entry = match entry {
            Outbound::Joined { session, room, game, label, hz, tick } => {
                let game = Span::put(&mut self.bytes, game.as_bytes());
                OutboundEntry::Joined { session, room, game, label: Span::put(&mut self.bytes, label.as_bytes()), hz, tick }
            }
            Outbound::JoinRefused { session, reject, reason } => {
                OutboundEntry::JoinRefused { session, reject, reason: Span::put(&mut self.bytes, reason.as_bytes()) }
            }
            Outbound::Left { session, room, reject } => OutboundEntry::Left { session, room, reject },
            Outbound::Event { to, room, op, data } => {
                OutboundEntry::Event { to: self.put_sessions(to), room, op, data: Span::put(&mut self.bytes, data) }
            }
            Outbound::Scene { session, room, anew, data } => {
                OutboundEntry::Scene { session, room, anew, data: Span::put(&mut self.bytes, data) }
            }
            Outbound::State { to, room, tick, data } => {
                OutboundEntry::State { to: self.put_sessions(to), room, tick, data: Span::put(&mut self.bytes, data) }
            }
        };
        self.entries.push(entry);
        Ok(())
    }

    /// The entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Outbound<'_>> {
        let (bytes, sessions) = (&self.bytes, &self.sessions);
        self.entries.iter().map(move |entry| match *entry {
            OutboundEntry::Joined { session, room, game, label, hz, tick } => {
                Outbound::Joined { session, room, game: game.text(bytes), label: label.text(bytes), hz, tick }
            }
            OutboundEntry::JoinRefused { session, reject, reason } => {
                Outbound::JoinRefused { session, reject, reason: reason.text(bytes) }
            }
            OutboundEntry::Left { session, room, reject } => Outbound::Left { session, room, reject },
            OutboundEntry::Event { to, room, op, data } => {
                Outbound::Event { to: to.of(sessions), room, op, data: data.of(bytes) }
            }
            OutboundEntry::Scene { session, room, anew, data } => Outbound::Scene { session, room, anew, data: data.of(bytes) },
            OutboundEntry::State { to, room, tick, data } => {
                Outbound::State { to: to.of(sessions), room, tick, data: data.of(bytes) }
            }
        })
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn put_sessions(&mut self, to: &[SessionId]) -> Span {
        let from = u32::try_from(self.sessions.len()).expect("batches are bounded far below 4 GiB");
        self.sessions.extend_from_slice(to);
        Span { from, len: u32::try_from(to.len()).expect("checked by `fits`") }
    }
}
