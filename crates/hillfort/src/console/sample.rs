//! What is drawn: rates between two readings, gauges, and the bounded history of them. No clock: the caller says how far apart they are.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hillfort_proto::reject::Reject;
use serde::Serialize;

use super::naming::Threat;
use super::process::Usage;
use super::source::{Connections, Reading, Rejects};
use super::wall::{Mode, PacketVerdict, Posture, Rung, Wall};

/// One point of every chart. Names are short because each is sent hundreds of times.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Sample {
    /// Number of the sample, from 1.
    pub(super) seq: u64,
    /// Wall clock, milliseconds since the Unix epoch.
    pub(super) at: u64,
    /// Gauges of the doors.
    pub(super) connections: Connections,
    /// Connections let in per second.
    pub(super) accepted: f64,
    /// Valid hellos per second.
    pub(super) proven: f64,
    /// Frames per second, in and out.
    pub(super) frames: [f64; 2],
    /// Bytes per second, in and out.
    pub(super) bytes: [f64; 2],
    /// Refusals per second: number of the reject and rate, none that is 0.
    pub(super) refused: Vec<(u32, f64)>,
    /// Round trip of players, milliseconds: median and 99th percentile.
    pub(super) latency: [f64; 2],
    /// One for each world thread.
    pub(super) worlds: Vec<WorldSample>,
    /// Resident memory, bytes.
    pub(super) rss: u64,
    /// Processor time per second of wall clock: 1 is one core.
    pub(super) cpu: f64,
    /// The wall.
    pub(super) wall: WallSample,
}

/// The wall's part of a sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct WallSample {
    /// The kernel filter; `None` while none is attached.
    pub(super) kernel: Option<KernelSample>,
    /// How the guard sees the moment.
    pub(super) posture: Option<Posture>,
    /// What rules that only watch would have refused per second: number of the reject and rate, none that is 0.
    pub(super) would_refuse: Vec<(u32, f64)>,
    /// Logins and resumes per second.
    pub(super) logins: f64,
    /// Longest pause of the edge's own making, milliseconds.
    pub(super) pause: f64,
    /// What the refusals look like, most telling first; empty while all is calm.
    pub(super) named: Vec<Threat>,
}

/// The kernel filter's part of a sample; rates are packets per second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct KernelSample {
    pub(super) rung: Rung,
    pub(super) why_not_higher: Option<String>,
    pub(super) mode: Mode,
    pub(super) syns: f64,
    /// Verdict and rate, none that is 0.
    pub(super) packets: Vec<(PacketVerdict, f64)>,
}

impl KernelSample {
    /// Rate of packets with this verdict.
    pub(super) fn rate(&self, verdict: PacketVerdict) -> f64 {
        self.packets.iter().find(|(known, _)| *known == verdict).map_or(0.0, |(_, rate)| *rate)
    }
}

/// One world thread's part of a sample; times in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct WorldSample {
    /// Tick time: median and 99th percentile.
    pub(super) tick: [f64; 2],
    /// Lateness: median and 99th percentile.
    pub(super) late: [f64; 2],
    /// Room ticks per second.
    pub(super) ticks: f64,
    /// Skipped room ticks per second.
    pub(super) skipped: f64,
    /// Rooms of now.
    pub(super) rooms: u64,
    /// Seats taken now.
    pub(super) seats: u64,
}

impl Sample {
    /// What happened between two readings that lie `apart`. `seq` and `at` are left 0.
    pub(super) fn between(earlier: &(Reading, Usage), now: &(Reading, Usage), apart: Duration) -> Self {
        let seconds = apart.as_secs_f64().max(0.001);
        let rate = |earlier: u64, now: u64| round(now.saturating_sub(earlier) as f64 / seconds);
        let ((before, usage_before), (after, usage)) = (earlier, now);
        let (t0, t1) = (before.traffic, after.traffic);
        let worlds = after.worlds.iter().enumerate().map(|(index, world)| {
            let earlier = before.worlds.get(index).copied().unwrap_or_default();
            WorldSample {
                tick: [ms(world.tick_us.p50), ms(world.tick_us.p99)],
                late: [ms(world.late_us.p50), ms(world.late_us.p99)],
                ticks: rate(earlier.ticks, world.ticks),
                skipped: rate(earlier.skipped, world.skipped),
                rooms: world.rooms,
                seats: world.seats,
            }
        });
        Self {
            seq: 0,
            at: 0,
            connections: after.connections,
            accepted: rate(t0.accepted, t1.accepted),
            proven: rate(t0.proven, t1.proven),
            frames: [rate(t0.frames_in, t1.frames_in), rate(t0.frames_out, t1.frames_out)],
            bytes: [rate(t0.bytes_in, t1.bytes_in), rate(t0.bytes_out, t1.bytes_out)],
            refused: refusals(&before.rejects, &after.rejects, seconds),
            latency: [ms(after.latency_us.p50), ms(after.latency_us.p99)],
            worlds: worlds.collect(),
            rss: usage.rss_bytes,
            cpu: (usage.cpu_ns.saturating_sub(usage_before.cpu_ns) as f64 / 1e9 / seconds * 1000.0).round() / 1000.0,
            wall: WallSample::between(&before.wall, &after.wall, seconds),
        }
    }

    /// Refusals per second for this reason.
    pub(super) fn refused(&self, reject: Reject) -> f64 {
        self.refused.iter().find(|(code, _)| *code == reject.code()).map_or(0.0, |(_, rate)| *rate)
    }
}

impl WallSample {
    fn between(before: &Wall, after: &Wall, seconds: f64) -> Self {
        let rate = |before: u64, now: u64| round(now.saturating_sub(before) as f64 / seconds);
        let kernel = after.kernel.as_ref().map(|now| {
            let earlier = before.kernel.as_ref();
            let packets = PacketVerdict::ALL.iter().map(|verdict| {
                let was = earlier.map_or(0, |earlier| earlier.packets.get(*verdict));
                (*verdict, rate(was, now.packets.get(*verdict)))
            });
            KernelSample {
                rung: now.rung,
                why_not_higher: now.why_not_higher.clone(),
                mode: now.mode,
                syns: rate(earlier.map_or(0, |earlier| earlier.syns), now.syns),
                packets: packets.filter(|(_, rate)| *rate > 0.0).collect(),
            }
        });
        Self {
            kernel,
            posture: after.posture,
            would_refuse: refusals(&before.would_refuse, &after.would_refuse, seconds),
            logins: rate(before.logins, after.logins),
            pause: ms(after.pause_us_max),
            named: Vec::new(),
        }
    }
}

fn refusals(before: &Rejects, after: &Rejects, seconds: f64) -> Vec<(u32, f64)> {
    let between = after.since(before);
    between.iter().filter(|(_, n)| *n > 0).map(|(reject, n)| (reject.code(), round(n as f64 / seconds))).collect()
}

fn round(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}

fn ms(us: u64) -> f64 {
    us as f64 / 1000.0
}

/// The newest samples, each with its JSON beside, so that it is written once for all who look.
#[derive(Debug)]
pub(super) struct History {
    samples: VecDeque<(Sample, Arc<str>)>,
    capacity: usize,
}

impl History {
    /// Holds `capacity` samples, the newest ones.
    pub(super) fn new(capacity: usize) -> Self {
        Self { samples: VecDeque::with_capacity(capacity), capacity }
    }

    /// Adds a sample; the oldest goes when all places are taken.
    pub(super) fn push(&mut self, sample: Sample) {
        let json = serde_json::to_string(&sample).expect("plain numbers and lists are always JSON");
        if self.samples.len() >= self.capacity {
            self.samples.pop_front();
        }
        self.samples.push_back((sample, json.into()));
    }

    /// JSON array of all samples with a number above `seq`, and the highest number.
    pub(super) fn json_after(&self, seq: u64) -> (String, u64) {
        let mut json = String::from("[");
        let mut last = seq;
        for (sample, text) in self.samples.iter().filter(|(sample, _)| sample.seq > seq) {
            if json.len() > 1 {
                json.push(',');
            }
            json.push_str(text);
            last = sample.seq;
        }
        json.push(']');
        (json, last)
    }

    /// The samples, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter().map(|(sample, _)| sample)
    }
}

#[cfg(test)]
mod tests {
    use hillfort_proto::reject::Reject;

    use super::super::source::{Quantiles, World};
    use super::*;

    fn reading(n: u64) -> (Reading, Usage) {
        let mut reading = Reading::default();
        reading.traffic.frames_in = 100 * n;
        reading.traffic.bytes_out = 6_400 * n;
        reading.rejects.add(Reject::HelloMac, 50 * n);
        reading.latency_us = Quantiles { p50: 1_500, p99: 4_250 };
        reading.worlds = vec![World { ticks: 20 * n, skipped: n, ..World::default() }];
        (reading, Usage { rss_bytes: 7, cpu_ns: 250_000_000 * n })
    }

    #[test]
    fn counters_become_rates_and_gauges_stay() {
        let sample = Sample::between(&reading(1), &reading(3), Duration::from_millis(500));
        assert_eq!(sample.frames, [400.0, 0.0]);
        assert_eq!(sample.bytes, [0.0, 25_600.0]);
        assert_eq!(sample.refused, [(Reject::HelloMac.code(), 200.0)]);
        assert_eq!(sample.latency, [1.5, 4.25]);
        assert_eq!((sample.worlds[0].ticks, sample.worlds[0].skipped), (80.0, 4.0));
        assert_eq!((sample.rss, sample.cpu), (7, 1.0));
    }

    #[test]
    fn a_counter_that_fell_is_no_rate() {
        let sample = Sample::between(&reading(3), &reading(1), Duration::from_millis(500));
        assert_eq!(sample.frames, [0.0, 0.0]);
        assert!(sample.refused.is_empty());
        assert_eq!(sample.cpu, 0.0);
    }

    #[test]
    fn a_world_that_is_new_counts_from_zero() {
        let (mut before, usage) = reading(1);
        before.worlds.clear();
        let sample = Sample::between(&(before, usage), &reading(1), Duration::from_secs(1));
        assert_eq!(sample.worlds[0].ticks, 20.0);
    }

    #[test]
    fn history_holds_the_newest() {
        let mut history = History::new(3);
        for seq in 1..=5 {
            history.push(Sample { seq, ..Sample::default() });
        }
        assert_eq!(history.iter().map(|sample| sample.seq).collect::<Vec<_>>(), [3, 4, 5]);
        let (json, last) = history.json_after(3);
        let parsed: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
        assert_eq!(parsed.iter().map(|sample| sample["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(last, 5);
        assert_eq!(history.json_after(5), ("[]".to_owned(), 5));
    }
}
