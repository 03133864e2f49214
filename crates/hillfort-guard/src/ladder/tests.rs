//! Steps, doubling, decay and the bounds of the table, and a model that must agree with it.

use super::*;
use crate::source::Secret;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

const TIMES: BanTimes = BanTimes { first: Duration::from_secs(30), max: Duration::from_secs(600) };
const WHY: Reject = Reject::HelloMac;

fn addr(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(n))
}

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn scale() -> Scale {
    Scale { tolerance: Rate::new(10, 1_000).unwrap(), standing: Rate::new(1, 4_000).unwrap(), score_min: 25 }
}

fn steps(ladder: &Ladder, now: Time, source: Source) -> Vec<Step> {
    ladder.of(now, source, &scale()).into_iter().map(|step| step.step).collect()
}

#[test]
fn steps_come_with_points_and_go_as_they_are_forgiven() {
    let (mut ladder, source) = (Ladder::new(64), Secret::new(1).source(addr(1)));
    for (points, expect, spent) in [
        (249, &Step::ALL[..0], false),
        (1, &Step::ALL[..1], false),
        (249, &Step::ALL[..1], false),
        (1, &Step::ALL[..2], false),
        (250, &Step::ALL[..3], false),
        (250, &Step::ALL[..3], false),
        (1, &Step::ALL[..3], true),
    ] {
        let charged = ladder.charge(at(0), source, WHY, points, &scale());
        assert_eq!((steps(&ladder, at(0), source), charged == Charged::Spent), (expect.to_vec(), spent));
    }
    let expect = [(Step::Slow, 75_000), (Step::Fingerprint, 50_000), (Step::Challenge, 25_000)];
    for (step, ends) in expect {
        let row = ladder.of(at(0), source, &scale()).into_iter().find(|row| row.step == step).unwrap();
        assert_eq!((row.addr, row.cause, row.count, row.until), (addr(1), Cause::Offence(WHY), 7, at(ends)), "{step:?}");
        for (ms, there) in [(ends, true), (ends + 1, false)] {
            assert_eq!(steps(&ladder, at(ms), source).contains(&step), there, "{step:?} after {ms} ms");
        }
    }
    let expect = Bears { step: Some(Step::Challenge), ..Bears::default() };
    assert_eq!(ladder.bears(at(0), source, scale), expect);
}

#[test]
fn a_ban_says_what_led_to_it() {
    let (mut ladder, source) = (Ladder::new(64), Secret::new(1).source(addr(1)));
    for n in 0..10 {
        assert_eq!(ladder.charge(Time(n), source, WHY, 100, &scale()), Charged::Borne, "1,000 points are borne");
    }
    let last = at(1);
    assert_eq!(ladder.charge(last, source, Reject::HelloMagic, 50, &scale()), Charged::Spent);
    let ban = ladder.ban(last, source, Reject::HelloMagic, &TIMES, false).unwrap();
    let cause = Cause::Offence(Reject::HelloMagic);
    let expect =
        Ban { addr: addr(1), cause, count: 11, first: Time(0), last, until: at(30_001), repeats: 0, strangers_only: false };
    assert_eq!((ban, ladder.bans(last).copied().collect::<Vec<_>>()), (expect, vec![expect]));
    assert_eq!(steps(&ladder, last, source), Step::ALL);
    assert_eq!(ladder.charge(at(2), source, WHY, 100, &scale()), Charged::Borne, "it is banned already");
    assert_eq!((ladder.bears(at(30_000), source, scale).banned, ladder.bears(at(30_001), source, scale).banned), (true, false));
    let (score, points, reasons, ..) = ladder.sheet(at(2), source, &scale());
    assert_eq!((score, points), (72, 1_000));
    assert_eq!(
        reasons.iter().map(|reason| (reason.reject, reason.points)).collect::<Vec<_>>(),
        [(WHY, 1_100), (Reject::HelloMagic, 50)]
    );
}

#[test]
fn bans_double_up_to_the_longest_and_are_forgotten_one_by_one() {
    let (mut ladder, source) = (Ladder::new(64), Secret::new(1).source(addr(1)));
    let mut now = 0;
    let mut ban = |now: u64| ladder.ban(at(now), source, WHY, &TIMES, false).unwrap().until.since(at(now)).as_secs();
    for expect in [30, 60, 120, 240, 480, 600, 600] {
        assert_eq!(ban(now), expect);
        now += expect * 1_000;
    }
    // Seven are remembered; each ten minutes of quiet forget one.
    now += 6 * 600_000;
    assert_eq!(ban(now), 60);
    now += 60_000 + 599_999;
    assert_eq!(ban(now), 120, "not quiet for long enough");
    now += 120_000 + 3 * 600_000;
    assert_eq!(ban(now), 30);
    for repeats in [6, 31, 32, 255] {
        assert_eq!(TIMES.nth(repeats), TIMES.max, "{repeats}");
    }
    assert_eq!(BanTimes { first: TIMES.first, max: Duration::from_secs(5) }.nth(0), Duration::from_secs(5));
}

#[test]
fn points_are_forgiven() {
    let (mut ladder, source) = (Ladder::new(64), Secret::new(1).source(addr(1)));
    for n in 0..1_000 {
        assert_eq!(ladder.charge(at(n * 10_000), source, WHY, 100, &scale()), Charged::Borne, "100 points every 10 s");
    }
}

#[test]
fn a_bad_name_lasts_longer_than_a_ban() {
    let (mut ladder, source) = (Ladder::new(64), Secret::new(1).source(addr(1)));
    for n in 0..30 {
        ladder.charge(at(n), source, WHY, 100, &scale());
    }
    assert!(!ladder.bears(at(30), source, scale).disreputable, "3,000 of 4,000: a score of 25");
    ladder.charge(at(30), source, WHY, 100, &scale());
    for (ms, expect) in [(30, true), (60_000, true), (200_000, false)] {
        assert_eq!(ladder.bears(at(ms), source, scale).disreputable, expect, "after {ms} ms");
    }
}

#[test]
fn a_lift_takes_all_steps_back_and_forgets_their_cause() {
    for points in [300, 1_000] {
        let (mut ladder, source) = (Ladder::new(64), Secret::new(1).source(addr(1)));
        ladder.charge(at(0), source, WHY, points, &scale());
        let banned = points == 1_000 && ladder.ban(at(0), source, WHY, &TIMES, false).is_some();
        assert_eq!(ladder.lift(at(0), source), banned);
        assert_eq!(steps(&ladder, at(0), source), []);
        assert_eq!(ladder.sheet(at(0), source, &scale()), (100, 0, Vec::new(), None, 0));
        assert!(!ladder.lift(at(0), source));
        // One point more would else bring it all back.
        ladder.charge(at(0), source, WHY, 1, &scale());
        assert_eq!(steps(&ladder, at(0), source), []);
    }
}

#[test]
fn the_table_is_bounded_and_keeps_bans_and_the_worst() {
    let (mut ladder, secret) = (Ladder::new(8), Secret::new(1));
    let banned: Vec<_> = (0..4).map(|n| secret.source(addr(n))).collect();
    for (n, source) in banned.iter().enumerate() {
        let times = BanTimes { first: Duration::from_secs(10 + n as u64), ..TIMES };
        ladder.ban(at(0), *source, WHY, &times, false);
    }
    let worst = secret.source(addr(50));
    ladder.charge(at(0), worst, WHY, 900, &scale());
    for n in 100..10_000 {
        ladder.charge(at(0), secret.source(addr(n)), WHY, 1, &scale());
    }
    assert_eq!(ladder.bans(at(0)).count(), 4, "small offenders push out no ban");
    assert_eq!(ladder.charge(at(0), worst, WHY, 101, &scale()), Charged::Spent, "nor a great offender");
    for n in 10_000..10_020 {
        let times = BanTimes { first: Duration::from_secs(u64::from(n)), ..TIMES };
        ladder.ban(at(0), secret.source(addr(n)), WHY, &BanTimes { max: times.first, ..times }, false);
    }
    let left: Vec<_> = ladder.bans(at(0)).map(|ban| ban.until.as_millis() / 1_000).collect();
    assert_eq!(left.len(), 8, "the table is as large as it was");
    assert!(left.iter().all(|until| *until >= 10_012), "the bans that end first gave way: {left:?}");
    assert_eq!(ladder.charge(at(0), worst, WHY, 1_001, &scale()), Charged::Borne, "who finds only bans has no place");
}

/// What the ladder does, written down for one address without buckets, tables and shifts.
#[derive(Debug, Default)]
struct Model {
    points_ms: u64,
    seen: u64,
    bans: Vec<u64>,
    last_end: u64,
}

impl Model {
    fn pass(&mut self, now: u64) {
        // 10 points a second: a point is 100 ms.
        self.points_ms = self.points_ms.saturating_sub(now - self.seen);
        self.seen = now;
    }

    /// Length of the ban in ms, if there is one.
    fn offend(&mut self, now: u64, points: u64) -> Option<u64> {
        self.pass(now);
        self.points_ms += points * 100;
        if self.points_ms <= 100_000 {
            return None;
        }
        self.points_ms = 100_000;
        if now < self.last_end {
            return None;
        }
        let mut forgotten = (now - self.last_end) / 600_000;
        while forgotten > 0 && !self.bans.is_empty() {
            self.bans.pop();
            forgotten -= 1;
        }
        let mut lasts = 30_000;
        for _ in &self.bans {
            lasts = (lasts * 2).min(600_000);
        }
        self.bans.push(lasts);
        self.last_end = now + lasts;
        Some(lasts)
    }
}

proptest! {
    #[test]
    fn the_ladder_does_what_the_model_does(events in prop::collection::vec((0..400_000_u64, 1..600_u32), 1..200), rest in 0..3_u64) {
        let (mut ladder, mut model, source) = (Ladder::new(64), Model::default(), Secret::new(1).source(addr(1)));
        let mut now = 0;
        for (n, (pause, points)) in events.into_iter().enumerate() {
            // Mostly bursts, now and then a long rest.
            now += if n % 17 == 16 { pause * rest * 10 } else { pause / 40 };
            let expect = model.offend(now, u64::from(points));
            let spent = ladder.charge(at(now), source, WHY, points, &scale()) == Charged::Spent;
            let ban = spent.then(|| ladder.ban(at(now), source, WHY, &TIMES, false).unwrap());
            prop_assert_eq!(ban.map(|ban| ban.until.since(at(now)).as_millis() as u64), expect, "at {} ms", now);
            let bears = ladder.bears(at(now), source, scale);
            prop_assert_eq!(bears.banned, now < model.last_end);
            let step = [(75_000, Step::Challenge), (50_000, Step::Fingerprint), (25_000, Step::Slow)];
            prop_assert_eq!(bears.step, step.into_iter().find(|(ms, _)| model.points_ms >= *ms).map(|(_, step)| step));
        }
    }
}
