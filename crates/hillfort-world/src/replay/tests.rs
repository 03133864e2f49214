//! Rooms that are recorded and made again: the same, another, from a state, to a fault.

use std::rc::Rc;
use std::sync::Arc;

use hillfort_proto::ids::SessionId;
use hillfort_sync::{Field, Kind, Schema};

use super::*;
use crate::config::RoomConfig;
use crate::ctx::{Ctx, Seat, To};
use crate::record::{End, Origin, RecordBudget, RecordLimits};
use crate::rng::Rng;
use crate::room::{Verdict, Who};
use crate::share::ShareConfig;

const FAIL: u32 = 99;

/// Mixes what it hears with random numbers, sets timers, and says all of it.
#[derive(Debug, Clone, Copy)]
struct Mixer {
    sum: u64,
    /// What another version of the rules does otherwise, from this tick on.
    changes_at: u64,
    saves: bool,
}

impl Mixer {
    const PLAIN: Self = Self { sum: 0, changes_at: u64::MAX, saves: true };
}

impl Room for Mixer {
    fn on_create(&mut self, ctx: &mut Ctx, params: &[u8]) -> Result<RoomConfig, RoomFault> {
        self.sum = ctx.rng().next_u64() ^ params.len() as u64;
        let kind = Kind::new("mix").with(Field::fixed("sum", 0.0, 1_000.0, 1.0));
        let schema = Schema::new(vec![kind]).expect("good");
        ctx.open_scene(ShareConfig::new(Arc::new(schema))).expect("first").spawn(0).expect("room");
        Ok(RoomConfig { seats_max: 4, ..RoomConfig::default() })
    }

    fn on_join(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        ctx.set_timer(u64::from(seat.0) + 3, u32::from(seat.0)).ok();
        ctx.send_event(To::Except(seat), 1, &self.sum.to_le_bytes()).ok();
        Ok(())
    }

    fn on_message(&mut self, ctx: &mut Ctx, from: Seat, op: u32, data: &[u8]) -> Result<(), RoomFault> {
        if op == FAIL {
            return Err(RoomFault::crashed("as asked"));
        }
        let draw = ctx.rng().below(1 << 40) ^ data.iter().map(|&byte| u64::from(byte)).sum::<u64>();
        self.sum = self.sum.wrapping_mul(31).wrapping_add(draw ^ u64::from(op) ^ u64::from(from.0));
        Ok(())
    }

    fn on_timer(&mut self, ctx: &mut Ctx, id: u32) -> Result<(), RoomFault> {
        self.sum ^= u64::from(id);
        ctx.set_timer(5 + self.sum % 7, id + 1).ok();
        Ok(())
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        self.sum ^= u64::from(ctx.tick() >= self.changes_at);
        let (sum, scene) = (self.sum, ctx.scene_mut().expect("opened"));
        let mut entity = scene.entities().next().expect("spawned");
        if sum.is_multiple_of(3) {
            // Rows and lives differ after a restore, and that is no difference.
            let newcomer = scene.spawn(0).expect("room");
            scene.despawn(entity).expect("alive");
            entity = newcomer;
        }
        scene.set(entity, 0, (sum % 1_000) as f32).expect("alive");
        if ctx.tick().is_multiple_of(50) {
            ctx.set_label(&self.sum.to_string()).ok();
        }
        ctx.send_state(To::All, &self.sum.to_le_bytes()).ok();
        Ok(())
    }

    fn on_save(&mut self, _: &mut Ctx, out: &mut Vec<u8>) -> Result<Stored, RoomFault> {
        if self.saves {
            out.extend_from_slice(&self.sum.to_le_bytes());
        }
        Ok(if self.saves { Stored::Done } else { Stored::NotSupported })
    }

    fn on_restore(&mut self, ctx: &mut Ctx, data: &[u8]) -> Result<Stored, RoomFault> {
        ctx.rng().next_u64();
        self.sum = u64::from_le_bytes(data.try_into().map_err(|_| RoomFault::crashed("8 bytes"))?);
        Ok(Stored::Done)
    }
}

fn recorder(room_bytes: usize) -> Recorder {
    let origin = Origin { game: "mixer".into(), rules: "1".into(), seed: 42, params: [1, 2].into(), ..Origin::default() };
    Recorder::new(origin, RecordLimits { room_bytes, mark_every: 20 }, Rc::new(RecordBudget::default()))
}

/// A room that has been played for so many ticks: players come, go, are lost and come back; some send more than a tick hears.
fn play(room: Mixer, room_bytes: usize, ticks: u64) -> RoomCell {
    let (mut cell, mut out, mut dice) = (RoomCell::new(Box::new(room), 42), Outputs::default(), Rng::new(7));
    cell.record(recorder(room_bytes));
    cell.on_create(&[1, 2], &mut out).expect("is good");
    let mut away = [false; 4];
    for tick in 0..ticks {
        let seat = Seat(dice.below(4) as u16);
        let lost = &mut away[usize::from(seat.0)];
        match dice.below(40) {
            0 | 6 | 7 => {
                let who = Who { session: SessionId(tick + 1), name: "Ann", facts: &[] };
                if cell.on_join_attempt(who, &mut out).expect("asks") == Verdict::Accept {
                    let seat = cell.take_seat(who).expect("is free");
                    out.clear();
                    cell.on_join(seat, &mut out).expect("joins");
                }
            }
            1 if cell.session(seat).is_some() => {
                cell.on_leave(seat, &mut out).expect("leaves");
                cell.free_seat(seat);
                *lost = false;
            }
            2 if cell.session(seat).is_some() && !std::mem::replace(lost, true) => {
                cell.on_drop(Time::from_millis(tick), seat, &mut out).expect("drops");
            }
            3 if cell.session(seat).is_some() && std::mem::replace(lost, false) => {
                cell.on_reconnect(seat, &mut out).expect("is back");
            }
            4 => drop(cell.on_signal(b"how", &mut Vec::new(), &mut out).expect("answers")),
            5 => (0..30).for_each(|op| assert!(cell.push_input(seat, op, &[7; 9]) <= 1)),
            _ => assert!(cell.push_input(seat, 1, &tick.to_le_bytes()) <= 1),
        }
        out.clear();
        cell.on_tick(&mut out).expect("ticks");
        out.clear();
    }
    cell
}

/// Replays to the end, or the first difference. The number of marks that were the same.
fn replay(recording: &Recording, from: usize, room: Mixer) -> Result<u64, Difference> {
    let (mut out, mut same) = (Outputs::default(), 0);
    let mut replay = Replay::start(recording, from, Box::new(room), &mut out).expect("starts");
    loop {
        out.clear();
        match replay.step(&mut out)? {
            Step::Done => {}
            Step::Same => same += 1,
            Step::End => {
                assert_eq!(replay.tick(), recording.ticks);
                return Ok(same);
            }
        }
    }
}

#[test]
fn a_replay_says_the_same_at_each_mark() {
    let mut cell = play(Mixer::PLAIN, 1 << 20, 2_000);
    let recording = cell.recording(End::Open).expect("is recorded");
    assert_eq!(Recording::from_file(&recording.to_file()).as_ref(), Ok(&recording));
    assert_eq!(replay(&recording, 0, Mixer::PLAIN), Ok(100));
}

#[test]
fn full_segments_begin_anew_from_the_rooms_state_and_the_oldest_go() {
    let mut cell = play(Mixer::PLAIN, 16 * 1024, 6_000);
    let recording = cell.recording(End::Closed).expect("is recorded");
    assert!(recording.segments.len() >= 3, "{}", recording.segments.len());
    assert!(recording.segments[0].first_tick > 0, "the oldest are gone");
    assert!(recording.segments.iter().map(|segment| segment.len()).sum::<usize>() <= 16 * 1024);
    assert_eq!(Recording::from_file(&recording.to_file()).as_ref(), Ok(&recording));
    for from in 0..recording.segments.len() {
        let marks = recording.ticks / 20 - recording.segments[from].first_tick / 20;
        assert_eq!(replay(&recording, from, Mixer::PLAIN), Ok(marks), "from segment {from}");
    }
}

#[test]
fn a_room_that_cannot_save_itself_is_recorded_until_its_memory_is_used_up() {
    let forgetful = Mixer { saves: false, ..Mixer::PLAIN };
    let mut cell = play(forgetful, 16 * 1024, 6_000);
    let recording = cell.recording(End::Open).expect("is recorded");
    let stopped = recording.stopped_at.expect("stopped");
    assert!(stopped > 500 && stopped < 6_000);
    assert_eq!((recording.segments.len(), recording.segments[0].last_tick()), (1, stopped));
    let read = Recording::from_file(&recording.to_file()).expect("is whole");
    assert_eq!(read.stopped_at, Some(stopped));
    let mut out = Outputs::default();
    let mut again = Replay::start(&read, 0, Box::new(forgetful), &mut out).expect("starts");
    while again.step(&mut out).expect("is the same") != Step::End {
        out.clear();
    }
    assert_eq!(again.tick(), stopped);
}

#[test]
fn the_first_mark_that_differs_is_named() {
    let mut cell = play(Mixer::PLAIN, 1 << 20, 1_000);
    let recording = cell.recording(End::Open).expect("is recorded");
    let other = Mixer { changes_at: 501, ..Mixer::PLAIN };
    assert_eq!(replay(&recording, 0, other), Err(Difference::Mark { after: 500, tick: 520 }));
}

#[test]
fn a_fault_happens_again_in_the_same_tick() {
    let mut cell = play(Mixer::PLAIN, 1 << 20, 530);
    let seat = (0..4).map(Seat).find(|seat| cell.session(*seat).is_some()).expect("somebody is there");
    cell.push_input(seat, FAIL, &[]);
    let mut out = Outputs::default();
    let fault = (0..5).find_map(|_| cell.on_tick(&mut out).err()).expect("fails");
    let recording = cell.recording(End::fault(cell.callback(), &fault)).expect("is recorded");
    let recording = Recording::from_file(&recording.to_file()).expect("is whole");
    assert_eq!(recording.end, End::fault("on_message", &fault));
    let again = replay(&recording, 0, Mixer::PLAIN).expect_err("fails again");
    assert_eq!(again, Difference::Fault { tick: recording.ticks, callback: "on_message", fault });
}

#[test]
fn any_bytes_give_a_recording_or_an_error() {
    let mut cell = play(Mixer::PLAIN, 8 * 1024, 1_500);
    let file = cell.recording(End::Open).expect("is recorded").to_file();
    for len in (0..100).chain((100..file.len()).step_by(7)) {
        assert!(Recording::from_file(&file[..len]).is_err(), "cut at {len}");
    }
    let mut dice = Rng::new(3);
    for _ in 0..500 {
        let mut bytes = file.clone();
        bytes[dice.below(file.len() as u64) as usize] ^= 1 << dice.below(8);
        assert!(Recording::from_file(&bytes).is_err() || bytes == file);
    }
}
