//! Recordings that are looked at: spectators get what the recorded seat got, whenever they come, and change nothing.

use hillfort_sync::{Entity, Field, Kind, Mirror, Schema};
use hillfort_world::{Recording, ShareConfig, Stored};

use super::*;
use crate::config::Recordings;
use crate::replay::ReplayRefused;
use crate::rerun::{RerunOptions, rerun};

const GAME: &str = "stage";
const MAP: u32 = 1;
const ROSTER: u32 = 2;
const HEARD: u32 = 3;

/// Says something to one, to all and to all but one; its scene has something that no group of players sees.
#[derive(Default)]
struct Stage {
    heard: u32,
    hidden: Option<Entity>,
}

fn schema() -> Arc<Schema> {
    let own = Field { to: hillfort_sync::To::Owner, ..Field::fixed("mine", 0.0, 1_000.0, 1.0) };
    let walker = Kind::new("walker").with(Field::fixed("x", 0.0, 1_000.0, 1.0)).with(Field::fixed("y", 0.0, 1_000.0, 1.0));
    Arc::new(Schema::new(vec![walker.with(own).at("x", "y")]).expect("good"))
}

impl Room for Stage {
    fn on_create(&mut self, ctx: &mut Ctx, _params: &[u8]) -> Result<RoomConfig, RoomFault> {
        let share = ShareConfig { radius: Some(10.0), ..ShareConfig::new(schema()) };
        let scene = ctx.open_scene(share).expect("once");
        let hidden = scene.spawn(0).expect("room enough");
        scene.set_seen_by(hidden, 1 << 9).expect("alive");
        scene.set(hidden, 0, 900.0).expect("alive");
        self.hidden = Some(hidden);
        Ok(RoomConfig { seats_max: 2, ..RoomConfig::default() })
    }

    fn on_join(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        let scene = ctx.scene_mut().expect("opened");
        let walker = scene.spawn(0).expect("room enough");
        scene.set_owner(walker, Some(seat.0)).expect("alive");
        scene.set(walker, 2, 7.0).expect("alive");
        ctx.send_event(To::One(seat), MAP, &[seat.0 as u8]).expect("fits");
        ctx.send_event(To::All, ROSTER, &[ctx.players().len() as u8]).expect("fits");
        ctx.send_event(To::Except(seat), ROSTER, b"another").expect("fits");
        Ok(())
    }

    fn on_message(&mut self, ctx: &mut Ctx, from: Seat, op: u32, data: &[u8]) -> Result<(), RoomFault> {
        self.heard += op;
        ctx.send_event(if op == 9 { To::Except(from) } else { To::All }, HEARD, &data[..data.len().min(4)]).expect("fits");
        Ok(())
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        let text = format!("{} {}", ctx.tick(), self.heard);
        ctx.send_state(To::All, text.as_bytes()).expect("fits");
        ctx.send_state(To::One(Seat(1)), b"for the other").expect("fits");
        if let Some(hidden) = self.hidden {
            let tick = ctx.tick() as f32;
            ctx.scene_mut().expect("opened").set(hidden, 1, tick % 1_000.0).expect("alive");
        }
        Ok(())
    }

    fn on_save(&mut self, _: &mut Ctx, out: &mut Vec<u8>) -> Result<Stored, RoomFault> {
        out.extend_from_slice(&self.heard.to_le_bytes());
        Ok(Stored::Done)
    }

    fn on_restore(&mut self, _: &mut Ctx, data: &[u8]) -> Result<Stored, RoomFault> {
        self.heard = u32::from_le_bytes(data.try_into().expect("4 bytes"));
        Ok(Stored::Done)
    }
}

fn game() -> Game {
    Game::native(GAME, Stage::default).expect("good name").with_rules("1")
}

/// What one session got, without whom else it went to.
fn got(lines: &[String], session: u64) -> Vec<String> {
    let id = format!("{session:x}");
    let own = |line: &String| {
        let (to, what) = line.split_once("> ")?.1.split_once(' ')?;
        to.split(',').any(|to| to == id).then(|| what.to_owned())
    };
    lines.iter().filter_map(own).collect()
}

fn events(got: &[String]) -> Vec<&String> {
    got.iter().filter(|line| line.starts_with("event")).collect()
}

/// Ann plays for three seconds, Zoë comes, plays and leaves; what Ann got, and the recording.
fn played() -> (Vec<String>, Arc<Recording>) {
    let mut rig = Rig::new(vec![game()]);
    rig.join(0x100, GAME);
    let mut lines = rig.run(500);
    rig.join(0x200, GAME);
    lines.extend(rig.run(100));
    for (op, data) in [(1, &b"one"[..]), (9, b"not for myself"), (5, b"")] {
        rig.input(0x100, op, data);
        rig.input(0x200, op, data);
        lines.extend(rig.run(330));
    }
    let room = rig.room_of(0x100);
    rig.send(Inbound::Leave { session: SessionId(0x200), room });
    lines.extend(rig.run(1_410));
    (got(&lines, 0x100), Arc::new(rig.world.recording(room).expect("is recorded")))
}

fn showing(recording: &Arc<Recording>, options: RerunOptions) -> Rig {
    Rig::new(vec![rerun(&game(), Arc::clone(recording), options).expect("begins")])
}

#[test]
fn spectators_get_exactly_what_the_seat_got_whenever_they_come_and_whatever_they_send() {
    let (ann, recording) = played();
    assert!(ann.iter().any(|line| line.starts_with("event 1 ")) && events(&ann).len() >= 6, "{ann:#?}");
    let mut rig = showing(&recording, RerunOptions::default());
    rig.join(0x300, GAME);
    let mut lines = rig.run(1_000);
    rig.join(0x400, GAME);
    lines.extend(rig.run(50));
    (0..5).for_each(|_| rig.input(0x400, 1, b"ignored"));
    lines.extend(rig.run(3_000));
    assert_eq!(got(&lines, 0x300), ann);
    let late = got(&lines, 0x400);
    assert_eq!(events(&late), events(&ann), "those of the past first");
    let states: Vec<_> = ann.iter().filter(|line| line.starts_with("state")).skip(20).collect();
    assert_eq!(late.iter().filter(|line| line.starts_with("state")).collect::<Vec<_>>(), states);
    assert_eq!(rig.world.rooms.get(0).expect("open").cell.inputs(), 5, "counted");
}

#[test]
fn a_showing_starts_again_waits_while_nobody_looks_and_is_new_when_all_had_left() {
    let (ann, recording) = played();
    let mut rig = showing(&recording, RerunOptions { speed: 2.0, ..RerunOptions::default() });
    rig.join(0x300, GAME);
    let lines = rig.run(1_000);
    assert_eq!(got(&lines, 0x300).last().unwrap(), "state 20 40 30", "40 ticks in the time of 20");
    let room = rig.room_of(0x300);
    rig.send(Inbound::Drop { session: SessionId(0x300), room });
    rig.run(10_000);
    rig.send(Inbound::Reconnect { session: SessionId(0x300), room });
    let lines = rig.run(150);
    let states = got(&lines, 0x300);
    assert!(states[0].ends_with(" 41 30"), "goes on where it was: {states:?}");
    let again = got(&rig.run(4_200), 0x300);
    assert_eq!(events(&again)[events(&again).len() - events(&ann).len()..], events(&ann), "and once more");
    rig.send(Inbound::Leave { session: SessionId(0x300), room });
    rig.run(32_000);
    rig.join(0x500, GAME);
    let lines = got(&rig.run(100), 0x500);
    assert_eq!(lines[..2], ann[..2], "{lines:?}");
}

#[test]
fn a_showing_begins_at_a_tick_with_the_events_since_the_join() {
    let (ann, recording) = played();
    let begun = |options: RerunOptions| {
        let mut rig = showing(&recording, options);
        rig.join(0x300, GAME);
        got(&rig.run(55), 0x300)
    };
    let from = RerunOptions { from: 30, ..RerunOptions::default() };
    let seen = begun(from);
    assert_eq!(events(&seen), events(&ann)[..events(&seen).len()]);
    assert!(events(&seen).len() >= 5 && seen.last().unwrap().ends_with(" 31 30"), "{seen:?}");
    // The other's map, roster and states.
    let seen = begun(RerunOptions { seat: Some(Seat(1)), ..from });
    assert!(
        seen[0] == "event 1 \\x01" && seen[1] == "event 2 \\x02" && seen.last().unwrap().ends_with("for the other"),
        "{seen:?}"
    );
    // Nobody is there yet when it begins: as soon as somebody is.
    let seen = begun(RerunOptions { seat: Some(Seat(1)), ..RerunOptions::default() });
    assert_eq!(seen, ["event 2 \\x01", "event 2 another", "state 1 1 0"], "what is for others, too");
}

#[test]
fn a_long_recording_begins_with_the_state_before_the_join_or_before_the_tick() {
    let recordings = Recordings { room_bytes: 40 * 1024, ..Recordings::default() };
    let mut rig = Rig::with(Config { recordings, ..Config::default() }, vec![game()], 1, TestClock::default());
    rig.join(0x100, GAME);
    for turn in 0..60 {
        if turn == 40 {
            rig.join(0x200, GAME);
        }
        rig.run(100);
        (0..4).for_each(|_| rig.input(0x100, 1, &[7; 200]));
    }
    let room = rig.room_of(0x100);
    let recording = Arc::new(rig.world.recording(room).expect("is recorded"));
    let firsts: Vec<_> = recording.segments.iter().map(|segment| segment.first_tick).collect();
    assert!(firsts[0] > 20 && firsts.len() >= 3, "the start is gone: {firsts:?}");
    let (first, last) = (recording.segments[0].first_tick, recording.segments.last().expect("some").first_tick);
    let begun = |seat, from| {
        let mut rig = showing(&recording, RerunOptions { seat, from, ..RerunOptions::default() });
        rig.join(0x300, GAME);
        got(&rig.run(55), 0x300)
    };
    let tick = |seen: &[String]| {
        let state = seen.iter().find(|line| line.starts_with("state")).expect("some");
        state.split(' ').nth(2).unwrap().parse::<u64>().unwrap()
    };
    let seen = begun(Some(Seat(0)), last + 5);
    assert!(tick(&seen) == last + 6 && events(&seen).iter().all(|event| event.starts_with("event 3")), "{seen:?}");
    assert_eq!(tick(&begun(None, 0)), first + 1, "the oldest that there is");
    // The second player's join is known, so hers are the first eyes.
    let seen = begun(None, last + 5);
    assert!(seen[0] == "event 1 \\x01" && tick(&seen) == last + 6, "{firsts:?} {seen:?}");
}

#[test]
fn what_cannot_be_shown_is_refused_at_once() {
    let (_, recording) = played();
    let refused = |game: Game, options| rerun(&game, Arc::clone(&recording), options).expect_err("refused");
    let other = game().with_rules("2");
    assert!(matches!(refused(other.clone(), RerunOptions::default()), ReplayRefused::Rules { .. }));
    let force = RerunOptions { force: true, ..RerunOptions::default() };
    assert!(rerun(&other, Arc::clone(&recording), force).is_ok());
    // Rules that do something else are shown to the end, too.
    let changed = Game::native(GAME, || Stage { heard: 100, ..Stage::default() }).expect("good name");
    let mut rig = Rig::new(vec![rerun(&changed, Arc::clone(&recording), force).expect("forced")]);
    rig.join(0x300, GAME);
    let end = format!("state {0} {0} 130", recording.ticks);
    assert!(got(&rig.run(4_000), 0x300).contains(&end), "{end}");
    let seat = RerunOptions { seat: Some(Seat(5)), ..RerunOptions::default() };
    assert_eq!(refused(game(), seat).to_string(), "nobody has had seat 5 in the recording: there are 0, 1");
    let from = RerunOptions { from: 100_000, ..RerunOptions::default() };
    assert_eq!(refused(game(), from), ReplayRefused::From { ticks: recording.ticks });
}

#[test]
fn a_spectator_sees_all_of_a_scene_and_what_is_the_seats_own() {
    let (_, recording) = played();
    let mut rig = showing(&recording, RerunOptions::default());
    let mut mirror = Mirror::new(schema());
    rig.join(0x300, GAME);
    rig.run(0);
    rig.join(0x400, GAME);
    let look = |mirror: &mut Mirror, lines: &[String]| {
        for (_, bytes) in scene::packets(lines, 0x400) {
            assert_eq!(mirror.take(&bytes), Ok(true));
        }
        let mut seen: Vec<_> = mirror.seen().map(|seen| [0, 2].map(|field| seen.value(field))).collect();
        seen.sort_by(|one, other| one.partial_cmp(other).expect("numbers"));
        seen
    };
    let lines = rig.run(1_000);
    let all = [[Some(0.0), None], [Some(0.0), Some(7.0)], [Some(900.0), None]];
    assert_eq!(look(&mut mirror, &lines), all, "far, of another group, and its own");
    // The end, the pause, and the scene before the second player came.
    let lines = rig.run(2_000 + 3_000 + 250);
    assert_eq!(look(&mut mirror, &lines), [all[1], all[2]]);
    // From a seat where nobody sits yet: what is somebody else's own is not to be seen, on whatever seat the spectator sits.
    let mut rig = showing(&recording, RerunOptions { seat: Some(Seat(1)), ..RerunOptions::default() });
    rig.join(0x400, GAME);
    let lines = rig.run(250);
    assert_eq!(look(&mut Mirror::new(schema()), &lines), [all[0], all[2]]);
}
