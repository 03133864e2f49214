//! Offences and what they lead to.

use super::*;

#[test]
fn bad_hellos_ban_their_address_for_half_a_minute() {
    let mut guard = guard(config());
    let proof = guard.on_connect(NOW, v4(1)).unwrap();
    for _ in 0..20 {
        assert_eq!(guard.on_hello(NOW, WALL, &proof, &[0; HELLO_BYTES]), Err(Reject::HelloMagic));
    }
    assert_eq!(guard.bans(NOW).count(), 0, "20 × 50 points are borne");
    let last = NOW + Duration::from_millis(1);
    assert_eq!(guard.on_hello(last, WALL, &proof, &[0; HELLO_BYTES]), Err(Reject::HelloMagic));
    let until = last + Duration::from_secs(30);
    let expect = Ban {
        addr: v4(1),
        cause: Cause::Offence(Reject::HelloMagic),
        count: 21,
        first: NOW,
        last,
        until,
        repeats: 0,
        strangers_only: false,
    };
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
    assert!(guard.lift(NOW, ip("2001:db8::2")));
    assert!(!guard.lift(NOW, ip("2001:db8::2")));
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
    guard.apply(NOW, Config { unbannable: vec![IpNet::from(v4(1))], ..config() });
    assert_eq!(guard.bans(NOW).map(|ban| ban.addr).collect::<Vec<_>>(), [v4(2)]);
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
fn a_score_can_be_kept_for_every_tolerance() {
    for (per_s, burst) in [(1, 100), (1, 7_100), (10, 1_000), (10, 71_000), (10_000, 1_000_000), (200_000, 1_000_000)] {
        let standing = Config { tolerance: rate(per_s, burst), ..config() }.standing();
        assert!(standing.burst() >= burst, "{per_s}/s, {burst}: {standing:?}");
    }
    let standing = config().standing();
    assert_eq!((standing.per_s(), standing.burst()), (1, 4_000));
}

#[test]
fn who_was_banned_again_and_again_is_refused_for_a_while() {
    let mut guard = guard(config());
    let proof = guard.on_connect(NOW, v4(1)).unwrap();
    let mut now = NOW;
    let mut bans = 0;
    while guard.reputation(now, v4(1)).score >= 10 {
        bans += u32::from(guard.on_offence(now, proof.peer(), Reject::HelloMac));
        now = now + Duration::from_secs(5);
    }
    assert!((2..=20).contains(&bans), "{bans} bans");
    let free = guard.bans(now).map(|ban| ban.until).max().unwrap_or(now).max(now);
    assert_eq!(guard.on_connect(free, v4(1)), Err(Reject::Reputation));
    assert!(guard.on_connect(free, v4(2)).is_ok());
    assert!(guard.on_connect(free + Duration::from_secs(900), v4(1)).is_ok());
    assert!(guard.lift(now, v4(1)) || guard.bans(now).count() == 0);
    assert_eq!(guard.reputation(now, v4(1)).score, 100);
}
