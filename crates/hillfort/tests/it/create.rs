//! A new game, from the command that makes it to a player in its room; and the same game in Rust.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::PATIENCE;
use crate::player::{Player, Seen};
use crate::server::{Server, hillfort, run};
use crate::web;

pub(crate) const WALK: u32 = 1;
pub(crate) const YOU: u32 = 1;

pub(crate) fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = run(hillfort(folder).args(arguments));
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {text}");
    text
}

/// Where the player `you` is, from a state.
pub(crate) fn place(state: &[u8], you: u8) -> [u16; 2] {
    let players_at = 1 + 4 * usize::from(state[0]);
    let mut dots = state[players_at + 1..].chunks_exact(9);
    assert_eq!(dots.len(), usize::from(state[players_at]));
    let dot = dots.find(|dot| dot[0] == you).expect("the player is there");
    [1, 3].map(|at| u16::from_le_bytes([dot[at], dot[at + 1]]))
}

/// Joins by each door, and walks.
fn play(server: &Server, game: &str) {
    for door in server.doors() {
        let mut ann = Player::login(&door, "Ann");
        ann.ask_to_join(game, None);
        let you = ann.until("the number of the player", |seen| match seen {
            Seen::Event { op: YOU, data } => Some(data[0]),
            _ => None,
        });
        let first = place(&ann.state().1, you);
        // To the further edge: there is room.
        ann.input(WALK, &[if first[0] > 400 { 255 } else { 1 }, 0]);
        let deadline = Instant::now() + PATIENCE;
        while place(&ann.state().1, you)[0].abs_diff(first[0]) < 20 {
            assert!(Instant::now() < deadline, "the dot does not move");
        }
        // What is not known changes nothing.
        for data in [&[][..], &[1], &[1, 1, 1]] {
            ann.input(WALK, data);
        }
        ann.input(9, &[1, 1]);
        ann.state();
        ann.leave();
        assert_eq!(ann.left(), None);
    }
}

#[test]
fn a_new_game_plays_as_it_was_made() {
    let folder = tempfile::tempdir().unwrap();
    said(folder.path(), &["new", "game", "coin-rush", "--lua"]);
    let project = folder.path().join("coin-rush");
    assert!(said(&project, &["check"]).contains("valid"));
    let tested = said(&project, &["room", "sync-test", "coin-rush", "--games", ".", "--ticks", "300"]);
    assert!(tested.contains("300 ticks the same side by side, and after saving and restoring in each tick"), "{tested}");

    let server = Server::start_within(folder, "coin-rush", &[]);
    play(&server, "coin-rush");
    let front = web::get(server.http, "/");
    assert_eq!(front.status, 307);
    let page = web::get(server.http, "/coin-rush/");
    assert!(page.status == 200 && page.body.contains("<title>Coin-rush</title>"), "{}", page.body);
    assert!(web::get(server.http, "/coin-rush/main.js").body.contains("/sdk/js/session.js"));
    assert!(web::get(server.http, "/client.json").body.contains("\"game\":\"coin-rush\""));
}

#[test]
fn the_same_game_in_rust_plays_too() {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_hillfort")).with_file_name("examples/magpie");
    let folder = tempfile::tempdir().unwrap();
    let output = run(crate::server::program(&program, folder.path()).args(["room", "sync-test", "magpie", "--ticks", "300"]));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("300 ticks the same side by side, and after saving and restoring in each tick"), "{text}");
    play(&Server::start_program(&program, folder, "", &[]), "magpie");
}
