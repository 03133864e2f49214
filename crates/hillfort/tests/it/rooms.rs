//! Rooms that outlive the server, and rooms that somebody looks at.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::player::Player;
use crate::server::{Server, hillfort, run};
use crate::web::{get, post};

/// Foxglove, the hill next to the base of the first player's team, as an order to all three squads.
const TO_FOXGLOVE: [u8; 5] = {
    let ([a, b], [c, d]) = ((40_u16 * 256).to_le_bytes(), (74_u16 * 256).to_le_bytes());
    [7, a, b, c, d]
};
const MOVE: u32 = 1;

/// Points of both teams, when the next state is there.
fn points(player: &mut Player) -> [u16; 2] {
    player.state();
    player.entities("round", ["amber", "teal"])[0].map(|points| points as u16)
}

fn play_until_points(player: &mut Player, at_least: u16) -> [u16; 2] {
    loop {
        let now = points(player);
        if now[0] >= at_least {
            return now;
        }
    }
}

#[test]
fn a_stopped_server_goes_on_with_its_rooms_and_a_killed_one_loses_the_interval_at_most() {
    let settings = [("world.save_s", "1"), ("shutdown.drain_ms_max", "0")];
    let mut first = Server::start(&settings);
    let mut ann = Player::login(&first.doors()[0], "Ann");
    let room = ann.join_named("hilltop", "Zoë's");
    ann.input(MOVE, &TO_FOXGLOVE);
    let before = play_until_points(&mut ann, 3);
    first.signal(Signal::TERM);
    assert_eq!(first.ended().code(), Some(0));

    let second = Server::start_in(first.kill(), &settings);
    let mut ann = Player::login(&second.doors()[0], "Ann");
    assert_eq!(ann.join_named("hilltop", "Zoë's"), room, "the room of that name has its number");
    let after = points(&mut ann);
    assert!(after[0] >= before[0] && after[0] <= before[0] + 60, "{before:?} then {after:?}");

    // The hill is held, so points come; the file follows within the interval.
    let before = play_until_points(&mut ann, after[0] + 4);
    let third = Server::start_in(second.kill(), &settings);
    let mut ann = Player::login(&third.doors()[0], "Ann");
    assert_eq!(ann.join_named("hilltop", "Zoë's"), room);
    let after = points(&mut ann);
    assert!(after[0] + 3 >= before[0], "{before:?} then {after:?}");
}

#[test]
fn a_room_is_looked_at_paused_and_stepped_from_the_console() {
    let server = Server::start(&[]);
    let mut ann = Player::login(&server.doors()[0], "Ann");
    let path = format!("/api/rooms/{}", ann.join_named("magpie", "nest"));
    let look = |how: &str| -> Value { serde_json::from_str(&get(server.console, &format!("{path}{how}")).body).unwrap() };
    let steer = |deed: &str| -> Value {
        let answer = post(server.console, &path, &json!({ "deed": deed }));
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    };
    look("");
    ann.input(MOVE, &[1, 0]);
    // Until it was heard: a state may have been on its way before.
    let is_heard = |seen: &Value| {
        seen["players"][0]["waiting"] == 0 && seen["inputs"].as_array().unwrap().iter().any(|input| input["hex"] == "0100")
    };
    while !is_heard(&look("")) {}
    let paused = steer("pause");
    let tick = paused["tick"].as_u64().unwrap();
    assert_eq!(
        (&paused["paused"], &paused["name"], &paused["players"][0]["name"]),
        (&json!(true), &json!("nest"), &json!("Ann"))
    );
    ann.input(MOVE, &[1, 1]);
    // Until it has come, which takes a moment but no tick.
    let seen = loop {
        let seen = look("");
        if seen["inputs"].as_array().unwrap().iter().any(|input| input["hex"] == "0101") {
            break seen;
        }
    };
    assert_eq!((&seen["tick"], &seen["players"][0]["waiting"]), (&json!(tick), &json!(1)));
    let stepped = steer("step");
    assert_eq!((&stepped["tick"], &stepped["players"][0]["waiting"]), (&json!(tick + 1), &json!(0)));
    while ann.state().0 <= tick {}
    // Eight coins and one dot.
    assert_eq!(look("?inside")["state"]["bytes"], 1 + 8 * 4 + 1 + 9);
    assert_eq!(steer("resume")["paused"], false);
    assert!(ann.state().0 > tick + 1);
    assert_eq!(get(server.console, "/api/rooms/00000001000000ff").status, 404);
}

#[test]
fn a_room_moves_to_another_thread_while_it_is_played() {
    let server = Server::start(&[("world.threads", "2")]);
    let mut ann = Player::login(&server.doors()[0], "Ann");
    let room = ann.join_named("hilltop", "fort").to_string();
    let look = || -> Value { serde_json::from_str(&get(server.console, &format!("/api/rooms/{room}")).body).unwrap() };
    ann.input(MOVE, &TO_FOXGLOVE);
    let before = play_until_points(&mut ann, 2);
    let from = look()["world"].as_u64().unwrap();
    for to in [1 - from, from] {
        let tick = look()["tick"].as_u64().unwrap();
        let arguments = ["room", "move", &room, "--to", &to.to_string(), "--console", &server.console.to_string()];
        let output = run(hillfort(server.folder()).args(arguments));
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(said.trim(), format!("room {room} is on world thread {to}"));
        let seen = look();
        assert_eq!((&seen["world"], &seen["players"][0]["name"], &seen["name"]), (&json!(to), &json!("Ann"), &json!("fort")));
        assert!(seen["tick"].as_u64().unwrap() >= tick, "it goes on");
        // The scene comes anew, and goes on from there: the squads still hold the hill.
        let now = points(&mut ann);
        assert!(now[0] >= before[0], "{before:?} then {now:?}");
        play_until_points(&mut ann, now[0] + 2);
    }
    let mut zoe = Player::login(&server.doors()[1], "Zoë");
    assert_eq!(zoe.join_named("hilltop", "fort").to_string(), room, "its name leads there");
    assert_eq!(post(server.console, &format!("/api/rooms/{room}/move"), &json!({ "to": from })).status, 404, "it is there");
    assert_eq!(post(server.console, &format!("/api/rooms/{room}/move"), &json!({ "to": 7 })).status, 404);
    assert_eq!((&look()["world"], &look()["worlds"]), (&json!(from), &json!(2)));
    // Who has paused it does not lose it to another thread.
    assert_eq!(post(server.console, &format!("/api/rooms/{room}"), &json!({ "deed": "pause" })).status, 200);
    let answer = post(server.console, &format!("/api/rooms/{room}/move"), &json!({ "to": 1 - from }));
    assert!(answer.status == 409 && answer.body.contains("somebody has paused it"), "{answer:?}");
    assert_eq!(look()["world"], json!(from));
}

#[test]
fn a_server_with_one_world_thread_says_why_no_room_can_move() {
    let server = Server::start(&[]);
    let mut ann = Player::login(&server.doors()[0], "Ann");
    let room = ann.join_named("magpie", "nest").to_string();
    let answer = post(server.console, &format!("/api/rooms/{room}/move"), &json!({ "to": 0 }));
    assert!(answer.status == 403 && answer.body.contains("world.threads"), "{answer:?}");
    let seen: Value = serde_json::from_str(&get(server.console, &format!("/api/rooms/{room}")).body).unwrap();
    assert_eq!((&seen["world"], &seen["worlds"]), (&json!(0), &json!(1)));
    let audit = get(server.console, "/api/audit?action=room.move").body;
    assert!(audit.contains("refused") && audit.contains(&room), "{audit}");
}
