//! Connections that break: the session goes on, and nothing is lost or doubled.

use hillfort_proto::message::{ClientBody, ClientView};
use hillfort_proto::reject::Reject;

use crate::player::{Player, Seen};
use crate::server::Server;
use crate::web::Metrics;
use crate::wire::{Door, Wire};

/// Input of the echo game that is answered by an event with the same bytes.
const ECHO: u32 = 1;

/// Numbered echoes over a connection that is cut in every state, which comes back by `doors` in turn.
fn echoes_across_cuts(doors: &[Door]) {
    const ROUNDS: u32 = 6;
    let mut ann = Player::seated(&doors[0], "Ann", "echo");
    let (session, mut seen, mut sent) = (ann.id(), Vec::new(), 0_u32);
    let mut say = |ann: &mut Player, times: u32| {
        for _ in 0..times {
            ann.input(ECHO, &sent.to_le_bytes());
            sent += 1;
        }
    };
    let hear = |ann: &mut Player, seen: &mut Vec<u32>, until: usize| {
        while seen.len() < until {
            let number = ann.until("an echo", |event| match event {
                Seen::Event { op: ECHO, data } => Some(u32::from_le_bytes(data.as_slice().try_into().unwrap())),
                _ => None,
            });
            seen.push(number);
        }
    };
    for round in 0..ROUNDS {
        say(&mut ann, 5);
        // Cut with all, some, or none of the echoes heard.
        let heard = seen.len() + [5, 2, 0][round as usize % 3];
        hear(&mut ann, &mut seen, heard);
        ann.cut();
        // Said without a connection.
        say(&mut ann, round % 4);
        ann.move_to(&doors[(round as usize + 1) % doors.len()]);
        ann.connect();
        if round == 4 {
            // Cut again before anything was heard.
            ann.cut();
            ann.connect();
        }
        assert!(ann.welcome(), "round {round}: the old session goes on");
        assert_eq!(ann.id(), session);
    }
    say(&mut ann, 1);
    let all = 5 * ROUNDS + (0..ROUNDS).map(|round| round % 4).sum::<u32>() + 1;
    hear(&mut ann, &mut seen, all as usize);
    assert_eq!(seen, (0..all).collect::<Vec<_>>());
    // What comes after them is nothing but the answer to this.
    ann.ping(&[]);
    ann.until("Pong", |event| match event {
        Seen::Pong { .. } => Some(()),
        Seen::Event { .. } => panic!("an echo came twice"),
        _ => None,
    });
}

#[test]
fn nothing_is_lost_or_doubled_over_tcp() {
    let server = Server::start(&[]);
    echoes_across_cuts(&[Door::frames(server.frames)]);
}

#[test]
fn nothing_is_lost_or_doubled_over_websocket() {
    let server = Server::start(&[]);
    echoes_across_cuts(&[Door::websocket(server.http)]);
}

#[test]
fn a_session_may_come_back_by_the_other_door() {
    let server = Server::start(&[]);
    echoes_across_cuts(&server.doors());
}

#[test]
fn a_lost_player_keeps_the_seat() {
    let server = Server::start(&[]);
    let mut ann = Player::seated(&Door::websocket(server.http), "Ann", "hilltop");
    ann.state();
    ann.cut();
    Metrics::when(server.console, "a session that waits", |metrics| metrics.sessions() == (0, 1));
    ann.connect();
    assert!(ann.welcome());
    ann.state();
    Metrics::when(server.console, "its return", |metrics| metrics.sessions() == (1, 0));
}

#[test]
fn who_does_not_know_the_token_stays_out() {
    let server = Server::start(&[]);
    for door in server.doors() {
        let mut ann = Player::seated(&door, "Ann", "hilltop");
        let (session, token) = (ann.id().unwrap(), ann.token);
        let resume = |token: [u8; 16], received| {
            let mut wire = Wire::proven(&door);
            wire.say(ClientView::unsequenced(ClientBody::Resume { session, token: &token, received }));
            wire
        };
        let mut wrong = token;
        wrong[15] ^= 1;
        assert_eq!(resume(wrong, 0).closed(), Some(Reject::ResumeToken));
        assert_eq!(resume(token, 1_000).closed(), Some(Reject::ResumeGap), "more received than was ever sent");
        // Neither has touched the player.
        ann.state();

        // The right token takes the session over; the older connection is told.
        let mut thief = resume(token, 1);
        assert_eq!(ann.closed(), (Some(Reject::Replaced), false));
        thief.wait("Welcome", |body| {
            matches!(body, hillfort_proto::message::ServerBody::Welcome { resumed: true, .. }).then_some(())
        });
    }
}

#[test]
fn a_new_server_knows_no_old_session() {
    let server = Server::start(&[]);
    let mut players: Vec<Player> = server.doors().iter().map(|door| Player::seated(door, "Ann", "hilltop")).collect();
    let folder = server.kill();
    let server = Server::start_in(folder, &[]);
    for (player, door) in players.iter_mut().zip(server.doors()) {
        player.cut();
        player.move_to(&door);
        player.connect();
        assert_eq!(player.closed(), (Some(Reject::ResumeUnknown), false));
        player.connect();
        assert!(!player.welcome(), "a new session");
        player.join("hilltop", None);
        player.state();
    }
}
