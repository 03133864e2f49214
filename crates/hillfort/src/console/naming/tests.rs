//! Courses of attacks as their samples show them, and what they are called.

use super::super::sample::{KernelSample, WallSample};
use super::super::wall::{Mode, Rung};
use super::*;

/// Rates of one sample.
#[derive(Clone, Copy, Default)]
struct Rates {
    accepted: f64,
    proven: f64,
    refused: &'static [(Reject, f64)],
    /// SYNs and what the kernel filter did, where there is one.
    kernel: Option<(f64, &'static [(PacketVerdict, f64)])>,
}

impl Rates {
    fn sample(self) -> Sample {
        let kernel = self.kernel.map(|(syns, packets)| KernelSample {
            rung: Rung::Native,
            why_not_higher: None,
            mode: Mode::Passive,
            syns,
            packets: packets.to_vec(),
        });
        Sample {
            accepted: self.accepted,
            proven: self.proven,
            refused: self.refused.iter().map(|(reject, rate)| (reject.code(), *rate)).collect(),
            wall: WallSample { kernel, ..WallSample::default() },
            ..Sample::default()
        }
    }
}

/// Names after each stretch of equal samples.
fn check(course: &[(usize, Rates, &[Threat])]) {
    let mut namer = Namer::default();
    for (stretch, (samples, rates, expect)) in course.iter().enumerate() {
        let mut last = Vec::new();
        for _ in 0..*samples {
            last = namer.observe(&rates.sample());
        }
        assert_eq!(last, *expect, "after stretch {stretch}");
    }
}

const CALM: Rates = Rates { accepted: 20.0, proven: 4.0, refused: &[(Reject::HelloTime, 1.0)], kernel: None };

#[test]
fn each_kind_of_attack_has_its_name() {
    let one = |rates: Rates, expect: &[Threat]| check(&[(20, CALM, &[]), (4, rates, expect)]);
    let refused = |refused| Rates { accepted: 5_000.0, proven: 4.0, refused, kernel: None };
    one(refused(&[(Reject::HelloMac, 900.0)]), &[Threat::ForgedHellos]);
    one(refused(&[(Reject::HelloMagic, 30.0), (Reject::HelloKey, 30.0)]), &[Threat::ForgedHellos]);
    one(refused(&[(Reject::HelloReplay, 400.0)]), &[Threat::Replays]);
    one(refused(&[(Reject::ConnectRate, 300.0), (Reject::SourceRate, 3_000.0)]), &[Threat::Handshakes]);
    one(refused(&[(Reject::HelloSlow, 60.0)]), &[Threat::SlowHellos]);
    one(refused(&[(Reject::ClientHello, 40.0), (Reject::TlsRate, 40.0)]), &[Threat::Tls]);
    one(refused(&[(Reject::InputRate, 9_000.0)]), &[Threat::Commands]);
    one(refused(&[(Reject::FrameCrc, 90.0)]), &[Threat::Frames]);
    one(refused(&[(Reject::Work, 30.0), (Reject::WorkSlow, 25.0)]), &[Threat::Idlers]);
    one(refused(&[(Reject::Banned, 900.0)]), &[Threat::Banned]);
    one(refused(&[(Reject::HelloMac, 49.0), (Reject::HelloReplay, 49.0), (Reject::InputRate, 99.0)]), &[]);
}

#[test]
fn forged_syns_are_those_that_become_no_connection() {
    let flood = |accepted, kernel| Rates { accepted, kernel: Some(kernel), ..CALM };
    let one = |rates: Rates, expect: &[Threat]| check(&[(4, rates, expect)]);
    one(flood(30.0, (900_000.0, &[(PacketVerdict::Cookie, 899_000.0)])), &[Threat::ForgedSyns]);
    one(flood(30.0, (531.0, &[])), &[Threat::ForgedSyns]);
    one(flood(30.0, (529.0, &[])), &[]);
    one(flood(30.0, (20_000.0, &[(PacketVerdict::Banned, 19_900.0)])), &[Threat::Banned]);
    // Honest players behind cookies: what is answered is completed.
    one(flood(3_000.0, (3_000.0, &[(PacketVerdict::Cookie, 3_000.0)])), &[]);
    one(flood(30.0, (30.0, &[(PacketVerdict::Stray, 40_000.0)])), &[Threat::StrayPackets]);
}

#[test]
fn a_crowd_that_proves_itself_is_no_attack() {
    let crowd = Rates { accepted: 6_000.0, proven: 2_900.0, refused: &[(Reject::ConnectRate, 3_000.0)], kernel: None };
    check(&[(20, CALM, &[]), (4, crowd, &[Threat::Crowd])]);
    check(&[(4, Rates { proven: 1_700.0, ..crowd }, &[Threat::Handshakes])]);
    check(&[(4, Rates { accepted: 3_000.0, proven: 0.0, ..crowd }, &[Threat::Handshakes])]);
}

#[test]
fn a_name_comes_after_a_second_and_goes_after_three() {
    let storm = Rates { refused: &[(Reject::HelloMac, 400.0)], ..CALM };
    let lull = Rates { refused: &[(Reject::HelloMac, 30.0)], ..CALM };
    let named: &[Threat] = &[Threat::ForgedHellos];
    check(&[(1, storm, &[]), (1, CALM, &[]), (1, storm, &[]), (1, storm, named)]);
    check(&[(2, storm, named), (5, CALM, named), (1, storm, named), (5, CALM, named), (1, CALM, &[])]);
    // Between the two levels it keeps what it is: neither raised nor let go.
    check(&[(20, lull, &[]), (2, storm, named), (20, lull, named)]);
}

#[test]
fn an_attack_keeps_its_name_while_its_addresses_are_banned() {
    let storm = Rates { refused: &[(Reject::HelloMac, 4_000.0)], ..CALM };
    let banned = Rates { refused: &[(Reject::Banned, 60_000.0)], ..CALM };
    let both: &[Threat] = &[Threat::ForgedHellos, Threat::Banned];
    check(&[(2, storm, &[Threat::ForgedHellos]), (40, banned, both), (6, CALM, &[])]);
    // What goes on beside the bans does not take its place.
    let beside = Rates { refused: &[(Reject::Banned, 60_000.0), (Reject::HelloSlow, 3_000.0)], ..CALM };
    let all: &[Threat] = &[Threat::ForgedHellos, Threat::SlowHellos, Threat::Banned];
    check(&[(20, storm, &[Threat::ForgedHellos]), (40, beside, all)]);
    // But not for ever.
    check(&[(2, storm, &[Threat::ForgedHellos]), (120, banned, both), (6, banned, &[Threat::Banned])]);
}

#[test]
fn of_several_the_heavier_comes_first_and_does_not_flicker() {
    const HELLOS: f64 = 1_000.0;
    let mixed = |replays: &'static [(Reject, f64)]| Rates { refused: replays, ..CALM };
    let hellos = mixed(&[(Reject::HelloMac, HELLOS)]);
    // A quarter heavier: too little to overtake.
    let near = mixed(&[(Reject::HelloMac, HELLOS), (Reject::HelloReplay, HELLOS * 1.25)]);
    let far = mixed(&[(Reject::HelloMac, HELLOS), (Reject::HelloReplay, HELLOS * 4.0)]);
    check(&[
        (20, hellos, &[Threat::ForgedHellos]),
        (40, near, &[Threat::ForgedHellos, Threat::Replays]),
        (40, far, &[Threat::Replays, Threat::ForgedHellos]),
        (40, near, &[Threat::Replays, Threat::ForgedHellos]),
    ]);
}
