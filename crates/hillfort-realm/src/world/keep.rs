//! Rooms at rest: saved while they run, asleep while nobody wants them, taken up again. Knows nothing of files: it fills a queue.

use std::sync::Arc;
use std::sync::mpsc::TrySendError;
use std::time::Duration;

use hillfort_proto::ids::RoomId;
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;
use hillfort_world::{Damaged, End, RoomCell, RoomFault, Stored};

use super::join::Berth;
use super::{Saving, World};
use crate::config::Keep;
use crate::saved::{STATE_BYTES_MAX, SavedRoom};
use crate::slab::{Asleep, Hosted};
use crate::snapshot::FaultRecord;
use crate::vault::Job;
use crate::wall;

/// When the queue is full it is tried again after this long.
const RETRY: Duration = Duration::from_millis(100);

impl Saving {
    /// `false`: the job waits, and the disk is busy.
    fn hand_over(&mut self, now: Time, job: Job) -> bool {
        match self.jobs.try_send(job) {
            Ok(()) => true,
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => {
                self.waiting = Some(job);
                self.busy_until = now + RETRY;
                false
            }
        }
    }
}

impl World {
    /// Takes up the rooms of an earlier start. A room whose rules do not take it is lost, and its file is set aside.
    pub(crate) fn take_up(&mut self, now: Time, rooms: Vec<SavedRoom>) {
        // First of all their numbers, which no other room may get, not even one of these that needs a new one, and even when a room stays in its file.
        let most = self.config.rooms_max.saturating_mul(2);
        let numbers: Vec<_> = rooms.iter().map(|saved| saved.id.and_then(|id| self.rooms.reserve_again(id, most))).collect();
        for (mut saved, again) in rooms.into_iter().zip(numbers) {
            let Some(before) = saved.id else { continue };
            let Some(game) = self.games.iter().position(|game| *game.name == *saved.game) else {
                tracing::warn!(game = %saved.game, "a saved room of a game that is not here stays in its file");
                again.inspect(|_| self.rooms.keep());
                continue;
            };
            if !self.placement.open_room() {
                again.inspect(|_| self.rooms.keep());
                continue;
            }
            let (index, id) = again.map_or_else(|| self.rooms.reserve(), |index| (index, before));
            saved.id = Some(id);
            if !saved.name.is_empty() {
                self.games[game].named.insert(saved.name.as_str().into(), index);
                self.placement.directory().open(game, &saved.name, self.id);
            }
            let bytes = (id != before).then(|| saved.encode());
            if self.revive(now, index, &Asleep { game, saved }).is_err() {
                self.order(Job::SetAside(before));
            } else if let Some(bytes) = bytes {
                self.order(Job::Write(id, bytes));
                self.order(Job::Remove(before));
            }
        }
    }

    /// Saves a room for the next start, and says when to do it again.
    pub(super) fn save(&mut self, now: Time, hosted: &mut Hosted) -> Result<(), RoomFault> {
        if !self.is_disk_ready(now) {
            hosted.save_at = self.saves.as_ref().map(|saves| saves.busy_until);
            return Ok(());
        }
        let Some(saved) = self.state_of(hosted, false)? else {
            hosted.save_at = None;
            return Ok(());
        };
        hosted.has_file = true;
        hosted.save_at = self.saves.as_ref().map(|saves| now + saves.every);
        self.write(now, hosted.id, saved.encode());
        Ok(())
    }

    /// Whether a job can be handed over: the disk is not slower than it is asked. Nobody is asked for a state otherwise.
    fn is_disk_ready(&mut self, now: Time) -> bool {
        let Some(saves) = self.saves.as_mut().filter(|saves| now >= saves.busy_until) else { return false };
        if let Some(job) = saves.waiting.take() {
            saves.hand_over(now, job);
        }
        saves.waiting.is_none()
    }

    /// Hands a room over to be written; the disk was ready.
    fn write(&mut self, now: Time, room: RoomId, bytes: Vec<u8>) {
        let Some(saves) = &mut self.saves else { return };
        self.meter.totals.saves += 1;
        if !saves.hand_over(now, Job::Write(room, bytes)) {
            self.meter.totals.saves_late += 1;
        }
    }

    /// Saves a room that ends because the server does. The thread ends too, so it may wait for the disk.
    pub(super) fn keep(&mut self, now: Time, hosted: &mut Hosted) {
        if self.saves.is_none() || hosted.save_at.is_none() {
            return;
        }
        match self.state_of(hosted, false) {
            Ok(Some(saved)) => {
                self.meter.totals.saves += 1;
                self.order(Job::Write(hosted.id, saved.encode()));
            }
            Ok(None) => {}
            Err(fault) => {
                self.on_fault(now, hosted, fault);
                self.forget(hosted);
            }
        }
    }

    /// The room is no more: nothing of it is taken up at the next start.
    pub(super) fn forget(&mut self, hosted: &Hosted) {
        if hosted.has_file {
            self.forget_file(hosted.id);
        }
    }

    fn forget_file(&mut self, room: RoomId) {
        if let Some(saves) = &mut self.saves {
            saves.gone.push(room);
        }
    }

    /// Hands over the states of rooms that fell asleep while the disk was slow. Their rules are not asked again: they do nothing meanwhile.
    pub(super) fn flush_unwritten(&mut self, now: Time) {
        while self.is_disk_ready(now)
            && let Some(id) = self.saves.as_mut().and_then(|saves| saves.unwritten.pop_first())
        {
            if let Some(bytes) = self.bytes_asleep(id) {
                self.write(now, id, bytes);
            }
        }
    }

    fn bytes_asleep(&self, id: RoomId) -> Option<Vec<u8>> {
        let index = self.rooms.find_asleep(id)?;
        self.rooms.asleep(index).map(|asleep| asleep.saved.encode())
    }

    /// Hands over what could not be handed over before.
    pub(super) fn flush_forgotten(&mut self, now: Time) {
        while self.is_disk_ready(now)
            && let Some(saves) = &mut self.saves
            && let Some(room) = saves.gone.pop()
        {
            saves.hand_over(now, Job::Remove(room));
        }
    }

    /// Waits for the queue: for a thread that starts or ends.
    fn order(&mut self, job: Job) {
        let Some(saves) = &mut self.saves else { return };
        for job in saves.waiting.take().into_iter().chain([job]) {
            if saves.jobs.send(job).is_err() {
                tracing::error!("the thread that saves rooms is gone");
            }
        }
    }

    /// Hands over what is left, waiting for the queue: the thread ends.
    pub(super) fn order_last(&mut self) {
        if let Some(waited) = self.saves.as_mut().and_then(|saves| saves.waiting.take()) {
            self.order(waited);
        }
        let unwritten = self.saves.as_mut().map(|saves| std::mem::take(&mut saves.unwritten)).unwrap_or_default();
        for id in unwritten {
            if let Some(bytes) = self.bytes_asleep(id) {
                self.order(Job::Write(id, bytes));
            }
        }
        let gone = self.saves.as_mut().map(|saves| std::mem::take(&mut saves.gone)).unwrap_or_default();
        gone.into_iter().for_each(|room| self.order(Job::Remove(room)));
    }

    /// Frees a room until somebody asks for it; one that fails meanwhile ends. Returns a room that cannot sleep: it has no name, its rules cannot be
    /// saved, or there is no memory for it.
    pub(super) fn lay_to_sleep(&mut self, now: Time, mut hosted: Box<Hosted>) -> Option<Box<Hosted>> {
        if hosted.name.is_empty() || self.config.asleep_bytes_max == 0 || self.drain_until.is_some() {
            return Some(hosted);
        }
        let saved = match self.state_of(&mut hosted, false) {
            Ok(Some(saved)) if saved.weight() <= self.config.asleep_bytes_max => saved,
            Ok(_) => return Some(hosted),
            Err(fault) => {
                let reject = fault.reject();
                self.on_fault(now, &mut hosted, fault);
                self.end_room(now, hosted, reject);
                return None;
            }
        };
        while self.asleep_bytes + saved.weight() > self.config.asleep_bytes_max {
            // Those that were woken meanwhile are no more in the slab under this name.
            let Some((index, id)) = self.asleep.pop_front() else { break };
            if self.rooms.find_asleep(id) == Some(index) {
                self.meter.totals.rooms_outslept += 1;
                self.end_asleep(index);
            }
        }
        if self.config.recordings.keep == Keep::All {
            self.shelve(&mut hosted.cell, End::Closed);
        }
        let (index, id, game) = (hosted.index, hosted.id, hosted.game);
        self.asleep_bytes += saved.weight();
        self.asleep.push_back((index, id));
        self.stop_ticking(&hosted);
        self.count_seats(&mut hosted, 0);
        self.placement.close_room();
        self.meter.totals.rooms_slept += 1;
        let (name, tick) = (Arc::clone(&hosted.game_name), hosted.cell.ctx().tick());
        if let Err(fault) = wall::bury(hosted) {
            self.meter.on_fault(FaultRecord { at: now, room: id, game: name, tick, callback: "drop", fault });
        }
        self.rooms.lay(index, Asleep { game, saved });
        if let Some(saves) = &mut self.saves {
            // The file of a sleeping room is exact, since nothing writes it again.
            saves.unwritten.insert(id);
            self.flush_unwritten(now);
        }
        None
    }

    /// Wakes the room of this number if it sleeps.
    pub(super) fn wake(&mut self, now: Time, index: u32) -> Result<(), Reject> {
        if self.rooms.asleep(index).is_none() {
            return Ok(());
        }
        if !self.placement.open_room() {
            return Err(Reject::RoomsFull);
        }
        let Some(asleep) = self.rouse(index) else { return Ok(()) };
        // Its place in the order of sleep is left: it is looked up before it means anything.
        if self.asleep.len() > 2 * self.rooms.len_asleep() + 16 {
            let rooms = &self.rooms;
            self.asleep.retain(|&(index, id)| rooms.find_asleep(id) == Some(index));
        }
        let id = asleep.saved.id;
        self.revive(now, index, &asleep).inspect_err(|_| id.into_iter().for_each(|id| self.forget_file(id)))
    }

    /// Takes a room out of its sleep.
    fn rouse(&mut self, index: u32) -> Option<Box<Asleep>> {
        let asleep = self.rooms.rouse(index)?;
        self.asleep_bytes -= asleep.saved.weight();
        if let (Some(saves), Some(id)) = (&mut self.saves, asleep.saved.id) {
            saves.unwritten.remove(&id);
        }
        Some(asleep)
    }

    /// The game of a room, awake or asleep.
    pub(super) fn game_of(&self, index: u32) -> Option<usize> {
        self.rooms.get(index).map(|hosted| hosted.game).or_else(|| self.rooms.asleep(index).map(|asleep| asleep.game))
    }

    /// Makes a room anew from what was saved. Its number is reserved, and it is counted. When that fails nothing is left of it.
    fn revive(&mut self, now: Time, index: u32, asleep: &Asleep) -> Result<(), Reject> {
        let Asleep { game, saved } = asleep;
        let Some(id) = saved.id else { return Err(Reject::RoomUnknown) };
        match self.cell_of(now, id, *game, saved) {
            Ok(cell) => {
                self.meter.totals.rooms_woken += 1;
                self.install(now, cell, Berth { id, index, game: *game, name: &saved.name, params: &saved.params, saved: true });
                Ok(())
            }
            Err(fault) => {
                let reject = fault.reject();
                self.lose(now, index, asleep, id, fault);
                Err(reject)
            }
        }
    }

    /// A room could not be taken up: nothing of it is left. Its number was reserved, and it was counted.
    pub(super) fn lose(&mut self, now: Time, index: u32, asleep: &Asleep, id: RoomId, fault: RoomFault) {
        let game = Arc::clone(&self.games[asleep.game].name);
        self.meter.on_fault(FaultRecord { at: now, room: id, game, tick: asleep.saved.cell.tick, callback: "on_restore", fault });
        self.out.clear();
        self.unname(asleep.game, &asleep.saved.name);
        self.free_number(index);
        self.placement.close_room();
    }

    /// A room is no more, and doors forget where it was.
    pub(super) fn free_number(&mut self, index: u32) {
        if let Some(id) = self.rooms.release(index) {
            self.placement.routes().set(id, id.owner());
        }
    }

    pub(super) fn cell_of(&mut self, now: Time, id: RoomId, game: usize, saved: &SavedRoom) -> Result<RoomCell, RoomFault> {
        let mut cell = self.make_cell(id, game, &saved.params)?;
        self.out.clear();
        let damaged = |damaged: Damaged| RoomFault::crashed(&damaged.to_string());
        // What the room asks for while it is restored gives way to what it had: then it goes on exactly as it would have.
        let restored = cell.put_state(now, &saved.cell).map_err(damaged).and_then(|()| {
            let stored = wall::behind(|| cell.on_restore(&saved.state, &mut self.out))?;
            cell.put_state(now, &saved.cell).map(|()| stored).map_err(damaged)
        });
        self.out.clear();
        match restored {
            Ok(Stored::Done) => return Ok(cell),
            Ok(Stored::NotSupported) => {}
            Err(fault) => {
                let _second = wall::bury(cell);
                return Err(fault);
            }
        }
        let _second = wall::bury(cell);
        Err(RoomFault::crashed("a saved room's rules have no on_restore"))
    }

    /// Ends a room that sleeps.
    fn end_asleep(&mut self, index: u32) {
        let Some(asleep) = self.rouse(index) else { return };
        self.unname(asleep.game, &asleep.saved.name);
        self.meter.totals.rooms_ended += 1;
        self.free_number(index);
        asleep.saved.id.into_iter().for_each(|id| self.forget_file(id));
    }

    /// Frees a room's name.
    pub(super) fn unname(&mut self, game: usize, name: &str) {
        if !name.is_empty() {
            self.games[game].named.remove(name);
            self.placement.directory().close(game, name);
        }
    }

    /// All that is needed to go on with the room, with its players or without. `None`: its rules cannot be saved.
    pub(super) fn state_of(&mut self, hosted: &mut Hosted, with_players: bool) -> Result<Option<SavedRoom>, RoomFault> {
        let mut state = Vec::new();
        let stored = wall::behind(|| hosted.cell.on_save(&mut state, &mut self.out));
        // A save is no step of the game: what the room puts out is not sent.
        self.out.clear();
        if stored? == Stored::NotSupported {
            return Ok(None);
        }
        if state.len() > STATE_BYTES_MAX {
            return Err(RoomFault::crashed(&format!("on_save wrote more than {STATE_BYTES_MAX} bytes")));
        }
        let mut cell = hosted.cell.state();
        if !with_players {
            cell.players.clear();
            cell.pending.clear();
        }
        Ok(Some(SavedRoom {
            id: Some(hosted.id),
            game: hosted.game_name.as_ref().to_owned(),
            name: hosted.name.as_ref().to_owned(),
            params: hosted.params.to_vec(),
            seats_max: hosted.cell.seats_taken() + hosted.cell.seats_free(),
            hz: hosted.cell.ctx().hz(),
            cell,
            state,
        }))
    }
}
