//! The table of sources: who is forgotten, and that it never grows.

use super::*;
use crate::source::Secret;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

fn rate(per_s: u32, burst: u32) -> Rate {
    Rate::new(per_s, burst).unwrap()
}

fn hash(secret: &Secret, n: u32) -> u64 {
    secret.source(IpAddr::V4(Ipv4Addr::from_bits(n))).hash()
}

#[test]
fn sources_have_buckets_of_their_own() {
    let (secret, rate) = (Secret::new(1), rate(1, 3));
    let mut table = Table::new(1024);
    for n in 0..20 {
        let passed = (0..5).filter(|_| table.charge(hash(&secret, n), 100, &rate)).count();
        assert_eq!(passed, 3, "source {n}");
    }
    assert_eq!((table.used(), table.evicted()), (20, 0));
}

#[test]
fn a_full_line_gives_up_who_owes_least() {
    let rate = rate(1, 10);
    let mut table = Table::new(8);
    let name = |n: u64| n << 32;
    for n in 1..=8 {
        for _ in 0..n {
            assert!(table.charge(name(n), 0, &rate));
        }
    }
    assert_eq!((table.used(), table.evicted()), (8, 0));
    assert!(table.charge(name(9), 0, &rate), "source 1 owed one event, it gives way");
    assert_eq!((table.used(), table.evicted()), (8, 1));
    assert!((0..2).all(|_| table.charge(name(8), 0, &rate)), "source 8 is still known: two of ten are left");
    assert!(!table.charge(name(8), 0, &rate));
}

#[test]
fn who_owes_nothing_is_forgotten_without_loss() {
    let rate = rate(10, 10);
    let mut table = Table::new(8);
    for n in 1..=1000_u64 {
        // One new source every 0.2 s: eight are remembered for 1.6 s, a debt lasts for 0.1 s.
        assert!(table.charge(n << 32, (n * 48_828) as u32, &rate));
    }
    assert_eq!((table.used(), table.evicted()), (8, 0));
}

#[test]
fn a_million_sources_take_sixteen_bytes_each_and_nearly_all_are_remembered() {
    let (secret, rate) = (Secret::new(7), rate(1, 1));
    let mut table = Table::new(SOURCES_MAX);
    assert_eq!(table.lines.words() * size_of::<u64>(), 16 << 20, "the table is 16 MiB, whatever comes");
    const SOURCES: u32 = 1_000_000;
    for n in 0..SOURCES {
        assert!(table.charge(hash(&secret, n), 1, &rate));
    }
    // At 3.8 sources a line, 1.6 % of Poisson-filled lines want more than eight.
    assert!(table.used() as f64 > 0.98 * f64::from(SOURCES), "{} of {SOURCES}", table.used());
    let refused = (0..SOURCES).filter(|&n| !table.charge(hash(&secret, n), 1, &rate)).count();
    assert!(refused as f64 > 0.97 * f64::from(SOURCES), "{refused} still known");
}

proptest! {
    /// However many addresses a stranger has, the table keeps its size.
    #[test]
    fn bounded_under_rotation(seed in any::<u64>(), addresses in prop::collection::vec(any::<u32>(), 0..5_000)) {
        let (secret, rate) = (Secret::new(seed), rate(1, 1));
        let mut table = Table::new(256);
        let words = table.lines.words();
        for address in addresses {
            table.charge(hash(&secret, address), 5, &rate);
            prop_assert!(table.used() <= 256);
        }
        prop_assert_eq!(table.lines.words(), words);
    }
}
