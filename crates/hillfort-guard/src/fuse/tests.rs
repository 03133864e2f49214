//! The fuse at its edges, in virtual time.

use super::*;

const RULES: FuseRules = FuseRules { bans_per_min: 10, players_percent: 5 };

fn at(seconds: u64) -> Time {
    Time::from_millis(seconds * 1_000)
}

/// How many of a hundred bans may be made at this time.
fn spent(fuse: &mut Fuse, seconds: u64, player: bool, players: u32) -> usize {
    (0..100).filter(|_| fuse.spend(at(seconds), &RULES, player, players)).count()
}

#[test]
fn no_minute_has_more_bans_than_allowed() {
    let (mut fuse, mut made) = (Fuse::new(), Vec::new());
    for second in 0..1_000 {
        made.extend(std::iter::repeat_n(second, spent(&mut fuse, second, false, 0)));
    }
    for start in 0..1_000 {
        let minute = made.iter().filter(|second| (start..start + 60).contains(*second)).count();
        assert!(minute <= 10, "{minute} bans from {start} s on");
    }
    assert!(made.len() >= 140, "and about as many are made: {}", made.len());
}

#[test]
fn players_are_banned_up_to_their_share_of_the_hour() {
    let rules = FuseRules { bans_per_min: 10_000, ..RULES };
    for (players, expect) in [(0, 3), (60, 3), (80, 4), (200, 10), (10_000, 100)] {
        let mut fuse = Fuse::new();
        let made = (0..100).filter(|_| fuse.spend(at(5), &rules, true, players)).count();
        assert_eq!(made, expect, "{players} addresses with a login");
        assert!(fuse.spend(at(5), &rules, false, players), "others are not held back by it");
    }
    let mut fuse = Fuse::new();
    assert_eq!(spent(&mut fuse, 5, true, 0), 3);
    assert_eq!(spent(&mut fuse, 3_600, true, 0), 0, "within the hour");
    assert_eq!(spent(&mut fuse, 4_300, true, 0), 3);
}

#[test]
fn a_long_silence_is_forgotten_whole() {
    let mut fuse = Fuse::new();
    assert_eq!(spent(&mut fuse, 0, false, 0), 10);
    assert_eq!(spent(&mut fuse, 1_000_000, false, 0), 10);
    assert_eq!(spent(&mut fuse, u64::MAX / 1_000_000_000, false, 0), 10);
}
