//! Recordings on the command line: made, shown, replayed, compared.

use clap::Parser;

use super::*;
use crate::cli::{Cli, Command};

/// What `hillfort room LINE` says, with `$` for the folder.
fn said(folder: &Path, line: &str) -> (Exit, String) {
    let line = format!("hillfort room {line}").replace('$', &folder.display().to_string());
    let Command::Room(command) = Cli::try_parse_from(line.split(' ')).unwrap().into_command() else { panic!("{line}") };
    let mut out = Vec::new();
    let exit = run(&command, &[], &mut out).unwrap_or_else(|error| panic!("{line}: {error:#}"));
    (exit, String::from_utf8(out).unwrap())
}

#[test]
fn a_recording_is_made_shown_replayed_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let check = |line: &str, exit: Exit, parts: &[&str]| {
        let (ended, text) = said(folder.path(), line);
        assert_eq!(ended, exit, "{line}: {text}");
        for part in parts {
            assert!(text.contains(part), "{line}: {part} is not in\n{text}");
        }
    };
    let same = "hilltop: 300 ticks the same";
    check("sync-test hilltop --ticks 300 --record $/a.hillrec", Exit::Ok, &[same]);
    check("sync-test hilltop --ticks 300 --record $/b.hillrec", Exit::Ok, &[same]);
    check("sync-test hilltop --ticks 300 --seed 2 --record $/c.hillrec", Exit::Ok, &[same]);
    check("replay $/a.hillrec --verify", Exit::Ok, &["ticks 0 to 300", "15 hash marks the same", "the same to the end"]);
    check("replay $/a.hillrec --verify --until 50", Exit::Ok, &["ticks 0 to 50", "2 hash marks"]);
    check("inspect $/a.hillrec", Exit::Ok, &["game      hilltop", "15 mark", "300 ticks", "player 1", "the room's start"]);
    check("inspect $/a.hillrec --inputs", Exit::Ok, &["Input { seat: Seat(0), op:"]);
    check("diff $/a.hillrec $/b.hillrec", Exit::Ok, &["are the same"]);
    check("diff $/a.hillrec $/c.hillrec", Exit::Differs, &["seeds differ", "tick "]);
}

#[test]
fn other_rules_differ_by_name_or_by_tick() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("games/hilltop/server/main.luau");
    fs::create_dir_all(script.parent().unwrap()).unwrap();
    let shipped = Games::default().scripts().unwrap().remove(0);
    fs::write(folder.path().join("games/hilltop/sync.toml"), shipped.schema.unwrap().text).unwrap();
    fs::write(script, shipped.source.replace("local STEP = 7 / HZ", "local STEP = 8 / HZ")).unwrap();
    said(folder.path(), "sync-test hilltop --ticks 300 --record $/a.hillrec");
    let args = ["hillfort", "room", "replay", "--games"].map(str::to_owned);
    let paths = ["games", "a.hillrec"].map(|name| folder.path().join(name).display().to_string());
    let Command::Room(command) = Cli::try_parse_from(args.iter().chain(&paths)).unwrap().into_command() else { panic!() };
    let refused = run(&command, &[], &mut Vec::new()).unwrap_err();
    assert!(format!("{refused:#}").contains("--force"), "{refused:#}");
    let (exit, text) = said(folder.path(), "replay $/a.hillrec --games $/games --force --verify");
    assert!(exit == Exit::Differs && text.contains("DIFFERS: between tick"), "{text}");
}
