//! What one world thread measures of itself: tick time, lateness, busy share, faults. Knows nothing of how it is shown.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use hillfort_proto::ids::RoomId;
use hillfort_proto::time::Time;
use hillfort_world::FaultKind;

use crate::snapshot::{Distribution, FAULTS_KEPT, FaultRecord, Totals, WorldSnapshot};

/// A snapshot is published this often.
pub(crate) const WINDOW: Duration = Duration::from_secs(1);
/// Lines of rooms' logs and faults that one world thread writes in one window; more are counted.
const LOG_LINES_A_WINDOW: u32 = 100;

#[derive(Debug)]
pub(crate) struct Meter {
    tick: Histogram<u32>,
    lateness: Histogram<u32>,
    busy: Duration,
    window_start: Time,
    log_lines: u32,
    pub(crate) totals: Totals,
    faults: VecDeque<FaultRecord>,
}

impl Meter {
    pub(crate) fn new(now: Time) -> Self {
        // 16 ns to 10 s in steps of 1 %: 20 KiB each.
        let histogram = || Histogram::new_with_bounds(16, 10_000_000_000, 2).expect("bounds are good");
        Self {
            tick: histogram(),
            lateness: histogram(),
            busy: Duration::ZERO,
            window_start: now,
            log_lines: 0,
            totals: Totals::default(),
            faults: VecDeque::with_capacity(FAULTS_KEPT),
        }
    }

    pub(crate) fn on_tick(&mut self, duration: Duration, lateness: Duration) {
        self.tick.saturating_record(duration.as_nanos() as u64);
        self.lateness.saturating_record(lateness.as_nanos() as u64);
    }

    pub(crate) fn on_busy(&mut self, busy: Duration) {
        self.busy += busy;
    }

    pub(crate) fn on_fault(&mut self, record: FaultRecord) {
        match record.fault.kind() {
            FaultKind::Crashed => self.totals.faults_crashed += 1,
            FaultKind::Budget => self.totals.faults_budget += 1,
            FaultKind::Memory => self.totals.faults_memory += 1,
        }
        if self.may_log() {
            let FaultRecord { room, game, tick, callback, fault, .. } = &record;
            tracing::warn!(target: "hillfort::room", %room, %game, tick, callback, %fault, "room ended by a fault");
        }
        if self.faults.len() == FAULTS_KEPT {
            self.faults.pop_front();
        }
        self.faults.push_back(record);
    }

    pub(crate) fn on_log(&mut self, room: RoomId, game: &Arc<str>, tick: u64, line: &str) {
        if self.may_log() {
            tracing::info!(target: "hillfort::room", %room, %game, tick, "{line}");
        }
    }

    /// When the window is over at the earliest.
    pub(crate) fn window_end(&self) -> Time {
        self.window_start + WINDOW
    }

    /// Ends the window: fills what was measured in it into `snapshot` and begins anew. Returns the busy share in thousandths.
    pub(crate) fn finish_window(&mut self, now: Time, snapshot: &mut WorldSnapshot) -> u32 {
        let length = now.since(self.window_start).max(Duration::from_nanos(1));
        snapshot.utilisation = (self.busy.as_secs_f64() / length.as_secs_f64()).min(1.0);
        snapshot.tick = distribution(&self.tick);
        snapshot.lateness = distribution(&self.lateness);
        snapshot.faults = self.faults.iter().cloned().collect();
        self.tick.reset();
        self.lateness.reset();
        self.busy = Duration::ZERO;
        self.window_start = now;
        self.log_lines = 0;
        (snapshot.utilisation * 1000.0) as u32
    }

    fn may_log(&mut self) -> bool {
        let may = self.log_lines < LOG_LINES_A_WINDOW;
        self.log_lines += 1;
        self.totals.log_lines_lost += u64::from(!may);
        may
    }
}

fn distribution(histogram: &Histogram<u32>) -> Distribution {
    let quantile = |q| Duration::from_nanos(histogram.value_at_quantile(q));
    Distribution { count: histogram.len(), p50: quantile(0.5), p99: quantile(0.99), max: Duration::from_nanos(histogram.max()) }
}
