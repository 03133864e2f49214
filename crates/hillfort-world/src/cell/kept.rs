//! What is kept of a room: its shell's half of the state, and the recording. Knows nothing of callbacks but `on_save`.

use hillfort_proto::time::Time;

use super::{RoomCell, SeatRecord};
use crate::fault::RoomFault;
use crate::outputs::Outputs;
use crate::record::{End, Keyframe, Recorder, Recording};
use crate::room::Stored;
use crate::state::CellState;
use crate::wire::Damaged;

impl RoomCell {
    /// The shell's half of the room's state, to go on from together with what [`RoomCell::on_save`] wrote at the same time.
    #[must_use]
    pub fn state(&self) -> CellState {
        let mut state = self.ctx.state();
        for player in &mut state.players {
            let queue = &self.seats[usize::from(player.seat.0)].queue;
            player.inputs = queue.iter().map(|(op, data)| (op, data.to_vec())).collect();
        }
        state.pending.clone_from(&self.pending);
        state
    }

    /// Replaces the shell's half of the state of a room that was created. Players without a connection have
    /// the config's time to come back from `now`.
    ///
    /// # Errors
    /// [`Damaged`]: a player sits beyond the room's seats. Nothing was changed.
    pub fn put_state(&mut self, now: Time, state: &CellState) -> Result<(), Damaged> {
        if state.players.iter().any(|player| player.seat.0 >= self.seats_max) {
            return Err(Damaged);
        }
        if let Some(recorder) = self.recorder.as_mut().filter(|recorder| recorder.keeps()) {
            let mut bytes = Vec::new();
            state.write(&mut bytes);
            recorder.on_state(state.tick, &bytes);
        }
        self.ctx.put_state(state);
        let seats = state.players.last().map_or(0, |player| usize::from(player.seat.0) + 1);
        self.seats.clear();
        self.seats.resize_with(seats, SeatRecord::default);
        let until = now + self.reconnect;
        for player in &state.players {
            let record = &mut self.seats[usize::from(player.seat.0)];
            record.session = Some(player.session);
            record.away_until = (!player.connected).then_some(until);
            for (op, data) in &player.inputs {
                record.queue.push(u16::MAX, *op, data);
            }
        }
        self.taken = state.players.len() as u16;
        self.connected = state.players.iter().filter(|player| player.connected).count() as u16;
        self.next_expiry = if self.taken == self.connected { Time(u64::MAX) } else { until };
        self.pending.clone_from(&state.pending);
        Ok(())
    }

    /// Has all calls noted from now on, which is before [`RoomCell::on_create`].
    pub fn record(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// What was recorded so far, ended as `end` says; `None` when nothing is.
    #[must_use]
    pub fn recording(&mut self, end: End) -> Option<Recording> {
        self.recorder.as_mut().map(|recorder| recorder.recording(end))
    }

    /// Ends the recording and takes it; `None` when there is none.
    pub fn finish_recording(&mut self, end: End) -> Option<Recording> {
        self.recorder.take().map(|recorder| recorder.finish(end))
    }

    /// Hash of what the room has put out since it is recorded.
    #[must_use]
    pub fn mark(&self) -> Option<u64> {
        self.recorder.as_ref().map(|recorder| recorder.mark(&self.ctx))
    }

    /// Asks the room for its state, so that the recorder can go on from there. What it puts out is lost.
    pub(super) fn take_keyframe(&mut self) -> Result<(), RoomFault> {
        let mut room = Vec::new();
        let stored = self.on_save(&mut room, &mut Outputs::default())?;
        let keyframe = (stored == Stored::Done).then(|| {
            let mut cell = Vec::new();
            self.state().write(&mut cell);
            Keyframe { room, cell }
        });
        if let Some(recorder) = &mut self.recorder {
            recorder.begin_segment(keyframe);
        }
        Ok(())
    }
}
