//! Offences, bans and the bounds of their tables.

use super::*;
use crate::source::Secret;
use std::net::Ipv4Addr;

fn addr(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(n))
}

fn tolerance() -> Rate {
    Rate::new(10, 1_000).unwrap()
}

#[test]
fn points_add_up_to_a_ban_with_its_evidence() {
    let (mut bans, source) = (Bans::new(), Secret::new(1).source(addr(1)));
    for n in 0..10 {
        assert_eq!(
            bans.charge(Time::ZERO + n * Duration::from_nanos(1), source, 100, &tolerance()),
            None,
            "1,000 points are borne"
        );
    }
    let last = Time(10);
    assert_eq!(bans.charge(last, source, 100, &tolerance()), Some(Evidence { count: 11, first: Time::ZERO, last }));
    assert_eq!(bans.charge(last, source, 100, &tolerance()), None, "it begins anew");
}

#[test]
fn points_are_forgiven() {
    let (mut bans, source) = (Bans::new(), Secret::new(1).source(addr(1)));
    for n in 0..1_000 {
        let now = Time::from_millis(n * 10_000);
        assert_eq!(bans.charge(now, source, 100, &tolerance()), None, "100 points every 10 s");
    }
}

#[test]
fn a_full_table_of_bans_gives_up_the_one_that_ends_first() {
    let (mut bans, secret) = (Bans::new(), Secret::new(1));
    let ban = |n: u32| Ban::by_operator(Time::ZERO, addr(n), Duration::from_secs(1000 + u64::from(n)));
    for n in 0..BANS_MAX as u32 {
        bans.ban(Time::ZERO, secret.source(addr(n)), ban(n));
    }
    let held = bans.bans.capacity();
    bans.ban(Time::ZERO, secret.source(addr(100_000)), ban(100_000));
    assert_eq!(bans.iter(Time::ZERO).count(), BANS_MAX);
    assert!(!bans.holds(Time::ZERO, secret.source(addr(0))));
    assert!(bans.holds(Time::ZERO, secret.source(addr(1))));
    assert!(bans.holds(Time::ZERO, secret.source(addr(100_000))));
    for n in 0..5_000 {
        bans.ban(Time::ZERO, secret.source(addr(n)), ban(n));
    }
    assert_eq!(bans.bans.len(), BANS_MAX);
    // What the table calls its capacity shrinks with its tombstones and would double if it grew.
    assert!(bans.bans.capacity() <= held, "nothing was allocated");
}

#[test]
fn expired_bans_make_room_first() {
    let (mut bans, secret) = (Bans::new(), Secret::new(1));
    for n in 0..BANS_MAX as u32 {
        let lasts = Duration::from_secs(if n < 10 { 1 } else { 100 });
        bans.ban(Time::ZERO, secret.source(addr(n)), Ban::by_operator(Time::ZERO, addr(n), lasts));
    }
    let now = Time::from_millis(1_000);
    bans.ban(now, secret.source(addr(9_999)), Ban::by_operator(now, addr(9_999), Duration::from_secs(1)));
    assert_eq!(bans.iter(now).count(), BANS_MAX - 10 + 1);
}

#[test]
fn suspects_are_bounded_and_the_worst_are_kept() {
    let (mut bans, secret) = (Bans::new(), Secret::new(1));
    let worst = secret.source(addr(1));
    for _ in 0..10 {
        assert_eq!(bans.charge(Time::ZERO, worst, 100, &tolerance()), None);
    }
    for n in 2..100_000 {
        assert_eq!(bans.charge(Time::ZERO, secret.source(addr(n)), 1, &tolerance()), None);
    }
    assert_eq!(bans.suspects.len(), SUSPECTS_MAX);
    assert!(
        bans.charge(Time::ZERO, worst, 1, &tolerance()).is_some(),
        "a flood of small offenders does not wash a great one clean"
    );
}
