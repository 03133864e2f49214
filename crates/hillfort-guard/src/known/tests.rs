//! Who is known, for how long, and how well accounts are counted.

use super::*;
use crate::source::Secret;
use std::net::{IpAddr, Ipv4Addr};

const HOUR: u64 = 3_600;

fn at(seconds: u64) -> Time {
    Time::from_millis(seconds * 1_000)
}

fn source(secret: &Secret, n: u32) -> Source {
    secret.source(IpAddr::V4(Ipv4Addr::from_bits(n)))
}

#[test]
fn estimates_are_those_of_the_formula() {
    for (ones, estimate) in ESTIMATES.iter().enumerate() {
        let clear = 64 - ones;
        let exact = if clear == 0 { f64::INFINITY } else { 64.0 * (64.0 / clear as f64).ln() };
        assert_eq!(*estimate, (exact.round() as u32).min(ACCOUNTS_MAX), "{ones} bits");
    }
}

#[test]
fn accounts_are_told_apart_and_counted_about_right() {
    let (mut known, secret) = (Known::new(1024), Secret::new(3));
    let here = source(&secret, 1);
    let mut check = |n: u64, least: u32, most: u32| {
        for account in 0..n {
            // Each of them logs in again and again.
            for _ in 0..5 {
                known.settle(at(10), here, Some(secret.account(account)));
            }
        }
        let accounts = known.standing(at(10), here).accounts;
        assert!((least..=most).contains(&accounts), "{n} accounts are counted as {accounts}");
    };
    check(1, 1, 1);
    check(8, 6, 10);
    check(64, 50, 80);
    check(200, 140, 256);
    check(10_000, 256, 256);
}

#[test]
fn accounts_count_for_twelve_to_twenty_four_hours_and_an_address_is_known_for_eight_days() {
    let (mut known, secret) = (Known::new(1024), Secret::new(3));
    let here = source(&secret, 1);
    known.settle(at(HOUR), here, Some(7));
    known.settle(at(13 * HOUR), here, Some(8));
    let check = |known: &Known, hours: u64, is_known: bool, accounts: u32| {
        let standing = known.standing(at(hours * HOUR), here);
        assert_eq!((standing.is_known(), standing.accounts), (is_known, accounts), "after {hours} h");
    };
    check(&known, 13, true, 2);
    check(&known, 23, true, 2);
    check(&known, 24, true, 1);
    check(&known, 35, true, 1);
    check(&known, 36, true, 0);
    check(&known, 13 + 8 * 24, true, 0);
    check(&known, 13 + 8 * 24 + 1, false, 0);
    known.settle(at(300 * HOUR), here, Some(9));
    check(&known, 300, true, 1);
}

#[test]
fn the_hour_of_the_last_login_is_told() {
    let (mut known, secret) = (Known::new(1024), Secret::new(3));
    let here = source(&secret, 1);
    known.settle(at(100), here, Some(7));
    let check = |seconds: u64, expect: bool| {
        assert_eq!(known.standing(at(seconds), here).logged_in_within_an_hour(at(seconds)), expect, "after {seconds} s");
    };
    check(100, true);
    check(3_699, true);
    check(3_700, false);
    assert!(!Standing::STRANGER.logged_in_within_an_hour(at(0)));
}

#[test]
fn addresses_with_a_login_are_counted_by_the_hour() {
    let (mut known, secret) = (Known::new(1024), Secret::new(3));
    for n in 0..100 {
        for _ in 0..3 {
            known.settle(at(10), source(&secret, n), Some(1));
        }
    }
    assert_eq!(known.logins_of_the_hour(at(20)), 100);
    for n in 0..30 {
        known.settle(at(HOUR + 10), source(&secret, n), Some(1));
    }
    assert_eq!(known.logins_of_the_hour(at(HOUR + 20)), 100, "the hour before was busier");
    assert_eq!(known.logins_of_the_hour(at(2 * HOUR + 20)), 30);
    assert_eq!(known.logins_of_the_hour(at(4 * HOUR)), 0);
}

#[test]
fn the_table_is_bounded_and_gives_up_who_was_away_longest() {
    let (mut known, secret) = (Known::new(4), Secret::new(3));
    for n in 0..4 {
        known.settle(at(u64::from(n)), source(&secret, n), Some(1));
    }
    known.settle(at(10), source(&secret, 0), Some(1));
    known.settle(at(11), source(&secret, 100), Some(1));
    let here: Vec<_> = [0, 1, 2, 3, 100].into_iter().filter(|n| known.standing(at(11), source(&secret, *n)).is_known()).collect();
    assert_eq!((here, known.used()), (vec![0, 2, 3, 100], 4));
}
