//! Sees whether the packet generator does what it says: takes a sample of its packets at the victim's end and checks each one. Knows nothing
//! of servers.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};
use socket2::{Domain, Protocol, Socket, Type};

use super::generator::{self, Outpost};
use super::lab::{Lab, VICTIM};
use super::program::{self, Packet};
use super::victim::PORT;
use crate::segment::{SYN, Segment};

/// Packets that are looked at.
const SAMPLE: usize = 4_000;
/// Rate at which they come: the socket that takes them is slow.
const RATE: u32 = 20_000;
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the generator runs as fast as it goes.
const FULL: Duration = Duration::from_millis(300);
/// `ETH_P_IP`, as a socket of packets wants it.
const IPV4: u16 = 0x0800;

/// What the trial found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Packets looked at, all of them whole and with good checksums.
    pub(crate) packets: usize,
    /// Different source addresses, source ports, sequence numbers and identifications among them.
    pub(crate) sources: usize,
    pub(crate) ports: usize,
    pub(crate) sequences: usize,
    pub(crate) ids: usize,
    /// Rate that was asked for and rate that came out, packets a second.
    pub(crate) asked_hz: f64,
    pub(crate) paced_hz: f64,
    /// As fast as it goes.
    pub(crate) full_hz: f64,
}

/// Has half of its frames spoilt and sent back, looks at what arrives of the others, and sees how fast it goes.
pub(crate) fn try_generator(lab: &Lab) -> anyhow::Result<Sample> {
    let spoiler = generator::attach(&lab.victim, &program::spoiler()?)?;
    let outpost = Outpost::take(lab, PORT, false)?;
    let mut socket = lab.victim.within(|| {
        let protocol = Protocol::from(i32::from(IPV4.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol)).context("a socket for packets")?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_recv_buffer_size(4 << 20)?;
        Ok(socket)
    })?;
    let begun = Instant::now();
    let flood = outpost.flood(lab, Packet::SynSpoofed, PORT, Some(RATE), PATIENCE, false)?;
    let segments = take(&mut socket)?;
    let (made, took) = (outpost.made().packets, begun.elapsed());
    flood.end()?;
    drop((socket, spoiler));

    let _gate = generator::attach(&lab.victim, &program::open_gate()?)?;
    let before = outpost.made().packets;
    let begun = Instant::now();
    let flood = outpost.flood(lab, Packet::SynSpoofed, PORT, None, PATIENCE, false)?;
    crate::report::pause(FULL);
    let (full, full_took) = (outpost.made().packets - before, begun.elapsed());
    flood.end()?;

    let different = |of: fn(&Segment) -> u32| segments.iter().map(of).collect::<BTreeSet<_>>().len();
    let sample = Sample {
        packets: segments.len(),
        sources: different(|segment| segment.from.ip().to_bits()),
        ports: different(|segment| segment.from.port().into()),
        sequences: different(|segment| segment.seq),
        ids: different(|segment| segment.id.into()),
        asked_hz: RATE.into(),
        paced_hz: made as f64 / took.as_secs_f64(),
        full_hz: full as f64 / full_took.as_secs_f64(),
    };
    sample.check()?;
    Ok(sample)
}

/// Reads a sample; anything wrong in it is an error.
fn take(socket: &mut Socket) -> anyhow::Result<Vec<Segment>> {
    let (mut segments, mut frame) = (vec![], [0; 2048]);
    let begun = Instant::now();
    while segments.len() < SAMPLE {
        let length = socket.read(&mut frame).context("no packet of the generator arrives at the victim's end")?;
        let packet = frame.get(14..length).context("a frame without its head")?;
        let segment = match Segment::read(packet) {
            Ok(segment) => segment,
            Err(fault) => bail!("the generator made a bad packet: {fault}: {packet:02x?}"),
        };
        // What the victim answers is seen as well.
        if *segment.from.ip() != VICTIM {
            ensure!(
                segment.flags == SYN && segment.to.port() == PORT && *segment.to.ip() == VICTIM,
                "not what was asked for: {segment:?}"
            );
            segments.push(segment);
        }
        ensure!(begun.elapsed() < PATIENCE, "only {} packets in {} s", segments.len(), PATIENCE.as_secs());
    }
    Ok(segments)
}

impl Sample {
    /// Random numbers meet now and then, but seldom.
    fn check(&self) -> anyhow::Result<()> {
        let most = self.packets * 9 / 10;
        ensure!(
            self.sources > most && self.sequences > most && self.ports > most / 2 && self.ids > most / 2,
            "the generator's packets are too much alike: {self:?}"
        );
        Ok(())
    }

    pub(crate) fn text(&self) -> String {
        format!(
            "{} packets looked at, all good: {} sources, {} ports, {} sequence numbers; {:.0} a second of {:.0} asked for, {:.0} at most",
            self.packets, self.sources, self.ports, self.sequences, self.paced_hz, self.asked_hz, self.full_hz
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_that_are_alike_are_noticed() {
        let good = Sample { packets: 100, sources: 100, ports: 99, sequences: 100, ids: 97, ..Sample::default() };
        assert!(good.check().is_ok());
        assert!(Sample { sources: 1, ..good.clone() }.check().is_err());
        assert!(Sample { sequences: 50, ..good.clone() }.check().is_err());
        assert!(Sample { ids: 2, ..good }.check().is_err());
    }
}
