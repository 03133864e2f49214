//! Which rooms are recorded, and where their recordings go. Knows nothing of what is in them.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use hillfort_proto::ids::RoomId;
use hillfort_proto::reject::Reject;
use hillfort_world::{End, Origin, RecordLimits, Recorder, Recording, RoomCell};

use super::World;
use crate::config::Keep;

impl World {
    /// Has a room recorded that is about to be created.
    pub(super) fn record(&self, cell: &mut RoomCell, id: RoomId, game: usize, seed: u64, params: &[u8]) {
        if self.config.recordings.keep == Keep::Nothing {
            return;
        }
        let game = &self.games[game];
        // For people only: a clock before 1970 is no reason to fail.
        let made = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let origin = Origin {
            game: Arc::clone(&game.name),
            rules: Arc::clone(&game.rules),
            room: id.0,
            made_unix_ms: made.as_millis() as u64,
            seed,
            params: params.into(),
        };
        let limits = RecordLimits { room_bytes: self.config.recordings.room_bytes, ..RecordLimits::default() };
        cell.record(Recorder::new(origin, limits, Rc::clone(&self.record_budget)));
    }

    /// Ends a recording and hands it over to be written.
    pub(super) fn shelve(&mut self, cell: &mut RoomCell, end: End) {
        if let (Some(recording), Some(shelf)) = (cell.finish_recording(end), &self.shelf)
            && !shelf.put(recording)
        {
            self.meter.totals.recordings_lost += 1;
        }
    }

    /// A copy of what was recorded of a room so far.
    pub(super) fn recording(&mut self, room: RoomId) -> Result<Recording, Reject> {
        let index = self.rooms.find(room).ok_or(Reject::RoomUnknown)?;
        self.rooms.get_mut(index).and_then(|hosted| hosted.cell.recording(End::Open)).ok_or(Reject::RoomUnknown)
    }
}
