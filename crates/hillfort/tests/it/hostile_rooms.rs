//! Scripts that loop, hoard or fail: their room ends with its code, and no other.

use std::path::Path;

use hillfort_proto::reject::Reject;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::player::Player;
use crate::server::Server;
use crate::web::{Metrics, get};
use crate::wire::Door;

/// Rules that do nothing.
const QUIET: &str = "function on_tick(ctx)\nend\n";

/// A folder with these games, by name and source.
fn games(sources: &[(&str, String)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, source) in sources {
        let server = folder.path().join("games").join(name).join("server");
        std::fs::create_dir_all(&server).unwrap();
        std::fs::write(server.join("main.luau"), source).unwrap();
    }
    folder
}

fn start(sources: &[(&str, String)]) -> Server {
    Server::start_in(games(sources), &[("games.folder", "games")])
}

/// A player of hilltop, on the same thread as the rooms that fail.
fn witness(server: &Server) -> Player {
    let mut witness = Player::seated(&Door::frames(server.frames), "Witness", "hilltop");
    witness.state();
    witness
}

/// The room of the witness has gone on, and is the only one that is left.
fn assert_unharmed(server: &Server, mut witness: Player) {
    // States of the time of the fault come first; those after it show that the room goes on.
    witness.ping(&[]);
    witness.until("Pong", |seen| matches!(seen, crate::player::Seen::Pong { .. }).then_some(()));
    let (tick, _) = witness.state();
    assert!((0..5).map(|_| witness.state().0).last() >= Some(tick + 5));
    assert_eq!(get(server.http, "/healthz").status, 200);
    assert_eq!(get(server.http, "/readyz").status, 200);
    Metrics::when(server.console, "one room", |metrics| metrics.rooms() == 1);
}

#[test]
fn an_endless_loop_ends_its_room() {
    let server = start(&[("spin", "function on_tick(ctx)\n\twhile true do\n\tend\nend\n".into())]);
    let witness = witness(&server);
    for door in server.doors() {
        let mut ann = Player::login(&door, "Ann");
        ann.ask_to_join("spin", None);
        assert_eq!(ann.left(), Some(Reject::RoomBudget));
        // The player may go elsewhere at once.
        ann.join("hilltop", None);
        ann.state();
    }
    server.logged("game=spin tick=1 callback=\"on_tick\" fault=room_budget");
    assert_unharmed(&server, witness);
}

#[test]
fn a_hoard_ends_its_room() {
    let sources = [
        (
            "table",
            "local hoard = {}\nfunction on_tick(ctx)\n\tfor n = 1, 1000 do\n\t\ttable.insert(hoard, table.create(100, n))\n\tend\nend\n",
        ),
        ("string", "function on_tick(ctx)\n\tlocal text = string.rep('x', 1000000000)\nend\n"),
        ("buffer", "local hoard = {}\nfunction on_tick(ctx)\n\ttable.insert(hoard, buffer.create(1000000))\nend\n"),
    ];
    let server = start(&sources.map(|(name, source)| (name, source.to_owned())));
    let witness = witness(&server);
    let rss = server.rss_bytes();
    for (game, _) in sources {
        let mut ann = Player::login(&server.doors()[1], "Ann");
        ann.ask_to_join(game, None);
        assert_eq!(ann.left(), Some(Reject::RoomMemory), "{game}");
    }
    assert!(server.rss_bytes() < rss + (32 << 20), "memory is given back: {rss} before, {} after", server.rss_bytes());
    assert_unharmed(&server, witness);
}

#[test]
fn an_error_in_any_callback_ends_its_room() {
    let fails = |callback: &str| format!("{QUIET}function {callback}(...)\n\terror('no luck')\nend\n");
    let on_timer = format!("{}function on_join(ctx)\n\tctx.timer(1, 1)\nend\n", fails("on_timer"));
    let names = ["join-attempt", "join", "message", "tick", "drop", "reconnect", "leave"];
    let mut sources: Vec<_> = names.iter().map(|name| (*name, fails(&format!("on_{}", name.replace('-', "_"))))).collect();
    sources.push(("timer", on_timer));
    let server = start(&sources);
    let witness = witness(&server);
    let door = Door::frames(server.frames);

    for game in ["join-attempt", "join", "tick", "timer"] {
        let mut ann = Player::login(&door, "Ann");
        ann.ask_to_join(game, None);
        assert_eq!(ann.left(), Some(Reject::RoomCrashed), "{game}");
    }
    // What one player does ends the room for the other, too.
    for game in ["message", "drop", "reconnect", "leave"] {
        let mut ann = Player::seated(&door, "Ann", game);
        let mut bob = Player::seated(&door, "Bob", game);
        match game {
            "message" => bob.input(1, &[]),
            "leave" => bob.leave(),
            _ => bob.cut(),
        }
        if game == "reconnect" {
            bob.connect();
            assert!(bob.welcome());
        }
        assert_eq!(ann.left(), Some(Reject::RoomCrashed), "{game}");
        if game == "drop" {
            bob.connect();
            assert!(bob.welcome());
        }
        // Who left before the room fell has left as asked, or was told of the fall: either way the seat is gone.
        let told = bob.left();
        assert!(told == Some(Reject::RoomCrashed) || told.is_none() && game == "leave", "{game}: {told:?}");
    }
    // Players hear of it first; the author's line follows.
    for (game, _) in &sources {
        server.logged(&format!("games/{game}/server/main.luau"));
    }
    assert_unharmed(&server, witness);
}

#[test]
fn a_script_cannot_hold_up_the_end() {
    let spin = format!("{QUIET}function on_dispose(ctx, seconds)\n\twhile true do\n\tend\nend\n");
    let fail = format!("{QUIET}function on_dispose(ctx, seconds)\n\terror('no luck')\nend\n");
    let mut server = start(&[("spin", spin), ("fail", fail)]);
    let door = Door::frames(server.frames);
    let expect = [("spin", Reject::RoomBudget), ("fail", Reject::RoomCrashed)];
    let mut players = expect.map(|(game, reject)| (Player::seated(&door, "Ann", game), reject));
    server.signal(Signal::TERM);
    for (player, reject) in &mut players {
        assert_eq!(player.left(), Some(*reject));
    }
    for (player, _) in players {
        assert_eq!(player.bye(), Some(Reject::Goodbye));
    }
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn a_game_of_the_folder_replaces_the_one_that_ships() {
    let server = start(&[("hilltop", "function on_tick(ctx)\n\tctx.broadcast_state('mine')\nend\n".into())]);
    let mut ann = Player::seated(&Door::websocket(server.http), "Ann", "hilltop");
    assert_eq!(ann.state().1, b"mine");
    assert!(Path::new(&server.data()).exists());
}
