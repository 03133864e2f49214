//! `bots` against a stand-in: both wires, open and closed loop; and they end with their parent.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::stand_in::{self, SECRET_HEX};

fn tool() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hillfort-load"));
    command.args(["bots", "--app", "7", "--key", "3", "--secret-hex", SECRET_HEX]);
    command
}

fn measured(name: &str, websocket: bool, flags: &[&str]) -> Value {
    measured_at(stand_in::start(websocket), name, websocket, flags)
}

fn measured_at(target: SocketAddr, name: &str, websocket: bool, flags: &[&str]) -> Value {
    let json = std::env::temp_dir().join(format!("hillfort-bots-{}-{name}.json", std::process::id()));
    let target = target.to_string();
    let wire: &[&str] = if websocket { &["--websocket"] } else { &[] };
    let output = tool()
        .args(["--target", &target])
        .args(wire)
        .args(flags)
        .arg("--json")
        .arg(&json)
        .output()
        .expect("the load tool starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written = std::fs::read(&json).expect("the JSON file is there");
    std::fs::remove_file(&json).expect("the JSON file is ours");
    serde_json::from_slice(&written).expect("it is JSON")
}

#[test]
fn an_open_loop_sends_on_schedule_and_is_answered() {
    for websocket in [false, true] {
        for mode in ["--ping", "--echo"] {
            let name = format!("open{websocket}{mode}");
            let figures = measured(&name, websocket, &[mode, "--count", "10", "--rate", "50", "--seconds", "0.4"]);
            assert_eq!(figures["offered"], 200, "10 clients × 50 Hz × 0.4 s: {figures}");
            assert_eq!(figures["answered"], 200, "{figures}");
            assert_eq!(figures["lost"], 0, "{figures}");
            assert!(figures["latency"]["p50_us"].as_u64().is_some_and(|us| us > 0), "{figures}");
        }
    }
}

#[test]
fn a_closed_loop_keeps_its_pipeline_full() {
    let figures = measured("closed", false, &["--echo", "--count", "4", "--pipeline", "8", "--seconds", "0.3"]);
    let (offered, answered) = (figures["offered"].as_u64().unwrap_or(0), figures["answered"].as_u64().unwrap_or(0));
    assert!(answered > 100, "{figures}");
    assert!(offered - answered <= 4 * 8, "no more is open at the end than was kept under way: {figures}");
}

#[test]
fn a_client_that_lost_its_connection_comes_back() {
    let server = stand_in::start_cutting(false, 40);
    let figures = measured_at(server, "cut", false, &["--echo", "--count", "4", "--rate", "20", "--seconds", "2"]);
    assert_eq!(
        (&figures["offered"], &figures["lost"]),
        (&160.into(), &2.into()),
        "cut, and sent away with its old session: {figures}"
    );
    let answered = figures["answered"].as_u64().unwrap_or(0);
    assert!((120..160).contains(&answered), "what was due while it was away is missing, what came after is there: {figures}");
}

#[test]
fn a_key_that_the_server_does_not_know_is_an_error() {
    let target = stand_in::start(false).to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_hillfort-load"))
        .args(["bots", "--ping", "--count", "1", "--seconds", "0.1", "--target", &target, "--app", "9"])
        .output()
        .expect("the load tool starts");
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("0 of 1 clients could log in"), "{error}");
}

#[test]
fn bots_end_when_stdin_closes_and_when_the_parent_ends() {
    let target = stand_in::start(false).to_string();
    let bots = ["--game", "hilltop", "--count", "2", "--forever", "--quiet", "--target", &target];
    let mut by_stdin = tool().args(bots).stdin(Stdio::piped()).spawn().expect("the load tool starts");
    drop(by_stdin.stdin.take());

    let mut parent = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat starts");
    let pid = parent.id().to_string();
    let mut by_parent =
        tool().args(bots).args(["--parent-pid", &pid]).stdin(Stdio::null()).spawn().expect("the load tool starts");
    assert!(by_parent.try_wait().expect("our child").is_none(), "it plays as long as its parent lives");
    drop(parent.stdin.take());
    parent.wait().expect("cat ends with its input");

    let deadline = Instant::now() + Duration::from_secs(10);
    for bots in [&mut by_stdin, &mut by_parent] {
        while bots.try_wait().expect("our child").is_none() {
            assert!(Instant::now() < deadline, "the bots outlive their parent");
            std::thread::yield_now();
        }
    }
}
