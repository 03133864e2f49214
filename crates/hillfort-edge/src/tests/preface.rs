//! The ClientHello before TLS: what comes slowly, in pieces or wrong; names, lists and budgets.

use std::sync::Arc;
use std::time::Duration;

use hillfort_guard::{Action, FingerprintList};
use hillfort_proto::client_hello::{self as hellos, CLIENT_HELLO_BYTES_MAX, Scratch, Transport};
use hillfort_proto::message::ClientBody;
use hillfort_proto::reject::Reject;
use rustls::{ClientConfig, ClientConnection};

use super::rig::*;
use super::tls::{certificate, client_hello, secure};
use crate::{Config, Door, ServerNames};

const DOORS: [Door; 2] = [Door::Frames, Door::Http];

/// A rig with TLS, changed as the test wants.
fn rig(change: impl FnOnce(&mut Config)) -> (Rig, Arc<ClientConfig>) {
    let (certificate, client) = certificate();
    let mut config = Config { certificate: Some(certificate), ..config() };
    change(&mut config);
    (Rig::new(config), client)
}

fn connect(rig: &Rig, door: Door) -> Client {
    Client::new(std::net::TcpStream::connect(rig.addr(door)).unwrap())
}

/// Sends `bytes` and checks that this ends it by reset with nothing said, counted once as `expect`.
fn check_refused(rig: &mut Rig, door: Door, bytes: &[u8], expect: Reject) {
    let before = rig.refused(expect);
    let mut client = connect(rig, door);
    client.send(bytes);
    assert_eq!((rig.closed(&mut client), client.reset, client.received.len()), (None, true, 0), "{expect} {door:?}");
    assert_eq!(rig.refused(expect), before + 1, "{expect} {door:?}");
    let snapshot = rig.stats.snapshot();
    assert_eq!((snapshot.open_frames, snapshot.open_http, rig.edge.conns.len()), (0, 0, 0));
}

/// Whether a client that says these first bytes gets an answer of TLS.
fn is_answered(rig: &mut Rig, door: Door, bytes: &[u8]) -> bool {
    let mut client = connect(rig, door);
    client.send(bytes);
    rig.until("an answer or an end", |_| {
        client.read();
        client.ended || client.received.len() > 5
    });
    client.received.starts_with(&[22, 3])
}

#[test]
fn what_is_no_client_hello_ends_at_its_first_wrong_byte() {
    let (mut rig, _) = rig(|_| ());
    for door in DOORS {
        for bytes in [&b"G"[..], &hello(), &[22, 2], &[22, 3, 1, 0, 0], &[22, 3, 1, 0, 9, 2], &[22, 3, 1, 0x40, 0]] {
            check_refused(&mut rig, door, bytes, Reject::ClientHello);
        }
        // Longer than it may be: told from its length, and from what came when it does not tell.
        check_refused(&mut rig, door, &[22, 3, 1, 0x20, 0, 1, 0, 0x80, 0], Reject::ClientHello);
        let mut dripping = vec![22, 3, 1, 0, 1, 1];
        for _ in 0..33 {
            dripping.extend([22, 3, 1, 0, 1, 0]);
        }
        check_refused(&mut rig, door, &dripping, Reject::ClientHello);
    }
    assert_eq!(rig.refusals(), [("client_hello", 16)]);
}

#[test]
fn a_client_hello_may_come_in_pieces_and_records() {
    let (mut rig, config) = rig(|_| ());
    for door in DOORS {
        let mut client = connect(&rig, door);
        let mut tls = ClientConnection::new(Arc::clone(&config), "fort.test".try_into().unwrap()).unwrap();
        let mut bytes = Vec::new();
        tls.write_tls(&mut bytes).unwrap();
        // The same message in two records, byte by byte.
        let (one, two) = bytes[5..].split_at(60);
        let records = [one, two].map(|part| [&bytes[..3], &(part.len() as u16).to_be_bytes(), part].concat());
        for byte in records.concat() {
            client.send(&[byte]);
            rig.edge.turn(Some(Duration::ZERO)).unwrap();
        }
        client.tls = Some(tls);
        rig.until("the handshake", |_| {
            client.read();
            !client.tls.as_ref().unwrap().is_handshaking()
        });
        if door == Door::Http {
            rig.upgrade(&mut client);
            client.message(&hello());
        } else {
            client.send(&hello());
        }
        client.say(ClientBody::Login { name: "ann" });
        rig.welcome(&mut client);
    }
    assert_eq!(rig.refusals(), []);
}

#[test]
fn slow_client_hellos_end_and_lock_nobody_out() {
    let (mut rig, config) = rig(|config| config.unproven_max = 8);
    let bytes = client_hello(&config);
    let mut slow: Vec<_> = (0..20)
        .map(|n| {
            let mut client = connect(&rig, DOORS[n % 2]);
            client.send(&bytes[..=n * 7]);
            rig.settle();
            client
        })
        .collect();
    assert_eq!((rig.refusals(), rig.stats.snapshot().unproven), (vec![("unproven_shed", 12)], 8));
    for (n, client) in slow.iter_mut().enumerate() {
        client.read();
        assert_eq!(client.reset, n < 12, "the oldest go first");
    }
    // All places are taken, and players come in nevertheless.
    for door in DOORS {
        let mut player = connect(&rig, door);
        secure(&mut rig, &mut player, &config);
    }
    rig.pass(Duration::from_millis(2_000));
    assert_eq!(rig.refused(Reject::ClientHelloSlow), 0);
    rig.pass(Duration::from_millis(1_100));
    assert!(rig.refused(Reject::ClientHelloSlow) >= 6, "{:?}", rig.refusals());
}

#[test]
fn only_names_on_the_list_are_served() {
    let (mut rig, config) = rig(|config| config.server_names = ServerNames::new(&["fort.test", "*.play.test"], false).unwrap());
    let of = |name: &str| {
        let mut client = ClientConnection::new(Arc::clone(&config), name.to_owned().try_into().unwrap()).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    };
    for door in DOORS {
        for name in ["fort.test", "eu.play.test"] {
            assert!(is_answered(&mut rig, door, &of(name)), "{name}");
        }
        rig.until("the way back", |rig| rig.edge.conns.is_empty() && rig.stats.snapshot().open_http == 0);
        // A client that looks for an address names no server.
        for name in ["other.test", "play.test", "a.eu.play.test", "127.0.0.1"] {
            check_refused(&mut rig, door, &of(name), Reject::ServerName);
        }
    }
}

#[test]
fn listed_fingerprints_are_refused_and_others_are_not() {
    let (_, config) = certificate();
    let bytes = client_hello(&config);
    let mut scratch = Scratch::default();
    let facts = hellos::read(&bytes, &mut scratch).unwrap().unwrap();
    let (ja4, ja3) = (facts.ja4(Transport::Tcp).bytes(), facts.ja3().bytes());
    let mut other = ja4;
    other[35] ^= 1;
    let check = |change: &dyn Fn(&mut hillfort_guard::Config), expect: Option<Reject>| {
        let (mut rig, _) = rig(|config| change(&mut config.guard));
        for door in DOORS {
            match expect {
                Some(reject) => check_refused(&mut rig, door, &bytes, reject),
                None => assert!(is_answered(&mut rig, door, &bytes)),
            }
        }
    };
    let refused = Some(Reject::Fingerprint);
    check(&|guard| guard.refused_ja4 = FingerprintList::new(vec![(ja4, Action::Refuse)]).unwrap(), refused);
    check(&|guard| guard.refused_ja4 = FingerprintList::new(vec![(ja4, Action::DryRun)]).unwrap(), None);
    check(&|guard| guard.refused_ja4 = FingerprintList::new(vec![(other, Action::Refuse)]).unwrap(), None);
    // rustls shuffles its extensions, so these bytes have this JA3, and the next ones have another.
    check(&|guard| guard.refused_ja3 = FingerprintList::new(vec![(ja3, Action::Refuse)]).unwrap(), refused);
    check(&|guard| guard.refused_ja3 = FingerprintList::new(vec![([7; 16], Action::Refuse)]).unwrap(), None);

    // A list that comes while running is looked at, too.
    let (mut rig, _) = rig(|_| ());
    assert!(is_answered(&mut rig, Door::Frames, &bytes));
    rig.until("the way back", |rig| rig.edge.conns.is_empty());
    let mut guard = guard_config();
    guard.refused_ja3 = FingerprintList::new(vec![(ja3, Action::Refuse)]).unwrap();
    rig.control.apply(guard).unwrap();
    rig.settle();
    check_refused(&mut rig, Door::Frames, &bytes, Reject::Fingerprint);
}

#[test]
fn handshakes_have_budgets() {
    let check = |change: &dyn Fn(&mut hillfort_guard::Config), expect: Reject| {
        let (mut rig, config) = rig(|config| change(&mut config.guard));
        let bytes = client_hello(&config);
        for _ in 0..3 {
            assert!(is_answered(&mut rig, Door::Frames, &bytes));
        }
        rig.until("the way back", |rig| rig.edge.conns.is_empty());
        for door in DOORS {
            check_refused(&mut rig, door, &bytes, expect);
        }
        rig.pass(Duration::from_secs(4));
        assert!(is_answered(&mut rig, Door::Http, &bytes));
    };
    check(&|guard| guard.handshakes = rate(1, 3), Reject::TlsRate);
    check(&|guard| guard.fingerprint = rate(1, 3), Reject::FingerprintRate);
}

#[test]
fn the_longest_client_hello_fits() {
    let (mut rig, config) = rig(|_| ());
    // TLS pads by an extension (RFC 7685); the message grows, and with it three lengths.
    let grown = |length: usize| {
        let mut bytes = client_hello(&config);
        let more = length - bytes.len();
        let at = 5 + 4 + 2 + 32 + 1 + 32;
        let ciphers = usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        let lengths = [3, 7, at + 2 + ciphers + 2];
        for place in lengths {
            let old = u16::from_be_bytes([bytes[place], bytes[place + 1]]);
            bytes[place..place + 2].copy_from_slice(&(old + more as u16).to_be_bytes());
        }
        // A pre-shared key must stay the last one, but this client has none.
        bytes.extend([0, 21]);
        bytes.extend((more as u16 - 4).to_be_bytes());
        bytes.resize(length, 0);
        bytes
    };
    for door in DOORS {
        assert!(is_answered(&mut rig, door, &grown(CLIENT_HELLO_BYTES_MAX)), "{:?}", rig.refusals());
        rig.until("the way back", |rig| rig.edge.conns.is_empty() && rig.stats.snapshot().open_http == 0);
        check_refused(&mut rig, door, &grown(CLIENT_HELLO_BYTES_MAX + 1), Reject::ClientHello);
    }
}
