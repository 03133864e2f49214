//! A world with more to do than time: what it gives up, and that it takes it up again.

use hillfort_world::{LatePolicy, Overload};

use super::*;

/// Says its tick as a state, takes as long as it is told, and stops to say so when it is told.
#[derive(Clone, Default)]
struct Busy {
    clock: TestClock,
    tick_ms: Arc<AtomicU64>,
    last: Arc<AtomicU64>,
}

impl Room for Busy {
    fn on_create(&mut self, _: &mut Ctx, _: &[u8]) -> Result<RoomConfig, RoomFault> {
        Ok(RoomConfig { late: LatePolicy::Dilate { min: 0.5 }, ..RoomConfig::default() })
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        self.clock.advance(self.tick_ms.load(Relaxed));
        if ctx.tick() > self.last.load(Relaxed) {
            return Ok(());
        }
        let text = ctx.tick().to_string();
        ctx.send_state(To::All, text.as_bytes()).map_err(|error| RoomFault::crashed(&error.to_string()))
    }
}

fn states(lines: &[String]) -> Vec<u64> {
    let ticks = lines.iter().filter(|line| line.contains("state"));
    ticks.map(|line| line.split(' ').nth(3).expect("a tick").parse().expect("a number")).collect()
}

#[test]
fn states_then_speed_then_joins_are_given_up_and_come_back() {
    let busy = Busy { last: Arc::new(AtomicU64::new(u64::MAX)), ..Busy::default() };
    let (clock, tick_ms, last) = (busy.clock.clone(), Arc::clone(&busy.tick_ms), Arc::clone(&busy.last));
    let game = Game::native("busy", move || busy.clone()).expect("good");
    let mut rig = Rig::with(Config::default(), vec![game], 1, clock);
    rig.join(0x100, "busy");
    let calm = states(&rig.run(1_000));
    assert!(calm.windows(2).all(|two| two[1] == two[0] + 1), "all are sent: {calm:?}");

    // At 20 Hz all of the time, and more; dilated to 10 Hz it is still more than nine tenths.
    tick_ms.store(95, Relaxed);
    let mut steps = Vec::new();
    for _ in 0..12 {
        rig.run(1_000);
        steps.push(rig.snapshot().overload.number());
    }
    assert!(steps.is_sorted() && steps.contains(&1) && steps.contains(&2) && steps.ends_with(&[3]), "{steps:?}");
    let thinned = states(&rig.run(2_000));
    assert!(thinned.iter().all(|tick| tick % 2 == 0), "every second one: {thinned:?}");
    assert_eq!(rig.handle.snapshot().joins_shed, 0);
    assert_eq!(rig.port.place("busy", Wanted::Any), Err(Reject::WorldBusy));
    assert_eq!(rig.handle.snapshot().joins_shed, 1, "by the door");
    let room = rig.room_of(0x100);
    rig.send(Inbound::Join { session: SessionId(0x200), room: Wanted::Room(room), game: "busy", name: "bob", facts: &[] });
    assert!(rig.run(1_000).contains(&"200 refused world_busy".to_owned()));
    assert_eq!(rig.handle.snapshot().joins_shed, 2, "by the thread");
    assert_eq!(rig.world.rooms.get(rig.world.rooms.find(room).expect("is there")).map(|room| room.cell.rate()), Some(10));

    tick_ms.store(0, Relaxed);
    rig.run(20_000);
    assert_eq!(rig.snapshot().overload, Overload::None);
    assert_eq!(rig.port.place("busy", Wanted::Any), Ok(0));
    rig.join(0x300, "busy");
    assert!(rig.run(1_000)[0].contains("300 joined busy"));
    let totals = rig.totals();
    assert_eq!(totals.overload_changes, 6);
    assert!(totals.states_thinned > 10);

    // The last state arrives whether its tick is odd or even.
    for end in [1, 2] {
        rig.world.rooms.iter_mut().for_each(|room| room.cell.set_overload(Overload::FewerStates));
        let tick = rig.world.rooms.iter_mut().map(|room| room.cell.ctx().tick()).max().expect("a room");
        last.store(tick + 10 + end, Relaxed);
        assert_eq!(states(&rig.run(900)).last(), Some(&(tick + 10 + end)));
        last.store(u64::MAX, Relaxed);
    }
}

/// A load for each step: what is given up is counted, and what is not given up yet is not.
#[test]
fn each_step_moves_its_own_metric() {
    let busy = Busy { last: Arc::new(AtomicU64::new(u64::MAX)), ..Busy::default() };
    let (clock, tick_ms) = (busy.clock.clone(), Arc::clone(&busy.tick_ms));
    let game = Game::native("busy", move || busy.clone()).expect("good");
    let mut rig = Rig::with(Config::default(), vec![game], 1, clock);
    rig.join(0x100, "busy");
    rig.run(1_000);
    let seen = |rig: &Rig| {
        let snapshot = rig.snapshot();
        let totals = snapshot.totals;
        (
            snapshot.overload,
            totals.overload_changes,
            totals.states_thinned > 0,
            snapshot.rooms_slowed,
            rig.handle.snapshot().joins_shed,
        )
    };
    assert_eq!(seen(&rig), (Overload::None, 0, false, 0, 0));
    // Busy nearly all of the time, but never late.
    tick_ms.store(48, Relaxed);
    let until = |rig: &mut Rig, step| {
        for _ in 0..20 {
            rig.run(1_000);
            if rig.snapshot().overload == step {
                return;
            }
        }
        panic!("{:?}", seen(rig));
    };
    until(&mut rig, Overload::FewerStates);
    rig.run(1_000);
    assert_eq!(seen(&rig), (Overload::FewerStates, 1, true, 0, 0));
    until(&mut rig, Overload::Slower);
    // Slowed down it has time enough; so that the next step comes it takes more.
    tick_ms.store(99, Relaxed);
    rig.run(1_000);
    assert_eq!(seen(&rig), (Overload::Slower, 2, true, 1, 0));
    until(&mut rig, Overload::NoJoins);
    assert_eq!(seen(&rig), (Overload::NoJoins, 3, true, 1, 0));
    assert_eq!(rig.port.place("busy", Wanted::Any), Err(Reject::WorldBusy));
    assert_eq!(seen(&rig), (Overload::NoJoins, 3, true, 1, 1));
    // A room that is gone is not slow any more.
    let room = rig.room_of(0x100);
    rig.handle.tell(0, Command::Drain { grace: Duration::ZERO });
    rig.run(2_000);
    assert!(rig.world.rooms.find(room).is_none());
    assert_eq!(rig.snapshot().rooms_slowed, 0);
}
