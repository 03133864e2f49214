//! A recorded room made again: the same calls in the same order, with each hash mark compared. Goes one call or tick at a time, so that the
//! caller can build a wall around it, stop it and look. Knows nothing of files and of where rooms come from.

use std::sync::Arc;

use hillfort_proto::ids::RoomId;
use hillfort_proto::time::Time;

use crate::cell::RoomCell;
use crate::fault::RoomFault;
use crate::outputs::Outputs;
use crate::record::{Call, Keyframe, Recorder, Recording, Segment};
use crate::room::{Room, Stored};
use crate::state::CellState;
use crate::wire::Reader;

/// A replay could not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartFault {
    /// The room's fault, while it was made or took up the state.
    #[error("{0}")]
    Room(#[from] RoomFault),
    /// The state of a segment was refused: other rules than those that wrote it.
    #[error("the room does not take up the state that it saved")]
    State,
    /// There is no such segment.
    #[error("the recording has no such segment")]
    Segment,
}

/// What was replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A call, or one tick.
    Done,
    /// A mark was the same.
    Same,
    /// The end of the recording.
    End,
}

/// The replay went another way than the recording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// What the room put out since the mark before.
    #[error("between tick {after} and tick {tick} the room put out something else")]
    Mark {
        /// The last mark that was the same.
        after: u64,
        /// The mark that is not.
        tick: u64,
    },
    /// The room saved another state at the end of a segment.
    #[error("after tick {tick} the room saved another state")]
    State {
        /// When.
        tick: u64,
    },
    /// Another seat was free.
    #[error("after tick {tick} a player could not take the seat")]
    Seat {
        /// When.
        tick: u64,
    },
    /// The room failed, or failed otherwise.
    #[error("in tick {tick} {callback} failed: {fault}")]
    Fault {
        /// When.
        tick: u64,
        /// In what.
        callback: &'static str,
        /// How.
        fault: RoomFault,
    },
}

/// A room on its way through a recording.
#[derive(Debug)]
pub struct Replay {
    /// Segments that come after the one that is being replayed.
    segments: std::vec::IntoIter<Arc<Segment>>,
    segment: Arc<Segment>,
    /// Bytes of its calls that were read.
    read: usize,
    /// Ticks that are left of a run.
    run: u64,
    cell: RoomCell,
    last_same: u64,
    saved: Vec<u8>,
}

impl Replay {
    /// Makes `room`, which is as its game makes it, ready to replay `recording` from a segment on. What that puts out is in `out`.
    ///
    /// # Errors
    /// [`StartFault`].
    pub fn start(recording: &Recording, from: usize, room: Box<dyn Room>, out: &mut Outputs) -> Result<Self, StartFault> {
        let mut segments = recording.segments.get(from..).ok_or(StartFault::Segment)?.to_vec().into_iter();
        let segment = segments.next().ok_or(StartFault::Segment)?;
        let mut cell = RoomCell::new(room, recording.origin.seed);
        cell.set_id(RoomId(recording.origin.room));
        cell.record(Recorder::following(&segment));
        cell.on_create(&recording.origin.params, out)?;
        if let Some(keyframe) = &segment.keyframe {
            take_up(&mut cell, keyframe, out)?;
            // The hash goes on from the segment's start, not from what the restoration put out.
            cell.record(Recorder::following(&segment));
        }
        let last_same = segment.first_tick;
        Ok(Self { segments, segment, read: 0, run: 0, cell, last_same, saved: Vec::new() })
    }

    /// The room.
    #[must_use]
    pub const fn cell(&self) -> &RoomCell {
        &self.cell
    }

    /// Ticks that were run.
    #[must_use]
    pub const fn tick(&self) -> u64 {
        self.cell.ctx().tick()
    }

    /// Replays one call, or one tick of a run; what it puts out is in `out`, for the caller to clear.
    ///
    /// # Errors
    /// [`Difference`]; a fault is one too, unless it is the recording's end. The replay must not go on, unless it is [`Difference::Mark`].
    pub fn step(&mut self, out: &mut Outputs) -> Result<Step, Difference> {
        if self.run > 0 {
            self.run -= 1;
            let result = self.cell.on_tick(out);
            return self.done(result);
        }
        let segment = Arc::clone(&self.segment);
        let mut read = Reader(&segment.calls[self.read..]);
        let call = (!read.is_empty()).then(|| Call::read(&mut read));
        self.read = segment.calls.len() - read.0.len();
        // Damaged calls do not pass the reading of the file.
        let Some(Ok(call)) = call else { return self.next_segment() };
        let tick = self.tick();
        let result = match call {
            Call::Ticks(count) => {
                self.run = count;
                return self.step(out);
            }
            Call::Mark(mark) if self.cell.mark() == Some(mark) => {
                self.last_same = tick;
                return Ok(Step::Same);
            }
            Call::Mark(_) => return Err(Difference::Mark { after: self.last_same, tick }),
            Call::TakeSeat(who) => match self.cell.take_seat(who) {
                Some(_) => Ok(()),
                None => return Err(Difference::Seat { tick }),
            },
            Call::Input { seat, op, data } => {
                self.cell.push_input(seat, op, data);
                Ok(())
            }
            Call::Attempt(who) => self.cell.on_join_attempt(who, out).map(drop),
            Call::Join(seat) => self.cell.on_join(seat, out),
            Call::Drop(seat) => self.cell.on_drop(Time::ZERO, seat, out),
            Call::Reconnect(seat) => self.cell.on_reconnect(seat, out),
            Call::Leave(seat) => self.cell.on_leave(seat, out),
            Call::FreeSeat(seat) => {
                self.cell.free_seat(seat);
                Ok(())
            }
            Call::Signal(data) => self.cell.on_signal(data, &mut Vec::new(), out).map(drop),
            Call::Save => {
                self.saved.clear();
                self.cell.on_save(&mut self.saved, &mut Outputs::default()).map(drop)
            }
            Call::Restore(data) => self.cell.on_restore(data, out).map(drop),
            Call::State(bytes) => {
                let state = CellState::read(bytes).and_then(|state| self.cell.put_state(Time::ZERO, &state));
                state.map_err(|_| RoomFault::crashed("the recorded state has seats that the room does not have"))
            }
            Call::Dispose(grace) => self.cell.on_dispose(grace, out),
        };
        self.done(result)
    }

    fn done(&self, result: Result<(), RoomFault>) -> Result<Step, Difference> {
        let fault = |fault| Difference::Fault { tick: self.tick(), callback: self.cell.callback(), fault };
        result.map(|()| Step::Done).map_err(fault)
    }

    /// Goes over into the next segment. The room goes on; that it is where the segment begins is checked.
    fn next_segment(&mut self) -> Result<Step, Difference> {
        let Some(next) = self.segments.next() else { return Ok(Step::End) };
        let saved_here = next.keyframe.as_ref().is_none_or(|keyframe| keyframe.room == self.saved);
        if !saved_here {
            return Err(Difference::State { tick: self.tick() });
        }
        (self.segment, self.read) = (next, 0);
        Ok(Step::Done)
    }
}

/// Brings a room that was created to a state. The shell's half is put in twice: before, so that the room sees it, and after, so that
/// what the room asked for meanwhile does not count.
fn take_up(cell: &mut RoomCell, keyframe: &Keyframe, out: &mut Outputs) -> Result<(), StartFault> {
    let state = CellState::read(&keyframe.cell).map_err(|_| StartFault::State)?;
    cell.put_state(Time::ZERO, &state).map_err(|_| StartFault::State)?;
    let stored = cell.on_restore(&keyframe.room, out)?;
    cell.put_state(Time::ZERO, &state).map_err(|_| StartFault::State)?;
    out.clear();
    if stored == Stored::Done { Ok(()) } else { Err(StartFault::State) }
}

#[cfg(test)]
mod tests;
