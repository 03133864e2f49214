//! Frames a second of the server's processor time, next to the bare echo in the same minute: rounds of both take turns, medians count.

use hillfort_proto::frame::Framing;
use hillfort_proto::message::{ClientBody, ClientView, Encode as _};
use serde_json::json;

use super::Bench;
use super::figure::{Figure, Promise};
use super::fort::{self, Fort, UNBOUND_INPUTS};
use crate::bots::{self, Metered, PATIENCE, PING_PAD_BYTES, Pacing, Stroke};
use crate::crowd::Crowd;
use crate::gauge;
use crate::limits::{BareServers, ECHO_CONNECTIONS, ECHO_FRAME_BYTES, Rate};
use crate::link::Wire;
use crate::pipeline::{Answers, Clients, Frames};

/// First byte of a payload that holds a Pong and no acknowledgement: field 9, length delimited.
const PONG: u8 = 9 << 3 | 2;

/// The ping that is measured, with its header: 72 bytes, as long as the frame of the bare echo.
pub(super) fn ping_frame() -> Vec<u8> {
    let mut request = vec![];
    ClientView::unsequenced(ClientBody::Ping { echo: 0x5a5a_5a5a_5a5a_5a5a, pad: &[0; PING_PAD_BYTES] })
        .put(Framing::Tcp, &mut request);
    request
}

pub(super) fn measure_ping(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let mut bare = BareServers::start(&bench.own, &bench.cores)?;
    let fort = bench.fort(UNBOUND_INPUTS)?;
    let mut figures = vec![];
    for (pipeline, promise) in [(16, 0.7), (1, 0.8)] {
        let frames = Frames { request: ping_frame(), answers: Answers::Frames(PONG) };
        let (mut ours, mut limit) = (vec![], vec![]);
        for round in 1..=bench.rounds {
            bench.say(&format!("ping, pipeline {pipeline}, round {round}"));
            limit.push(bare.echo(pipeline, bench.span)?);
            let streams = bots::streams(fort.door(Wire::Frames), fort::signer()?, ECHO_CONNECTIONS)?;
            ours.push(Clients::adopt(streams, &frames, pipeline)?.measure(fort.pid(), bench.span)?);
        }
        let text = format!("session ping over TCP, pipeline {pipeline}, against the bare echo, per server CPU second");
        figures.push(ratio(&format!("ping-{pipeline}"), &text, &ours, &limit, promise));
    }
    Ok(figures)
}

pub(super) fn measure_echo(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    const PIPELINE: u32 = 16;
    let mut bare = BareServers::start(&bench.own, &bench.cores)?;
    let fort = bench.fort(UNBOUND_INPUTS)?;
    let (mut ours, mut limit) = (vec![], vec![]);
    for round in 1..=bench.rounds {
        bench.say(&format!("echo room, round {round}"));
        limit.push(bare.echo(PIPELINE as usize, bench.span)?);
        ours.push(echo(&fort, PIPELINE, bench)?);
    }
    let text = "native echo room over TCP, pipeline 16, against the bare echo, per server CPU second";
    Ok(vec![ratio("echo-16", text, &ours, &limit, 0.35)])
}

fn echo(fort: &Fort, pipeline: u32, bench: &Bench) -> anyhow::Result<Rate> {
    let names = bots::names(ECHO_CONNECTIONS);
    let mut crowd = Crowd::new(fort.door(Wire::Frames), fort::signer()?, &names, &bots::sources(1))?;
    let mut metered = Metered::new(Stroke::Echo, Pacing::Closed { pipeline }, ECHO_CONNECTIONS);
    crowd.open_all(&mut metered, PATIENCE, |_| ())?;
    metered.seat_all(&mut crowd)?;
    let mut before = None;
    let mut spent = Ok(std::time::Duration::ZERO);
    let measured = metered.measure_with(&mut crowd, bench.span, |begins| match (begins, gauge::processor_time(fort.pid())) {
        (true, time) => before = time.ok(),
        (false, time) => spent = time.map(|time| time.saturating_sub(before.unwrap_or_default())),
    })?;
    crowd.bye();
    Ok(Rate::new(measured.answered, bench.span, spent?))
}

fn ratio(name: &str, text: &str, ours: &[Rate], limit: &[Rate], promise: f64) -> Figure {
    let (our, bare) = (Rate::median(ours), Rate::median(limit));
    let value = our.per_cpu_second / bare.per_cpu_second;
    let detail =
        json!({ "server": our, "bare": bare, "server_rounds": ours, "bare_rounds": limit, "frame_bytes": ECHO_FRAME_BYTES });
    Figure::new(name, text, value, "×", Promise::AtLeast(promise), detail)
}
