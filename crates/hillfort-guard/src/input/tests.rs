//! Sessions that say too much: exact edges of passing, dropping and closing.

use super::*;
use std::time::Duration;

fn rates() -> InputRates {
    let rate = |per_s, burst| Rate::new(per_s, burst).unwrap();
    InputRates { session: rate(30, 30), kind: rate(20, 20), control: rate(5, 5), tolerance: rate(10, 50) }
}

/// Verdicts of `n` messages at once.
fn say(buckets: &mut InputBuckets, now: Time, class: Class, n: usize) -> (usize, usize, usize) {
    let mut counts = (0, 0, 0);
    for _ in 0..n {
        match buckets.on_input(&rates(), now, class, 1) {
            Verdict::Pass => counts.0 += 1,
            Verdict::Drop(reject) => {
                assert_eq!(reject, if class == Class::CONTROL { Reject::ControlRate } else { Reject::InputRate });
                counts.1 += 1;
            }
            Verdict::Close(reject) => {
                assert_eq!(reject, Reject::InputFlood);
                counts.2 += 1;
            }
        }
    }
    counts
}

#[test]
fn bursts_drops_and_the_flood_have_exact_edges() {
    for (class, n, expect) in [
        (Class::input(0), 20, (20, 0, 0)),
        (Class::input(0), 21, (20, 1, 0)),
        (Class::input(0), 70, (20, 50, 0)),
        (Class::input(0), 71, (20, 50, 1)),
        (Class::CONTROL, 5, (5, 0, 0)),
        (Class::CONTROL, 55, (5, 50, 0)),
        (Class::CONTROL, 57, (5, 50, 2)),
    ] {
        assert_eq!(say(&mut InputBuckets::new(Time::ZERO), Time::ZERO, class, n), expect, "{class:?} × {n}");
    }
}

#[test]
fn kinds_are_apart_but_share_the_session() {
    let mut buckets = InputBuckets::new(Time::ZERO);
    assert_eq!(say(&mut buckets, Time::ZERO, Class::input(0), 20), (20, 0, 0));
    assert_eq!(say(&mut buckets, Time::ZERO, Class::input(4), 1), (0, 1, 0), "op 4 shares the bucket of op 0");
    assert_eq!(say(&mut buckets, Time::ZERO, Class::input(1), 11), (10, 1, 0), "30 in all");
    assert_eq!(say(&mut buckets, Time::ZERO, Class::CONTROL, 5), (5, 0, 0), "control is apart");
}

#[test]
fn who_keeps_to_twenty_a_second_is_never_dropped() {
    let mut buckets = InputBuckets::new(Time::ZERO);
    for n in 0..10_000 {
        let now = Time::ZERO + Duration::from_micros(51_000 * n);
        assert_eq!(buckets.on_input(&rates(), now, Class::input(3), 1), Verdict::Pass, "{n}");
    }
}

#[test]
fn a_slow_excess_is_dropped_for_ever_and_never_closed() {
    // 28 a second where 20 are allowed: 8 drops a second, 10 are tolerated.
    let mut buckets = InputBuckets::new(Time::ZERO);
    let verdicts =
        (0..5_000).map(|n| buckets.on_input(&rates(), Time::ZERO + Duration::from_millis(1000 * n / 28), Class::input(0), 1));
    let verdicts: Vec<_> = verdicts.collect();
    assert!(verdicts.contains(&Verdict::Drop(Reject::InputRate)));
    assert!(!verdicts.contains(&Verdict::Close(Reject::InputFlood)));
}

#[test]
fn a_dear_message_costs_more() {
    let mut buckets = InputBuckets::new(Time::ZERO);
    assert_eq!(buckets.on_input(&rates(), Time::ZERO, Class::input(0), 15), Verdict::Pass);
    assert_eq!(buckets.on_input(&rates(), Time::ZERO, Class::input(0), 6), Verdict::Drop(Reject::InputRate));
    assert_eq!(buckets.on_input(&rates(), Time::ZERO, Class::input(0), 5), Verdict::Pass, "a dropped message was not charged");
}
