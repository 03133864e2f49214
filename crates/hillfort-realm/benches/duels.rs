//! 10,000 rooms of two players who share a scene, at 20 Hz, in real time on one world thread: whether the rate is held, how late ticks are, and what
//! the thread has left. Packets go to doors that take everything. `cargo bench -p hillfort-realm --bench duels`, on a quiet machine.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "it measures in real time")]

use std::sync::Arc;
use std::time::Duration;

use hillfort_proto::ids::SessionId;
use hillfort_proto::message::Wanted;
use hillfort_proto::route::{Inbound, InboundBatch, OutboundBatch, Recycle, RoomPort, SessionPort};
use hillfort_realm::{Config, Game, Realm, RealmHandle};
use hillfort_world::sync::{Entity, Schema, Shape};
use hillfort_world::{Ctx, Room, RoomConfig, RoomFault, Seat, ShareConfig};

const ROOMS: u32 = 10_000;
const HZ: u32 = 20;
const SECONDS: u64 = 10;

#[derive(Shape)]
#[shape(at(x, y))]
struct Fencer {
    #[shape(fixed(0.0, 100.0, 1.0 / 64.0))]
    x: f32,
    #[shape(fixed(0.0, 100.0, 1.0 / 64.0))]
    y: f32,
    #[shape(angle(8))]
    facing: f32,
}

struct Duel {
    schema: Arc<Schema>,
    fencers: Vec<(Entity, Fencer)>,
}

impl Room for Duel {
    fn on_create(&mut self, ctx: &mut Ctx, _: &[u8]) -> Result<RoomConfig, RoomFault> {
        let config = ShareConfig { entities_max: 2, ..ShareConfig::new(Arc::clone(&self.schema)) };
        ctx.open_scene(config).map_err(|error| RoomFault::crashed(&error.to_string()))?;
        Ok(RoomConfig { hz: HZ, seats_max: 2, ..RoomConfig::default() })
    }

    fn on_join(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        let Some(scene) = ctx.scene_mut() else { return Ok(()) };
        let entity = scene.spawn(0).map_err(|error| RoomFault::crashed(&error.to_string()))?;
        self.fencers.push((entity, Fencer { x: 50.0, y: f32::from(seat.0), facing: 0.0 }));
        Ok(())
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        let Some(scene) = ctx.scene_mut() else { return Ok(()) };
        for (entity, fencer) in &mut self.fencers {
            fencer.x = if fencer.x > 60.0 { 40.0 } else { fencer.x + 0.21 };
            fencer.facing += 0.1;
            fencer.write(scene, *entity).map_err(|error| RoomFault::crashed(&error.to_string()))?;
        }
        Ok(())
    }
}

/// Doors that take everything.
struct Sink;

impl SessionPort for Sink {
    fn edges(&self) -> usize {
        1
    }

    fn submit(&mut self, _: u8, batch: &mut OutboundBatch) -> bool {
        batch.clear();
        true
    }
}

fn main() {
    let schema = Arc::new(Schema::new(vec![Fencer::kind()]).expect("a good schema"));
    let game = Game::native("duel", move || Duel { schema: Arc::clone(&schema), fencers: Vec::new() }).expect("good name");
    let config = Config { rooms_max: ROOMS, ..Config::default() };
    let handle = Realm::start(config, vec![game], vec![Box::new(Sink)]).expect("good");
    seat_players(&handle);
    let totals = || handle.snapshot().totals();
    while totals().joins < u64::from(ROOMS) * 2 {
        std::thread::sleep(Duration::from_millis(100));
    }
    // The first packets are large, and the thread has caught up.
    std::thread::sleep(Duration::from_secs(3));
    let before = totals();
    let (mut p99, mut busy) = (Vec::new(), Vec::new());
    for _ in 0..SECONDS {
        std::thread::sleep(Duration::from_secs(1));
        let snapshot = handle.snapshot();
        p99.push(snapshot.worlds[0].lateness.p99);
        busy.push(snapshot.worlds[0].utilisation);
    }
    let after = totals();
    p99.sort();
    busy.sort_by(f64::total_cmp);
    let a_second = |before: u64, after: u64| (after - before) as f64 / SECONDS as f64;
    let ticks = a_second(before.ticks, after.ticks) / f64::from(ROOMS);
    let packets = a_second(before.scene_packets, after.scene_packets);
    let bytes = (after.scene_bytes - before.scene_bytes) as f64 / (after.scene_packets - before.scene_packets).max(1) as f64;
    println!(
        "{ROOMS} rooms x 2 players: {ticks:.2} ticks a second and room, {} missed",
        after.ticks_missed - before.ticks_missed
    );
    println!("{packets:.0} packets a second of {bytes:.1} bytes; the thread is busy {:.0} %", busy[busy.len() / 2] * 100.0);
    println!("lateness p99: median of {SECONDS} seconds {:?}, worst {:?}", p99[p99.len() / 2], p99[p99.len() - 1]);
    handle.drain(Duration::ZERO);
}

fn seat_players(handle: &RealmHandle) {
    let mut port = handle.port().expect("one edge");
    let mut batch = InboundBatch::default();
    for id in 1..=u64::from(ROOMS) * 2 {
        let join = Inbound::Join { session: SessionId(id << 8), room: Wanted::Any, game: "duel", name: "a", facts: &[] };
        if batch.push(join).is_err() {
            submit(&mut *port, &mut batch);
            batch.push(join).expect("is empty");
        }
    }
    submit(&mut *port, &mut batch);
}

fn submit(port: &mut dyn RoomPort, batch: &mut InboundBatch) {
    while !port.submit(0, batch) {
        std::thread::sleep(Duration::from_millis(10));
    }
}
