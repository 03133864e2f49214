//! Hostile rooms: each ends alone, and the thread lives on.

use super::*;

fn rig_with(bomb: &'static str) -> Rig {
    let good = Puppet::default();
    let clock = good.clock.clone();
    let bad = Puppet { bomb, clock: clock.clone(), ..Puppet::default() };
    let mut rig = Rig::with(Config::default(), vec![good.game("good"), bad.game("bad")], 1, clock);
    rig.join(0x100, "good");
    rig.run(0);
    rig
}

/// The bad room is gone with all its seats, the good one plays on, and players of the bad one can play elsewhere.
#[track_caller]
fn check_damage(rig: &mut Rig, faults: u64) {
    rig.input(0x100, SAY, b"still here");
    let heard = rig.run(50);
    assert!(heard.contains(&"0> 100 event 0 still here".to_owned()), "{heard:?}");
    let totals = rig.totals();
    let snapshot = rig.snapshot();
    assert_eq!(totals.faults_crashed, faults);
    assert_eq!((snapshot.rooms_open, snapshot.players), (1, 1), "only the good room is left");
    let fault = snapshot.faults.last().expect("is remembered");
    assert_eq!(&*fault.game, "bad");
    assert!(fault.fault.message().contains("as told"), "{fault:?}");
    rig.join(0x200, "good");
    assert_eq!(rig.run(0)[0].split_at(10).0, "200 joined");
}

#[test]
fn panics_while_joining_refuse_the_join() {
    for (bomb, callback) in [("on_create", "on_create"), ("on_join_attempt", "on_join_attempt")] {
        let mut rig = rig_with(bomb);
        rig.join(0x200, "bad");
        assert_eq!(rig.run(0), ["200 refused room_crashed"]);
        check_damage(&mut rig, 1);
        assert_eq!(rig.snapshot().faults[0].callback, callback);
    }
}

#[test]
fn panics_while_playing_tell_all_players() {
    #[track_caller]
    fn check(bomb: &'static str, act: impl FnOnce(&mut Rig, RoomId)) {
        let mut rig = rig_with(bomb);
        rig.join(0x200, "bad");
        rig.join(0x300, "bad");
        rig.run(0);
        let room = rig.room_of(0x200);
        act(&mut rig, room);
        let told = rig.run(200);
        for session in ["200", "300"] {
            assert!(told.contains(&format!("{session} left room_crashed")), "{bomb}: {told:?}");
        }
        check_damage(&mut rig, 1);
        assert_eq!(rig.snapshot().faults[0].callback, bomb);
    }
    let session = SessionId(0x200);
    check("on_message", |rig, _| rig.input(0x200, 0, b""));
    check("on_timer", |_, _| ());
    check("on_tick", |_, _| ());
    check("on_drop", |rig, room| rig.send(Inbound::Drop { session, room }));
    check("on_reconnect", |rig, room| {
        rig.send(Inbound::Drop { session, room });
        rig.send(Inbound::Reconnect { session, room });
    });
    check("on_leave", |rig, room| rig.send(Inbound::Leave { session, room }));
    check("on_leave", |rig, _| rig.input(0x300, KICK, &[0]));
    check("on_signal", |rig, room| {
        let reply = Reply::new(|answer| assert_eq!(answer, Err(Reject::RoomCrashed)));
        rig.handle.tell(0, Command::Signal { room, data: Vec::new(), reply });
    });
}

#[test]
fn a_panic_in_on_join_tells_the_newcomer() {
    let mut rig = rig_with("on_join");
    rig.join(0x200, "bad");
    assert_eq!(rig.run(0), ["200 joined bad 20 Hz at 0", "200 left room_crashed"]);
    check_damage(&mut rig, 1);
}

#[test]
fn a_panic_in_a_destructor_is_walled_too() {
    let mut rig = rig_with("drop");
    rig.join(0x200, "bad");
    rig.run(0);
    rig.input(0x200, END, b"");
    assert_eq!(rig.run(50), ["200 left room_closed"]);
    check_damage(&mut rig, 1);
    assert_eq!(rig.snapshot().faults[0].callback, "drop");
    // A fault and a bad destructor at once.
    rig.join(0x300, "bad");
    rig.run(0);
    rig.input(0x300, FAULT, &[0]);
    assert_eq!(rig.run(50), ["300 left room_crashed"]);
    assert_eq!(rig.totals().faults_crashed, 3);
}

#[test]
fn panics_at_the_end_do_not_keep_the_realm_from_ending() {
    let mut rig = rig_with("on_dispose");
    rig.join(0x200, "bad");
    rig.run(0);
    rig.handle.begin_drain(Duration::from_millis(100));
    assert_eq!(rig.run(0), ["0> 100 event 9 ends in 100 ms", "200 left room_crashed"]);
    assert_eq!(rig.run(100), ["100 left shutdown"]);
    assert!(rig.world.is_done());
}

#[test]
fn faults_have_their_own_codes_and_a_short_memory() {
    let mut rig = rig_with("");
    for (kind, label) in [(0, "room_crashed"), (1, "room_budget"), (2, "room_memory")] {
        rig.join(0x200, "bad");
        rig.run(0);
        rig.input(0x200, FAULT, &[kind]);
        assert_eq!(rig.run(50), [format!("200 left {label}")]);
    }
    let totals = rig.totals();
    assert_eq!((totals.faults_crashed, totals.faults_budget, totals.faults_memory), (1, 1, 1));
    for _ in 0..40 {
        rig.join(0x200, "bad");
        rig.run(0);
        rig.input(0x200, FAULT, &[1]);
        rig.run(50);
    }
    assert_eq!(rig.totals().faults_budget, 41);
    assert_eq!(rig.snapshot().faults.len(), crate::snapshot::FAULTS_KEPT);
}

#[test]
fn a_room_that_throws_its_view_away_harms_itself_alone() {
    let mut rig = rig_with("");
    rig.join(0x200, "bad");
    rig.run(0);
    rig.input(0x200, THEFT, b"");
    rig.input(0x200, FAULT, &[0]);
    let told = rig.run(50);
    assert_eq!(told, ["200 left room_crashed"]);
    check_damage(&mut rig, 1);
}
