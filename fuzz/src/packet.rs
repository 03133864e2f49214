//! Target of the kernel filter's parser, by its model: any frame, in any world, gives one verdict and never more than that.

use std::net::SocketAddr;

use hillfort_xdp::model::{Owner, Packet, Sockets, Transport, World, answer, judge, parse};
use hillfort_xdp::{Mode, Verdict, network_key, source_key};

const TCP_PORTS: &[u16] = &[7350, 7352];
const UDP_PORTS: &[u16] = &[7353];

/// The first byte says in which world, the others are a frame.
pub fn packet(data: &[u8]) {
    let Some((&choice, frame)) = data.split_first() else { return };
    let owner = match choice & 7 {
        0..=1 => Owner::Nobody,
        2..=3 => Owner::Connection,
        bits => Owner::Listener { lends: bits & 1 == 1, proves: bits & 2 == 2 },
    };
    let mode = if choice & 8 == 0 { Mode::Passive } else { Mode::Flood };
    let mut world = World { tcp_ports: TCP_PORTS.to_vec(), udp_ports: UDP_PORTS.to_vec(), mode, ..World::default() };
    let parsed = parse(frame, TCP_PORTS, UDP_PORTS);
    if let (Ok(packet), 0x10) = (&parsed, choice & 0x30) {
        world.banned.push(packet.from.ip());
    }
    let (verdict, counted) = judge(frame, &world, &Always(owner));
    let packet = match parsed {
        Err(refused) => return assert_eq!((verdict, counted), (refused, None)),
        Ok(packet) => packet,
    };
    check(frame, &packet);
    let opens = matches!(packet.transport, Transport::Tcp { syn: true, .. } | Transport::Udp { long_header: true });
    assert!(opens || counted.is_none(), "what opens nothing is not counted");
    if !world.banned.is_empty() {
        assert_eq!(verdict == Verdict::DropBanned, opens, "a ban stops what opens a connection and nothing else");
    }
    if let Some(counted) = counted {
        assert_eq!((counted.source, counted.network), (source_key(packet.from.ip()), network_key(packet.from.ip())));
    }
    assert!(mode == Mode::Flood || !matches!(verdict, Verdict::CookieSent | Verdict::DropNoSocket));
    reply(frame, &packet);
}

struct Always(Owner);

impl Sockets for Always {
    fn lookup(&self, _: SocketAddr, _: SocketAddr) -> Owner {
        self.0
    }
}

fn check(frame: &[u8], packet: &Packet) {
    assert_eq!(packet.from.is_ipv6(), packet.to.is_ipv6());
    assert!(packet.ip_len.is_none_or(|length| packet.l3 + length <= frame.len()));
    let (ports, header) = match packet.transport {
        Transport::Tcp { header, .. } => (TCP_PORTS, header),
        Transport::Udp { .. } => (UDP_PORTS, 8),
    };
    assert!(ports.contains(&packet.to.port()));
    assert!(packet.l3 < packet.l4 && packet.l4 + header <= frame.len());
}

/// The answer to a SYN is never longer than it, and reads as a packet back that is well formed.
fn reply(frame: &[u8], packet: &Packet) {
    let answer = answer(frame, packet, 0x0102_0304, 1400);
    assert_eq!(answer.is_some(), matches!(packet.transport, Transport::Tcp { syn: true, .. }));
    let Some(answer) = answer else { return };
    assert!(answer.len() <= frame.len());
    match parse(&answer, &[packet.from.port()], &[]) {
        Ok(back) => {
            assert_eq!((back.from, back.to), (packet.to, packet.from));
            assert!(matches!(back.transport, Transport::Tcp { syn: false, .. }));
            assert!(back.ip_len.is_some());
        }
        Err(verdict) => panic!("{verdict:?}: {answer:02x?}"),
    }
}
