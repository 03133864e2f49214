//! The last ticks of a scene. Owns the ring of frames, and reuses their memory; knows nothing of what is done with them.

use std::sync::Arc;

use crate::frame::{EntityId, Frame};
use crate::grid::Plan;
use crate::scene::Scene;

/// Ticks that are kept: as far back as a client's acknowledgement, a shot that is judged where its target was, or a packet on its way may reach.
/// One second at 60 Hz, 3.2 s at 20 Hz.
pub const HISTORY: u32 = 64;

/// Frames of the last [`HISTORY`] ticks. A frame is never written again while somebody holds it.
#[derive(Debug)]
pub struct History {
    frames: Vec<Option<Arc<Frame>>>,
    plan: Plan,
    /// Exact numbers of the last frame, for dead reckoning.
    last: Vec<i32>,
    newest: Option<u32>,
}

impl History {
    /// An empty history of scenes with this schema. `cell` is the width of the grid's cells, best half the radius of interest.
    #[must_use]
    pub fn new(scene: &Scene, cell: f32) -> Self {
        let frames = std::iter::repeat_with(|| None).take(HISTORY as usize).collect();
        Self { frames, plan: Plan::new(scene.schema(), cell), last: Vec::new(), newest: None }
    }

    /// Publishes the scene as it is. `tick` must be the one after the last, or the first.
    pub fn publish(&mut self, tick: u32, scene: &Scene) -> Arc<Frame> {
        debug_assert!(self.newest.is_none_or(|newest| newest.wrapping_add(1) == tick), "ticks have no gaps");
        let mut frame = self.frames[slot(tick)].take().unwrap_or_default();
        let before = self.newest.and_then(|newest| self.frames[slot(newest)].clone());
        if Arc::get_mut(&mut frame).is_none() {
            // Somebody holds on to it: let them, and write another one.
            frame = Arc::default();
        }
        if let Some(frame) = Arc::get_mut(&mut frame) {
            frame.fill(tick, scene, &self.plan, before.as_deref(), &mut self.last);
        }
        self.frames[slot(tick)] = Some(Arc::clone(&frame));
        self.newest = Some(tick);
        frame
    }

    /// The frame of a tick, while it is kept.
    #[must_use]
    pub fn frame(&self, tick: u32) -> Option<&Arc<Frame>> {
        self.frames[slot(tick)].as_ref().filter(|frame| frame.tick == tick)
    }

    /// The newest frame.
    #[must_use]
    pub fn newest(&self) -> Option<&Arc<Frame>> {
        self.newest.and_then(|tick| self.frame(tick))
    }

    /// Where an entity stood at a tick, for a shot that is judged by what its shooter saw. `None`: it was not there, its kind stands nowhere, or
    /// the tick is not kept.
    #[must_use]
    pub fn place(&self, scene: &Scene, tick: u32, id: EntityId) -> Option<[f32; 2]> {
        let frame = self.frame(tick)?;
        let values = frame.values_of(id.row(), id.generation())?;
        let number = frame.rows[id.row() as usize].kind;
        let kind = scene.schema().compiled().kind(number);
        let fields = &scene.schema().kinds()[usize::from(number)].fields;
        Some(kind.at?.map(|column| crate::record::value_of(kind, fields, values, column, tick)))
    }

    pub(crate) const fn plan(&self) -> &Plan {
        &self.plan
    }
}

const fn slot(tick: u32) -> usize {
    (tick % HISTORY) as usize
}
