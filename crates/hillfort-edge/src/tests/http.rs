//! HTTP: what is served, what is not, who is too slow.

use std::time::Duration;

use hillfort_proto::reject::Reject;

use super::rig::*;
use crate::{Config, Door};

fn status(rig: &mut Rig, request: &str) -> String {
    let mut client = rig.connect_http();
    rig.request(&mut client, request).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn the_router_is_served_and_nothing_else() {
    let mut rig = Rig::new(config());
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: fort\r\n\r\n");
    assert_eq!(status(&mut rig, &get("/")), "HTTP/1.1 200 OK");
    for path in ["/ws", "/v2", "/v2/account", "/sessions", "/x"] {
        assert_eq!(status(&mut rig, &get(path)), "HTTP/1.1 404 Not Found", "{path}");
    }
    assert_eq!(rig.refusals(), []);
}

#[test]
fn each_bad_upgrade_has_its_refusal() {
    let mut rig = Rig::new(config());
    let table = [
        (UPGRADE.replace("Upgrade: websocket", "Upgrade: h2c"), "HTTP/1.1 426 Upgrade Required"),
        (UPGRADE.replace("Version: 13", "Version: 8"), "HTTP/1.1 426 Upgrade Required"),
        (UPGRADE.replace("keep-alive, Upgrade", "keep-alive"), "HTTP/1.1 426 Upgrade Required"),
        (UPGRADE.replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="), "HTTP/1.1 426 Upgrade Required"),
        (UPGRADE.replace("GET", "POST"), "HTTP/1.1 405 Method Not Allowed"),
    ];
    for (n, (request, expect)) in table.iter().enumerate() {
        assert_eq!(status(&mut rig, request), *expect, "{request}");
        // The last one is the router's answer, not the upgrade's.
        assert_eq!(rig.refused(Reject::WebSocket), (n as u64 + 1).min(4), "{request}");
    }
    assert_eq!(rig.stats.snapshot().open(Door::WebSocket), 0);
}

#[test]
fn malformed_and_oversized_requests_end() {
    let mut rig = Rig::new(config());
    for (n, request) in
        ["\x00\x01\x02\r\n\r\n".into(), format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(40_000))].iter().enumerate()
    {
        let mut client = rig.connect_http();
        client.send(request.as_bytes());
        rig.until("the end", |_| {
            client.read();
            client.ended
        });
        rig.until("the count", |rig| rig.refused(Reject::Http) == n as u64 + 1);
    }
    rig.until("the way back", |rig| rig.stats.snapshot().open_http == 0);
}

#[test]
fn slow_and_idle_requests_end() {
    let mut rig =
        Rig::new(Config { hello_patience: Duration::from_millis(100), http_idle: Duration::from_millis(100), ..config() });
    let (mut silent, mut half, mut idle) = (rig.connect_http(), rig.connect_http(), rig.connect_http());
    half.send(b"GET / HTTP/1.1\r\nHost:");
    assert!(rig.request(&mut idle, "GET / HTTP/1.1\r\nHost: fort\r\n\r\n").starts_with("HTTP/1.1 200"));
    for client in [&mut silent, &mut half, &mut idle] {
        rig.until("the end", |_| {
            client.read();
            client.ended
        });
    }
    rig.until("the way back", |rig| rig.stats.snapshot().open_http == 0);
    assert!(rig.refused(Reject::Http) >= 1, "{:?}", rig.refusals());
}

#[test]
fn who_asked_and_asks_no_more_is_not_to_blame() {
    let mut guard = guard_config();
    // Less than any offence costs.
    guard.tolerance = rate(1, 1);
    let mut rig =
        Rig::new(Config { guard, http_idle: Duration::from_millis(100), hello_patience: Duration::from_millis(100), ..config() });
    let mut browser = rig.connect_http();
    assert!(rig.request(&mut browser, "GET / HTTP/1.1\r\nHost: fort\r\n\r\n").starts_with("HTTP/1.1 200"));
    rig.until("the end", |_| {
        browser.read();
        browser.ended
    });
    rig.until("the way back", |rig| rig.stats.snapshot().open_http == 0);
    assert_eq!(rig.refusals(), []);
    rig.login("ann");
}

#[test]
fn who_asks_is_not_shed_for_the_silent() {
    let mut rig = Rig::new(Config { http_connections_max: 3, ..config() });
    let mut asked = rig.connect_http();
    assert!(rig.request(&mut asked, "GET / HTTP/1.1\r\nHost: fort\r\n\r\n").starts_with("HTTP/1.1 200"));
    for _ in 0..10 {
        let _silent = rig.connect_http();
        rig.settle();
    }
    asked.received.clear();
    assert!(rig.request(&mut asked, "GET / HTTP/1.1\r\nHost: fort\r\n\r\n").starts_with("HTTP/1.1 200"));
}

#[test]
fn the_oldest_silent_connection_makes_room() {
    let mut rig = Rig::new(Config { http_connections_max: 4, ..config() });
    let mut clients: Vec<Client> = (0..3).map(|_| rig.connect_http()).collect();
    rig.until("the end", |_| {
        clients[0].read();
        clients[0].ended
    });
    rig.until("the count", |rig| rig.stats.snapshot().open_http == 2);
    assert_eq!(rig.refusals(), [("unproven_shed", 1)]);
}

#[test]
fn who_keeps_asking_does_not_hold_the_door_against_newcomers() {
    let mut rig = Rig::new(Config { http_connections_max: 16, ..config() });
    let mut clients: Vec<Client> = Vec::new();
    // All are served, and nobody leaves.
    for _ in 0..20 {
        let mut client = rig.connect_http();
        let answer = rig.request(&mut client, "GET / HTTP/1.1\r\nHost: fort\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?} {:?}", rig.refusals());
        clients.push(client);
    }
    rig.until("the ends", |rig| rig.stats.snapshot().open_http == 14);
    rig.settle();
    let ended: Vec<bool> = clients
        .iter_mut()
        .map(|client| {
            client.read();
            client.ended
        })
        .collect();
    assert_eq!(ended, [vec![true; 6], vec![false; 14]].concat(), "the oldest");
    assert_eq!(rig.refusals(), [("unproven_shed", 6)]);
}

#[test]
fn connections_are_capped() {
    let mut rig = Rig::new(Config { http_connections_max: 2, ..config() });
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = rig.connect_http();
        rig.request(&mut client, "GET / HTTP/1.1\r\nHost: fort\r\n\r\n");
        clients.push(client);
    }
    let mut third = rig.connect_http();
    assert_eq!((rig.closed(&mut third), third.reset, rig.refusals()), (None, true, vec![("connections_full", 1)]));
}

#[test]
fn bad_requests_ban_their_address() {
    let mut guard = guard_config();
    guard.tolerance = rate(1, 50);
    let mut rig = Rig::new(Config { guard, ..config() });
    for _ in 0..3 {
        status(&mut rig, "nonsense\r\n\r\n");
        rig.until("the way back", |rig| rig.stats.snapshot().open_http == 0);
    }
    let mut banned = rig.connect();
    assert_eq!((rig.closed(&mut banned), rig.refused(Reject::Banned)), (None, 1));
}
