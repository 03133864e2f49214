//! Playing: over TCP and over WebSocket, alone and together.

use std::time::{Duration, Instant};

use hillfort_proto::reject::Reject;

use crate::PATIENCE;
use crate::player::{Player, Seen};
use crate::server::Server;

/// Event of hilltop that lists the players, and the input that moves squads (games/hilltop/FORMAT.md).
const ROSTER: u32 = 2;
const MOVE: u32 = 1;

/// Names in a roster.
fn names(mut data: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut left = *data.split_off_first().unwrap();
    while left > 0 {
        let [_slot, _team, length] = *data.split_off(..3).unwrap() else { unreachable!("three bytes") };
        names.push(String::from_utf8(data.split_off(..usize::from(length)).unwrap().to_vec()).unwrap());
        left -= 1;
    }
    assert!(data.is_empty(), "a roster ends with its last player");
    names.sort();
    names
}

fn roster(player: &mut Player, expect: &[&str]) {
    player.until(&format!("a roster of {expect:?}"), |seen| match seen {
        Seen::Event { op: ROSTER, data } => (names(data) == expect).then_some(()),
        _ => None,
    });
}

/// Where a squad of hilltop is.
fn squad(player: &Player, number: u8) -> [f32; 2] {
    let squads = player.entities("squad", ["number", "x", "y"]);
    let found = squads.iter().find(|[other, ..]| *other == f32::from(number)).expect("the squad is there");
    [found[1], found[2]]
}

#[test]
fn a_round_trip_by_each_door() {
    let server = Server::start(&[]);
    for door in server.doors() {
        let mut ann = Player::login(&door, "Ann");
        ann.ask_to_join("hilltop", None);
        let hz = ann.until("Joined", |seen| match seen {
            Seen::Joined { game, hz, .. } => (game == "hilltop").then_some(*hz),
            _ => None,
        });
        assert_eq!(hz, 20);
        let slot = ann.until("the map", |seen| match seen {
            Seen::Event { op: 1, data } => Some(data[0]),
            _ => None,
        });

        // Twenty states a second: 41 of them are two seconds long.
        let (first, _) = ann.state();
        let before = squad(&ann, slot * 3);
        let begin = Instant::now();
        let (last, _) = (0..40).map(|_| ann.state()).last().unwrap();
        let took = begin.elapsed();
        assert_eq!(last - first, 40, "every tick is shown");
        assert!((1_900..3_000).contains(&took.as_millis()), "40 ticks in {took:?}");

        // An order to the first squad shows in a later state.
        let [xl, xh] = (80_u16 * 256).to_le_bytes();
        let [yl, yh] = (50_u16 * 256).to_le_bytes();
        ann.input(MOVE, &[1, xl, xh, yl, yh]);
        let deadline = Instant::now() + PATIENCE;
        while squad(&ann, slot * 3) == before {
            ann.state();
            assert!(Instant::now() < deadline, "the squad does not move");
        }

        ann.ping(&[7; 48]);
        let round_trip = ann.until("Pong", |seen| match seen {
            Seen::Pong { round_trip } => Some(*round_trip),
            _ => None,
        });
        assert!(round_trip < Duration::from_secs(1), "{round_trip:?}");

        ann.leave();
        assert_eq!(ann.left(), None, "left as asked");
        assert_eq!(ann.bye(), Some(Reject::Goodbye));
    }
}

#[test]
fn players_see_each_other_across_the_doors() {
    let server = Server::start(&[]);
    let [frames, websocket] = server.doors();
    let mut ann = Player::login(&frames, "Ann");
    let room = ann.join("hilltop", None);
    roster(&mut ann, &["Ann"]);
    let mut bob = Player::login(&websocket, "Bob");
    assert_eq!(bob.join("hilltop", None), room, "placement fills a room that has seats");
    roster(&mut ann, &["Ann", "Bob"]);
    roster(&mut bob, &["Ann", "Bob"]);
    bob.leave();
    assert_eq!(bob.left(), None);
    roster(&mut ann, &["Ann"]);
}
