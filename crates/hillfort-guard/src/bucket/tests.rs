//! Ranges of rates, edges of buckets, and the law that no bucket breaks.

use super::*;
use proptest::prelude::*;

#[track_caller]
fn check(per_s: u32, burst: u32, expect: Result<(), RateError>) {
    assert_eq!(Rate::new(per_s, burst).map(|_| ()), expect, "{per_s}/s, burst {burst}");
}

#[test]
fn ranges_of_rates() {
    check(1, 1, Ok(()));
    check(0, 1, Err(RateError::PerSecond));
    check(PER_S_MAX, 1, Ok(()));
    check(PER_S_MAX + 1, 1, Err(RateError::PerSecond));
    check(10, 0, Err(RateError::Burst));
    check(1, 7199, Ok(()));
    check(1, 7201, Err(RateError::Burst));
    check(PER_S_MAX, u32::MAX, Err(RateError::Burst));
}

fn rate(per_s: u32, burst: u32) -> Rate {
    Rate::new(per_s, burst).unwrap()
}

/// Events that pass when one asks at each of the times.
fn passed(rate: &Rate, times: &[Time]) -> (u64, u64) {
    let (mut bucket, mut cell) = (Bucket::default(), Cell::full(ticks(times[0])));
    let (mut by_bucket, mut by_cell) = (0, 0);
    for &now in times {
        if let Some(next) = bucket.after(now, rate, 1) {
            (bucket, by_bucket) = (next, by_bucket + 1);
        }
        if let Some(next) = cell.after(ticks(now), rate, 1) {
            (cell, by_cell) = (next, by_cell + 1);
        }
    }
    (by_bucket, by_cell)
}

#[test]
fn a_full_bucket_holds_its_burst_exactly() {
    let now = Time::from_millis(5_000);
    assert_eq!(passed(&rate(10, 7), &[now; 20]), (7, 7));
}

#[test]
fn an_event_comes_back_after_one_step() {
    let rate = rate(10, 1);
    let now = Time::from_millis(1_000);
    let spent = Bucket::default().after(now, &rate, 1).unwrap();
    assert!(spent.after(Time(now.0 + 99_999_999), &rate, 1).is_none());
    assert!(spent.after(Time(now.0 + 100_000_000), &rate, 1).is_some());
    let spent = Cell::full(ticks(now)).after(ticks(now), &rate, 1).unwrap();
    assert!(spent.after(ticks(Time(now.0 + 99_990_000)), &rate, 1).is_none());
    assert!(spent.after(ticks(Time(now.0 + 100_010_000)), &rate, 1).is_some());
}

#[test]
fn a_cost_above_the_burst_never_passes_and_charges_nothing() {
    let rate = rate(10, 5);
    let (bucket, cell) = (Bucket::default(), Cell::full(0));
    assert!(bucket.after(Time::ZERO, &rate, 6).is_none());
    assert!(bucket.after(Time::ZERO, &rate, u32::MAX).is_none());
    assert!(cell.after(0, &rate, 6).is_none());
    assert!(cell.after(0, &rate, u32::MAX).is_none());
    assert!(cell.after(0, &rate, 5).is_some());
}

#[test]
fn the_small_clock_turns_over_without_harm() {
    let rate = rate(10, 5);
    let before = Time((1 << 44) - 1_000_000);
    let after = before + Duration::from_millis(2);
    assert!(ticks(after) < ticks(before), "the clock turned over in between");
    let cell = Cell::full(ticks(before)).after(ticks(before), &rate, 5).unwrap();
    assert_eq!(cell.after(ticks(after), &rate, 1), None, "still empty");
    assert!(cell.after(ticks(after + Duration::from_millis(100)), &rate, 1).is_some());
}

#[test]
fn a_debt_of_other_settings_is_cut_down_to_an_empty_bucket() {
    let mut spent = Bucket::default().after(Time::ZERO, &rate(1, 1000), 1000).unwrap();
    for now_rate in [rate(1, 10), rate(100, 1000)] {
        spent.cut(Time::ZERO, &now_rate);
        assert!(spent.after(Time::ZERO, &now_rate, 1).is_none(), "what is empty stays empty");
        let step = Duration::from_secs(1) / now_rate.per_s();
        assert!(spent.after(Time::ZERO + step, &now_rate, 1).is_some(), "and fills up at the new rate");
    }
    let mut owing = Bucket::default().after(Time::ZERO, &rate(1, 10), 4).unwrap();
    owing.cut(Time::ZERO, &rate(1, 10));
    assert_eq!(owing.owed(Time::ZERO), Duration::from_secs(4), "a debt within bounds stays");
}

proptest! {
    /// Never more than burst + rate × time passes, whenever one asks.
    #[test]
    fn no_more_than_burst_and_rate(
        per_s in 1..5_000_u32,
        burst in 1..200_u32,
        gaps in prop::collection::vec(0..50_000_000_u64, 1..400),
        from in 0..u64::MAX / 2,
    ) {
        let times: Vec<_> = gaps.iter().scan(from, |at, gap| { *at += gap; Some(Time(*at)) }).collect();
        let spent = times[times.len() - 1].since(times[0]).as_secs_f64();
        let (by_bucket, by_cell) = passed(&rate(per_s, burst), &times);
        let most = f64::from(burst) + f64::from(per_s) * spent;
        prop_assert!(by_bucket as f64 <= most + 1e-6, "{by_bucket} > {most}");
        // The small clock may read up to one tick more than went by.
        prop_assert!(by_cell as f64 <= most + f64::from(per_s) * 4096e-9 + 1e-6, "{by_cell} > {most}");
    }

    /// Who keeps to 95 % of the rate is never refused.
    #[test]
    fn who_keeps_to_the_rate_passes(per_s in 1..5_000_u32, burst in 1..50_u32, count in 1..500_u64) {
        let gap = 1_000_000_000 * 100 / 95 / u64::from(per_s) + 4096;
        let times: Vec<_> = (0..count).map(|n| Time(n * gap)).collect();
        prop_assert_eq!(passed(&rate(per_s, burst), &times), (count, count));
    }
}
