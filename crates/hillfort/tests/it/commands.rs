//! The command line and how it ends: each mistake has its exit code and says what to do.

use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use crate::server::{Server, hillfort, run, set};

/// A secret that is nobody's.
const SECRET_HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Runs `arguments` in `folder`: its exit code must be `code` and standard error must have all of `parts`.
fn check(folder: &Path, arguments: &[&str], code: i32, parts: &[&str]) -> Output {
    let output = run(hillfort(folder).args(arguments));
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{arguments:?} does not say {part:?} but {said}");
    }
    output
}

#[test]
fn wrong_words_are_usage_errors() {
    let folder = tempfile::tempdir().unwrap();
    check(folder.path(), &["serve", "--prot", "1"], 64, &["--prot", "Usage"]);
    check(folder.path(), &["sing"], 64, &["sing"]);
    check(folder.path(), &["serve", "--set", "edge.tcp_port"], 64, &["KEY=VALUE"]);
    check(folder.path(), &["load", "attack", "bad-hello", "--target", "192.0.2.1:7352"], 71, &["this machine only"]);
    check(folder.path(), &["--help"], 0, &[]);
}

#[test]
fn wrong_settings_are_told_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("own.toml"), "[edge]\ntcp_port = \"soon\"\n[gaurd]\nban_s = 1\n").unwrap();
    std::fs::write(folder.path().join("torn.toml"), "[edge\n").unwrap();
    for command in ["serve", "check"] {
        check(folder.path(), &[command, "--set", "edge.tcp_prt=1"], 65, &["edge.tcp_prt", "did you mean edge.tcp_port?"]);
        check(folder.path(), &[command, "--set", "edge.tcp_port=soon"], 65, &["edge.tcp_port", "soon", "--set", "0 to 65535"]);
        check(folder.path(), &[command, "--set", "world.threads=65"], 65, &["world.threads = 65", "1 to 64"]);
        let parts = ["edge.tcp_port", "own.toml", "gaurd.ban_s", "did you mean guard.ban_s?"];
        check(folder.path(), &[command, "--config", "own.toml"], 65, &parts);
        check(folder.path(), &[command, "--config", "torn.toml"], 65, &["torn.toml", "not TOML"]);
        check(folder.path(), &[command, "--config", "none.toml"], 65, &["none.toml cannot be read"]);
        let public = ["edge.address", "everybody knows", "openssl rand -hex 32"];
        check(folder.path(), &[command, "--set", "edge.address=0.0.0.0"], 65, &public);
        check(folder.path(), &[command, "--set", "console.address=::"], 65, &["console.address", "everybody knows"]);
    }
    assert!(!folder.path().join("data").exists(), "nothing was begun");
}

#[test]
fn the_environment_lies_between_file_and_flags() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hillfort.toml"), "[guard]\nban_s = 1\nconnect_burst = 11\n").unwrap();
    let print = |command: &mut std::process::Command| String::from_utf8(run(command).stdout).unwrap();
    let mut command = hillfort(folder.path());
    command.args(["config", "print", "--set", "guard.source_open_max=33"]);
    command.env("HILLFORT_GUARD__CONNECT_BURST", "22").env("HILLFORT_GUARD__SOURCE_OPEN_MAX", "22");
    let text = print(&mut command);
    for line in
        ["ban_s = 1  # hillfort.toml", "connect_burst = 22  # HILLFORT_GUARD__CONNECT_BURST", "source_open_max = 33  # --set"]
    {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
}

#[test]
fn what_config_print_prints_is_a_config() {
    let folder = tempfile::tempdir().unwrap();
    let own = format!("[guard]\nban_s = 42\n[[keys]]\napp = 7\nkey = 2\nsecret_hex = \"{SECRET_HEX}\"\n");
    std::fs::write(folder.path().join("own.toml"), own).unwrap();
    let printed = check(folder.path(), &["config", "print", "--config", "own.toml"], 0, &[]);
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(!printed.contains(SECRET_HEX) && printed.contains("(hidden)"), "{printed}");

    std::fs::write(folder.path().join("printed.toml"), &printed).unwrap();
    check(folder.path(), &["check", "--config", "printed.toml"], 65, &["put the secret back"]);
    std::fs::write(folder.path().join("printed.toml"), printed.replace("(hidden)", SECRET_HEX)).unwrap();
    let checked = check(folder.path(), &["check", "--config", "printed.toml"], 0, &[]);
    assert_eq!(String::from_utf8(checked.stdout).unwrap(), "the configuration is valid\n");
    let again = check(folder.path(), &["config", "print", "--config", "printed.toml"], 0, &[]);
    assert!(String::from_utf8(again.stdout).unwrap().contains("ban_s = 42  # printed.toml"));

    let defaults = check(folder.path(), &["check"], 0, &[]);
    assert_eq!(String::from_utf8(defaults.stdout).unwrap(), "the configuration is valid (development mode)\n");
}

#[test]
fn taken_ports_and_folders_are_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let free = ["edge.http_port", "edge.tcp_port", "nakama.grpc_port", "console.port"];
    for key in free {
        let settings = free.map(|free| (free, if free == key { port.as_str() } else { "0" }));
        let arguments = set(&settings);
        let arguments: Vec<&str> = std::iter::once("serve").chain(arguments.iter().map(String::as_str)).collect();
        check(folder.path(), &arguments, 69, &["--set"]);
    }

    let server = Server::start(&[]);
    let data = format!("data.folder={}", server.data().display());
    check(folder.path(), &["serve", "--set", &data], 74, &["running", "--set data.folder=PATH"]);
    std::fs::write(folder.path().join("file"), "").unwrap();
    check(folder.path(), &["serve", "--set", "data.folder=file"], 74, &["file", "--set data.folder=PATH"]);
}

#[test]
fn a_game_that_cannot_run_is_refused_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let server = folder.path().join("games/chess/server");
    std::fs::create_dir_all(&server).unwrap();
    let refused = |source: &str, parts: &[&str]| {
        std::fs::write(server.join("main.luau"), source).unwrap();
        for command in ["check", "serve"] {
            check(folder.path(), &[command, "--set", "games.folder=games"], 65, &[&["chess"], parts].concat());
        }
    };
    refused("local a = 1\nlocal b = = 2\nfunction on_tick(ctx) end\n", &["games/chess/server/main.luau:2"]);
    refused("function on_tick(ctx) end\nerror('no luck')", &["games/chess/server/main.luau:2", "no luck"]);
    refused("function on_tick(ctx) end\nfunction on_create(ctx)\n\treturn { hertz = 20 }\nend", &["hertz"]);
    refused("function on_create(ctx)\n\twhile true do end\nend\nfunction on_tick(ctx) end", &["budget"]);
    refused("print('nothing')", &["on_tick"]);
    let schema = folder.path().join("games/chess/sync.toml");
    std::fs::write(&schema, "[[kind]]\nname = \"pawn\"\n").unwrap();
    refused("function on_tick(ctx) end", &["games/chess/sync.toml: kind pawn: "]);
    std::fs::write(&schema, "[[kind]]\nname = \"pawn\"\n[[kind.field]]\nname = \"up\"\ntype = \"bool\"\n").unwrap();
    let rest = "\n\tctx.spawn('king')\nend\nfunction on_tick(ctx) end";
    refused(&format!("function on_create(ctx) ctx.open_scene(){rest}"), &["main.luau:2", "no kind \"king\""]);
    check(folder.path(), &["serve", "--set", "games.folder=none"], 65, &["games.folder", "none"]);
}
