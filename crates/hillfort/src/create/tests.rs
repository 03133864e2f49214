//! What is made, and what is refused. That it plays is shown by tests/it/create.rs.

use clap::Parser;

use super::*;
use crate::cli::{Cli, Command, NewCommand};

/// What `hillfort new game LINE` says, with `$` for the folder.
fn said(folder: &Path, line: &str) -> Result<String, String> {
    let line = format!("hillfort new game {line}").replace('$', &folder.display().to_string());
    let command = Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?.into_command();
    let Command::New(NewCommand::Game(args)) = command else { panic!("{line}") };
    let mut out = Vec::new();
    game(&args, &mut out).map_err(|error| format!("{error:#}"))?;
    Ok(String::from_utf8(out).unwrap())
}

fn files(folder: &Path, under: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder.join(under)).unwrap() {
        let path = format!("{under}/{}", entry.unwrap().file_name().display());
        match std::fs::read_to_string(folder.join(&path)) {
            Ok(text) => found.push((path, text)),
            Err(_folder) => found.extend(files(folder, &path)),
        }
    }
    found.sort();
    found
}

#[test]
fn each_language_has_its_files_under_the_new_name() {
    let folder = tempfile::tempdir().unwrap();
    let checkout = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let both = ["client/index.html", "client/main.js", "hillfort.toml", "README.md", ".gitignore"];
    for (line, own) in [
        ("$/coin-rush --lua".to_owned(), &["server/main.luau"][..]),
        (
            format!("$/7-crows --rust --checkout {checkout}"),
            &["Cargo.toml", "Cargo.lock", "clippy.toml", "src/main.rs", "src/room.rs"],
        ),
    ] {
        let text = said(folder.path(), &line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let name = line[2..].split(' ').next().unwrap();
        assert!(text.contains(&format!("/{name}\n")), "{text}");
        let made = files(folder.path(), name);
        let mut expect: Vec<_> = both.iter().chain(own).map(|file| format!("{name}/{file}")).collect();
        expect.sort();
        assert_eq!(made.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>(), expect);
        for (path, text) in made.iter().filter(|(path, _)| !path.ends_with("Cargo.lock")) {
            assert!(!text.to_lowercase().contains("magpie") && !text.contains(CHECKOUT), "{path}: {text}");
        }
    }
    let main = std::fs::read_to_string(folder.path().join("7-crows/src/main.rs")).unwrap();
    assert!(main.contains("Game::native(\"7-crows\""), "{main}");
    let index = std::fs::read_to_string(folder.path().join("coin-rush/client/index.html")).unwrap();
    assert!(index.contains("<title>Coin-rush</title>"), "{index}");
}

#[test]
fn a_type_of_rust_has_a_name_that_nothing_else_has() {
    for (name, expect) in [
        ("coin-rush", "GameCoinRush"),
        ("7-crows", "Game7Crows"),
        ("self", "GameSelf"),
        ("dot", "GameDot"),
        ("-a--b-", "GameAB"),
        ("-", "Game"),
    ] {
        assert_eq!(type_name(name), expect);
        let room = include_str!("../../examples/magpie/room.rs");
        assert!(named("src/room.rs", room, name, None).contains(&format!("impl Room for {expect} {{")), "{name}");
    }
}

#[test]
fn what_cannot_be_made_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("there")).unwrap();
    std::fs::write(folder.path().join("there/mine"), "").unwrap();
    let long = format!("$/{} --lua", "x".repeat(33));
    for (line, part) in [
        ("$/Chess --lua", "not a name for a game"),
        ("$/che_ss --lua", "not a name for a game"),
        (&long, "not a name for a game"),
        ("$/.. --lua", "not a name for a game"),
        ("$/sdk --lua", "means something else"),
        ("$/there --lua", "is there already"),
        ("$/none/chess --lua", "cannot be made"),
        ("$/chess --rust --checkout $/there", "no source of Hillfort"),
        ("$/chess", "--lua"),
        ("$/chess --lua --rust", "cannot be used"),
        ("$/chess --lua --checkout $/there", "cannot be used"),
    ] {
        let error = said(folder.path(), line).expect_err(line);
        assert!(error.contains(part), "{line}: {error}");
    }
    assert_eq!(files(folder.path(), "."), [("./there/mine".to_owned(), String::new())]);
}
