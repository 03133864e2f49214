//! Honest players while the server is attacked: 200 bots at 20 Hz in the echo room, calm and under each kind of attack. The server has
//! its core; the attacker, a process of its own at lower priority, shares the other one with the bots.

use std::net::Ipv4Addr;
use std::time::Duration;

use clap::ValueEnum as _;
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

/// The honest ones ...
const BOTS: usize = 200;
/// ... and what each sends a second.
const RATE_HZ: f64 = 20.0;
/// Latency that an attack may add to twice the calm one.
const ADDED_US: u64 = 5_000;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let mut figures = vec![];
    for &kind in Kind::value_variants() {
        let name = kind.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        // A fresh server each: the bans of one attack would keep the next one out.
        let fort = bench.fort("")?;
        figures.extend(measure_kind(bench, &fort, &name)?);
    }
    Ok(figures)
}

fn measure_kind(bench: &Bench, fort: &Fort, kind: &str) -> anyhow::Result<[Figure; 2]> {
    let pacing = Pacing::Open { rate_hz: RATE_HZ };
    let mut crowd = Crowd::new(fort.door(Wire::Frames), fort::signer()?, &bots::names(BOTS), &[Ipv4Addr::LOCALHOST])?;
    let mut metered = Metered::new(Stroke::Echo, pacing, BOTS);
    crowd.open_all(&mut metered, PATIENCE, |_| ())?;
    metered.seat_all(&mut crowd)?;

    bench.say(&format!("{kind}: calm"));
    let calm = metered.measure(&mut crowd, bench.span)?;
    bench.say(&format!("{kind}: under attack"));
    let mut attacker = attack(bench, fort, kind)?;
    let before = gauge::processor_time(fort.pid())?;
    let attacked = metered.measure(&mut crowd, bench.span)?;
    let spent = gauge::processor_time(fort.pid())?.saturating_sub(before);
    let progress = last_progress(&mut attacker)?;
    crowd.bye();

    let detail = json!({
        "calm": calm, "attacked": attacked, "attacker": progress, "server_cpu_share": spent.as_secs_f64() / (bench.span.as_secs_f64() + 0.5)
    });
    Ok(figures(kind, &calm, &attacked, detail))
}

fn figures(kind: &str, calm: &Measured, attacked: &Measured, detail: Value) -> [Figure; 2] {
    let bound_us = 2 * calm.latency.p99_us + ADDED_US;
    let goodput = Figure::new(
        &format!("{kind}-goodput"),
        &format!("answers to {BOTS} honest bots at {RATE_HZ} Hz"),
        attacked.goodput_percent(),
        "%",
        Promise::AtLeast(99.0),
        detail,
    );
    let calm_ms = calm.latency.p99_us as f64 / 1e3;
    let latency = Figure::new(
        &format!("{kind}-p99"),
        &format!("their p99 latency; {calm_ms:.2} ms when calm"),
        attacked.latency.p99_us as f64 / 1e3,
        "ms",
        Promise::AtMost(bound_us as f64 / 1e3),
        Value::Null,
    );
    [goodput, latency]
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
