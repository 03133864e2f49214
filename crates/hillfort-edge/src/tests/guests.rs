//! Connections that the router hands over to another loop: they leave HTTP, and keep their places at the guard until they are over.

use std::sync::mpsc::{Receiver, sync_channel};

use axum::extract::{Extension, Request};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use hillfort_guard::Cause;
use hillfort_proto::reject::Reject;
use hillfort_stream::{Got, Guest, Upgrades, handshake};

use super::rig::*;

/// A rig whose `/elsewhere` hands connections over, and where they arrive.
fn rig(config: crate::Config) -> (Rig, Receiver<Guest>) {
    let (to, guests) = sync_channel(8);
    let take = async move |Extension(upgrades): Extension<Upgrades>, request: Request| -> Response {
        let (mut parts, _) = request.into_parts();
        let Ok((upgrade, answer)) = handshake::accept(&parts.headers, &mut parts.extensions) else {
            return handshake::UPGRADE_REQUIRED.into_response();
        };
        upgrades.hand_over(upgrade, move |guest| to.try_send(guest).unwrap());
        answer.into_response()
    };
    (Rig::with_router(config, axum::Router::new().route("/elsewhere", get(take))), guests)
}

fn arrive(rig: &mut Rig, guests: &Receiver<Guest>, with: &[u8]) -> (Client, Guest) {
    let mut client = rig.connect_http();
    client.send(&[UPGRADE.replace("/session", "/elsewhere").as_bytes(), with].concat());
    let answer = rig.request(&mut client, "");
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    let mut guest = None;
    rig.until("the guest", |_| {
        guest = guests.try_recv().ok();
        guest.is_some()
    });
    (client, guest.unwrap())
}

#[test]
fn a_guest_leaves_http_and_keeps_its_place() {
    let mut guard = guard_config();
    guard.source_open_max = 1;
    guard.tolerance = rate(1, 100);
    let (mut rig, guests) = rig(crate::Config { guard, ..config() });
    let (mut client, mut guest) = arrive(&mut rig, &guests, b"early");
    assert_eq!(&guest.early[..], b"early");
    rig.until("the way back", |rig| rig.stats.snapshot().open_http == 0);
    // Its loop reads and writes by itself.
    client.send(b"later");
    let mut buffer = [0; 16];
    let mut got = Got::Nothing;
    rig.until("bytes", |_| {
        got = guest.stream.read(&mut buffer);
        got != Got::Nothing
    });
    assert_eq!((got, &buffer[..5]), (Got::Last(5), &b"later"[..]));
    // The place is taken until the guest is over.
    let mut second = rig.connect();
    rig.until("a refusal", |rig| rig.refused(Reject::SourceConnections) == 1);
    rig.until("the reset", |_| {
        second.read();
        second.ended
    });
    guest.permit.charge(Reject::Message);
    drop(guest);
    rig.settle();
    let _third = rig.connect();
    rig.settle();
    assert_eq!(rig.refused(Reject::SourceConnections), 1, "the place is free again");
    let mut reasons = rig.edge.guard.ladder(rig.edge.now(), "127.0.0.1".parse().unwrap()).into_iter().map(|step| step.cause);
    assert!(reasons.any(|cause| cause == Cause::Offence(Reject::Message)), "what the guest did wrong is charged");
}

#[test]
fn a_request_that_is_no_handshake_is_told_so() {
    let (mut rig, guests) = rig(config());
    let mut client = rig.connect_http();
    let answer = rig.request(&mut client, "GET /elsewhere HTTP/1.1\r\nHost: fort\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 426") && answer.contains("sec-websocket-version: 13"), "{answer}");
    assert!(guests.try_recv().is_err());
}

#[test]
fn what_is_excused_is_counted_and_charged_to_nobody() {
    use axum::http::StatusCode;
    let refuse = async |Extension(upgrades): Extension<Upgrades>| {
        upgrades.refuse(Reject::SessionToken);
        StatusCode::UNAUTHORIZED
    };
    let excuse = async |Extension(upgrades): Extension<Upgrades>| {
        upgrades.excuse(Reject::SessionToken);
        StatusCode::UNAUTHORIZED
    };
    let mut guard = guard_config();
    guard.tolerance = rate(1, 50);
    let router = axum::Router::new().route("/refuse", get(refuse)).route("/excuse", get(excuse));
    let mut rig = Rig::with_router(crate::Config { guard, ..config() }, router);
    let ask = |rig: &mut Rig, path: &str| {
        let mut client = rig.connect_http();
        let answer = rig.request(&mut client, &format!("GET {path} HTTP/1.1\r\nHost: fort\r\nConnection: close\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        rig.until("the way back", |rig| rig.stats.snapshot().open_http == 0);
    };
    for _ in 0..20 {
        ask(&mut rig, "/excuse");
    }
    assert_eq!(rig.refused(Reject::SessionToken), 20);
    rig.login("ann");
    // 20 points each.
    for _ in 0..3 {
        ask(&mut rig, "/refuse");
    }
    let mut banned = rig.connect();
    assert_eq!((rig.closed(&mut banned), rig.refused(Reject::Banned)), (None, 1));
}
