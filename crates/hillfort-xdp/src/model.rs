//! The filter in plain Rust: the same parser, the same order, the same verdicts. Tests hold the instructions to it, fuzzing holds it to
//! being total. It does not run in production: where the kernel filter cannot be had, the edge's own stages are the wall.

mod answer;
mod parse;

use std::net::{IpAddr, SocketAddr};

use hillfort_bpf::{Result, SocketPacket, run_classic};
use ipnet::IpNet;

pub use answer::answer;
pub use parse::{Packet, Transport, parse};

use crate::classic::{CLASSIC_BANS_MAX, filter};
use crate::layout::{network_key, source_key};
use crate::verdict::{Mode, Verdict};

/// What the verdict depends on beside the packet.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Our TCP ports.
    pub tcp_ports: Vec<u16>,
    /// Our UDP ports.
    pub udp_ports: Vec<u16>,
    /// Prefixes that are let through.
    pub allow: Vec<IpNet>,
    /// Sources that are banned now.
    pub banned: Vec<IpAddr>,
    /// Mode.
    pub mode: Mode,
}

/// What the kernel says of sockets.
pub trait Sockets {
    /// Who gets a TCP packet from the first to the second address.
    fn lookup(&self, from: SocketAddr, to: SocketAddr) -> Owner;
}

/// Who gets a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Nobody.
    Nobody,
    /// A connection, or one in the making.
    Connection,
    /// A listener.
    Listener {
        /// It lends cookies to SYNs.
        lends: bool,
        /// The packet brings back a good one.
        proves: bool,
    },
}

/// What is counted of a packet beside its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Key of the source.
    pub source: u64,
    /// Key of its network.
    pub network: u64,
    /// Signature, when it was a SYN.
    pub signature: Option<u64>,
}

/// Verdict of a frame, and what the sketches count of it.
#[must_use]
pub fn judge(frame: &[u8], world: &World, sockets: &dyn Sockets) -> (Verdict, Option<Counted>) {
    match parse(frame, &world.tcp_ports, &world.udp_ports) {
        Err(verdict) => (verdict, None),
        Ok(packet) => stages(&packet, world, sockets),
    }
}

/// Whether the classic filter of a listening socket drops a packet of `frame` that [`parse`] has read, with these bans; of more than
/// [`CLASSIC_BANS_MAX`] the first.
///
/// # Errors
/// The program cannot be made.
pub fn socket_filter_drops(banned: &[IpAddr], frame: &[u8], packet: &Packet) -> Result<bool> {
    let code = filter(banned.iter().take(CLASSIC_BANS_MAX).map(|ip| source_key(*ip)))?;
    let packet = SocketPacket { network: &frame[packet.l3..], transport: packet.l4 - packet.l3 };
    Ok(run_classic(&code, packet) == 0)
}

fn stages(packet: &Packet, world: &World, sockets: &dyn Sockets) -> (Verdict, Option<Counted>) {
    let signature = match packet.transport {
        Transport::Udp { long_header: false } => return (Verdict::Pass, None),
        Transport::Tcp { syn: false, .. } if world.mode == Mode::Passive => return (Verdict::Pass, None),
        Transport::Tcp { syn: false, .. } => return (stray(sockets.lookup(packet.from, packet.to)), None),
        Transport::Tcp { signature, .. } => Some(signature),
        Transport::Udp { .. } => None,
    };
    let ip = packet.from.ip();
    if world.allow.iter().any(|net| net.contains(&ip)) {
        return (Verdict::Allow, None);
    }
    if world.banned.iter().any(|banned| source_key(*banned) == source_key(ip)) {
        return (Verdict::DropBanned, None);
    }
    let counted = Counted { source: source_key(ip), network: network_key(ip), signature };
    let verdict = match (world.mode, packet.transport) {
        (Mode::Flood, Transport::Tcp { .. }) => match sockets.lookup(packet.from, packet.to) {
            Owner::Nobody => Verdict::PassOther,
            Owner::Connection => Verdict::Pass,
            Owner::Listener { lends: true, .. } => Verdict::CookieSent,
            Owner::Listener { lends: false, .. } => Verdict::PassNoCookie,
        },
        _ => Verdict::Pass,
    };
    (verdict, Some(counted))
}

fn stray(owner: Owner) -> Verdict {
    match owner {
        Owner::Nobody => Verdict::PassOther,
        Owner::Connection | Owner::Listener { proves: true, .. } => Verdict::Pass,
        Owner::Listener { proves: false, .. } => Verdict::DropNoSocket,
    }
}
