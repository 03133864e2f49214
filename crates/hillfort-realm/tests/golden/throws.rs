//! Four players of the example `snowballs` who throw at each other where they saw each other: play in which a recording depends on the past of its
//! scene.

use std::rc::Rc;

use hillfort_proto::ids::SessionId;
use hillfort_realm::Game;
use hillfort_world::{End, Origin, Outputs, RecordBudget, RecordLimits, Recorder, Recording, Rng, Room, RoomCell, Seat, Who};

use crate::snowballs::Snowballs;

pub(crate) fn recorded(game: &Game) -> Recording {
    let origin = Origin { game: game.name().clone(), rules: game.rules().clone(), seed: 1, ..Origin::default() };
    let limits = RecordLimits::default();
    let room: Box<dyn Room> = Box::<Snowballs>::default();
    let mut cell = RoomCell::new(room, origin.seed);
    cell.record(Recorder::new(origin, limits, Rc::new(RecordBudget::new(limits.room_bytes))));
    let mut out = Outputs::default();
    cell.on_create(&[], &mut out).expect("is created");
    for session in 1..=4 {
        let who = Who { session: SessionId(session), name: "ann", facts: &[] };
        cell.on_join_attempt(who, &mut out).expect("no fault");
        let seat = cell.take_seat(who).expect("is free");
        cell.on_join(seat, &mut out).expect("no fault");
    }
    let mut dice = Rng::new(7);
    let mut hits = 0;
    for _ in 0..500 {
        for seat in 0..4 {
            let picture = cell.ctx().tick() as f64 - dice.below(2_200) as f64 / 100.0;
            let at = dice.below(4) as u32;
            let mut throw = (at + (1 << 20)).to_le_bytes().to_vec();
            throw.extend(picture.to_le_bytes());
            throw.extend((picture as f32 % 100.0 + dice.below(200) as f32 / 100.0 - 1.0).to_le_bytes());
            throw.extend((at as f32 * 10.0).to_le_bytes());
            cell.push_input(Seat(seat), 1, &throw);
        }
        out.clear();
        cell.on_tick(&mut out).expect("no fault");
        hits += out.iter().count();
    }
    assert!(hits > 500, "{hits}");
    cell.finish_recording(End::Closed).expect("is recorded")
}
