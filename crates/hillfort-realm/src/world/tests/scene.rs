//! Scenes on their way to the doors: whole, in order, and anew when something was lost.

use hillfort_sync::{Entity, Field, Kind, Mirror, Schema};
use hillfort_world::{Overload, ShareConfig};

use super::*;
use crate::world::share::Writers;

/// Each player is a walker that goes on one unit a tick.
struct Walk {
    bytes_per_second: u32,
    schema: Arc<Schema>,
    walkers: Vec<Option<Entity>>,
}

fn schema() -> Arc<Schema> {
    let walker = Kind::new("walker").with(Field::fixed("x", 0.0, 1_000.0, 0.5)).with(Field::fixed("y", 0.0, 1_000.0, 0.5));
    Arc::new(Schema::new(vec![walker.at("x", "y")]).expect("good"))
}

impl Room for Walk {
    fn on_create(&mut self, ctx: &mut Ctx, _params: &[u8]) -> Result<RoomConfig, RoomFault> {
        let config = ShareConfig {
            radius: Some(100.0),
            bytes_per_second: self.bytes_per_second,
            ..ShareConfig::new(Arc::clone(&self.schema))
        };
        ctx.open_scene(config.clone()).map_err(|error| RoomFault::crashed(&error.to_string()))?;
        assert!(ctx.open_scene(config).is_err(), "once only");
        Ok(RoomConfig { seats_max: 64, ..RoomConfig::default() })
    }

    fn on_join(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        let scene = ctx.scene_mut().expect("opened");
        let walker = scene.spawn(0).expect("room enough");
        scene.set_owner(walker, Some(seat.0)).expect("alive");
        self.walkers.resize(self.walkers.len().max(usize::from(seat.0) + 1), None);
        self.walkers[usize::from(seat.0)] = Some(walker);
        Ok(())
    }

    fn on_leave(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        if let Some(walker) = self.walkers[usize::from(seat.0)].take() {
            ctx.scene_mut().expect("opened").despawn(walker).expect("alive");
        }
        Ok(())
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        let tick = ctx.tick();
        let scene = ctx.scene_mut().expect("opened");
        for walker in self.walkers.iter().flatten() {
            scene.set(*walker, 0, tick as f32).expect("alive");
        }
        ctx.acknowledge(Seat(0), tick as u32 * 10, tick as u32 + 2);
        Ok(())
    }
}

/// The same with 260 guests that nobody plays, who walk to and fro.
struct Fair {
    walk: Walk,
    guests: Vec<Entity>,
}

impl Room for Fair {
    fn on_create(&mut self, ctx: &mut Ctx, params: &[u8]) -> Result<RoomConfig, RoomFault> {
        self.walk.on_create(ctx, params)?;
        let scene = ctx.scene_mut().expect("opened");
        self.guests = (0..260).map(|_| scene.spawn(0).expect("room enough")).collect();
        Ok(RoomConfig { seats_max: 128, ..RoomConfig::default() })
    }

    fn on_join(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        self.walk.walkers.resize(128, None);
        self.walk.on_join(ctx, seat)
    }

    fn on_leave(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        self.walk.on_leave(ctx, seat)
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        let draws: Vec<u64> = self.guests.iter().map(|_| ctx.rng().next_u64()).collect();
        let scene = ctx.scene_mut().expect("opened");
        for (guest, draw) in self.guests.iter().zip(draws) {
            scene.set(*guest, draw as usize % 2, (draw >> 32) as f32 % 600.0).expect("alive");
        }
        self.walk.on_tick(ctx)
    }
}

fn rig() -> Rig {
    let game =
        Game::native("walk", || Walk { schema: schema(), walkers: Vec::new(), bytes_per_second: 32_000 }).expect("good name");
    Rig::new(vec![game])
}

/// Packets for a session: whether each begins anew, and its bytes.
pub(super) fn packets(lines: &[String], session: u64) -> Vec<(bool, Vec<u8>)> {
    let prefix = format!("{session:x} scene ");
    let parse = |line: &String| {
        let (how, hex) = line.strip_prefix(&prefix)?.split_once(' ')?;
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        Some((how == "anew", (0..hex.len()).step_by(2).map(byte).collect()))
    };
    lines.iter().filter_map(parse).collect()
}

fn taken(mirror: &mut Mirror, packets: &[(bool, Vec<u8>)]) {
    assert!(!packets.is_empty());
    packets.iter().for_each(|(_, bytes)| assert_eq!(mirror.take(bytes), Ok(true)));
}

fn places(mirror: &Mirror) -> Vec<f32> {
    mirror.seen().map(|seen| seen.value(0).expect("seen by all")).collect()
}

#[test]
fn players_see_each_other_walk() {
    let mut rig = rig();
    let (mut first, mut second) = (Mirror::new(schema()), Mirror::new(schema()));
    rig.join(0x100, "walk");
    taken(&mut first, &packets(&rig.run(200), 0x100));
    assert_eq!(places(&first), [4.0]);
    assert_eq!(first.note(), hillfort_sync::Note { input: 40, ahead: 2 });
    rig.join(0x200, "walk");
    let lines = rig.run(300);
    taken(&mut first, &packets(&lines, 0x100));
    taken(&mut second, &packets(&lines, 0x200));
    assert_eq!((places(&first), places(&second)), (vec![10.0; 2], vec![10.0; 2]));
    assert!(packets(&lines, 0x200).iter().enumerate().all(|(at, (anew, _))| *anew == (at == 0)), "only the first begins anew");
    let room = rig.room_of(0x200);
    rig.send(Inbound::Leave { session: SessionId(0x200), room });
    taken(&mut first, &packets(&rig.run(200), 0x100));
    assert_eq!(places(&first), [14.0]);
    let totals = rig.totals();
    assert!(totals.scene_packets >= 20 && totals.scene_records > 20 && totals.scene_bytes > 100, "{totals:?}");
}

#[test]
fn what_was_lost_begins_anew() {
    let mut rig = rig();
    let mut mirror = Mirror::new(schema());
    rig.join(0x100, "walk");
    taken(&mut mirror, &packets(&rig.run(200), 0x100));
    let room = rig.room_of(0x100);
    // A door that lost something asks.
    rig.run(50);
    rig.send(Inbound::Resync { session: SessionId(0x100), room });
    let lines = packets(&rig.run(50), 0x100);
    assert!(lines[0].0);
    taken(&mut mirror, &lines);
    // A door that takes nothing for a while.
    rig.doors.shut.store(true, Relaxed);
    rig.run(3_000);
    rig.doors.shut.store(false, Relaxed);
    let lines = packets(&rig.run(200), 0x100);
    // It was offered nothing meanwhile, so nothing was lost.
    taken(&mut mirror, &lines);
    assert_eq!(places(&mirror), [rig.world.rooms.get(0).expect("open").cell.ctx().tick() as f32]);
    // A connection whose loss was never told.
    rig.run(100);
    rig.send(Inbound::Reconnect { session: SessionId(0x100), room });
    assert!(packets(&rig.run(50), 0x100)[0].0);
    // A connection that comes back.
    rig.send(Inbound::Drop { session: SessionId(0x100), room });
    assert_eq!(packets(&rig.run(100), 0x100), []);
    rig.send(Inbound::Reconnect { session: SessionId(0x100), room });
    assert!(packets(&rig.run(1_000), 0x100)[0].0);
}

/// How many threads there are is said here, not by the machine; that they do run at the same time is tested where the packets are made.
#[test]
fn packets_of_large_rooms_are_written_by_several_threads_all_alike() {
    let mut rigs = [1, 2, 4].map(|threads| {
        let game = Game::native("fair", || Fair {
            walk: Walk { bytes_per_second: 32_000, schema: schema(), walkers: Vec::new() },
            guests: Vec::new(),
        });
        let mut rig = Rig::new(vec![game.expect("good name")]);
        rig.world.writers = Writers::of(threads);
        (1..=68).for_each(|id| rig.join(id << 8, "fair"));
        rig.run(0);
        (threads, rig)
    });
    let (mut packets, mut busy) = (0, 0);
    for tick in 1..=102_u64 {
        let mut written = rigs.iter_mut().map(|(threads, rig)| {
            match tick % 6 {
                2 => {
                    let session = rig.world.sessions.keys().min().expect("somebody is there").0;
                    let room = rig.room_of(session);
                    rig.send(Inbound::Leave { session: SessionId(session), room });
                }
                5 => rig.join((100 + tick) << 8, "fair"),
                _ => {}
            }
            rig.world.rooms.get_mut(0).expect("open").shared_in = Duration::from_secs(1);
            let lines = rig.run(50);
            (*threads, lines, rig.world.writers.at_work(), rig.world.sessions.len())
        });
        let (_, alone, one, seats) = written.next().expect("three");
        assert!(one == 1 && seats >= 64, "{one} at work for {seats}");
        packets += alone.iter().filter(|line| line.contains(" scene ")).count();
        for (threads, together, at_work, _) in written {
            assert!(alone == together, "tick {tick}, {threads} threads");
            busy += usize::from(at_work == threads);
        }
    }
    assert!(packets >= 64 * 102 && busy >= 2 * 100, "{packets} packets, {busy} times each thread had its part");
}

#[test]
fn a_look_shows_the_scene_and_who_sees_what() {
    let mut rig = rig();
    (1..=3).for_each(|id| rig.join(id << 8, "walk"));
    rig.run(200);
    let (reply, answer) = std::sync::mpsc::sync_channel(1);
    let room = rig.room_of(0x100);
    rig.handle.tell(0, Command::Inspect { room, deed: Deed::Look, reply });
    rig.run(0);
    let seen = answer.try_recv().expect("answered").expect("there");
    let scene = seen.scene.expect("it has one");
    assert_eq!((scene.counts, scene.schema.kinds()[0].name.as_str()), (vec![3], "walker"));
    let entities: Vec<_> = scene.entities.iter().map(|entity| (entity.kind, entity.owner, entity.fields[0])).collect();
    assert_eq!(entities, [(0, Some(0), 4.0), (0, Some(1), 4.0), (0, Some(2), 4.0)]);
    assert!(seen.players.iter().all(|player| player.sight == Some((3, 0))), "{:?}", seen.players);
}

#[test]
fn an_overloaded_thread_holds_every_second_packet_back_and_counts_it() {
    let mut rig = rig();
    let (mut first, mut second) = (Mirror::new(schema()), Mirror::new(schema()));
    rig.join(0x100, "walk");
    rig.join(0x200, "walk");
    let lines = rig.run(1_000);
    taken(&mut first, &packets(&lines, 0x100));
    taken(&mut second, &packets(&lines, 0x200));
    let before = rig.totals();
    assert_eq!(before.scene_held, 0);
    rig.world.rooms.iter_mut().for_each(|room| room.cell.set_overload(Overload::FewerStates));
    let lines = rig.run(2_000);
    // 20 ticks a second, and each player would get a packet in each.
    assert_eq!((packets(&lines, 0x100).len(), packets(&lines, 0x200).len()), (20, 20));
    // Calm again, all are sent.
    rig.world.rooms.iter_mut().for_each(|room| room.cell.set_overload(Overload::None));
    assert_eq!(rig.totals().scene_held, 40, "one for each player");
    let calm = rig.totals();
    assert_eq!((calm.scene_held, calm.states_thinned), (40, 0));
}

#[test]
fn what_waits_for_a_later_packet_is_counted() {
    // A thousand bytes a second are 50 a tick: too few for a crowd that moves.
    let game =
        Game::native("walk", || Walk { schema: schema(), walkers: Vec::new(), bytes_per_second: 1_000 }).expect("good name");
    let mut rig = Rig::new(vec![game]);
    (1..=64).for_each(|id| rig.join(id << 8, "walk"));
    rig.run(1_000);
    let totals = rig.totals();
    assert!(totals.scene_waiting > 10_000, "{totals:?}");
}
