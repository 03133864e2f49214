//! Which clocks are good after a step.

use super::*;

const WALL: u64 = 1_800_000_000_000;

/// The wall clock at some times, and the clock from before that must be good beside it, as a difference to it.
fn check(reads: &[(u64, u64, Option<i64>)]) {
    let mut clock = Clock::default();
    for (ms, wall, expect) in reads {
        let (now_wall, before) = clock.read(Time::from_millis(*ms), UnixMs(*wall));
        assert_eq!(now_wall, UnixMs(*wall));
        assert_eq!(before.map(|before| before.0 as i64 - *wall as i64), *expect, "{ms} ms of {reads:?}");
    }
}

#[test]
fn a_step_keeps_the_clock_from_before() {
    check(&[
        (0, WALL, None),
        (1_000, WALL + 1_000, None),
        (2_000, WALL + 7_000, Some(-5_000)),
        (3_600_000, WALL + 3_605_000, Some(-5_000)),
    ]);
    check(&[
        (0, WALL, None),
        (1_000, WALL - 4_000, Some(5_000)),
        (2_000, WALL + 2_000, Some(-5_000)),
        (3_000, WALL + 3_000, Some(-5_000)),
    ]);
}

#[test]
fn slow_adjustment_is_no_step() {
    let reads: Vec<_> = (0..1_000).map(|n| (n * 1_000, WALL + n * 1_499, None)).collect();
    check(&reads);
}

#[test]
fn a_larger_step_leaves_the_new_clock_alone() {
    check(&[(0, WALL, None), (0, WALL + 6_000, Some(-6_000))]);
    check(&[(0, WALL, None), (0, WALL + 6_001, None)]);
    check(&[(0, WALL, None), (0, WALL - 3_600_000, None)]);
}

#[test]
fn slow_adjustment_after_a_step_parts_the_two_at_last() {
    check(&[(0, WALL, None), (0, WALL + 5_800, Some(-5_800)), (1_000, WALL + 6_801 + 400, None)]);
}

#[test]
fn any_clock_is_read() {
    check(&[(1_000, 0, None), (1_001, u64::MAX, None), (u64::MAX, 5, None)]);
}
