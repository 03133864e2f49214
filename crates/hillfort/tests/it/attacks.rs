//! Attacks on a server on which honest players play: they go on playing, what is refused is counted by its reason, and nobody floods
//! the log.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::player::{Player, Seen};
use crate::server::{Server, hillfort};
use crate::web::{Metrics, get};
use crate::wire::Wire;

/// Share of the room's states that honest players must get ...
const GOODPUT_MIN: f64 = 0.95;
/// ... and of the 40 ticks of two seconds, those that the room must have made. A measured 40 when the machine is left alone; less only
/// because a test must also pass on one that is not.
const TICKS_MIN: u32 = 34;
/// Log lines of a whole run: those of the start, and none for a refusal.
const LINES_MAX: usize = 20;

/// One second of the attack `kind` on four honest players. It must be refused for these `reasons`, each at least once.
fn check(kind: &str, reasons: &[&str]) {
    // A hello that is slow is told from one that is not yet there within the second of the attack.
    let server = Server::start(&[("edge.hello_ms_max", "300")]);
    let [frames, websocket] = server.doors();
    let doors = [&frames, &frames, &websocket, &websocket];
    let mut players: Vec<Player> = doors.map(|door| Player::seated(door, "Honest", "hilltop")).into();
    players.iter_mut().for_each(|player| drop(player.state()));

    let mut attack = hillfort(std::path::Path::new("."));
    let target = server.frames.to_string();
    attack.args(["load", "attack", kind, "--seconds", "1", "--progress", "json", "--target", &target]).stderr(Stdio::inherit());
    let begin = Instant::now();
    let attack = attack.spawn().unwrap();
    let attacker = std::thread::spawn(move || attack.wait_with_output().unwrap());
    // Two seconds: the attack and what it leaves behind.
    let watches = players.into_iter().map(|player| std::thread::spawn(move || watch(player, begin + Duration::from_secs(2))));
    let watches: Vec<_> = watches.collect();
    let output = attacker.join().unwrap();
    let took = begin.elapsed();
    assert!(output.status.success() && took < Duration::from_secs(5), "{:?} after {took:?}", output.status);

    for watch in watches {
        let (states, ticks) = watch.join().unwrap();
        println!("{kind}: {states} states of {ticks} ticks in 2 s");
        assert!(ticks >= TICKS_MIN, "{kind}: the room made {ticks} of 40 ticks");
        let goodput = f64::from(states) / f64::from(ticks);
        assert!(goodput >= GOODPUT_MIN, "{kind}: an honest player got {states} of {ticks} states");
    }
    let said = String::from_utf8(output.stdout).unwrap();
    let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    println!("{last}");
    assert!(last["sent"].as_u64() > Some(100), "an attack that is worth the name: {last}");

    let metrics = Metrics::when(server.console, &format!("{reasons:?}"), |metrics| {
        reasons.iter().all(|reason| metrics.refused().contains_key(*reason))
    });
    println!("{:?}", metrics.refused());
    assert_eq!(get(server.http, "/healthz").status, 200);
    let lines = server.log();
    assert!(lines.len() < LINES_MAX, "{} log lines", lines.len());
}

/// Counts the states that come until then, and the ticks that they span.
fn watch(mut player: Player, until: Instant) -> (u32, u32) {
    let (mut states, mut ticks) = (0, Vec::new());
    while let Some(seen) = player.next(until) {
        match seen {
            Seen::Scene { tick } => {
                states += 1;
                ticks.push(tick);
            }
            Seen::Left { .. } | Seen::Closed { .. } | Seen::Refused { .. } | Seen::Gone => panic!("an honest player: {seen:?}"),
            _ => {}
        }
    }
    (states, u32::try_from(ticks.last().unwrap() - ticks[0] + 1).unwrap())
}

#[test]
fn bad_hello() {
    check("bad-hello", &["hello_magic", "hello_time", "hello_key", "hello_mac", "banned"]);
}

#[test]
fn hello_replay() {
    check("hello-replay", &["hello_replay", "banned"]);
}

#[test]
fn connect_flood() {
    check("connect-flood", &["hello_slow"]);
}

#[test]
fn slow_hello() {
    check("slow-hello", &["hello_slow"]);
}

#[test]
fn handshake_idle() {
    check("handshake-idle", &["hello_slow"]);
}

#[test]
fn tls_at_a_door_without() {
    // What any web page can have a browser say weighs so little that only a fast machine gets as far as a ban.
    check("tls", &["hello_magic"]);
}

#[test]
fn mixed() {
    check("mixed", &["hello_slow", "hello_mac", "frame_length", "banned"]);
}

#[test]
fn command_flood() {
    check("command-flood", &["input_rate", "input_flood", "banned"]);
}

#[test]
fn oversize_frame() {
    check("oversize-frame", &["frame_length", "frame_crc", "banned"]);
}

#[test]
fn newcomers_get_in_while_it_floods() {
    let server = Server::start(&[]);
    let mut attack = hillfort(std::path::Path::new("."));
    attack.args(["load", "attack", "connect-flood", "--seconds", "2", "--target", &server.frames.to_string()]);
    let mut attack = attack.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    Metrics::when(server.console, "an attack", |metrics| metrics.value("hillfort_connections_accepted_total") > 100.0);
    // The budget of all may be spent at a moment: clients try again.
    for door in server.doors() {
        let begin = Instant::now();
        while !Wire::is_let_in(&door) {
            assert!(begin.elapsed() < Duration::from_secs(2), "{begin:?}");
        }
    }
    assert!(attack.wait().unwrap().success());
}
