//! What a recorder costs, and how it keeps to its bounds.

use super::*;
use crate::cell::RoomCell;
use crate::config::RoomConfig;
use crate::ctx::{Ctx, Seat, To};
use crate::room::{Room, Who};
use hillfort_proto::ids::SessionId;

const SAY: u32 = 77;

/// Does nothing, unless it is told to say something.
struct Quiet;

impl Room for Quiet {
    fn on_create(&mut self, _: &mut Ctx, _: &[u8]) -> Result<RoomConfig, RoomFault> {
        Ok(RoomConfig::default())
    }

    fn on_message(&mut self, ctx: &mut Ctx, _: Seat, op: u32, data: &[u8]) -> Result<(), RoomFault> {
        if op == SAY { ctx.send_event(To::All, op, data).map_err(|error| RoomFault::crashed(&error.to_string())) } else { Ok(()) }
    }

    fn on_tick(&mut self, _: &mut Ctx) -> Result<(), RoomFault> {
        Ok(())
    }
}

fn room(limits: RecordLimits, budget: &Rc<RecordBudget>) -> (RoomCell, Outputs) {
    let (mut cell, mut out) = (RoomCell::new(Box::new(Quiet), 1), Outputs::default());
    cell.record(Recorder::new(Origin::default(), limits, Rc::clone(budget)));
    cell.on_create(&[], &mut out).expect("is good");
    cell.take_seat(Who { session: SessionId(1), name: "Ann", facts: &[] }).expect("is free");
    (cell, out)
}

#[test]
fn nothing_happens_and_nothing_is_kept() {
    let budget = Rc::new(RecordBudget::new(1 << 20));
    let (mut cell, mut out) = room(RecordLimits::default(), &budget);
    let counted = allocation_counter::measure(|| {
        for _ in 0..100_000 {
            cell.on_tick(&mut out).expect("ticks");
        }
    });
    assert_eq!((counted.count_total, budget.taken()), (0, CALLS_BYTES_MIN));
    let recording = cell.recording(End::Open).expect("is recorded");
    assert_eq!((recording.ticks, recording.segments[0].last_tick()), (100_000, 100_000));
    drop(cell);
    assert_eq!(budget.taken(), 0);
}

#[test]
fn an_input_costs_its_bytes_and_few_allocations() {
    let budget = Rc::new(RecordBudget::new(1 << 20));
    let (mut cell, mut out) = room(RecordLimits::default(), &budget);
    let mut play = |inputs: u32| {
        for op in 0..inputs {
            cell.push_input(Seat(0), op % 4, &[1, 2, 3, 4, 5]);
            cell.on_tick(&mut out).expect("ticks");
        }
    };
    play(1_000);
    let before = budget.taken();
    let counted = allocation_counter::measure(|| play(30_000));
    assert!(counted.count_total <= 6, "{} allocations", counted.count_total);
    assert!(budget.taken() - before <= 30_000 * 9 * 2, "{} bytes", budget.taken() - before);
}

#[test]
fn a_room_that_fills_its_memory_allocates_seldom_up_to_the_end() {
    let budget = Rc::new(RecordBudget::new(1 << 20));
    let (mut cell, mut out) = room(RecordLimits { room_bytes: 64 * 1024, mark_every: 20 }, &budget);
    let counted = allocation_counter::measure(|| {
        for _ in 0..20_000 {
            cell.push_input(Seat(0), 1, &[1, 2, 3, 4, 5]);
            cell.on_tick(&mut out).expect("ticks");
        }
    });
    // Of these some are the queue's.
    assert!(counted.count_total <= 20, "{} allocations", counted.count_total);
    assert_eq!(budget.taken(), 64 * 1024);
    let recording = cell.recording(End::Open).expect("is recorded");
    assert!(recording.stopped_at.is_some_and(|tick| tick > 6_000), "{:?}", recording.stopped_at);
}

#[test]
fn one_that_has_stopped_hashes_nothing() {
    let budget = Rc::new(RecordBudget::new(1 << 20));
    let (mut cell, mut out) = room(RecordLimits { room_bytes: 1_000, mark_every: 1 }, &budget);
    let mut hashes = |inputs: usize| {
        let mut before = (cell.mark(), 0);
        for _ in 0..inputs {
            cell.push_input(Seat(0), SAY, &[1; 100]);
            cell.on_tick(&mut out).expect("ticks");
            out.clear();
            before = (cell.mark(), before.1 + usize::from(cell.mark() != before.0));
        }
        before.1
    };
    assert_eq!(hashes(5), 5, "what is said is hashed");
    let recorded = hashes(100);
    assert!(recorded < 50, "{recorded} after the memory was used up");
    assert_eq!(hashes(100), 0);
}

#[test]
fn rooms_of_a_thread_share_their_memory() {
    let budget = Rc::new(RecordBudget::new(100_000));
    let limits = RecordLimits { room_bytes: 80_000, mark_every: 20 };
    let mut rooms: Vec<_> = (0..3).map(|_| room(limits, &budget)).collect();
    for (cell, out) in &mut rooms {
        for _ in 0..20_000 {
            cell.push_input(Seat(0), 1, &[0; 5]);
            cell.on_tick(out).expect("ticks");
        }
    }
    assert!(budget.taken() <= 100_000);
    for (cell, _) in &mut rooms {
        let recording = cell.recording(End::Closed).expect("is recorded");
        assert_eq!(recording.stopped_at, Some(recording.segments[0].last_tick()));
    }
    drop(rooms);
    assert_eq!(budget.taken(), 0);
}
