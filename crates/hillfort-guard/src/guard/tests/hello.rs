//! Signed hellos: order of the checks, replays, clocks, keys.

use super::*;

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
    guard.apply(NOW, both);
    assert!(guard.on_hello(NOW, WALL, &proof, &by_second(1)).is_ok());
    assert!(guard.on_hello(NOW, WALL, &proof, &hello(9)).is_ok());
    guard.apply(NOW, Config { keys: KeyRing::default(), ..config() });
    assert_eq!(guard.on_hello(NOW, WALL, &proof, &by_second(2)), Err(Reject::HelloKey));
}

/// The server's clock jumps by five seconds, and back, and the players' clocks stay where they are, or were wrong before.
#[test]
fn a_step_of_the_clock_locks_nobody_out_and_lets_no_replay_in() {
    for step in [5_000_i64, -5_000] {
        let mut guard = guard(Config { connect: rate(10_000, 10_000), source_connect: rate(10_000, 10_000), ..config() });
        let proof = guard.on_connect(NOW, v4(1)).unwrap();
        let mut said: Vec<(u64, [u8; HELLO_BYTES])> = Vec::new();
        for ms in (0..60_000_u64).step_by(50) {
            let now = NOW + Duration::from_millis(ms);
            // From the tenth second to the thirtieth the server is wrong.
            let wrong = (10_000..30_000).contains(&ms);
            let wall = UnixMs((WALL.0 + ms).saturating_add_signed(if wrong { step } else { 0 }));
            // Players whose clocks are right, and within the window of it.
            for (n, off) in [(0, 0_i64), (1, 2_900), (2, -2_900)] {
                let bytes = hello_at(ms * 10 + n, UnixMs((WALL.0 + ms).saturating_add_signed(off)));
                assert_eq!(guard.on_hello_prefix(now, wall, &bytes[..24]), Ok(()), "{step}: {ms} ms");
                assert!(guard.on_hello(now, wall, &proof, &bytes).is_ok(), "{step}: {ms} ms, a clock {off} ms off");
                said.push((ms, bytes));
            }
            // Everything that was said in the last 25 s is said again.
            if ms % 1_000 == 0 {
                for (at, bytes) in said.iter().filter(|(at, _)| ms - at <= 25_000) {
                    let again = guard.on_hello(now, wall, &proof, bytes);
                    assert!(again.is_err(), "{step}: said at {at} ms and again at {ms} ms");
                }
            }
        }
        assert_eq!(guard.stats(NOW).clock_steps, 2);
    }
}

/// A player who set his clock by a server that was wrong is let in, too.
#[test]
fn hellos_by_the_new_clock_are_good_at_once() {
    let mut guard = guard(config());
    let proof = guard.on_connect(NOW, v4(1)).unwrap();
    assert!(guard.on_hello(NOW, WALL, &proof, &hello(1)).is_ok());
    for (n, step) in [(2, 5_000), (4, 0), (6, 5_000)] {
        let wall = UnixMs(WALL.0 + step);
        for (n, by) in [(n, WALL.0 + step), (n + 1, WALL.0 + 5_000 - step)] {
            assert!(guard.on_hello(NOW, wall, &proof, &hello_at(n, UnixMs(by))).is_ok(), "stepped to {step}, signed by {by}");
        }
        assert_eq!(guard.on_hello(NOW, wall, &proof, &hello_at(9, UnixMs(WALL.0 + 8_001))), Err(Reject::HelloTime));
        assert_eq!(guard.on_hello(NOW, wall, &proof, &hello_at(9, UnixMs(WALL.0 - 3_001))), Err(Reject::HelloTime));
    }
}
