//! One match of a module, 20 players on the realtime socket, 10 of whom flood it: what the others say is heard, whatever the flood.
//!
//! Everything is real: sockets, the door, its loop, a world thread at 10 Hz, the module's handler. Players act when they hear a tick of the
//! match, so that how much is said in each tick does not depend on how fast the machine is.

mod player;
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use hillfort_guard::{InputRates, Rate};
use hillfort_nakama::socket::Config;

use player::{FLOOD_OP, Player, SAID_OP, TICK_OP};
use server::Server;

/// Ticks a second of the match.
pub(crate) const HZ: u64 = 10;
const HONEST: u32 = 10;
const FLOODERS: u32 = 10;
/// What each honest player says, once a tick.
const WORDS: i64 = 50;

/// How a flooder ended: messages sent, and the code that the server closed with.
#[derive(Debug)]
struct Flooded {
    sent: u64,
    closed: Option<u16>,
}

/// Plays until each honest player has heard the match repeat all its words, and until the flooders were closed if that is waited for. Returns
/// what each flooder did.
fn play(server: &Server, per_tick: u64, until_closed: bool) -> Vec<Flooded> {
    let over = Arc::new(AtomicBool::new(false));
    // All are in before the first floods.
    let mut players: Vec<_> = (0..HONEST + FLOODERS).map(|user| Player::join(server.addr(), user, server.match_id())).collect();
    let flooders = players.split_off(HONEST as usize);
    let flooders: Vec<_> = flooders
        .into_iter()
        .map(|player| {
            let over = Arc::clone(&over);
            thread::spawn(move || flood(player, per_tick, &over, until_closed))
        })
        .collect();
    let honest: Vec<_> = players.into_iter().map(|player| thread::spawn(move || speak(player))).collect();
    let heard: Vec<_> = honest.into_iter().map(|one| one.join().expect("an honest player fails")).collect();
    over.store(true, Ordering::Relaxed);
    let flooded = flooders.into_iter().map(|one| one.join().expect("a flooder fails")).collect();
    for (user, words) in heard.into_iter().enumerate() {
        let all: Vec<_> = (0..WORDS).map(|word| SAID_OP + word).collect();
        assert_eq!(words, all, "player {user}: each word once, in order");
    }
    flooded
}

/// Says a word a tick, and returns what the match repeated.
fn speak(mut player: Player) -> Vec<i64> {
    let (mut said, mut repeated) = (0, Vec::new());
    while repeated.len() < WORDS as usize {
        match player.hear().expect("an honest player is not closed") {
            TICK_OP if said < WORDS => {
                player.say(SAID_OP + said);
                said += 1;
            }
            TICK_OP => {}
            word => repeated.push(word),
        }
    }
    repeated
}

/// Sends far more than it should, at each tick.
fn flood(mut player: Player, per_tick: u64, over: &AtomicBool, until_closed: bool) -> Flooded {
    let mut sent = 0;
    loop {
        let heard = match player.hear() {
            Ok(heard) => heard,
            Err(closed) => return Flooded { sent, closed },
        };
        if over.load(Ordering::Relaxed) && !until_closed {
            return Flooded { sent, closed: None };
        }
        if heard == TICK_OP {
            (0..per_tick).for_each(|_| player.say(FLOOD_OP));
            sent += per_tick;
        }
    }
}

#[test]
fn a_flood_that_the_door_lets_through_costs_no_honest_player_a_message() {
    let much = Rate::new(200_000, 200_000).expect("in range");
    let rates = InputRates { session: much, kind: much, ..Config::default().rates };
    let server = Server::start(Config { rates, ..Config::default() });
    // 300 a second each.
    let flooded = play(&server, 300 / HZ, false);
    // One that a busy machine holds up may miss the last ticks.
    let least = 300 / HZ * WORDS as u64 * 9 / 10;
    assert!(flooded.iter().all(|one| one.closed.is_none() && one.sent >= least), "{flooded:?}");
    let stats = server.sockets().stats();
    assert_eq!((stats.rate_refused, stats.inputs_refused, stats.slow), (0, 0, 0), "all of it came to the match: {stats:?}");
    let sent: u64 = flooded.iter().map(|one| one.sent).sum();
    println!("{FLOODERS} flooders sent {sent} messages; each word of {HONEST} honest players was heard");
}

#[test]
fn a_flood_above_the_limits_is_refused_and_then_closed_and_costs_nobody_else_a_message() {
    let server = Server::start(Config::default());
    // More than its limits also where the machine has no time for ten ticks a second.
    let flooded = play(&server, 100, true);
    assert!(flooded.iter().all(|one| one.closed == Some(1008)), "{flooded:?}");
    let stats = server.sockets().stats();
    assert_eq!((stats.flooded, stats.slow, stats.inputs_refused), (u64::from(FLOODERS), 0, 0), "{stats:?}");
    assert!(stats.rate_refused > 0, "{stats:?}");
}
