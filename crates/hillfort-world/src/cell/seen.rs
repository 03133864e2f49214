//! What the shell shows of its room. Changes nothing.

use hillfort_proto::ids::SessionId;

use super::{RoomCell, SeatRecord};
use crate::config::WhenEmpty;
use crate::ctx::{Ctx, Seat, To};
use crate::overload::Overload;
use crate::stats::TickStats;

impl RoomCell {
    /// What its thread gives up at the moment.
    #[must_use]
    pub const fn overload(&self) -> Overload {
        self.overload
    }

    /// Whether the room ended itself.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.ctx.is_ended()
    }

    /// Rate at which the wheel is to visit the room now.
    #[must_use]
    pub const fn rate(&self) -> u32 {
        self.pace.rate(self.connected == 0 && matches!(self.empty, WhenEmpty::Rest))
    }

    /// Whether it runs slower than its game wants, because its thread is late or has too much to do.
    #[must_use]
    pub const fn is_slowed(&self) -> bool {
        self.pace.is_slowed()
    }

    /// Sessions that are to get an output. With `connected_only`, those whose connection is there.
    pub fn recipients(&self, to: To, connected_only: bool) -> impl Iterator<Item = SessionId> {
        let (seats, skip) = match to {
            To::All => (self.seats.as_slice(), None),
            To::Except(seat) => (self.seats.as_slice(), Some(usize::from(seat.0))),
            To::One(seat) => (self.seats.get(usize::from(seat.0)).map_or(&[][..], std::slice::from_ref), None),
        };
        let heard = move |&(at, seat): &(usize, &SeatRecord)| skip != Some(at) && !(connected_only && seat.away_until.is_some());
        seats.iter().enumerate().filter(heard).filter_map(|(_, seat)| seat.session)
    }

    /// Whose seat it is.
    #[must_use]
    pub fn session(&self, seat: Seat) -> Option<SessionId> {
        self.seats.get(usize::from(seat.0))?.session
    }

    /// What the room sees.
    #[must_use]
    pub const fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    /// What the room tells an operator: see [`crate::Room::tell`].
    #[must_use]
    pub fn tell(&self, bytes_max: usize) -> Option<String> {
        self.room.tell(bytes_max)
    }

    /// Seats that are free.
    #[must_use]
    pub const fn seats_free(&self) -> u16 {
        self.seats_max - self.taken
    }

    /// Seats that are taken, whether their players are connected or away.
    #[must_use]
    pub const fn seats_taken(&self) -> u16 {
        self.taken
    }

    /// Name of the callback that was called last, for the report of a fault.
    #[must_use]
    pub const fn callback(&self) -> &'static str {
        self.callback
    }

    /// What becomes of it while nobody has a seat.
    #[must_use]
    pub const fn when_empty(&self) -> WhenEmpty {
        self.empty
    }

    /// Which of its game's rules it plays.
    #[must_use]
    pub const fn handler(&self) -> &str {
        &self.handler
    }

    /// Bytes of one input at most.
    #[must_use]
    pub fn input_bytes_max(&self) -> usize {
        usize::from(self.caps.bytes)
    }

    /// Inputs that the room heard.
    #[must_use]
    pub const fn inputs(&self) -> u64 {
        self.inputs
    }

    /// Inputs of the player on `seat` that wait.
    #[must_use]
    pub fn inputs_waiting(&self, seat: Seat) -> usize {
        self.seats.get(usize::from(seat.0)).map_or(0, |record| record.queue.len())
    }

    /// Inputs that were pushed out of full queues.
    #[must_use]
    pub const fn inputs_lost(&self) -> u64 {
        self.inputs_lost
    }

    /// Statistics of the last ticks.
    #[must_use]
    pub const fn stats(&self) -> &TickStats {
        &self.stats
    }
}
