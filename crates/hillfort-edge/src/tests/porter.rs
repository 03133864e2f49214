//! A porter before HTTP: what it refuses never gets there, everything else does, with every byte.

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use hillfort_proto::reject::Reject;
use hillfort_stream::{Porter, Refusal};

use super::rig::*;
use crate::Config;

/// Refuses what begins with `GET /no`, and charges it when it is not `/nobody`.
#[derive(Debug)]
struct Stern;

impl Porter for Stern {
    fn refuse(&self, head: &[u8]) -> Option<Refusal> {
        let answer = b"HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno";
        let charged = !head.starts_with(b"GET /nobody");
        head.starts_with(b"GET /no").then_some(Refusal { answer, reject: Reject::SessionToken, charged })
    }
}

fn rig(config: Config) -> Rig {
    let router = Router::new().route("/", get(async || "fort")).route("/say", post(async |body: String| body));
    Rig::with_porter(config, router, Some(Box::new(Stern)))
}

#[test]
fn what_is_refused_is_answered_and_never_gets_to_http() {
    let mut guard = guard_config();
    guard.tolerance = rate(1, 50);
    let mut rig = rig(Config { guard, ..config() });
    let ask = |rig: &mut Rig, path: &str| {
        let mut client = rig.connect_http();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: fort\r\n\r\n").as_bytes());
        rig.until("the end", |_| {
            client.read();
            client.ended
        });
        assert!(!client.reset && client.received.ends_with(b"\r\n\r\nno"), "{:?}", client.received.escape_ascii().to_string());
    };
    for _ in 0..20 {
        ask(&mut rig, "/nobody");
    }
    assert_eq!((rig.refused(Reject::SessionToken), rig.stats.snapshot().open_http), (20, 0));
    rig.login("ann");
    // 20 points each.
    for _ in 0..3 {
        ask(&mut rig, "/no");
    }
    let mut banned = rig.connect();
    assert_eq!((rig.closed(&mut banned), rig.refused(Reject::Banned)), (None, 1));
    assert_eq!(rig.edge.conns.len(), 0, "nothing is left of them");
}

#[test]
fn everything_else_gets_to_http_with_every_byte() {
    let mut rig = rig(config());
    let says_fort = |rig: &mut Rig, client: &mut Client, bytes: &str| {
        let head = rig.request(client, bytes);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        rig.until("the body", |_| {
            client.read();
            client.received.ends_with(b"fort")
        });
        client.received.clear();
    };
    let mut client = rig.connect_http();
    says_fort(&mut rig, &mut client, "GET / HTTP/1.1\r\nHost: fort\r\n\r\n");
    // The second on a connection is no beginning.
    assert!(rig.request(&mut client, "GET /nothing HTTP/1.1\r\nHost: fort\r\n\r\n").starts_with("HTTP/1.1 404"));
    for whole in ["GET / HTTP/1.1\r\nHost: fort\r\n\r\n", "POST /say HTTP/1.1\r\nHost: fort\r\nContent-Length: 4\r\n\r\nfort"] {
        // In two parts, cut anywhere.
        for cut in [1, 5, 20, whole.len() - 2] {
            let mut client = rig.connect_http();
            client.send(&whole.as_bytes()[..cut]);
            rig.settle();
            says_fort(&mut rig, &mut client, &whole[cut..]);
        }
    }
    let mut browser = rig.connect_http();
    rig.upgrade(&mut browser);
}

#[test]
fn who_says_nothing_is_not_waited_for() {
    let mut rig = rig(Config { hello_patience: Duration::from_millis(100), ..config() });
    let mut silent = rig.connect_http();
    rig.settle();
    rig.pass(Duration::from_millis(200));
    rig.until("the end", |_| {
        silent.read();
        silent.ended
    });
    assert_eq!(rig.refused(Reject::Http), 1);
}
