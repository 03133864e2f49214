//! Who comes into sight of a client and who leaves it. Owns distances, hysteresis and filters; knows nothing of packets.

use crate::column::{KindColumns, Tier, View};
use crate::frame::Frame;
use crate::history::History;
use crate::record::value_of;
use crate::scene::NO_KIND;
use crate::schema::{Schema, To};
use crate::viewer::{Focus, State, Viewer};

/// Entities stay in sight up to this much of the radius.
const LEAVE: f32 = 1.1;
/// What a tick of waiting counts, by tier.
const WEIGHTS: [u8; 3] = [4, 2, 1];
/// An own entity goes first.
pub(crate) const OWN_WEIGHT: u8 = 128;
/// Newcomers go before changes, and the nearest of them first: up to as much again.
const NEWCOMER: u16 = 60;

/// Notes beside rows, used for one client after the other.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    marks: Vec<Mark>,
    turn: u32,
    entering: Vec<Entering>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    turn: u32,
    slot: u16,
}

#[derive(Debug, Clone, Copy)]
struct Entering {
    row: u32,
    /// Square of the distance, as a part of the radius's.
    distance: f32,
    own: bool,
}

/// What does not change while one client looks around.
pub(crate) struct Look<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) history: &'a History,
    pub(crate) frame: &'a Frame,
}

impl Marks {
    /// Brings the client's slots up to what is in sight now.
    pub(crate) fn look_around(&mut self, look: &Look<'_>, viewer: &mut Viewer) {
        let frame = look.frame;
        let everything = viewer.config.interest.radius.is_none();
        let every = viewer.config.interest.every.max(1);
        // When its last turn was: whatever made it look in between, seats go on taking turns.
        viewer.looked = frame.tick.wrapping_sub(frame.tick.wrapping_add(u32::from(viewer.seat)) % every);
        viewer.standings = frame.standings;
        if everything && viewer.population == Some(frame.population) {
            return;
        }
        viewer.population = Some(frame.population);
        self.turn = self.turn.wrapping_add(2);
        if self.turn < 2 {
            self.marks.clear();
            self.turn = 2;
        }
        if self.marks.len() < frame.rows.len() {
            self.marks.resize(frame.rows.len(), Mark::default());
        }
        for at in 0..viewer.slots.len() {
            let slot = viewer.slots[at];
            if !matches!(slot.state, State::Fresh | State::Known) {
                continue;
            }
            match frame.rows.get(slot.row as usize) {
                Some(row) if row.generation == slot.generation && row.kind != NO_KIND => {
                    self.marks[slot.row as usize] = Mark { turn: self.turn, slot: at as u16 };
                }
                _ => viewer.leave(at),
            }
        }
        for &row in frame.owned_by(viewer.seat) {
            self.meet(look, viewer, row, 0.0, true);
        }
        if everything {
            for row in (0..frame.rows.len() as u32).filter(|&row| frame.rows[row as usize].kind != NO_KIND) {
                self.meet(look, viewer, row, 0.0, false);
            }
        } else {
            for &row in &frame.grid.everywhere {
                self.meet(look, viewer, row, 0.0, false);
            }
            self.scan(look, viewer);
        }
        self.part(viewer);
        self.welcome(look, viewer);
    }

    /// All that stand near the client's place.
    fn scan(&mut self, look: &Look<'_>, viewer: &mut Viewer) {
        let Some(radius) = viewer.config.interest.radius else { return };
        let Some([x, y]) = place(look, viewer) else { return };
        let reach = radius * LEAVE;
        let (enter, leave) = (radius * radius, reach * reach);
        let part = 1.0 / enter;
        for run in look.frame.grid.around(look.history.plan(), [x, y], reach) {
            for spot in run {
                let (dx, dy) = (spot.x - x, spot.y - y);
                let distance = dx * dx + dy * dy;
                if distance <= enter || (distance <= leave && self.marks[spot.row as usize].turn == self.turn) {
                    self.meet(look, viewer, spot.row, distance * part, false);
                }
            }
        }
    }

    /// An entity that is near enough.
    #[inline]
    fn meet(&mut self, look: &Look<'_>, viewer: &mut Viewer, row: u32, distance: f32, own: bool) {
        let at = row as usize;
        let mark = self.marks[at];
        if mark.turn == self.turn + 1 || (look.frame.hides && !own && look.frame.seen_by[at] & viewer.groups == 0) {
            return;
        }
        self.marks[at].turn = self.turn + 1;
        if mark.turn != self.turn {
            self.entering.push(Entering { row, distance, own });
            return;
        }
        let slot = &mut viewer.slots[usize::from(mark.slot)];
        if look.schema.compiled().uniform {
            slot.weight = weight(distance, own);
            return;
        }
        let kind = look.schema.compiled().kind(look.frame.rows[at].kind);
        let (view, weight) = standing(look.frame, kind, viewer.team, row, distance, own, Some(slot.view));
        slot.weight = weight;
        if slot.view != view {
            viewer.renew(usize::from(mark.slot), view);
        }
    }

    /// Those who were not met leave.
    fn part(&self, viewer: &mut Viewer) {
        for at in 0..viewer.slots.len() {
            let slot = &viewer.slots[at];
            if matches!(slot.state, State::Fresh | State::Known) && self.marks[slot.row as usize].turn == self.turn {
                viewer.leave(at);
            }
        }
    }

    fn welcome(&mut self, look: &Look<'_>, viewer: &mut Viewer) {
        let mut entering = std::mem::take(&mut self.entering);
        if viewer.in_sight() + viewer.leaving + entering.len() > crate::viewer::SLOTS_MAX {
            entering.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        }
        viewer.slots.reserve(entering.len().min(crate::viewer::SLOTS_MAX.saturating_sub(viewer.slots.len())));
        for newcomer in entering.drain(..) {
            let row = &look.frame.rows[newcomer.row as usize];
            let kind = look.schema.compiled().kind(row.kind);
            let (view, weight) = standing(look.frame, kind, viewer.team, newcomer.row, newcomer.distance, newcomer.own, None);
            let near = ((1.0 - newcomer.distance).max(0.0) * f32::from(NEWCOMER)) as u16;
            let urgency = if newcomer.own { u16::MAX } else { NEWCOMER + near };
            if !viewer.enter(newcomer.row, row.generation, view, weight, urgency) {
                break;
            }
        }
        self.entering = entering;
    }
}

/// What the client is to the entity, and how much its waiting counts. `distance` is the square, as a part of the radius's.
fn standing(frame: &Frame, kind: &KindColumns, team: u8, row: u32, distance: f32, own: bool, before: Option<View>) -> (View, u8) {
    let standing = match team {
        _ if own => To::Owner,
        0 => To::All,
        team if frame.rows[row as usize].team == team => To::Team,
        _ => To::All,
    };
    let view = |tier| kind.view(View::new(tier, standing));
    // A client that walks along a border keeps what it has.
    let kept = view(tier(distance / (LEAVE * LEAVE)));
    let view = if before == Some(kept) { kept } else { view(tier(distance)) };
    (view, weight(distance, own))
}

/// `distance` is the square, as a part of the radius's.
fn tier(distance: f32) -> Tier {
    match distance {
        near if near <= 1.0 / 9.0 => Tier::Near,
        mid if mid <= 4.0 / 9.0 => Tier::Mid,
        _ => Tier::Far,
    }
}

fn weight(distance: f32, own: bool) -> u8 {
    if own { OWN_WEIGHT } else { WEIGHTS[tier(distance) as usize] }
}

fn place(look: &Look<'_>, viewer: &Viewer) -> Option<[f32; 2]> {
    match viewer.focus {
        Focus::Place(place) => Some(place),
        Focus::Owned => look.frame.owned_by(viewer.seat).iter().find_map(|&row| {
            let number = look.frame.rows[row as usize].kind;
            let kind = look.schema.compiled().kind(number);
            let fields = &look.schema.kinds()[usize::from(number)].fields;
            let value = |column| value_of(kind, fields, look.frame.row_values(row), column, look.frame.tick);
            kind.at.map(|at| at.map(value))
        }),
    }
}
