//! 10,000 rooms at 20 Hz: what a room tick costs beyond the room's own work.
//!
//! `cargo bench -p hillfort-realm --bench rooms` prints, in one run: the same rooms ticked by a bare loop; the slot wheel alone; and a
//! whole world, with wall, statistics, clock and delivery. The bare loop runs twice: in the order of memory, and in the order in which
//! phases visit rooms, which caches and page tables like less. Time is virtual, so that each tick is due when it is asked for; what is
//! measured is CPU time of the thread. The smallest of several rounds counts.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use hillfort_proto::ids::SessionId;
use hillfort_proto::message::Wanted;
use hillfort_proto::route::{Inbound, InboundBatch, OutboundBatch, Recycle, RoomPort, SessionPort};
use hillfort_proto::time::Time;
use hillfort_realm::{Clock, Config, Game, Realm};
use hillfort_world::{Ctx, Outputs, Room, RoomCell, RoomConfig, RoomFault, Wheel};

const ROOMS: u32 = 10_000;
const HZ: u32 = 20;
/// Virtual seconds of a round.
const SECONDS: u64 = 5;
const ROUNDS: usize = 5;
const STATE_BYTES: usize = 1024;

/// Touches a kilobyte a tick.
struct Work {
    state: Box<[u64; STATE_BYTES / 8]>,
}

impl Work {
    fn new() -> Self {
        Self { state: Box::new([1; STATE_BYTES / 8]) }
    }

    fn step(&mut self) {
        for cell in self.state.iter_mut() {
            *cell = cell.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        }
    }
}

impl Room for Work {
    fn on_create(&mut self, _: &mut Ctx, _: &[u8]) -> Result<RoomConfig, RoomFault> {
        Ok(RoomConfig { hz: HZ, seats_max: 1, ..RoomConfig::default() })
    }

    fn on_tick(&mut self, _: &mut Ctx) -> Result<(), RoomFault> {
        self.step();
        Ok(())
    }
}

/// Doors that take everything.
struct Sink;

impl SessionPort for Sink {
    fn edges(&self) -> usize {
        1
    }

    fn submit(&mut self, _: u8, batch: &mut OutboundBatch) -> bool {
        batch.clear();
        true
    }
}

/// Virtual time for the deadlines. Each reading costs what a real one costs.
#[derive(Clone)]
struct BenchClock {
    now: Arc<AtomicU64>,
}

impl Clock for BenchClock {
    fn now(&self) -> Time {
        black_box(Instant::now());
        Time(self.now.load(Relaxed))
    }
}

fn main() {
    let bare = bare_loop(1);
    let strided = bare_loop(50);
    let wheel = wheel_and_cells();
    let world = world();
    println!("{ROOMS} rooms x {HZ} Hz, {STATE_BYTES} B touched a tick, {SECONDS} virtual seconds, best of {ROUNDS} rounds");
    println!("{:<44} {:>8} {:>12} {:>14}", "", "ns/tick", "beyond bare", "share of core");
    for (name, ns) in [
        ("bare loop over the rooms", bare),
        ("bare loop, every 50th room", strided),
        ("slot wheel + cell, no statistics", wheel),
        ("world thread's turn", world),
    ] {
        let share = ns * f64::from(ROOMS * HZ) / 1e9 * 100.0;
        println!("{name:<44} {ns:>8.1} {:>12.1} {share:>13.1}%", ns - bare);
    }
}

/// Nanoseconds a tick of the fastest round; `round` returns how many ticks it ran.
fn best(mut round: impl FnMut() -> u64) -> f64 {
    round();
    let once = |round: &mut dyn FnMut() -> u64| {
        let start = cpu_ns();
        let ticks = round();
        (cpu_ns() - start) as f64 / ticks as f64
    };
    (0..ROUNDS).map(|_| once(&mut round)).fold(f64::INFINITY, f64::min)
}

/// CPU time of this thread, so that a busy machine disturbs less.
fn cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn bare_loop(stride: usize) -> f64 {
    let mut rooms: Vec<Box<dyn Room>> = (0..ROOMS).map(|_| Box::new(Work::new()) as Box<dyn Room>).collect();
    let mut ctx = Ctx::default();
    best(|| {
        let mut ticks = 0;
        for _ in 0..SECONDS * u64::from(HZ) {
            for first in 0..stride {
                for room in rooms.iter_mut().skip(first).step_by(stride) {
                    room.on_tick(&mut ctx).expect("does not fail");
                    ticks += 1;
                }
            }
        }
        black_box(&rooms);
        ticks
    })
}

fn wheel_and_cells() -> f64 {
    let mut out = Outputs::default();
    let mut wheel = Wheel::new(Time::ZERO);
    let mut cells: Vec<_> = (0..ROOMS)
        .map(|room| {
            let mut cell = RoomCell::new(Box::new(Work::new()), 1);
            cell.on_create(&[], &mut out).expect("does not fail");
            wheel.insert(Time::ZERO, room, HZ);
            cell
        })
        .collect();
    let mut now = Time::ZERO;
    best(|| {
        let end = now + Duration::from_secs(SECONDS);
        let mut ticks = 0;
        while let Some(next) = wheel.next_deadline().filter(|&next| next <= end) {
            now = next;
            while let Some(due) = wheel.pop_due(now) {
                for &room in wheel.rooms(due.slot) {
                    cells[room as usize].on_tick(&mut out).expect("does not fail");
                    ticks += 1;
                }
            }
        }
        ticks
    })
}

fn world() -> f64 {
    let game = Game::native("work", Work::new).expect("good name");
    let config = Config { rooms_max: ROOMS, ..Config::default() };
    let (handle, mut makers) = Realm::assemble(config, vec![game], vec![Box::new(Sink)]).expect("good");
    let clock = BenchClock { now: Arc::new(AtomicU64::new(0)) };
    let mut world = makers.remove(0).make(clock.now()).expect("good");
    let mut port = handle.port().expect("one edge");
    seat_players(&mut *port, || {
        world.turn(&clock);
    });
    let mut run = |seconds: u64| {
        let end = clock.now() + Duration::from_secs(seconds);
        loop {
            let next = world.turn(&clock);
            if next > end {
                break;
            }
            clock.now.fetch_max(next.0, Relaxed);
        }
        clock.now.fetch_max(end.0, Relaxed);
    };
    run(2);
    let rooms = handle.snapshot().rooms_open();
    assert_eq!(rooms, u64::from(ROOMS), "each player has a room");
    let ticks = |handle: &hillfort_realm::RealmHandle| handle.snapshot().totals().ticks;
    let before = ticks(&handle);
    let ns = best(|| {
        run(SECONDS);
        SECONDS * u64::from(ROOMS * HZ)
    });
    let expected = (ROUNDS as u64 + 1) * SECONDS * u64::from(ROOMS * HZ);
    let ran = ticks(&handle) - before;
    // A snapshot is up to a second old at either end.
    assert!(ran.abs_diff(expected) <= 2 * u64::from(ROOMS * HZ), "{ran} ticks instead of {expected}");
    ns
}

/// One player a room, so that all run at their full rate.
fn seat_players(port: &mut dyn RoomPort, mut turn: impl FnMut()) {
    let mut batch = InboundBatch::default();
    for id in 1..=u64::from(ROOMS) {
        let join = Inbound::Join { session: SessionId(id << 8), room: Wanted::Any, game: "work", name: "a", facts: &[] };
        if batch.push(join).is_err() {
            assert!(port.submit(0, &mut batch), "the lane has room");
            turn();
            batch.push(join).expect("is empty");
        }
    }
    assert!(port.submit(0, &mut batch), "the lane has room");
    turn();
}
