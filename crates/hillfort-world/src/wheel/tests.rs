//! The wheel under virtual time.

use proptest::prelude::*;

use super::*;

const START: Time = Time(7_000_000_123);

fn at(ns: u64) -> Time {
    Time(START.0 + ns)
}

/// Runs the wheel without lateness until `end` and returns all that was due.
fn run(wheel: &mut Wheel, end: Time) -> Vec<Due> {
    let mut all = Vec::new();
    while let Some(next) = wheel.next_deadline().filter(|&next| next <= end) {
        let due = wheel.pop_due(next).expect("the earliest deadline has come");
        assert_eq!(due.deadline, next);
        assert_eq!(due.missed, 0);
        all.push(due);
    }
    all
}

#[test]
fn one_hour_of_each_rate_does_not_drift() {
    const HOUR: u64 = 3_600;
    for hz in [1, 3, 7, 15, 20, 30, 60, 64, 90, 127, 128] {
        let mut wheel = Wheel::new(START);
        wheel.insert(START, 1, hz);
        let first = wheel.next_deadline().expect("one room");
        let (mut count, mut last) = (0, first);
        while let Some(next) = wheel.next_deadline().filter(|&next| next < first + std::time::Duration::from_secs(HOUR)) {
            let due = wheel.pop_due(next).expect("due");
            assert_eq!((due.missed, due.deadline), (0, next));
            // n periods after the first, to the nanosecond that both were rounded by, however large n is.
            let exact = count * NS_A_SECOND / u64::from(hz);
            assert!((next.0 - first.0).abs_diff(exact) <= 1, "{hz} Hz, tick {count}");
            (count, last) = (count + 1, next);
        }
        assert_eq!(count, HOUR * u64::from(hz), "{hz} Hz");
        assert!(last < first + std::time::Duration::from_secs(HOUR));
    }
}

#[test]
fn new_rooms_spread_over_the_phases() {
    let mut wheel = Wheel::new(START);
    let slots: Vec<_> = (0..100).map(|room| wheel.insert(START, room, 20)).collect();
    // 50 phases of a millisecond, two rooms in each.
    for slot in &slots {
        assert_eq!(wheel.rooms(*slot).len(), 2);
    }
    // The second room lies half a period after the first, not next to it.
    assert_eq!((slots[0].phase, slots[1].phase), (0, 32));
    wheel.remove(slots[10], 10);
    assert_eq!(wheel.insert(START, 100, 20), slots[10], "the gap is filled first");
}

#[test]
fn thousands_of_rooms_are_spread_evenly_with_neighbours_together() {
    let mut wheel = Wheel::new(START);
    let slots: Vec<_> = (0..10_000).map(|room| wheel.insert(START, room, 20)).collect();
    let held: Vec<_> = slots.iter().map(|&slot| wheel.rooms(slot).len()).collect();
    assert!(held.iter().all(|rooms| (175..=225).contains(rooms)), "200 each, more or less an eighth");
    let together = slots.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!(together > 8_000, "{together}");
}

#[test]
fn every_room_ticks_at_its_rate_among_others() {
    let mut wheel = Wheel::new(START);
    let rates = [1, 20, 20, 20, 60, 128, 33];
    for (room, hz) in (0..).zip(rates) {
        wheel.insert(START, room, hz);
    }
    let due = run(&mut wheel, at(10 * NS_A_SECOND));
    assert!(due.windows(2).all(|pair| pair[0].deadline <= pair[1].deadline), "earliest first");
    for (room, hz) in (0..).zip(rates) {
        let ticks = due.iter().filter(|due| wheel.rooms(due.slot).contains(&room)).count();
        assert_eq!(ticks, 10 * hz as usize, "room {room}");
    }
}

#[test]
fn late_slots_come_once_and_say_how_much_was_missed() {
    let mut wheel = Wheel::new(START);
    wheel.insert(START, 1, 20);
    assert_eq!(wheel.pop_due(at(49_999_999)), None);
    let due = wheel.pop_due(at(50_000_000)).expect("due");
    assert_eq!((due.deadline, due.missed), (at(50_000_000), 0));
    // 100, 150, 200 and 250 ms have passed: one visit, three missed, and the next deadline is on the old grid.
    let due = wheel.pop_due(at(260_000_000)).expect("due");
    assert_eq!((due.deadline, due.missed), (at(100_000_000), 3));
    assert_eq!(wheel.pop_due(at(260_000_000)), None);
    assert_eq!(wheel.next_deadline(), Some(at(300_000_000)));
}

#[test]
fn removed_rooms_are_gone() {
    let mut wheel = Wheel::new(START);
    let slot = wheel.insert(START, 5, 60);
    assert!(wheel.remove(slot, 5));
    assert!(!wheel.remove(slot, 5));
    assert_eq!(wheel.next_deadline(), None);
    assert_eq!(wheel.pop_due(at(u64::MAX / 4)), None);
    assert!(wheel.rooms(slot).is_empty());
    // A room that comes long after has missed nothing.
    let late = at(100 * NS_A_SECOND);
    wheel.insert(late, 6, 60);
    assert!(wheel.next_deadline().is_some_and(|next| next > late && next.since(late).as_nanos() <= 16_666_667));
    let next = wheel.next_deadline().expect("one room");
    assert_eq!(wheel.pop_due(next).expect("due").missed, 0);
}

proptest! {
    #[test]
    fn turns_until_is_the_first_deadline_after_now(hz in 1u32..=HZ_MAX, phase in 0u32..64, ns in 0u64..40_000_000_000_000) {
        let count = u64::from(phases(hz));
        let phase = phase % phases(hz);
        let now = at(ns);
        let turn = turns_until(START, hz, phase, now);
        let of = |turn: u64| deadline(START, hz, turn * count + u64::from(phase));
        prop_assert!(of(turn) > now);
        prop_assert!(turn == 0 || of(turn - 1) <= now);
    }
}
