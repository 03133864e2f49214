//! Packets of rooms that share a scene: written by the world's thread, and those of large rooms by further threads beside it, then handed to the
//! doors. Knows nothing of what they say.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Builder};
use std::time::Duration;

use hillfort_proto::ids::SessionId;
use hillfort_sync::Replicator;
use hillfort_world::{Overload, Packets, Part, To};

use super::World;
use crate::clock::Clock;
use crate::slab::Hosted;

/// A room whose packets took this long gets one more thread in its next tick, and so on: starting one costs some fifty microseconds.
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
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self::of(cores / worlds.max(1))
    }

    /// For so many threads, 1 to [`WRITERS_MAX`].
    pub(super) fn of(count: usize) -> Self {
        let writers = std::iter::repeat_with(Default::default).take(count.clamp(1, WRITERS_MAX)).collect();
        Self { writers, sessions: Vec::new() }
    }

    /// How many have written something of the last room.
    #[cfg(test)]
    pub(super) fn at_work(&self) -> usize {
        self.writers.iter().filter(|(_, packets)| packets.iter().next().is_some()).count()
    }
}

impl World {
    /// Sends what is new of the room's scene; on an overloaded thread every second time only.
    pub(super) fn share(&mut self, clock: &dyn Clock, hosted: &mut Hosted) {
        if !hosted.cell.shares() {
            return;
        }
        hosted.share_held = !hosted.share_held && hosted.cell.overload() >= Overload::FewerStates && !hosted.cell.is_ended();
        if hosted.share_held {
            self.meter.totals.scene_held += hosted.cell.recipients(To::All, true).count() as u64;
            return;
        }
        let Writers { writers, sessions } = &mut self.writers;
        let threads = (hosted.shared_in.as_nanos() / WORTH_A_THREAD.as_nanos()) as usize;
        let count = (1 + threads).min(writers.len());
        let outbox = &self.outbox;
        let Some(parts) = hosted.cell.parts(count, sessions, |session| outbox.takes(session)) else { return };
        let writers = &mut writers[..count];
        // There may be fewer parts than writers.
        writers.iter_mut().for_each(|(_, packets)| packets.clear());
        hosted.shared_in = write_all(clock, Mutex::new(parts.zip(writers)), count);
        for (_, packets) in &self.writers.writers[..count] {
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
    }
}

/// Writes the packets of all parts, on this thread and `count - 1` beside it, or on fewer when the system has none left. Returns the time that it
/// took on all of them together, without starting them.
fn write_all<'a>(
    clock: &dyn Clock,
    jobs: Mutex<impl Iterator<Item = (Part<'a>, &'a mut (Replicator, Packets))> + Send>,
    count: usize,
) -> Duration {
    let spent = AtomicU64::new(0);
    let work = || {
        let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
        while let Some((mut part, (replicator, packets))) = next() {
            let started = clock.now();
            part.write(replicator, packets);
            spent.fetch_add(clock.now().since(started).as_nanos() as u64, Relaxed);
        }
    };
    thread::scope(|scope| {
        for _ in 1..count {
            // Without a further thread this one does it all.
            let _none_left = Builder::new().name("scene".to_owned()).spawn_scoped(scope, work).is_err();
        }
        work();
    });
    Duration::from_nanos(spent.load(Relaxed))
}
