//! Players and rooms on their way out: leaves, kicks, faults, drain. Knows nothing of how they came.

use std::sync::Arc;
use std::time::Duration;

use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;
use hillfort_world::{End, RoomFault, Seat, To};

use super::World;
use crate::config::Keep;
use crate::slab::Hosted;
use crate::snapshot::FaultRecord;
use crate::wall;

impl World {
    pub(super) fn on_leave(&mut self, now: Time, session: SessionId, room: RoomId) {
        let seated = self.with_seat(now, session, room, |world, hosted, seat| world.leave_seat(hosted, seat, None));
        if !seated {
            self.stop_asking(session);
            // Its seat is gone already; the answer is the same.
            self.outbox.left(session, room, None);
        }
    }

    /// Has the player on `seat` leave: the room hears of it, then the session.
    pub(super) fn leave_seat(&mut self, hosted: &mut Hosted, seat: Seat, reject: Option<Reject>) -> Result<(), RoomFault> {
        if hosted.cell.session(seat).is_none() {
            return Ok(());
        }
        wall::behind(|| hosted.cell.on_leave(seat, &mut self.out))?;
        self.deliver(hosted);
        if let Some(session) = hosted.cell.free_seat(seat) {
            self.sessions.remove(&session);
            self.outbox.left(session, hosted.id, reject);
        }
        Ok(())
    }

    /// Has those leave whose time to come back is over.
    pub(super) fn expire(&mut self, now: Time, hosted: &mut Hosted) -> Result<(), RoomFault> {
        while let Some(seat) = hosted.cell.poll_expired(now) {
            self.leave_seat(hosted, seat, Some(Reject::RoomAway))?;
        }
        Ok(())
    }

    /// After any call into a room: carries out its kicks, ends it or gives it back its place, at the rate that it needs now.
    pub(super) fn settle(&mut self, now: Time, mut hosted: Box<Hosted>, mut result: Result<(), RoomFault>) {
        // Both lists are the thread's: who was let in may be kicked at once, and must not be left for another room.
        loop {
            if let Some(seat) = self.kicked.pop() {
                if result.is_ok() {
                    result = self.leave_seat(&mut hosted, seat, Some(Reject::RoomKicked));
                }
            } else if !self.answers.is_empty() {
                let answer = self.answers.remove(0);
                if result.is_ok() {
                    result = self.on_answer(&mut hosted, &answer);
                }
            } else {
                break;
            }
        }
        if let Err(fault) = result {
            let reject = fault.reject();
            self.on_fault(now, &mut hosted, fault);
            return self.end_room(now, hosted, reject);
        }
        let (empty, draining) = (hosted.cell.seats_taken() == 0, self.drain_until.is_some());
        if hosted.cell.is_ended() || (empty && draining) {
            let reject = if draining { Reject::Shutdown } else { Reject::RoomClosed };
            return self.end_room(now, hosted, reject);
        }
        hosted.empty_since = empty.then(|| hosted.empty_since.unwrap_or(now));
        if hosted.is_deserted(now, self.config.empty_room) {
            if let Some(awake) = self.lay_to_sleep(now, hosted) {
                self.dispose(now, awake);
            }
            return;
        }
        if hosted.save_at.is_some_and(|at| at <= now)
            && let Err(fault) = self.save(now, &mut hosted)
        {
            let reject = fault.reject();
            self.on_fault(now, &mut hosted, fault);
            return self.end_room(now, hosted, reject);
        }
        let rate = hosted.cell.rate();
        if rate != hosted.slot.hz() {
            self.wheel.remove(hosted.slot, hosted.index);
            hosted.slot = self.wheel.insert(now, hosted.index, rate);
        }
        let slowed = hosted.cell.is_slowed();
        self.slowed = self.slowed + u32::from(slowed) - u32::from(hosted.slowed);
        hosted.slowed = slowed;
        let seats_free = hosted.cell.seats_free();
        self.count_seats(&mut hosted, seats_free);
        self.rooms.put(hosted);
    }

    /// Ends a room because an operator wants it: what it says when it is told reaches its players first.
    pub(super) fn end(&mut self, now: Time, room: RoomId) -> Result<(), Reject> {
        let index = self.rooms.find(room).ok_or(Reject::RoomUnknown)?;
        let mut hosted = self.rooms.take(index).ok_or(Reject::RoomUnknown)?;
        if hosted.leaving {
            self.rooms.put(hosted);
            return Err(Reject::WorldBusy);
        }
        match wall::behind(|| hosted.cell.on_dispose(Duration::ZERO, &mut self.out)) {
            Ok(()) => self.deliver(&mut hosted),
            Err(fault) => {
                self.out.clear();
                self.on_fault(now, &mut hosted, fault);
            }
        }
        // All of them leave at once: whom it would have kicked or let in is among them.
        self.kicked.clear();
        self.answers.clear();
        self.end_room(now, hosted, Reject::RoomClosed);
        Ok(())
    }

    /// Ends a room that nobody wants.
    fn dispose(&mut self, now: Time, mut hosted: Box<Hosted>) {
        let disposed = wall::behind(|| hosted.cell.on_dispose(Duration::ZERO, &mut self.out));
        self.out.clear();
        if let Err(fault) = disposed {
            self.on_fault(now, &mut hosted, fault);
        }
        self.end_room(now, hosted, Reject::RoomClosed);
    }

    /// Sessions that could not be sent an event leave their rooms.
    pub(super) fn cut_off(&mut self, now: Time) {
        while let Some(session) = self.outbox.poll_cut() {
            let Some(&place) = self.sessions.get(&session) else { continue };
            let Some(id) = self.rooms.get(place.room).map(|hosted| hosted.id) else { continue };
            self.meter.totals.sessions_cut += 1;
            self.with_seat(now, session, id, |world, hosted, seat| world.leave_seat(hosted, seat, Some(Reject::SlowConsumer)));
        }
    }

    /// Tells all rooms that they are to end within `grace`, and takes no more players.
    pub(super) fn drain(&mut self, now: Time, grace: Duration) {
        if self.drain_until.is_some() {
            return;
        }
        self.drain_until = Some(now + grace);
        self.placement.drain();
        self.stop_all_moves(now);
        for index in 0..self.rooms.numbers() {
            let Some(mut hosted) = self.rooms.take(index) else { continue };
            let result = wall::behind(|| hosted.cell.on_dispose(grace, &mut self.out));
            if result.is_ok() {
                self.deliver(&mut hosted);
            }
            self.settle(now, hosted, result);
        }
    }

    /// Ends all rooms at once.
    pub(super) fn end_all(&mut self) {
        let now = self.drain_until.unwrap_or_default();
        for index in 0..self.rooms.numbers() {
            if let Some(hosted) = self.rooms.take(index) {
                self.end_room(now, hosted, Reject::Shutdown);
            }
        }
    }

    /// Ends a room: its players are told why, its number is free, its code is dropped.
    pub(super) fn end_room(&mut self, now: Time, mut hosted: Box<Hosted>, reject: Reject) {
        self.stop_moving(hosted.id, Reject::RoomClosed);
        if reject == Reject::Shutdown {
            self.keep(now, &mut hosted)
        } else {
            self.forget(&hosted)
        }
        self.end_asking(&mut hosted, reject);
        for session in hosted.cell.recipients(To::All, false) {
            self.sessions.remove(&session);
            self.outbox.left(session, hosted.id, Some(reject));
        }
        if self.config.recordings.keep == Keep::All {
            self.shelve(&mut hosted.cell, End::Closed);
        }
        self.out.clear();
        self.stop_ticking(&hosted);
        self.count_seats(&mut hosted, 0);
        self.unname(hosted.game, &Arc::clone(&hosted.name));
        self.meter.totals.rooms_ended += 1;
        self.free_number(hosted.index);
        self.placement.close_room();
        let (room, game, tick) = (hosted.id, Arc::clone(&hosted.game_name), hosted.cell.ctx().tick());
        if let Err(fault) = wall::bury(hosted) {
            self.meter.on_fault(FaultRecord { at: now, room, game, tick, callback: "drop", fault });
        }
    }

    /// The room ends, falls asleep or moves away: no more ticks, and nothing that its ticks are counted in.
    pub(super) fn stop_ticking(&mut self, hosted: &Hosted) {
        self.wheel.remove(hosted.slot, hosted.index);
        self.cost -= hosted.cost_per_s;
        self.slowed -= u32::from(hosted.slowed);
    }

    pub(super) fn on_fault(&mut self, now: Time, hosted: &mut Hosted, fault: RoomFault) {
        let callback = hosted.cell.callback();
        self.shelve(&mut hosted.cell, End::fault(callback, &fault));
        let (game, tick) = (Arc::clone(&hosted.game_name), hosted.cell.ctx().tick());
        self.meter.on_fault(FaultRecord { at: now, room: hosted.id, game, tick, callback, fault });
    }
}
