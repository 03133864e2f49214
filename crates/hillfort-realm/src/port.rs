//! A door's end of the lanes to the world threads. Knows nothing of what the batches say.

use std::sync::{Arc, OnceLock};
use std::thread::Thread;

use hillfort_proto::ids::RoomId;
use hillfort_proto::message::{Ask, Wanted};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::{Inbound, InboundBatch, LaneSender, RoomPort};

use crate::placement::Placement;
use crate::routes::View;

/// Set by a world thread when it runs, so that others can wake it. Never set when a test turns the world.
pub(crate) type Waker = Arc<OnceLock<Thread>>;

/// [`RoomPort`] of one edge thread.
#[derive(Debug)]
pub(crate) struct EdgePort {
    pub(crate) placement: Arc<Placement>,
    /// Which edge thread it is.
    pub(crate) edge: u8,
    pub(crate) view: View,
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

    fn owner(&self, room: RoomId) -> u8 {
        self.view.owner(room)
    }

    fn look_for_moves(&mut self) {
        self.view.look(self.placement.routes());
    }

    fn poll_switch(&mut self) -> Option<(u8, Inbound<'static>)> {
        let edge = self.edge;
        self.view.poll_switch().map(|(room, from)| (from, Inbound::Switched { room, edge }))
    }

    fn switched(&mut self) {
        self.view.switched();
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
