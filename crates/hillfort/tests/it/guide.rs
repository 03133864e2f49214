//! docs/games.md, typed line by line by somebody who has nothing yet: its commands are run, the changes that it asks for are made, and what it
//! promises is looked at. Its chapter on Rust is walked by `cargo xtask newcomer`.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Instant;

use crate::PATIENCE;
use crate::create::{WALK, YOU, place, said};
use crate::player::{Player, Seen};
use crate::server::{Server, hillfort, run};
use crate::web;

const PAGE: &str = include_str!("../../../../docs/games.md");

/// All but the chapter on Rust and what follows it.
fn page() -> &'static str {
    PAGE.split_once("\n## In Rust\n").expect("the chapter is there").0
}

/// The page's commands in their order.
struct Typed(VecDeque<&'static str>);

impl Typed {
    fn new() -> Self {
        let blocks = page().split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
        let lines = blocks.flat_map(str::lines).map(|line| line.split('#').next().unwrap_or_default().trim());
        Self(lines.filter(|line| !line.is_empty()).collect())
    }

    /// The next command is this one: the test does what the page says.
    #[track_caller]
    fn line(&mut self, expect: &str) {
        assert_eq!(self.0.pop_front(), Some(expect), "docs/games.md says something else than this test types");
    }
}

/// Changes a file as the page says.
#[track_caller]
fn edit(file: &Path, page: &str, from: &str, to: &str) {
    assert!(PAGE.contains(page), "{page}");
    let text = std::fs::read_to_string(file).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{from}");
    std::fs::write(file, text.replace(from, to)).unwrap();
}

fn join(server: &Server) -> (Player, u8) {
    let mut player = Player::login(&server.doors()[1], "Ann");
    player.ask_to_join("coin-rush", None);
    let you = player.until("the number of the player", |seen| match seen {
        Seen::Event { op: YOU, data } => Some(data[0]),
        _ => None,
    });
    (player, you)
}

/// How far a dot that walks along gets in a tick.
fn step(player: &mut Player, you: u8) -> u16 {
    let deadline = Instant::now() + PATIENCE;
    let mut before: Option<(u64, u16)> = None;
    loop {
        assert!(Instant::now() < deadline, "the dot does not move");
        let (tick, state) = player.state();
        let x = place(&state, you)[0];
        // Away from the edges, and to and fro between them.
        if x < 200 {
            player.input(WALK, &[1, 0]);
        } else if x > 600 {
            player.input(WALK, &[255, 0]);
        }
        if before.is_none() {
            player.input(WALK, &[1, 0]);
        }
        match before {
            Some((then, at)) if tick == then + 1 && at != x && (250..550).contains(&x) && (250..550).contains(&at) => {
                return x.abs_diff(at);
            }
            _ => before = Some((tick, x)),
        }
    }
}

#[test]
fn from_nothing_to_a_room_that_plays() {
    let mut typed = Typed::new();
    let folder = tempfile::tempdir().unwrap();
    typed.line("cargo install --path crates/hillfort --locked"); // is what ran before this test
    typed.line("hillfort new game coin-rush --lua");
    said(folder.path(), &["new", "game", "coin-rush", "--lua"]);
    typed.line("cd coin-rush");
    let project = folder.path().join("coin-rush");
    for line in page().lines().filter_map(|line| line.strip_prefix("| `")) {
        let names = line.split(" |").next().unwrap_or_default().split(", ").map(|name| name.trim_matches('`'));
        names.for_each(|name| assert!(project.join(name).is_file(), "{name}"));
    }
    typed.line("hillfort");
    let server = Server::start_within(folder, "coin-rush", &[]);
    assert_eq!(web::get(server.http, "/").status, 307);
    assert!(web::get(server.http, "/coin-rush/").body.contains("Play"));
    let (mut ann, you) = join(&server);
    assert_eq!(step(&mut ann, you), 10);

    let rules = project.join("server/main.luau");
    edit(&rules, "`STEP = 20`", "local STEP = 10 ", "local STEP = 20 ");
    let server = Server::start_within(server.kill(), "coin-rush", &[]);
    let (mut ann, you) = join(&server);
    assert_eq!(step(&mut ann, you), 20);

    typed.line("hillfort check");
    let good = std::fs::read_to_string(&rules).unwrap();
    edit(&rules, "`function on_tick(ctx: Ctx` without the bracket", "function on_tick(ctx: Ctx)", "function on_tick(ctx: Ctx");
    // Beside the server that still plays by the good ones.
    for command in [&["check"][..], &["serve", "--set", "data.folder=other"]] {
        let output = run(hillfort(&project).args(command));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(65), "{command:?}: {text}");
        let (_, message) = text.trim_end().rsplit_once("./server/").unwrap_or_else(|| panic!("{text}"));
        assert!(PAGE.contains(&format!("`./server/{message}`")), "docs/games.md shows another message than {message}");
    }
    std::fs::write(&rules, good).unwrap();
    assert!(said(&project, &["check"]).contains("valid"));

    typed.line("hillfort room sync-test coin-rush --games .");
    let tested = said(&project, &["room", "sync-test", "coin-rush", "--games", ".", "--ticks", "300"]);
    assert!(tested.contains("the same side by side, and after saving and restoring in each tick"), "{tested}");

    typed.line("hillfort room list");
    let console = server.console.to_string();
    let begun = Instant::now();
    let room = loop {
        let list = said(&project, &["room", "list", "--console", &console]);
        if let Some(row) = list.lines().find(|line| line.contains("coin-rush")) {
            break row.split_whitespace().next().unwrap().to_owned();
        }
        assert!(begun.elapsed() < PATIENCE, "{list}");
    };
    typed.line("hillfort room record ROOM");
    let file = said(&project, &["room", "record", &room, "--console", &console]);
    typed.line("hillfort room replay FILE --games .");
    let replayed = said(&project, &["room", "replay", file.trim(), "--games", "."]);
    assert!(replayed.contains("the same to the end"), "{replayed}");
    assert_eq!(typed.0, [""; 0], "all that the page says was typed");
}
