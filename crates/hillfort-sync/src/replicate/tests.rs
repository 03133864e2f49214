//! Many clients of several rooms over one thread's memory, each with a client's mirror; and who sees whom, against plain distances.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::column::Tier;
use crate::frame::EntityId;
use crate::mirror::Mirror;
use crate::scene::{Entity, Scene};
use crate::schema::{Field, FieldType, Kind, To};
use crate::viewer::{Focus, Interest, ViewerConfig};

mod acks;
mod rounds;
mod threads;
mod tiers;
mod turns;

const SIDE: f32 = 100.0;

/// Small numbers from a seed: xorshift (Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1_u32 << 24) as f32
    }
}

fn schema() -> Arc<Schema> {
    let axis = |name| Field::fixed(name, 0.0, SIDE, 1.0 / 64.0);
    let mut hp = Field::new("hp", FieldType::Int { min: 0, max: 100 });
    hp.tier = Tier::Near;
    let mut ammo = Field::new("ammo", FieldType::Int { min: 0, max: 500 });
    ammo.to = To::Owner;
    let mut order = Field::new("order", FieldType::Int { min: 0, max: 9 });
    order.to = To::Team;
    let kind = Kind::new("walker").with(axis("x")).with(axis("y")).at("x", "y").with(hp).with(ammo).with(order);
    Arc::new(Schema::new(vec![kind]).unwrap())
}

/// A room in which everybody walks in every tick, and somebody goes and comes.
struct Crowd {
    scene: Scene,
    history: History,
    alive: Vec<Entity>,
    dice: Dice,
}

impl Crowd {
    fn new(count: usize, seed: u64) -> Self {
        let scene = Scene::new(schema(), count + 8);
        let history = History::new(&scene, 10.0, 20);
        let mut crowd = Self { scene, history, alive: Vec::new(), dice: Dice(seed) };
        (0..count).for_each(|_| crowd.spawn());
        crowd
    }

    fn spawn(&mut self) {
        let entity = self.scene.spawn(0).unwrap();
        for field in 0..5 {
            let value = self.dice.unit() * SIDE;
            self.scene.set(entity, field, value).unwrap();
        }
        self.scene.set_owner(entity, (self.alive.len() < 4).then_some(self.alive.len() as u16)).unwrap();
        self.scene.set_team(entity, (self.alive.len() % 3) as u8).unwrap();
        self.alive.push(entity);
    }

    fn tick(&mut self, tick: u32) {
        for &entity in &self.alive {
            for field in 0..2 {
                let step = self.dice.unit() - 0.5;
                let place = self.scene.get(entity, field).unwrap() + step;
                self.scene.set(entity, field, place.clamp(0.0, SIDE)).unwrap();
            }
            let ammo = (self.dice.unit() * 500.0).round();
            self.scene.set(entity, 3, ammo).unwrap();
        }
        if tick.is_multiple_of(5) {
            let gone = self.alive.remove(self.alive.len() / 2);
            self.scene.despawn(gone).unwrap();
            self.spawn();
        }
        self.history.publish(tick, &self.scene);
    }
}

/// A client, with a line that takes some ticks.
struct Client {
    viewer: Viewer,
    mirror: Mirror,
    lag: u32,
    acks: Vec<(u32, (u32, u64))>,
}

impl Client {
    fn new(seat: u16, delivery: Delivery, lag: u32) -> Self {
        let interest = Interest { radius: Some(30.0), every: 2 };
        let mut viewer = Viewer::new(seat, ViewerConfig { delivery, interest, budget: 100_000, packet: 16_000, hz: 20 });
        viewer.set_team(seat as u8 % 3);
        viewer.set_focus(Focus::Place([f32::from(seat * 13 % 90), 50.0]));
        Self { viewer, mirror: Mirror::new(schema()), lag, acks: Vec::new() }
    }

    fn take(&mut self, frame: &Frame, packet: &[u8]) {
        let tick = frame.tick;
        assert!(self.mirror.take(packet).unwrap());
        self.check(frame);
        // One acknowledgement in nine is lost.
        if let Some(ack) = self.mirror.ack().filter(|_| !tick.is_multiple_of(9)) {
            self.acks.push((tick + self.lag, ack));
        }
        let viewer = &mut self.viewer;
        self.acks.retain(|(due, (tick_of, mask))| {
            let later = *due > tick;
            if !later {
                viewer.on_ack(*tick_of, *mask);
            }
            later
        });
    }

    /// All that the server takes for known is shown as the frame has it.
    fn check(&self, frame: &Frame) {
        let known = self.viewer.slots.iter().filter(|slot| slot.state == State::Known);
        let known: BTreeSet<_> = known.map(|slot| EntityId::new(slot.row, slot.generation)).collect();
        let mut shown = 0;
        for seen in self.mirror.seen() {
            let id = seen.id();
            if !known.contains(&id) {
                continue;
            }
            let Some(values) = frame.values_of(id.row(), id.generation()) else { continue };
            for (at, (held, value)) in seen.steps().iter().zip(values).enumerate() {
                assert!(seen.mask() >> at & 1 == 0 || held == value, "tick {}, {id:?}, column {at}", frame.tick);
            }
            shown += 1;
        }
        assert_eq!(shown, known.len(), "tick {}", frame.tick);
    }
}

#[test]
fn rooms_and_clients_that_share_a_threads_memory_get_what_is_theirs() {
    let mut replicator = Replicator::default();
    let mut rooms = [(Crowd::new(600, 5), Vec::new()), (Crowd::new(2, 6), Vec::new()), (Crowd::new(400, 7), Vec::new())];
    for (crowd, clients) in &mut rooms {
        for seat in 0..24 {
            let delivery = if seat % 3 == 0 { Delivery::Ordered } else { Delivery::Lossy };
            clients.push(Client::new(seat, delivery, u32::from(seat) % 4));
        }
        if crowd.alive.len() < 10 {
            clients.iter_mut().for_each(|client| client.viewer.config.interest.radius = None);
        }
    }
    // The number of the pass goes over its end on the way.
    replicator.shared.set_pass(u32::MAX - 40);
    let mut ahead = [0; 3];
    let mut out = Vec::new();
    for tick in 1..60 {
        for (at, (crowd, clients)) in rooms.iter_mut().enumerate() {
            crowd.tick(tick);
            let mut pass = replicator.pass(crowd.scene.schema(), &crowd.history).unwrap();
            ahead[at] += pass.replicator.shared.ahead_count();
            for client in clients.iter_mut() {
                out.clear();
                if pass.write(&mut client.viewer, None, &mut out).is_some() {
                    client.take(pass.frame, &out);
                }
            }
        }
    }
    assert!(ahead[0] > 0 && ahead[2] > 0, "changes were encoded before somebody asked: {ahead:?}");
    assert_eq!(ahead[1], 0, "a small room does without");
}

#[test]
fn who_is_near_comes_into_sight_and_who_is_far_leaves_it() {
    let radius = 20.0;
    let mut crowd = Crowd::new(300, 11);
    let mut replicator = Replicator::default();
    let mut client = Client::new(0, Delivery::Ordered, 0);
    client.viewer.config.interest = Interest { radius: Some(radius), every: 1 };
    let mut before: BTreeSet<_> = BTreeSet::new();
    let (mut came, mut stayed_behind_the_edge) = (0, 0);
    let mut out = Vec::new();
    for tick in 1..200 {
        let place = [30.0 + tick as f32 / 5.0, 50.0];
        client.viewer.set_focus(Focus::Place(place));
        crowd.tick(tick);
        out.clear();
        let mut pass = replicator.pass(crowd.scene.schema(), &crowd.history).unwrap();
        if pass.write(&mut client.viewer, None, &mut out).is_some() {
            client.take(pass.frame, &out);
        }
        let shown: BTreeSet<_> = client.mirror.seen().map(|seen| seen.id()).collect();
        for &entity in &crowd.alive {
            let at = [crowd.scene.get(entity, 0).unwrap(), crowd.scene.get(entity, 1).unwrap()];
            let distance = (at[0] - place[0]).hypot(at[1] - place[1]);
            let (id, own) = (entity.id(), entity == crowd.alive[0]);
            // Places travel in steps: who stands on an edge may be on either side.
            if own || distance < radius - 0.1 {
                assert!(shown.contains(&id), "tick {tick}: {distance} m");
                came += usize::from(!before.contains(&id));
            } else if distance > radius * 1.1 + 0.1 {
                assert!(!shown.contains(&id), "tick {tick}: {distance} m");
            } else if distance > radius + 0.1 && distance < radius * 1.1 - 0.1 {
                assert_eq!(shown.contains(&id), before.contains(&id), "tick {tick}: {distance} m: as it was");
                stayed_behind_the_edge += usize::from(shown.contains(&id));
            }
        }
        before = shown;
    }
    assert!(came > 50 && stayed_behind_the_edge > 100, "{came} came, {stayed_behind_the_edge} stayed");
}

#[test]
fn the_nearest_come_first() {
    let mut crowd = Crowd::new(900, 3);
    let mut replicator = Replicator::default();
    let mut client = Client::new(9, Delivery::Ordered, 0);
    client.viewer.config = ViewerConfig {
        interest: Interest { radius: Some(60.0), every: 1 },
        budget: 1_500,
        packet: 1_500,
        ..client.viewer.config
    };
    client.viewer.set_focus(Focus::Place([50.0, 50.0]));
    crowd.tick(1);
    let mut out = Vec::new();
    let mut pass = replicator.pass(crowd.scene.schema(), &crowd.history).unwrap();
    pass.write(&mut client.viewer, None, &mut out).unwrap();
    client.take(pass.frame, &out);
    let far = |entity: &Entity| {
        let at = [crowd.scene.get(*entity, 0).unwrap(), crowd.scene.get(*entity, 1).unwrap()];
        (at[0] - 50.0).hypot(at[1] - 50.0)
    };
    let shown: BTreeSet<_> = client.mirror.seen().map(|seen| seen.id()).collect();
    let mean = |wanted: bool| {
        let of: Vec<_> = crowd.alive.iter().filter(|entity| shown.contains(&entity.id()) == wanted).map(far).collect();
        of.iter().sum::<f32>() / of.len() as f32
    };
    assert!(shown.len() > 50 && shown.len() < 600, "{}", shown.len());
    assert!(mean(true) < mean(false) / 2.0, "{} m and {} m", mean(true), mean(false));
}

/// What goes back to what the client acknowledged is said: in between it may have heard something else.
#[test]
fn what_is_again_as_it_was_is_told() {
    for invisible in [false, true] {
        let mut scene = Scene::new(schema(), 8);
        let mut history = History::new(&scene, 10.0, 20);
        let entity = scene.spawn(0).unwrap();
        let mut client = Client::new(5, Delivery::Lossy, 3);
        client.viewer.config.interest.radius = None;
        client.viewer.set_focus(Focus::Owned);
        let mut replicator = Replicator::default();
        let (mut out, mut last) = (Vec::new(), 0);
        for tick in 1..80 {
            // There and back within the time of an acknowledgement, again and again, and in the end no more.
            let there = tick < 60 && tick % 4 == 1;
            scene.set(entity, 0, if there { 60.0 } else { 40.0 }).unwrap();
            if invisible {
                scene.set(entity, 3, tick as f32).unwrap();
            }
            history.publish(tick, &scene);
            let mut pass = replicator.pass(scene.schema(), &history).unwrap();
            out.clear();
            if pass.write(&mut client.viewer, None, &mut out).is_some() {
                client.take(pass.frame, &out);
                if client.viewer.slots[0].sent & 1 != 0 {
                    last = tick;
                }
            } else {
                client.check(pass.frame);
            }
        }
        assert!((56..70).contains(&last), "it is not told for ever: {last}");
    }
}
