//! A recording that is served to spectators, as a developer would look at it.

use hillfort_proto::ids::RoomId;

use crate::player::{Player, Seen};
use crate::server::{Server, hillfort, run};

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../games/hilltop/replays/strangers.hillrec");
/// Events of hilltop that players get when they join.
const MAP: u32 = 1;
const ROSTER: u32 = 2;

fn next_event(player: &mut Player) -> (u32, Vec<u8>) {
    player.until("an event", |seen| match seen {
        Seen::Event { op, data } => Some((*op, data.clone())),
        _ => None,
    })
}

/// Waits until the game shows something.
fn picture(player: &mut Player) {
    player.until("a state or a scene", |seen| matches!(seen, Seen::State { .. } | Seen::Scene { .. }).then_some(()));
}

fn spectator(server: &Server, name: &str) -> (Player, RoomId) {
    let mut player = Player::login(&server.doors()[1], name);
    let room = player.join_named("hilltop", "recording");
    (player, room)
}

#[test]
fn a_recording_is_watched_from_a_players_seat_again_and_again() {
    let arguments = ["room", "watch", RECORDING, "--from", "500", "--speed", "16", "--as", "3"];
    let server = Server::start_by(&arguments);
    let url = server.logged("watch    http");
    assert!(url.contains(&format!("http://{}/hilltop/?room=recording&spectate", server.http)), "{url}");
    let (mut ann, room) = spectator(&server, "Ann");
    let (op, map) = next_event(&mut ann);
    assert_eq!((op, map[0], next_event(&mut ann).0), (MAP, 3, ROSTER), "what the player on that seat got at its join");
    picture(&mut ann);
    ann.input(1, &[7, 0, 0, 0, 0]);
    server.logged("the recording ends at tick 600");
    // Another sees the same room, and first what the first one saw first.
    let (mut zoe, same) = spectator(&server, "Zoë");
    assert_eq!((same, next_event(&mut zoe)), (room, (MAP, map.clone())));
    // Once more from the beginning.
    let again = ann.until("the map again", |seen| match seen {
        Seen::Event { op: MAP, data } => Some(data.clone()),
        _ => None,
    });
    assert_eq!(again, map);
    picture(&mut ann);
    server.logged("inputs of spectators ignored so far: 1");
}

#[test]
fn other_rules_are_refused_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("hilltop/server");
    std::fs::create_dir_all(&rules).unwrap();
    std::fs::write(rules.join("main.luau"), "function on_tick(ctx) end").unwrap();
    let watch = |more: &[&str]| {
        let output = run(hillfort(folder.path()).args(["room", "watch", RECORDING]).args(more));
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (more, code, part) in [
        (&["--games", "."][..], 74, "recorded with other rules"),
        (&["--as", "99"], 74, "nobody has had seat 99"),
        (&["--from", "601"], 74, "the recording ends at tick 600"),
        (&["--set", "edge.http_prot=1"], 65, "edge.http_port"),
        (&["--speed", "0"], 64, "from 0.1 to 16"),
    ] {
        let (ended, text) = watch(more);
        assert!(ended == Some(code) && text.contains(part), "{more:?}: {ended:?} {text}");
    }
}
