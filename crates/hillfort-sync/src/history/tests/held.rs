//! Frames that somebody holds while the next ones are published.

use std::sync::Barrier;

use super::*;

const ROWS: usize = 500;

/// A scene in which all walk, some die and some come.
struct Pasture {
    scene: Scene,
    history: History,
    alive: Vec<Entity>,
}

impl Pasture {
    fn new() -> Self {
        let axis = |name| Field::fixed(name, 0.0, 1_000.0, 0.25);
        let schema = Schema::new(vec![Kind::new("walker").with(axis("x")).with(axis("y")).at("x", "y")]).unwrap();
        let mut scene = Scene::new(Arc::new(schema), ROWS);
        let alive = (0..ROWS).map(|_| scene.spawn(0).unwrap()).collect();
        let history = History::new(&scene, 50.0, 20);
        Self { scene, history, alive }
    }

    fn publish(&mut self, tick: u32) -> Arc<Frame> {
        let at = tick as usize % ROWS;
        self.scene.despawn(self.alive[at]).unwrap();
        self.alive[at] = self.scene.spawn(0).unwrap();
        self.scene.set_owner(self.alive[at], Some(at as u16 % 8)).unwrap();
        for (at, entity) in self.alive.iter().enumerate() {
            self.scene.set(*entity, 0, (tick as usize * 7 + at) as f32 % 1_000.0).unwrap();
        }
        self.history.publish(tick, &self.scene)
    }
}

#[test]
fn a_frame_that_is_held_stays_as_it_was_while_the_next_ones_are_published() {
    let mut field = Pasture::new();
    field.publish(1);
    let held = field.publish(2);
    let copy = format!("{held:?}");
    for tick in 3..3 + 5 * HISTORY {
        let newest = field.publish(tick);
        assert_eq!((newest.tick(), held.tick()), (tick, 2));
        assert_eq!(field.history.frame(2).is_some(), tick < 2 + HISTORY, "it is kept for a history, and by who holds it");
    }
    assert_eq!(format!("{held:?}"), copy);
}

/// Reader and writer wait for each other outside of `publish` alone: if it waited for the reader, who holds one frame from the first tick to the last,
/// it would wait for ever.
#[test]
fn readers_on_other_threads_keep_nobody_waiting() {
    let mut field = Pasture::new();
    let first = field.publish(1);
    let (all_read, all_written) = (Barrier::new(4), Barrier::new(4));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let (first, all_read, all_written) = (Arc::clone(&first), &all_read, &all_written);
            scope.spawn(move || {
                let copy = format!("{first:?}");
                all_read.wait();
                // Reads on while the writer is at work.
                for _ in 0..8 {
                    assert_eq!(format!("{first:?}"), copy);
                }
                all_written.wait();
                assert_eq!(format!("{first:?}"), copy);
            });
        }
        all_read.wait();
        for tick in 2..2 + 3 * HISTORY {
            field.publish(tick);
        }
        all_written.wait();
    });
    drop(first);
}

#[test]
fn memory_of_frames_is_used_again_and_given_back_when_who_held_them_lets_go() {
    let mut field = Pasture::new();
    let mut tick = 0;
    let mut publish = |field: &mut Pasture, count: u32| {
        let mut last = None;
        for _ in 0..count {
            tick += 1;
            last = Some(field.publish(tick));
        }
        last.unwrap()
    };
    // Until every row has had an owner.
    publish(&mut field, 12 * HISTORY);
    let quiet = allocation_counter::measure(|| drop(publish(&mut field, 2 * HISTORY)));
    assert_eq!(quiet.count_total, 0, "frames nobody holds are written again");
    // Somebody holds three: three more are made in their places, and no others.
    let mut held = Vec::new();
    let one = allocation_counter::measure(|| {
        held.extend((0..3).map(|_| publish(&mut field, 1)));
        publish(&mut field, 3 * HISTORY);
    });
    let frame = one.bytes_current / 3;
    assert!(one.bytes_current > 0 && frame < 200_000, "{one:?}");
    let again = allocation_counter::measure(|| drop(publish(&mut field, 3 * HISTORY)));
    assert_eq!(again.count_total, 0, "who goes on holding them costs nothing more");
    let weak: Vec<_> = held.iter().map(Arc::downgrade).collect();
    assert!(weak.iter().all(|frame| frame.strong_count() == 1), "the history has let go of them");
    let back = allocation_counter::measure(|| drop(held));
    assert!(back.bytes_current <= -frame * 2, "{back:?}");
    assert!(weak.iter().all(|frame| frame.upgrade().is_none()));
}
