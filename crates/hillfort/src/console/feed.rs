//! The one sampler and what it keeps: the history, the latest reading and the latest tables. Those who look wait on its version.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::naming::Namer;
use super::process::{self, Usage};
use super::sample::{History, Sample};
use super::source::{Reading, Source};
use super::{HISTORY_SAMPLES, SAMPLE_EVERY};

/// Tables are asked for at every second sample, and only while somebody looks.
const TABLES_EVERY_SAMPLES: u64 = 2;

/// Shared by the sampler and all who look.
#[derive(Debug)]
pub(super) struct Feed {
    kept: Mutex<Kept>,
    changed: watch::Sender<()>,
    /// Shown by the page and by the metrics.
    pub(super) version: &'static str,
    started: Instant,
}

#[derive(Debug)]
struct Kept {
    history: History,
    latest: Arc<(Reading, Usage)>,
    seq: u64,
    tables: Arc<str>,
    tables_seq: u64,
}

/// Takes a sample every [`SAMPLE_EVERY`], for ever.
pub(super) async fn sample(feed: &Feed, source: &dyn Source) {
    let mut ticks = tokio::time::interval(SAMPLE_EVERY);
    // A sample that came late must not make the next interval a short one.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = (Arc::new((source.read(), process::usage())), Instant::now());
    let mut namer = Namer::default();
    feed.set_latest(&before.0);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let now = (Arc::new((source.read(), process::usage())), Instant::now());
        let mut sample = Sample::between(&before.0, &now.0, now.1.saturating_duration_since(before.1));
        sample.wall.named = namer.observe(&sample);
        feed.push(sample, &now.0);
        if feed.is_watched() && feed.seq().is_multiple_of(TABLES_EVERY_SAMPLES) {
            feed.set_tables(source);
        }
        feed.wake();
        before = now;
    }
}

/// Milliseconds since the Unix epoch.
pub(super) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

impl Feed {
    pub(super) fn new(version: &'static str) -> Self {
        let kept =
            Kept { history: History::new(HISTORY_SAMPLES), latest: Arc::default(), seq: 0, tables: "{}".into(), tables_seq: 0 };
        Self { kept: Mutex::new(kept), changed: watch::Sender::new(()), version, started: Instant::now() }
    }

    /// Wakes at every sample and whenever [`Feed::wake`] is called.
    pub(super) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Tells all who look that there is something new.
    pub(super) fn wake(&self) {
        self.changed.send_replace(());
    }

    /// The last reading.
    pub(super) fn latest(&self) -> Arc<(Reading, Usage)> {
        Arc::clone(&self.kept().latest)
    }

    /// Samples with a number above `seq` as a JSON array, and the highest number.
    pub(super) fn samples_after(&self, seq: u64) -> (String, u64) {
        self.kept().history.json_after(seq)
    }

    /// Samples from `from` up to `to`, milliseconds since the Unix epoch.
    pub(super) fn samples_within(&self, from: u64, to: u64) -> Vec<Sample> {
        self.kept().history.iter().filter(|sample| (from..=to).contains(&sample.at)).cloned().collect()
    }

    /// Number of the newest sample.
    pub(super) fn seq(&self) -> u64 {
        self.kept().seq
    }

    /// The last tables as JSON, and the number of the sample that they came with.
    pub(super) fn tables(&self) -> (Arc<str>, u64) {
        let kept = self.kept();
        (Arc::clone(&kept.tables), kept.tables_seq)
    }

    /// Asks for the tables now; those who look are not woken.
    pub(super) fn set_tables(&self, source: &dyn Source) {
        let tables = serde_json::to_string(&source.tables()).expect("rows of texts and numbers are always JSON");
        let mut kept = self.kept();
        kept.tables = tables.into();
        kept.tables_seq += 1;
    }

    /// Milliseconds since the start.
    pub(super) fn uptime_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn is_watched(&self) -> bool {
        self.changed.receiver_count() > 0
    }

    fn set_latest(&self, latest: &Arc<(Reading, Usage)>) {
        self.kept().latest = Arc::clone(latest);
    }

    fn push(&self, mut sample: Sample, latest: &Arc<(Reading, Usage)>) {
        let mut kept = self.kept();
        kept.seq += 1;
        sample.seq = kept.seq;
        sample.at = unix_ms();
        kept.history.push(sample);
        kept.latest = Arc::clone(latest);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("nothing that holds this lock can panic")
    }
}
