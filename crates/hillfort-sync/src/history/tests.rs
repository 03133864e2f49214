//! Where entities stood: between ticks, at both ends of the second, and for who came or went meanwhile.

use super::*;
use crate::schema::{Field, Kind};

mod held;

fn axis(name: &str, extrapolate: Option<u8>) -> Field {
    let mut field = Field::fixed(name, 0.0, 1_000.0, 0.5);
    field.extrapolate = extrapolate;
    field
}

/// A runner, a clock that stands nowhere, and a bird that clients move on by themselves.
fn schema() -> Arc<Schema> {
    let runner = Kind::new("runner").with(axis("x", None)).with(axis("y", None)).at("x", "y");
    let clock = Kind::new("clock").with(axis("left", None));
    let bird = Kind::new("bird").with(axis("x", Some(2))).with(axis("y", Some(2))).at("x", "y");
    Arc::new(Schema::new(vec![runner, clock, bird]).unwrap())
}

/// A runner that is at x = 10 × tick, y = 5.
struct Run {
    scene: Scene,
    history: History,
    runner: Entity,
    tick: u32,
}

impl Run {
    fn new(hz: u32) -> Self {
        let mut scene = Scene::new(schema(), 8);
        let runner = scene.spawn(0).unwrap();
        let history = History::new(&scene, f32::MAX, hz);
        Self { scene, history, runner, tick: 0 }
    }

    fn publish(&mut self) {
        self.tick = self.tick.wrapping_add(1);
        // So that it stays within the field through any number of ticks.
        self.scene.set(self.runner, 0, (self.tick % 100 * 10) as f32).unwrap();
        self.scene.set(self.runner, 1, 5.0).unwrap();
        self.history.publish(self.tick, &self.scene);
    }

    fn until(&mut self, tick: u32) {
        while self.tick != tick {
            self.publish();
        }
    }

    fn place(&self, entity: Entity, tick: f64) -> Option<[f32; 2]> {
        self.history.place(self.scene.schema(), entity, tick)
    }

    #[track_caller]
    fn check(&self, entity: Entity, tick: f64, x: Option<f32>) {
        assert_eq!(self.place(entity, tick), x.map(|x| [x, 5.0]), "{} at {tick}", entity.id().get());
    }
}

#[test]
fn between_two_ticks_it_is_on_the_way() {
    let mut run = Run::new(20);
    run.until(30);
    let runner = run.runner;
    run.check(runner, 30.0, Some(300.0));
    run.check(runner, 29.0, Some(290.0));
    run.check(runner, 29.5, Some(295.0));
    run.check(runner, 28.25, Some(282.5));
    run.check(runner, 29.75, Some(297.5));
}

#[test]
fn a_second_is_kept_at_every_rate_and_no_more_is_told() {
    for hz in [1, 2, 20, 60, 63, 64, 65, 100, 127, 128] {
        let mut run = Run::new(hz);
        run.until(300);
        let oldest = 300 - hz + 1;
        let x = |tick: u32| Some((tick % 100 * 10) as f32);
        for tick in oldest..=300 {
            run.check(run.runner, f64::from(tick), x(tick));
        }
        let runner = run.runner;
        // Kept or not, it is more than a second ago.
        run.check(runner, f64::from(oldest) - 0.25, None);
        run.check(runner, f64::from(oldest - 1), None);
        // Frames are kept for acknowledgements at slow rates, too.
        assert!(run.history.frame(300 - HISTORY + 1).is_some_and(|frame| frame.tick() == 300 - HISTORY + 1), "{hz} Hz");
        // Not yet.
        run.check(runner, 300.25, None);
        run.check(runner, 301.0, None);
    }
}

#[test]
fn a_claim_that_is_no_tick_of_the_last_second_has_no_place() {
    let mut run = Run::new(20);
    let runner = run.runner;
    for tick in [0.0, 1.0] {
        run.check(runner, tick, None);
    }
    run.until(3);
    run.check(runner, 0.0, None);
    run.check(runner, 0.5, None);
    run.check(runner, 1.0, Some(10.0));
    let claims = [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1, -1.0, 1e300, f64::MIN_POSITIVE, 4_294_967_295.0];
    for claim in claims.into_iter().chain([2.0 + 4_294_967_296.0, 2.0 + 8_589_934_592.0, -4_294_967_294.0]) {
        run.check(runner, claim, None);
    }
}

#[test]
fn who_was_not_there_then_has_no_place() {
    let mut run = Run::new(20);
    run.until(10);
    let (runner, clock) = (run.runner, run.scene.spawn(1).unwrap());
    let late = run.scene.spawn(0).unwrap();
    run.scene.set(late, 0, 700.0).unwrap();
    run.scene.set(late, 1, 5.0).unwrap();
    run.check(late, 10.0, None);
    run.until(12);
    // Came with tick 11.
    run.check(late, 10.0, None);
    run.check(late, 10.75, None);
    run.check(late, 11.0, Some(700.0));
    run.check(late, 11.5, Some(700.0));
    run.check(clock, 12.0, None);
    // Goes with tick 13, and another takes its row.
    run.scene.despawn(late).unwrap();
    let heir = run.scene.spawn(0).unwrap();
    assert_eq!(heir.row(), late.row());
    run.scene.set(heir, 1, 5.0).unwrap();
    run.until(13);
    run.check(late, 12.0, Some(700.0));
    run.check(late, 12.5, Some(700.0));
    run.check(late, 13.0, None);
    run.check(heir, 12.5, None);
    run.check(heir, 13.0, Some(0.0));
    // Forged: rows that nobody has, and other lives of the runner's.
    for number in [0, 7, 77, u32::MAX, u32::MAX - 1, runner.id().get() ^ 1 << 20, runner.id().get() ^ 1 << 31] {
        run.check(Entity::from_number(number), 12.0, None);
    }
}

#[test]
fn who_is_moved_on_by_clients_stands_where_they_show_it() {
    let mut run = Run::new(20);
    let bird = run.scene.spawn(2).unwrap();
    for tick in 1..=20 {
        run.scene.set(bird, 0, (tick * 3) as f32).unwrap();
        run.scene.set(bird, 1, 5.0).unwrap();
        run.publish();
    }
    for (tick, x) in [(20.0, 60.0), (15.0, 45.0), (14.5, 43.5)] {
        let [at, _] = run.place(bird, tick).expect("there");
        // Two steps of half a unit is what its clients may be wrong by.
        assert!((at - x).abs() <= 1.0, "{at} {x}");
    }
}

#[test]
fn ticks_go_round() {
    for hz in [20, 128] {
        let mut run = Run::new(hz);
        run.tick = u32::MAX - 150;
        run.until(3);
        let runner = run.runner;
        run.check(runner, 3.0, Some(30.0));
        run.check(runner, f64::from(u32::MAX), Some((u32::MAX % 100 * 10) as f32));
        let before = u32::MAX - (hz - 5);
        run.check(runner, f64::from(before), Some((before % 100 * 10) as f32));
        run.check(runner, f64::from(before - 1), None);
        assert!(run.place(runner, f64::from(u32::MAX) + 0.5).is_none(), "no tick has this number");
    }
}
