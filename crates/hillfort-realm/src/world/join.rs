//! Seating players: which room, or a new one. Knows nothing of how they leave.

use std::sync::Arc;
use std::time::Duration;

use hillfort_proto::ids::RoomId;
use hillfort_proto::message::Wanted;
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;
use hillfort_world::{End, HZ_IDLE, Overload, Rng, RoomCell, RoomFault, Verdict, Who};

use super::{Place, World};
use crate::slab::Hosted;
use crate::snapshot::FaultRecord;
use crate::wall;

/// A room's place in the world, and what it was made from.
pub(super) struct Berth<'a> {
    pub(super) id: RoomId,
    pub(super) index: u32,
    pub(super) game: usize,
    pub(super) name: &'a str,
    pub(super) params: &'a [u8],
    /// It was saved before.
    pub(super) saved: bool,
}

/// Parts of the interval of saving over which new rooms are spread.
const SPREAD: u32 = 64;
/// Open rooms that are asked for a seat before a new one is made.
const ROOMS_ASKED: usize = 8;

impl World {
    pub(super) fn on_join(&mut self, now: Time, who: Who<'_>, room: Wanted<'_>, game: &str) {
        let unknown = if game.is_empty() { Reject::RoomUnknown } else { Reject::RoomGame };
        let game = match room {
            // A door that knows the room need not know its game.
            Wanted::Room(id) if game.is_empty() => {
                self.rooms.find(id).or_else(|| self.rooms.find_asleep(id)).and_then(|index| self.game_of(index))
            }
            _ => self.games.iter().position(|local| *local.name == *game),
        };
        let seat = game.ok_or(unknown).and_then(|game| self.find_seat(now, who, room, game));
        if let Err(reject) = seat {
            self.meter.totals.joins_refused += 1;
            self.outbox.refused(who.session, reject, "");
        }
        if let (Some(game), Wanted::Named { name, .. }) = (game, room) {
            self.placement.directory().answered(game, name);
        }
    }

    fn find_seat(&mut self, now: Time, who: Who<'_>, room: Wanted<'_>, game: usize) -> Result<(), Reject> {
        if self.drain_until.is_some() {
            return Err(Reject::Draining);
        }
        if self.ladder.step() >= Overload::NoJoins {
            return Err(self.placement.shed_join());
        }
        if self.sessions.contains_key(&who.session) || self.asking.contains_key(&who.session) {
            return Err(Reject::AlreadyJoined);
        }
        let index = match room {
            Wanted::Any => return self.find_any_seat(now, who, game),
            Wanted::Room(id) => {
                let index = self.rooms.find(id).or_else(|| self.rooms.find_asleep(id));
                // One that moved while the join was on its way is asked for again.
                let unknown = if self.placement.routes().owner(id) == self.id { Reject::RoomUnknown } else { Reject::WorldBusy };
                index.filter(|&index| self.game_of(index) == Some(game)).ok_or(unknown)?
            }
            Wanted::Named { name, params } => match self.games[game].named.get(name) {
                Some(&index) => index,
                None if self.placement.directory().owner(game, name).is_some_and(|world| world != self.id) => {
                    return Err(Reject::WorldBusy);
                }
                None => self.create_room(now, game, name, params)?,
            },
        };
        if self.rooms.get(index).is_some_and(|hosted| hosted.leaving) {
            return Err(Reject::WorldBusy);
        }
        self.wake(now, index)?;
        self.seat_in(now, who, index)
    }

    fn find_any_seat(&mut self, now: Time, who: Who<'_>, game: usize) -> Result<(), Reject> {
        for back in 0..ROOMS_ASKED {
            // The list is read anew each time: a room that fails leaves it.
            let open = &self.games[game].open;
            let Some(&index) = open.len().checked_sub(back + 1).and_then(|at| open.get(at)) else { break };
            match self.seat_in(now, who, index) {
                Err(Reject::RoomFull) => {}
                answer => return answer,
            }
        }
        let index = self.create_room(now, game, "", &[])?;
        self.seat_in(now, who, index)
    }

    /// Asks one room. The seat is counted in the same breath, so it is never given twice.
    fn seat_in(&mut self, now: Time, who: Who<'_>, index: u32) -> Result<(), Reject> {
        let Some(mut hosted) = self.rooms.take(index) else { return Err(Reject::RoomUnknown) };
        let verdict = wall::behind(|| hosted.cell.on_join_attempt(who, &mut self.out));
        let verdict = match verdict {
            Ok(verdict) => verdict,
            Err(fault) => {
                let reject = fault.reject();
                self.settle(now, hosted, Err(fault));
                return Err(reject);
            }
        };
        let seated = match verdict {
            Verdict::Later => Ok(self.let_wait(&mut hosted, who)),
            Verdict::Refuse(reject) => Ok(Err(reject)),
            Verdict::Accept => {
                self.deliver(&mut hosted);
                self.give_seat(&mut hosted, who)
            }
        };
        let (answer, result) = match seated {
            Ok(answer) => (answer, Ok(())),
            // It had the seat, and hears that the room ended.
            Err(fault) => (Ok(()), Err(fault)),
        };
        if result.is_ok() {
            self.deliver(&mut hosted);
        }
        self.settle(now, hosted, result);
        answer
    }

    /// Takes a seat that the room has agreed to, and tells both sides.
    pub(super) fn give_seat(&mut self, hosted: &mut Hosted, who: Who<'_>) -> Result<Result<(), Reject>, RoomFault> {
        let Some(seat) = hosted.cell.take_seat(who) else { return Ok(Err(Reject::RoomFull)) };
        self.meter.totals.joins += 1;
        self.sessions.insert(who.session, Place { room: hosted.index, seat });
        self.outbox.joined(who.session, hosted.id, &hosted.game_name, hosted.cell.ctx());
        wall::behind(|| hosted.cell.on_join(seat, &mut self.out))?;
        self.deliver(hosted);
        Ok(Ok(()))
    }

    pub(super) fn create_room(&mut self, now: Time, game: usize, name: &str, params: &[u8]) -> Result<u32, Reject> {
        if !self.placement.open_room() {
            return Err(Reject::RoomsFull);
        }
        let (index, id) = self.rooms.reserve();
        match self.make_cell(id, game, params) {
            Ok(cell) => {
                self.meter.totals.rooms_created += 1;
                if !name.is_empty() {
                    self.games[game].named.insert(name.into(), index);
                    self.placement.directory().open(game, name, self.id);
                }
                self.install(now, cell, Berth { id, index, game, name, params, saved: false });
                Ok(index)
            }
            Err(fault) => {
                let reject = fault.reject();
                let game = Arc::clone(&self.games[game].name);
                self.meter.on_fault(FaultRecord { at: now, room: id, game, tick: 0, callback: "on_create", fault });
                self.out.clear();
                self.rooms.release(index);
                self.placement.close_room();
                Err(reject)
            }
        }
    }

    /// Gives a room that was made, and its outputs, their place in the world.
    pub(super) fn install(&mut self, now: Time, cell: RoomCell, berth: Berth<'_>) {
        let Berth { id, index, game, name, params, saved } = berth;
        let mut hosted = Box::new(Hosted {
            id,
            index,
            game,
            game_name: Arc::clone(&self.games[game].name),
            name: name.into(),
            cell,
            slot: self.wheel.insert(now, index, HZ_IDLE),
            made: now,
            shown: Default::default(),
            asking: None,
            params: params.into(),
            // Rooms that are taken up together are not saved together.
            save_at: self.saves.as_ref().map(|saves| now + saves.every / SPREAD * (index % SPREAD + 1)),
            leaving: false,
            stays: false,
            moved_at: None,
            has_file: saved,
            empty_since: Some(now),
            seats_counted: 0,
            watched: None,
            listed: None,
            shared_in: Duration::ZERO,
            share_held: false,
            slowed: false,
            withheld: None,
            cost_ns: 0,
            cost_per_s: 0,
        });
        hosted.cell.set_overload(self.ladder.step());
        self.deliver(&mut hosted);
        // It has no players yet, and is not looked at as one that nobody wants.
        self.kicked.clear();
        self.answers.clear();
        if hosted.cell.is_ended() {
            return self.end_room(now, hosted, Reject::RoomClosed);
        }
        let seats_free = hosted.cell.seats_free();
        self.count_seats(&mut hosted, seats_free);
        self.rooms.put(hosted);
    }

    pub(super) fn make_cell(&mut self, id: RoomId, game: usize, params: &[u8]) -> Result<RoomCell, RoomFault> {
        let room = wall::behind(&mut self.games[game].factory)?;
        let seed = Rng::new(self.config.seed ^ id.0).next_u64();
        let mut cell = RoomCell::new(room, seed);
        cell.set_id(id);
        self.record(&mut cell, id, game, seed, params);
        // The cell stays outside of the wall: a panic inside must not drop it while it unwinds.
        let created = wall::behind(|| cell.on_create(params, &mut self.out));
        match created {
            Ok(()) => Ok(cell),
            Err(fault) => {
                self.shelve(&mut cell, End::fault("on_create", &fault));
                // That it could not even be dropped says no more than the first fault.
                let _second = wall::bury(cell);
                Err(fault)
            }
        }
    }

    /// Brings the game's list of open rooms and its sum of free seats up to date with one room. `seats_free` is 0 for one that ends.
    pub(super) fn count_seats(&mut self, hosted: &mut Hosted, seats_free: u16) {
        let before = hosted.seats_counted;
        if before == seats_free {
            return;
        }
        let game = &mut self.games[hosted.game];
        if before == 0 {
            game.open.push(hosted.index);
        } else if seats_free == 0 {
            game.open.retain(|&index| index != hosted.index);
        }
        game.seats_free = game.seats_free + u64::from(seats_free) - u64::from(before);
        hosted.seats_counted = seats_free;
        self.placement.set_seats_free(hosted.game, self.id, u32::try_from(game.seats_free).unwrap_or(u32::MAX));
    }
}
