//! Clients take turns to look around: everybody within the ticks that are stated, and never all at once but where something else asks for it.

use super::*;

/// In how many of `clients` clients look around in each of `ticks` ticks. In one of them an entity gets another owner, at which all have to look.
fn looks(clients: u16, every: u32, ticks: u32, standings_at: u32) -> Vec<usize> {
    let mut crowd = Crowd::new(50, 9);
    let mut replicator = Replicator::default();
    let mut viewers: Vec<_> = (0..clients).map(|seat| Client::new(seat, Delivery::Ordered, 0).viewer).collect();
    viewers.iter_mut().for_each(|viewer| viewer.config.interest.every = every);
    let (mut counts, mut last) = (Vec::new(), vec![0; viewers.len()]);
    for tick in 1..=ticks {
        // Who dies and who comes has its turn as everything else.
        if tick == standings_at {
            crowd.scene.set_owner(crowd.alive[9], Some(7)).unwrap();
        }
        let alive = crowd.alive.clone();
        for entity in alive {
            let x = crowd.scene.get(entity, 0).unwrap();
            crowd.scene.set(entity, 0, (x + 1.0) % SIDE).unwrap();
        }
        crowd.history.publish(tick, &crowd.scene);
        let mut pass = replicator.pass(crowd.scene.schema(), &crowd.history).unwrap();
        let mut count = 0;
        for (viewer, last) in viewers.iter_mut().zip(&mut last) {
            if viewer.looks(pass.frame) {
                count += 1;
                *last = tick;
            }
            assert!(tick - *last < every, "tick {tick}: seat {} has waited for {} ticks", viewer.seat, tick - *last);
            pass.write(viewer, None, &mut Vec::new());
        }
        counts.push(count);
    }
    counts
}

#[test]
fn everybody_has_a_turn_and_no_tick_has_all() {
    for (clients, every) in [(64, 4), (63, 4), (10, 7), (3, 4), (64, 1)] {
        let most = usize::from(clients).div_ceil(every as usize);
        let counts = looks(clients, every, 60, 30);
        for (at, &count) in counts.iter().enumerate() {
            let tick = at + 1;
            if tick == 1 || tick == 30 {
                assert_eq!(count, usize::from(clients), "tick {tick}: who is new, and who owns what, counts for all at once");
            } else {
                assert!(count <= most, "tick {tick}: {count} of {clients}, every {every}");
            }
        }
        for round in counts[1..29].windows(every as usize).chain(counts[30..].windows(every as usize)) {
            assert_eq!(round.iter().sum::<usize>(), usize::from(clients), "all within {every} ticks: {counts:?}");
        }
    }
}

#[test]
fn who_is_not_written_in_its_turn_has_it_next() {
    let mut crowd = Crowd::new(50, 9);
    let mut replicator = Replicator::default();
    let mut viewer = Client::new(3, Delivery::Ordered, 0).viewer;
    viewer.config.interest.every = 4;
    let mut looked = Vec::new();
    for tick in 1..40_u32 {
        crowd.history.publish(tick, &crowd.scene);
        let mut pass = replicator.pass(crowd.scene.schema(), &crowd.history).unwrap();
        // A thread with too much to do leaves out ticks 10 to 14, among them a turn.
        if !(10..15).contains(&tick) {
            if viewer.looks(pass.frame) {
                looked.push(tick);
            }
            pass.write(&mut viewer, None, &mut Vec::new());
        }
    }
    assert_eq!(looked, [1, 5, 9, 15, 17, 21, 25, 29, 33, 37]);
}
