//! What recording costs: an input, an idle tick, a tick with outputs, each with and without a recorder; and what 10,000 idle rooms weigh.
//! `cargo bench -p hillfort-world`. The smallest of several rounds counts, because other work on the machine only adds.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::hint::black_box;
use std::rc::Rc;

use hillfort_proto::ids::SessionId;
use hillfort_world::{
    Ctx, End, Origin, Outputs, RecordBudget, RecordLimits, Recorder, Room, RoomCell, RoomConfig, RoomFault, Seat, To, Who,
};
use rustix::time::{ClockId, clock_gettime};

const ROUNDS: u32 = 40;
const TICKS: u32 = 5_000;
/// A state of hilltop with eight players.
const STATE_BYTES: usize = 270;

/// Sends a state of so many bytes in each tick.
struct Sender(usize);

impl Room for Sender {
    fn on_create(&mut self, _: &mut Ctx, _: &[u8]) -> Result<RoomConfig, RoomFault> {
        Ok(RoomConfig::default())
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        if self.0 > 0 {
            let state = [ctx.tick() as u8; STATE_BYTES];
            ctx.send_state(To::All, &state[..self.0]).map_err(|error| RoomFault::crashed(&error.to_string()))?;
        }
        Ok(())
    }
}

fn room(state_bytes: usize, recorded: Option<&Rc<RecordBudget>>) -> RoomCell {
    let mut cell = RoomCell::new(Box::new(Sender(state_bytes)), 1);
    if let Some(budget) = recorded {
        cell.record(Recorder::new(Origin::default(), RecordLimits::default(), Rc::clone(budget)));
    }
    cell.on_create(&[], &mut Outputs::default()).expect("is good");
    cell
}

/// Nanoseconds of processor time for each of `TICKS` ticks with `inputs` inputs before each.
fn tick_ns(state_bytes: usize, inputs: u32, recorded: bool) -> f64 {
    let budget = Rc::new(RecordBudget::default());
    let round = || {
        let (mut cell, mut out) = (room(state_bytes, recorded.then_some(&budget)), Outputs::default());
        let seat = cell.take_seat(Who { session: SessionId(1), name: "Ann", facts: &[] }).expect("is free");
        assert_eq!(seat, Seat(0));
        let begin = cpu_ns();
        for _ in 0..TICKS {
            for _ in 0..inputs {
                black_box(cell.push_input(seat, 1, &[7, 1, 2, 3, 4]));
            }
            cell.on_tick(&mut out).expect("ticks");
            out.clear();
        }
        let ns = (cpu_ns() - begin) as f64 / f64::from(TICKS);
        black_box(cell.recording(End::Open));
        ns
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn idle_rooms() {
    let budget = Rc::new(RecordBudget::default());
    let mut rooms = Vec::new();
    let weigh = |recorded: Option<&Rc<RecordBudget>>, rooms: &mut Vec<RoomCell>| {
        let measured = allocation_counter::measure(|| {
            for _ in 0..10_000 {
                let (mut cell, mut out) = (room(0, recorded), Outputs::default());
                (0..2_000).for_each(|_| cell.on_tick(&mut out).expect("ticks"));
                rooms.push(cell);
            }
        });
        measured.bytes_current as f64 / 1e6
    };
    rooms.reserve_exact(20_000);
    let without = weigh(None, &mut rooms);
    let with = weigh(Some(&budget), &mut rooms);
    let own = size_of::<Recorder>() as f64 * 1e4 / 1e6;
    println!("10,000 idle rooms: recorders hold {:.2} MB beside {own:.2} MB in the rooms themselves", with - without);
}

fn main() {
    println!("{:<40} {:>9} {:>9} {:>11}", "nanoseconds", "without", "recorded", "difference");
    let row = |name: &str, bytes: usize, inputs: u32, per: f64| {
        let (without, with) = (tick_ns(bytes, inputs, false) / per, tick_ns(bytes, inputs, true) / per);
        println!("{name:<40} {without:>9.1} {with:>9.1} {:>11.1}", with - without);
    };
    row("idle tick", 0, 0, 1.0);
    row("tick that sends a state of 270 bytes", STATE_BYTES, 0, 1.0);
    row("input of 5 bytes, 16 a tick", 0, 16, 16.0);
    idle_rooms();
}
