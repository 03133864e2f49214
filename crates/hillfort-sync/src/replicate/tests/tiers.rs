//! The borders of the three tiers: what an entity that walks across them is sent, how often, and that nothing flickers on them.

use super::*;

const RADIUS: f32 = 30.0;
/// So near to a border numbers may be on either side of it.
const EDGE: f32 = 0.001;

/// A client in the middle, and one walker that goes from it to the east and back.
struct Walk {
    scene: Scene,
    history: History,
    replicator: Replicator,
    client: Client,
    walker: Entity,
    tick: u32,
    /// Times that the client was told all of the walker.
    told: u32,
}

/// What a client has of the walker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Has {
    Near,
    Mid,
    Far,
    Nothing,
}

fn schema_of_tiers() -> Arc<Schema> {
    let axis = |name| Field::fixed(name, 0.0, SIDE, 1.0 / 64.0);
    let field = |name, tier| Field { tier, ..Field::new(name, FieldType::Int { min: 0, max: 9 }) };
    let kind = Kind::new("walker").with(axis("x")).with(axis("y")).at("x", "y");
    Arc::new(Schema::new(vec![kind.with(field("face", Tier::Near)).with(field("gait", Tier::Mid))]).unwrap())
}

impl Walk {
    fn new(delivery: Delivery) -> Self {
        let mut scene = Scene::new(schema_of_tiers(), 8);
        let history = History::new(&scene, RADIUS / 2.0, 20);
        let walker = scene.spawn(0).unwrap();
        let mut client = Client::new(0, delivery, 0);
        client.mirror = Mirror::new(schema_of_tiers());
        client.viewer.config.interest = Interest { radius: Some(RADIUS), every: 1 };
        client.viewer.set_focus(Focus::Place([50.0, 50.0]));
        Self { scene, history, replicator: Replicator::default(), client, walker, tick: 0, told: 0 }
    }

    /// The walker stands so far from the client. Returns what the client has of it then.
    fn at(&mut self, distance: f32) -> Has {
        self.tick += 1;
        self.scene.set(self.walker, 0, 50.0 + distance).unwrap();
        self.scene.set(self.walker, 1, 50.0).unwrap();
        self.history.publish(self.tick, &self.scene);
        let mut out = Vec::new();
        let mut pass = self.replicator.pass(self.scene.schema(), &self.history).unwrap();
        if let Some(sent) = pass.write(&mut self.client.viewer, None, &mut out) {
            self.told += sent.entered;
            assert!(self.client.mirror.take(&out).unwrap());
            if let Some((tick, mask)) = self.client.mirror.ack() {
                self.client.viewer.on_ack(tick, mask);
            }
        }
        let seen = self.client.mirror.seen().next();
        seen.map_or(Has::Nothing, |seen| match (seen.value(2), seen.value(3)) {
            (Some(_), Some(_)) => Has::Near,
            (None, Some(_)) => Has::Mid,
            (None, None) => Has::Far,
            other => panic!("a tier that is none: {other:?}"),
        })
    }
}

/// From the inside each border lies a tenth farther out than from the outside.
fn expect(before: Has, distance: f32) -> Has {
    let ring = |from: f32| match distance / RADIUS / from {
        near if near <= 1.0 / 3.0 => Has::Near,
        mid if mid <= 2.0 / 3.0 => Has::Mid,
        far if far <= 1.0 => Has::Far,
        _ => Has::Nothing,
    };
    let (outer, inner) = (ring(1.0), ring(1.1));
    if before == inner { inner } else { outer }
}

fn is_on_a_border(distance: f32) -> bool {
    let borders = [1.0 / 3.0, 2.0 / 3.0, 1.0].map(|part| part * RADIUS);
    borders.iter().flat_map(|border| [*border, border * 1.1]).any(|border| (distance - border).abs() < EDGE)
}

#[test]
fn who_walks_across_the_borders_is_known_as_the_tiers_say() {
    for delivery in [Delivery::Ordered, Delivery::Lossy] {
        let mut walk = Walk::new(delivery);
        let mut before = walk.at(1.0);
        assert_eq!(before, Has::Near);
        let out_and_home =
            (0..500).map(|step| 1.0 + step as f32 * 0.07).chain((0..500).rev().map(|step| 1.0 + step as f32 * 0.07));
        let mut seen = Vec::new();
        for distance in out_and_home {
            let has = walk.at(distance);
            let expect = expect(before, distance);
            assert!(
                has == expect || is_on_a_border(distance),
                "{distance} m: {has:?}, not {expect:?}, after {before:?}, {delivery:?}"
            );
            if expect != before {
                seen.push(expect);
            }
            before = expect;
        }
        assert_eq!(seen, [Has::Mid, Has::Far, Has::Nothing, Has::Far, Has::Mid, Has::Near]);
        assert_eq!(walk.told, 6, "once at the beginning, and once for each tier that it came into");
    }
}

#[test]
fn nothing_flickers_on_a_border() {
    for border in [1.0 / 3.0, 2.0 / 3.0, 1.0].map(|part| part * RADIUS) {
        let mut walk = Walk::new(Delivery::Ordered);
        let first = walk.at(border - 0.5);
        let told = walk.told;
        // To and fro over the border, by up to nine hundredths of it.
        for step in 0..200 {
            let has = walk.at(border * (1.0 + [-0.02, 0.09, 0.001, 0.08][step % 4]));
            assert_eq!(has, first, "step {step}");
        }
        assert_eq!(walk.told, told, "nothing was said anew");
        assert!(walk.at(border * 1.12) > first);
    }
}

/// Where bytes are short, what waits counts four times as much near by, and twice as much in the middle, as far away.
#[test]
fn who_is_near_is_sent_four_times_as_often_as_who_is_far_and_across_the_borders_too() {
    let axis = |name| Field::fixed(name, 0.0, SIDE, 1.0 / 64.0);
    let kind = Kind::new("walker").with(axis("x")).with(axis("y")).at("x", "y");
    let schema = Arc::new(Schema::new(vec![kind.with(Field::new("pulse", FieldType::Int { min: 0, max: 65_535 }))]).unwrap());
    let mut scene = Scene::new(Arc::clone(&schema), 400);
    let mut history = History::new(&scene, RADIUS / 2.0, 20);
    // A hundred in the middle of each ring, around the client, and one that walks through all rings.
    let rings = [0.2, 0.5, 0.85];
    let mut crowd: Vec<_> = rings.map(|part| (0..100).map(|_| (scene.spawn(0).unwrap(), part)).collect::<Vec<_>>()).concat();
    for (at, (entity, part)) in crowd.iter().enumerate() {
        let (sin, cos) = (at as f32).sin_cos();
        scene.set(*entity, 0, 50.0 + cos * part * RADIUS).unwrap();
        scene.set(*entity, 1, 50.0 + sin * part * RADIUS).unwrap();
    }
    let walker = scene.spawn(0).unwrap();
    crowd.push((walker, 0.0));
    let mut client = Client::new(0, Delivery::Ordered, 0);
    client.mirror = Mirror::new(Arc::clone(&schema));
    client.viewer.config = ViewerConfig {
        interest: Interest { radius: Some(RADIUS), every: 4 },
        // About a tenth of what changes.
        budget: 90,
        ..client.viewer.config
    };
    client.viewer.set_focus(Focus::Place([50.0, 50.0]));
    let mut replicator = Replicator::default();
    let mut out = Vec::new();
    // Updates by ring: of those that stand there, and of the walker while it is there.
    let (mut stood, mut walked) = ([0_u32; 3], [0_u32; 3]);
    let mut known = vec![None; crowd.len()];
    let (from, each) = (400_u32, 1_200);
    for tick in 1..=from + 3 * each {
        let ring = (tick.saturating_sub(from + 1) / each) as usize;
        scene.set(walker, 0, 50.0 + rings[ring] * RADIUS).unwrap();
        scene.set(walker, 1, 50.0).unwrap();
        for (at, (entity, _)) in crowd.iter().enumerate() {
            scene.set(*entity, 2, (tick * 7 + at as u32 * 13) as f32 % 65_536.0).unwrap();
        }
        history.publish(tick, &scene);
        out.clear();
        let mut pass = replicator.pass(&schema, &history).unwrap();
        if pass.write(&mut client.viewer, None, &mut out).is_some() {
            assert!(client.mirror.take(&out).unwrap());
        }
        for seen in client.mirror.seen() {
            let at = seen.id().row() as usize;
            let pulse = seen.value(2);
            if std::mem::replace(&mut known[at], pulse) != pulse && tick > from {
                match at / 100 {
                    3 => walked[ring] += 1,
                    place => stood[place] += 1,
                }
            }
        }
    }
    let check = |what: &str, [near, mid, far]: [u32; 3]| {
        let (to_far, mid_to_far) = (f64::from(near) / f64::from(far), f64::from(mid) / f64::from(far));
        assert!((3.4..4.6).contains(&to_far) && (1.7..2.3).contains(&mid_to_far), "{what}: {near}, {mid}, {far}");
    };
    check("who stands", stood);
    check("who walks", walked);
}
