//! The lifecycle of a room: what a game implements. Knows nothing of who calls it.

use hillfort_proto::ids::SessionId;
use hillfort_proto::reject::Reject;
use std::time::Duration;

use crate::config::RoomConfig;
use crate::ctx::{Ctx, Seat};
use crate::fault::RoomFault;

/// A game's rules for one room.
///
/// Calls come one at a time, in this order: `on_create` once; then joins, ticks, leaves and signals as they happen. A tick is
/// `on_message` for each input, `on_timer` for each timer that is due, `on_tick`. An error ends the room, and so does a panic.
/// Everything that a room may see of the world comes by the arguments, so the same calls give the same outputs: no clock, no files, no
/// threads, no other randomness than [`Ctx::rng`].
pub trait Room {
    /// Called once, first. `params` is what the creator of the room passed, empty for rooms made by placement.
    ///
    /// # Errors
    /// The room is not made.
    fn on_create(&mut self, ctx: &mut Ctx, params: &[u8]) -> Result<RoomConfig, RoomFault>;

    /// May `who` come in? Asked only when a seat is free; the seat is taken at once when the answer is yes.
    ///
    /// # Errors
    /// The room ends.
    fn on_join_attempt(&mut self, _ctx: &mut Ctx, _who: Who<'_>) -> Result<Verdict, RoomFault> {
        Ok(Verdict::Accept)
    }

    /// A player took `seat` and is listed in [`Ctx::players`].
    ///
    /// # Errors
    /// The room ends.
    fn on_join(&mut self, _ctx: &mut Ctx, _seat: Seat) -> Result<(), RoomFault> {
        Ok(())
    }

    /// One input, at the start of the tick that it belongs to. `data` is a stranger's: anything of at most
    /// [`hillfort_proto::limits::INPUT_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// The room ends; so an input that breaks the game's rules is no error.
    fn on_message(&mut self, _ctx: &mut Ctx, _from: Seat, _op: u32, _data: &[u8]) -> Result<(), RoomFault> {
        Ok(())
    }

    /// A timer set by [`Ctx::set_timer`] is due.
    ///
    /// # Errors
    /// The room ends.
    fn on_timer(&mut self, _ctx: &mut Ctx, _id: u32) -> Result<(), RoomFault> {
        Ok(())
    }

    /// One fixed step of [`Ctx::dt`] seconds.
    ///
    /// # Errors
    /// The room ends.
    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault>;

    /// The player's connection is gone. The seat is kept for [`RoomConfig::reconnect`], or as [`Ctx::allow_reconnect`] says in this call;
    /// then comes `on_leave`.
    ///
    /// # Errors
    /// The room ends.
    fn on_drop(&mut self, _ctx: &mut Ctx, _seat: Seat) -> Result<(), RoomFault> {
        Ok(())
    }

    /// The player is back before the seat was given away.
    ///
    /// # Errors
    /// The room ends.
    fn on_reconnect(&mut self, _ctx: &mut Ctx, _seat: Seat) -> Result<(), RoomFault> {
        Ok(())
    }

    /// The player left, was kicked or did not come back. Still listed in [`Ctx::players`]; the seat is free after the call.
    ///
    /// # Errors
    /// The room ends.
    fn on_leave(&mut self, _ctx: &mut Ctx, _seat: Seat) -> Result<(), RoomFault> {
        Ok(())
    }

    /// A message from the operator or another part of the server. The answer is appended to `reply`, or follows later when the room calls
    /// [`Ctx::reply_later`].
    ///
    /// # Errors
    /// The room ends.
    fn on_signal(&mut self, _ctx: &mut Ctx, _data: &[u8], _reply: &mut Vec<u8>) -> Result<(), RoomFault> {
        Ok(())
    }

    /// Appends the room's state to `out`, in a form that `on_restore` of this version or a later one reads.
    ///
    /// # Errors
    /// The room ends.
    fn on_save(&mut self, _ctx: &mut Ctx, _out: &mut Vec<u8>) -> Result<Stored, RoomFault> {
        Ok(Stored::NotSupported)
    }

    /// Takes up the state that `on_save` wrote. Called after `on_create`, before anybody joins.
    ///
    /// # Errors
    /// The room ends: `data` is damaged or of a version that it does not read.
    fn on_restore(&mut self, _ctx: &mut Ctx, _data: &[u8]) -> Result<Stored, RoomFault> {
        Ok(Stored::NotSupported)
    }

    /// What an operator who looks at the room is told beside its players, its saved state and its scene: a text of JSON, whose main part has at
    /// most `bytes_max` bytes. Changes nothing, so no recording has it.
    fn tell(&self, _bytes_max: usize) -> Option<String> {
        None
    }

    /// The server wants the room to end: ticks go on for `grace` at most, shorter if the room calls [`Ctx::end`].
    ///
    /// # Errors
    /// The room ends at once.
    fn on_dispose(&mut self, _ctx: &mut Ctx, _grace: Duration) -> Result<(), RoomFault> {
        Ok(())
    }
}

/// Who asks for a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who<'a> {
    /// The session.
    pub session: SessionId,
    /// Display name, checked by the session: 1 to [`hillfort_proto::limits::NAME_CHARS_MAX`] characters.
    pub name: &'a str,
    /// What else the player's door knows, in a form that it and this game agree on; empty from a door that knows nothing. At most
    /// [`hillfort_proto::limits::JOIN_FACTS_BYTES_MAX`] bytes.
    pub facts: &'a [u8],
}

/// Answer to [`Room::on_join_attempt`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Takes a seat.
    Accept,
    /// Is told why: [`Reject::RoomRefused`] when the rules say no.
    Refuse(Reject),
    /// Is told later, by [`Ctx::answer`]: at once, with a reason in the room's own words, or when the room knows. The player waits meanwhile,
    /// has no seat, and is asked for no second time. At most [`crate::ASKING_MAX`] may wait.
    Later,
}

/// Answer to [`Room::on_save`] and [`Room::on_restore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Done.
    Done,
    /// This game's rooms do not outlive the process.
    NotSupported,
}
