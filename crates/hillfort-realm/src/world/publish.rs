//! What a world thread shows of itself once a second, outside of ticks. Knows nothing of who looks.

use std::sync::{Arc, PoisonError};

use hillfort_proto::time::Time;

use hillfort_world::{Load, Overload};

use super::World;
use crate::directory::{LISTED_MAX, Listed};
use crate::slab::{Asleep, Hosted};
use crate::snapshot::{ROOMS_LISTED_MAX, RoomSnapshot, WorldSnapshot};

/// Rooms that are looked at for the list, so that ten thousand of them do not cost a tick.
const ROOMS_LOOKED_AT: usize = 4096;

impl World {
    pub(super) fn publish(&mut self, now: Time) {
        self.meter.totals.states_dropped = self.outbox.states_dropped;
        self.meter.totals.lanes_full = self.outbox.lanes_full;
        let mut snapshot = WorldSnapshot {
            world: self.id,
            rooms_open: self.rooms.len() as u32,
            players: self.sessions.len() as u32,
            rooms_asleep: self.rooms.len_asleep() as u32,
            asleep_bytes: self.asleep_bytes as u64,
            rooms_slowed: self.slowed,
            rooms: self.list_rooms(now),
            ..WorldSnapshot::default()
        };
        let list = self.list_all();
        self.placement.directory().publish(self.id, list);
        let load = self.meter.finish_window(now, &mut snapshot);
        self.placement.set_load(self.id, load);
        self.placement.set_cost(self.id, self.cost.max(0) as u64);
        if let Some(step) = self.ladder.on_window(Load { busy_permille: load, late: snapshot.lateness.p99 }) {
            tracing::warn!(
                world = self.id,
                step = step.label(),
                busy_permille = load,
                late_ms = snapshot.lateness.p99.as_millis() as u64,
                "overload"
            );
            self.meter.totals.overload_changes += 1;
            self.placement.set_closed(self.id, step >= Overload::NoJoins);
            self.rooms.iter_mut().for_each(|hosted| hosted.cell.set_overload(step));
        }
        snapshot.overload = self.ladder.step();
        snapshot.totals = self.meter.totals;
        snapshot.cost_ns = self.cost.max(0) as u64;
        // Readers hold the lock for as long as it takes to clone an Arc. The old snapshot is freed after it is let go.
        let mut snapshot = Arc::new(snapshot);
        std::mem::swap(&mut *self.published.lock().unwrap_or_else(PoisonError::into_inner), &mut snapshot);
    }

    /// Rooms with names, then others, up to a bound: ten thousand of them would cost a tick.
    pub(super) fn list_all(&mut self) -> Vec<Listed> {
        let named = self.games.iter().flat_map(|game| game.named.values().copied());
        let others = self.rooms.iter().filter(|hosted| hosted.name.is_empty()).map(|hosted| hosted.index);
        let all: Vec<u32> = named.chain(others).take(LISTED_MAX).collect();
        all.into_iter().filter_map(|index| self.listed(index)).collect()
    }

    pub(super) fn listed(&mut self, index: u32) -> Option<Listed> {
        match self.rooms.get_mut(index) {
            Some(hosted) => Some(listed(hosted)),
            None => self.rooms.asleep(index).and_then(listed_asleep),
        }
    }

    fn list_rooms(&mut self, now: Time) -> Vec<RoomSnapshot> {
        let world = self.id;
        let mut rooms: Vec<_> = self.rooms.iter_mut().take(ROOMS_LOOKED_AT).collect();
        if rooms.len() > ROOMS_LISTED_MAX {
            rooms.select_nth_unstable_by_key(ROOMS_LISTED_MAX, |hosted| std::cmp::Reverse(hosted.cell.seats_taken()));
            rooms.truncate(ROOMS_LISTED_MAX);
        }
        rooms.sort_unstable_by_key(|hosted| (std::cmp::Reverse(hosted.cell.seats_taken()), hosted.index));
        rooms.into_iter().map(|hosted| room(world, hosted, now)).collect()
    }
}

fn listed(hosted: &mut Hosted) -> Listed {
    let ctx = hosted.cell.ctx();
    let (label, handler) = &mut hosted.shown;
    for (shown, is) in [(&mut *label, ctx.label()), (&mut *handler, hosted.cell.handler())] {
        if **shown != *is {
            *shown = is.into();
        }
    }
    let seats_taken = hosted.cell.seats_taken();
    Listed {
        room: hosted.id,
        game: hosted.game,
        name: Arc::clone(&hosted.name),
        handler: Arc::clone(handler),
        label: Arc::clone(label),
        seats_taken,
        seats_max: seats_taken + hosted.cell.seats_free(),
        hz: ctx.hz(),
        made: hosted.made,
    }
}

fn listed_asleep(asleep: &Asleep) -> Option<Listed> {
    let Asleep { game, saved } = asleep;
    Some(Listed {
        room: saved.id?,
        game: *game,
        name: saved.name.as_str().into(),
        handler: Arc::default(),
        label: saved.cell.label.as_str().into(),
        seats_taken: 0,
        seats_max: saved.seats_max,
        hz: saved.hz,
        made: Time::ZERO,
    })
}

fn room(world: u8, hosted: &mut Hosted, now: Time) -> RoomSnapshot {
    let cell = &hosted.cell;
    let before = hosted.listed.replace((now, cell.inputs()));
    let inputs_per_second = before.map_or(0.0, |(then, inputs)| {
        let seconds = now.since(then).as_secs_f64();
        if seconds > 0.0 { (cell.inputs() - inputs) as f64 / seconds } else { 0.0 }
    });
    snapshot_of(world, hosted, inputs_per_second)
}

pub(super) fn snapshot_of(world: u8, hosted: &Hosted, inputs_per_second: f64) -> RoomSnapshot {
    let cell = &hosted.cell;
    RoomSnapshot {
        id: hosted.id,
        world,
        game: Arc::clone(&hosted.game_name),
        label: cell.ctx().label().to_owned(),
        players: cell.seats_taken(),
        seats_max: cell.seats_taken() + cell.seats_free(),
        hz: cell.ctx().hz(),
        rate_hz: cell.rate(),
        tick: cell.ctx().tick(),
        tick_time: cell.stats().duration(),
        lateness: cell.stats().lateness(),
        inputs_per_second,
        inputs_lost: cell.inputs_lost(),
    }
}
