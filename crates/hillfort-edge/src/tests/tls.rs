//! TLS on both doors.

use std::sync::Arc;
use std::time::Duration;

use hillfort_proto::message::{ClientBody, ServerBody, ServerView};
use hillfort_proto::reject::Reject;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore};

use super::rig::*;
use crate::{BindError, Certificate, CertificateError, Config, Door, Edge};

pub(super) fn certificate() -> (Certificate, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["fort.test".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let certificate = Certificate { chain_pem: made.cert.pem().into(), key_pem: made.signing_key.serialize_pem().into() };
    (certificate, Arc::new(client))
}

pub(super) fn secure(rig: &mut Rig, client: &mut Client, config: &Arc<ClientConfig>) {
    client.tls = Some(ClientConnection::new(Arc::clone(config), "fort.test".try_into().unwrap()).unwrap());
    rig.until("the handshake", |_| {
        client.read();
        !client.tls.as_ref().unwrap().is_handshaking()
    });
}

fn rig() -> (Rig, Arc<ClientConfig>) {
    let (certificate, client) = certificate();
    (Rig::new(Config { certificate: Some(certificate), ..config() }), client)
}

#[test]
fn frames_over_tls() {
    let (mut rig, config) = rig();
    let mut client = rig.connect();
    secure(&mut rig, &mut client, &config);
    client.send(&hello());
    client.say(ClientBody::Login { name: "ann" });
    rig.welcome(&mut client);
    for echo in 0..1000 {
        client.say(ClientBody::Ping { echo, pad: &[1; 64] });
    }
    for expect in 0..1000 {
        let message = rig.next(&mut client);
        let ServerBody::Pong { echo, .. } = ServerView::read(&message).unwrap().body else { panic!("no pong") };
        assert_eq!(echo, expect);
    }
    client.send(b"X");
    assert_eq!(rig.closed(&mut client), Some(Reject::FrameMagic));
    assert!(!client.reset, "the end is announced");
}

#[test]
fn websocket_over_tls() {
    let (mut rig, config) = rig();
    let mut client = rig.connect_http();
    secure(&mut rig, &mut client, &config);
    rig.upgrade(&mut client);
    client.message(&hello());
    client.say(ClientBody::Login { name: "ann" });
    rig.welcome(&mut client);
    client.say(ClientBody::Ping { echo: 5, pad: &[] });
    let message = rig.next(&mut client);
    assert_eq!(ServerView::read(&message).unwrap().body, ServerBody::Pong { echo: 5, pad: &[] });
    assert_eq!(rig.stats.snapshot().open_websocket, 1);
}

#[test]
fn a_large_backlog_arrives_whole() {
    use hillfort_proto::ids::RoomId;
    use hillfort_proto::route::Outbound;
    let (mut rig, config) = rig();
    let mut client = rig.connect();
    secure(&mut rig, &mut client, &config);
    client.send(&hello());
    client.say(ClientBody::Login { name: "ann" });
    rig.welcome(&mut client);
    let room = RoomId(0x100);
    rig.seat(&mut client, room);
    // More than the buffer of TLS, in one turn.
    for op in 0..4 {
        rig.batch.push(Outbound::Event { to: &[client.session], room, op, data: &[op as u8; 50_000] }).unwrap();
    }
    rig.say(Outbound::State { to: &[client.session], room, tick: 1, data: b"last" });
    for expect in 0..4 {
        let message = rig.next(&mut client);
        let ServerBody::Event { op, data } = ServerView::read(&message).unwrap().body else { panic!("no event") };
        assert_eq!((op, data), (expect, &[expect as u8; 50_000][..]));
    }
    let message = rig.next(&mut client);
    assert_eq!(ServerView::read(&message).unwrap().body, ServerBody::State { tick: 1, data: b"last" });
}

#[test]
fn a_handshake_that_stalls_or_breaks_ends() {
    let (mut rig, config) = rig();
    // Its ClientHello is good, and then it says nothing.
    let mut silent = rig.connect();
    silent.send(&client_hello(&config));
    rig.settle();
    rig.pass(Duration::from_secs(3));
    assert_eq!(rig.refusals(), [("tls", 1)]);
    let mut broken = rig.connect();
    broken.send(&client_hello(&config));
    broken.send(&[0x17, 3, 3, 0, 2, 0xFF, 0xFF]);
    rig.until("the count", |rig| rig.refused(Reject::Tls) == 2);
    for client in [&mut silent, &mut broken] {
        client.read();
        assert!(client.ended && client.received.starts_with(&[22, 3]));
    }
    assert_eq!(rig.stats.snapshot().open_frames, 0);
}

/// The first bytes of a client, which will never say more.
pub(super) fn client_hello(config: &Arc<ClientConfig>) -> Vec<u8> {
    let mut client = ClientConnection::new(Arc::clone(config), "fort.test".try_into().unwrap()).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// Logs in over TLS and tells how the handshake went.
fn login(rig: &mut Rig, door: Door, config: &Arc<ClientConfig>) -> (Client, HandshakeKind) {
    let mut client = Client::new(std::net::TcpStream::connect(rig.addr(door)).unwrap());
    secure(rig, &mut client, config);
    if door == Door::Http {
        rig.upgrade(&mut client);
        client.message(&hello());
    } else {
        client.send(&hello());
    }
    client.say(ClientBody::Login { name: "ann" });
    rig.welcome(&mut client);
    let kind = client.tls.as_ref().unwrap().handshake_kind().unwrap();
    (client, kind)
}

#[test]
fn tickets_shorten_the_next_handshake_on_both_doors() {
    let (mut rig, config) = rig();
    assert_eq!(login(&mut rig, Door::Frames, &config).1, HandshakeKind::Full);
    for door in [Door::Frames, Door::Http, Door::Http, Door::Frames] {
        assert_eq!(login(&mut rig, door, &config).1, HandshakeKind::Resumed, "{door:?}");
    }
    // Nothing of it is kept here; keys of tickets change every six hours.
    let server = rig.edge.tls.as_ref().unwrap();
    assert!(server.plain.ticketer.enabled() && !server.plain.session_storage.can_cache());
    assert_eq!(server.plain.ticketer.lifetime(), 12 * 60 * 60);
}

#[test]
fn another_certificate_is_for_new_connections() {
    let (mut rig, old) = rig();
    let (mut frames, _) = login(&mut rig, Door::Frames, &old);
    let (mut websocket, _) = login(&mut rig, Door::Http, &old);
    let (certificate, new) = certificate();
    let mut answer = rig.control.set_certificate(&certificate).unwrap();
    rig.until("the swap", |_| answer.try_recv().is_ok_and(|swapped| swapped.is_ok()));
    // Its first client has no ticket yet, and those of before are of no use.
    for (door, kind) in [(Door::Frames, HandshakeKind::Full), (Door::Http, HandshakeKind::Resumed)] {
        assert_eq!(login(&mut rig, door, &new).1, kind);
        let mut stranger = Client::new(std::net::TcpStream::connect(rig.addr(door)).unwrap());
        let fresh = ClientConnection::new(Arc::new(ClientConfig::clone(&old)), "fort.test".try_into().unwrap());
        stranger.tls = Some(fresh.unwrap());
        rig.until("the doubt of a client that trusts the old one", |_| {
            stranger.read();
            stranger.ended
        });
    }
    for client in [&mut frames, &mut websocket] {
        client.say(ClientBody::Ping { echo: 5, pad: &[] });
        let message = rig.next(client);
        assert_eq!(ServerView::read(&message).unwrap().body, ServerBody::Pong { echo: 5, pad: &[] });
    }
}

#[test]
fn a_bad_certificate_changes_nothing_and_says_why() {
    let (mut rig, config) = rig();
    let (good, _) = certificate();
    let bad = Certificate { chain_pem: b"none".to_vec(), ..good.clone() };
    let answer = rig.control.set_certificate(&bad).unwrap().try_recv().unwrap();
    assert!(matches!(answer, Err(CertificateError::Chain)), "{answer:?}");
    login(&mut rig, Door::Frames, &config);
    login(&mut rig, Door::Http, &config);

    let mut rig = Rig::new(super::rig::config());
    let mut answer = rig.control.set_certificate(&good).unwrap();
    let mut outcome = None;
    rig.until("the answer", |_| {
        outcome = answer.try_recv().ok();
        outcome.is_some()
    });
    assert!(matches!(outcome, Some(Err(CertificateError::NoTls))), "{outcome:?}");
    rig.login("ann");
}

#[test]
fn handshakes_are_measured_and_budgeted() {
    let (good, _) = certificate();
    let bound = |percent| {
        let config = Config { certificate: Some(good.clone()), handshake_percent: percent, ..config() };
        let edge = Edge::bind(config.clone()).unwrap();
        let most = edge.handshakes_per_s().unwrap();
        (most, config.guard_here(Some(most)).handshakes, config.guard.handshakes)
    };
    let (most, budget, _) = bound(50);
    assert!((50..200_000).contains(&most), "{most} handshakes a second");
    assert_eq!(budget, rate(most / 2, (most / 8).max(64)));
    let (_, budget, given) = bound(0);
    assert_eq!(budget, given);
    assert_eq!(Edge::bind(config()).unwrap().handshakes_per_s(), None);
}

#[test]
fn bad_certificates_are_refused_at_bind() {
    let (good, _) = certificate();
    let (other, _) = certificate();
    let check = |certificate: Certificate, expect: fn(&CertificateError) -> bool| match Edge::bind(Config {
        certificate: Some(certificate),
        ..config()
    }) {
        Err(BindError::Certificate(e)) => assert!(expect(&e), "{e:?}"),
        outcome => panic!("{outcome:?}"),
    };
    check(Certificate { chain_pem: b"none".to_vec(), ..good.clone() }, |e| matches!(e, CertificateError::Chain));
    check(Certificate { key_pem: b"none".to_vec(), ..good.clone() }, |e| matches!(e, CertificateError::Key));
    check(Certificate { key_pem: other.key_pem, ..good }, |e| matches!(e, CertificateError::Refused(_)));
}
