//! Recordings for the corpus, made by a room that is played here. `UPDATE_CORPUS=1` writes them anew.

use std::fs;
use std::path::Path;
use std::rc::Rc;

use hillfort_proto::ids::SessionId;
use hillfort_world::{
    Ctx, End, Origin, Outputs, RecordBudget, RecordLimits, Recorder, Room, RoomCell, RoomConfig, RoomFault, Seat, Stored, To,
    Verdict, Who,
};

/// Sends back what it gets, and can be saved.
struct Parrot;

impl Room for Parrot {
    fn on_create(&mut self, _: &mut Ctx, _: &[u8]) -> Result<RoomConfig, RoomFault> {
        Ok(RoomConfig::default())
    }

    fn on_message(&mut self, ctx: &mut Ctx, from: Seat, op: u32, data: &[u8]) -> Result<(), RoomFault> {
        ctx.send_event(To::Except(from), op, data).map_err(|error| RoomFault::crashed(&error.to_string()))
    }

    fn on_tick(&mut self, _: &mut Ctx) -> Result<(), RoomFault> {
        Ok(())
    }

    fn on_save(&mut self, _: &mut Ctx, out: &mut Vec<u8>) -> Result<Stored, RoomFault> {
        out.push(1);
        Ok(Stored::Done)
    }
}

fn played(ticks: u64, room_bytes: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut cell, mut out) = (RoomCell::new(Box::new(Parrot), 1), Outputs::default());
    let origin = Origin {
        game: "parrot".into(),
        rules: "1".into(),
        seed: 0x1234_5678_9abc_def0,
        made_unix_ms: 1_764_000_000_000,
        ..Origin::default()
    };
    let limits = RecordLimits { room_bytes, mark_every: 20 };
    cell.record(Recorder::new(origin, limits, Rc::new(RecordBudget::default())));
    cell.on_create(&[], &mut out).unwrap();
    let who = Who { session: SessionId(7), name: "Ann", facts: b"of the hill" };
    assert_eq!(cell.on_join_attempt(who, &mut out), Ok(Verdict::Accept));
    let seat = cell.take_seat(who).unwrap();
    cell.on_join(seat, &mut out).unwrap();
    for tick in 0..ticks {
        cell.push_input(seat, (tick % 3) as u32, &tick.to_le_bytes());
        cell.on_tick(&mut out).unwrap();
        out.clear();
    }
    cell.push_input(seat, 1, b"waits");
    let mut state = Vec::new();
    cell.state().write(&mut state);
    (cell.recording(End::Closed).unwrap().to_file(), state)
}

/// The header of a file, which is too short to be compressed, and a segment, as the target takes them.
fn unwrapped(file: &[u8]) -> Vec<u8> {
    let len = &file[10..14];
    assert_eq!(len, &file[14..18], "is not compressed");
    let header = &file[26..26 + len[0] as usize];
    // From the start: a tick, an input of seat 0, two ticks, an input of seat 300, a mark, a signal.
    let calls = b"\x41\x80\x01\x02hi\x42\xff\xac\x02\x07\x01!\x0d12345678\x08\x03how";
    [&(header.len() as u16).to_le_bytes(), header, &[0; 10], calls].concat()
}

#[test]
fn recordings_are_in_the_corpus() {
    let (short, state) = played(1, 1 << 20);
    let wanted = [
        ("long", played(200, 1 << 20).0),
        ("segments", played(600, 4096).0),
        ("unwrapped", unwrapped(&short)),
        ("short", short),
        ("state", state),
    ];
    for (name, bytes) in wanted {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/recording").join(name);
        if std::env::var_os("UPDATE_CORPUS").is_some() {
            fs::write(&path, &bytes).unwrap();
        }
        let found = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run with UPDATE_CORPUS=1", path.display()));
        assert!(found == bytes, "{} is not what the room records; run with UPDATE_CORPUS=1", path.display());
    }
}
