//! Bans: they stop new connections, spare open ones, end by themselves, and no flood pushes them out.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use hillfort_xdp::{BANS_MAX, Banned, Bans, CLASSIC_BANS_MAX, Filter, Rung, Settings, Verdict, Wanted};
use socket2::{Domain, Socket, Type};

use crate::flood::{Flood, flood};
use crate::hosts::{CLIENT4, CLIENT6, SERVER4, SERVER6, pair, settings};
use crate::traffic::{connect, echo, serve};

const HOUR: Duration = Duration::from_secs(3600);
/// Longer than a handshake takes here, shorter than the second after which a SYN is sent again.
const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(10);

#[test]
fn a_ban_stops_new_connections_and_spares_open_ones() {
    for rung in [Rung::Native, Rung::Generic] {
        let Some(pair) = pair("a_ban_stops_new_connections_and_spares_open_ones") else { return };
        let mut attached = pair.attach(rung);
        serve(&pair.server);
        for (host, banned) in [(SERVER4, CLIENT4), (SERVER6, CLIENT6)] {
            let banned: IpAddr = banned.parse().unwrap();
            let mut open = connect(&pair.client, host, LONG).unwrap();
            assert_eq!(attached.bans.ban(banned, HOUR).unwrap(), Banned::InKernel);
            assert_eq!(connect(&pair.client, host, SHORT).unwrap_err().kind(), io::ErrorKind::TimedOut);
            echo(&mut open, 100_000);
            assert!(attached.bans.lift(banned).unwrap() && !attached.bans.lift(banned).unwrap());
            connect(&pair.client, host, SHORT).unwrap();
            echo(&mut open, 100_000);
        }
        assert!(attached.filter.counters().total(Verdict::DropBanned) >= 2);
    }
}

/// After news were lost: what is no ban any more lets through again, what is one stands, with its end moved.
#[test]
fn all_bans_can_be_replaced_at_once() {
    let Some(pair) = pair("all_bans_can_be_replaced_at_once") else { return };
    let mut attached = pair.attach(Rung::Native);
    serve(&pair.server);
    let [client, one, other] = [CLIENT4, "10.9.0.1", "10.9.0.2"].map(|ip| ip.parse::<IpAddr>().unwrap());
    assert_eq!(attached.bans.ban_all([(client, HOUR), (one, HOUR)]).unwrap(), 2);
    assert_eq!(connect(&pair.client, SERVER4, SHORT).unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert_eq!(attached.bans.replace(&[(one, HOUR), (other, HOUR)]).unwrap(), 2);
    connect(&pair.client, SERVER4, SHORT).unwrap();
    assert_eq!(attached.bans.replace(&[(client, HOUR)]).unwrap(), 1);
    assert_eq!(connect(&pair.client, SERVER4, SHORT).unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert!(!attached.bans.lift(one).unwrap() && !attached.bans.lift(other).unwrap());
}

/// The kernel lets a ban end by itself: a SYN that is sent again afterwards gets in, before anybody swept.
#[test]
fn a_ban_ends_by_itself() {
    let Some(pair) = pair("a_ban_ends_by_itself") else { return };
    let mut attached = pair.attach(Rung::Native);
    serve(&pair.server);
    attached.bans.ban(CLIENT4.parse().unwrap(), Duration::from_millis(900)).unwrap();
    connect(&pair.client, SERVER4, LONG).unwrap();
    assert!(attached.filter.counters().total(Verdict::DropBanned) >= 1, "the first SYN was dropped");
    assert_eq!((attached.bans.len(), attached.bans.sweep().unwrap(), attached.bans.len()), (1, 1, 0));
}

/// Forged sources write into no map that bans are in: after a million of them each ban still stands.
#[test]
fn a_million_forged_sources_push_out_no_ban() {
    let Some(pair) = pair("a_million_forged_sources_push_out_no_ban") else { return };
    let mut attached = pair.attach(Rung::Native);
    let banned: Vec<IpAddr> = (0..1_000_u32).map(|number| Ipv4Addr::from(0x0A09_0000 + number).into()).collect();
    assert_eq!(attached.bans.ban_all(banned.iter().map(|ip| (*ip, HOUR))).unwrap(), 1_000);
    flood(&pair, Flood { frames: 1_000_000, first_source: 0x2000_0000, flags: 0x02 });
    let before = attached.filter.counters();
    assert!(before.offered_syn() >= 900_000, "too few arrived: {before:?}");
    assert_eq!(before.total(Verdict::DropBanned), 0);
    flood(&pair, Flood { frames: 1_000, first_source: 0x0A09_0000, flags: 0x02 });
    let after = attached.filter.counters();
    assert_eq!(after.total(Verdict::DropBanned), after.offered_syn() - before.offered_syn());
    assert!(after.total(Verdict::DropBanned) >= 900, "{after:?}");
    let top = attached.filter.top();
    assert!(top.signatures[0].1 >= 900_000, "the flood has one signature: {:?}", top.signatures);
}

/// At the map's edge the ban that ends first gives way, and one that would be the first to end is refused.
#[test]
fn a_full_map_says_so() {
    let Some(pair) = pair("a_full_map_says_so") else { return };
    let mut attached = pair.attach(Rung::Native);
    let address = |number: usize| IpAddr::from(Ipv4Addr::from(0x1000_0000 + number as u32));
    let lasts = |number: usize| HOUR + Duration::from_secs(number as u64);
    let all = (0..BANS_MAX + 10).map(|number| (address(number), lasts(number)));
    assert_eq!(attached.bans.ban_all(all).unwrap(), BANS_MAX);
    let mut check = |number, lasts, expect| assert_eq!(attached.bans.ban(address(number), lasts).unwrap(), expect);
    check(BANS_MAX + 10, HOUR, Banned::NoRoom);
    check(BANS_MAX + 10, HOUR * 100, Banned::InKernelInsteadOf(address(10)));
    check(11, HOUR * 100, Banned::InKernel);
    check(BANS_MAX + 11, HOUR * 100, Banned::InKernelInsteadOf(address(12)));
}

fn from_loopback(from: &str, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(from.parse().unwrap(), 0).into())?;
    socket.connect_timeout(&to.into(), SHORT)?;
    Ok(socket.into())
}

/// On the rung that needs no CAP_BPF, and on older kernels nothing at all.
#[test]
fn a_filter_on_the_listener_knows_bans() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let settings = Settings { interfaces: vec![], ..settings(Wanted::Only(Rung::Socket)) };
    let attached = Filter::attach(&settings, &[listener.as_fd()]);
    if let [(Rung::Socket, reason)] = &attached.refused[..] {
        eprintln!("NOT RUN: a_filter_on_the_listener_knows_bans: {reason}");
        return;
    }
    assert_eq!(attached.rung, Rung::Socket);
    let mut bans: Bans = attached.bans;
    let ip = |last: usize| IpAddr::from([127, 0, 1, last as u8]);
    let refused = |from: &str| match from_loopback(from, to) {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            true
        }
    };
    let mut open = from_loopback("127.0.1.5", to).unwrap();
    let (mut accepted, _) = listener.accept().unwrap();
    assert_eq!(bans.ban(ip(5), HOUR).unwrap(), Banned::InKernel);
    assert_eq!(bans.ban(ip(6), HOUR).unwrap(), Banned::Soon, "two programs in 100 ms are one too many");
    assert!(refused("127.0.1.5") && !refused("127.0.1.7"));
    assert_eq!(bans.sweep().unwrap(), 0);
    assert!(refused("127.0.1.6"));
    io::Write::write_all(&mut open, b"still here").unwrap();
    io::Read::read_exact(&mut accepted, &mut [0; 10]).unwrap();
    assert!(bans.lift(ip(5)).unwrap());
    assert!(!refused("127.0.1.5") && refused("127.0.1.6"));
    // As many as fit, of both families.
    let v6 = |number: usize| IpAddr::from([0x2001, 0xdb8, number as u16, 7, 0, 0, 0, 1]);
    let many = (0..CLASSIC_BANS_MAX).map(|number| (if number < 200 { ip(number) } else { v6(number) }, HOUR * 2));
    assert_eq!(bans.ban_all(many).unwrap(), CLASSIC_BANS_MAX);
    assert!(refused("127.0.1.0") && refused("127.0.1.99") && refused("127.0.1.199") && !refused("127.0.1.200"));
    assert_eq!(bans.ban(ip(201), HOUR).unwrap(), Banned::NoRoom);
    bans.ban(ip(5), Duration::ZERO).unwrap();
    assert_eq!(bans.sweep().unwrap(), 1);
    assert!(!refused("127.0.1.5"));
}

#[test]
fn a_filter_on_the_listener_knows_bans_of_ipv6() {
    let Some(pair) = pair("a_filter_on_the_listener_knows_bans_of_ipv6") else { return };
    pair.server.run(|| {
        let listener = TcpListener::bind("[::]:7352").unwrap();
        let to = |host: &str| SocketAddr::new(host.parse().unwrap(), 7352);
        let mut bans = Filter::attach(&settings(Wanted::Only(Rung::Socket)), &[listener.as_fd()]).bans;
        let refused = |host: &str| from_loopback(host, to(host)).is_err();
        assert!(!refused("fd77::1"));
        bans.ban("fd77::9".parse().unwrap(), HOUR).unwrap();
        assert!(refused("fd77::1"), "of the same /64");
        assert!(!refused("127.0.0.1") && !refused("::1"));
        bans.ban("127.0.0.1".parse().unwrap(), HOUR).unwrap();
        bans.sweep().unwrap();
        assert!(refused("127.0.0.1"), "also to a socket of both families");
    });
}
