//! Rooms that somebody looks at: what is shown, what is noted meanwhile, pause, step and resume.

use super::*;
use crate::inspection::{Deed, INPUT_BYTES_SHOWN_MAX, INPUTS_SHOWN_MAX, InputSeen, LINES_SHOWN_MAX, StateSeen};

impl Rig {
    fn inspect(&mut self, room: RoomId, deed: Deed) -> Result<Box<Inspection>, Reject> {
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        self.handle.tell(0, Command::Inspect { room, deed, reply });
        self.run(0);
        answer.try_recv().expect("answered in the same turn")
    }

    fn look(&mut self, room: RoomId) -> Box<Inspection> {
        self.inspect(room, Deed::Look).expect("there")
    }
}

fn puppets() -> Rig {
    Rig::new(vec![Puppet::default().game("puppet")])
}

#[test]
fn a_look_shows_players_inputs_and_what_they_are_sent() {
    let mut rig = puppets();
    rig.join_as(0x100, "puppet", "ann");
    rig.join_as(0x200, "puppet", "bob");
    rig.run(0);
    let room = rig.room_of(0x100);
    rig.input(0x100, SAY, b"not noted: nobody looks");
    rig.run(100);
    assert_eq!(rig.look(room).inputs, []);
    rig.input(0x100, SAY, &[7; INPUT_BYTES_SHOWN_MAX + 1]);
    rig.run(1_000);
    let seen = rig.look(room);
    let expect =
        InputSeen { tick: 2, seat: Seat(0), op: SAY, len: INPUT_BYTES_SHOWN_MAX + 1, start: vec![7; INPUT_BYTES_SHOWN_MAX] };
    assert_eq!(seen.inputs, [expect]);
    assert_eq!((seen.room.id, &*seen.room.game, seen.room.hz, seen.room.players, seen.paused), (room, "puppet", 20, 2, false));
    assert_eq!(seen.room.tick, 22);
    let rate = |value: f64| (value * 10.0).round() as i64;
    assert_eq!(rate(seen.room.inputs_per_second), 10);
    let names: Vec<_> = seen.players.iter().map(|player| (player.seat.0, &*player.name, player.connected)).collect();
    assert_eq!(names, [(0, "ann", true), (1, "bob", true)]);
    assert!(seen.players.iter().all(|player| rate(player.bytes_per_second) == 330), "{:?}", seen.players);
    assert!(seen.state.is_none() && seen.scene.is_none() && seen.timers.is_empty());

    // Both lists are bounded, and the newest stay.
    for at in 0..INPUTS_SHOWN_MAX as u8 + 5 {
        rig.input(0x200, 99, &[at]);
    }
    rig.run(0);
    let inputs = rig.look(room).inputs;
    assert_eq!((inputs.len(), &inputs[INPUTS_SHOWN_MAX - 1].start[..]), (INPUTS_SHOWN_MAX, &[INPUTS_SHOWN_MAX as u8 + 4][..]));
    // Who looks again later begins anew.
    rig.run(12_000);
    assert_eq!(rig.look(room).inputs, []);
    assert_eq!(rig.world.watched.len(), 1);
    for room in [RoomId(0), RoomId(room.0 + 0x100)] {
        assert_eq!(rig.inspect(room, Deed::Look).err(), Some(Reject::RoomUnknown));
    }
}

#[test]
fn a_paused_room_waits_and_goes_one_step_at_a_time() {
    let mut rig = puppets();
    for session in [0x100, 0x200] {
        rig.join(session, "puppet");
    }
    rig.run(500);
    let room = rig.room_of(0x100);
    let paused = rig.inspect(room, Deed::Pause).expect("there");
    assert!(paused.paused && paused.room.tick == 10);
    rig.input(0x100, SAY, b"hello");
    rig.run(5_000);
    let seen = rig.look(room);
    assert!(seen.paused && seen.room.tick == 10 && seen.players[0].inputs_waiting == 1, "{seen:?}");
    let stepped = rig.inspect(room, Deed::Step).expect("there");
    assert_eq!((stepped.room.tick, stepped.players[0].inputs_waiting), (11, 0));
    rig.run(5_000);
    assert_eq!(rig.look(room).room.tick, 11);
    let resumed = rig.inspect(room, Deed::Resume).expect("there");
    assert!(!resumed.paused);
    rig.run(500);
    assert_eq!(rig.look(room).room.tick, 21, "what did not happen meanwhile never does");

    // A step pauses, players come and go, and nobody who looks is a reason to go on.
    assert!(rig.inspect(room, Deed::Step).expect("there").paused);
    rig.send(Inbound::Leave { session: SessionId(0x200), room });
    rig.join(0x300, "puppet");
    rig.run(599_000);
    assert_eq!(rig.room_of(0x300), room);
    assert_eq!(rig.world.rooms.get(0).expect("open").cell.ctx().tick(), 22);
    rig.run(3_000);
    assert!(rig.world.rooms.get(0).expect("open").cell.ctx().tick() > 30 && rig.world.watched.is_empty());
}

#[test]
fn what_is_done_to_a_room_may_end_it_alone() {
    let mut rig = Rig::new(vec![Puppet { bomb: "on_tick", ..Puppet::default() }.game("bomb"), Puppet::default().game("puppet")]);
    rig.join(0x100, "bomb");
    rig.join(0x200, "puppet");
    rig.run(0);
    let (bomb, puppet) = (rig.room_of(0x100), rig.room_of(0x200));
    assert!(rig.inspect(bomb, Deed::Pause).expect("there").paused);
    assert!(rig.run(500).iter().all(|line| !line.contains("left")));
    assert_eq!(rig.inspect(bomb, Deed::Step).err(), Some(Reject::RoomCrashed));
    assert_eq!(rig.inspect(bomb, Deed::Look).err(), Some(Reject::RoomUnknown));
    assert!(rig.look(puppet).room.tick > 5);
    assert_eq!(rig.inspect(puppet, Deed::LookInside).expect("there").state, None, "it cannot be saved");
}

const SAVES: &str = "
local ticks = 0
function on_create(ctx, params) ctx.timer(50, 3) return { hz = 20 } end
function on_tick(ctx) ticks += 1 ctx.log('tick ' .. ticks) end
function on_save(ctx) ctx.broadcast(1, 'never sent') return 'ticks ' .. ticks end
function on_restore(ctx, data) end";

#[test]
fn a_look_inside_asks_the_room_for_its_state() {
    let mut rig = Rig::new(vec![crate::luau_game("saves", "saves.luau", SAVES).expect("good")]);
    rig.join(0x100, "saves");
    rig.run(100);
    let room = rig.room_of(0x100);
    let seen = rig.inspect(room, Deed::LookInside).expect("there");
    assert_eq!(seen.state, Some(StateSeen { len: 7, start: b"ticks 2".to_vec(), tree: None }));
    assert_eq!(seen.timers, [(50, 3)]);
    assert!(rig.run(2_500).iter().all(|line| !line.contains("event")), "what it sends while it is saved is lost");
    let lines = rig.look(room).lines;
    assert_eq!((lines.len(), lines.last()), (LINES_SHOWN_MAX, Some(&(52, "tick 52".to_owned()))));
}

#[test]
fn only_so_many_rooms_are_looked_at() {
    let mut rig = puppets();
    let name = |at: u64| format!("room {at}");
    for at in 0..=16 {
        rig.join_named(at << 8 | 1, "puppet", &name(at), b"");
    }
    rig.run(0);
    for at in 0..16 {
        let room = rig.room_of(at << 8 | 1);
        assert_eq!(&*rig.look(room).name, name(at));
    }
    let last = rig.room_of(16 << 8 | 1);
    assert_eq!(rig.inspect(last, Deed::Look).err(), Some(Reject::WorldBusy));
    rig.run(12_000);
    rig.look(last);
}

#[test]
fn a_room_is_ended_by_an_operator() {
    for bomb in ["", "on_dispose"] {
        let mut rig = Rig::new(vec![Puppet { bomb, ..Puppet::default() }.game("puppet")]);
        let end = |rig: &mut Rig, room| {
            let (reply, answer) = std::sync::mpsc::sync_channel(1);
            rig.handle.tell(0, Command::End { room, reply });
            let told = rig.run(0);
            (answer.try_recv().expect("answered in the same turn"), told)
        };
        rig.join_named(0x100, "puppet", "one", b"");
        rig.join_named(0x200, "puppet", "two", b"");
        rig.run(0);
        let (room, other) = (rig.room_of(0x100), rig.room_of(0x200));
        rig.look(room);
        let last_words = if bomb.is_empty() { vec!["0> 100 event 9 ends in 0 ms".to_owned()] } else { Vec::new() };
        let expect = [last_words, vec!["100 left room_closed".to_owned()]].concat();
        assert_eq!(end(&mut rig, room), (Ok(()), expect), "{bomb}");
        assert_eq!(end(&mut rig, room).0, Err(Reject::RoomUnknown));
        assert_eq!(rig.totals().faults_crashed, u64::from(!bomb.is_empty()));
        // Others go on, the name is free, and nobody is held to have a seat.
        assert!(rig.look(other).room.players == 1 && rig.world.sessions.len() == 1);
        rig.join_named(0x100, "puppet", "one", b"");
        rig.run(0);
        assert!(rig.room_of(0x100) != room);
    }
}

/// Tells more of itself than others do, or fails to.
#[derive(Debug, Default)]
struct Talkative {
    ticks: u64,
}

impl Room for Talkative {
    fn on_create(&mut self, _: &mut Ctx, _: &[u8]) -> Result<RoomConfig, RoomFault> {
        Ok(RoomConfig::default())
    }

    fn on_tick(&mut self, _: &mut Ctx) -> Result<(), RoomFault> {
        self.ticks += 1;
        Ok(())
    }

    fn tell(&self, bytes_max: usize) -> Option<String> {
        assert!(self.ticks < 10, "it cannot tell any more");
        Some(format!("{{\"bytes_max\":{bytes_max}}}"))
    }
}

#[test]
fn what_a_room_tells_is_asked_for_by_a_look_inside_alone() {
    let mut rig = Rig::new(vec![Game::native("talks", Talkative::default).expect("good name")]);
    rig.join(0x100, "talks");
    rig.run(0);
    let room = rig.room_of(0x100);
    assert_eq!(rig.look(room).told, None);
    let expect = format!("{{\"bytes_max\":{}}}", crate::TOLD_BYTES_MAX);
    assert_eq!(rig.inspect(room, Deed::LookInside).expect("there").told, Some(expect));
    rig.run(5_000);
    // A panic ends the room, and no other.
    assert_eq!(rig.inspect(room, Deed::LookInside).err(), Some(Reject::RoomCrashed));
    assert_eq!((rig.world.sessions.len(), rig.totals().faults_crashed), (0, 1));
}
