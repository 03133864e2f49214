//! Ids that come round: a row that had all its lives while clients still knew of the first, and has another kind then.

use super::*;
use crate::frame::GENERATIONS;

fn two_kinds() -> Arc<Schema> {
    let axis = |name| Field::fixed(name, 0.0, SIDE, 1.0 / 64.0);
    let gate = Kind::new("gate").with(axis("x")).with(axis("y")).at("x", "y").with(Field::new("open", FieldType::Bool));
    let squad = Kind::new("squad").with(Field::new("strength", FieldType::Int { min: 0, max: 100_000 }));
    Arc::new(Schema::new(vec![gate, squad]).unwrap())
}

/// One row, and a client that looks at it.
struct OneRow {
    scene: Scene,
    history: History,
    replicator: Replicator,
    client: Client,
    tick: u32,
    entity: Entity,
    packets_anew: u32,
}

impl OneRow {
    fn new(delivery: Delivery, lag: u32) -> Self {
        let mut scene = Scene::new(two_kinds(), 1);
        let history = History::new(&scene, 10.0, 20);
        let entity = scene.spawn(0).unwrap();
        scene.set(entity, 2, 1.0).unwrap();
        let mut client = Client::new(5, delivery, lag);
        client.mirror = Mirror::new(two_kinds());
        client.viewer.config.interest.every = 1;
        client.viewer.set_focus(Focus::Place([0.0, 0.0]));
        Self { scene, history, replicator: Replicator::default(), client, tick: 50, entity, packets_anew: 0 }
    }

    /// The row has so many lives more, the last of this kind.
    fn lives(&mut self, count: u32, kind: u8) {
        for left in (0..count).rev() {
            self.scene.despawn(self.entity).unwrap();
            self.entity = self.scene.spawn(if left == 0 { kind } else { left as u8 % 2 }).unwrap();
        }
        let numbers: &[f32] = if kind == 0 { &[3.0, 4.0, 1.0] } else { &[77_777.0] };
        for (field, number) in numbers.iter().enumerate() {
            self.scene.set(self.entity, field, *number).unwrap();
        }
    }

    fn turn(&mut self) {
        self.tick += 1;
        self.history.publish(self.tick, &self.scene);
        let mut out = Vec::new();
        let mut pass = self.replicator.pass(self.scene.schema(), &self.history).unwrap();
        if let Some(sent) = pass.write(&mut self.client.viewer, None, &mut out) {
            self.packets_anew += u32::from(sent.anew);
            self.client.take(pass.frame, &out);
        }
    }

    /// The client has what the scene has, as what it is.
    fn check(&self) {
        let seen: Vec<_> = self.client.mirror.seen().collect();
        assert_eq!(seen.len(), 1, "tick {}", self.tick);
        let kind = self.scene.kind(self.entity).unwrap();
        assert_eq!((seen[0].id(), seen[0].kind()), (self.entity.id(), kind), "tick {}", self.tick);
        for field in 0..self.scene.schema().kinds()[usize::from(kind)].fields.len() {
            assert_eq!(seen[0].value(field), self.scene.get(self.entity, field).ok(), "tick {}, field {field}", self.tick);
        }
    }
}

#[test]
fn a_row_that_comes_round_within_a_tick_is_another_entity() {
    for (delivery, lag) in [(Delivery::Ordered, 0), (Delivery::Lossy, 0), (Delivery::Lossy, 3)] {
        for rounds in [1, 3] {
            let mut row = OneRow::new(delivery, lag);
            (0..10).for_each(|_| row.turn());
            let (id, anew) = (row.entity.id(), row.packets_anew);
            row.lives(rounds * u32::from(GENERATIONS), 1);
            assert_eq!(row.entity.id(), id, "the id is the same");
            (0..10).for_each(|_| row.turn());
            row.check();
            assert!(row.packets_anew > anew, "the client was told to forget");
            // And back.
            row.lives(rounds * u32::from(GENERATIONS), 0);
            (0..10).for_each(|_| row.turn());
            row.check();
        }
    }
}

#[test]
fn a_row_that_comes_round_over_some_ticks_is_another_entity_for_those_who_are_late() {
    // The acknowledgement of the first life is on its way while the row comes round, 512 lives a tick.
    for lag in [9, 12] {
        let mut row = OneRow::new(Delivery::Lossy, lag);
        (0..30).for_each(|_| row.turn());
        let id = row.entity.id();
        for step in 0..8 {
            row.lives(u32::from(GENERATIONS) / 8, u8::from(step == 7));
            row.turn();
        }
        assert_eq!(row.entity.id(), id);
        (0..40).for_each(|_| row.turn());
        row.check();
    }
}

#[test]
fn who_is_not_written_while_a_row_comes_round_gets_it_anew() {
    let mut row = OneRow::new(Delivery::Ordered, 0);
    (0..10).for_each(|_| row.turn());
    // So slowly that it concerns nobody who is written: what this client knows is older than the history.
    for step in 0..4_u32 {
        row.lives(u32::from(GENERATIONS) / 4, u8::from(step == 3));
        for _ in 0..2 * HISTORY {
            row.tick += 1;
            row.history.publish(row.tick, &row.scene);
        }
    }
    assert_eq!(row.history.newest().unwrap().rounds, 0);
    row.turn();
    row.turn();
    row.check();
}

#[test]
fn rows_with_many_lives_over_a_long_time_disturb_nobody() {
    let mut row = OneRow::new(Delivery::Ordered, 0);
    row.turn();
    let anew = row.packets_anew;
    // 30 lives a tick do not come round within two histories.
    for tick in 0..600 {
        row.lives(30, tick as u8 % 2);
        row.turn();
        row.check();
    }
    assert_eq!(row.packets_anew, anew);
    assert_eq!(row.history.newest().unwrap().rounds, 0);
    // Nor do many rows that each have a few.
    let mut crowd = Crowd::new(900, 3);
    for tick in 1..200 {
        for at in 0..300 {
            crowd.scene.despawn(crowd.alive[at]).unwrap();
            crowd.alive[at] = crowd.scene.spawn(0).unwrap();
        }
        crowd.history.publish(tick, &crowd.scene);
    }
    assert!(crowd.scene.spawned() > 10 * u64::from(GENERATIONS));
    assert_eq!(crowd.history.newest().unwrap().rounds, 0);
}

#[test]
fn a_shot_at_an_earlier_life_of_an_id_hits_nobody() {
    let mut row = OneRow::new(Delivery::Ordered, 0);
    row.turn();
    let (tick, shot) = (f64::from(row.tick), row.entity);
    row.turn();
    let place = |row: &OneRow, tick: f64| row.history.place(row.scene.schema(), shot, tick);
    assert_eq!((place(&row, tick), place(&row, tick + 0.5)), (Some([0.0; 2]), Some([0.0; 2])));
    row.lives(u32::from(GENERATIONS), 0);
    row.turn();
    assert_eq!(row.entity, shot);
    assert_eq!((place(&row, tick), place(&row, tick + 1.5)), (None, None));
    assert_eq!(place(&row, f64::from(row.tick)), Some([3.0, 4.0]));
}
