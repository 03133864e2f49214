//! Who is let in, who is shed, who is told.

use std::time::Duration;

use hillfort_proto::message::ClientBody;
use hillfort_proto::reject::Reject;

use super::rig::*;
use crate::{Config, Door};

#[test]
fn the_oldest_stranger_makes_room() {
    let mut rig = Rig::new(Config { unproven_max: 2, ..config() });
    let mut player = rig.login("ann");
    let mut first = rig.connect();
    rig.settle();
    let mut second = rig.connect();
    second.send(&hello());
    rig.settle();
    let mut third = rig.connect();
    rig.settle();
    // The one without a hello goes before the proven one.
    assert_eq!((rig.closed(&mut first), first.reset), (None, true));
    let mut fourth = rig.connect();
    rig.settle();
    assert_eq!(rig.closed(&mut third), None);
    fourth.read();
    second.say(ClientBody::Login { name: "bob" });
    rig.welcome(&mut second);
    player.read();
    assert_eq!((fourth.ended, player.ended), (false, false));
    assert_eq!(rig.refusals(), [("unproven_shed", 2)]);
}

#[test]
fn who_is_shed_before_the_login_leaves_nothing_behind() {
    let mut rig = Rig::new(Config { unproven_max: 2, ..config() });
    let mut proven: Vec<Client> = (0..3)
        .map(|_| {
            let mut client = rig.connect();
            client.send(&hello());
            rig.settle();
            client
        })
        .collect();
    assert_eq!((rig.closed(&mut proven[0]), proven[0].reset, rig.refusals()), (None, true, vec![("unproven_shed", 1)]));
    // The record that the shed one waited in must not outlive it: its connection's key may belong to somebody else by now.
    let mut player = rig.login("ann");
    drop(proven);
    rig.settle();
    rig.pass(Duration::from_secs(11));
    player.say(ClientBody::Ping { echo: 1, pad: &[] });
    rig.next(&mut player);
    assert_eq!(rig.edge.sessions.iter().count(), 1);
}

#[test]
fn refused_connections_are_reset_and_counted() {
    let check = |config: Config, door: Door, expect: &'static str| {
        let mut rig = Rig::new(config);
        let mut clients: Vec<Client> =
            (0..3).map(|_| Client::new(std::net::TcpStream::connect(rig.addr(door)).unwrap())).collect();
        rig.settle();
        let resets = clients
            .iter_mut()
            .filter_map(|client| {
                client.read();
                client.reset.then_some(())
            })
            .count();
        assert_eq!((resets, rig.refusals()), (1, vec![(expect, 1)]));
        assert_eq!(rig.stats.snapshot().open(door), 2);
    };
    let guard = |change: fn(&mut hillfort_guard::Config)| {
        let mut guard = guard_config();
        change(&mut guard);
        Config { guard, ..config() }
    };
    for door in [Door::Frames, Door::Http] {
        check(guard(|g| g.connect = rate(1, 2)), door, "connect_rate");
        check(guard(|g| g.source_connect = rate(1, 2)), door, "source_rate");
        check(guard(|g| g.source_open_max = 2), door, "source_connections");
        check(guard(|g| g.open_max = 2), door, "connections_full");
    }
    check(Config { connections_max: 2, unproven_max: 2, ..config() }, Door::Frames, "unproven_shed");
}

#[test]
fn connections_of_players_are_capped() {
    let mut rig = Rig::new(Config { connections_max: 2, unproven_max: 2, ..config() });
    let _players = (rig.login("ann"), rig.login("bob"));
    let mut third = rig.connect();
    assert_eq!((rig.closed(&mut third), third.reset), (None, true));
    assert_eq!(rig.refusals(), [("connections_full", 1)]);
}

#[test]
fn sessions_are_capped() {
    let mut rig = Rig::new(Config { sessions_max: 1, ..config() });
    let _ann = rig.login("ann");
    let mut bob = rig.connect();
    bob.send(&hello());
    bob.say(ClientBody::Login { name: "bob" });
    assert_eq!(rig.closed(&mut bob), Some(Reject::SessionsFull));
}

#[test]
fn a_ban_refuses_the_next_connection_and_leaves_players_alone() {
    let mut guard = guard_config();
    guard.tolerance = rate(1, 100);
    let mut rig = Rig::new(Config { guard, ..config() });
    let mut player = rig.login("ann");
    for _ in 0..4 {
        let mut stranger = rig.connect();
        stranger.send(b"SSH-2.0-scan\r\n");
        rig.closed(&mut stranger);
    }
    assert_eq!(rig.refusals(), [("banned", 1), ("hello_magic", 3)]);
    player.say(ClientBody::Ping { echo: 1, pad: &[] });
    rig.next(&mut player);
    let mut bans = rig.control.bans().unwrap();
    rig.settle();
    let list = bans.try_recv().unwrap().bans;
    assert_eq!(list.len(), 1);
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.stats.snapshot().bans, 1);
    let mut lifted = rig.control.lift(list[0].addr).unwrap();
    rig.settle();
    assert!(lifted.try_recv().unwrap());
    rig.login("bob");
    let mut banned = rig.control.ban(list[0].addr, Duration::from_secs(60)).unwrap();
    rig.settle();
    assert_eq!(banned.try_recv().unwrap(), Ok(()));
    let mut refused = rig.connect();
    assert_eq!((rig.closed(&mut refused), rig.refused(Reject::Banned)), (None, 2));
}

#[test]
fn a_foreign_page_cannot_have_its_visitors_banned() {
    let mut guard = guard_config();
    guard.tolerance = rate(1, 100);
    let mut rig = Rig::new(Config { guard, ..config() });
    // What `fetch` makes a browser send to the door of frames.
    for first in [&b"GET / HTTP/1.1\r\nHost: fort\r\n"[..], b"POST / HTTP/1.1\r\n", b"\x16\x03\x01\x02"] {
        let mut browser = rig.connect();
        browser.send(first);
        rig.closed(&mut browser);
    }
    for _ in 0..8 {
        // An image of that address, and a socket whose page stands elsewhere.
        let mut browser = rig.connect_http();
        assert!(rig.request(&mut browser, "GET /session HTTP/1.1\r\nHost: fort\r\n\r\n").starts_with("HTTP/1.1 426"));
        let mut browser = rig.connect_http();
        rig.upgrade(&mut browser);
        browser.message(&[0; 72]);
        rig.closed(&mut browser);
    }
    assert_eq!((rig.refused(Reject::WebSocket), rig.refused(Reject::HelloMagic)), (8, 11), "counted all the same");
    rig.login("ann");
    // The game's own page answers for itself: 50 points each, on top of three times 5.
    for _ in 0..2 {
        let mut browser = rig.connect_http();
        let answer = rig.request(&mut browser, &UPGRADE.replace("http://elsewhere", "http://FORT:8080"));
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        browser.framing = hillfort_proto::frame::Framing::WebSocketMasked([1, 2, 3, 4]);
        browser.message(&[0; 72]);
        rig.closed(&mut browser);
    }
    let mut banned = rig.connect();
    assert_eq!((rig.closed(&mut banned), rig.refused(Reject::Banned)), (None, 1));
}

#[test]
fn limits_change_while_running() {
    let mut rig = Rig::new(config());
    let mut player = rig.login("ann");
    let mut guard = guard_config();
    (guard.open_max, guard.inputs.control, guard.inputs.tolerance) = (1, rate(1, 1), rate(1, 1));
    rig.control.apply(guard).unwrap();
    rig.settle();
    let mut refused = rig.connect();
    assert_eq!((rig.closed(&mut refused), rig.refused(Reject::ConnectionsFull)), (None, 1));
    for echo in 0..5 {
        player.say(ClientBody::Ping { echo, pad: &[] });
    }
    assert_eq!(rig.closed(&mut player), Some(Reject::InputFlood));
}

#[test]
fn a_drain_refuses_newcomers_and_ends_with_a_word() {
    let mut rig = Rig::new(config());
    let mut player = rig.login("ann");
    let mut done = rig.control.drain(Duration::from_secs(10)).unwrap();
    rig.settle();
    let mut late = rig.connect();
    assert_eq!((rig.closed(&mut late), late.reset, rig.refused(Reject::Draining)), (None, true, 1));
    player.say(ClientBody::Ping { echo: 1, pad: &[] });
    rig.next(&mut player);
    assert!(done.try_recv().is_err(), "players play on until the deadline");
    rig.edge.origin -= Duration::from_secs(10);
    assert_eq!(rig.closed(&mut player), Some(Reject::Shutdown));
    drop(player);
    let end = std::time::Instant::now() + Duration::from_secs(5);
    while rig.edge.turn(Some(Duration::from_millis(1))).unwrap() {
        assert!(std::time::Instant::now() < end);
    }
    assert!(done.try_recv().is_ok());
}
