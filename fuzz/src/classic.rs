//! Target of the classic program on listening sockets: whatever the packet and the bans, it drops what the filter in the driver drops as banned, and
//! nothing else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hillfort_xdp::model::{Owner, Packet, Sockets, Transport, World, judge, parse, socket_filter_drops};
use hillfort_xdp::{CLASSIC_BANS_MAX, Verdict};

const TCP_PORTS: &[u16] = &[7350, 7352];

/// The first byte says how many bans there are, the second whether the packet's source is one of them, the next four what the others are; the rest
/// is a frame.
pub fn classic(data: &[u8]) {
    let Some((&[count, choice, a, b, c, d], frame)) = data.split_first_chunk() else { return };
    let Ok(packet) = parse(frame, TCP_PORTS, &[]) else { return };
    // Nothing is routed from ::/32, so its keys are lent to IPv4; the two filters tell them apart differently.
    let lent = |ip: &IpAddr| matches!(ip, IpAddr::V6(v6) if v6.segments()[..2] == [0, 0]);
    if lent(&packet.from.ip()) {
        return;
    }
    let banned = bans(&packet, count, choice, u32::from_be_bytes([a, b, c, d]));
    let banned = banned.into_iter().filter(|ip| !lent(ip)).collect();
    let world = World { tcp_ports: TCP_PORTS.to_vec(), banned, ..World::default() };
    let dropped = socket_filter_drops(&world.banned, frame, &packet).expect("as many as fit make a program");
    let (verdict, _) = judge(frame, &world, &Listening);
    assert_eq!(dropped, verdict == Verdict::DropBanned, "{packet:?} {:?}", world.banned);
    assert!(!dropped || matches!(packet.transport, Transport::Tcp { syn: true, .. }), "open sessions go on");
}

fn bans(packet: &Packet, count: u8, choice: u8, seed: u32) -> Vec<IpAddr> {
    let most = usize::from(count) * CLASSIC_BANS_MAX / 255;
    let from = packet.from.ip();
    let mut banned: Vec<IpAddr> =
        (0..most as u32).map(|n| neighbour(from, choice, seed.wrapping_add(n).wrapping_mul(0x9E37_79B9))).collect();
    if let (1, Some(last)) = (choice & 1, banned.last_mut()) {
        *last = from;
    }
    banned
}

/// An address that differs from the packet's in bits that `choice` allows, of its family or of the other.
fn neighbour(from: IpAddr, choice: u8, bits: u32) -> IpAddr {
    let mask = match choice >> 1 & 3 {
        0 => 0xFF,
        1 => 0xFF00_0000,
        2 => 0x0001_FF00,
        _ => u32::MAX,
    };
    match from {
        IpAddr::V4(v4) if choice & 8 == 0 || bits & 1 == 0 => Ipv4Addr::from_bits(v4.to_bits() ^ (bits & mask)).into(),
        IpAddr::V4(v4) => Ipv6Addr::from((0x2001_0DB8_u128 ^ u128::from(bits & mask)) << 96 | u128::from(v4.to_bits())).into(),
        IpAddr::V6(_) if choice & 8 == 8 && bits & 1 == 1 => Ipv4Addr::from_bits(bits).into(),
        // In the first four bytes, and in the four after them.
        IpAddr::V6(v6) if choice & 16 == 0 => Ipv6Addr::from(v6.to_bits() ^ u128::from(bits & mask) << 96).into(),
        IpAddr::V6(v6) => Ipv6Addr::from(v6.to_bits() ^ u128::from(bits & mask) << 64).into(),
    }
}

/// Passive mode asks for no socket.
struct Listening;

impl Sockets for Listening {
    fn lookup(&self, _: SocketAddr, _: SocketAddr) -> Owner {
        Owner::Listener { lends: true, proves: false }
    }
}
