//! Memory of the server's process for each client that is logged in and silent.

use std::time::Duration;

use serde_json::json;

use super::figure::{Figure, Promise};
use super::{Bench, fort};
use crate::bots::{self, Idle, PATIENCE};
use crate::crowd::Crowd;
use crate::link::Wire;

/// Clients of one wire.
const CLIENTS: usize = 15_000;
/// Addresses that they come from, so that no address runs out of ports.
const SOURCES: usize = 8;
/// Time for buffers of the logins to be given back.
const SETTLE: Duration = Duration::from_secs(2);

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let tcp = measure_wire(bench, Wire::Frames, "idle-tcp", "TCP", 2_048.0)?;
    let websocket = measure_wire(bench, Wire::WebSocket, "idle-websocket", "WebSocket", 3_072.0)?;
    Ok(vec![tcp, websocket])
}

fn measure_wire(bench: &Bench, wire: Wire, name: &str, wire_name: &str, promise: f64) -> anyhow::Result<Figure> {
    let clients = CLIENTS.min(crate::machine::sockets_max() - 64);
    // A fresh server each: what another wire's clients have left behind would be counted as free.
    let fort = bench.fort("")?;
    fort::pause(Duration::from_millis(500));
    let before = fort.memory()?;
    let mut crowd = Crowd::new(fort.door(wire), fort::signer()?, &bots::names(clients), &bots::sources(SOURCES))?;
    crowd.open_all(&mut Idle, PATIENCE, |open| {
        if open.is_multiple_of(500) {
            bench.say(&format!("{open} idle clients over {wire_name}"));
        }
    })?;
    let settled = crowd.now() + SETTLE;
    crowd.run(&mut Idle, |now, _, _| now >= settled)?;
    let (after, open) = (fort.memory()?, crowd.counts().open);
    let each = |after: u64, before: u64| after.saturating_sub(before) as f64 / open as f64;
    Ok(Figure::new(
        name,
        &format!("process memory of each of {open} idle clients over {wire_name}"),
        each(after.rss_bytes, before.rss_bytes),
        "bytes",
        Promise::AtMost(promise),
        json!({ "clients": open, "before": before, "after": after, "anonymous_each": each(after.anonymous_bytes, before.anonymous_bytes) }),
    ))
}
