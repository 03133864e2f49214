//! Rooms that somebody looks at: what is noted of them meanwhile, and pause, step, resume. Costs other rooms nothing. Knows nothing of who looks.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;
use hillfort_script::Tree;
use hillfort_sync::Scene;
use hillfort_world::{Ctx, Output, Outputs, RoomCell, RoomFault, Seat, Stored, To};

use super::World;
use super::publish::snapshot_of;
use crate::clock::Clock;
use crate::inspection::{
    Branch, Deed, EntityInspection, INPUT_BYTES_SHOWN_MAX, INPUTS_SHOWN_MAX, InputSeen, Inspection, LINES_SHOWN_MAX,
    PlayerInspection, ROWS_SHOWN_MAX, STATE_BYTES_SHOWN_MAX, SceneInspection, StateSeen, TOLD_BYTES_MAX,
};
use crate::slab::Hosted;
use crate::wall;

/// Rooms of one thread that are looked at at the same time.
const WATCHED_MAX: usize = 16;
/// A room that nobody has looked at for this long is not watched any more ...
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);
/// ... and one that is paused runs again.
const RESUMED_AFTER: Duration = Duration::from_secs(600);
/// Rates are those of a window at least so long.
const WINDOW: Duration = Duration::from_secs(1);

/// What is noted of a room while somebody looks at it.
#[derive(Debug)]
pub(crate) struct Watched {
    looked: Time,
    paused: bool,
    inputs: VecDeque<InputSeen>,
    lines: VecDeque<(u64, String)>,
    /// Begin of the window, and what was counted before.
    window: Time,
    heard_before: u64,
    sent: HashMap<SessionId, u64>,
    /// Of the last whole window.
    inputs_per_second: f64,
    bytes_per_second: HashMap<SessionId, f64>,
}

impl Watched {
    fn new(now: Time, cell: &RoomCell) -> Self {
        Self {
            looked: now,
            paused: false,
            inputs: VecDeque::new(),
            lines: VecDeque::new(),
            window: now,
            heard_before: cell.inputs(),
            sent: HashMap::new(),
            inputs_per_second: 0.0,
            bytes_per_second: HashMap::new(),
        }
    }

    pub(crate) const fn is_paused(&self) -> bool {
        self.paused
    }

    fn is_over(&self, now: Time) -> bool {
        now.since(self.looked) >= if self.paused { RESUMED_AFTER } else { FORGOTTEN_AFTER }
    }

    pub(super) fn on_input(&mut self, tick: u64, seat: Seat, op: u32, data: &[u8]) {
        let start = data[..data.len().min(INPUT_BYTES_SHOWN_MAX)].to_vec();
        keep(&mut self.inputs, INPUTS_SHOWN_MAX, InputSeen { tick, seat, op, len: data.len(), start });
    }

    /// Notes what the room is about to send.
    pub(super) fn on_outputs(&mut self, cell: &RoomCell, out: &Outputs) {
        for output in out.iter() {
            match output {
                Output::Event { to, data, .. } => self.on_sent(cell, to, false, data.len()),
                Output::State { to, data } => self.on_sent(cell, to, true, data.len()),
                Output::Log { line } => keep(&mut self.lines, LINES_SHOWN_MAX, (cell.ctx().tick(), line.to_owned())),
                Output::Kick { .. } | Output::Answer { .. } | Output::Reply { .. } => {}
            }
        }
    }

    fn on_sent(&mut self, cell: &RoomCell, to: To, connected_only: bool, bytes: usize) {
        cell.recipients(to, connected_only).for_each(|session| self.on_packet(session, bytes));
    }

    pub(super) fn on_packet(&mut self, session: SessionId, bytes: usize) {
        *self.sent.entry(session).or_default() += bytes as u64;
    }

    /// Somebody looks: a window that is whole gives its rates, and the next begins.
    fn on_look(&mut self, now: Time, cell: &RoomCell) {
        self.looked = now;
        let length = now.since(self.window);
        if length >= WINDOW {
            let seconds = length.as_secs_f64();
            self.inputs_per_second = (cell.inputs() - self.heard_before) as f64 / seconds;
            self.bytes_per_second = self.sent.drain().map(|(session, bytes)| (session, bytes as f64 / seconds)).collect();
            (self.window, self.heard_before) = (now, cell.inputs());
        }
    }
}

/// What is in a room.
#[derive(Debug, Clone, Default)]
struct Inside {
    state: Option<StateSeen>,
    told: Option<String>,
}

impl World {
    /// Does `deed` to a room, and shows the room as it is then.
    pub(super) fn inspect(&mut self, clock: &dyn Clock, now: Time, room: RoomId, deed: Deed) -> Result<Box<Inspection>, Reject> {
        let index = self.rooms.find(room).ok_or(Reject::RoomUnknown)?;
        let mut hosted = self.rooms.take(index).ok_or(Reject::RoomUnknown)?;
        if hosted.leaving || hosted.watched.is_none() && self.watched.len() >= WATCHED_MAX {
            self.rooms.put(hosted);
            return Err(Reject::WorldBusy);
        }
        let watched = hosted.watched.get_or_insert_with(|| {
            self.watched.push(index);
            Box::new(Watched::new(now, &hosted.cell))
        });
        watched.on_look(now, &hosted.cell);
        match deed {
            Deed::Look | Deed::LookInside => {}
            Deed::Pause | Deed::Step => watched.paused = true,
            Deed::Resume => watched.paused = false,
        }
        let result = if deed == Deed::Step { self.tick_room(clock, now, &mut hosted, 1) } else { Ok(()) };
        let result =
            result.and_then(|()| if deed == Deed::LookInside { self.look_inside(&mut hosted) } else { Ok(Inside::default()) });
        let inspection =
            result.as_ref().map_err(RoomFault::reject).map(|inside| Box::new(inspection(self.id, &hosted, inside.clone())));
        self.settle(now, hosted, result.map(drop));
        inspection
    }

    /// Asks the room for its state.
    fn look_inside(&mut self, hosted: &mut Hosted) -> Result<Inside, RoomFault> {
        let mut state = Vec::new();
        let stored = wall::behind(|| hosted.cell.on_save(&mut state, &mut self.out));
        self.out.clear();
        let state = (stored? == Stored::Done).then(|| {
            let (len, tree) = (state.len(), Tree::read(&state).ok().map(|tree| Branch::of(&tree)));
            state.truncate(STATE_BYTES_SHOWN_MAX);
            StateSeen { len, start: state, tree }
        });
        Ok(Inside { state, told: wall::behind(|| Ok(hosted.cell.tell(TOLD_BYTES_MAX)))? })
    }

    /// Lets rooms be that nobody looks at any more.
    pub(super) fn forget_watched(&mut self, now: Time) {
        let rooms = &mut self.rooms;
        self.watched.retain(|&index| {
            let Some(hosted) = rooms.get_mut(index) else { return false };
            hosted.watched.take_if(|watched| watched.is_over(now));
            hosted.watched.is_some()
        });
    }
}

fn keep<T>(kept: &mut VecDeque<T>, most: usize, one: T) {
    if kept.len() == most {
        kept.pop_front();
    }
    kept.push_back(one);
}

fn inspection(world: u8, hosted: &Hosted, inside: Inside) -> Inspection {
    let (ctx, watched) = (hosted.cell.ctx(), hosted.watched.as_deref());
    let players = ctx.players().iter().take(ROWS_SHOWN_MAX).map(|player| PlayerInspection {
        seat: player.seat,
        session: player.session,
        name: player.name.clone(),
        connected: player.connected,
        inputs_waiting: hosted.cell.inputs_waiting(player.seat),
        bytes_per_second: watched.and_then(|watched| watched.bytes_per_second.get(&player.session)).copied().unwrap_or(0.0),
        sight: ctx.viewer(player.seat).map(|viewer| (viewer.in_sight(), viewer.waiting())),
    });
    Inspection {
        room: snapshot_of(world, hosted, watched.map_or(0.0, |watched| watched.inputs_per_second)),
        name: hosted.name.clone(),
        paused: watched.is_some_and(Watched::is_paused),
        timers: ctx.timers(),
        players: players.collect(),
        inputs: watched.map_or_else(Vec::new, |watched| watched.inputs.iter().cloned().collect()),
        lines: watched.map_or_else(Vec::new, |watched| watched.lines.iter().cloned().collect()),
        state: inside.state,
        told: inside.told,
        scene: scene_of(ctx),
    }
}

fn scene_of(ctx: &Ctx) -> Option<SceneInspection> {
    let scene: &Scene = ctx.scene()?;
    let schema = scene.schema();
    let mut counts = vec![0; schema.kinds().len()];
    let mut entities = Vec::new();
    for entity in scene.entities() {
        let Ok(about) = scene.about(entity) else { continue };
        let kind = usize::from(about.kind);
        counts[kind] += 1;
        if entities.len() < ROWS_SHOWN_MAX {
            let fields = (0..schema.kinds()[kind].fields.len()).filter_map(|field| scene.get(entity, field).ok());
            let (id, fields) = (entity.id().get(), fields.collect());
            entities.push(EntityInspection { id, kind: about.kind, owner: about.owner, team: about.team, fields });
        }
    }
    Some(SceneInspection { schema: schema.clone(), counts, entities })
}
