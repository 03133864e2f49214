//! The door of gRPC: both versions of HTTP, in the clear and over TLS, and who says neither.

use std::sync::Arc;
use std::time::Duration;

use hillfort_proto::reject::Reject;

use super::rig::*;
use super::tls::{certificate, secure};
use crate::{Config, Door};

/// What a client of HTTP/2 says first, and an empty SETTINGS frame.
pub(super) const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

pub(super) fn config_with_door() -> Config {
    Config { grpc_addr: Some("127.0.0.1:0".parse().unwrap()), ..config() }
}

fn connect(rig: &Rig) -> Client {
    Client::new(std::net::TcpStream::connect(rig.addr(Door::Grpc)).unwrap())
}

/// Waits for the server's SETTINGS, which begin every connection of HTTP/2.
fn check_http2(rig: &mut Rig, client: &mut Client) {
    client.send(HTTP2);
    rig.until("settings", |_| {
        client.read();
        client.received.len() >= 9 || client.ended
    });
    assert_eq!(client.received.get(3), Some(&4), "a frame of the kind SETTINGS: {:?}", client.received);
}

#[test]
fn both_versions_are_spoken() {
    let mut rig = Rig::new(config_with_door());
    let mut client = connect(&rig);
    check_http2(&mut rig, &mut client);
    let mut client = connect(&rig);
    let answer = rig.request(&mut client, "POST /x HTTP/1.1\r\nHost: fort\r\nContent-Length: 0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    rig.until("the body", |_| {
        client.read();
        client.received == b"HTTP/1.1"
    });
    assert_eq!(rig.refusals(), []);
    drop(client);
    rig.until("the way back", |rig| rig.stats.snapshot().open(Door::Grpc) == 0);
}

#[test]
fn the_version_is_agreed_in_the_handshake() {
    let (certificate, client_config) = certificate();
    let mut rig = Rig::new(Config { certificate: Some(certificate), ..config_with_door() });
    for (offers, agreed) in [(&[&b"h2"[..], b"http/1.1"][..], Some(&b"h2"[..])), (&[b"http/1.1"], Some(b"http/1.1")), (&[], None)]
    {
        let mut config = (*client_config).clone();
        config.alpn_protocols = offers.iter().map(|offer| offer.to_vec()).collect();
        let mut client = connect(&rig);
        secure(&mut rig, &mut client, &Arc::new(config));
        assert_eq!(client.tls.as_ref().unwrap().alpn_protocol(), agreed);
        if agreed == Some(b"h2") {
            check_http2(&mut rig, &mut client);
        }
    }
}

#[test]
fn who_says_nothing_or_nonsense_is_refused() {
    let mut rig = Rig::new(Config { hello_patience: Duration::from_millis(200), ..config_with_door() });
    for said in [&b""[..], b"\x00\x01\x02\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"] {
        let before = rig.refused(Reject::Http);
        let mut client = connect(&rig);
        client.send(said);
        rig.until("the end", |_| {
            client.read();
            client.ended
        });
        rig.until("the count", |rig| rig.refused(Reject::Http) == before + 1);
    }
    rig.until("the way back", |rig| rig.stats.snapshot().open(Door::Grpc) == 0);
}
