//! A room's scene and who looks at it: what a game sets, and when frames are published and packets written. Owns viewers by seat; the bytes are
//! `hillfort-sync`'s. Knows nothing of how packets travel.

use std::sync::Arc;

use hillfort_proto::ids::SessionId;
use hillfort_sync::{Delivery, Entity, History, Interest, Note, PACKET_BYTES_MAX, Scene, Schema, Sent, Viewer, ViewerConfig};

use crate::ctx::Seat;

mod part;

pub use part::{Packet, Packets, Part};

/// How a room shares its scene.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareConfig {
    /// What its entities look like.
    pub schema: Arc<Schema>,
    /// Most entities at once.
    pub entities_max: usize,
    /// How far players see, in the unit of the fields that say where entities stand; `None`: everybody sees all.
    pub radius: Option<f32>,
    /// Bytes a second for each player, at least 1,000. More than a few hundred entities in sight want more.
    pub bytes_per_second: u32,
}

/// A scene, its last ticks, and its viewers.
#[derive(Debug)]
pub(crate) struct Share {
    config: ShareConfig,
    hz: u32,
    pub(crate) scene: Scene,
    history: Option<History>,
    /// By seat.
    viewers: Vec<Option<Looker>>,
}

#[derive(Debug)]
struct Looker {
    viewer: Viewer,
    note: Option<Note>,
    /// Whether the client was sent the note.
    noted: bool,
}

impl Looker {
    /// What the next packet says of the client's inputs. One that begins anew says it again, since what was lost may have said it.
    const fn note(&mut self) -> Option<Note> {
        let news = !std::mem::replace(&mut self.noted, true) || self.viewer.is_resetting();
        if news { self.note } else { None }
    }
}

/// What was written for all players of a room in one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shared {
    /// Packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Entities that came into sight, changed, left.
    pub records: u64,
    /// Newcomers and changes that wait for a later packet, because a player's bytes were used up.
    pub waiting: u64,
}

impl ShareConfig {
    /// Up to 1,024 entities that everybody sees, 32,000 bytes a second and player.
    #[must_use]
    pub const fn new(schema: Arc<Schema>) -> Self {
        Self { schema, entities_max: 1024, radius: None, bytes_per_second: 32_000 }
    }

    /// Clients look around so often that they do not outrun what they see, and seldom enough to be cheap.
    const fn interest(&self) -> Interest {
        Interest { radius: self.radius, every: 4 }
    }

    fn is_good(&self) -> bool {
        self.bytes_per_second >= 1_000 && self.radius.is_none_or(|radius| radius > 0.0 && radius.is_finite())
    }
}

impl Share {
    /// `None`: the config is out of bounds.
    pub(crate) fn new(config: ShareConfig) -> Option<Self> {
        let scene = Scene::new(Arc::clone(&config.schema), config.entities_max);
        config.is_good().then_some(Self { config, hz: 1, scene, history: None, viewers: Vec::new() })
    }

    pub(crate) const fn set_hz(&mut self, hz: u32) {
        self.hz = hz;
    }

    pub(crate) const fn config(&self) -> &ShareConfig {
        &self.config
    }

    /// Ticks go on from another number, or the scene is another: what was published is history.
    pub(crate) fn restart(&mut self) {
        self.history = None;
        self.viewers.iter_mut().flatten().for_each(|looker| looker.viewer.reset());
    }

    pub(crate) fn seat_taken(&mut self, seat: Seat) {
        let at = usize::from(seat.0);
        if self.viewers.len() <= at {
            self.viewers.resize_with(at + 1, || None);
        }
        let config = ViewerConfig {
            delivery: Delivery::Ordered,
            interest: self.config.interest(),
            budget: (self.config.bytes_per_second / self.hz).max(1),
            packet: PACKET_BYTES_MAX as u32,
            hz: self.hz,
        };
        self.viewers[at] = Some(Looker { viewer: Viewer::new(seat.0, config), note: None, noted: true });
    }

    pub(crate) fn seat_freed(&mut self, seat: Seat) {
        if let Some(looker) = self.viewers.get_mut(usize::from(seat.0)) {
            *looker = None;
        }
    }

    pub(crate) fn viewer(&self, seat: Seat) -> Option<&Viewer> {
        self.viewers.get(usize::from(seat.0))?.as_ref().map(|looker| &looker.viewer)
    }

    pub(crate) fn viewer_mut(&mut self, seat: Seat) -> Option<&mut Viewer> {
        self.looker(seat).map(|looker| &mut looker.viewer)
    }

    pub(crate) fn set_note(&mut self, seat: Seat, note: Note) {
        if let Some(looker) = self.looker(seat) {
            looker.note = Some(note);
            looker.noted = false;
        }
    }

    /// # Panics
    /// When the game put a scene of another schema in the place of the one that it was given; the wall makes that the end of its room.
    pub(crate) fn publish(&mut self, tick: u32) {
        assert_eq!(self.scene.schema().hash(), self.config.schema.hash(), "a scene is changed, not replaced by another");
        let cell = self.config.radius.map_or(f32::MAX, |radius| radius / 2.0);
        let history = self.history.get_or_insert_with(|| History::new(&self.scene, cell, self.hz));
        history.publish(tick, &self.scene);
    }

    /// See [`History::place`].
    pub(crate) fn place(&self, entity: Entity, tick: f64) -> Option<[f32; 2]> {
        self.history.as_ref()?.place(&self.config.schema, entity, tick)
    }

    /// The viewers in at most `count` parts of equal size, whose packets may be written at the same time. `sessions`: who is connected, by seat.
    pub(crate) fn parts<'a>(
        &'a mut self,
        count: usize,
        sessions: &'a [Option<SessionId>],
    ) -> Option<impl Iterator<Item = Part<'a>>> {
        let history = self.history.as_ref()?;
        let size = self.viewers.len().div_ceil(count.max(1)).max(1);
        let schema = &*self.config.schema;
        let parts = self.viewers.chunks_mut(size).zip(sessions.chunks(size)).enumerate();
        Some(parts.map(move |(at, (lookers, sessions))| Part { schema, history, lookers, sessions, first: (at * size) as u16 }))
    }

    pub(crate) const fn viewers(&self) -> usize {
        self.viewers.len()
    }

    fn looker(&mut self, seat: Seat) -> Option<&mut Looker> {
        self.viewers.get_mut(usize::from(seat.0))?.as_mut()
    }
}

impl Shared {
    fn of(sent: &Sent, bytes: usize) -> Self {
        let records = [sent.entered, sent.changed, sent.left].map(u64::from).iter().sum();
        Self { packets: 1, bytes: bytes as u64, records, waiting: u64::from(sent.waiting) }
    }

    /// Adds what another part or turn wrote.
    pub const fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.records += other.records;
        self.waiting += other.waiting;
    }
}

#[cfg(test)]
mod tests;
