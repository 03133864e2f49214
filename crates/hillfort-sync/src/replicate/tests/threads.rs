//! The packets of a large room, written by several threads at the same time: byte for byte those that one thread writes. How many there are does not
//! depend on the machine.

use std::sync::Barrier;
use std::thread::{self, ThreadId};

use super::*;

const CLIENTS: u16 = 72;

/// Of each three one gets a stream and two get datagrams, of each four one is short of bytes.
fn viewer(seat: u16) -> Viewer {
    let delivery = if seat.is_multiple_of(3) { Delivery::Ordered } else { Delivery::Lossy };
    let mut viewer = Client::new(seat, delivery, 0).viewer;
    viewer.config.budget = if seat.is_multiple_of(4) { 150 } else { 4_000 };
    viewer
}

/// Writes all packets of a tick, each part on a thread of its own, which begin at once. Returns them in the order of clients, and the threads.
fn write(crowd: &Crowd, viewers: &mut [Viewer], replicators: &mut [Replicator]) -> (Vec<Option<Vec<u8>>>, BTreeSet<String>) {
    let size = viewers.len().div_ceil(replicators.len());
    let begin = Barrier::new(viewers.len().div_ceil(size));
    let part = |viewers: &mut [Viewer], replicator: &mut Replicator| -> (Vec<Option<Vec<u8>>>, ThreadId) {
        begin.wait();
        let mut pass = replicator.pass(crowd.scene.schema(), &crowd.history).unwrap();
        let mut packet = |viewer: &mut Viewer| {
            let mut out = Vec::new();
            pass.write(viewer, None, &mut out).map(|_| out)
        };
        (viewers.iter_mut().map(&mut packet).collect(), thread::current().id())
    };
    thread::scope(|scope| {
        let parts = viewers.chunks_mut(size).zip(replicators);
        let jobs: Vec<_> = parts.map(|(viewers, replicator)| scope.spawn(move || part(viewers, replicator))).collect();
        let mut threads = BTreeSet::new();
        let packets = jobs.into_iter().flat_map(|job| {
            let (packets, thread) = job.join().unwrap();
            threads.insert(format!("{thread:?}"));
            packets
        });
        (packets.collect(), threads)
    })
}

#[test]
fn packets_that_several_threads_write_are_byte_for_byte_those_of_one() {
    let mut crowd = Crowd::new(280, 21);
    // What wrote a different room before leaves nothing behind.
    let mut used = Crowd::new(300, 22);
    used.tick(1);
    let counts = [1, 2, 4];
    let mut sides = counts.map(|count| {
        let mut replicators: Vec<_> = std::iter::repeat_with(Replicator::default).take(count).collect();
        if count > 1 {
            write(&used, &mut [viewer(0), viewer(1), viewer(2), viewer(3)], &mut replicators);
        }
        (replicators, (0..CLIENTS).map(viewer).collect::<Vec<_>>())
    });
    let (mut packets, mut bytes) = (0, 0);
    for tick in 1..=110_u32 {
        crowd.tick(tick);
        // Somebody leaves, and somebody comes, not always as many.
        for (_, viewers) in &mut sides {
            if tick % 3 == 0 {
                viewers.remove(tick as usize * 7 % viewers.len());
            }
            if (tick % 3 == 1 && viewers.len() < usize::from(CLIENTS)) || viewers.len() < 64 {
                viewers.push(viewer(CLIENTS + tick as u16));
            }
            for viewer in viewers.iter_mut() {
                let lag = 2 + u32::from(viewer.seat) % 3;
                if tick > lag && !(tick + u32::from(viewer.seat)).is_multiple_of(11) {
                    viewer.on_ack(tick - lag, u64::MAX);
                }
            }
        }
        let mut written = sides.iter_mut().map(|(replicators, viewers)| {
            assert!(viewers.len() >= 64);
            let (packets, threads) = write(&crowd, viewers, replicators);
            assert_eq!(threads.len(), replicators.len(), "each part has its thread");
            packets
        });
        let alone = written.next().unwrap();
        for (together, count) in written.zip(&counts[1..]) {
            assert!(together == alone, "tick {tick}, {count} threads");
        }
        packets += alone.iter().flatten().count();
        bytes += alone.iter().flatten().map(Vec::len).sum::<usize>();
    }
    assert!(packets > 6_000 && bytes > 200_000, "{packets} packets, {bytes} bytes");
    assert!(crowd.alive.len() >= 256);
}
