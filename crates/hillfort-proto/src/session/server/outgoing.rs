//! What rooms and doors have to say to a client: where it sits, events, states. Knows nothing of what comes from it.

use super::{Session, State};
use crate::frame::Framing;
use crate::ids::RoomId;
use crate::message::{RoomLines, ServerBody};
use crate::reject::Reject;
use crate::session::Seat;

impl Session {
    /// The seat is taken. Ignored unless the session asked for one: `false` then, and the room should be told to free the seat.
    ///
    /// # Errors
    /// [`Reject::SlowConsumer`].
    pub fn enqueue_joined(
        &mut self,
        room: RoomId,
        game: &str,
        hz: u32,
        tick: u64,
        framing: Framing,
        out: &mut Vec<u8>,
    ) -> Result<bool, Reject> {
        if self.seat != Seat::Joining {
            return Ok(false);
        }
        self.seat = Seat::In(room);
        self.put_sequenced(ServerBody::Joined { room, game, hz, tick }, framing, out).map(|()| true)
    }

    /// There is no seat. Ignored unless the session asked for one.
    ///
    /// # Errors
    /// [`Reject::SlowConsumer`].
    pub fn enqueue_join_refused(&mut self, reject: Reject, framing: Framing, out: &mut Vec<u8>) -> Result<(), Reject> {
        if self.seat != Seat::Joining {
            return Ok(());
        }
        self.seat = Seat::Free;
        self.put_sequenced(ServerBody::left(Some(reject)), framing, out)
    }

    /// The seat is gone; `None`: as asked. Ignored when the session does not sit in `room`.
    ///
    /// # Errors
    /// [`Reject::SlowConsumer`].
    pub fn enqueue_left(
        &mut self,
        room: RoomId,
        reject: Option<Reject>,
        framing: Framing,
        out: &mut Vec<u8>,
    ) -> Result<(), Reject> {
        if self.seat.room() != Some(room) {
            return Ok(());
        }
        self.seat = Seat::Free;
        self.put_sequenced(ServerBody::left(reject), framing, out)
    }

    /// Something that the client gets once and in order, now or after it has resumed. Ignored when the session does not sit in `room`.
    ///
    /// # Errors
    /// [`Reject::SlowConsumer`]: too much waits for the client's acknowledgement; end the session.
    pub fn enqueue_event(
        &mut self,
        room: RoomId,
        op: u32,
        data: &[u8],
        framing: Framing,
        out: &mut Vec<u8>,
    ) -> Result<(), Reject> {
        if self.seat.room() != Some(room) {
            return Ok(());
        }
        self.put_sequenced(ServerBody::Event { op, data }, framing, out)
    }

    /// What the room looks like. Call it when the connection can be written; until then keep the newest and drop the older ones.
    /// Ignored when the session does not sit in `room` or has no connection.
    pub fn enqueue_state(&mut self, room: RoomId, tick: u64, data: &[u8], framing: Framing, out: &mut Vec<u8>) {
        if self.state == State::Open && self.seat.room() == Some(room) {
            self.put(ServerBody::State { tick, data }, framing, out);
        }
    }

    /// What is new of the room's scene. Ignored when the session does not sit in `room` or has no connection.
    pub fn enqueue_scene(&mut self, room: RoomId, data: &[u8], framing: Framing, out: &mut Vec<u8>) {
        if self.state == State::Open && self.seat.room() == Some(room) {
            self.put(ServerBody::Scene { data }, framing, out);
        }
    }

    /// Tells the client that one message was refused, e.g. for its rate. Ignored without a connection.
    pub fn enqueue_refused(&mut self, reject: Reject, framing: Framing, out: &mut Vec<u8>) {
        if self.state == State::Open {
            self.put(ServerBody::refused(reject), framing, out);
        }
    }

    /// Answers [`Event::List`]. Ignored without a connection.
    pub fn enqueue_rooms(&mut self, ask: u32, more: bool, rooms: RoomLines<'_>, framing: Framing, out: &mut Vec<u8>) {
        if self.state == State::Open {
            self.put(ServerBody::Rooms { ask, more, rooms }, framing, out);
        }
    }
}
