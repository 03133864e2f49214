//! SIGHUP: the guard takes its settings from the configuration as it is now, or keeps what it has.

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
