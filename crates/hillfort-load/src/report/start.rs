//! How soon a server is there, and what it weighs when nothing happens.

use std::time::Duration;

use serde_json::json;

use super::figure::{Figure, Promise};
use super::{Bench, fort};
use crate::machine::median;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let (mut seconds, mut mebibytes) = (vec![], vec![]);
    for round in 1..=bench.rounds {
        bench.say(&format!("start, round {round}"));
        let fort = bench.fort("")?;
        seconds.push(fort.ready_after.as_secs_f64());
        fort::pause(Duration::from_secs(1));
        mebibytes.push(fort.memory()?.rss_bytes as f64 / f64::from(1 << 20));
    }
    Ok(vec![
        Figure::new(
            "start",
            "from the start of the process to the first player logged in",
            median(&seconds),
            "s",
            Promise::AtMost(1.0),
            json!({ "rounds_s": seconds }),
        ),
        Figure::new(
            "idle-server",
            "resident memory of a server without players",
            median(&mebibytes),
            "MiB",
            Promise::AtMost(30.0),
            json!({ "rounds_mib": mebibytes }),
        ),
    ])
}
