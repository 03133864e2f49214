//! The recorder of one room: every call into it in order, and hashes of what it put out. Always on, so it is bounded and cheap: an input
//! costs the copy of its bytes, a tick without outputs a counter. Knows nothing of files and of who asks for a recording.
//!
//! A recording is cut into segments. When one is full and the room can save itself, the next begins with that state, and beyond the
//! room's bytes the oldest go. A room that cannot is recorded from its start until its bytes are used up, and then no more.

mod budget;
mod call;
mod file;

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

pub use budget::RecordBudget;
pub use call::Call;
pub use file::{FILE_BYTES_MAX, ReadError};

use crate::ctx::Ctx;
use crate::fault::{FaultKind, RoomFault};
use crate::outputs::Outputs;
use crate::wire::{Damaged, Reader};

/// First memory of a recorder that has something to write down.
const CALLS_BYTES_MIN: usize = 64;
/// A thread whose rooms have used three quarters of their memory begins new segments from this size on.
const SEGMENT_BYTES_MIN: usize = 64 * 1024;

/// Where a recorded room came from: with it and the calls it can be made again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// Name of the game.
    pub game: Arc<str>,
    /// Names the rules: two rooms of the same version do the same after the same calls.
    pub rules: Arc<str>,
    /// Name of the room, for people.
    pub room: u64,
    /// When it was made, milliseconds since 1970, for people.
    pub made_unix_ms: u64,
    /// Start of its random numbers.
    pub seed: u64,
    /// What `on_create` was given.
    pub params: Arc<[u8]>,
}

/// Bounds of one room's recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordLimits {
    /// Memory for calls and states. A segment is a quarter of it.
    pub room_bytes: usize,
    /// Ticks between two hash marks, at least 1.
    pub mark_every: u32,
}

impl Default for RecordLimits {
    /// 4 MiB, a mark in 20 ticks.
    fn default() -> Self {
        Self { room_bytes: 4 * 1024 * 1024, mark_every: 20 }
    }
}

/// How a recording ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The room lived on.
    Open,
    /// The room ended without a fault.
    Closed,
    /// The room ended by a fault, in the last call.
    Fault {
        /// What the room was asked to do.
        callback: Box<str>,
        /// Kind of harm.
        kind: FaultKind,
        /// For the room's author.
        message: Box<str>,
    },
}

impl End {
    /// The end by `fault` in `callback`.
    #[must_use]
    pub fn fault(callback: &str, fault: &RoomFault) -> Self {
        Self::Fault { callback: callback.into(), kind: fault.kind(), message: fault.message().into() }
    }
}

/// A room's state at the beginning of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyframe {
    /// What the room saved.
    pub room: Vec<u8>,
    /// The shell's half: a [`crate::CellState`] as it is written.
    pub cell: Vec<u8>,
}

/// A part of a recording that can be replayed by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Segment {
    /// Ticks before it.
    pub first_tick: u64,
    /// Hash of what was put out before it.
    pub(crate) chain: u64,
    /// `None`: it begins with the room's start.
    pub keyframe: Option<Keyframe>,
    pub(crate) calls: Vec<u8>,
}

impl Segment {
    /// The calls in order.
    ///
    /// # Errors
    /// An item is [`Damaged`], and the last, when the bytes are not calls. Segments of a [`Recording`] that was read are whole.
    pub fn calls(&self) -> impl Iterator<Item = Result<Call<'_>, Damaged>> {
        let mut read = Reader(&self.calls);
        std::iter::from_fn(move || {
            let call = (!read.is_empty()).then(|| Call::read(&mut read))?;
            if call.is_err() {
                read = Reader(&[]);
            }
            Some(call)
        })
    }

    /// Number of the tick that was run last when it ends.
    #[must_use]
    pub fn last_tick(&self) -> u64 {
        self.calls().map_while(Result::ok).fold(self.first_tick, |tick, call| call.tick_after(tick))
    }

    /// Bytes of calls and state.
    #[must_use]
    pub fn len(&self) -> usize {
        self.calls.len() + self.keyframe.as_ref().map_or(0, |keyframe| keyframe.room.len() + keyframe.cell.len())
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a recorder wrote down: kept in memory, written to files, replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Where the room came from.
    pub origin: Origin,
    /// How it ended.
    pub end: End,
    /// Ticks of the room when the recording was taken.
    pub ticks: u64,
    /// The recorder stopped after this tick, because its memory was used up and the room cannot save itself.
    pub stopped_at: Option<u64>,
    /// Oldest first, one at least. Older ones that are gone are gone.
    pub segments: Vec<Arc<Segment>>,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Mode {
    Keeps,
    /// Only the chain is kept, for a replay to compare.
    Follows,
    Stopped(u64),
}

/// Notes what is done to a room. Belongs to its [`crate::RoomCell`].
#[derive(Debug)]
pub struct Recorder {
    mode: Mode,
    /// Ticks that are not written yet.
    run: u64,
    ticks: u64,
    until_mark: u32,
    chain: u64,
    marked: u64,
    segment: Segment,
    limits: RecordLimits,
    /// Memory that the budget counts.
    held: usize,
    closed: VecDeque<Arc<Segment>>,
    cannot_save: bool,
    budget: Rc<RecordBudget>,
    origin: Origin,
}

impl Recorder {
    /// A recorder for a room that is not created yet; `budget` is shared by the rooms of a thread.
    #[must_use]
    pub fn new(origin: Origin, limits: RecordLimits, budget: Rc<RecordBudget>) -> Self {
        Self {
            mode: Mode::Keeps,
            run: 0,
            ticks: 0,
            until_mark: limits.mark_every.max(1),
            chain: 0,
            marked: 0,
            segment: Segment::default(),
            limits,
            held: 0,
            closed: VecDeque::new(),
            cannot_save: false,
            budget,
            origin,
        }
    }

    /// Keeps nothing but the hash that marks are made of, going on from the start of `segment`.
    pub(crate) fn following(segment: &Segment) -> Self {
        let mut recorder = Self::new(Origin::default(), RecordLimits::default(), Rc::default());
        (recorder.mode, recorder.chain, recorder.ticks) = (Mode::Follows, segment.chain, segment.first_tick);
        recorder
    }

    /// What was written down so far.
    #[must_use]
    pub fn recording(&mut self, end: End) -> Recording {
        self.flush_run();
        let mut segments: Vec<_> = self.closed.iter().cloned().collect();
        segments.push(Arc::new(self.segment.clone()));
        Recording { origin: self.origin.clone(), end, ticks: self.ticks, stopped_at: self.stopped_at(), segments }
    }

    /// The same without a copy: nothing is written down any more.
    #[must_use]
    pub fn finish(mut self, end: End) -> Recording {
        self.flush_run();
        let mut segments: Vec<_> = std::mem::take(&mut self.closed).into();
        segments.push(Arc::new(std::mem::take(&mut self.segment)));
        let origin = std::mem::take(&mut self.origin);
        Recording { origin, end, ticks: self.ticks, stopped_at: self.stopped_at(), segments }
    }

    const fn stopped_at(&self) -> Option<u64> {
        if let Mode::Stopped(tick) = self.mode { Some(tick) } else { None }
    }

    /// Whether calls are written down.
    pub(crate) fn keeps(&self) -> bool {
        self.mode == Mode::Keeps
    }

    /// The shell's state is replaced by one after `tick`.
    pub(crate) fn on_state(&mut self, tick: u64, state: &[u8]) {
        self.note(&Call::State(state));
        self.ticks = tick;
    }

    /// Notes a call that is about to be made.
    #[inline]
    pub(crate) fn note(&mut self, call: &Call<'_>) {
        if self.flush_run() && self.reserve(call.len_max()) {
            call.write(&mut self.segment.calls);
        }
    }

    /// Notes a tick that is about to run: it may not come back.
    #[inline]
    pub(crate) const fn on_tick(&mut self) {
        self.ticks += 1;
        self.run += 1;
    }

    /// Takes in what a call put out. One that has stopped has no use for it.
    #[inline]
    pub(crate) fn on_outputs(&mut self, out: &Outputs) {
        if self.stopped_at().is_none() {
            self.chain = out.fold(self.chain);
        }
    }

    /// A tick is over: marks it when it is time.
    #[inline]
    pub(crate) fn after_tick(&mut self, ctx: &Ctx) {
        if self.stopped_at().is_some() {
            return;
        }
        self.until_mark -= 1;
        if self.until_mark == 0 {
            self.until_mark = self.limits.mark_every.max(1);
            let mark = self.mark(ctx);
            // A room in which nothing happens costs no memory.
            if mark != self.marked {
                self.note(&Call::Mark(mark));
                self.marked = mark;
            }
        }
    }

    /// Hash of all that was put out, of the label, of the scene, and of where the random numbers are.
    pub(crate) fn mark(&self, ctx: &Ctx) -> u64 {
        xxh3_64_with_seed(ctx.label().as_bytes(), self.chain ^ ctx.scene_mark() ^ ctx.rng_state().rotate_left(32))
    }

    /// Whether the segment is full and the room should be asked for its state.
    #[inline]
    pub(crate) fn wants_keyframe(&self) -> bool {
        let written = self.segment.calls.len();
        written >= SEGMENT_BYTES_MIN.min(self.limits.room_bytes / 8) && self.is_full(written)
    }

    fn is_full(&self, written: usize) -> bool {
        self.mode == Mode::Keeps
            && !self.cannot_save
            && (written >= self.limits.room_bytes / 8 * 2 - self.limits.room_bytes / 32 || self.budget.is_scarce())
    }

    /// Begins a segment with the room's state. Without one, or with one that is larger than a segment, the room is not asked again.
    pub(crate) fn begin_segment(&mut self, keyframe: Option<Keyframe>) {
        let fits = |keyframe: &Keyframe| keyframe.room.len() + keyframe.cell.len() <= self.limits.room_bytes / 4;
        let Some(keyframe) = keyframe.filter(fits) else {
            self.cannot_save = true;
            return;
        };
        if !self.flush_run() {
            return;
        }
        let next = Segment { first_tick: self.ticks, chain: self.chain, keyframe: Some(keyframe), calls: Vec::new() };
        // What is held for the old segment stays counted until it goes.
        let full = std::mem::replace(&mut self.segment, next);
        self.closed.push_back(Arc::new(full));
        if !self.hold(self.segment.len()) {
            self.stop();
        }
    }

    #[inline]
    fn flush_run(&mut self) -> bool {
        if self.run == 0 { self.mode == Mode::Keeps } else { self.write_run() }
    }

    fn write_run(&mut self) -> bool {
        let call = Call::Ticks(self.run.min(u64::from(u32::MAX)));
        if self.mode != Mode::Keeps || !self.reserve(call.len_max()) {
            return false;
        }
        call.write(&mut self.segment.calls);
        self.run = 0;
        true
    }

    #[inline]
    fn reserve(&mut self, more: usize) -> bool {
        let calls = &self.segment.calls;
        calls.capacity() - calls.len() >= more || self.grow(more)
    }

    #[cold]
    fn grow(&mut self, more: usize) -> bool {
        let (len, capacity) = (self.segment.calls.len(), self.segment.calls.capacity());
        // Twice as much, by a segment at most, and not beyond what the room may have unless old segments can go for it.
        let mut step = capacity.min(self.limits.room_bytes / 4).max(CALLS_BYTES_MIN);
        if self.closed.is_empty() {
            step = step.min(self.limits.room_bytes.saturating_sub(self.held));
        }
        let wanted = (capacity + step).max(len + more);
        if !self.hold(wanted - capacity) {
            self.stop();
            return false;
        }
        self.segment.calls.reserve_exact(wanted - len);
        true
    }

    /// Takes memory from the budgets; lets old segments go for it. `false`: there is none.
    fn hold(&mut self, bytes: usize) -> bool {
        while self.held + bytes > self.limits.room_bytes || !self.budget.take(bytes) {
            let Some(oldest) = self.closed.pop_front() else { return false };
            let freed = oldest.calls.capacity() + oldest.keyframe.as_ref().map_or(0, |frame| frame.room.len() + frame.cell.len());
            self.held -= freed;
            self.budget.give_back(freed);
        }
        self.held += bytes;
        true
    }

    fn stop(&mut self) {
        // The tick that runs now is not in it.
        self.mode = Mode::Stopped(self.ticks - self.run);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.budget.give_back(self.held);
    }
}

#[cfg(test)]
mod tests;
