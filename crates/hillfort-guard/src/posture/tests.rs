//! When the server thinks itself under attack, in virtual time.

use super::*;

const RULES: PostureRules = PostureRules { offered_per_s: 100, refused_per_s: 20, quiet: Duration::from_secs(30) };

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

/// Offers and refusals spread evenly over each second from `from` on, and whether each second ends under attack.
fn run(watch: &mut Watch, from: u64, seconds: u64, offers: u64, refusals: u64) -> Vec<bool> {
    (from..from + seconds)
        .map(|second| {
            for ms in 0..1_000 {
                for _ in 0..(ms + 1) * offers / 1_000 - ms * offers / 1_000 {
                    watch.on_offer(at(second * 1_000 + ms), &RULES);
                }
                for _ in 0..(ms + 1) * refusals / 1_000 - ms * refusals / 1_000 {
                    watch.on_refusal(at(second * 1_000 + ms), &RULES);
                }
            }
            watch.at(at(second * 1_000 + 999), &RULES) == Posture::Attack
        })
        .collect()
}

#[test]
fn just_below_both_thresholds_is_calm_and_either_of_them_is_attack() {
    for (offers, refusals, attack) in [(99, 0, false), (0, 19, false), (99, 19, false), (100, 0, true), (0, 20, true)] {
        let mut watch = Watch::default();
        assert_eq!(run(&mut watch, 1, 10, offers, refusals), [attack; 10], "{offers} offered, {refusals} refused a second");
        assert_eq!(watch.attacks(), u64::from(attack));
    }
}

#[test]
fn it_stays_while_half_of_it_goes_on_and_ends_after_quiet() {
    let mut watch = Watch::default();
    assert_eq!(run(&mut watch, 1, 1, 0, 20), [true]);
    assert_eq!(run(&mut watch, 2, 100, 0, 10), [true; 100], "half of it");
    let quiet = run(&mut watch, 102, 40, 0, 9);
    let ends = quiet.iter().position(|attack| !attack).unwrap();
    assert!((29..=31).contains(&ends), "after {ends} s");
    assert!(quiet[ends..].iter().all(|attack| !attack), "it does not flicker");
    assert_eq!((run(&mut watch, 142, 10, 0, 15), watch.attacks()), (vec![false; 10], 1), "half is not enough to begin");
}

#[test]
fn it_ends_though_nobody_comes_any_more() {
    let mut watch = Watch::default();
    run(&mut watch, 1, 1, 500, 0);
    assert_eq!(watch.at(at(31_900), &RULES), Posture::Attack);
    assert_eq!(watch.at(at(32_100), &RULES), Posture::Calm);
    assert_eq!(run(&mut watch, 33, 1, 1, 0), [false]);
}

#[test]
fn an_alarm_is_an_attack_at_once() {
    let mut watch = Watch::default();
    watch.alarm(at(5));
    watch.alarm(at(6));
    assert_eq!((watch.at(at(6), &RULES), watch.attacks()), (Posture::Attack, 1));
    assert_eq!(watch.at(at(30_006), &RULES), Posture::Calm);
}
