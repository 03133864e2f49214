//! Addresses that many share: what earns their accounts a say, how the ladder spares those who did nothing, and what a ticket is good for.

use super::*;
use crate::ladder::Step;
use crate::posture::Posture;

const HOME: fn() -> IpAddr = || v4(1);

/// Offends from the address until it is banned, or would be.
fn offend(guard: &mut Guard, now: Time, addr: IpAddr) {
    let proof = guard.on_connect(now, addr).unwrap();
    let before = guard.stats(now);
    while guard.stats(now).bans_made == before.bans_made && guard.stats(now).bans_spared == before.bans_spared {
        guard.on_offence(now, proof.peer(), Reject::InputFlood);
    }
    guard.on_close(proof);
}

#[test]
fn one_cheater_among_two_hundred_behind_one_address_cuts_nobody() {
    let mut guard = guard(Config { open_max: 10_000, source_open_max: 4_096, ..config() });
    let home = v4(1);
    let mut now = NOW;
    let mut players = Vec::new();
    for account in 0..200 {
        now = now + Duration::from_millis(200);
        players.push((guard.on_connect(now, home).expect("a player of the two hundred"), account));
        // Those who came half a minute ago have played.
        if account >= 150 {
            let (proof, account) = &mut players[account as usize - 150];
            plays(&mut guard, now, proof, *account);
        }
    }
    now = now + HALF_A_MINUTE;
    for (proof, account) in &mut players {
        plays(&mut guard, now, proof, *account);
    }
    let (mut cheats, mut cut) = (0, 0);
    for tick in 0..36_000_u64 {
        now = now + Duration::from_millis(100);
        // The cheater comes again as soon as he is thrown out, ten times a second for an hour.
        if let Ok(proof) = guard.on_connect(now, home) {
            cheats += u64::from(guard.on_offence(now, proof.peer(), Reject::InputFlood));
            guard.on_close(proof);
        }
        // A player leaves and comes back every second.
        if tick % 10 == 0 {
            let at = (tick / 10 % 200) as usize;
            match guard.on_connect(now, home) {
                Ok(proof) => guard.on_close(std::mem::replace(&mut players[at].0, proof)),
                Err(_) => cut += 1,
            }
        }
    }
    let stats = guard.stats(now);
    assert_eq!((cheats, cut, stats.bans, stats.bans_made), (0, 0, 0, 0));
    assert!(stats.bans_spared > 1_000, "he earned {} bans", stats.bans_spared);
    assert_eq!(guard.ladder(now, home).last().map(|row| row.step), Some(Step::Challenge), "and the console shows it");
}

#[test]
fn a_small_home_bears_more_than_a_single_player_and_is_banned_in_the_end() {
    let points = |accounts: u64| {
        let mut guard = guard(config());
        let now = settle(&mut guard, NOW, v4(1), accounts);
        let proof = guard.on_connect(now, v4(1)).unwrap();
        (1..).find(|_| guard.on_offence(now, proof.peer(), Reject::HelloMac)).unwrap()
    };
    assert_eq!((points(0), points(1)), (11, 11));
    // Six accounts are counted as five or six; each further one adds a tenth.
    assert!((15..=16).contains(&points(6)));
}

/// A name costs nothing. Whoever holds as many as he likes for as long as he likes, and does not play, is banned like anybody.
#[test]
fn invented_names_soften_nothing() {
    let mut guard = guard(Config { source_connect: rate(100, 1_000), source_open_max: 1_000, ..config() });
    let mut proofs: Vec<_> = (0..200).map(|_| guard.on_connect(NOW, HOME()).unwrap()).collect();
    let now = NOW + Duration::from_secs(3_600);
    for (proof, account) in proofs.iter_mut().zip(0..) {
        assert!(guard.on_settled(now, proof, account));
        let almost = config().played_after - Duration::from_millis(1);
        assert_eq!(guard.on_played(now, WALL, proof, account, almost), None, "it has not played");
    }
    assert_eq!((guard.reputation(now, HOME()).known, guard.reputation(now, HOME()).accounts), (true, 0));
    offend(&mut guard, now, HOME());
    let ban = *guard.bans(now).next().expect("no names spare it");
    assert!(!ban.strangers_only);
    assert_eq!(guard.on_connect(now, HOME()), Err(Reject::Banned));
    // And names that played earn nothing while the address has to answer for something.
    let proof = guard.on_connect(now, v4(2)).unwrap();
    guard.on_offence(now, proof.peer(), Reject::InputFlood);
    let mut player = guard.on_connect(now, v4(2)).unwrap();
    assert_eq!(plays(&mut guard, now + HALF_A_MINUTE / 3, &mut player, 7), None);
    assert!(plays(&mut guard, now + HALF_A_MINUTE * 2, &mut player, 7).is_some(), "it is forgiven");
}

/// A home with a few players and a cheater: strangers are refused at the login, players with a ticket and open sessions are not.
#[test]
fn a_home_is_banned_for_strangers_and_not_for_those_who_played_there() {
    let mut guard = guard(Config { source_connect: rate(100, 100), source_open_max: 1_000, ..config() });
    let mut now = NOW;
    let mut tickets = Vec::new();
    for account in 0..3 {
        let mut proof = guard.on_connect(now, HOME()).unwrap();
        now = now + HALF_A_MINUTE;
        tickets.push(plays(&mut guard, now, &mut proof, account).expect("it has played"));
        guard.on_close(proof);
    }
    // One of them cheats: he shows his ticket, and loses it.
    let mut cheater = guard.on_connect(now, HOME()).unwrap();
    assert!(guard.on_ticket(now, WALL, &mut cheater, &tickets[0]));
    while guard.stats(now).bans_made == 0 {
        guard.on_offence(now, cheater.peer(), Reject::InputFlood);
    }
    guard.on_close(cheater);
    let ban = *guard.bans(now).next().unwrap();
    assert!(ban.strangers_only && guard.stats(now).tickets_revoked == 1);
    let step = *guard.ladder(now, HOME()).last().unwrap();
    assert_eq!((step.step, step.stage()), (Step::Ban, "login without a ticket"));

    let mut login = |ticket: Option<&[u8]>, resumes: bool| {
        let mut proof = guard.on_connect(now, HOME()).expect("it is judged at the login");
        if let Some(ticket) = ticket {
            guard.on_ticket(now, WALL, &mut proof, ticket);
        }
        let verdict = guard.on_login(now, &proof, resumes);
        guard.on_close(proof);
        verdict
    };
    assert_eq!(login(None, false), Err(Reject::Banned));
    assert_eq!(login(Some(&[0; TICKET_BYTES]), false), Err(Reject::Banned));
    assert_eq!(login(Some(&tickets[0]), false), Err(Reject::Banned), "taken back");
    assert_eq!(login(Some(&tickets[1]), false), Ok(None));
    assert_eq!(login(Some(&tickets[2]), false), Ok(None));
    assert_eq!(login(None, true), Ok(None), "the token of a session is proof enough");
    // All who ask have a quarter of the budget, which was 120 at once; six of it and the cheater's are used.
    let (came, _) = connect(&mut guard, now, HOME(), 100);
    assert_eq!(came.len(), 23);
}

/// Where hundreds play there is no ban at all: strangers work for each login while somebody offends, whatever the posture.
#[test]
fn strangers_at_a_shared_address_are_slowed_and_come_in() {
    let mut guard = guard(Config { source_connect: rate(100, 1_000), source_open_max: 1_000, ..config() });
    let now = settle(&mut guard, NOW, HOME(), 200);
    let mut old = guard.on_connect(now, HOME()).unwrap();
    let ticket = plays(&mut guard, now + HALF_A_MINUTE, &mut old, 1_000).expect("it has played");
    let now = now + HALF_A_MINUTE;
    offend(&mut guard, now, HOME());
    assert_eq!((guard.posture(now), guard.bans(now).count()), (Posture::Calm, 0));
    let mut stranger = guard.on_connect(now, HOME()).unwrap();
    assert_eq!(guard.on_login(now, &stranger, false), Ok(Some(18)));
    assert_eq!(guard.on_login(now, &stranger, true), Ok(None), "a session that goes on");
    assert!(guard.on_ticket(now, WALL, &mut stranger, &ticket));
    assert_eq!(guard.on_login(now, &stranger, false), Ok(None));
    let later = now + Duration::from_secs(3_600);
    let stranger = guard.on_connect(later, HOME()).unwrap();
    assert_eq!(guard.on_login(later, &stranger, false), Ok(None), "it is forgiven");
}

#[test]
fn a_ticket_that_is_passed_around_is_good_for_one_player() {
    let mut guard = guard(config());
    let mut proof = guard.on_connect(NOW, HOME()).unwrap();
    let now = NOW + HALF_A_MINUTE;
    let ticket = plays(&mut guard, now, &mut proof, 1).unwrap();
    assert_eq!(plays(&mut guard, now, &mut proof, 1), None, "once for a connection");
    let mut good = |now: Time, from: u32| {
        let show = |n: u32| {
            let mut bot = guard.on_connect(now, v4(from + n)).unwrap();
            let good = guard.on_ticket(now, WALL, &mut bot, &ticket);
            guard.on_close(bot);
            good
        };
        (0..500).map(show).filter(|good| *good).count()
    };
    assert_eq!(good(now, 1_000), 10);
    assert!((4..=5).contains(&good(now + Duration::from_secs(5), 2_000)));
}

#[test]
fn tickets_outlive_a_restart_that_keeps_their_key() {
    let check = |second: u8, expect: bool| {
        let [mut before, mut after] = [7, second].map(|n| {
            let mut guard = Guard::new(config(), u64::from(n));
            guard.set_ticket_key(&[n; 32]);
            guard
        });
        let mut proof = before.on_connect(NOW, HOME()).unwrap();
        let ticket = plays(&mut before, NOW + HALF_A_MINUTE, &mut proof, 1).unwrap();
        let mut proof = after.on_connect(NOW, HOME()).unwrap();
        assert_eq!(after.on_ticket(NOW, WALL, &mut proof, &ticket), expect);
        // The ban of a home comes back as what it was.
        if expect {
            settle(&mut before, NOW, v4(9), 5);
            offend(&mut before, NOW + HALF_A_MINUTE, v4(9));
            after.restore(NOW, *before.bans(NOW + HALF_A_MINUTE).next().unwrap()).unwrap();
            let stranger = after.on_connect(NOW, v4(9)).unwrap();
            assert_eq!(after.on_login(NOW, &stranger, false), Err(Reject::Banned));
            let mut player = after.on_connect(NOW, v4(9)).unwrap();
            assert!(after.on_ticket(NOW, WALL, &mut player, &ticket));
            assert_eq!(after.on_login(NOW, &player, false), Ok(None));
        }
    };
    check(7, true);
    check(8, false);
}
