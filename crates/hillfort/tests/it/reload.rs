//! SIGHUP: the guard takes its settings from the configuration as it is now, or keeps what it has.

use std::fs::File;
use std::io::Write as _;

use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::process::Signal;

use crate::player::Player;
use crate::server::Server;
use crate::web::Metrics;
use crate::wire::{Door, Wire};

fn server_with(text: &str) -> Server {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("hillfort.toml"), text).expect("its file");
    Server::start_in(folder, &[])
}

fn rewrite(server: &Server, text: &str) {
    let file = server.data().with_file_name("hillfort.toml");
    std::fs::write(file, text).expect("the file of before");
    server.signal(Signal::HUP);
}

#[test]
fn limits_change_while_players_play() {
    let server = server_with("");
    let door = Door::frames(server.frames);
    let mut ann = Player::seated(&door, "Ann", "hilltop");
    rewrite(&server, "[guard]\nconnect_per_s = 1\nconnect_burst = 30\n");
    server.logged("reloaded: the guard");
    let mut knocks = 0;
    while !Metrics::read(server.console).refused().contains_key("connect_rate") {
        Wire::is_let_in(&door);
        knocks += 1;
    }
    assert!(knocks > 30, "the burst is not refused");
    ann.state();
}

#[test]
fn a_mistake_changes_nothing_and_is_told() {
    let server = server_with("");
    let mut ann = Player::seated(&Door::frames(server.frames), "Ann", "hilltop");
    rewrite(&server, "[guard]\nconnect_per_sec = 1\n");
    let line = server.logged("unknown key guard.connect_per_sec");
    assert!(line.contains("guard.connect_per_s"), "{line}");
    ann.state();
}

#[test]
fn development_mode_is_not_left_by_a_reload() {
    let server = server_with("");
    rewrite(&server, &format!("[[keys]]\napp = 1\nkey = 1\nsecret_hex = \"{}\"\n", "5a".repeat(32)));
    server.logged("not reloaded: development mode");
    // The key of before still opens.
    Player::seated(&Door::frames(server.frames), "Ann", "hilltop").state();
}

/// A file of regions that gives nothing until the test writes it: opening it waits for the server to read.
fn slow_regions(server: &Server) -> File {
    let file = server.data().with_file_name("regions.tsv");
    mkfifoat(CWD, &file, Mode::RUSR | Mode::WUSR).expect("a pipe");
    rewrite(server, &format!("[regions]\nfiles = [{file:?}]\n"));
    File::create(file).expect("its other end")
}

#[test]
fn regions_are_read_while_the_console_answers_and_players_play() {
    let server = server_with("");
    let mut ann = Player::seated(&Door::frames(server.frames), "Ann", "hilltop");
    let mut regions = slow_regions(&server);
    Metrics::read(server.console);
    ann.state();
    regions.write_all(b"192.0.2.0\t192.0.2.255\t64500\tXA\tExample\n").expect("a reader");
    drop(regions);
    let line = server.logged("reloaded: the guard");
    assert!(line.contains("ranges=1"), "{line}");
}

#[test]
fn a_server_that_reads_regions_can_be_told_to_end() {
    let mut server = server_with("");
    let _regions = slow_regions(&server);
    server.signal(Signal::TERM);
    assert!(server.ended().success());
}
