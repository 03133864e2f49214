//! What an attack is called: plain rules over the rates of one sample, with memory enough that a name neither flickers nor changes when
//! the attacker's addresses are banned. Knows nothing of clocks, pages or who defends.

use hillfort_proto::reject::Reject;

use super::sample::Sample;
use super::wall::{PacketVerdict, labels};

/// Samples in a row that must show the signs before they are believed: a second.
const RISE_SAMPLES: u8 = 2;
/// Samples in a row without the signs until the name goes: three seconds.
const FALL_SAMPLES: u8 = 6;
/// Signs that have fallen below this part of what raised them count as gone.
const FALL_PART: f64 = 0.5;
/// While only bans answer, an attack keeps its earlier name, for a minute at most.
const HELD_SAMPLES: u8 = 120;
/// Weight of the newest sample in the order of several names ...
const NEWEST_PART: f64 = 0.3;
/// ... and how much heavier another must be to take the first place.
const OVERTAKES: f64 = 1.5;
/// Part of the connections let in that prove themselves, from which on a crowd is honest.
const HONEST_PART: f64 = 0.6;
/// Part of the SYNs that become connections, below which they are forged: forged ones never become any.
const FORGED_PART: f64 = 0.2;

labels! {
    /// What refusals look like.
    pub(super) Threat {
        /// SYNs whose senders never answer.
        ForgedSyns = "forged_syns",
        /// TCP packets that belong to no connection.
        StrayPackets = "stray_packets",
        /// Connections beyond the budgets, of which few say anything good.
        Handshakes = "handshakes",
        /// Connections beyond the budgets that do prove themselves.
        Crowd = "crowd",
        /// Connections that say nothing, or drip.
        SlowHellos = "slow_hellos",
        /// TLS handshakes beyond their share, or broken ones.
        Tls = "tls",
        /// Hellos that nobody signed.
        ForgedHellos = "forged_hellos",
        /// Hellos that were good once.
        Replays = "replays",
        /// Logins that did not do their work.
        Idlers = "idlers",
        /// Sessions that ask for far too much.
        Commands = "commands",
        /// Frames and messages that cannot be read.
        Frames = "frames",
        /// Banned addresses that go on.
        Banned = "banned",
    }
}

/// Signs per second from which on a threat is believed; what a busy calm server shows by chance is well below.
const fn threshold(threat: Threat) -> f64 {
    match threat {
        Threat::ForgedSyns | Threat::StrayPackets => 500.0,
        Threat::Handshakes | Threat::Crowd | Threat::Commands | Threat::Banned => 100.0,
        Threat::SlowHellos | Threat::Tls | Threat::ForgedHellos | Threat::Replays | Threat::Idlers | Threat::Frames => 50.0,
    }
}

/// Signs of each threat in a sample, per second, in the order of [`Threat::ALL`].
fn signs(sample: &Sample) -> [f64; Threat::ALL.len()] {
    let sum = |rejects: &[Reject]| rejects.iter().map(|reject| sample.refused(*reject)).sum::<f64>();
    let kernel = sample.wall.kernel.as_ref();
    let packets = |verdict| kernel.map_or(0.0, |kernel| kernel.rate(verdict));
    let at_accept = sum(&[
        Reject::ConnectRate,
        Reject::SourceRate,
        Reject::SourceConnections,
        Reject::NetworkConnections,
        Reject::ConnectionsFull,
        Reject::Descriptors,
    ]);
    let banned = sample.refused(Reject::Banned);
    let let_in = (sample.accepted - at_accept - banned - sum(&[Reject::Region, Reject::Reputation, Reject::Draining])).max(0.0);
    let honest = sample.proven >= HONEST_PART * let_in && sample.proven > 0.0;
    // Of the SYNs that were not dropped as banned, those that nobody completed.
    let unbanned = kernel.map_or(0.0, |kernel| kernel.syns - packets(PacketVerdict::Banned)).max(0.0);
    let forged = if sample.accepted < FORGED_PART * unbanned { unbanned - sample.accepted } else { 0.0 };
    std::array::from_fn(|at| match Threat::ALL[at] {
        Threat::ForgedSyns => forged,
        Threat::StrayPackets => packets(PacketVerdict::Stray),
        Threat::Handshakes if honest => 0.0,
        Threat::Crowd if !honest => 0.0,
        Threat::Handshakes | Threat::Crowd => at_accept + sample.refused(Reject::UnprovenShed),
        Threat::SlowHellos => sum(&[Reject::HelloSlow, Reject::ClientHelloSlow, Reject::LoginSlow]),
        Threat::Tls => sum(&[
            Reject::Tls,
            Reject::ClientHello,
            Reject::TlsRate,
            Reject::FingerprintRate,
            Reject::Fingerprint,
            Reject::ServerName,
        ]),
        Threat::ForgedHellos => sum(&[
            Reject::HelloMagic,
            Reject::HelloTime,
            Reject::HelloKey,
            Reject::HelloMac,
            Reject::HelloFlags,
            Reject::HelloLength,
        ]),
        Threat::Replays => sample.refused(Reject::HelloReplay),
        Threat::Idlers => sum(&[Reject::Work, Reject::WorkSlow]),
        Threat::Commands => sum(&[Reject::InputRate, Reject::InputFlood, Reject::ControlRate, Reject::WorldBusy]),
        Threat::Frames => sum(&[
            Reject::FrameMagic,
            Reject::FrameVersion,
            Reject::FrameLength,
            Reject::FrameCrc,
            Reject::Message,
            Reject::InputLength,
        ]),
        Threat::Banned => banned + packets(PacketVerdict::Banned),
    })
}

/// Memory of one threat.
#[derive(Debug, Clone, Copy, Default)]
struct Memory {
    named: bool,
    /// Samples in a row that speak against the present state.
    against: u8,
    /// Samples for which the name stood on nothing but bans.
    held: u8,
    /// Smoothed signs over the threshold.
    weight: f64,
}

/// Names what it sees, sample after sample.
#[derive(Debug, Default)]
pub(super) struct Namer {
    memory: [Memory; Threat::ALL.len()],
    first: Option<Threat>,
}

impl Namer {
    /// Threats that stand now, most telling first.
    pub(super) fn observe(&mut self, sample: &Sample) -> Vec<Threat> {
        let signs = signs(sample);
        let bans_answer = signs[Threat::Banned as usize] >= threshold(Threat::Banned) * FALL_PART;
        for (threat, (memory, signs)) in Threat::ALL.iter().zip(self.memory.iter_mut().zip(signs)) {
            memory.observe(signs / threshold(*threat), bans_answer && *threat != Threat::Banned);
        }
        let mut standing: Vec<Threat> = Threat::ALL.iter().copied().filter(|threat| self.of(*threat).named).collect();
        // What is banned was something else first: that is the better name.
        let last = |threat: Threat| threat == Threat::Banned;
        standing.sort_by(|a, b| last(*a).cmp(&last(*b)).then(self.weight(*b).total_cmp(&self.weight(*a))));
        self.first = standing.first().copied();
        standing
    }

    fn of(&self, threat: Threat) -> &Memory {
        &self.memory[threat as usize]
    }

    /// The first of the last sample is moved from its place by a much heavier one only.
    fn weight(&self, threat: Threat) -> f64 {
        self.of(threat).weight * if self.first == Some(threat) { OVERTAKES } else { 1.0 }
    }
}

impl Memory {
    /// `strength` is 1 at the threshold.
    fn observe(&mut self, strength: f64, bans_answer: bool) {
        let shows = strength >= if self.named { FALL_PART } else { 1.0 };
        let held = self.named && !shows && bans_answer && self.held < HELD_SAMPLES;
        // What bans hide is as heavy as it was.
        if !held {
            self.weight += (strength - self.weight) * NEWEST_PART;
        }
        if shows == self.named {
            self.against = 0;
            if shows {
                self.held = 0;
            }
            return;
        }
        if held {
            self.held += 1;
            return;
        }
        self.against += 1;
        if self.against >= if self.named { FALL_SAMPLES } else { RISE_SAMPLES } {
            *self = Self { named: !self.named, weight: self.weight, ..Self::default() };
        }
    }
}

impl Threat {
    /// What it is called, for people.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ForgedSyns => "SYN flood from forged sources",
            Self::StrayPackets => "ACK flood",
            Self::Handshakes => "Handshake flood",
            Self::Crowd => "Flash crowd: no attack",
            Self::SlowHellos => "Slow and silent connections",
            Self::Tls => "TLS flood",
            Self::ForgedHellos => "Forged hellos",
            Self::Replays => "Replayed hellos",
            Self::Idlers => "Logins without work",
            Self::Commands => "Command flood",
            Self::Frames => "Malformed frames",
            Self::Banned => "Banned addresses go on",
        }
    }

    /// Why it is called so, one sentence.
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::ForgedSyns => "SYNs come whose senders never complete a connection.",
            Self::StrayPackets => "TCP packets come that belong to no connection.",
            Self::Handshakes => "Connections are completed beyond the budgets, and few of them say a good hello.",
            Self::Crowd => "More come than the budgets let in, and those let in say good hellos.",
            Self::SlowHellos => "Connections are held without a hello, or with one that drips.",
            Self::Tls => "TLS handshakes come beyond their share of the processor, or are broken.",
            Self::ForgedHellos => "Hellos come that nobody with a key has signed.",
            Self::Replays => "Hellos come that were good once before.",
            Self::Idlers => "Logins come whose proof of work is wrong or missing.",
            Self::Commands => "Logged-in sessions send far more than their rate.",
            Self::Frames => "Proven connections send frames that cannot be read.",
            Self::Banned => "Addresses that are banned keep knocking.",
        }
    }
}

#[cfg(test)]
mod tests;
