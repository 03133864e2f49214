//! Honest players while the server is attacked: 200 bots at 20 Hz in the echo room, calm and under each kind of attack. The server has
//! its core; the attacker, a process of its own at lower priority, shares the other one with the bots.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::Bench;
use super::figure::{Figure, Promise};
use super::fort::{self, Fort};
use crate::attack::Kind;
use crate::bots::{self, Measured, Metered, PATIENCE, Pacing, Stroke};
use crate::child::Child;
use crate::crowd::Crowd;
use crate::gauge;
use crate::link::Wire;
use crate::machine::median;

/// Attacks that need no privilege and no TLS; `siege` has the others.
const KINDS: [Kind; 6] =
    [Kind::BadHello, Kind::HelloReplay, Kind::ConnectFlood, Kind::SlowHello, Kind::CommandFlood, Kind::OversizeFrame];
/// The honest ones ...
const BOTS: usize = 200;
/// ... and what each sends a second.
const RATE_HZ: f64 = 20.0;
/// Latency that an attack may add to twice the calm one.
const ADDED_MS: f64 = 5.0;

/// One calm time and one under attack, on a fresh server.
#[derive(Debug, Serialize)]
struct Round {
    calm: Measured,
    attacked: Measured,
    /// The attacker's last progress line.
    attacker: Value,
    /// Of the server's core, while attacked.
    server_cpu_share: f64,
}

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let mut kinds = vec![];
    for kind in KINDS {
        let name = kind.name();
        let rounds =
            (1..=bench.attack_rounds).map(|round| measure_round(bench, &name, round)).collect::<anyhow::Result<Vec<_>>>()?;
        kinds.push((name, rounds));
    }
    // Calm is the same whatever comes after it: the median over all rounds, so that a burst of a neighbour in a calm time does not
    // excuse an attack.
    let calm_ms = median_p99_ms(kinds.iter().flat_map(|(_, rounds)| rounds.iter().map(|round| &round.calm)));
    Ok(kinds.iter().flat_map(|(name, rounds)| judge(name, calm_ms, rounds)).collect())
}

fn measure_round(bench: &Bench, kind: &str, round: u32) -> anyhow::Result<Round> {
    // A fresh server each: the bans of one attack would keep the next one out.
    let fort = bench.fort("")?;
    let pacing = Pacing::Open { rate_hz: RATE_HZ };
    let mut crowd = Crowd::new(fort.door(Wire::Frames), fort::signer()?, &bots::names(BOTS), &[Ipv4Addr::LOCALHOST])?;
    let mut metered = Metered::new(Stroke::Echo, pacing, BOTS);
    crowd.open_all(&mut metered, PATIENCE, |_| ())?;
    metered.seat_all(&mut crowd)?;

    bench.say(&format!("{kind}, round {round}: calm"));
    let calm = metered.measure(&mut crowd, bench.span)?;
    bench.say(&format!("{kind}, round {round}: under attack"));
    let mut attacker = attack(bench, &fort, kind)?;
    let (begun, before) = (Instant::now(), gauge::processor_time(fort.pid())?);
    let attacked = metered.measure(&mut crowd, bench.span)?;
    let spent = gauge::processor_time(fort.pid())?.saturating_sub(before);
    let server_cpu_share = spent.as_secs_f64() / begun.elapsed().as_secs_f64();
    let attacker = last_progress(&mut attacker)?;
    crowd.bye();
    Ok(Round { calm, attacked, attacker, server_cpu_share })
}

/// Goodput of the worst round; the median of latencies, because a neighbour's burst spoils the p99 of the round that it meets.
fn judge(kind: &str, calm_ms: f64, rounds: &[Round]) -> [Figure; 2] {
    let attacked_ms = median_p99_ms(rounds.iter().map(|round| &round.attacked));
    let worst = rounds.iter().map(|round| round.attacked.goodput_percent()).fold(f64::INFINITY, f64::min);
    let goodput = Figure::new(
        &format!("{kind}-goodput"),
        &format!("answers to {BOTS} honest bots at {RATE_HZ} Hz"),
        worst,
        "%",
        Promise::AtLeast(99.0),
        json!({ "rounds": rounds }),
    );
    let latency = Figure::new(
        &format!("{kind}-p99"),
        &format!("their p99 latency; {calm_ms:.2} ms when calm"),
        attacked_ms,
        "ms",
        Promise::AtMost(calm_ms.mul_add(2.0, ADDED_MS)),
        Value::Null,
    );
    [goodput, latency]
}

fn median_p99_ms<'a>(rounds: impl Iterator<Item = &'a Measured>) -> f64 {
    median(&rounds.map(|measured| measured.latency.p99_us as f64 / 1e3).collect::<Vec<_>>())
}

fn attack(bench: &Bench, fort: &Fort, kind: &str) -> anyhow::Result<Child> {
    // It outlasts the measurement with its warm-up and its wait for the last answers.
    let seconds = (bench.span + Duration::from_millis(800)).as_secs_f64().min(10.0).to_string();
    let target = fort.door(Wire::Frames).address.to_string();
    bench.own.start(&["attack", kind, "--target", &target, "--seconds", &seconds, "--nice", "10", "--progress", "json"])
}

/// What the attacker says at its end.
fn last_progress(attacker: &mut Child) -> anyhow::Result<Value> {
    loop {
        let line: Value = serde_json::from_str(&attacker.line()?)?;
        if line["done"] == true {
            return Ok(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Percentiles;

    fn measured(answered: u64, p99_us: u64) -> Measured {
        let latency = Percentiles { p99_us, ..Percentiles::default() };
        let (stroke, pacing) = (Stroke::Echo, Pacing::Open { rate_hz: RATE_HZ });
        Measured {
            stroke,
            pacing,
            clients: BOTS,
            seconds: 1.0,
            offered: 1_000,
            answered,
            unsent: 0,
            lost: 0,
            resumed: 0,
            latency,
        }
    }

    #[test]
    fn goodput_is_that_of_the_worst_round_and_latency_the_median() {
        let check = |rounds: [(u64, u64); 3], goodput: f64, p99_ms: f64, met: [bool; 2]| {
            let round = |(answered, p99_us)| Round {
                calm: measured(1_000, 10_000),
                attacked: measured(answered, p99_us),
                attacker: Value::Null,
                server_cpu_share: 0.1,
            };
            let [first, second] = judge("kind", 10.0, &rounds.map(round));
            assert!((first.value - goodput).abs() < 1e-9 && (second.value - p99_ms).abs() < 1e-9, "{first:?} {second:?}");
            assert_eq!([first.met, second.met], met);
        };
        check([(1_000, 12_000), (990, 25_000), (1_000, 900_000)], 99.0, 25.0, [true, true]);
        check([(1_000, 26_000), (989, 26_000), (1_000, 9_000)], 98.9, 26.0, [false, false]);
    }
}
