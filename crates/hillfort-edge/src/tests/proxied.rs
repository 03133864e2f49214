//! Balancers that say for whom they connect, and strangers who pretend to be one.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hillfort_guard::Posture;
use hillfort_proto::frame::Framing;
use hillfort_proto::message::ClientBody;
use hillfort_proto::proxy::SIGNATURE;
use hillfort_proto::reject::Reject;
use rustls::ClientConfig;

use super::rig::*;
use super::tls::{certificate, secure};
use crate::{Config, Door};

const DOORS: [Door; 2] = [Door::Frames, Door::Http];

/// The balancer's header for a client at this address.
pub(super) fn header(client: &str) -> Vec<u8> {
    let client: SocketAddr = client.parse().unwrap();
    let (family, mut addresses) = match client.ip() {
        IpAddr::V4(ip) => (0x11, [ip.octets(), [10, 0, 0, 1]].concat()),
        IpAddr::V6(ip) => (0x21, [ip.octets(), [0; 16]].concat()),
    };
    addresses.extend(client.port().to_be_bytes());
    addresses.extend([0, 1]);
    let length = (addresses.len() as u16).to_be_bytes();
    [&SIGNATURE[..], &[0x21, family], &length, &addresses].concat()
}

/// Behind a balancer that is this machine.
fn behind() -> Config {
    Config { proxies: vec!["127.0.0.0/8".parse().unwrap()], ..config() }
}

fn connect(rig: &Rig, door: Door) -> Client {
    Client::new(std::net::TcpStream::connect(rig.addr(door)).unwrap())
}

/// Where the players are connected from.
fn peers(rig: &mut Rig) -> Vec<SocketAddr> {
    let mut answer = rig.control.players(10).unwrap();
    let mut players = Vec::new();
    rig.until("the players", |_| match answer.try_recv() {
        Ok(all) => {
            players = all;
            true
        }
        Err(_) => false,
    });
    let mut peers: Vec<_> = players.into_iter().filter_map(|player| player.peer).collect();
    peers.sort();
    peers
}

/// Says the header and everything up to the login; `at_once`: what is not encrypted comes in one piece, header included.
fn login(rig: &mut Rig, door: Door, from: &str, tls: Option<&Arc<ClientConfig>>, at_once: bool) -> Client {
    let mut client = connect(rig, door);
    let mut head = header(from);
    if !at_once {
        client.send(&head[..20]);
        rig.settle();
        head.drain(..20);
    }
    match tls {
        Some(config) => {
            // TLS begins right behind the header.
            client.send(&head);
            secure(rig, &mut client, config);
            if door == Door::Http {
                rig.upgrade(&mut client);
            }
        }
        None if door == Door::Http => {
            client.send(&[&head, UPGRADE.as_bytes()].concat());
            let answer = rig.request(&mut client, "");
            assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
            client.framing = Framing::WebSocketMasked([1, 2, 3, 4]);
        }
        None => {
            client.send(&[&head[..], &hello()].concat());
        }
    }
    if door == Door::Http {
        client.message(&hello());
    } else if tls.is_some() {
        client.send(&hello());
    }
    client.say(ClientBody::Login { name: "ann" });
    rig.welcome(&mut client);
    client
}

#[test]
fn players_come_from_where_the_header_says() {
    for secured in [false, true] {
        let (certificate, tls) = certificate();
        let mut rig = Rig::new(Config { certificate: secured.then_some(certificate), ..behind() });
        let mut here = Vec::new();
        for door in DOORS {
            for (at_once, from) in [(true, "203.0.113.7:49153"), (false, "[2001:db8::7]:5000")] {
                here.push(login(&mut rig, door, from, secured.then_some(&tls), at_once));
            }
        }
        let expect = ["203.0.113.7:49153", "203.0.113.7:49153", "[2001:db8::7]:5000", "[2001:db8::7]:5000"];
        assert_eq!(peers(&mut rig), expect.map(|from| from.parse().unwrap()));
        assert_eq!(rig.refusals(), []);
        for client in &mut here {
            client.say(ClientBody::Ping { echo: 1, pad: &[] });
            rig.next(client);
        }
    }
}

#[test]
fn a_bad_header_is_refused_and_charged_to_nobody() {
    for secured in [false, true] {
        // Less than any offence costs.
        let guard = hillfort_guard::Config { tolerance: rate(1, 1), ..guard_config() };
        let certificate = secured.then(|| certificate().0);
        let mut rig = Rig::new(Config { certificate, guard, ..behind() });
        let mut count = 0;
        for door in DOORS {
            for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &hello(), b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", &[22, 3, 1]] {
                let mut client = connect(&rig, door);
                client.send(bytes);
                assert_eq!((rig.closed(&mut client), client.reset), (None, true));
                count += 1;
            }
            // And one that does not come.
            let mut slow = connect(&rig, door);
            slow.send(&SIGNATURE);
            rig.settle();
            rig.pass(Duration::from_secs(3));
            assert_eq!(rig.closed(&mut slow), None);
            count += 1;
        }
        assert_eq!(rig.refusals(), [("proxy_header", count)]);
        // The balancer still gets in.
        if !secured {
            login(&mut rig, Door::Frames, "203.0.113.7:1", None, true);
        }
    }
}

#[test]
fn a_header_from_anybody_else_is_a_bad_beginning() {
    let head = header("203.0.113.7:49153");
    let elsewhere = || Config { proxies: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()], ..config() };
    let mut rig = Rig::new(elsewhere());
    let mut client = connect(&rig, Door::Frames);
    client.send(&head);
    assert_eq!((rig.closed(&mut client), rig.refusals()), (None, vec![("hello_magic", 1)]));
    let mut rig = Rig::new(Config { certificate: Some(certificate().0), ..elsewhere() });
    for door in DOORS {
        let mut client = connect(&rig, door);
        client.send(&head);
        assert_eq!(rig.closed(&mut client), None);
    }
    assert_eq!(rig.refusals(), [("client_hello", 2)]);
}

#[test]
fn the_guard_judges_the_client_and_never_the_balancer() {
    let mut rig = Rig::new(Config { guard: hillfort_guard::Config { source_open_max: 2, ..guard_config() }, ..behind() });
    let banned: IpAddr = "203.0.113.66".parse().unwrap();
    let _answer = rig.control.ban(banned, Duration::from_secs(60)).unwrap();
    rig.settle();
    for door in DOORS {
        let mut client = connect(&rig, door);
        client.send(&header("203.0.113.66:1"));
        assert_eq!((rig.closed(&mut client), client.reset), (None, true));
    }
    assert_eq!(rig.refusals(), [("banned", 2)]);
    // Two of each client, however many come by the same balancer.
    let mut here: Vec<_> =
        (0..6).map(|n| login(&mut rig, Door::Frames, &format!("198.51.100.{}:1", n / 2), None, true)).collect();
    let mut third = connect(&rig, Door::Http);
    third.send(&header("198.51.100.0:9"));
    assert_eq!((rig.closed(&mut third), rig.refused(Reject::SourceConnections)), (None, 1));
    // Offences are the client's: it is banned, and others behind the same balancer go on.
    here[0].send(b"no frame");
    assert_eq!(rig.closed(&mut here[0]), Some(Reject::FrameMagic));
    here[5].say(ClientBody::Ping { echo: 1, pad: &[] });
    rig.next(&mut here[5]);
    drop(here);
    rig.until("all are gone", |rig| rig.edge.conns.is_empty());
    // All counts were given back: the same may come again.
    for _ in 0..2 {
        std::mem::forget(login(&mut rig, Door::Frames, "198.51.100.2:1", None, true));
    }
}

#[test]
fn a_connection_by_a_balancer_counts_once_and_as_its_clients() {
    let mut guard = guard_config();
    guard.posture.offered_per_s = 5;
    let mut rig = Rig::new(Config { guard, ..behind() });
    let _here: Vec<_> = (0..4).map(|n| login(&mut rig, DOORS[n % 2], "203.0.113.7:49153", None, true)).collect();
    let (mut stats, mut top) = (rig.control.guard_stats().unwrap(), rig.control.top(10).unwrap());
    rig.settle();
    let (stats, top) = (stats.try_recv().unwrap(), top.try_recv().unwrap());
    assert_eq!((stats.admitted, stats.open, stats.posture), (4, 4, Posture::Calm));
    let counted: Vec<_> = top.iter().map(|row| (row.addr.to_string(), row.events)).collect();
    assert_eq!(counted, [("203.0.113.7".to_owned(), 4)]);
}

#[test]
fn a_health_check_is_closed_in_order() {
    for secured in [false, true] {
        let mut rig = Rig::new(Config { certificate: secured.then(|| certificate().0), ..behind() });
        for door in DOORS {
            for local in [&[0x20, 0, 0, 0][..], &[0x20, 0x11, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]] {
                let mut check = connect(&rig, door);
                check.send(&[&SIGNATURE, local].concat());
                assert_eq!((rig.closed(&mut check), check.reset), (None, false));
            }
        }
        assert_eq!((rig.refusals(), rig.edge.conns.len()), (vec![], 0));
    }
}

#[test]
fn behind_a_balancer_known_players_are_known_by_their_own_address() {
    let mut guard = guard_config();
    guard.settled_after = Duration::from_secs(2);
    let mut rig = Rig::new(Config { unproven_max: 3, guard, ..behind() });
    let (home, abroad) = ("203.0.113.7:49153", "198.51.100.9:5000");
    let _player = login(&mut rig, Door::Frames, home, None, true);
    rig.pass(Duration::from_millis(2_500));
    rig.until("the sweep", |rig| {
        let mut view = rig.control.ladder("203.0.113.7".parse().unwrap()).unwrap();
        rig.settle();
        view.try_recv().unwrap().reputation.known
    });
    let waiting = |rig: &mut Rig, from| {
        let mut client = connect(rig, Door::Frames);
        client.send(&header(from));
        rig.settle();
        client
    };
    let mut known = waiting(&mut rig, home);
    let mut strangers: Vec<_> = (0..5).map(|_| waiting(&mut rig, abroad)).collect();
    rig.until("three to be shed", |rig| rig.refused(Reject::UnprovenShed) == 3);
    rig.until("their ends", |_| {
        strangers.iter_mut().for_each(Client::read);
        strangers.iter().filter(|client| client.ended).count() == 3
    });
    known.send(&hello());
    known.say(ClientBody::Login { name: "bob" });
    rig.welcome(&mut known);
}
