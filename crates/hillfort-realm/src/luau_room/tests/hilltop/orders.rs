//! Orders with a number and a tick: carried out when they are meant to, acknowledged when they come.

use super::*;

const BEAT: u32 = 3;
const FAR: (f64, f64) = (150.0, 50.0);

/// The bytes of number and tick.
fn numbered(number: u32, tick: u64) -> Vec<u8> {
    [number, tick as u32].iter().flat_map(|value| value.to_le_bytes()).collect()
}

impl Match {
    fn tick(&self) -> u64 {
        self.rig.cell.ctx().tick()
    }

    fn order_in(&mut self, number: u32, tick: u64, (x, y): (f64, f64)) {
        let mut data = vec![1];
        data.extend([x, y].iter().flat_map(|at| ((at * 256.0) as u16).to_le_bytes()));
        data.extend(numbered(number, tick));
        self.input(0, MOVE, &data);
    }

    fn stop_in(&mut self, number: u32, tick: u64) {
        let mut data = vec![7];
        data.extend(numbered(number, tick));
        self.input(0, STOP, &data);
    }

    fn is_moving(&self) -> bool {
        self.state.squad(0).flags & 1 != 0
    }

    /// Ticks until the squad moves or stands.
    fn ticks_until(&mut self, moving: bool) -> u64 {
        let before = self.tick();
        while self.is_moving() != moving {
            assert!(self.tick() - before < 30, "it never does");
            self.ticks(1);
        }
        self.tick()
    }
}

#[test]
fn an_order_waits_for_its_tick_and_is_never_lost() {
    #[track_caller]
    fn check(meant_in: i64, expect_in: u64) {
        let mut game = Match::new(1);
        game.ticks(20);
        let now = game.tick();
        game.order_in(1, now.saturating_add_signed(meant_in), FAR);
        assert_eq!(game.ticks_until(true) - now, expect_in, "meant in {meant_in} ticks");
    }
    check(1, 1);
    check(5, 5);
    check(11, 11);
    // Heard in the next tick: more than ten ticks before is too early to wait, and late is at once.
    check(12, 1);
    check(0, 1);
    check(-20, 1);
    check(4_000_000_000, 1);
}

#[test]
fn orders_do_not_overtake_each_other_and_many_are_carried_out_at_once() {
    let mut game = Match::new(1);
    let now = game.tick();
    game.order_in(1, now + 6, FAR);
    game.stop_in(2, now + 2);
    game.ticks(10);
    assert!(!game.is_moving(), "the stop waited for the order before it");
    // The ninth of those that wait: all before it, then it.
    let now = game.tick();
    for number in 0..8 {
        game.order_in(number, now + 9, (10.0 + f64::from(number), 50.0));
    }
    game.ticks(1);
    assert!(!game.is_moving());
    game.order_in(9, now + 9, FAR);
    game.ticks(1);
    assert!(game.is_moving());
    game.ticks(60);
    assert!(game.state.squad(0).x > 25.0, "to where it was sent last");
}

#[test]
fn a_lost_connection_forgets_what_waits_and_a_saved_match_keeps_it() {
    let mut game = Match::new(1);
    let now = game.tick();
    game.order_in(1, now + 9, FAR);
    game.ticks(2);
    let (mut saved, cell) = (Vec::new(), game.rig.cell.state());
    game.rig.cell.on_save(&mut saved, &mut game.rig.out).expect("no fault");
    game.rig.out.clear();
    let mut again = Match::of(Rig::of(&super::game(), 7), 0);
    again.rig.cell.put_state(Time::ZERO, &cell).expect("fits");
    again.rig.cell.on_restore(&saved, &mut again.rig.out).expect("no fault");
    again.rig.cell.put_state(Time::ZERO, &cell).expect("fits");
    again.ticks(1);
    assert_eq!(again.ticks_until(true), now + 9);
    game.rig.cell.on_drop(Time::ZERO, Seat(0), &mut game.rig.out).expect("no fault");
    game.rig.out.clear();
    game.ticks(20);
    assert!(!game.is_moving());
}

#[test]
fn numbers_are_acknowledged_when_they_come_with_how_early_they_did() {
    let mut game = Match::new(1);
    let mut mirror = Mirror::new(schema());
    let mut hear = |game: &mut Match| {
        game.ticks(1);
        let (mut writer, mut packets, mut sessions) = (Replicator::default(), Packets::default(), Vec::new());
        for mut part in game.rig.cell.parts(1, &mut sessions, |_| true).expect("has a scene") {
            part.write(&mut writer, &mut packets);
        }
        for packet in packets.iter() {
            mirror.take(packet.data).expect("fits");
        }
        mirror.note()
    };
    hear(&mut game);
    let now = game.tick();
    game.order_in(77, now + 4, FAR);
    let note = hear(&mut game);
    assert_eq!((note.input, note.ahead), (77, 3));
    game.input(0, BEAT, &numbered(78, now));
    let note = hear(&mut game);
    assert_eq!((note.input, note.ahead), (78, -2));
    assert!(!game.is_moving(), "a beat is no order, and the order waits");
}

#[test]
fn stale_forged_and_repeated_numbers_and_ticks_change_nothing_of_the_match() {
    let (mut honest, mut hostile) = (Match::new(2), Match::new(2));
    for game in [&mut honest, &mut hostile] {
        game.ticks(20);
        let now = game.tick();
        game.order_in(1, now + 1, FAR);
    }
    let now = hostile.tick();
    let said =
        [(0, 0), (1, now), (1, now + 1), (u32::MAX, 0), (7, u64::from(u32::MAX)), (7, 1 << 31), (7, now + 11), (6, now - 19)];
    for (number, tick) in said {
        hostile.input(0, BEAT, &numbered(number, tick));
        // The order of before, byte for byte and under other numbers: it goes where it went.
        hostile.order_in(1, now + 1, FAR);
        hostile.order_in(number, tick.min(now), FAR);
        honest.ticks(1);
        hostile.ticks(1);
        assert_eq!(hostile.state, honest.state, "{number}, {tick}");
    }
    assert!(honest.is_moving());
}
