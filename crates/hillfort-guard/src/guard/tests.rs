//! Strangers at the door: each limit at its edge, each refusal with its reason, all under virtual time.

use super::*;
use crate::bans::Cause;
use crate::bucket::Rate;
use crate::config::IpNet;
use hillfort_proto::hello::{AppId, HelloKey, KeyId, KeyRing};
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

const WALL: UnixMs = UnixMs(1_800_000_000_000);
const NOW: Time = Time::from_millis(1_000);

fn rate(per_s: u32, burst: u32) -> Rate {
    Rate::new(per_s, burst).unwrap()
}

fn key(n: u16) -> HelloKey {
    HelloKey::new(AppId(7), KeyId(n), &[n as u8; 32]).unwrap()
}

fn config() -> Config {
    let mut keys = KeyRing::default();
    keys.insert(key(1)).unwrap();
    Config {
        keys,
        connect: rate(3_000, 5_000),
        source_connect: rate(100, 20),
        source_open_max: 30,
        open_max: 1_000,
        trusted: nets(&["10.9.0.0/16"]),
        unbannable: nets(&["127.0.0.1/32", "::1/128"]),
        tolerance: rate(10, 1_000),
        ban: Duration::from_secs(600),
        inputs: InputRates { session: rate(120, 120), kind: rate(60, 60), control: rate(30, 60), tolerance: rate(50, 200) },
    }
}

fn nets(text: &[&str]) -> Vec<IpNet> {
    text.iter().map(|net| net.parse().unwrap()).collect()
}

fn guard(config: Config) -> Guard {
    Guard::new(config, 42)
}

fn v4(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0100_0000 + n))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// What `n` connections of `addr` at once are told: admitted, and refused by reason.
fn connect(guard: &mut Guard, now: Time, addr: IpAddr, n: usize) -> (Vec<Admitted>, Vec<Reject>) {
    let (mut admitted, mut rejects) = (Vec::new(), Vec::new());
    for _ in 0..n {
        match guard.on_connect(now, addr) {
            Ok(proof) => admitted.push(proof),
            Err(reject) => rejects.push(reject),
        }
    }
    (admitted, rejects)
}

#[test]
fn a_source_has_its_burst_and_others_have_theirs() {
    let mut guard = guard(config());
    let (admitted, rejects) = connect(&mut guard, NOW, v4(1), 25);
    assert_eq!((admitted.len(), rejects), (20, vec![Reject::SourceRate; 5]));
    assert_eq!(connect(&mut guard, NOW, v4(2), 20).0.len(), 20);
    let (later, _) = connect(&mut guard, NOW + Duration::from_millis(51), v4(1), 25);
    assert_eq!(later.len(), 5, "five hundredths of a second at 100/s");
}

#[test]
fn open_connections_of_a_source_are_capped_until_one_closes() {
    let mut guard = guard(Config { source_connect: rate(1_000, 1_000), ..config() });
    let (mut admitted, rejects) = connect(&mut guard, NOW, v4(1), 31);
    assert_eq!((admitted.len(), rejects), (30, vec![Reject::SourceConnections]));
    guard.on_close(admitted.pop().unwrap());
    let (again, rejects) = connect(&mut guard, NOW, v4(1), 2);
    assert_eq!((again.len(), rejects), (1, vec![Reject::SourceConnections]));
}

#[test]
fn open_connections_in_all_are_capped() {
    let mut guard = guard(Config { open_max: 3, ..config() });
    let (mut admitted, _) = connect(&mut guard, NOW, v4(1), 3);
    assert_eq!(guard.on_connect(NOW, v4(2)), Err(Reject::ConnectionsFull));
    assert_eq!(guard.on_connect(NOW, ip("10.9.1.1")), Err(Reject::ConnectionsFull), "trust makes no room");
    guard.on_close(admitted.pop().unwrap());
    assert!(guard.on_connect(NOW, v4(2)).is_ok());
}

#[test]
fn the_global_budget_is_spent_by_the_admitted_only() {
    let mut guard = guard(Config { connect: rate(10, 50), ..config() });
    let (admitted, rejects) = connect(&mut guard, NOW, v4(1), 500);
    assert_eq!((admitted.len(), rejects.len()), (20, 480), "one source floods");
    let (admitted, _) = connect(&mut guard, NOW, v4(2), 20);
    assert_eq!(admitted.len(), 20, "and the others still come in");
    let (admitted, rejects) = connect(&mut guard, NOW, v4(3), 20);
    assert_eq!((admitted.len(), rejects), (10, vec![Reject::ConnectRate; 10]));
}

#[test]
fn the_trusted_are_bound_by_the_total_alone() {
    let mut guard = guard(config());
    assert_eq!(connect(&mut guard, NOW, ip("10.9.255.255"), 500).0.len(), 500);
    assert_eq!(connect(&mut guard, NOW, ip("10.10.0.0"), 500).0.len(), 20, "just outside the prefix");
    assert_eq!(guard.ban(NOW, ip("10.9.0.1"), Duration::from_secs(1)), Err(NotBannable));
}

#[test]
fn addresses_that_are_one_source() {
    for (one, other, same) in [
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
        ("1.2.3.4", "::ffff:1.2.3.4", true),
        ("1.2.3.4", "1.2.3.5", false),
        ("0.0.0.0", "::1", false),
    ] {
        let mut guard = guard(config());
        assert_eq!(connect(&mut guard, NOW, ip(one), 20).0.len(), 20);
        assert_eq!(guard.on_connect(NOW, ip(other)).is_err(), same, "{one} and {other}");
    }
}

fn hello(n: u64) -> [u8; HELLO_BYTES] {
    hello_at(n, WALL)
}

fn hello_at(n: u64, wall: UnixMs) -> [u8; HELLO_BYTES] {
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&n.to_be_bytes());
    Hello::sign(wall, nonce, &key(1))
}

#[test]
fn hellos_are_judged_in_order_of_cost() {
    let good = hello(1);
    let with = |at: usize, value: u8| {
        let mut bytes = good;
        bytes[at] ^= value;
        bytes
    };
    let mut guard = guard(config());
    let proof = guard.on_connect(NOW, v4(1)).unwrap();
    for (what, bytes, expect) in [
        ("magic", with(0, 1), Err(Reject::HelloMagic)),
        ("end of magic", with(7, 1), Err(Reject::HelloMagic)),
        ("flags", with(39, 1), Err(Reject::HelloFlags)),
        ("clock, before key and MAC are looked at", with(9, 1), Err(Reject::HelloTime)),
        ("app", with(35, 1), Err(Reject::HelloKey)),
        ("key", with(37, 2), Err(Reject::HelloKey)),
        ("MAC", with(71, 1), Err(Reject::HelloMac)),
        ("second half of the nonce", with(31, 1), Err(Reject::HelloMac)),
        ("3 s behind", hello_at(2, UnixMs(WALL.0 - 3_000)), Ok(())),
        ("3 s ahead", hello_at(3, UnixMs(WALL.0 + 3_000)), Ok(())),
        ("more than 3 s behind", hello_at(4, UnixMs(WALL.0 - 3_001)), Err(Reject::HelloTime)),
        ("more than 3 s ahead", hello_at(5, UnixMs(WALL.0 + 3_001)), Err(Reject::HelloTime)),
        ("good, after all these", good, Ok(())),
        ("the same again", good, Err(Reject::HelloReplay)),
        ("zeros", [0; HELLO_BYTES], Err(Reject::HelloMagic)),
    ] {
        let before = guard.stats(NOW);
        let verdict = guard
            .on_hello(NOW, WALL, &proof, &bytes)
            .map(|authed| assert_eq!((authed.app(), authed.key()), (AppId(7), KeyId(1))));
        assert_eq!(verdict, expect, "{what}");
        let after = guard.stats(NOW);
        match expect {
            Ok(()) => assert_eq!(after.authed, before.authed + 1, "{what}"),
            Err(reject) => {
                assert_eq!(after.rejects(reject), before.rejects(reject) + 1, "{what}");
                assert_eq!((after.authed, after.nonces), (before.authed, before.nonces), "{what}: nothing else changed");
            }
        }
    }
}

#[test]
fn a_replay_is_refused_from_another_address_and_until_its_time_is_over() {
    let mut guard = guard(config());
    let (one, other) = (guard.on_connect(NOW, v4(1)).unwrap(), guard.on_connect(NOW, v4(2)).unwrap());
    // Signed by a clock that is 3 s ahead, so it is valid for 6 s.
    let bytes = hello_at(1, UnixMs(WALL.0 + 3_000));
    assert!(guard.on_hello(NOW, WALL, &one, &bytes).is_ok());
    for ms in (0..=6_000).step_by(100) {
        let verdict = guard.on_hello(NOW + Duration::from_millis(ms), UnixMs(WALL.0 + ms), &other, &bytes);
        assert_eq!(verdict, Err(Reject::HelloReplay), "{ms} ms later");
    }
    let verdict = guard.on_hello(NOW + Duration::from_millis(6_001), UnixMs(WALL.0 + 6_001), &other, &bytes);
    assert_eq!(verdict, Err(Reject::HelloTime));
}

#[test]
fn a_clock_set_back_by_five_seconds_lets_no_replay_in() {
    let mut guard = guard(config());
    let proof = guard.on_connect(NOW, v4(1)).unwrap();
    let bytes = hello_at(1, UnixMs(WALL.0 + 3_000));
    assert!(guard.on_hello(NOW, WALL, &proof, &bytes).is_ok());
    for ms in 0..=11_000 {
        let verdict = guard.on_hello(NOW + Duration::from_millis(ms), UnixMs(WALL.0 + ms - 5_000), &proof, &bytes);
        assert!(verdict.is_err(), "{ms} ms later");
    }
}

#[test]
fn keys_change_while_running_and_several_live_at_once() {
    let mut guard = guard(config());
    let proof = guard.on_connect(NOW, v4(1)).unwrap();
    let by_second = |n| Hello::sign(WALL, [n; 16], &key(2));
    assert_eq!(guard.on_hello(NOW, WALL, &proof, &by_second(1)), Err(Reject::HelloKey));
    let mut both = config();
    both.keys.insert(key(2)).unwrap();
    guard.apply(both);
    assert!(guard.on_hello(NOW, WALL, &proof, &by_second(1)).is_ok());
    assert!(guard.on_hello(NOW, WALL, &proof, &hello(9)).is_ok());
    guard.apply(Config { keys: KeyRing::default(), ..config() });
    assert_eq!(guard.on_hello(NOW, WALL, &proof, &by_second(2)), Err(Reject::HelloKey));
}

#[test]
fn bad_hellos_ban_their_address_for_ten_minutes() {
    let mut guard = guard(config());
    let proof = guard.on_connect(NOW, v4(1)).unwrap();
    for _ in 0..20 {
        assert_eq!(guard.on_hello(NOW, WALL, &proof, &[0; HELLO_BYTES]), Err(Reject::HelloMagic));
    }
    assert_eq!(guard.bans(NOW).count(), 0, "20 × 50 points are borne");
    let last = NOW + Duration::from_millis(1);
    assert_eq!(guard.on_hello(last, WALL, &proof, &[0; HELLO_BYTES]), Err(Reject::HelloMagic));
    let until = last + Duration::from_secs(600);
    let expect = Ban { addr: v4(1), cause: Cause::Offence(Reject::HelloMagic), count: 21, first: NOW, last, until };
    assert_eq!(guard.bans(last).collect::<Vec<_>>(), [&expect]);
    assert_eq!(guard.on_connect(until - Duration::from_nanos(1), v4(1)), Err(Reject::Banned));
    assert!(guard.on_connect(until - Duration::from_nanos(1), v4(2)).is_ok(), "the neighbour plays on");
    assert!(guard.on_hello(last, WALL, &proof, &hello(1)).is_ok(), "who is in already is not cut");
    assert!(guard.on_connect(until, v4(1)).is_ok());
    assert_eq!((guard.stats(until).bans, guard.stats(until).bans_made), (0, 1));
}

#[test]
fn what_a_browser_can_be_made_to_send_weighs_little() {
    let check = |first: &[u8], borne: u32| {
        let mut guard = guard(config());
        let proof = guard.on_connect(NOW, v4(1)).unwrap();
        let mut bytes = [0; HELLO_BYTES];
        bytes[..first.len()].copy_from_slice(first);
        for n in 0..borne {
            assert_eq!(guard.on_hello(NOW, WALL, &proof, &bytes), Err(Reject::HelloMagic), "{first:?}");
            assert_eq!(guard.bans(NOW).count(), 0, "{first:?} {n}");
        }
        guard.on_hello(NOW + Duration::from_millis(1), WALL, &proof, &bytes).unwrap_err();
        assert_eq!(guard.bans(NOW).count(), 1, "{first:?}");
    };
    for first in ["GET /", "POST ", "PUT ", "HEAD ", "OPTIONS", "DELETE", "PATCH", "PRI *"] {
        check(first.as_bytes(), 200);
    }
    check(&[0x16, 0x03, 0x01], 200);
    for first in [&b"GET"[..], b"get /", b"SSH-2.0", &[0x16, 0x02], b"GOSL"] {
        check(first, 20);
    }
}

#[test]
fn an_excused_connection_charges_nobody() {
    let mut guard = guard(config());
    let mut proof = guard.on_connect(NOW, v4(1)).unwrap();
    proof.excuse();
    for _ in 0..100 {
        assert_eq!(guard.on_hello(NOW, WALL, &proof, &[0; HELLO_BYTES]), Err(Reject::HelloMagic));
        assert!(!guard.on_offence(NOW, proof.peer(), Reject::InputFlood));
    }
    assert_eq!((guard.stats(NOW).bans, guard.stats(NOW).open), (0, 1));
    guard.on_close(proof);
    assert_eq!(guard.stats(NOW).open, 0);
}

#[test]
fn a_connection_flood_bans_and_a_lan_party_does_not() {
    let mut guard = guard(Config { source_connect: rate(100, 1_000), source_open_max: 4_096, open_max: 10_000, ..config() });
    let (admitted, rejects) = connect(&mut guard, NOW, v4(1), 1_500);
    assert_eq!((admitted.len(), rejects.len()), (1_000, 500), "1,500 players behind one address come back at once");
    assert_eq!(guard.stats(NOW).bans, 0, "and are told to try again");
    let (_, rejects) = connect(&mut guard, NOW, v4(2), 5_000);
    assert_eq!(rejects.iter().filter(|&&reject| reject == Reject::Banned).count(), 5_000 - 1_000 - 1_001);
}

#[test]
fn operators_ban_and_lift() {
    let mut guard = guard(config());
    guard.ban(NOW, ip("2001:db8::77"), Duration::from_secs(60)).unwrap();
    assert_eq!(guard.on_connect(NOW, ip("2001:db8::1")), Err(Reject::Banned));
    assert_eq!(guard.bans(NOW).map(|ban| (ban.addr, ban.cause)).collect::<Vec<_>>(), [(ip("2001:db8::"), Cause::Operator)]);
    assert!(guard.lift(ip("2001:db8::2")));
    assert!(!guard.lift(ip("2001:db8::2")));
    assert!(guard.on_connect(NOW, ip("2001:db8::1")).is_ok());
}

#[test]
fn the_unbannable_are_limited_but_never_banned() {
    let mut guard = guard(config());
    let home = ip("127.0.0.1");
    let (admitted, rejects) = connect(&mut guard, NOW, home, 10_000);
    assert_eq!((admitted.len(), rejects), (20, vec![Reject::SourceRate; 9_980]));
    for _ in 0..10_000 {
        assert!(!guard.on_offence(NOW, admitted[0].peer(), Reject::InputFlood));
    }
    assert_eq!(guard.ban(NOW, home, Duration::from_secs(60)), Err(NotBannable));
    assert_eq!(guard.ban(NOW, ip("::ffff:127.0.0.1"), Duration::from_secs(60)), Err(NotBannable));
    assert!(guard.ban(NOW, ip("127.6.6.1"), Duration::from_secs(60)).is_ok(), "the rest of 127/8 can be banned");
}

#[test]
fn new_lists_lift_the_bans_they_forbid() {
    let mut guard = guard(config());
    guard.ban(NOW, v4(1), Duration::from_secs(60)).unwrap();
    guard.ban(NOW, v4(2), Duration::from_secs(60)).unwrap();
    guard.apply(Config { unbannable: vec![IpNet::from(v4(1))], ..config() });
    assert_eq!(guard.bans(NOW).map(|ban| ban.addr).collect::<Vec<_>>(), [v4(2)]);
}

#[test]
fn limits_change_while_running_and_counts_stay() {
    let mut guard = guard(config());
    let (admitted, _) = connect(&mut guard, NOW, v4(1), 20);
    guard.apply(Config { source_open_max: 20, source_connect: rate(1_000, 2_000), ..config() });
    assert_eq!(guard.on_connect(NOW, v4(1)), Err(Reject::SourceConnections));
    guard.apply(Config { source_open_max: 21, source_connect: rate(1_000, 2_000), ..config() });
    assert!(guard.on_connect(NOW, v4(1)).is_ok());
    assert_eq!(guard.stats(NOW).open, 21);
    for proof in admitted {
        guard.on_close(proof);
    }
    assert_eq!(guard.stats(NOW).open, 1);
}

#[test]
fn who_loosens_a_limit_is_not_kept_waiting_for_the_old_one() {
    let mut guard = guard(Config { connect: rate(1, 15), ..config() });
    let (_admitted, refused) = connect(&mut guard, NOW, v4(1), 16);
    assert_eq!(refused, [Reject::ConnectRate]);
    guard.apply(config());
    assert_eq!(guard.on_connect(NOW, v4(1)), Err(Reject::ConnectRate), "nothing is given at once");
    assert!(guard.on_connect(NOW + Duration::from_secs(1), v4(1)).is_ok(), "15 s are not waited for");
}

#[test]
fn no_offence_weighs_on_an_honest_player() {
    for reject in [
        Reject::Goodbye,
        Reject::HeartbeatLost,
        Reject::SlowConsumer,
        Reject::RoomFull,
        Reject::UnprovenShed,
        Reject::InputRate,
        Reject::Banned,
    ] {
        assert_eq!(points(reject), 0, "{reject}");
    }
}

#[test]
fn no_stranger_makes_the_guard_allocate() {
    let mut guard = guard(Config { connect: rate(200_000, 1_000_000), ..config() });
    let allocated = allocation_counter::measure(|| {
        for n in 0..20_000 {
            let now = NOW + Duration::from_millis(u64::from(n));
            let Ok(proof) = guard.on_connect(now, v4(n % 7_000)) else { continue };
            let bytes = if n % 3 == 0 { hello(u64::from(n)) } else { [0; HELLO_BYTES] };
            let _verdict = guard.on_hello(now, WALL, &proof, &bytes);
            guard.on_offence(now, proof.peer(), Reject::InputFlood);
            guard.on_close(proof);
        }
    });
    let stats = guard.stats(NOW);
    assert!(stats.bans_made > 1_000 && stats.authed > 1_000, "{stats:?}");
    assert_eq!(allocated.count_total, 0, "twenty thousand connections, hellos, offences and bans");
}

proptest! {
    /// Hostile bytes give a verdict, and only bytes that a key signed are let in.
    #[test]
    fn any_hello_gets_a_verdict(mut bytes in prop::array::uniform32(any::<u8>()), from in 0..=40_usize) {
        let mut guard = guard(config());
        let proof = guard.on_connect(NOW, v4(1)).unwrap();
        let mut mixed = hello(1);
        bytes[0] ^= u8::from(mixed[from] == bytes[0]);
        mixed[from..from + 32].copy_from_slice(&bytes);
        prop_assert!(guard.on_hello(NOW, WALL, &proof, &mixed).is_err());
    }

    /// Whatever comes and goes: counts add up, sources are kept only while they are open.
    #[test]
    fn opens_and_closes_add_up(steps in prop::collection::vec((any::<bool>(), 0..40_u32), 0..500)) {
        let mut guard = guard(config());
        let mut held: Vec<Admitted> = Vec::new();
        for (open, n) in steps {
            if open {
                held.extend(guard.on_connect(NOW, v4(n)).ok());
            } else if !held.is_empty() {
                let at = n as usize % held.len();
                guard.on_close(held.swap_remove(at));
            }
            prop_assert_eq!(guard.open_total as usize, held.len());
        }
        let sources: std::collections::BTreeSet<_> = held.iter().map(|proof| proof.peer().addr()).collect();
        prop_assert_eq!(guard.open.len(), sources.len());
    }

    /// IPv6 with random low bits is one source, with random prefixes many; the maps stay within their capacity.
    #[test]
    fn maps_never_grow(prefixes in prop::collection::vec(any::<u64>(), 0..3_000)) {
        let mut guard = guard(Config { connect: rate(200_000, 200_000), open_max: 64, ..config() });
        let capacity = guard.open.capacity();
        let mut held = std::collections::VecDeque::new();
        for prefix in prefixes {
            let addr = IpAddr::V6(Ipv6Addr::from_bits(u128::from(prefix) << 64 | 5));
            if let Ok(proof) = guard.on_connect(NOW, addr) {
                held.push_back(proof);
            }
            if held.len() == 64 {
                guard.on_close(held.pop_front().unwrap());
            }
        }
        // What the table calls its capacity shrinks with its tombstones and would double if it grew.
        prop_assert!(guard.open.capacity() <= capacity);
    }
}
