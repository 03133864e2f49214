//! What operators ask of single rooms. Waits for a room's thread, so it is called from a thread that may. Knows nothing of who asks.

use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use hillfort_proto::ids::RoomId;
use hillfort_proto::reject::Reject;

use super::{RealmHandle, RecordError, locked};
use crate::inspection::{Deed, Inspection};
use crate::world::Command;

impl RealmHandle {
    /// Does `deed` to a room, and shows the room as it is then.
    ///
    /// # Errors
    /// [`Reject::RoomUnknown`]; [`Reject::WorldBusy`] when there is no answer within `patience`, or too many rooms of its thread are looked
    /// at; the room's fault, when it ended by what was done.
    pub fn inspect(&self, room: RoomId, deed: Deed, patience: Duration) -> Result<Box<Inspection>, Reject> {
        let world = self.owner(room)?;
        let (reply, answer) = sync_channel(1);
        world.tell(Command::Inspect { room, deed, reply }).map_err(|_| Reject::WorldBusy)?;
        answer.recv_timeout(patience).unwrap_or(Err(Reject::WorldBusy))
    }

    /// Ends a room: it is told, as when the server ends but without time, and its players leave. Waits until it is gone.
    ///
    /// # Errors
    /// [`Reject::RoomUnknown`]; [`Reject::WorldBusy`]: it is on its way to another thread, or there is no answer within `patience`.
    pub fn end_room(&self, room: RoomId, patience: Duration) -> Result<(), Reject> {
        let (reply, answer) = sync_channel(1);
        self.owner(room)?.tell(Command::End { room, reply }).map_err(|_| Reject::WorldBusy)?;
        answer.recv_timeout(patience).unwrap_or(Err(Reject::WorldBusy))
    }

    /// Has a room move to world thread `to`, between two ticks, and waits until it is there.
    ///
    /// # Errors
    /// [`Reject::RoomUnknown`]: no such room, or no such other thread. [`Reject::RoomRefused`]: its rules have no `on_save`. [`Reject::WorldBusy`]: it is
    /// paused, is about to answer somebody, moves already, or is not there within `patience`. The room's fault, when it could not be taken up.
    pub fn move_room(&self, room: RoomId, to: u8, patience: Duration) -> Result<(), Reject> {
        let (reply, answer) = sync_channel(1);
        self.owner(room)?.tell(Command::Move { room, to, reply }).map_err(|_| Reject::WorldBusy)?;
        answer.recv_timeout(patience).unwrap_or(Err(Reject::WorldBusy))
    }

    /// Writes what was recorded of a room so far into the folder of recordings. Blocks for as long as that takes.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn record(&self, room: RoomId, patience: Duration) -> Result<PathBuf, RecordError> {
        let shelf = locked(&self.shelf).as_ref().map(|(shelf, _)| shelf.clone()).ok_or(RecordError::Nowhere)?;
        let refused = |reject| RecordError::Refused(reject);
        let world = self.owner(room).map_err(refused)?;
        let (reply, answer) = sync_channel(1);
        world.tell(Command::Record { room, reply }).map_err(|_| refused(Reject::WorldBusy))?;
        let recording = answer.recv_timeout(patience).unwrap_or(Err(Reject::WorldBusy)).map_err(refused)?;
        Ok(shelf.write(&recording)?)
    }
}
