//! Recordings that happen again bit for bit, whatever this was built with: of each game that ships, and of rooms in Rust with and without
//! `on_save`. CI runs it at several levels of optimisation. `UPDATE_REPLAYS=NAME` records one anew, after a change of its rules that was meant.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hillfort_realm::{Game, Outcome, ReplayOptions, SyncOptions, luau_game_with, luau_limits, replay, sync_test};
use hillfort_world::Recording;

#[path = "../../hillfort/examples/magpie/room.rs"]
mod magpie;
#[path = "golden/orbits.rs"]
mod orbits;
#[path = "../src/luau_room/tests/snowballs.rs"]
#[expect(unreachable_pub, reason = "in the crate of a reader it is reachable")]
mod snowballs;
#[path = "golden/throws.rs"]
mod throws;

/// A recording: its name, its file, and how it is made anew.
struct Golden {
    name: String,
    file: PathBuf,
    game: Game,
    record: fn(&Game) -> Recording,
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Half a minute of strangers, saved and restored in each tick where the room can be.
fn strangers(game: &Game) -> Recording {
    sync_test(game, SyncOptions { ticks: 600, ..SyncOptions::default() }).expect("the same in all rooms").recording
}

fn shipped(name: &str, folder: &Path) -> Game {
    let source = std::fs::read_to_string(folder.join("server/main.luau")).expect("its rules");
    let schema = std::fs::read_to_string(folder.join("sync.toml")).ok();
    let schema = schema.map(|text| Arc::new(hillfort_sync::read_schema(&text).expect("its schema")));
    luau_game_with(name, "main.luau", &source, schema, luau_limits()).expect("it ships")
}

fn goldens() -> Vec<Golden> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(here("../../games")).expect("games ship") {
        let folder = entry.expect("is read").path();
        let name = folder.file_name().expect("has a name").display().to_string();
        let game = shipped(&name, &folder);
        all.push(Golden { file: folder.join("replays/strangers.hillrec"), game, name, record: strangers });
    }
    let native = |name: &str, game: Option<Game>, record| Golden {
        name: name.to_owned(),
        file: here(&format!("tests/golden/{name}.hillrec")),
        game: game.expect("the name is good"),
        record,
    };
    all.push(native("magpie-rust", Game::native("magpie", magpie::Magpie::default), strangers));
    all.push(native("orbits", Game::native("orbits", orbits::Orbits::default), strangers));
    all.push(native("snowballs", Game::native("snowballs", snowballs::Snowballs::default), throws::recorded));
    all
}

#[test]
fn recordings_happen_again_bit_for_bit() {
    let update = std::env::var("UPDATE_REPLAYS").unwrap_or_default();
    let goldens = goldens();
    assert!(goldens.len() >= 5, "two games that ship, and three rooms in Rust");
    for Golden { name, file, game, record } in goldens {
        if update == name {
            std::fs::create_dir_all(file.parent().expect("is in a folder")).expect("the folder is made");
            std::fs::write(&file, record(&game).to_file()).expect("is written");
        }
        let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}: UPDATE_REPLAYS={name}", file.display()));
        let recording = Recording::from_file(&bytes).expect("is a recording");
        let options = ReplayOptions { force: true, ..ReplayOptions::default() };
        let report = replay(&game, &recording, options, |_, _| ()).expect("begins");
        assert_eq!(report.outcome, Outcome::Same, "{name}");
        assert!(report.ticks >= 400 && report.marks >= 20, "{name}: {report:?}");
    }
}
