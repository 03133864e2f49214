//! The shell around one room: its seats, its players' queues, its pace and its statistics. Knows nothing of threads, lanes and panics:
//! the caller builds the wall, sends the outputs and measures the time.
//!
//! Each method that calls into the room is named for its callback and leaves what the room put out in `out`, for the caller to send and
//! clear before the next call. After an error, or a panic that the caller caught, the room must not be called again.

use std::time::Duration;

use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;

use crate::config::{InputCaps, LatePolicy, WhenEmpty};
use crate::ctx::{Ctx, Seat};
use crate::fault::RoomFault;
use crate::inputs::InputQueue;
use crate::outputs::Outputs;
use crate::overload::Overload;
use crate::pace::Pace;
use crate::record::{Call, Recorder};
use crate::room::{Room, Stored, Verdict, Who};
use crate::share::Part;
use crate::stats::TickStats;

mod kept;
mod seen;

/// One room and all that belongs to it.
pub struct RoomCell {
    room: Box<dyn Room>,
    ctx: Ctx,
    pace: Pace,
    overload: Overload,
    caps: InputCaps,
    seats_max: u16,
    reconnect: Duration,
    empty: WhenEmpty,
    handler: Box<str>,
    /// By number; grows to `seats_max` as seats are needed. Kept apart from `ctx.players`, which the room could take away.
    seats: Vec<SeatRecord>,
    taken: u16,
    connected: u16,
    /// Seats that have inputs waiting, in the order of their turns.
    pending: Vec<Seat>,
    /// No seat is lost before this time.
    next_expiry: Time,
    callback: &'static str,
    inputs: u64,
    inputs_lost: u64,
    recorder: Option<Recorder>,
    stats: TickStats,
}

#[derive(Default)]
struct SeatRecord {
    session: Option<SessionId>,
    away_until: Option<Time>,
    queue: InputQueue,
}

impl RoomCell {
    /// A shell around `room`, which must be created before anything else.
    #[must_use]
    pub fn new(room: Box<dyn Room>, seed: u64) -> Self {
        Self {
            room,
            ctx: Ctx::new(seed),
            pace: Pace::new(1, LatePolicy::Skip),
            overload: Overload::None,
            caps: InputCaps::default(),
            seats_max: 0,
            reconnect: Duration::ZERO,
            empty: WhenEmpty::Rest,
            handler: Box::default(),
            seats: Vec::new(),
            taken: 0,
            connected: 0,
            pending: Vec::new(),
            next_expiry: Time(u64::MAX),
            callback: "",
            inputs: 0,
            inputs_lost: 0,
            recorder: None,
            stats: TickStats::default(),
        }
    }

    /// The name that [`Ctx::room`] gives. To be set before [`RoomCell::on_create`].
    pub const fn set_id(&mut self, room: RoomId) {
        self.ctx.set_room(room);
    }

    /// Calls `on_create` and takes its config over.
    ///
    /// # Errors
    /// The room's fault, or a config out of bounds.
    pub fn on_create(&mut self, params: &[u8], out: &mut Outputs) -> Result<(), RoomFault> {
        self.callback = "on_create";
        let config = self.run(out, |room, ctx| room.on_create(ctx, params))?;
        config.check().map_err(|error| RoomFault::crashed(&format!("on_create: {error}")))?;
        self.pace = Pace::new(config.hz, config.late);
        self.caps = config.inputs;
        self.seats_max = config.seats_max;
        self.reconnect = config.reconnect;
        self.empty = config.empty;
        self.handler = config.handler.into();
        self.ctx.created(config.hz, config.label);
        Ok(())
    }

    /// Asks the room whether `who` may have a seat. After a yes, [`RoomCell::take_seat`] must follow before anything else.
    ///
    /// # Errors
    /// The room's fault.
    pub fn on_join_attempt(&mut self, who: Who<'_>, out: &mut Outputs) -> Result<Verdict, RoomFault> {
        if self.seats_free() == 0 {
            return Ok(Verdict::Refuse(Reject::RoomFull));
        }
        self.call("on_join_attempt", &Call::Attempt(who), out, |room, ctx| room.on_join_attempt(ctx, who))
    }

    /// Takes the lowest free seat. `None`: there is none.
    pub fn take_seat(&mut self, who: Who<'_>) -> Option<Seat> {
        if self.seats_free() == 0 {
            return None;
        }
        let at = self.seats.iter().position(|seat| seat.session.is_none()).unwrap_or_else(|| {
            self.seats.push(SeatRecord::default());
            self.seats.len() - 1
        });
        self.note(&Call::TakeSeat(who));
        self.seats[at].session = Some(who.session);
        self.taken += 1;
        self.connected += 1;
        let seat = Seat(u16::try_from(at).expect("seats are at most SEATS_MAX"));
        self.ctx.seat_taken(seat, who);
        Some(seat)
    }

    /// Tells the room about the player who took `seat`.
    ///
    /// # Errors
    /// The room's fault.
    pub fn on_join(&mut self, seat: Seat, out: &mut Outputs) -> Result<(), RoomFault> {
        self.call("on_join", &Call::Join(seat), out, |room, ctx| room.on_join(ctx, seat))
    }

    /// Lets an input of at most [`RoomCell::input_bytes_max`] bytes wait for the next tick. When the player's queue is full
    /// the oldest give way. Returns how many did.
    pub fn push_input(&mut self, seat: Seat, op: u32, data: &[u8]) -> u64 {
        let Some(record) = self.seats.get_mut(usize::from(seat.0)).filter(|record| record.session.is_some()) else { return 0 };
        if record.queue.is_empty() {
            self.pending.push(seat);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.note(&Call::Input { seat, op, data });
        }
        let lost = record.queue.push(self.caps.player_queue, op, data);
        self.inputs_lost += lost;
        lost
    }

    /// The slot came, `missed` times too late: how many ticks to run now.
    pub fn on_due(&mut self, missed: u64) -> u32 {
        self.pace.on_due(missed, self.overload >= Overload::Slower)
    }

    /// One tick: inputs in turns, timers, the step.
    ///
    /// # Errors
    /// The room's fault.
    pub fn on_tick(&mut self, out: &mut Outputs) -> Result<(), RoomFault> {
        if let Some(recorder) = &mut self.recorder {
            recorder.on_tick();
        }
        std::mem::swap(&mut self.ctx.out, out);
        self.ctx.next_tick();
        let result = self.tick();
        std::mem::swap(&mut self.ctx.out, out);
        let tick = self.ctx.tick() as u32;
        if let Some(share) = self.ctx.share.as_mut().filter(|_| result.is_ok()) {
            share.publish(tick);
        }
        let Some(recorder) = &mut self.recorder else { return result };
        recorder.on_outputs(out);
        recorder.after_tick(&self.ctx);
        if recorder.wants_keyframe() && result.is_ok() && !self.ctx.is_ended() {
            return self.take_keyframe();
        }
        result
    }

    /// Whether the room has a scene, whose packets [`RoomCell::parts`] write.
    #[must_use]
    pub const fn shares(&self) -> bool {
        self.ctx.share.is_some()
    }

    /// The room's viewers in at most `count` parts, whose packets of the newest tick may be written at the same time. `sessions` is memory for who is
    /// connected and `takes` something now; others get all that they missed later. All packets must be sent, in order, or [`RoomCell::on_packet_lost`] must be called for their seats. `None`: there is no
    /// scene, or it was not published yet.
    pub fn parts<'a>(
        &'a mut self,
        count: usize,
        sessions: &'a mut Vec<Option<SessionId>>,
        takes: impl Fn(SessionId) -> bool,
    ) -> Option<impl Iterator<Item = Part<'a>>> {
        let share = self.ctx.share.as_mut()?;
        sessions.clear();
        let here = |record: &SeatRecord| record.session.filter(|session| record.away_until.is_none() && takes(*session));
        sessions.extend(self.seats.iter().map(here));
        sessions.resize(share.viewers(), None);
        share.parts(count, sessions)
    }

    /// The player on `seat` did not get all packets: it gets everything anew.
    pub fn on_packet_lost(&mut self, seat: Seat) {
        if let Some(viewer) = self.ctx.viewer_mut(seat) {
            viewer.reset();
        }
    }

    /// The player's connection is gone; the seat is kept from `now` for as long as the config or [`Ctx::allow_reconnect`] says.
    ///
    /// # Errors
    /// The room's fault.
    pub fn on_drop(&mut self, now: Time, seat: Seat, out: &mut Outputs) -> Result<(), RoomFault> {
        let Some(record) = self.seated(seat).filter(|record| record.away_until.is_none()) else { return Ok(()) };
        record.away_until = Some(now);
        self.connected -= 1;
        self.ctx.set_connected(seat, false);
        self.ctx.take_reconnect();
        let result = self.call("on_drop", &Call::Drop(seat), out, |room, ctx| room.on_drop(ctx, seat));
        let until = now + self.ctx.take_reconnect().unwrap_or(self.reconnect);
        self.seats[usize::from(seat.0)].away_until = Some(until);
        self.next_expiry = self.next_expiry.min(until);
        result
    }

    /// The player is back.
    ///
    /// # Errors
    /// The room's fault.
    pub fn on_reconnect(&mut self, seat: Seat, out: &mut Outputs) -> Result<(), RoomFault> {
        // Also when the loss of the connection was never told: the new one knows nothing.
        self.on_packet_lost(seat);
        if self.seated(seat).and_then(|record| record.away_until.take()).is_none() {
            return Ok(());
        }
        self.connected += 1;
        self.ctx.set_connected(seat, true);
        self.call("on_reconnect", &Call::Reconnect(seat), out, |room, ctx| room.on_reconnect(ctx, seat))
    }

    /// A player whose time to come back is over at `now`, to be told to leave. Costs nothing while nobody is away for so long.
    pub fn poll_expired(&mut self, now: Time) -> Option<Seat> {
        if now < self.next_expiry {
            return None;
        }
        let expired = self.seats.iter().position(|seat| seat.away_until.is_some_and(|until| until <= now));
        if expired.is_none() {
            let next = self.seats.iter().filter_map(|seat| seat.away_until).min();
            self.next_expiry = next.unwrap_or(Time(u64::MAX));
        }
        expired.map(|at| Seat(u16::try_from(at).expect("seats are at most SEATS_MAX")))
    }

    /// Tells the room that the player on `seat` leaves. [`RoomCell::free_seat`] must follow when the outputs are sent.
    ///
    /// # Errors
    /// The room's fault.
    pub fn on_leave(&mut self, seat: Seat, out: &mut Outputs) -> Result<(), RoomFault> {
        self.call("on_leave", &Call::Leave(seat), out, |room, ctx| room.on_leave(ctx, seat))
    }

    /// Frees the seat, forgets what waits there. Returns whose it was.
    pub fn free_seat(&mut self, seat: Seat) -> Option<SessionId> {
        let record = std::mem::take(self.seated(seat)?);
        self.note(&Call::FreeSeat(seat));
        self.taken -= 1;
        self.connected -= u16::from(record.away_until.is_none());
        self.pending.retain(|&other| other != seat);
        self.ctx.seat_freed(seat);
        record.session
    }

    /// Passes a signal on; the answer is appended to `reply`, or comes later as [`crate::Output::Reply`] with the number that is returned.
    ///
    /// # Errors
    /// The room's fault.
    pub fn on_signal(&mut self, data: &[u8], reply: &mut Vec<u8>, out: &mut Outputs) -> Result<Option<u32>, RoomFault> {
        self.ctx.take_promise();
        self.call("on_signal", &Call::Signal(data), out, |room, ctx| room.on_signal(ctx, data, reply))?;
        Ok(self.ctx.take_promise())
    }

    /// Has the room write its state down. What it puts out is not part of a recording.
    ///
    /// # Errors
    /// The room's fault.
    pub fn on_save(&mut self, state: &mut Vec<u8>, out: &mut Outputs) -> Result<Stored, RoomFault> {
        self.note(&Call::Save);
        self.callback = "on_save";
        self.run(out, |room, ctx| room.on_save(ctx, state))
    }

    /// Has the room take a state up.
    ///
    /// # Errors
    /// The room's fault.
    pub fn on_restore(&mut self, state: &[u8], out: &mut Outputs) -> Result<Stored, RoomFault> {
        self.call("on_restore", &Call::Restore(state), out, |room, ctx| room.on_restore(ctx, state))
    }

    /// Tells the room that it is to end.
    ///
    /// # Errors
    /// The room's fault.
    pub fn on_dispose(&mut self, grace: Duration, out: &mut Outputs) -> Result<(), RoomFault> {
        self.call("on_dispose", &Call::Dispose(grace), out, |room, ctx| room.on_dispose(ctx, grace))
    }

    /// Has it slow down from [`Overload::Slower`] on, if its late policy allows. The rest is for whoever sends its outputs.
    pub const fn set_overload(&mut self, overload: Overload) {
        self.overload = overload;
    }

    /// Where the caller notes what it measured.
    pub const fn stats_mut(&mut self) -> &mut TickStats {
        &mut self.stats
    }

    fn call<T>(
        &mut self,
        callback: &'static str,
        call: &Call<'_>,
        out: &mut Outputs,
        f: impl FnOnce(&mut dyn Room, &mut Ctx) -> Result<T, RoomFault>,
    ) -> Result<T, RoomFault> {
        self.note(call);
        self.callback = callback;
        let result = self.run(out, f);
        if let Some(recorder) = &mut self.recorder {
            recorder.on_outputs(out);
        }
        result
    }

    fn note(&mut self, call: &Call<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.note(call);
        }
    }

    fn run<T>(
        &mut self,
        out: &mut Outputs,
        f: impl FnOnce(&mut dyn Room, &mut Ctx) -> Result<T, RoomFault>,
    ) -> Result<T, RoomFault> {
        std::mem::swap(&mut self.ctx.out, out);
        let result = f(self.room.as_mut(), &mut self.ctx);
        std::mem::swap(&mut self.ctx.out, out);
        result
    }

    fn tick(&mut self) -> Result<(), RoomFault> {
        if !self.pending.is_empty() && !self.ctx.holds_inputs() {
            self.callback = "on_message";
            self.hear()?;
        }
        while let Some(id) = self.ctx.due_timer() {
            self.callback = "on_timer";
            self.room.on_timer(&mut self.ctx, id)?;
        }
        if self.ctx.is_ended() {
            return Ok(());
        }
        self.callback = "on_tick";
        self.room.on_tick(&mut self.ctx)
    }

    /// One input of each player in turn, until none waits or the caps are reached.
    fn hear(&mut self) -> Result<(), RoomFault> {
        let mut left = self.caps.room_tick;
        for _ in 0..self.caps.player_tick {
            let mut kept = 0;
            for at in 0..self.pending.len() {
                if left == 0 || self.ctx.is_ended() {
                    // Those who had no turn in this round come first in the next tick.
                    self.pending.drain(kept..at);
                    self.pending.rotate_left(kept);
                    return Ok(());
                }
                let seat = self.pending[at];
                let queue = &mut self.seats[usize::from(seat.0)].queue;
                if let Some((op, data)) = queue.pop() {
                    self.room.on_message(&mut self.ctx, seat, op, data)?;
                    left -= 1;
                    self.inputs += 1;
                }
                if !queue.is_empty() {
                    self.pending[kept] = seat;
                    kept += 1;
                }
            }
            self.pending.truncate(kept);
            if kept == 0 {
                break;
            }
        }
        Ok(())
    }

    fn seated(&mut self, seat: Seat) -> Option<&mut SeatRecord> {
        self.seats.get_mut(usize::from(seat.0)).filter(|record| record.session.is_some())
    }
}

impl std::fmt::Debug for RoomCell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoomCell").field("ctx", &self.ctx).field("callback", &self.callback).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
