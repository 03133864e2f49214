//! Connections at the door: each limit at its edge, each refusal with its reason.

use super::*;

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
fn a_balancer_counts_as_open_and_as_nothing_else() {
    let mut config = Config { open_max: 3, ..config() };
    config.posture.offered_per_s = 3;
    let mut guard = guard(config);
    let mut waiting: Vec<_> = (0..3).map(|_| guard.on_balancer(NOW, ip("10.9.1.1")).unwrap()).collect();
    assert_eq!(guard.on_balancer(NOW, ip("10.9.1.1")), Err(Reject::ConnectionsFull));
    guard.on_close(waiting.pop().unwrap());
    let client = guard.on_connect(NOW, v4(1)).unwrap();
    let stats = guard.stats(NOW);
    assert_eq!((stats.open, stats.admitted, stats.posture), (3, 1, Posture::Calm));
    assert_eq!(guard.top(10).iter().map(|row| row.addr).collect::<Vec<_>>(), [v4(1)]);
    for proof in waiting.into_iter().chain([client]) {
        guard.on_close(proof);
    }
    assert_eq!(guard.stats(NOW).open, 0);
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

#[test]
fn limits_change_while_running_and_counts_stay() {
    let mut guard = guard(config());
    let (admitted, _) = connect(&mut guard, NOW, v4(1), 20);
    guard.apply(NOW, Config { source_open_max: 20, source_connect: rate(1_000, 2_000), ..config() });
    assert_eq!(guard.on_connect(NOW, v4(1)), Err(Reject::SourceConnections));
    guard.apply(NOW, Config { source_open_max: 21, source_connect: rate(1_000, 2_000), ..config() });
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
    guard.apply(NOW, config());
    assert_eq!(guard.on_connect(NOW, v4(1)), Err(Reject::ConnectRate), "nothing is given at once");
    assert!(guard.on_connect(NOW + Duration::from_secs(1), v4(1)).is_ok(), "15 s are not waited for");
}

#[test]
fn no_stranger_makes_the_guard_allocate() {
    let mut guard = guard(Config {
        connect: rate(200_000, 1_000_000),
        fuse: crate::fuse::FuseRules { bans_per_min: 100_000, players_percent: 5 },
        ..config()
    });
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
