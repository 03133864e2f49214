//! Joins, inputs, leaves, late policies, placement, drain.

use hillfort_proto::limits::RESUME_WINDOW;
use hillfort_world::{InputCaps, LatePolicy};

use super::*;
use crate::config::{Keep, Recordings};
use crate::echo::{ECHO_AS_EVENT, ECHO_AS_STATE, echo};

fn puppets(change: impl FnOnce(&mut Puppet)) -> Rig {
    let mut puppet = Puppet::default();
    change(&mut puppet);
    let clock = puppet.clock.clone();
    Rig::with(Config::default(), vec![puppet.game("puppet")], 2, clock)
}

#[test]
fn a_player_joins_acts_and_leaves() {
    let mut rig = puppets(|_| ());
    rig.join(0x100, "puppet");
    assert_eq!(rig.run(0), ["100 joined puppet 20 Hz at 0", "0> 100 event 9 +0"]);
    rig.join(0x201, "puppet");
    assert_eq!(rig.run(0), ["0> 100 event 9 +1", "201 joined puppet 20 Hz at 0", "1> 201 event 9 +1"], "one batch an edge");
    rig.input(0x201, SAY, b"hello");
    assert_eq!(rig.run(0), Vec::<String>::new(), "inputs wait for their tick");
    assert_eq!(rig.run(50), ["0> 100 event 1 hello", "1> 201 event 1 hello"]);
    let room = rig.room_of(0x100);
    rig.send(Inbound::Leave { session: SessionId(0x100), room });
    assert_eq!(rig.run(0), ["100 left as asked", "1> 201 event 9 -0"]);
    rig.send(Inbound::Leave { session: SessionId(0x100), room });
    rig.send(Inbound::Input { session: SessionId(0x100), room, op: SAY, data: b"ghost" });
    assert_eq!(rig.run(0), ["100 left as asked"], "a second leave is answered alike");
    let totals = rig.totals();
    assert_eq!((totals.joins, totals.inputs, totals.inputs_stray), (2, 1, 1));
}

#[test]
fn joins_are_refused_for_a_reason() {
    let mut rig = puppets(|_| ());
    rig.join(0x100, "puppet");
    rig.run(0);
    rig.join(0x100, "puppet");
    rig.join(0x200, "chess");
    rig.join_as(0x300, "puppet", "mallory");
    rig.send(Inbound::Join {
        session: SessionId(0x400),
        room: Wanted::Room(RoomId(0x77_0000_0000)),
        game: "puppet",
        name: "a",
        facts: &[],
    });
    let refused = ["100 refused already_joined", "200 refused room_game", "300 refused room_refused", "400 refused room_unknown"];
    assert_eq!(rig.run(0), refused);
    let room = rig.room_of(0x100);
    rig.send(Inbound::Join { session: SessionId(0x500), room: Wanted::Room(room), game: "puppet", name: "a", facts: &[] });
    assert_eq!(rig.run(0)[0], "500 joined puppet 20 Hz at 0");
    assert_eq!(rig.totals().joins_refused, 4);
}

#[test]
fn full_rooms_open_others_up_to_the_limit() {
    let mut puppet = Puppet::default();
    puppet.config.seats_max = 2;
    let config = Config { rooms_max: 2, ..Config::default() };
    let mut rig = Rig::with(config, vec![puppet.game("puppet")], 1, TestClock::default());
    (1..=5).for_each(|id| rig.join(id << 8, "puppet"));
    let answers: Vec<_> = rig.run(0).into_iter().filter(|line| !line.contains("event")).collect();
    assert_eq!(answers[..4].iter().filter(|line| line.contains("joined")).count(), 4);
    assert_eq!(answers[4], "500 refused rooms_full");
    assert_eq!(rig.room_of(0x100), rig.room_of(0x200));
    assert_ne!(rig.room_of(0x100), rig.room_of(0x300));
    let room = rig.room_of(0x100);
    rig.send(Inbound::Join { session: SessionId(0x500), room: Wanted::Room(room), game: "puppet", name: "a", facts: &[] });
    assert_eq!(rig.run(0), ["500 refused room_full"]);
    assert_eq!(rig.port.place("puppet", Wanted::Any), Err(Reject::RoomsFull));
    rig.send(Inbound::Leave { session: SessionId(0x100), room });
    rig.run(0);
    assert_eq!(rig.port.place("puppet", Wanted::Any), Ok(0));
    rig.join(0x500, "puppet");
    rig.run(0);
    assert_eq!(rig.room_of(0x500), room, "the free seat is found");
}

#[test]
fn kicked_players_are_told_after_what_was_said_before() {
    let mut rig = puppets(|_| ());
    rig.join(0x100, "puppet");
    rig.join(0x200, "puppet");
    rig.run(0);
    rig.input(0x100, SAY, b"out with you");
    rig.input(0x100, KICK, &[1]);
    assert_eq!(rig.run(50), ["0> 100,200 event 0 out with you", "0> 100 event 9 -1", "200 left room_kicked"]);
    rig.input(0x100, KICK, &[0]);
    assert_eq!(rig.run(50), ["100 left room_kicked"], "the last one too");
    rig.join(0x200, "puppet");
    assert_eq!(rig.run(0)[0], "200 joined puppet 20 Hz at 2");
}

#[test]
fn lost_connections_keep_their_seat_for_the_window() {
    let mut rig = puppets(|_| ());
    rig.join(0x100, "puppet");
    rig.join(0x200, "puppet");
    rig.run(0);
    let room = rig.room_of(0x100);
    rig.send(Inbound::Drop { session: SessionId(0x100), room });
    assert_eq!(rig.run(10_000), ["0> 100,200 event 9 ?0"], "events wait for the one who is away");
    rig.send(Inbound::Reconnect { session: SessionId(0x100), room });
    assert_eq!(rig.run(40_000), ["0> 100,200 event 9 !0"]);
    rig.send(Inbound::Drop { session: SessionId(0x100), room });
    rig.run(0);
    let window = RESUME_WINDOW.as_millis() as u64;
    assert_eq!(rig.run(window - 100), Vec::<String>::new());
    assert_eq!(rig.run(200), ["0> 200 event 9 -0", "100 left room_away"]);
    rig.send(Inbound::Reconnect { session: SessionId(0x100), room });
    assert_eq!(rig.run(0), ["100 left not_joined"]);
}

#[test]
fn rooms_rest_while_nobody_is_connected_and_end_when_deserted() {
    let ticks = Arc::new(AtomicU64::new(0));
    let mut rig = puppets(|puppet| puppet.ticks = Arc::clone(&ticks));
    let ran = |rig: &mut Rig, ms| {
        let before = ticks.load(Relaxed);
        rig.run(ms);
        ticks.load(Relaxed) - before
    };
    rig.join(0x100, "puppet");
    assert_eq!(ran(&mut rig, 10_000), 200);
    let room = rig.room_of(0x100);
    rig.send(Inbound::Drop { session: SessionId(0x100), room });
    assert_eq!(ran(&mut rig, 10_000), 10);
    rig.send(Inbound::Reconnect { session: SessionId(0x100), room });
    assert_eq!(ran(&mut rig, 10_000), 200);
    rig.send(Inbound::Leave { session: SessionId(0x100), room });
    assert_eq!(ran(&mut rig, 10_000), 10);
    assert_eq!(rig.snapshot().rooms_open, 1);
    rig.run(25_000);
    assert_eq!(rig.snapshot().rooms_open, 0);
    assert_eq!(rig.snapshot().totals.rooms_ended, 1);
    rig.send(Inbound::Join { session: SessionId(0x100), room: Wanted::Room(room), game: "puppet", name: "a", facts: &[] });
    assert_eq!(rig.run(0), ["100 refused room_unknown"]);
}

/// Runs one room whose ticks take 120 ms for a while, then one second without load. Returns ticks in the slow time and after it.
fn overload(late: LatePolicy) -> (u64, u64, crate::snapshot::Totals) {
    let (ticks, tick_ms) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut rig = puppets(|puppet| {
        (puppet.ticks, puppet.tick_ms) = (Arc::clone(&ticks), Arc::clone(&tick_ms));
        puppet.config.late = late;
    });
    rig.join(0x100, "puppet");
    rig.run(1_000);
    ticks.store(0, Relaxed);
    tick_ms.store(120, Relaxed);
    rig.run(2_400);
    let slow = ticks.swap(0, Relaxed);
    tick_ms.store(0, Relaxed);
    rig.run(1_000);
    (slow, ticks.load(Relaxed), rig.totals())
}

#[test]
fn late_policies_do_what_they_say() {
    let (slow, after, totals) = overload(LatePolicy::Skip);
    // One tick after the other, each 120 ms; the rate is back at once.
    assert!((19..=21).contains(&slow), "{slow}");
    assert!((19..=21).contains(&after), "{after}");
    assert!(totals.ticks_missed >= 20, "{totals:?}");
    let (slow, after, _) = overload(LatePolicy::CatchUp { max: 1_000 });
    assert!(slow >= 18, "runs all the time: {slow}");
    assert!(after > 22, "and makes up for what was missed: {after}");
    let (_, bounded, _) = overload(LatePolicy::CatchUp { max: 2 });
    assert!(bounded <= 23, "but not above its bound: {bounded}");
    let (slow, after, _) = overload(LatePolicy::Dilate { min: 0.25 });
    assert!(slow <= 20, "{slow}");
    assert!(after < 15, "dilated, and slowly back: {after}");
}

#[test]
fn a_flood_of_one_player_does_not_silence_another() {
    let caps = InputCaps { player_tick: 4, player_queue: 8, room_tick: 6, ..InputCaps::default() };
    let mut rig = puppets(|puppet| puppet.config.inputs = caps);
    rig.join(0x100, "puppet");
    rig.join(0x200, "puppet");
    rig.run(0);
    (0..1_000).for_each(|_| rig.input(0x100, 0, b"flood"));
    rig.input(0x200, SAY, b"calm");
    assert_eq!(rig.run(50), ["0> 100,200 event 1 calm"], "in the very next tick");
    assert_eq!(rig.totals().inputs_lost, 992);
}

#[test]
fn rooms_answer_signals_and_change_their_label() {
    let mut rig = puppets(|_| ());
    rig.join(0x100, "puppet");
    rig.run(0);
    rig.input(0x100, LABEL, b"");
    rig.run(1_100);
    let room = rig.room_of(0x100);
    assert_eq!(rig.snapshot().rooms[0].label, "new label");
    assert_eq!((rig.snapshot().rooms[0].id, rig.snapshot().rooms[0].players), (room, 1));
    std::thread::scope(|scope| {
        let handle = &rig.handle;
        let asked = scope.spawn(move || {
            let known = handle.signal(room, b"abc", Duration::from_secs(10));
            (known, handle.signal(RoomId(0x99_0000_0000), b"", Duration::from_secs(10)))
        });
        while !asked.is_finished() {
            rig.world.turn(&rig.clock);
            std::thread::yield_now();
        }
        let answers = asked.join().expect("no panic");
        assert_eq!(answers, (Ok(b"cba".to_vec()), Err(Reject::RoomUnknown)));
    });
    assert!(rig.taken().contains(&"0> 100 event 9 signal".to_owned()));
}

#[test]
fn a_drain_gives_grace_then_ends_all() {
    let mut rig = puppets(|_| ());
    rig.join(0x100, "puppet");
    rig.join(0x200, "puppet");
    rig.run(0);
    rig.handle.begin_drain(Duration::from_millis(300));
    assert_eq!(rig.run(0), ["0> 100,200 event 9 ends in 300 ms"]);
    assert_eq!(rig.port.place("puppet", Wanted::Any), Err(Reject::Draining));
    rig.join(0x300, "puppet");
    rig.input(0x100, SAY, b"last words");
    assert_eq!(rig.run(100), ["300 refused draining", "0> 100,200 event 0 last words"]);
    assert!(!rig.world.is_done());
    let mut told = rig.run(200);
    told.sort();
    assert_eq!(told, ["100 left shutdown", "200 left shutdown"]);
    assert!(rig.world.is_done());
}

#[test]
fn echo_answers_as_asked() {
    let mut rig = Rig::new(vec![echo(20)]);
    rig.join(0x100, "echo");
    rig.join(0x200, "echo");
    rig.run(0);
    rig.input(0x100, ECHO_AS_EVENT, b"one");
    rig.input(0x200, ECHO_AS_STATE, b"two");
    rig.input(0x200, 77, b"three");
    assert_eq!(rig.run(50), ["0> 100 event 1 one", "0> 200 state 1 two"]);
}

#[test]
fn states_are_dropped_and_events_kept_while_the_doors_take_nothing() {
    let mut rig = Rig::new(vec![echo(20)]);
    rig.join(0x100, "echo");
    rig.run(0);
    rig.doors.shut.store(true, Relaxed);
    rig.input(0x100, ECHO_AS_EVENT, b"first");
    rig.input(0x100, ECHO_AS_STATE, b"stale");
    rig.run(50);
    // Nothing more is read from doors that take nothing: this waits in the lane.
    rig.input(0x100, ECHO_AS_EVENT, b"second");
    assert_eq!(rig.run(500), Vec::<String>::new());
    rig.doors.shut.store(false, Relaxed);
    assert_eq!(rig.run(100), ["0> 100 event 1 first", "0> 100 state 1 stale", "0> 100 event 1 second"]);
}

#[test]
fn a_steady_stream_from_lane_to_batch_allocates_nothing() {
    assert_eq!(steady_stream(Keep::Nothing), 0);
    // 280 kB are written down meanwhile: the memory for them doubles now and then.
    let growth = steady_stream(Keep::Faults);
    assert!(growth <= 3, "{growth} allocations");
}

/// Allocations in 40 rounds of 100 inputs and as many outputs.
fn steady_stream(keep: Keep) -> u64 {
    let config = Config { recordings: Recordings { keep, ..Recordings::default() }, ..Config::default() };
    let mut rig = Rig::with(config, vec![echo(20)], 1, TestClock::default());
    let sessions: Vec<_> = (1..=50).map(|id| SessionId(id << 8)).collect();
    sessions.iter().for_each(|session| rig.join(session.0, "echo"));
    rig.run(0);
    let room = rig.room_of(0x100);
    let silent = Arc::new(AtomicU64::new(0));
    rig.world.outbox = Outbox::new(Box::new(CountingPort(Arc::clone(&silent))));
    let round = |rig: &mut Rig| {
        for &session in &sessions {
            for op in [ECHO_AS_EVENT, ECHO_AS_STATE] {
                rig.batch.push(Inbound::Input { session, room, op, data: &[7; 64] }).expect("fits");
            }
        }
        assert!(rig.port.submit(0, &mut rig.batch));
        rig.clock.advance(50);
        rig.world.turn(&rig.clock);
    };
    (0..15).for_each(|_| round(&mut rig));
    silent.store(0, Relaxed);
    // 15 rounds are 750 ms, so one of the 40 windows ends with a snapshot now and then: those are outside of ticks, and not counted.
    let (mut clean, mut allocations) = (0, 0);
    for _ in 0..40 {
        let published = rig.world.meter.window_end();
        let counted = allocation_counter::measure(|| round(&mut rig));
        if rig.world.meter.window_end() == published {
            allocations += counted.count_total;
            clean += 1;
        }
    }
    assert!(clean >= 36, "{clean}");
    assert_eq!(silent.load(Relaxed), 40 * 100);
    allocations
}

struct CountingPort(Arc<AtomicU64>);

impl SessionPort for CountingPort {
    fn edges(&self) -> usize {
        1
    }

    fn submit(&mut self, _: u8, batch: &mut OutboundBatch) -> bool {
        self.0.fetch_add(batch.iter().len() as u64, Relaxed);
        batch.clear();
        true
    }
}

#[test]
fn a_room_that_keeps_no_seats_frees_them_at_once() {
    let mut rig = puppets(|puppet| puppet.config.reconnect = Duration::ZERO);
    rig.join(0x100, "puppet");
    rig.run(0);
    let room = rig.room_of(0x100);
    rig.send(Inbound::Drop { session: SessionId(0x100), room });
    assert_eq!(rig.run(0), ["0> 100 event 9 ?0", "100 left room_away"]);
}
