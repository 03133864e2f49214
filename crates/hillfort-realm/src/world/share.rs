//! Packets of rooms that share a scene: written by the world's thread, and those of large rooms by further threads beside it, then handed to the
//! doors. Knows nothing of what they say.

use std::num::NonZero;
use std::time::Duration;

use hillfort_proto::ids::SessionId;
use hillfort_sync::Replicator;
use hillfort_world::{Overload, Packets};

use super::World;
use crate::clock::Clock;
use crate::slab::Hosted;

/// A room whose packets took this long goes to more threads in its next tick: starting one costs some fifty microseconds.
const WORTH_A_THREAD: Duration = Duration::from_millis(2);
/// Most threads beside each other.
const WRITERS_MAX: usize = 64;

/// Memory for writing packets: one for each thread that may write at the same time.
pub(super) struct Writers {
    writers: Vec<(Replicator, Packets)>,
    sessions: Vec<Option<SessionId>>,
}

impl Writers {
    /// As many as there are cores for each of `worlds` threads.
    pub(super) fn new(worlds: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let count = (cores / worlds.max(1)).clamp(1, WRITERS_MAX);
        Self { writers: std::iter::repeat_with(Default::default).take(count).collect(), sessions: Vec::new() }
    }
}

impl World {
    /// Sends what is new of the room's scene, on an overloaded thread every second tick.
    pub(super) fn share(&mut self, clock: &dyn Clock, hosted: &mut Hosted) {
        let hold = hosted.cell.ctx().tick() % 2 == 1 && hosted.cell.overload() >= Overload::FewerStates;
        if !hosted.cell.shares() || hold {
            return;
        }
        let started = clock.now();
        let Writers { writers, sessions } = &mut self.writers;
        let many = hosted.shared_in >= WORTH_A_THREAD;
        let count = if many { writers.len() } else { 1 };
        let Some(mut parts) = hosted.cell.parts(count, sessions) else { return };
        let mut used = 0;
        if many {
            std::thread::scope(|scope| {
                for ((replicator, packets), mut part) in writers.iter_mut().zip(&mut parts) {
                    scope.spawn(move || part.write(replicator, packets));
                    used += 1;
                }
            });
        } else if let (Some((replicator, packets)), Some(mut part)) = (writers.first_mut(), parts.next()) {
            part.write(replicator, packets);
            used = 1;
        }
        drop(parts);
        for (_, packets) in &self.writers.writers[..used] {
            for packet in packets.iter() {
                if let Some(watched) = &mut hosted.watched {
                    watched.on_packet(packet.session, packet.data.len());
                }
                if !self.outbox.scene(packet.session, hosted.id, packet.anew, packet.data) {
                    hosted.cell.on_packet_lost(packet.seat);
                }
            }
            let (totals, shared) = (&mut self.meter.totals, packets.shared());
            totals.scene_packets += shared.packets;
            totals.scene_bytes += shared.bytes;
            totals.scene_records += shared.records;
            totals.scene_waiting += shared.waiting;
        }
        // Processor time of all threads, about: what decides is whether one would take too long.
        hosted.shared_in = clock.now().since(started) * used.max(1) as u32;
    }
}
