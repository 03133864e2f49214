//! Bans behind hints: whatever is banned, lifted, replaced and swept in whatever order, the program drops the banned and nobody else.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hillfort_bpf::Program;

use super::stages::SYN;
use super::tests::{SECRET, US4, in_kernel};
use super::{Rules, filter};
use crate::bans::Bans;
use crate::hints::{HINT_BITS, Hints};
use crate::layout::source_key;
use crate::maps::Maps;
use crate::packets::Frame;
use crate::verdict::Verdict;

const LONG: Duration = Duration::from_secs(3_600);

#[test]
fn the_banned_are_dropped_and_nobody_else() {
    in_kernel("the_banned_are_dropped_and_nobody_else", || {
        let maps = Maps::create(&[]).unwrap();
        let rules = Rules { tcp_ports: &[7352], udp_ports: &[], allow: false, secret: SECRET };
        let program = Program::load_xdp("hinted", filter(&maps, rules)).unwrap();
        let look = Hints::of(&maps.ban_hints, SECRET).unwrap();
        let mut bans = Bans::in_map(maps.bans, Hints::of(&maps.ban_hints, SECRET).unwrap());
        let ip = |n: u32| IpAddr::from(Ipv4Addr::from(0x6400_0000 + n));
        let check = |banned: &[u32]| {
            for n in 0..64 {
                let bytes = Frame::tcp(&format!("{}:9", ip(n)), US4, SYN as u8).bytes();
                let verdict = program.test_run(&bytes, 1, None).unwrap().verdict;
                let expect = if banned.contains(&n) { Verdict::DropBanned } else { Verdict::Pass };
                assert_eq!(verdict, expect.action() as u32, "{n} of {banned:?}");
            }
        };
        check(&[]);
        bans.ban(ip(3), LONG).unwrap();
        assert_eq!(bans.ban_all([(ip(5), LONG), (ip(6), LONG)]).unwrap(), 3);
        check(&[3, 5, 6]);
        assert_eq!(look.count(), 3);
        // Lifting what was never banned changes nothing.
        assert!(!bans.lift(ip(9)).unwrap());
        assert!(bans.lift(ip(5)).unwrap());
        check(&[3, 6]);
        assert_eq!(look.count(), 2);
        // A ban that has ended leaves with the next sweep. (The program's clock is coarse: it may end it some milliseconds late.)
        bans.ban(ip(7), Duration::ZERO).unwrap();
        assert_eq!(look.count(), 3);
        assert_eq!(bans.sweep().unwrap(), 1);
        assert_eq!(look.count(), 2);
        assert_eq!(bans.replace(&[(ip(6), LONG), (ip(10), LONG)]).unwrap(), 2);
        check(&[6, 10]);
        assert_eq!(look.count(), 2);
    });
}

/// Two sources with one hint: the lift of one leaves the other banned.
#[test]
fn a_shared_hint_stays_while_anybody_needs_it() {
    in_kernel("a_shared_hint_stays_while_anybody_needs_it", || {
        let place = |n: u32| SECRET.hash(source_key(Ipv4Addr::from(n).into())) >> (64 - HINT_BITS);
        let first = 0x6400_0000;
        let second = (first + 1..).find(|n| place(*n) == place(first)).unwrap();
        let maps = Maps::create(&[]).unwrap();
        let rules = Rules { tcp_ports: &[7352], udp_ports: &[], allow: false, secret: SECRET };
        let program = Program::load_xdp("hinted", filter(&maps, rules)).unwrap();
        let look = Hints::of(&maps.ban_hints, SECRET).unwrap();
        let mut bans = Bans::in_map(maps.bans, Hints::of(&maps.ban_hints, SECRET).unwrap());
        let verdict = |n: u32| {
            let bytes = Frame::tcp(&format!("{}:9", Ipv4Addr::from(n)), US4, SYN as u8).bytes();
            program.test_run(&bytes, 1, None).unwrap().verdict
        };
        bans.ban(Ipv4Addr::from(first).into(), LONG).unwrap();
        assert_eq!(verdict(second), Verdict::Pass.action() as u32, "a hint is not a ban");
        bans.ban(Ipv4Addr::from(second).into(), LONG).unwrap();
        assert_eq!(look.count(), 1);
        assert!(bans.lift(Ipv4Addr::from(first).into()).unwrap());
        assert_eq!(verdict(first), Verdict::Pass.action() as u32);
        assert_eq!(verdict(second), Verdict::DropBanned.action() as u32);
        assert_eq!(look.count(), 1);
    });
}
