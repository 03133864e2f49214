//! Replays: how long they are refused, and what a full memory does.

use super::*;
use crate::source::Secret;
use proptest::prelude::*;

fn rate(per_s: u32, burst: u32) -> Rate {
    Rate::new(per_s, burst).unwrap()
}

fn name(secret: &Secret, n: u64) -> (u64, u64) {
    secret.nonce(&n.to_be_bytes())
}

#[test]
fn the_default_budget_takes_a_mebibyte_a_table() {
    let nonces = Nonces::new(Time::ZERO, &rate(3_000, 5_000));
    assert_eq!(nonces.capacity(), 2 * 131_072);
    assert_eq!(nonces.newer.lines.words() * size_of::<u64>(), 1 << 20);
}

#[test]
fn everything_that_the_budget_lets_through_finds_room() {
    let (secret, rate) = (Secret::new(3), rate(3_000, 5_000));
    let mut nonces = Nonces::new(Time::ZERO, &rate);
    for n in 0..41_000 {
        assert_eq!(nonces.observe(Time::ZERO, name(&secret, n), &rate), Ok(()), "{n}");
    }
    for n in 0..41_000 {
        assert_eq!(nonces.observe(Time::ZERO, name(&secret, n), &rate), Err(Reject::HelloReplay), "{n}");
    }
    assert_eq!(nonces.held(), 41_000);
}

#[test]
fn two_choices_fill_a_table_to_three_quarters_before_the_first_refusal() {
    let (secret, rate) = (Secret::new(4), rate(3_000, 5_000));
    let mut nonces = Nonces::new(Time::ZERO, &rate);
    let refused_at = (0..131_072_u64).find(|&n| nonces.observe(Time::ZERO, name(&secret, n), &rate).is_err());
    assert!(refused_at.is_none_or(|n| n > 98_304), "{refused_at:?}");
}

#[test]
fn a_full_table_refuses_and_forgets_nothing() {
    let (secret, rate) = (Secret::new(5), rate(1, 1));
    let mut nonces = Nonces::new(Time::ZERO, &rate);
    let slots = nonces.newer.lines.words() as u64;
    let accepted: Vec<_> = (0..slots * 20).filter(|&n| nonces.observe(Time::ZERO, name(&secret, n), &rate).is_ok()).collect();
    assert!(accepted.len() as u64 <= slots);
    assert_eq!(nonces.observe(Time::ZERO, name(&secret, u64::MAX), &rate), Err(Reject::ConnectRate));
    for n in accepted {
        assert_eq!(nonces.observe(Time::ZERO, name(&secret, n), &rate), Err(Reject::HelloReplay), "{n}");
    }
}

#[test]
fn remembered_for_one_to_two_turns() {
    let (secret, rate) = (Secret::new(6), rate(100, 100));
    for (again_after_ms, expect) in [
        (0, Err(Reject::HelloReplay)),
        (11_999, Err(Reject::HelloReplay)),
        (12_000, Err(Reject::HelloReplay)),
        (24_000, Ok(())),
        (1_000_000, Ok(())),
    ] {
        let mut nonces = Nonces::new(Time::ZERO, &rate);
        assert_eq!(nonces.observe(Time::ZERO, name(&secret, 1), &rate), Ok(()));
        assert_eq!(nonces.observe(Time::from_millis(again_after_ms), name(&secret, 1), &rate), expect, "{again_after_ms} ms");
    }
}

#[test]
fn a_new_rate_takes_effect_at_the_next_turns() {
    let (secret, large) = (Secret::new(6), rate(30_000, 5_000));
    let mut nonces = Nonces::new(Time::ZERO, &rate(100, 100));
    assert_eq!(nonces.observe(Time::ZERO, name(&secret, 1), &large), Ok(()));
    for seconds in [12, 24, 36] {
        let known = nonces.observe(Time::from_millis(seconds * 1_000), name(&secret, 1), &large);
        assert_eq!(known, if seconds == 12 { Err(Reject::HelloReplay) } else { Ok(()) }.and(known), "{seconds} s");
    }
    assert_eq!(nonces.capacity(), 2 * (2 * (30_000 * 12 + 5_000_usize)).next_power_of_two());
}

proptest! {
    /// Inside its memory a replay is refused, whatever else comes in between.
    #[test]
    fn replay_is_always_refused(seed in any::<u64>(), steps in prop::collection::vec((0..40_u64, 0..2_000_u64), 1..600)) {
        let (secret, rate) = (Secret::new(seed), rate(10, 10));
        let mut nonces = Nonces::new(Time::ZERO, &rate);
        let mut accepted = std::collections::BTreeMap::new();
        let mut now = Time::ZERO;
        for (n, gap_ms) in steps {
            now = now + Duration::from_millis(gap_ms);
            let verdict = nonces.observe(now, name(&secret, n), &rate);
            match accepted.get(&n) {
                Some(&then) if now.since(then) < NONCE_MEMORY => prop_assert_eq!(verdict, Err(Reject::HelloReplay)),
                Some(&then) if now.since(then) >= 2 * NONCE_MEMORY => prop_assert_eq!(verdict, Ok(())),
                None => prop_assert_eq!(verdict, Ok(())),
                Some(_) => {}
            }
            if verdict.is_ok() {
                accepted.insert(n, now);
            }
        }
    }
}
