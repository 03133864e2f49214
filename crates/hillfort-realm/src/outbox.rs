//! From one world thread to the doors: a batch for each edge thread, and what happens when an edge thread does not take it.
//!
//! Policy, while the lane to an edge thread is full: states are dropped, the next ones are newer anyway. Events and answers are kept, up to
//! [`BACKLOG_BATCHES`] full batches; then sessions for which something would be lost are cut off as slow consumers, and their rooms let
//! them go. The world thread reads nothing from an edge thread that takes nothing. Knows nothing of rooms' rules.

use std::collections::VecDeque;

use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::{BatchFull, Outbound, OutboundBatch, SessionPort};
use hillfort_world::Ctx;

/// Full batches that wait for one edge thread beside its lane.
pub(crate) const BACKLOG_BATCHES: usize = 4;

/// Batches on their way to the edge threads.
pub(crate) struct Outbox {
    port: Box<dyn SessionPort>,
    edges: Vec<EdgeOut>,
    cut: Vec<SessionId>,
    pub(crate) states_dropped: u64,
    pub(crate) lanes_full: u64,
}

#[derive(Default)]
struct EdgeOut {
    batch: OutboundBatch,
    backlog: VecDeque<OutboundBatch>,
    /// Empty batches that came back from the backlog.
    spare: Vec<OutboundBatch>,
    /// Answers that fit nowhere; bounded by the number of seats and of joins in one batch.
    owed: VecDeque<Owed>,
    to: Vec<SessionId>,
    congested: bool,
}

enum Owed {
    Left { session: SessionId, room: RoomId, reject: Option<Reject> },
    Refused { session: SessionId, reject: Reject },
}

impl Outbox {
    pub(crate) fn new(port: Box<dyn SessionPort>) -> Self {
        let edges = std::iter::repeat_with(EdgeOut::default).take(port.edges()).collect();
        Self { port, edges, cut: Vec::new(), states_dropped: 0, lanes_full: 0 }
    }

    pub(crate) fn event(&mut self, to: impl Iterator<Item = SessionId>, room: RoomId, op: u32, data: &[u8]) {
        self.group(to);
        for edge in 0..self.edges.len() {
            let to = std::mem::take(&mut self.edges[edge].to);
            if !to.is_empty() && self.push(edge, Outbound::Event { to: &to, room, op, data }).is_err() {
                self.cut.extend_from_slice(&to);
            }
            self.edges[edge].to = to;
        }
    }

    pub(crate) fn state(&mut self, to: impl Iterator<Item = SessionId>, room: RoomId, tick: u64, data: &[u8]) {
        self.group(to);
        for edge in 0..self.edges.len() {
            let to = std::mem::take(&mut self.edges[edge].to);
            if !to.is_empty() {
                let sent = !self.edges[edge].congested && self.push(edge, Outbound::State { to: &to, room, tick, data }).is_ok();
                self.states_dropped += if sent { 0 } else { to.len() as u64 };
            }
            self.edges[edge].to = to;
        }
    }

    /// Whether the edge thread of this session took what was offered last.
    pub(crate) fn takes(&self, session: SessionId) -> bool {
        self.edge_of(session).is_some_and(|edge| !self.edges[edge].congested)
    }

    /// `false`: it was not taken, and what follows must begin anew.
    pub(crate) fn scene(&mut self, session: SessionId, room: RoomId, anew: bool, data: &[u8]) -> bool {
        let Some(edge) = self.edge_of(session) else { return true };
        !self.edges[edge].congested && self.push(edge, Outbound::Scene { session, room, anew, data }).is_ok()
    }

    pub(crate) fn joined(&mut self, session: SessionId, room: RoomId, game: &str, ctx: &Ctx) {
        let entry = Outbound::Joined { session, room, game, label: ctx.label(), hz: ctx.hz(), tick: ctx.tick() };
        let Some(edge) = self.edge_of(session) else { return };
        if self.push(edge, entry).is_err() {
            self.cut.push(session);
            // The session waits for an answer, and a Left of a room that it never heard of is none.
            self.edges[edge].owed.push_back(Owed::Refused { session, reject: Reject::WorldBusy });
        }
    }

    /// The room's own reason is lost when the edge thread takes nothing.
    pub(crate) fn refused(&mut self, session: SessionId, reject: Reject, reason: &str) {
        let Some(edge) = self.edge_of(session) else { return };
        if self.push(edge, Outbound::JoinRefused { session, reject, reason }).is_err() {
            self.edges[edge].owed.push_back(Owed::Refused { session, reject });
        }
    }

    pub(crate) fn left(&mut self, session: SessionId, room: RoomId, reject: Option<Reject>) {
        let Some(edge) = self.edge_of(session) else { return };
        if self.push(edge, Outbound::Left { session, room, reject }).is_err() {
            self.edges[edge].owed.push_back(Owed::Left { session, room, reject });
        }
    }

    /// A session for which something was lost: its room must let it go.
    pub(crate) fn poll_cut(&mut self) -> Option<SessionId> {
        self.cut.pop()
    }

    /// Whether this edge thread did not take what was offered last.
    pub(crate) fn is_congested(&self, edge: usize) -> bool {
        self.edges[edge].congested
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.edges.iter().all(|edge| edge.batch.is_empty() && edge.backlog.is_empty() && edge.owed.is_empty())
    }

    /// Wakes all edge threads.
    pub(crate) fn wake_all(&mut self) {
        (0..self.edges.len()).for_each(|edge| self.port.wake(edge as u8));
    }

    /// Offers all that waits to the edge threads.
    pub(crate) fn flush(&mut self) {
        for edge in 0..self.edges.len() {
            self.flush_edge(edge);
        }
    }

    fn flush_edge(&mut self, edge: usize) {
        let out = &mut self.edges[edge];
        while let Some(first) = out.backlog.front_mut() {
            if !self.port.submit(edge as u8, first) {
                return;
            }
            out.spare.extend(out.backlog.pop_front());
        }
        loop {
            if !out.batch.is_empty() && !self.port.submit(edge as u8, &mut out.batch) {
                self.lanes_full += 1;
                out.congested = true;
                return;
            }
            out.congested = false;
            if out.owed.is_empty() {
                return;
            }
            while let Some(owed) = out.owed.front() {
                if out.batch.push(owed.entry()).is_err() {
                    break;
                }
                out.owed.pop_front();
            }
        }
    }

    fn push(&mut self, edge: usize, entry: Outbound<'_>) -> Result<(), BatchFull> {
        let out = &mut self.edges[edge];
        // What is owed goes first, or answers would overtake each other.
        if out.owed.is_empty() && out.batch.push(entry).is_ok() {
            return Ok(());
        }
        self.flush_edge(edge);
        let out = &mut self.edges[edge];
        if !out.owed.is_empty() {
            return Err(BatchFull);
        }
        if out.batch.push(entry).is_ok() {
            return Ok(());
        }
        if out.backlog.len() >= BACKLOG_BATCHES {
            return Err(BatchFull);
        }
        let spare = out.spare.pop().unwrap_or_default();
        out.backlog.push_back(std::mem::replace(&mut out.batch, spare));
        out.batch.push(entry)
    }

    fn group(&mut self, to: impl Iterator<Item = SessionId>) {
        self.edges.iter_mut().for_each(|edge| edge.to.clear());
        for session in to {
            if let Some(edge) = self.edge_of(session) {
                self.edges[edge].to.push(session);
            }
        }
    }

    fn edge_of(&self, session: SessionId) -> Option<usize> {
        Some(usize::from(session.owner())).filter(|&edge| edge < self.edges.len())
    }
}

impl Owed {
    const fn entry(&self) -> Outbound<'static> {
        match *self {
            Self::Left { session, room, reject } => Outbound::Left { session, room, reject },
            Self::Refused { session, reject } => Outbound::JoinRefused { session, reject, reason: "" },
        }
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("edges", &self.edges.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
