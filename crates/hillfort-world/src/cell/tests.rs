//! One room in its shell, under virtual time.

use std::cell::RefCell;
use std::rc::Rc;

use hillfort_proto::limits::RESUME_WINDOW;

use super::*;
use crate::config::RoomConfig;
use crate::ctx::To;
use crate::outputs::Output;

/// Writes down what it is told; does what its inputs say.
#[derive(Default)]
struct Diary {
    config: RoomConfig,
    lines: Rc<RefCell<Vec<String>>>,
    sum: u64,
}

const KICK: u32 = 100;
const TIMER: u32 = 101;
const END: u32 = 102;
const FAIL: u32 = 103;
/// A player of this name has 5 s to come back.
const HASTY: &str = "hasty";

impl Diary {
    fn note(&self, line: String) -> Result<(), RoomFault> {
        self.lines.borrow_mut().push(line);
        Ok(())
    }
}

impl Room for Diary {
    fn on_create(&mut self, _: &mut Ctx, _: &[u8]) -> Result<RoomConfig, RoomFault> {
        Ok(self.config.clone())
    }

    fn on_join_attempt(&mut self, _: &mut Ctx, who: Who<'_>) -> Result<Verdict, RoomFault> {
        Ok(if who.name == "mallory" { Verdict::Refuse(Reject::RoomRefused) } else { Verdict::Accept })
    }

    fn on_join(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        let name = ctx.player(seat).map(|player| player.name.to_string());
        self.note(format!("join {} {}", seat.0, name.expect("is listed")))
    }

    fn on_message(&mut self, ctx: &mut Ctx, from: Seat, op: u32, data: &[u8]) -> Result<(), RoomFault> {
        match op {
            KICK => ctx.kick(Seat(u16::from(data[0]))),
            TIMER => ctx.set_timer(u64::from(data[0]), 9).map_err(|error| RoomFault::crashed(&error.to_string()))?,
            END => ctx.end(),
            FAIL => return Err(RoomFault::crashed("as asked")),
            _ => self.sum = self.sum.wrapping_mul(31).wrapping_add(ctx.rng().next_u64() ^ u64::from(op)),
        }
        self.note(format!("{}: {op} from {}", ctx.tick(), from.0))
    }

    fn on_timer(&mut self, ctx: &mut Ctx, id: u32) -> Result<(), RoomFault> {
        self.note(format!("{}: timer {id}", ctx.tick()))
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        ctx.send_state(To::All, &self.sum.to_le_bytes()).map_err(|error| RoomFault::crashed(&error.to_string()))
    }

    fn on_drop(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        if ctx.player(seat).is_some_and(|player| &*player.name == HASTY) {
            ctx.allow_reconnect(Duration::from_secs(5));
        }
        self.note(format!("drop {} {}", seat.0, ctx.player(seat).is_some_and(|player| player.connected)))
    }

    fn on_reconnect(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        self.note(format!("back {} {}", seat.0, ctx.player(seat).is_some_and(|player| player.connected)))
    }

    fn on_leave(&mut self, _: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        self.note(format!("leave {}", seat.0))
    }

    fn on_save(&mut self, _: &mut Ctx, out: &mut Vec<u8>) -> Result<Stored, RoomFault> {
        out.extend_from_slice(&self.sum.to_le_bytes());
        Ok(Stored::Done)
    }

    fn on_restore(&mut self, _: &mut Ctx, data: &[u8]) -> Result<Stored, RoomFault> {
        let bytes = data.try_into().map_err(|_| RoomFault::crashed("state must have 8 bytes"))?;
        self.sum = u64::from_le_bytes(bytes);
        Ok(Stored::Done)
    }
}

struct Rig {
    cell: RoomCell,
    out: Outputs,
    lines: Rc<RefCell<Vec<String>>>,
}

impl Rig {
    fn new(change: impl FnOnce(&mut RoomConfig)) -> Self {
        let mut room = Diary::default();
        change(&mut room.config);
        let lines = Rc::clone(&room.lines);
        let mut rig = Self { cell: RoomCell::new(Box::new(room), 1), out: Outputs::default(), lines };
        rig.cell.on_create(&[], &mut rig.out).expect("config is good");
        rig
    }

    fn join(&mut self, session: u64) -> Result<Seat, Reject> {
        self.join_as(session, "ann")
    }

    fn join_as(&mut self, session: u64, name: &str) -> Result<Seat, Reject> {
        let who = Who { session: SessionId(session), name, facts: &[] };
        if let Verdict::Refuse(reject) = self.cell.on_join_attempt(who, &mut self.out).expect("no fault") {
            return Err(reject);
        }
        let seat = self.cell.take_seat(who).expect("a seat was free");
        self.cell.on_join(seat, &mut self.out).expect("no fault");
        Ok(seat)
    }

    fn leave(&mut self, seat: Seat) -> Option<SessionId> {
        self.cell.on_leave(seat, &mut self.out).expect("no fault");
        self.cell.free_seat(seat)
    }

    /// Runs a tick and returns what the room wrote down.
    fn tick(&mut self) -> Vec<String> {
        self.out.clear();
        self.cell.on_tick(&mut self.out).expect("no fault");
        self.noted()
    }

    fn noted(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.borrow_mut())
    }

    fn to(&self, to: To, connected_only: bool) -> Vec<u64> {
        self.cell.recipients(to, connected_only).map(|session| session.0).collect()
    }
}

#[test]
fn seats_are_counted_when_taken_and_reused() {
    let mut rig = Rig::new(|config| config.seats_max = 2);
    assert_eq!(rig.join_as(1, "mallory"), Err(Reject::RoomRefused));
    assert_eq!(rig.cell.seats_free(), 2);
    assert_eq!((rig.join(1), rig.join(2)), (Ok(Seat(0)), Ok(Seat(1))));
    assert_eq!(rig.join(3), Err(Reject::RoomFull));
    assert_eq!(rig.cell.take_seat(Who { session: SessionId(3), name: "", facts: &[] }), None);
    assert_eq!(rig.leave(Seat(0)), Some(SessionId(1)));
    assert_eq!(rig.cell.free_seat(Seat(0)), None, "once only");
    assert_eq!(rig.join_as(3, "bo"), Ok(Seat(0)));
    assert_eq!(rig.noted(), ["join 0 ann", "join 1 ann", "leave 0", "join 0 bo"]);
    assert_eq!(rig.cell.ctx().players().iter().map(|player| player.session.0).collect::<Vec<_>>(), [3, 2]);
}

#[test]
fn outputs_go_to_whom_they_are_for() {
    let mut rig = Rig::new(|_| ());
    (11..14).for_each(|session| assert!(rig.join(session).is_ok()));
    rig.cell.on_drop(Time::ZERO, Seat(1), &mut rig.out).expect("no fault");
    assert_eq!(rig.to(To::All, false), [11, 12, 13]);
    assert_eq!(rig.to(To::All, true), [11, 13]);
    assert_eq!(rig.to(To::Except(Seat(0)), false), [12, 13]);
    assert_eq!(rig.to(To::One(Seat(1)), false), [12]);
    assert_eq!(rig.to(To::One(Seat(1)), true), Vec::<u64>::new());
    assert_eq!(rig.to(To::One(Seat(9)), false), Vec::<u64>::new());
}

#[test]
fn players_take_turns_and_none_starves() {
    let caps = InputCaps { player_tick: 3, player_queue: 5, room_tick: 6, ..InputCaps::default() };
    let mut rig = Rig::new(|config| config.inputs = caps);
    (1..4).for_each(|session| assert!(rig.join(session).is_ok()));
    rig.noted();
    // Seat 0 floods, the others act once or twice.
    assert_eq!((1..=20).map(|op| rig.cell.push_input(Seat(0), op, b"")).sum::<u64>(), 15);
    rig.cell.push_input(Seat(1), 1, b"");
    rig.cell.push_input(Seat(2), 1, b"");
    rig.cell.push_input(Seat(2), 2, b"");
    assert_eq!(rig.cell.inputs_lost(), 15);
    let first = ["1: 16 from 0", "1: 1 from 1", "1: 1 from 2", "1: 17 from 0", "1: 2 from 2", "1: 18 from 0"];
    assert_eq!(rig.tick(), first);
    assert_eq!(rig.tick(), ["2: 19 from 0", "2: 20 from 0"]);
    assert_eq!(rig.tick(), Vec::<String>::new());
    // The room's cap cuts a round: the next tick goes on with those who had no turn.
    let mut rig = Rig::new(|config| config.inputs = InputCaps { room_tick: 2, ..caps });
    (1..4).for_each(|session| assert!(rig.join(session).is_ok()));
    rig.noted();
    for seat in 0..3 {
        (1..=2).for_each(|op| assert_eq!(rig.cell.push_input(Seat(seat), op, b""), 0));
    }
    assert_eq!(rig.tick(), ["1: 1 from 0", "1: 1 from 1"]);
    assert_eq!(rig.tick(), ["2: 1 from 2", "2: 2 from 0"]);
    assert_eq!(rig.tick(), ["3: 2 from 1", "3: 2 from 2"]);
    assert_eq!(rig.cell.inputs(), 6);
}

#[test]
fn inputs_of_a_freed_seat_are_not_heard() {
    let mut rig = Rig::new(|_| ());
    let seat = rig.join(1).expect("free");
    rig.cell.push_input(seat, 1, b"");
    rig.leave(seat);
    rig.cell.push_input(seat, 2, b"");
    rig.cell.push_input(Seat(999), 2, b"");
    rig.noted();
    assert_eq!(rig.tick(), Vec::<String>::new());
    assert_eq!(rig.join(2), Ok(seat));
    rig.noted();
    rig.cell.push_input(seat, 3, b"");
    assert_eq!(rig.tick(), ["2: 3 from 0"]);
}

#[test]
fn seat_of_a_lost_connection_is_kept_for_the_resume_window() {
    let mut rig = Rig::new(|_| ());
    let (early, late) = (rig.join(1).expect("free"), rig.join(2).expect("free"));
    rig.noted();
    let later = Time::from_millis(5_000);
    rig.cell.on_drop(Time::ZERO, early, &mut rig.out).expect("no fault");
    rig.cell.on_drop(later, late, &mut rig.out).expect("no fault");
    rig.cell.on_drop(later, late, &mut rig.out).expect("a second time is nothing");
    assert_eq!(rig.cell.rate(), 1, "nobody is connected");
    let end = Time::ZERO + RESUME_WINDOW;
    assert_eq!(rig.cell.poll_expired(Time(end.0 - 1)), None);
    rig.cell.on_reconnect(late, &mut rig.out).expect("no fault");
    rig.cell.on_reconnect(late, &mut rig.out).expect("a second time is nothing");
    assert_eq!(rig.cell.rate(), 20);
    assert_eq!(rig.cell.poll_expired(end), Some(early));
    rig.leave(early);
    assert_eq!(rig.cell.poll_expired(end + RESUME_WINDOW + RESUME_WINDOW), None);
    assert_eq!(rig.noted(), ["drop 0 false", "drop 1 false", "back 1 true", "leave 0"]);
    assert_eq!(rig.cell.seats_taken(), 1);
}

#[test]
fn timers_come_in_their_tick_before_the_step() {
    let mut rig = Rig::new(|_| ());
    let seat = rig.join(1).expect("free");
    rig.noted();
    rig.cell.push_input(seat, TIMER, &[2]);
    rig.cell.push_input(seat, TIMER, &[0]);
    assert_eq!(rig.tick().len(), 2);
    assert_eq!(rig.tick(), ["2: timer 9"], "0 ticks from now is the next tick");
    assert_eq!(rig.tick(), ["3: timer 9"]);
}

#[test]
fn kicks_are_put_out_once_and_an_end_stops_the_tick() {
    let mut rig = Rig::new(|_| ());
    let seat = rig.join(1).expect("free");
    rig.cell.push_input(seat, KICK, &[0]);
    rig.cell.push_input(seat, KICK, &[0]);
    rig.cell.push_input(seat, KICK, &[7]);
    rig.cell.push_input(seat, END, b"");
    rig.cell.push_input(seat, 1, b"");
    rig.tick();
    assert_eq!(rig.out.iter().collect::<Vec<_>>(), [Output::Kick { seat }]);
    assert!(rig.cell.is_ended());
    assert_eq!(rig.cell.inputs(), 4);
}

#[test]
fn faults_come_out_with_the_callback_that_failed() {
    let mut rig = Rig::new(|_| ());
    let seat = rig.join(1).expect("free");
    rig.cell.push_input(seat, FAIL, b"");
    assert_eq!(rig.cell.on_tick(&mut rig.out), Err(RoomFault::crashed("as asked")));
    assert_eq!(rig.cell.callback(), "on_message");
    let mut bad = RoomCell::new(Box::new(Diary { config: RoomConfig { hz: 0, ..RoomConfig::default() }, ..Diary::default() }), 1);
    let fault = bad.on_create(&[], &mut rig.out).expect_err("0 Hz is out of bounds");
    assert!(fault.message().contains("hz"), "{fault}");
}

#[test]
fn same_seed_and_calls_give_the_same_outputs_also_across_save_and_restore() {
    let play = |rig: &mut Rig, ops: std::ops::Range<u32>| {
        for op in ops {
            rig.cell.push_input(Seat(0), op, b"");
            rig.tick();
        }
        rig.out.iter().map(|output| format!("{output:?}")).collect::<Vec<_>>()
    };
    let (mut one, mut two) = (Rig::new(|_| ()), Rig::new(|_| ()));
    assert_eq!(one.join(1), two.join(1));
    assert_eq!(play(&mut one, 0..50), play(&mut two, 0..50));
    let mut state = Vec::new();
    assert_eq!(one.cell.on_save(&mut state, &mut one.out), Ok(Stored::Done));
    let mut three = Rig::new(|_| ());
    assert_eq!(three.cell.on_restore(&state, &mut three.out), Ok(Stored::Done));
    assert!(three.cell.on_restore(&state[1..], &mut three.out).is_err());
    assert_eq!(play(&mut one, 0..0), play(&mut two, 0..0));
    assert_eq!(one.tick(), three.tick());
    assert_eq!(one.out.iter().collect::<Vec<_>>(), three.out.iter().collect::<Vec<_>>());
}

#[test]
fn a_steady_stream_allocates_nothing() {
    struct Quiet;
    impl Room for Quiet {
        fn on_create(&mut self, _: &mut Ctx, _: &[u8]) -> Result<RoomConfig, RoomFault> {
            Ok(RoomConfig::default())
        }
        fn on_message(&mut self, ctx: &mut Ctx, from: Seat, op: u32, data: &[u8]) -> Result<(), RoomFault> {
            ctx.send_event(To::One(from), op, data).map_err(|error| RoomFault::crashed(&error.to_string()))
        }
        fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
            ctx.send_state(To::All, b"state").map_err(|error| RoomFault::crashed(&error.to_string()))
        }
    }
    let mut out = Outputs::default();
    let mut cell = RoomCell::new(Box::new(Quiet), 1);
    cell.on_create(&[], &mut out).expect("no fault");
    let seats: Vec<_> = (1..9).filter_map(|id| cell.take_seat(Who { session: SessionId(id), name: "a", facts: &[] })).collect();
    let mut round = || {
        for _ in 0..5 {
            seats.iter().for_each(|&seat| assert_eq!(cell.push_input(seat, 1, &[1; 100]), 0));
        }
        cell.on_tick(&mut out).expect("no fault");
        let sent = out.iter().map(|output| matches!(output, Output::Event { .. })).filter(|&event| event).count();
        out.clear();
        sent
    };
    round();
    let mut sent = 0;
    let counted = allocation_counter::measure(|| sent = (0..100).map(|_| round()).sum());
    assert_eq!(counted.count_total, 0);
    assert_eq!(sent, 100 * 8 * 5);
}

#[test]
fn seats_are_kept_as_the_room_says() {
    let mut rig = Rig::new(|config| config.reconnect = Duration::from_secs(60));
    let (ann, hasty) = (rig.join(0x100).expect("free"), rig.join_as(0x200, HASTY).expect("free"));
    let at = |s| Time::ZERO + Duration::from_secs(s);
    rig.cell.on_drop(at(0), ann, &mut rig.out).expect("no fault");
    rig.cell.on_drop(at(1), hasty, &mut rig.out).expect("no fault");
    assert_eq!(rig.cell.poll_expired(at(5)), None);
    assert_eq!(rig.cell.poll_expired(at(6)), Some(hasty));
    rig.leave(hasty);
    assert_eq!(rig.cell.poll_expired(at(59)), None);
    rig.cell.on_reconnect(ann, &mut rig.out).expect("no fault");
    rig.cell.on_drop(at(60), ann, &mut rig.out).expect("no fault");
    assert_eq!(rig.cell.poll_expired(at(119)), None, "counted anew");
    assert_eq!(rig.cell.poll_expired(at(120)), Some(ann));

    let mut rig = Rig::new(|config| config.reconnect = Duration::ZERO);
    let ann = rig.join(0x100).expect("free");
    rig.cell.on_drop(at(0), ann, &mut rig.out).expect("no fault");
    assert_eq!(rig.cell.poll_expired(at(0)), Some(ann));
}
