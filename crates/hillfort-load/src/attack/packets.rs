//! Attacks by single packets: SYNs and ACKs of nobody, from a raw socket, on loopback or from the namespace of a drill. On loopback the kernel
//! owns the forged addresses and answers for them with a reset, so these are weaker than on a wire. Knows nothing of connections.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

use anyhow::{Context as _, bail};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{Ground, Kind, Plan, Progress, Reporter};
use crate::random::Random;
use crate::segment::{ACK, SYN, SYN_OPTIONS, Segment};
use crate::siege::lab::{self, Drill};

/// Packets between two looks at the clock.
const BURST: u64 = 32;
/// Protocol number of a raw socket whose user writes the IP header.
const IPPROTO_RAW: i32 = 255;

/// Sends until the time is over.
pub(super) fn run(plan: &Plan, drill: Option<&Drill>, reporter: &mut Reporter) -> anyhow::Result<Progress> {
    let SocketAddr::V4(target) = plan.target else { bail!("packets are made for IPv4 only") };
    let socket: Socket = match drill {
        Some(drill) => drill.within(|| Ok(OwnedFd::from(raw_socket()?)))?.into(),
        None => raw_socket()?,
    };
    let address = SockAddr::from(target);
    let (clock, mut random, mut progress) =
        (reporter.clock(), Random::new(u64::from(std::process::id())), Progress::new(plan.kind));
    let begin = clock.now();
    loop {
        let elapsed = clock.now().since(begin);
        if elapsed >= plan.span {
            return Ok(progress);
        }
        let due = (elapsed.as_secs_f64() * f64::from(plan.rate)) as u64;
        if due < progress.sent + BURST {
            wait()?;
        }
        for _ in 0..due.saturating_sub(progress.sent).min(BURST) {
            let (segment, options) = next(plan, target, progress.sent, &mut random);
            match socket.send_to(&segment.write(options), &address) {
                Ok(_) => progress.sent += 1,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                // No room for it in the kernel: as lost as on a wire.
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) => {}
                Err(error) => return Err(error).context("sending a packet"),
            }
        }
        progress.packets = progress.sent;
        reporter.on_progress(&progress)?;
    }
}

/// A packet of the plan's kind.
fn next(plan: &Plan, to: SocketAddrV4, n: u64, random: &mut Random) -> (Segment, &'static [u8]) {
    let ip = match plan.kind {
        Kind::SynSpoofed | Kind::Ack if plan.ground == Ground::Drill => lab::forged(random.next() as u32),
        // 127.64.0.0/10: no honest client comes from there.
        Kind::SynSpoofed | Kind::Ack => Ipv4Addr::from_bits(0x7f40_0000 | (random.next() as u32 & 0x003f_ffff)),
        _ => plan.source(n as usize),
    };
    let port = 1024 + (random.next() % 64_000) as u16;
    let (seq, id) = (random.next() as u32, random.next() as u16);
    let (flags, ack, options) = match plan.kind {
        Kind::Ack => (ACK, random.next() as u32, &[][..]),
        _ => (SYN, 0, &SYN_OPTIONS[..]),
    };
    (Segment { from: SocketAddrV4::new(ip, port), to, id, seq, ack, flags }, options)
}

fn raw_socket() -> anyhow::Result<Socket> {
    Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(IPPROTO_RAW))).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => anyhow::anyhow!(
            "single packets need a raw socket, and that needs root or CAP_NET_RAW (setcap cap_net_raw+ep on the program). Attacks by \
             connections need no privilege."
        ),
        _ => anyhow::Error::new(error).context("a raw socket"),
    })
}

/// Until the next burst may be due.
fn wait() -> anyhow::Result<()> {
    let pause = rustix::time::Timespec { tv_sec: 0, tv_nsec: 100_000 };
    match rustix::thread::nanosleep(&pause) {
        rustix::thread::NanosleepRelativeResult::Err(error) => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn plan(kind: Kind, ground: Ground) -> Plan {
        let target = "127.0.0.1:7352".parse().expect("an address");
        Plan { kind, target, span: Duration::from_secs(1), sockets: 1, rate: 1, ground, game: String::new() }
    }

    #[test]
    fn packets_are_right_and_come_from_where_they_should() {
        let check = |kind: Kind, ground: Ground, flags: u8, from: fn(Ipv4Addr) -> bool| {
            let mut random = Random::new(1);
            let mut seen = std::collections::BTreeSet::new();
            for n in 0..1_000 {
                let to = "127.0.0.1:7352".parse().expect("an address");
                let (segment, options) = next(&plan(kind, ground), to, n, &mut random);
                assert_eq!(Segment::read(&segment.write(options)), Ok(segment));
                assert!(from(*segment.from.ip()) && segment.from.port() >= 1024 && segment.flags == flags, "{segment:?}");
                seen.insert(*segment.from.ip());
            }
            seen.len()
        };
        let far = |ip: Ipv4Addr| ip.octets()[0] == 127 && (64..128).contains(&ip.octets()[1]);
        let few = usize::from(super::super::SOURCES);
        assert!(check(Kind::SynSpoofed, Ground::Loopback, SYN, far) > 990);
        assert!(check(Kind::Ack, Ground::Loopback, ACK, far) > 990);
        let bots = |ip: Ipv4Addr| ip.octets()[..2] == [127, 6];
        assert_eq!(check(Kind::SynBots, Ground::Loopback, SYN, bots), few);
        // What has a route back while a drill goes on.
        let beyond = |ip: Ipv4Addr| ip.octets()[..2] == [198, 19] && ip.octets()[2] < 128;
        assert!(check(Kind::SynSpoofed, Ground::Drill, SYN, beyond) > 950);
        assert!(check(Kind::Ack, Ground::Drill, ACK, beyond) > 950);
        assert_eq!(check(Kind::SynBots, Ground::Drill, SYN, beyond), few);
    }
}
