//! Addresses that others share with a cheater, over a cable and with the kernel filter: whom a ban meets, and whom it does not. Needs root;
//! without it these tests say that they showed nothing.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hillfort_proto::reject::Reject;
use hillfort_proto::session::client::Session;

use crate::PATIENCE;
use crate::lab::{FRAMES, HEALTH, Lab, key};
use crate::player::{Player, Seen};
use crate::web::Metrics;
use crate::wire::{Door, Wire, hello};

/// A second of play earns a ticket, and a few players make a home.
const SETTINGS: [(&str, &str); 3] = [("guard.settled_s", "1"), ("guard.played_s", "1"), ("guard.shared_accounts", "16")];

fn console() -> SocketAddr {
    "127.0.0.1:7351".parse().unwrap()
}

/// Plays until the server gives a ticket for it.
fn earn_ticket(player: &mut Player) -> Vec<u8> {
    player.join("hilltop", None);
    let deadline = Instant::now() + PATIENCE;
    while player.ticket().is_empty() {
        assert!(Instant::now() < deadline, "no ticket");
        player.input(1, &[0; 4]);
        let _seen = player.next(Instant::now() + Duration::from_millis(100));
    }
    player.ticket().to_vec()
}

/// Frames that are none, over connections with a good hello, until the address is banned for it.
fn cheat(lab: &Lab) {
    let deadline = Instant::now() + PATIENCE;
    let banned = || Metrics::read(console()).value("hillfort_ladder_addresses{step=\"ban\"}") == 1.0;
    while !lab.inside(&lab.victim, banned) {
        assert!(Instant::now() < deadline, "never banned");
        let mut wire = lab.inside(&lab.player, || Wire::open(&Door::frames(FRAMES.into())).unwrap());
        wire.send_hello(&hello(&key()));
        wire.send(&[0; 64]);
        // The reset behind it may overtake the last word.
        assert!(matches!(wire.closed(), Some(Reject::FrameMagic) | None));
    }
}

#[test]
fn who_has_played_comes_back_to_a_home_that_is_banned_for_another() {
    let Some(lab) = Lab::new("home") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut server = lab.server(folder.path(), &SETTINGS);
    Lab::until(&lab.player, HEALTH, "\"status\":\"ok\"");
    let door = Door::frames(FRAMES.into());
    let enter = |name: &str, ticket: &[u8]| {
        let session = Session::new(name).with_ticket(ticket);
        lab.inside(&lab.player, || Player::begin(&door, session, key()))
    };
    // As clients do: when the connection goes before a word was said, once more. `None`: welcome.
    let answer = |ticket: &[u8]| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match enter("Ann", ticket).next(deadline) {
                Some(Seen::Welcome { resumed, .. }) => {
                    assert!(!resumed);
                    return None;
                }
                Some(Seen::Closed { code, .. }) => return Reject::from_code(code),
                _ => assert!(Instant::now() < deadline, "no answer"),
            }
        }
    };
    let mut players = ["Ann", "Bob", "Cem", "Dee"].map(|name| lab.inside(&lab.player, || Player::login_with(&door, name, key())));
    let tickets = players.each_mut().map(earn_ticket);
    cheat(&lab);

    // Who was in goes on; who played comes back; a stranger is told why not.
    for player in &mut players {
        player.ping(&[]);
        player.until("a pong", |seen| matches!(seen, Seen::Pong { .. }).then_some(()));
    }
    for ticket in &tickets {
        assert_eq!(answer(ticket), None);
    }
    assert_eq!(answer(&[]), Some(Reject::Banned));
    let metrics = lab.inside(&lab.victim, || Metrics::read(console()));
    assert_eq!(metrics.value("hillfort_kernel_packets_total{verdict=\"banned\"}"), 0.0, "the kernel lets them ask");

    // All of it outlives the process: the ban, whom it is for, and the tickets.
    server.kill();
    let _second = lab.server(folder.path(), &SETTINGS);
    Lab::until(&lab.victim, HEALTH, "\"status\":\"ok\"");
    assert_eq!(answer(&tickets[0]), None);
    assert_eq!(answer(&[0; 28]), Some(Reject::Banned));
}
