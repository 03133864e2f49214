//! What clients say of their inputs' ticks, whatever they say: what comes of it goes to them alone.

use hillfort_proto::ids::SessionId;
use hillfort_sync::{Field, Kind, Mirror, Replicator};

use super::*;
use crate::cell::RoomCell;
use crate::config::RoomConfig;
use crate::ctx::Ctx;
use crate::fault::RoomFault;
use crate::outputs::Outputs;
use crate::room::{Room, Who};

/// Acknowledges what its inputs say: number and tick.
struct Echo(Arc<Schema>);

impl Room for Echo {
    fn on_create(&mut self, ctx: &mut Ctx, _: &[u8]) -> Result<RoomConfig, RoomFault> {
        ctx.open_scene(ShareConfig::new(Arc::clone(&self.0))).map_err(|error| RoomFault::crashed(&error.to_string()))?;
        Ok(RoomConfig::default())
    }

    fn on_message(&mut self, ctx: &mut Ctx, seat: Seat, _: u32, data: &[u8]) -> Result<(), RoomFault> {
        let (number, meant) = data.split_at(4);
        let read = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("4 bytes"));
        ctx.acknowledge(seat, read(number), read(meant));
        Ok(())
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        let scene = ctx.scene_mut().expect("opened");
        if scene.entities().next().is_none() {
            scene.spawn(0).map_err(|error| RoomFault::crashed(&error.to_string()))?;
        }
        Ok(())
    }
}

/// A room with players and their mirrors.
struct Rig {
    cell: RoomCell,
    out: Outputs,
    mirrors: Vec<Mirror>,
}

impl Rig {
    fn new() -> Self {
        Self::with(2)
    }

    fn with(players: u64) -> Self {
        let schema = Arc::new(Schema::new(vec![Kind::new("dot").with(Field::fixed("x", 0.0, 9.0, 1.0))]).expect("good"));
        let mut cell = RoomCell::new(Box::new(Echo(Arc::clone(&schema))), 1);
        let mut out = Outputs::default();
        cell.on_create(&[], &mut out).expect("good");
        for session in 1..=players {
            let seat = cell.take_seat(Who { session: SessionId(session << 8), name: "ann", facts: &[] }).expect("free");
            cell.on_join(seat, &mut out).expect("no fault");
        }
        Self { cell, out, mirrors: (0..players).map(|_| Mirror::new(Arc::clone(&schema))).collect() }
    }

    /// One tick, with these inputs of the first player. Returns what each is told.
    fn tick(&mut self, inputs: &[(u32, u32)]) -> Vec<Note> {
        for (number, meant) in inputs {
            let data = [number.to_le_bytes(), meant.to_le_bytes()].concat();
            self.cell.push_input(Seat(0), 1, &data);
        }
        self.out.clear();
        self.cell.on_tick(&mut self.out).expect("no fault");
        let (mut writer, mut packets, mut sessions) = (Replicator::default(), Packets::default(), Vec::new());
        for mut part in self.cell.parts(1, &mut sessions, |_| true).expect("has a scene") {
            part.write(&mut writer, &mut packets);
        }
        for packet in packets.iter() {
            assert_eq!(self.mirrors[usize::from(packet.seat.0)].take(packet.data), Ok(true));
        }
        self.mirrors.iter().map(Mirror::note).collect()
    }
}

#[test]
fn how_early_an_input_comes_is_bounded_whatever_tick_it_says_it_was_meant_for() {
    let mut rig = Rig::new();
    (0..1_000).for_each(|_| drop(rig.tick(&[])));
    let nothing = Note::default();
    let mut number = 0;
    let mut check = |meant_in: i64, expect: i8| {
        number += 1;
        let now = rig.cell.ctx().tick() as i64 + 1;
        let meant = (now + meant_in) as u32;
        assert_eq!(rig.tick(&[(number, meant)]), [Note { input: number, ahead: expect }, nothing], "meant in {meant_in} ticks");
    };
    let cases =
        [(0, 0), (1, 1), (-1, -1), (127, 127), (128, 127), (-128, -128), (-129, -128), (1 << 30, 127), (-(1 << 30), -128)];
    cases.into_iter().for_each(|(meant_in, expect)| check(meant_in, expect));
    // The last tick that is ahead, and the first that is behind, of a clock that goes round.
    check((1 << 31) - 1, 127);
    check(1 << 31, -128);
    check(u32::MAX.into(), -1);
    check(1 << 32, 0);
}

#[test]
fn stale_and_forged_numbers_are_said_back_to_who_said_them_and_to_nobody_else() {
    let mut rig = Rig::new();
    let nothing = Note::default();
    assert_eq!(rig.tick(&[(7, 3)])[1], nothing);
    let tick = rig.cell.ctx().tick() as u32;
    // The last one counts that was heard before the packet, be it older, the same or made up.
    for (numbers, expect) in [(&[9, 8][..], 8), (&[8], 8), (&[0], 0), (&[u32::MAX], u32::MAX), (&[5, 5, 5], 5)] {
        let inputs: Vec<_> = numbers.iter().map(|number| (*number, tick)).collect();
        let told = rig.tick(&inputs);
        assert_eq!((told[0].input, told[1]), (expect, nothing));
    }
    // Who says nothing is told nothing new.
    let before = rig.tick(&[]);
    assert_eq!(before[0].input, 5);
    assert!(before[0].ahead < 0, "it is late by now, and is told so until it says something else");
}

#[test]
fn whatever_the_number_of_parts_each_packet_is_its_seats_own() {
    for count in [1, 2, 3, 4, 10, 64] {
        let mut rig = Rig::with(10);
        rig.out.clear();
        rig.cell.on_tick(&mut rig.out).expect("no fault");
        let (mut sessions, mut seen, mut parts) = (Vec::new(), Vec::new(), 0);
        for mut part in rig.cell.parts(count, &mut sessions, |_| true).expect("has a scene") {
            let mut packets = Packets::default();
            part.write(&mut Replicator::default(), &mut packets);
            seen.extend(packets.iter().map(|packet| (packet.seat, packet.session)));
            parts += 1;
        }
        let expect: Vec<_> = (0..10).map(|seat| (Seat(seat), SessionId(u64::from(seat + 1) << 8))).collect();
        assert_eq!((seen, parts <= count), (expect, true), "{count} parts");
    }
}
