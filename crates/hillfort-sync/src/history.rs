//! The last ticks of a scene. Owns the ring of frames, reuses their memory, and says where entities stood; knows nothing of what is done with them.

use std::sync::Arc;

use crate::frame::Frame;
use crate::grid::Plan;
use crate::lives::Lives;
use crate::scene::{Entity, Scene};
use crate::schema::Schema;

/// Ticks that are kept at least: as far back as a client's acknowledgement may reach. Where a second has more, a second is kept.
pub const HISTORY: u32 = 64;
/// Most ticks of a second.
const HZ_MAX: u32 = 1024;

/// Frames of the last second, and of [`HISTORY`] ticks at least. A frame is never written again while somebody holds it.
#[derive(Debug)]
pub struct History {
    /// By tick; a power of two, so that it goes round as ticks do.
    frames: Vec<Option<Arc<Frame>>>,
    plan: Plan,
    /// Exact numbers of the last frame, for dead reckoning.
    last: Vec<i32>,
    lives: Lives,
    newest: Option<u32>,
    /// Ticks of a second.
    hz: u32,
}

impl History {
    /// An empty history of scenes with this schema, which are published `hz` times a second, 1 to 1,024. `cell` is the width of the grid's cells,
    /// best half the radius of interest.
    #[must_use]
    pub fn new(scene: &Scene, cell: f32, hz: u32) -> Self {
        let hz = hz.clamp(1, HZ_MAX);
        let kept = hz.max(HISTORY).next_power_of_two();
        let frames = std::iter::repeat_with(|| None).take(kept as usize).collect();
        let (plan, lives) = (Plan::new(scene.schema(), cell), Lives::new(kept));
        Self { frames, plan, last: Vec::new(), lives, newest: None, hz }
    }

    /// Publishes the scene as it is. `tick` must be the one after the last, or the first.
    pub fn publish(&mut self, tick: u32, scene: &Scene) -> Arc<Frame> {
        debug_assert!(self.newest.is_none_or(|newest| newest.wrapping_add(1) == tick), "ticks have no gaps");
        let at = self.slot(tick);
        let mut frame = self.frames[at].take().unwrap_or_default();
        let rounds = self.lives.rounds(tick, scene);
        // When ids have come round nobody is who was there before.
        let before = self.newest().filter(|frame| frame.rounds == rounds).cloned();
        if Arc::get_mut(&mut frame).is_none() {
            // Somebody holds on to it: let them, and write another one.
            frame = Arc::default();
        }
        if let Some(frame) = Arc::get_mut(&mut frame) {
            frame.fill(tick, scene, &self.plan, before.as_deref(), &mut self.last);
            frame.rounds = rounds;
        }
        self.frames[at] = Some(Arc::clone(&frame));
        self.newest = Some(tick);
        frame
    }

    /// The frame of a tick, while it is kept.
    #[must_use]
    pub fn frame(&self, tick: u32) -> Option<&Arc<Frame>> {
        self.frames[self.slot(tick)].as_ref().filter(|frame| frame.tick == tick)
    }

    /// The newest frame.
    #[must_use]
    pub fn newest(&self) -> Option<&Arc<Frame>> {
        self.newest.and_then(|tick| self.frame(tick))
    }

    /// Where an entity stood at `tick`, which may be between two ticks as the picture on a client's screen is: on the straight way between them, by the
    /// numbers that clients were sent. Who was gone in the second of the two stands where it was in the first.
    ///
    /// Both arguments may be what a client claims. `None`: `tick` is no number, newer than the newest, or not among the ticks of one second that end
    /// there, however many are kept; or the entity was not there, its kind stands nowhere, or ids have come
    /// round since.
    #[must_use]
    pub fn place(&self, schema: &Schema, entity: Entity, tick: f64) -> Option<[f32; 2]> {
        let (newest, rounds) = (self.newest?, self.newest()?.rounds);
        // What is no number is in no range.
        if !(0.0..=f64::from(u32::MAX)).contains(&tick) {
            return None;
        }
        let (whole, part) = (tick as u32, tick.fract());
        let age = newest.wrapping_sub(whole);
        if age >= self.hz || (age == 0 && part > 0.0) {
            return None;
        }
        let from = stood(schema, self.frame(whole).filter(|frame| frame.rounds == rounds)?, entity)?;
        let to = self.frame(whole.wrapping_add(1)).filter(|_| part > 0.0).and_then(|frame| stood(schema, frame, entity));
        let Some(to) = to else { return Some(from) };
        let on_the_way = |axis: usize| {
            let [from, to] = [from[axis], to[axis]].map(f64::from);
            (from + (to - from) * part) as f32
        };
        Some([on_the_way(0), on_the_way(1)])
    }

    pub(crate) const fn plan(&self) -> &Plan {
        &self.plan
    }

    const fn slot(&self, tick: u32) -> usize {
        tick as usize & (self.frames.len() - 1)
    }
}

/// Where an entity stands in a frame.
fn stood(schema: &Schema, frame: &Frame, entity: Entity) -> Option<[f32; 2]> {
    let id = entity.id();
    let values = frame.values_of(id.row(), id.generation())?;
    let number = frame.rows[id.row() as usize].kind;
    let kind = schema.compiled().kind(number);
    let fields = &schema.kinds()[usize::from(number)].fields;
    Some(kind.at?.map(|column| crate::record::value_of(kind, fields, values, column, frame.tick)))
}

#[cfg(test)]
mod tests;
