//! Work before a login, under attack.

use std::time::Duration;

use hillfort_guard::PostureRules;
use hillfort_proto::message::{ClientBody, ServerBody, ServerView};
use hillfort_proto::reject::Reject;
use hillfort_proto::work::Puzzle;

use super::rig::*;
use crate::Config;

/// Under attack from the first connection on.
fn attacked() -> Rig {
    let posture = PostureRules { offered_per_s: 1, refused_per_s: 1, quiet: Duration::from_secs(60) };
    Rig::new(Config { guard: hillfort_guard::Config { posture, work_bits: 10, ..guard_config() }, ..config() })
}

/// What the server wants to be worked on.
fn puzzle(rig: &mut Rig, client: &mut Client) -> Puzzle {
    let message = rig.next(client);
    let ServerBody::Challenge { salt, bits } = ServerView::read(&message).unwrap().body else {
        panic!("no challenge but {:?}", ServerView::read(&message))
    };
    Puzzle::new(*salt, bits as u8)
}

fn asked(rig: &mut Rig, websocket: bool) -> (Client, Puzzle) {
    let mut client = if websocket { rig.connect_http() } else { rig.connect() };
    if websocket {
        rig.upgrade(&mut client);
        client.message(&hello());
    } else {
        client.send(&hello());
    }
    client.say(ClientBody::Login { name: "ann" });
    let puzzle = puzzle(rig, &mut client);
    (client, puzzle)
}

#[test]
fn strangers_work_before_they_log_in_or_resume() {
    let mut rig = attacked();
    for websocket in [false, true] {
        let (mut client, puzzle) = asked(&mut rig, websocket);
        assert_eq!(puzzle.bits(), 10);
        client.say(ClientBody::Work { nonce: puzzle.solve(0, u64::MAX).unwrap() });
        rig.welcome(&mut client);
        client.say(ClientBody::Ping { echo: 7, pad: &[] });
        rig.next(&mut client);

        let mut back = rig.connect();
        back.send(&hello());
        back.say(ClientBody::Resume { session: client.session, token: &client.token, received: 0 });
        let puzzle = self::puzzle(&mut rig, &mut back);
        back.say(ClientBody::Work { nonce: puzzle.solve(0, u64::MAX).unwrap() });
        rig.welcome(&mut back);
        assert_eq!(back.session, client.session);
        assert_eq!(rig.closed(&mut client), Some(Reject::Replaced));
    }
    assert_eq!(rig.refusals(), [("replaced", 2)]);
}

#[test]
fn each_connection_has_its_own_work() {
    let mut rig = attacked();
    let ((mut one, first), (mut two, second)) = (asked(&mut rig, false), asked(&mut rig, false));
    assert_ne!(first.salt(), second.salt());
    let nonce = (0..).find(|nonce| first.verify(*nonce) && !second.verify(*nonce)).unwrap();
    two.say(ClientBody::Work { nonce });
    assert_eq!(rig.closed(&mut two), Some(Reject::Work));
    one.say(ClientBody::Work { nonce });
    rig.welcome(&mut one);
    assert_eq!(rig.refusals(), [("work", 1)]);
}

#[test]
fn who_does_not_work_waits_no_longer_than_for_the_login() {
    let mut rig = attacked();
    let (mut idle, _) = asked(&mut rig, false);
    rig.pass(Duration::from_millis(9_900));
    assert_eq!((rig.refusals(), rig.stats.snapshot().unproven), (vec![], 1));
    rig.pass(Duration::from_millis(200));
    assert_eq!(rig.closed(&mut idle), Some(Reject::WorkSlow));
    let (mut hasty, _) = asked(&mut rig, false);
    hasty.say(ClientBody::Login { name: "ann" });
    assert_eq!(rig.closed(&mut hasty), Some(Reject::OutOfState));
    assert_eq!(rig.edge.sessions.iter().count(), 0);
}

#[test]
fn in_calm_nobody_works() {
    let mut rig = Rig::new(config());
    rig.login("ann");
    rig.login_websocket("bob");
}
