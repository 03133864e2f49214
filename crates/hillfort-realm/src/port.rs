//! A door's end of the lanes to the world threads. Knows nothing of what the batches say.

use std::sync::{Arc, OnceLock};
use std::thread::Thread;

use hillfort_proto::message::{Ask, Wanted};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::{InboundBatch, LaneSender, RoomPort};

use crate::placement::Placement;

/// Set by a world thread when it runs, so that others can wake it. Never set when a test turns the world.
pub(crate) type Waker = Arc<OnceLock<Thread>>;

/// [`RoomPort`] of one edge thread.
#[derive(Debug)]
pub(crate) struct EdgePort {
    pub(crate) placement: Arc<Placement>,
    /// By world thread.
    pub(crate) lanes: Vec<(LaneSender<InboundBatch>, Waker)>,
}

impl RoomPort for EdgePort {
    fn place(&mut self, game: &str, room: Wanted<'_>) -> Result<u8, Reject> {
        self.placement.place(game, room)
    }

    fn unplace(&mut self, game: &str, room: Wanted<'_>) {
        self.placement.unplace(game, room);
    }

    fn list(&mut self, ask: &Ask<'_>, lines: &mut Vec<u8>) -> Result<bool, Reject> {
        self.placement.list(ask, lines)
    }

    fn worlds(&self) -> usize {
        self.placement.worlds()
    }

    fn submit(&mut self, world: u8, batch: &mut InboundBatch) -> bool {
        let Some((lane, waker)) = self.lanes.get_mut(usize::from(world)) else { return false };
        let urgent = batch.is_urgent();
        let sent = lane.send(batch);
        if urgent
            && sent
            && let Some(thread) = waker.get()
        {
            thread.unpark();
        }
        sent
    }
}
