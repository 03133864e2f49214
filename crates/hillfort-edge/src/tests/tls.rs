//! TLS on both doors.

use std::sync::Arc;
use std::time::Duration;

use hillfort_proto::message::{ClientBody, ServerBody, ServerView};
use hillfort_proto::reject::Reject;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::rig::*;
use crate::{BindError, Certificate, CertificateError, Config, Edge};

fn certificate() -> (Certificate, Arc<ClientConfig>) {
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

fn secure(rig: &mut Rig, client: &mut Client, config: &Arc<ClientConfig>) {
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
fn what_is_not_tls_or_too_slow_ends() {
    let (mut rig, _) = rig();
    let mut plain = rig.connect();
    plain.send(&hello());
    let mut web = rig.connect_http();
    web.send(b"GET / HTTP/1.1\r\nHost: fort\r\n\r\n");
    for client in [&mut plain, &mut web] {
        rig.until("the end", |_| {
            client.read();
            client.ended
        });
    }
    rig.until("the count", |rig| rig.refused(Reject::Tls) == 2);
    let mut silent = rig.connect();
    rig.settle();
    rig.pass(Duration::from_secs(3));
    assert_eq!((rig.closed(&mut silent), rig.refused(Reject::Tls)), (None, 3));
    assert_eq!(rig.stats.snapshot().open_frames, 0);
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
