//! What an attack did and did not do, worked out from the samples around it. Plain arithmetic; knows nothing of processes or pages.

use serde::Serialize;

use super::attack::{Kind, Mark, Progress};
use super::naming::Threat;
use super::sample::Sample;
use super::source::{Reading, Rejects};
use super::wall::{PacketVerdict, Packets};

/// Calm time before the attack that it is compared with, milliseconds.
pub(super) const BEFORE_MS: u64 = 10_000;

/// Before and during, side by side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Pair {
    before: f64,
    during: f64,
}

/// What the server counted meanwhile.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    refused: Rejects,
    packets: Packets,
}

impl Counted {
    pub(super) fn between(earlier: &Reading, later: &Reading) -> Self {
        let packets = |reading: &Reading| reading.wall.kernel.as_ref().map_or_else(Packets::default, |kernel| kernel.packets);
        let (before, after, mut between) = (packets(earlier), packets(later), Packets::default());
        for verdict in PacketVerdict::ALL {
            between.add(*verdict, after.get(*verdict).saturating_sub(before.get(*verdict)));
        }
        Self { refused: later.rejects.since(&earlier.rejects), packets: between }
    }
}

/// The card that is shown when an attack is over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Verdict {
    kind: Kind,
    /// How long it took, milliseconds.
    lasted_ms: u64,
    /// What the attacker says.
    attacker: Progress,
    /// Refusals that the server counted: number of the reject and count, most frequent first.
    refused: Vec<(u32, u64)>,
    /// Packets by what the kernel filter did with them, none that is 0.
    packets: Vec<(PacketVerdict, u64)>,
    /// What the wall called it, in the order in which the names came.
    named: Vec<Threat>,
    /// Players' round trip, milliseconds: median of the medians, and worst 99th percentile.
    latency_p50: Pair,
    latency_p99: Pair,
    /// Lateness of room ticks, milliseconds: worst 99th percentile of all worlds.
    late_p99: Pair,
    /// Room ticks per second, mean.
    ticks: Pair,
    /// Frames to players per second, mean.
    frames_out: Pair,
    /// Processor time, cores, mean.
    cpu: Pair,
    /// Resident memory, bytes, most.
    rss: Pair,
    /// Part of the room ticks during the attack that was not skipped, 0 to 1; `None` when no room ticked.
    ticks_kept: Option<f64>,
}

impl Verdict {
    pub(super) fn judge(mark: Mark, attacker: Progress, counted: &Counted, before: &[Sample], during: &[Sample]) -> Self {
        let pair = |of: fn(&[Sample]) -> f64| Pair { before: of(before), during: of(during) };
        let mut refused: Vec<_> = counted.refused.iter().filter(|(_, n)| *n > 0).map(|(reject, n)| (reject.code(), n)).collect();
        refused.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let mut named = Vec::new();
        for threat in during.iter().flat_map(|sample| &sample.wall.named) {
            if !named.contains(threat) {
                named.push(*threat);
            }
        }
        let ticked = sum(during, |sample| sample.worlds.iter().map(|world| world.ticks).sum());
        let skipped = sum(during, |sample| sample.worlds.iter().map(|world| world.skipped).sum());
        Self {
            kind: mark.kind,
            lasted_ms: mark.to.unwrap_or(mark.from).saturating_sub(mark.from),
            attacker,
            refused,
            packets: PacketVerdict::ALL
                .iter()
                .map(|verdict| (*verdict, counted.packets.get(*verdict)))
                .filter(|(_, n)| *n > 0)
                .collect(),
            named,
            latency_p50: pair(|samples| median(samples, |sample| sample.latency[0])),
            latency_p99: pair(|samples| worst(samples, |sample| sample.latency[1])),
            late_p99: pair(|samples| {
                worst(samples, |sample| sample.worlds.iter().map(|world| world.late[1]).fold(0.0, f64::max))
            }),
            ticks: pair(|samples| mean(samples, |sample| sample.worlds.iter().map(|world| world.ticks).sum())),
            frames_out: pair(|samples| mean(samples, |sample| sample.frames[1])),
            cpu: pair(|samples| mean(samples, |sample| sample.cpu)),
            rss: pair(|samples| worst(samples, |sample| sample.rss as f64)),
            ticks_kept: (ticked + skipped > 0.0).then(|| ticked / (ticked + skipped)),
        }
    }
}

fn sum(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    samples.iter().map(of).sum()
}

fn mean(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    if samples.is_empty() { 0.0 } else { sum(samples, of) / samples.len() as f64 }
}

fn worst(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    samples.iter().map(of).fold(0.0, f64::max)
}

fn median(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use hillfort_proto::reject::Reject;

    use super::super::sample::WorldSample;
    use super::super::wall::{KernelReading, Mode, Rung, Top, Wall};
    use super::*;

    fn sample(p50: f64, p99: f64, ticks: f64, skipped: f64) -> Sample {
        let world = WorldSample { late: [0.1, p99 / 10.0], ticks, skipped, ..WorldSample::default() };
        Sample { latency: [p50, p99], frames: [0.0, p99 * 100.0], worlds: vec![world], rss: p99 as u64, ..Sample::default() }
    }

    #[test]
    fn before_and_during_are_compared() {
        let (mut earlier, mut later) = (Reading::default(), Reading::default());
        earlier.rejects.add(Reject::HelloMac, 100);
        later.rejects.add(Reject::HelloMac, 1_000);
        later.rejects.add(Reject::Banned, 1_000);
        let counted = Counted::between(&earlier, &later);
        let mark = Mark { kind: Kind::BadHello, from: 1_000, to: Some(9_000) };
        let before = [sample(1.0, 2.0, 20.0, 0.0), sample(2.0, 4.0, 20.0, 0.0), sample(9.0, 3.0, 20.0, 0.0)];
        let mut during = [sample(2.0, 5.0, 20.0, 0.0), sample(3.0, 6.0, 18.0, 2.0)];
        during[0].wall.named = vec![Threat::ForgedHellos];
        during[1].wall.named = vec![Threat::Banned, Threat::ForgedHellos];
        let verdict =
            Verdict::judge(mark, Progress { sent: 2_000, refused: 1_900, ..Progress::default() }, &counted, &before, &during);
        assert_eq!(verdict.lasted_ms, 8_000);
        assert_eq!(verdict.refused, [(Reject::Banned.code(), 1_000), (Reject::HelloMac.code(), 900)]);
        assert_eq!(verdict.named, [Threat::ForgedHellos, Threat::Banned]);
        assert_eq!(verdict.latency_p50, Pair { before: 2.0, during: 3.0 });
        assert_eq!(verdict.latency_p99, Pair { before: 4.0, during: 6.0 });
        assert_eq!(verdict.frames_out, Pair { before: 300.0, during: 550.0 });
        assert_eq!(verdict.ticks, Pair { before: 20.0, during: 19.0 });
        assert_eq!(verdict.ticks_kept, Some(38.0 / 40.0));
    }

    #[test]
    fn packets_are_those_since_the_attack_began() {
        let reading = |banned, cookies| {
            let mut packets = Packets::default();
            packets.add(PacketVerdict::Banned, banned);
            packets.add(PacketVerdict::Cookie, cookies);
            let kernel = KernelReading {
                rung: Rung::Native,
                why_not_higher: None,
                mode: Mode::Flood,
                syns: 0,
                packets,
                orders_lost: 0,
                top: Top::default(),
            };
            Reading { wall: Wall { kernel: Some(kernel), ..Wall::default() }, ..Reading::default() }
        };
        let counted = Counted::between(&reading(7, 5), &reading(7, 9));
        let mark = Mark { kind: Kind::SynSpoofed, from: 1_000, to: None };
        let verdict = Verdict::judge(mark, Progress::default(), &counted, &[], &[]);
        assert_eq!(verdict.packets, [(PacketVerdict::Cookie, 4)]);
    }

    #[test]
    fn nothing_measured_is_no_claim() {
        let mark = Mark { kind: Kind::SlowHello, from: 1_000, to: None };
        let verdict = Verdict::judge(mark, Progress::default(), &Counted::default(), &[], &[]);
        assert_eq!((verdict.lasted_ms, verdict.ticks_kept), (0, None));
        assert_eq!(verdict.latency_p99, Pair { before: 0.0, during: 0.0 });
        assert!(verdict.refused.is_empty());
    }
}
