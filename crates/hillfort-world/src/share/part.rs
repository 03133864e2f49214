//! A part of a room's viewers, whose packets one thread writes while others write those of the rest. Knows nothing of threads: who calls it says
//! where it runs.

use std::ops::Range;

use hillfort_proto::ids::SessionId;
use hillfort_sync::{History, Replicator, Schema};

use super::{Looker, Shared};
use crate::ctx::Seat;

/// Some of a room's viewers, with all that their packets are written from. The frames are immutable, so parts need nothing of each other.
pub struct Part<'a> {
    pub(super) schema: &'a Schema,
    pub(super) history: &'a History,
    pub(super) lookers: &'a mut [Option<Looker>],
    /// Who is connected, by seat as the lookers are.
    pub(super) sessions: &'a [Option<SessionId>],
    /// Seat of the first.
    pub(super) first: u16,
}

/// Packets of a part, in the order of seats. Its memory is used again.
#[derive(Debug, Default)]
pub struct Packets {
    bytes: Vec<u8>,
    packets: Vec<(Packet<'static>, Range<usize>)>,
    shared: Shared,
}

/// One packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Whose it is.
    pub seat: Seat,
    /// Who sits there.
    pub session: SessionId,
    /// Whether the client forgets what it knew.
    pub anew: bool,
    /// What it says.
    pub data: &'a [u8],
}

impl Part<'_> {
    /// Writes the packets of those who are connected, in place of what `packets` held.
    pub fn write(&mut self, replicator: &mut Replicator, packets: &mut Packets) {
        packets.clear();
        let Some(mut pass) = replicator.pass(self.schema, self.history) else { return };
        for (at, (looker, session)) in self.lookers.iter_mut().zip(self.sessions).enumerate() {
            let Some((looker, session)) = looker.as_mut().zip(*session) else { continue };
            let from = packets.bytes.len();
            let note = looker.note();
            let Some(sent) = pass.write(&mut looker.viewer, note, &mut packets.bytes) else { continue };
            let seat = Seat(self.first + at as u16);
            let range = from..packets.bytes.len();
            packets.shared.add(&Shared::of(&sent, range.len()));
            packets.packets.push((Packet { seat, session, anew: sent.anew, data: &[] }, range));
        }
    }
}

impl Packets {
    /// The packets.
    pub fn iter(&self) -> impl Iterator<Item = Packet<'_>> {
        self.packets.iter().map(|(packet, range)| Packet { data: &self.bytes[range.clone()], ..*packet })
    }

    /// What they hold together.
    #[must_use]
    pub const fn shared(&self) -> Shared {
        self.shared
    }

    /// Forgets them, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.packets.clear();
        self.shared = Shared::default();
    }
}

impl std::fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part").field("first", &self.first).field("viewers", &self.lookers.len()).finish_non_exhaustive()
    }
}
