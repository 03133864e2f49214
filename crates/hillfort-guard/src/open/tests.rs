//! Counts of what is open.

use super::*;
use crate::source::Secret;
use std::net::{IpAddr, Ipv4Addr};

#[test]
fn sixty_thousand_open_connections_are_hardly_ever_counted_twice() {
    let (mut open, secret) = (Open::new(), Secret::new(5));
    let hash = |n: u32| secret.source(IpAddr::V4(Ipv4Addr::from_bits(n << 8))).hash();
    for n in 0..60_000 {
        open.add(hash(n), hash(n));
    }
    let wrong = (0..60_000).filter(|n| open.of_source(hash(*n)) != 1).count();
    assert!((0..60_000).all(|n| open.of_source(hash(n)) >= 1), "never too few");
    // Each cell is shared with probability 1 - e^-(60/131) = 0.37, both with 0.13.
    assert!(wrong < 60_000 * 15 / 100, "{wrong} of 60,000");
    assert!((0..60_000).all(|n| open.of_source(hash(n)) <= 4));
    for n in 0..60_000 {
        open.remove(hash(n), hash(n));
    }
    assert_eq!((open.total(), open.sources.cells.iter().sum::<u32>(), open.networks.cells.iter().sum::<u32>()), (0, 0, 0));
}
