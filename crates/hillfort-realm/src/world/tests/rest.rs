//! Rooms that sleep, are saved, and are taken up again.

use hillfort_world::{Recording, Stored};

use super::*;
use crate::config::{Keep, Recordings, Saves};
use crate::replay::{Outcome, ReplayOptions, replay};

/// Counts its ticks and draws; says both when asked.
#[derive(Default)]
struct Clockwork {
    ticks: u64,
    draws: u64,
    /// How often it was asked for its state.
    asked: Arc<AtomicU64>,
    /// Bytes that it saves beside that.
    ballast: usize,
}

const DRAW: u32 = 1;
const BREAK: u32 = 2;
const TIMER: u32 = 3;

impl Room for Clockwork {
    fn on_create(&mut self, _: &mut Ctx, params: &[u8]) -> Result<RoomConfig, RoomFault> {
        Ok(RoomConfig { label: String::from_utf8_lossy(params).into_owned(), seats_max: 4, ..RoomConfig::default() })
    }

    fn on_message(&mut self, ctx: &mut Ctx, _: Seat, op: u32, data: &[u8]) -> Result<(), RoomFault> {
        match op {
            DRAW => self.draws ^= ctx.rng().next_u64(),
            TIMER => ctx.set_timer(u64::from(data[0]), 1).map_err(|error| RoomFault::crashed(&error.to_string()))?,
            _ => self.draws = u64::MAX,
        }
        Ok(())
    }

    fn on_timer(&mut self, ctx: &mut Ctx, _: u32) -> Result<(), RoomFault> {
        ctx.set_label("rung").map_err(|error| RoomFault::crashed(&error.to_string()))
    }

    fn on_tick(&mut self, _: &mut Ctx) -> Result<(), RoomFault> {
        self.ticks += 1;
        Ok(())
    }

    fn on_signal(&mut self, ctx: &mut Ctx, _: &[u8], reply: &mut Vec<u8>) -> Result<(), RoomFault> {
        reply.extend(format!("{} {} {} {}", self.ticks, ctx.tick(), self.draws, ctx.label()).bytes());
        Ok(())
    }

    fn on_save(&mut self, _: &mut Ctx, out: &mut Vec<u8>) -> Result<Stored, RoomFault> {
        out.extend([self.ticks, self.draws].iter().flat_map(|number| number.to_le_bytes()));
        out.resize(out.len() + self.ballast, 0);
        self.asked.fetch_add(1, Relaxed);
        Ok(Stored::Done)
    }

    fn on_restore(&mut self, _: &mut Ctx, data: &[u8]) -> Result<Stored, RoomFault> {
        let (ticks, draws) = data[..16].split_at(8);
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("8 bytes"));
        (self.ticks, self.draws) = (number(ticks), number(draws));
        if self.draws == u64::MAX { Err(RoomFault::crashed("broken")) } else { Ok(Stored::Done) }
    }
}

fn games() -> Vec<Game> {
    vec![Game::native("clock", Clockwork::default).expect("good"), Puppet::default().game("puppet")]
}

fn rig(config: Config) -> Rig {
    Rig::with(config, games(), 1, TestClock::default())
}

fn saving(folder: &tempfile::TempDir) -> Config {
    let saves = Saves { folder: folder.path().join("rooms"), every: Duration::from_secs(10) };
    Config { saves: Some(saves), ..Config::default() }
}

impl Rig {
    fn leave(&mut self, session: u64) {
        let room = self.room_of(session);
        self.send(Inbound::Leave { session: SessionId(session), room });
        self.run(0);
    }

    fn ask(&mut self, room: RoomId) -> String {
        let now = self.clock.now();
        let (to, answer) = std::sync::mpsc::sync_channel(1);
        self.world.signal(now, room, b"", Reply::new(move |result| to.send(result).expect("is waited for")));
        String::from_utf8(answer.recv().expect("comes at once").expect("is there")).expect("text")
    }
}

fn files(folder: &tempfile::TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path().join("rooms")).expect("is there");
    let mut names: Vec<_> = entries.map(|entry| entry.expect("read").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

#[test]
fn a_named_room_sleeps_until_somebody_joins_it() {
    let mut rig = rig(Config::default());
    rig.join_named(0x100, "clock", "den", b"open");
    rig.join_named(0x200, "puppet", "den", b"");
    rig.join(0x300, "clock");
    rig.run(0);
    let (den, other) = (rig.room_of(0x100), rig.room_of(0x300));
    assert_eq!(den, other, "joins without a name find it");
    rig.input(0x100, DRAW, b"");
    rig.input(0x100, TIMER, &[200]);
    rig.run(500);
    (1..=3).for_each(|n| rig.leave(n << 8));
    rig.run(40_000);
    let snapshot = rig.snapshot();
    assert_eq!((snapshot.rooms_open, snapshot.rooms_asleep), (0, 1), "the puppet cannot be saved, and has ended");
    assert!(snapshot.asleep_bytes > 0);
    assert_eq!(rig.list("clock", ""), ["den open 0/4"], "sleeping rooms are listed");
    rig.run(600_000);
    rig.send(Inbound::Join { session: SessionId(0x400), room: Wanted::Room(den), game: "clock", name: "ann", facts: &[] });
    assert_eq!(rig.run(0)[0].split(" at ").next(), Some("400 joined clock 20 Hz"));
    let said = rig.ask(den);
    let [ticks, tick, draws, label] = said.split(' ').collect::<Vec<_>>()[..] else { panic!("{said}") };
    assert_eq!((ticks, label), (tick, "open"), "it slept, and no tick was made up");
    assert_ne!(draws, "0");
    rig.run(10_000);
    assert!(rig.ask(den).ends_with("rung"), "timers go on");
    let totals = rig.totals();
    assert_eq!((totals.rooms_slept, totals.rooms_woken), (1, 1));
    assert_eq!(rig.snapshot().asleep_bytes, 0);
    rig.leave(0x400);
    rig.run(40_000);
    rig.join_named(0x500, "clock", "den", b"ignored");
    rig.run(0);
    assert_eq!((rig.room_of(0x500), rig.list("clock", "")), (den, vec!["den rung 0/4".to_owned()]));
}

#[test]
fn sleep_is_bounded_and_the_oldest_gives_way() {
    let mut rig = rig(Config { asleep_bytes_max: 1_200, ..Config::default() });
    for (session, name) in [(0x100, "one"), (0x200, "two"), (0x300, "three")] {
        rig.join_named(session, "clock", name, b"");
        rig.run(0);
        rig.leave(session);
        rig.run(40_000);
    }
    assert_eq!(rig.list("clock", "").len(), 2);
    assert_eq!(rig.totals().rooms_outslept, 1);
    rig.join_named(0x400, "clock", "one", b"new");
    rig.run(1_001);
    assert!(rig.list("clock", "").contains(&"one new 1/4".to_owned()), "a name that gave way is free");
}

#[test]
fn a_room_that_does_not_wake_is_gone_and_others_are_not() {
    let mut rig = rig(Config::default());
    rig.join_named(0x100, "clock", "den", b"");
    rig.run(0);
    rig.input(0x100, BREAK, b"");
    rig.run(100);
    rig.leave(0x100);
    rig.run(40_000);
    rig.join_named(0x200, "clock", "den", b"");
    assert_eq!(rig.run(0), ["200 refused room_crashed"]);
    rig.join_named(0x200, "clock", "den", b"");
    assert_eq!(rig.run(0), ["200 joined clock 20 Hz at 0"], "made anew");
}

#[test]
fn a_restart_goes_on_with_the_rooms_that_a_drain_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = rig(saving(&folder));
    first.join_named(0x100, "clock", "den", b"open");
    first.join(0x200, "puppet");
    first.run(5_000);
    first.input(0x100, DRAW, b"");
    first.run(50);
    let den = first.room_of(0x100);
    let before = first.ask(den);
    first.handle.begin_drain(Duration::ZERO);
    assert!(first.run(0).contains(&"100 left shutdown".to_owned()));
    first.handle.write_saved();
    assert_eq!(files(&folder), [format!("{den}.room")]);
    drop(first);

    let mut second = rig(saving(&folder));
    assert_eq!(second.ask(den), before);
    second.run(1_001);
    assert_eq!(second.list("clock", ""), ["den open 0/4"]);
    second.join_named(0x100, "clock", "den", b"");
    second.run(0);
    assert_eq!(second.room_of(0x100), den, "name and number are the same");
    second.join(0x200, "puppet");
    second.run(0);
    assert_ne!(second.room_of(0x200), den);
}

#[test]
fn a_crash_loses_the_interval_at_most_and_ended_rooms_stay_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = rig(saving(&folder));
    first.join(0x100, "clock");
    first.run(25_000);
    first.handle.write_saved();
    assert_eq!(files(&folder).len(), 1);
    let room = first.room_of(0x100);
    let ticks = first.ask(room);
    // Nothing of the first is told that it ends.
    let mut second = rig(saving(&folder));
    let ticks_of = |said: &str| said.split(' ').next().expect("a number").parse::<u64>().expect("a number");
    let lost = ticks_of(&ticks) - ticks_of(&second.ask(room));
    assert!(lost <= 10 * 20, "{lost} ticks lost");
    // Nobody comes, and it has no name.
    second.run(120_000);
    second.handle.write_saved();
    assert_eq!(files(&folder), Vec::<String>::new());
}

#[test]
fn a_file_that_the_rules_refuse_is_set_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = rig(saving(&folder));
    first.join_named(0x100, "clock", "good", b"");
    first.join_named(0x200, "clock", "bad", b"");
    first.run(0);
    first.input(0x200, BREAK, b"");
    first.run(100);
    let bad = first.room_of(0x200);
    first.handle.begin_drain(Duration::ZERO);
    first.run(0);
    first.handle.write_saved();
    let mut second = rig(saving(&folder));
    second.handle.write_saved();
    assert!(files(&folder).contains(&format!("{bad}.damaged")), "{:?}", files(&folder));
    second.run(1_001);
    assert_eq!(second.list("clock", ""), ["good  0/4"]);
    assert_eq!(second.snapshot().faults.len(), 1);
}

#[test]
fn the_recording_of_a_room_that_was_woken_can_be_replayed() {
    let folder = tempfile::tempdir().expect("a folder");
    let recordings = Recordings { keep: Keep::All, folder: Some(folder.path().to_owned()), ..Recordings::default() };
    let mut rig = rig(Config { recordings, ..Config::default() });
    for session in [0x100, 0x200] {
        rig.join_named(session, "clock", "den", b"open");
        rig.run(0);
        rig.input(session, DRAW, b"");
        rig.run(2_000);
        rig.input(session, TIMER, &[30]);
        rig.run(3_000);
        rig.leave(session);
        rig.run(40_000);
    }
    let Rig { world, handle, .. } = rig;
    drop(world);
    handle.drain(Duration::ZERO);
    let mut woken = 0;
    for entry in std::fs::read_dir(folder.path()).expect("is there") {
        let bytes = std::fs::read(entry.expect("read").path()).expect("read");
        let recording = Recording::from_file(&bytes).expect("whole");
        assert_eq!(&*recording.origin.params, b"open");
        let report = replay(&games()[0], &recording, ReplayOptions::default(), |_, _| ()).expect("the same rules");
        assert!(matches!(report.outcome, Outcome::Same), "{:?}", report.outcome);
        woken += 1;
    }
    assert_eq!(woken, 2, "one until it slept, one after it was woken");
}

#[test]
fn a_saved_room_that_needs_another_number_gets_nobody_elses() {
    let mut rig = rig(Config { rooms_max: 8, ..Config::default() });
    let saved = |id: u64, name: &str| SavedRoom {
        id: Some(RoomId(id)),
        game: "clock".into(),
        name: name.into(),
        seats_max: 4,
        hz: 20,
        state: vec![0; 16],
        ..SavedRoom::default()
    };
    // The first was of a thread that is no more; the second has the number that would be free next.
    let (gone, here) = (0x1_0000_0001, 0x1_0000_0000);
    rig.world.take_up(Time::ZERO, vec![saved(gone, "of another thread"), saved(here, "of this thread")]);
    let names: Vec<_> =
        (0..2).filter_map(|at| rig.world.rooms.get(at)).map(|hosted| (hosted.id.0, hosted.name.to_string())).collect();
    assert_eq!(names.len(), 2);
    assert!(names.contains(&(here, "of this thread".to_owned())), "{names:x?}");
    assert!(names.iter().all(|(id, name)| (*id == here) == (name == "of this thread")), "{names:x?}");
}

#[test]
fn a_file_that_is_not_taken_up_is_nobody_elses() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = folder.path().join("rooms");
    std::fs::create_dir(&files).expect("made");
    // Two rooms of one number, one after the other: the second stays in its file.
    let ids = [RoomId(0x1_0000_0000), RoomId(0x2_0000_0000)];
    for id in ids {
        let game = "clock".into();
        let saved = SavedRoom { id: Some(id), game, seats_max: 4, hz: 20, state: vec![0; 16], ..SavedRoom::default() };
        std::fs::write(files.join(format!("{id}.room")), saved.encode()).expect("written");
    }
    let mut rig = rig(Config { rooms_max: 1, ..saving(&folder) });
    let before = std::fs::read(files.join(format!("{}.room", ids[1]))).expect("is there");
    for round in 0..3 {
        // The room of before has ended: nobody came.
        rig.run(40_000);
        rig.join(0x100, "clock");
        rig.run(15_000);
        assert_ne!(rig.room_of(0x100), ids[1], "round {round}");
        rig.handle.write_saved();
        assert_eq!(std::fs::read(files.join(format!("{}.room", ids[1]))).expect("is there"), before, "round {round}");
        rig.leave(0x100);
    }
}

#[test]
fn rooms_that_stay_in_their_files_do_not_keep_a_drain_from_ending() {
    let mut rig = rig(Config { rooms_max: 2, ..Config::default() });
    let saved = |number: u64, game: &str| SavedRoom {
        id: Some(RoomId(0x1_0000_0000 | number << 8)),
        game: game.into(),
        seats_max: 4,
        hz: 20,
        state: vec![0; 16],
        ..SavedRoom::default()
    };
    // The first game is not here any more, and there are places for two rooms.
    let rooms = vec![saved(0, "given up"), saved(1, "clock"), saved(2, "clock"), saved(3, "clock")];
    rig.world.take_up(Time::ZERO, rooms);
    assert_eq!((rig.world.rooms.len(), rig.world.rooms.numbers()), (2, 4));
    rig.handle.begin_drain(Duration::ZERO);
    rig.run(0);
    assert_eq!(rig.world.rooms.len(), 0);
    assert!(rig.world.is_drained());
}

#[test]
fn while_the_disk_is_slow_a_room_is_asked_once_and_its_sleep_is_exact() {
    let folder = tempfile::tempdir().expect("a folder");
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let game = Game::native("clock", move || Clockwork { asked: Arc::clone(&count), ..Clockwork::default() }).expect("good");
    let mut rig = Rig::with(saving(&folder), vec![game], 1, TestClock::default());
    rig.join_named(0x100, "clock", "den", b"");
    rig.join_named(0x200, "clock", "hut", b"");
    rig.run(0);
    let (den, hut) = (rig.room_of(0x100), rig.room_of(0x200));
    // Nobody writes, and the queue is full.
    let jobs = rig.world.saves.as_ref().expect("saves").jobs.clone();
    while jobs.try_send(Job::Remove(RoomId(1))).is_ok() {}
    rig.run(60_000);
    assert_eq!(asked.load(Relaxed), 1, "the first that was due waits, and nobody else is asked");
    assert_eq!(rig.totals().saves_late, 1);
    rig.leave(0x100);
    rig.leave(0x200);
    rig.run(60_000);
    assert_eq!((rig.snapshot().rooms_asleep, asked.load(Relaxed)), (2, 3), "each was asked once to fall asleep");
    rig.run(60_000);
    assert_eq!(asked.load(Relaxed), 3, "and not again");
    // One wakes before it is written: its sleep needs no file any more, and its life writes one.
    rig.join_named(0x300, "clock", "hut", b"");
    rig.run(0);
    let said = rig.ask(hut);
    rig.handle.write_saved();
    rig.run(2_000);
    rig.handle.write_saved();
    let mut second = Rig::with(saving(&folder), games(), 1, TestClock::default());
    let ticks = |said: &str| said.split(' ').next().expect("a number").parse::<u64>().expect("a number");
    assert!((1_195..=1_300).contains(&ticks(&second.ask(den))), "the sleeper's file is of its end, not of its first save");
    assert!(ticks(&said) >= 1_195);
    rig.handle.begin_drain(Duration::ZERO);
    rig.run(0);
    rig.handle.write_saved();
    let mut third = Rig::with(saving(&folder), games(), 1, TestClock::default());
    assert!(ticks(&third.ask(hut)) > ticks(&said));
}

#[test]
fn a_state_has_its_whole_bound_and_not_a_byte_more() {
    #[track_caller]
    fn check(bytes: usize, faults: usize) {
        let folder = tempfile::tempdir().expect("a folder");
        let game = || Game::native("clock", move || Clockwork { ballast: bytes - 16, ..Clockwork::default() }).expect("good");
        let mut first = Rig::with(saving(&folder), vec![game()], 1, TestClock::default());
        first.join_named(0x100, "clock", "den", b"");
        first.run(15_000);
        assert_eq!(first.snapshot().faults.len(), faults);
        if faults == 0 {
            let den = first.room_of(0x100);
            first.handle.write_saved();
            let mut second = Rig::with(saving(&folder), vec![game()], 1, TestClock::default());
            assert!(second.ask(den).starts_with("2"), "{}", second.ask(den));
        } else {
            assert!(!first.world.sessions.contains_key(&SessionId(0x100)), "the room has ended");
        }
    }
    check(1024 * 1024, 0);
    check(1024 * 1024 + 1, 1);
}
