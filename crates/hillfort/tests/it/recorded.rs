//! A room of a running server is listed, recorded and replayed, as an operator would.

use std::path::Path;
use std::time::Instant;

use crate::PATIENCE;
use crate::server::{Server, hillfort, run};

#[test]
fn a_room_that_is_played_can_be_recorded_and_replayed() {
    let server = Server::start(&[("bots.hilltop", "2")]);
    let console = server.console.to_string();
    let folder = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| {
        let output = run(hillfort(folder.path()).arg("room").args(arguments));
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    };
    let begun = Instant::now();
    // Two bots, and some ticks to compare.
    let room = loop {
        let (code, list) = said(&["list", "--console", &console]);
        assert_eq!(code, Some(0), "{list}");
        let mut rows = list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let busy = rows.find(|row| row.get(2) == Some(&"2/16") && row[4].parse::<u64>().is_ok_and(|tick| tick >= 60));
        if let Some(row) = busy {
            break row[0].to_owned();
        }
        assert!(begun.elapsed() < PATIENCE, "{list}");
    };
    let (code, answer) = said(&["record", &room, "--console", &console]);
    assert_eq!(code, Some(0), "{answer}");
    // The server names the file from where it runs.
    let file = server.folder().join(answer.trim());
    assert!(file.starts_with(server.folder().join(Path::new("./data/recordings"))), "{answer}");
    let file = file.display().to_string();
    let (code, text) = said(&["replay", &file, "--verify"]);
    assert!(code == Some(0) && text.contains("the same to the end"), "{text}");
    let (code, text) = said(&["inspect", &file]);
    assert!(code == Some(0) && text.contains("2 take_seat"), "{text}");
    for (room, part) in [("nothing", "no such room"), ("00000001000000ff", "no such room")] {
        let (code, text) = said(&["record", room, "--console", &console]);
        assert!(code == Some(74) && text.contains(part), "{text}");
    }
}
