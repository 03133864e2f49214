//! What the wall promises, and whether a siege has shown it. A promise whose attack was not run is left out, never met.

use serde_json::{Value, json};

use super::bout::Bout;
use super::defence::Defence;
use super::honest::Newcomers;
use super::scenario::Scenario;
use crate::machine::median;
use crate::report::figure::{Figure, Promise};

/// Promises that depend on how fast the machine is, and on what else it does; the others do not.
const SPEED: [&str; 17] = [
    "spoofed-offered",
    "spoofed-p99",
    "paced-offered",
    "spoofed-core",
    "bots-offered",
    "bots-core",
    "spoofed-cost",
    "spoofed-cost-net",
    "bots-cost",
    "bots-cost-net",
    "mixed-goodput",
    "idle-completed",
    "idle-newcomers",
    "slow-newcomers",
    "idle-p99",
    "slow-begun",
    "spoofed-frames",
];

/// Whether this promise depends on the machine's speed.
pub(crate) fn is_of_speed(figure: &Figure) -> bool {
    SPEED.contains(&figure.name.as_str())
}

/// Part of what was asked for that must have been offered: the figures beside it speak of that attack and no lesser one.
const ENOUGH: f64 = 0.99;

/// All promises that these bouts can speak of.
pub(crate) fn judge(bouts: &[Bout]) -> Vec<Figure> {
    let of = |scenario: Scenario, defence: Defence| -> Vec<&Bout> {
        bouts.iter().filter(|bout| (bout.scenario, bout.defence) == (scenario, defence)).collect()
    };
    let ours = |scenario| of(scenario, Defence::Hillfort);
    let mut figures = vec![];
    let mut add = |name: &str, text: &str, value: Option<f64>, unit: &str, promise: Promise, detail: Value| {
        if let Some(value) = value {
            figures.push(Figure::new(name, text, value, unit, promise, detail));
        }
    };
    let (least, most) = (Promise::AtLeast, Promise::AtMost);

    let spoofed = ours(Scenario::SynSpoofed);
    let rates = json!({ "offered_hz": spoofed.iter().map(|bout| bout.offered_hz()).collect::<Vec<_>>() });
    add("spoofed-offered", "forged SYNs a second", mid(&spoofed, Bout::offered_hz), "/s", least(ENOUGH * 900_000.0), rates);
    add("spoofed-frames", "honest frames kept meanwhile", worst(&spoofed, kept), "%", least(99.5), Value::Null);
    add("spoofed-newcomers", "newcomers let in meanwhile", pooled(&spoofed), "%", least(99.5), Value::Null);
    add("spoofed-p99", "p99 of honest frames meanwhile", mid(&spoofed, p99_ms), "ms", most(10.0), Value::Null);

    let paced = ours(Scenario::SynSpoofedPaced);
    let detail = json!({
        "offered_hz": mid(&paced, Bout::offered_hz), "whole_core_percent": mid(&paced, |bout| 100.0 * bout.attacked.spent.core_share())
    });
    add("paced-offered", "forged SYNs a second", mid(&paced, Bout::offered_hz), "/s", least(ENOUGH * 273_856.0), Value::Null);
    add("spoofed-core", "of one core for 273,856 forged SYNs a second", mid(&paced, attack_core), "%", most(50.0), detail);
    let bots = ours(Scenario::SynBots);
    let detail = json!({ "offered_hz": mid(&bots, Bout::offered_hz) });
    add(
        "bots-offered",
        "SYNs of banned bots a second",
        mid(&bots, Bout::offered_hz),
        "/s",
        least(ENOUGH * 273_856.0),
        Value::Null,
    );
    add("bots-core", "of one core for 273,856 SYNs of banned bots a second", mid(&bots, attack_core), "%", most(50.0), detail);

    for (name, text, scenario, other, bound) in [
        ("spoofed-cost", "cheaper a forged SYN than the kernel's own cookies", Scenario::SynSpoofedFull, Defence::Kernel, 7.0),
        ("bots-cost", "cheaper a banned bot's SYN than nftables", Scenario::SynBotsFull, Defence::Nftables, 2.0),
    ] {
        let cost = |defence| median_of(&of(scenario, defence), Bout::ns_per_packet);
        let (our, their) = (cost(Defence::Hillfort), cost(other));
        let ratio = our.zip(their).map(|(our, their)| their / our);
        let floor = cost(Defence::Floor);
        let detail = json!({ "hillfort_ns": our, "other_ns": their, "floor_ns": floor });
        add(name, &format!("{text}, gross"), ratio, "×", least(bound), detail.clone());
        // What remains of both when what every packet costs is taken away; nothing can be said when that is all.
        let net = our.zip(their).zip(floor).filter(|((our, _), floor)| our > floor);
        let net = net.map(|((our, their), floor)| (their - floor) / (our - floor));
        add(&format!("{name}-net"), &format!("{text}, net of what a packet costs by itself"), net, "×", least(bound), detail);
    }

    let mixed = ours(Scenario::Mixed);
    let goodput = |bout: &Bout| 100.0 * answered_hz(&bout.attacked.seen.frames) / answered_hz(&bout.calm.seen.frames).max(1e-9);
    let rates = json!({
        "honest_hz": mid(&mixed, |bout| answered_hz(&bout.attacked.seen.frames)), "hostile_hz": mid(&mixed, Bout::offered_hz)
    });
    add("mixed-goodput", "honest answers at 42,000 : 273,856, of the calm", worst(&mixed, goodput), "%", least(95.0), rates);
    let text = "of what was served is hostile: logins by bad or repeated hellos, bad frames and silent sockets not ended in time";
    add("mixed-hostile", text, highest(&mixed, hostile_share), "%", most(0.3), Value::Null);

    let idle = ours(Scenario::HandshakeIdle);
    add(
        "idle-completed",
        "handshakes that bots completed a second",
        mid(&idle, completed_hz),
        "/s",
        least(ENOUGH * 40_000.0),
        Value::Null,
    );
    add(
        "idle-newcomers",
        "newcomers let in beside as many handshakes a second as above",
        pooled(&idle),
        "%",
        least(99.0),
        Value::Null,
    );
    let calm = mid(&idle, |bout| bout.calm.seen.frames.latency.p99_us as f64 / 1e3);
    let bound = calm.unwrap_or(0.0).mul_add(2.0, 10.0);
    add(
        "idle-p99",
        "p99 of honest frames meanwhile; twice the calm and 10 ms",
        mid(&idle, p99_ms),
        "ms",
        most(bound),
        Value::Null,
    );

    let tls = ours(Scenario::Tls);
    let refused = |bout: &Bout| {
        let of = |reason: &str| bout.attacked.spent.counted(&format!("refused {reason}"));
        (of("tls_rate") + of("fingerprint_rate") + of("source_rate")) / bout.attacked.spent.seconds.max(1e-9)
    };
    let hostile = json!({ "hostile_answered": mid(&tls, |bout| bout.attackers_sum("succeeded") as f64) });
    add(
        "tls-refused",
        "hostile handshakes refused a second: the flood exceeds what is left to it",
        worst(&tls, refused),
        "/s",
        least(1.0),
        hostile,
    );
    add("tls-newcomers", "TLS handshakes of newcomers beside that flood", pooled(&tls), "%", least(95.0), Value::Null);
    let slow = ours(Scenario::SlowHello);
    let open = json!({
        "sockets_wanted_at_once": 20_000, "sockets_open": mid(&slow, |bout| bout.attackers_sum("open") as f64),
        "shed_hz": mid(&slow, |bout| bout.attacked.spent.counted("refused unproven_shed") / bout.attacked.spent.seconds.max(1e-9)),
    });
    let begun = mid(&slow, |bout| bout.attackers_sum("offered") as f64);
    add("slow-begun", "slow sockets begun", begun, "", least(20_000.0), open);
    add("slow-newcomers", "newcomers let in meanwhile", pooled(&slow), "%", least(99.0), Value::Null);
    let lost = |bout: &Bout| bout.attacked.seen.frames.lost as f64;
    let nat = ours(Scenario::Nat);
    add("nat-cut", "of 200 players cut behind a cheater's address", highest(&nat, lost), "", most(0.0), Value::Null);
    let earned = |bout: &Bout| bout.attacked.spent.counted("bans_spared") + bout.attacked.spent.counted("refused banned");
    let detail = json!({
        "floods": mid(&nat, |bout| bout.attacked.spent.counted("refused input_flood")),
        "worked": mid(&nat, |bout| bout.attacked.spent.counted("tickets_good")),
    });
    add("nat-offended", "times that address has earned a ban meanwhile", worst(&nat, earned), "", least(1.0), detail);
    let refused = json!({ "refused": nat.iter().map(|bout| &bout.attacked.seen.newcomers.refused).collect::<Vec<_>>() });
    let back = of_newcomers(&nat, |seen| seen.came_back, |seen| seen.back_in);
    add("nat-known", "known players who connect anew from there and get in", back, "%", least(99.0), Value::Null);
    add("nat-newcomers", "strangers who connect from there and get in", pooled(&nat), "%", least(99.0), refused);
    let crowd = ours(Scenario::FlashCrowd);
    let banned = |bout: &Bout| {
        bout.attacked.spent.counted("refused banned")
            + bout.attacked.spent.state.get("ladder_addresses ban").copied().unwrap_or(0.0)
    };
    add(
        "crowd-banned",
        "honest newcomers banned in a flash crowd",
        highest(&crowd, banned),
        "",
        most(0.0),
        json!({ "let_in_percent": pooled(&crowd) }),
    );
    figures
}

fn kept(bout: &Bout) -> f64 {
    bout.attacked.seen.frames.goodput_percent()
}

fn p99_ms(bout: &Bout) -> f64 {
    bout.attacked.seen.frames.latency.p99_us as f64 / 1e3
}

/// Share of the victim's core, percent, that the attack took from what takes packets in.
fn attack_core(bout: &Bout) -> f64 {
    let kernel = |spent: &super::measure::Spent| spent.receiver_share + spent.softirqd_share;
    100.0 * (kernel(&bout.attacked.spent) - kernel(&bout.calm.spent))
}

fn completed_hz(bout: &Bout) -> f64 {
    bout.attacked.spent.completed as f64 / bout.attacked.spent.seconds.max(1e-9)
}

fn answered_hz(measured: &crate::bots::Measured) -> f64 {
    measured.answered as f64 / measured.seconds.max(1e-9)
}

/// What attackers got done, of that and what honest people got done, percent. The attackers' count is of the whole attack, the honest
/// one of the measured part of it.
fn hostile_share(bout: &Bout) -> f64 {
    let hostile = bout.attackers_sum("succeeded") as f64;
    let honest = bout.attacked.seen.frames.answered + bout.attacked.seen.newcomers.let_in;
    100.0 * hostile / (hostile + honest as f64).max(1.0)
}

/// The middle value of all rounds.
fn mid(bouts: &[&Bout], of: impl Fn(&Bout) -> f64) -> Option<f64> {
    median_of(bouts, |bout| Some(of(bout)))
}

fn median_of(bouts: &[&Bout], of: impl Fn(&Bout) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> = bouts.iter().filter_map(|bout| of(bout)).collect();
    (!values.is_empty()).then(|| median(&values))
}

fn worst(bouts: &[&Bout], of: impl Fn(&Bout) -> f64) -> Option<f64> {
    bouts.iter().map(|bout| of(bout)).min_by(f64::total_cmp)
}

fn highest(bouts: &[&Bout], of: impl Fn(&Bout) -> f64) -> Option<f64> {
    bouts.iter().map(|bout| of(bout)).max_by(f64::total_cmp)
}

/// Newcomers let in, over all rounds, percent: those whose address nobody has played from before, since the others go first.
fn pooled(bouts: &[&Bout]) -> Option<f64> {
    of_newcomers(bouts, |seen| seen.came - seen.came_back, |seen| seen.let_in - seen.back_in)
}

fn of_newcomers(bouts: &[&Bout], came: fn(&Newcomers) -> u64, let_in: fn(&Newcomers) -> u64) -> Option<f64> {
    let sum = |of: fn(&Newcomers) -> u64| bouts.iter().map(|bout| of(&bout.attacked.seen.newcomers)).sum::<u64>();
    let (came, let_in) = (sum(came), sum(let_in));
    (came > 0).then(|| 100.0 * let_in as f64 / came as f64)
}

#[cfg(test)]
mod tests;
