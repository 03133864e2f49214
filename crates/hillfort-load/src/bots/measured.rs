//! What a run of measured clients found, for people and as JSON.

use serde::{Deserialize, Serialize};

use super::{Pacing, Stroke};
use crate::latency::Percentiles;
use crate::table::number;

/// Figures of one run. Latencies of an open loop count from the intended time, of a closed loop from the send.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) stroke: Stroke,
    pub(crate) pacing: Pacing,
    pub(crate) clients: usize,
    pub(crate) seconds: f64,
    /// Messages that were due in the measured time (closed loop: sent).
    pub(crate) offered: u64,
    /// Of those, the ones that were answered, at the latest a second after the end.
    pub(crate) answered: u64,
    /// Messages that the session could not take: no seat, or too many unacknowledged.
    pub(crate) unsent: u64,
    /// Connections lost on the way.
    pub(crate) lost: u64,
    /// Sessions that came back by themselves.
    pub(crate) resumed: u64,
    pub(crate) latency: Percentiles,
}

impl Measured {
    /// Answered of offered, percent.
    pub(crate) fn goodput_percent(&self) -> f64 {
        if self.offered == 0 { 0.0 } else { 100.0 * self.answered as f64 / self.offered as f64 }
    }

    pub(crate) fn render(&self) -> String {
        let pacing = match self.pacing {
            Pacing::Open { rate_hz } => format!("open loop at {rate_hz} Hz each"),
            Pacing::Closed { pipeline } => format!("closed loop, {pipeline} under way each"),
        };
        let Percentiles { p50_us, p90_us, p99_us, p999_us, max_us } = self.latency;
        let ms = |us: u64| format!("{:.3}", us as f64 / 1e3);
        format!(
            "{} clients, {}, {pacing}\n{} answered a second, {:.2} % of {} offered; {} unsent, {} connections lost, {} resumed\n\
             latency ms: p50 {}  p90 {}  p99 {}  p99.9 {}  max {}\n",
            self.clients,
            self.stroke.label(),
            number(self.answered as f64 / self.seconds),
            self.goodput_percent(),
            number(self.offered as f64),
            self.unsent,
            self.lost,
            self.resumed,
            ms(p50_us),
            ms(p90_us),
            ms(p99_us),
            ms(p999_us),
            ms(max_us),
        )
    }
}
