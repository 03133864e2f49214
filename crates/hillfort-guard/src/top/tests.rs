//! The loudest are found among a million quiet ones, in fixed memory.

use super::*;
use crate::source::Secret;
use std::net::Ipv4Addr;

fn addr(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(n))
}

#[test]
fn the_loudest_are_found_among_a_rotation_of_addresses() {
    let (mut top, secret) = (Top::new(), Secret::new(9));
    for n in 0..300_000 {
        top.on_event(Time(u64::from(n)), secret.source(addr(0x0100_0000 + n)), true);
        if n % 100 == 0 {
            for loud in 0..5 {
                top.on_event(Time(u64::from(n)), secret.source(addr(loud)), loud % 2 == 0);
            }
        }
    }
    let found = top.top(5);
    let mut names: Vec<_> = found.iter().map(|row| row.addr).collect();
    names.sort_unstable();
    assert_eq!(names, (0..5).map(addr).collect::<Vec<_>>(), "one in a hundred each");
    for row in found {
        let refused = if row.addr == addr(1) || row.addr == addr(3) { 0 } else { 3_000 };
        assert!(row.events >= 3_000 && row.events - row.error <= 3_000, "{row:?}");
        assert!(row.refused <= refused && row.refused + row.error >= refused, "{row:?}");
    }
    assert_eq!(top.lines.len(), LINES);
    assert!(top.top(10_000).len() <= LINES * WAYS);
}

#[test]
fn the_past_fades() {
    let (mut top, secret) = (Top::new(), Secret::new(9));
    let source = secret.source(addr(1));
    for _ in 0..1_000 {
        top.on_event(Time::ZERO, source, true);
    }
    for (seconds, expect) in [(9, 1_001), (10, 501), (35, 126), (5_000, 1)] {
        top.on_event(Time::from_millis(seconds * 1_000), source, false);
        assert_eq!(top.top(1)[0].events, expect, "after {seconds} s");
    }
}
