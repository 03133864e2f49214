//! Who pays for a flood: strangers before known players, the cheater before those who share his address, and nobody for what was sent in
//! his name.

use super::*;
use crate::known::ACCOUNTS_MAX;
use crate::posture::{Posture, PostureRules};

#[test]
fn strangers_leave_the_reserve_to_the_known() {
    let posture = PostureRules { offered_per_s: 1_000_000, refused_per_s: 1_000_000, ..config().posture };
    let mut guard = guard(Config { connect: rate(10, 100), known_percent: 33, posture, ..config() });
    let now = settle(&mut guard, NOW, v4(1), 1);
    let strangers = (100..300).filter(|n| guard.on_connect(now, v4(*n)).is_ok()).count();
    assert_eq!(strangers, 67);
    assert_eq!(guard.on_connect(now, v4(301)), Err(Reject::ConnectRate));
    assert_eq!(connect(&mut guard, now, v4(1), 20).0.len(), 20, "whoever played here before comes in");
    // While strangers flood at any rate, the known go on coming in.
    for second in 1..60 {
        let now = now + Duration::from_secs(second);
        let strangers = (0..1_000).filter(|n| guard.on_connect(now, v4(1_000 + n)).is_ok()).count();
        assert!(strangers <= 10, "{strangers}");
        let proof = guard.on_connect(now, v4(1)).unwrap_or_else(|reject| panic!("second {second}: {reject}"));
        guard.on_close(proof);
    }
}

/// Bots that complete connections and say nothing must not spend what newcomers need; who signs a hello spends it, the known last.
#[test]
fn under_attack_the_budget_is_spent_by_those_who_prove_themselves() {
    let mut guard = guard(Config { connect: rate(10, 100), known_percent: 33, ..config() });
    let mut now = settle(&mut guard, NOW, v4(1), 1);
    let mut nonce = 0;
    let mut says_hello = |guard: &mut Guard, now: Time, proof: &Admitted| {
        nonce += 1;
        guard.on_hello(now, WALL, proof, &hello(nonce)).map(drop)
    };
    // It begins as a flood of refusals.
    let refused = (0..1_000).filter(|n| guard.on_connect(now, v4(1_000 + n)).is_err()).count();
    assert!(refused >= 500 && guard.posture(now) == Posture::Attack, "{refused}");
    for second in 0..20 {
        now = now + Duration::from_secs(1);
        for n in 0..2_000 {
            let silent = guard.on_connect(now, v4(10_000 + second * 2_000 + n));
            guard.on_close(silent.expect("they wait where the oldest gives way"));
        }
        let newcomer = guard.on_connect(now, v4(500_000 + second)).unwrap();
        assert_eq!(says_hello(&mut guard, now, &newcomer), Ok(()), "second {second}");
    }
    // A hello that was overheard spends nothing, however often it is said.
    let replayers: Vec<Admitted> = (0..200).map(|n| guard.on_connect(now, v4(700_000 + n)).unwrap()).collect();
    for proof in &replayers {
        assert_eq!(guard.on_hello(now, WALL, proof, &hello(1)).map(drop), Err(Reject::HelloReplay));
    }
    // Bots that have the key spend it, but for the reserve.
    now = now + Duration::from_secs(10);
    let strangers: Vec<Admitted> = (0..200).map(|n| guard.on_connect(now, v4(600_000 + n)).unwrap()).collect();
    let proven = strangers.iter().filter(|proof| says_hello(&mut guard, now, proof).is_ok()).count();
    assert_eq!(proven, 67);
    assert_eq!(says_hello(&mut guard, now, &strangers[199]), Err(Reject::ConnectRate));
    let known = guard.on_connect(now, v4(1)).unwrap();
    assert_eq!(says_hello(&mut guard, now, &known), Ok(()));
}

#[test]
fn silence_that_was_shed_is_an_offence_under_attack_alone() {
    let mut guard = guard(config());
    let proof = guard.on_connect(NOW, v4(1)).unwrap();
    for _ in 0..1_000 {
        guard.on_silent_shed(NOW, proof.peer());
    }
    assert_eq!(guard.bans(NOW).count(), 0, "a crowd is no attack");
    for _ in 0..config().posture.refused_per_s {
        guard.on_offence(NOW, proof.peer(), Reject::Descriptors);
    }
    assert_eq!(guard.posture(NOW), Posture::Attack);
    let mut sheds = 0;
    while guard.bans(NOW).count() == 0 {
        guard.on_silent_shed(NOW, proof.peer());
        sheds += 1;
    }
    assert_eq!(sheds, config().tolerance.burst() / 10 + 1);
}

#[test]
fn who_offends_has_no_part_in_the_reserve() {
    let mut guard = guard(Config { connect: rate(10, 100), known_percent: 33, ..config() });
    let now = settle(&mut guard, NOW, v4(1), 1);
    let proof = guard.on_connect(now, v4(1)).unwrap();
    assert!(guard.goes_first(now, &proof));
    guard.on_offence(now, proof.peer(), Reject::FrameCrc);
    assert!(!guard.goes_first(now, &proof), "250 points");
    while guard.on_connect(now, v4(2)).is_ok() || guard.on_connect(now, v4(3)).is_ok() || guard.on_connect(now, v4(4)).is_ok() {}
    while guard.on_connect(now, v4(5)).is_ok() {}
    assert_eq!(guard.on_connect(now, v4(1)), Err(Reject::ConnectRate));
}

#[test]
fn handshakes_are_left_to_newcomers_by_a_flood_and_to_the_known_by_newcomers() {
    let mut guard = guard(Config { handshakes: rate(1, 100), known_percent: 40, source_connect: rate(1_000, 1_000), ..config() });
    let now = settle(&mut guard, NOW, v4(1), 1);
    // Of one address, or each of another: how many get through.
    let mut check = |from: fn(u32) -> u32, resumes: bool, expect: usize| {
        let mut one = |n: u32| {
            let proof = guard.on_connect(now, v4(from(n))).unwrap();
            let done = guard.on_handshake(now, &proof, resumes);
            guard.on_close(proof);
            done.is_ok()
        };
        assert_eq!((0..200).filter(|n| one(*n)).count(), expect);
    };
    // Ten that are nobody's loss, then down to half of what is above the reserve.
    check(|_| 2, false, 30);
    check(|n| 100 + n, false, 30);
    // Who says that he resumes.
    check(|n| 1_000 + n, true, 20);
    check(|_| 1, false, 20);
    assert_eq!(guard.stats(now).rejects(Reject::TlsRate), 170 + 170 + 180 + 180);
    let trusted = guard.on_connect(now, ip("10.9.0.1")).unwrap();
    assert_eq!(guard.on_handshake(now, &trusted, false), Ok(()));
}

#[test]
fn many_short_logins_earn_nothing_and_one_connection_counts_once() {
    let mut guard = guard(config());
    for n in 0..10_000_u64 {
        let now = NOW + Duration::from_millis(n * 15);
        let mut proof = guard.on_connect(now, v4(1)).unwrap();
        assert!(!guard.on_settled(now + HALF_A_MINUTE - Duration::from_millis(1), &mut proof, n), "too short");
        guard.on_close(proof);
    }
    assert_eq!((guard.reputation(NOW, v4(1)).known, guard.stats(NOW).settled), (false, 0));
    let now = NOW + Duration::from_secs(200);
    let mut proof = guard.on_connect(now, v4(1)).unwrap();
    let counted = (0..1_000).filter(|account| guard.on_settled(now + HALF_A_MINUTE, &mut proof, *account)).count();
    assert_eq!((counted, guard.reputation(now + HALF_A_MINUTE, v4(1)).accounts), (1, 0), "a name alone is no account");
    let now = now + HALF_A_MINUTE;
    let counted = (0..1_000).filter(|account| plays(&mut guard, now, &mut proof, *account).is_some()).count();
    assert_eq!((counted, guard.reputation(now, v4(1)).accounts), (1, 1));
    let mut excused = guard.on_connect(now, v4(2)).unwrap();
    excused.excuse();
    assert!(!guard.on_settled(now + HALF_A_MINUTE, &mut excused, 1), "a page of another site earns nothing");
}

#[test]
fn budgets_grow_with_accounts_up_to_a_bound() {
    let check = |accounts: u64, most: u32, burst: std::ops::RangeInclusive<usize>| {
        let config = Config { accounts_max: most, source_connect: rate(100, 100), source_open_max: 5_000, ..config() };
        let mut guard = guard(Config { open_max: 10_000, shared_accounts: 1_000, ..config });
        let mut now = NOW;
        for account in 0..accounts {
            now = now + Duration::from_secs(1);
            let mut proof = guard.on_connect(now, v4(1)).unwrap();
            plays(&mut guard, now + HALF_A_MINUTE, &mut proof, account);
            guard.on_close(proof);
        }
        let now = now + Duration::from_secs(60);
        let admitted = (0..5_000).filter(|_| guard.on_connect(now, v4(1)).is_ok()).count();
        assert!(burst.contains(&admitted), "{accounts} accounts: {admitted} at once");
    };
    check(0, 256, 100..=100);
    check(1, 256, 100..=100);
    check(2, 256, 110..=110);
    check(50, 256, 480..=700);
    check(500, 20, 290..=290);
    check(5_000, ACCOUNTS_MAX, 2_650..=2_660);
}

/// Ten thousand honest players from 5,000 addresses come within two seconds, after a restart, and try again with a growing pause.
#[test]
fn a_flash_crowd_comes_in_and_nobody_is_banned() {
    let mut guard = guard(Config { known_percent: 33, open_max: 20_000, ..config() });
    let mut waiting: Vec<(u64, u32, u64)> = (0..10_000).map(|n| (u64::from(n) / 5, n % 5_000, 500)).collect();
    let mut tries = 0;
    let mut second = [0; 30];
    let mut proofs = Vec::new();
    for ms in 0..30_000 {
        let now = NOW + Duration::from_millis(ms);
        for (at, player, pause) in &mut waiting {
            if *at == ms {
                tries += 1;
                let wall = UnixMs(WALL.0 + ms);
                let came = guard.on_connect(now, v4(*player)).and_then(|proof| {
                    match guard.on_hello(now, wall, &proof, &hello_at(tries, wall)) {
                        Ok(_) => Ok(proof),
                        Err(reject) => {
                            guard.on_close(proof);
                            Err(reject)
                        }
                    }
                });
                match came {
                    Ok(proof) => {
                        proofs.push(proof);
                        second[(ms / 1_000) as usize] += 1;
                        *at = u64::MAX;
                    }
                    Err(_) => (*at, *pause) = (ms + *pause, *pause * 2),
                }
            }
        }
    }
    let stats = guard.stats(NOW + Duration::from_secs(30));
    assert_eq!((proofs.len(), stats.bans_made, stats.bans_withheld), (10_000, 0, 0), "all are in after {tries} tries");
    assert!(second[..3].iter().sum::<u32>() >= 8_000, "most at once: {second:?}");
    assert!((0..5_000).all(|n| guard.ladder(NOW, v4(n)).is_empty()), "nobody bears a step");
    // They count as an attack by number, so strangers would have been asked for work.
    assert_eq!(stats.attacks, 1);
}

/// Whatever is sent in somebody's name before a handshake never gets here; and with what gets here, only an admitted connection's own
/// address can be charged. Everything else that takes an address is the operator's.
#[test]
fn a_flood_of_refused_connections_of_a_players_address_is_the_only_way_to_charge_it() {
    let mut guard = guard(config());
    let victim = v4(1);
    // An attacker with 10,000 addresses of his own does all that he can.
    for n in 0..10_000 {
        let now = NOW + Duration::from_millis(n);
        if let Ok(proof) = guard.on_connect(now, v4(2 + (n as u32 % 5_000))) {
            let _bad = guard.on_hello(now, WALL, &proof, &[0; HELLO_BYTES]);
            guard.on_offence(now, proof.peer(), Reject::InputFlood);
            guard.on_close(proof);
        }
    }
    let now = NOW + Duration::from_secs(10);
    let sheet = guard.reputation(now, victim);
    assert_eq!((sheet.score, sheet.points, sheet.reasons, guard.ladder(now, victim)), (100, 0, Vec::new(), Vec::new()));
    assert!(guard.on_connect(now, victim).is_ok());
}

#[test]
fn work_is_asked_of_strangers_under_attack_alone() {
    let mut guard = guard(Config { source_connect: rate(10_000, 10_000), open_max: 10_000, source_open_max: 10_000, ..config() });
    let now = settle(&mut guard, NOW, v4(1), 1);
    let (known, stranger) = (guard.on_connect(now, v4(1)).unwrap(), guard.on_connect(now, v4(2)).unwrap());
    let trusted = guard.on_connect(now, ip("10.9.0.1")).unwrap();
    assert_eq!((guard.posture(now), guard.on_login(now, &stranger, false)), (Posture::Calm, Ok(None)));
    for _ in 0..3_000 {
        let _flood = guard.on_connect(now, v4(3));
    }
    assert_eq!(guard.posture(now), Posture::Attack);
    assert_eq!([&known, &stranger, &trusted].map(|proof| guard.on_login(now, proof, false)), [Ok(None), Ok(Some(16)), Ok(None)]);
    for _ in 0..8 {
        guard.on_offence(now, stranger.peer(), Reject::HelloMac);
    }
    assert_eq!(guard.on_login(now, &stranger, false), Ok(Some(18)), "800 points");
    let later = now + Duration::from_secs(40);
    assert_eq!((guard.posture(later), guard.on_login(later, &stranger, false)), (Posture::Calm, Ok(None)));
    assert_eq!((guard.stats(later).challenges, guard.stats(later).attacks), (2, 1));
}
