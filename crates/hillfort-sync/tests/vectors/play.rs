//! A small battle that one client watches, by stream and by datagrams of which some are lost. Owns what happens; knows nothing of files.

use std::sync::Arc;

use hillfort_sync::{
    Delivery, Entity, Field, FieldType, History, Interest, Kind, Mirror, Note, Replicator, Scene, Schema, Tier, To, Viewer,
    ViewerConfig, When,
};
use serde_json::{Value, json};

use crate::{check_file, entities, hex, outcome};

pub(crate) fn schema() -> Arc<Schema> {
    let moving = |name, max| Field { extrapolate: Some(2), ..Field::fixed(name, 0.0, max, 1.0 / 64.0) };
    let int = |name, min, max| Field::new(name, FieldType::Int { min, max });
    let squad = Kind::new("squad")
        .with(moving("x", 160.0))
        .with(moving("y", 100.0))
        .with(Field::new("heading", FieldType::Angle { bits: 8 }))
        .with(int("strength", 0, 100))
        .with(Field { to: To::Team, ..int("order", 0, 9) })
        .with(Field { to: To::Owner, ..int("arrows", 0, 500) })
        .with(Field { when: When::Join, ..int("banner", 0, 63) })
        .at("x", "y");
    let gate = Kind::new("gate")
        .with(Field::fixed("x", 0.0, 160.0, 0.1))
        .with(Field::fixed("y", 0.0, 100.0, 0.1))
        .with(Field::new("open", FieldType::Bool))
        .with(Field { tier: Tier::Near, ..int("cracks", -10, 100) })
        .at("x", "y");
    let hourglass = Kind::new("hourglass")
        .with(int("left", 0, 1_000_000))
        .with(Field { when: When::Always, ..Field::new("beat", FieldType::Bool) });
    Arc::new(Schema::new(vec![squad, gate, hourglass]).unwrap())
}

/// The battle and its one client.
pub(crate) struct Battle {
    scene: Scene,
    history: History,
    replicator: Replicator,
    pub(crate) viewer: Viewer,
    pub(crate) mirror: Mirror,
    squads: Vec<Entity>,
    others: Vec<Entity>,
    tick: u32,
    seed: u64,
}

impl Battle {
    /// `tick` is the one before the first.
    pub(crate) fn new(delivery: Delivery, tick: u32) -> Self {
        let scene = Scene::new(schema(), 100);
        let history = History::new(&scene, 20.0, 20);
        let interest = Interest { radius: Some(60.0), every: 2 };
        let mut viewer = Viewer::new(3, ViewerConfig { delivery, interest, budget: 4_000, packet: 1_200, hz: 20 });
        viewer.set_team(1);
        let mirror = Mirror::new(schema());
        let (replicator, squads, others) = (Replicator::default(), Vec::new(), Vec::new());
        let mut battle = Self { scene, history, replicator, viewer, mirror, squads, others, tick, seed: 5 };
        for (at, kind) in [0, 0, 0, 0, 0, 0, 1, 1, 2].into_iter().enumerate() {
            battle.spawn(kind, at);
        }
        battle.scene.set_owner(battle.squads[0], Some(3)).unwrap();
        battle
    }

    /// Below `below`: SplitMix64.
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.seed;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ z >> 31) % below
    }

    fn spawn(&mut self, kind: u8, at: usize) {
        let entity = self.scene.spawn(kind).unwrap();
        for field in 0..self.scene.schema().kinds()[usize::from(kind)].fields.len() {
            let value = self.roll(90) as f32 + 0.37;
            self.scene.set(entity, field, value).unwrap();
        }
        self.scene.set_team(entity, 1 + (at % 2) as u8).unwrap();
        if kind == 0 { self.squads.push(entity) } else { self.others.push(entity) }
    }

    /// Squads walk, most of them straight on; now and then one falls, a new one comes, and a gate opens.
    fn play(&mut self) {
        for (at, squad) in self.squads.clone().into_iter().enumerate() {
            let x = self.scene.get(squad, 0).unwrap();
            let bend = if at % 3 == 2 { self.roll(9) as f32 / 8.0 } else { 0.0 };
            self.scene.set(squad, 0, (x + 0.21 * at as f32 + bend) % 120.0).unwrap();
            if self.tick % 5 == at as u32 % 5 {
                for field in 2..7 {
                    let value = self.roll(500) as f32;
                    self.scene.set(squad, field, value).unwrap();
                }
            }
        }
        let gate = self.others[0];
        self.scene.set(gate, 2, (self.tick / 7 % 2) as f32).unwrap();
        let cracks = self.roll(90) as f32;
        self.scene.set(gate, 3, cracks).unwrap();
        self.scene.set(self.others[2], 0, (9_000 - self.tick % 1_000) as f32).unwrap();
        if self.tick.is_multiple_of(11) {
            let fallen = self.squads.pop().unwrap();
            self.scene.despawn(fallen).unwrap();
            self.spawn(0, self.tick as usize);
        }
        if self.tick.is_multiple_of(17) {
            let team = 1 + self.roll(2) as u8;
            self.scene.set_team(self.squads[1], team).unwrap();
        }
    }

    /// The packet of the next tick.
    pub(crate) fn packet(&mut self) -> Option<Vec<u8>> {
        self.tick = self.tick.wrapping_add(1);
        self.play();
        self.history.publish(self.tick, &self.scene);
        let note = (self.tick.is_multiple_of(4)).then(|| Note { input: self.tick / 2, ahead: (self.tick % 7) as i8 - 3 });
        let mut out = Vec::new();
        let mut pass = self.replicator.pass(self.scene.schema(), &self.history).unwrap();
        pass.write(&mut self.viewer, note, &mut out).map(|_| out)
    }

    /// Gives a packet to the client, and writes down what it knows then.
    fn take(&mut self, packet: &[u8]) -> Value {
        let expect = outcome(self.mirror.take(packet));
        let note = self.mirror.note();
        let ack = self.mirror.ack().map(|(tick, received)| json!([tick, received.to_string()]));
        json!({
            "hex": hex(packet),
            "expect": expect,
            "tick": self.mirror.tick(),
            "note": [note.input, note.ahead],
            "ack": ack,
            "entities": entities(self.scene.schema(), &self.mirror),
        })
    }
}

fn file(about: &str, packets: Vec<Value>) -> Value {
    let tables: Value = serde_json::from_str(&schema().tables()).unwrap();
    json!({ "about": about, "schema": tables, "packets": packets })
}

#[test]
fn streams() {
    let mut battle = Battle::new(Delivery::Ordered, 100);
    let mut packets = Vec::new();
    for turn in 0..48 {
        if turn == 30 {
            battle.viewer.reset();
        }
        if let Some(packet) = battle.packet() {
            packets.push(battle.take(&packet));
        }
    }
    let about = "Packets of one stream, in order, with what a client knows after each: [id, kind, values by field], null where it does \
                 not get a field. tick, note [input, ahead] and ack [tick, 64 bits as decimal text] are the client's then.";
    check_file("stream.json", &file(about, packets));
}

#[test]
fn datagrams() {
    // Ticks go round in the middle of it.
    let mut battle = Battle::new(Delivery::Lossy, u32::MAX - 30);
    let mut packets = Vec::new();
    let mut late: Option<Vec<u8>> = None;
    let mut acks = Vec::new();
    for turn in 0..90_u32 {
        if turn == 60 {
            battle.viewer.reset();
        }
        let Some(packet) = battle.packet() else { continue };
        // Every seventh is lost, every ninth comes late.
        if turn % 7 == 3 {
            continue;
        }
        if turn % 9 == 5 {
            late = Some(packet);
            continue;
        }
        for packet in [Some(packet), late.take()].into_iter().flatten() {
            packets.push(battle.take(&packet));
        }
        acks.push(battle.mirror.ack().unwrap());
        // Acknowledgements take two turns, and some are lost.
        if turn % 5 != 0
            && let Some((tick, received)) = acks.len().checked_sub(3).map(|at| acks[at])
        {
            battle.viewer.on_ack(tick, received);
        }
    }
    let about = "Datagrams: some are lost, some overtake others. As in stream.json.";
    check_file("lossy.json", &file(about, packets));
}
