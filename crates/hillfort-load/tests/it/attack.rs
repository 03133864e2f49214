//! `attack` against a stand-in: what it counts, and where it does not go.

use std::process::Command;

use serde_json::Value;

use crate::stand_in::{self, SECRET_HEX};

fn attack(kind: &str, target: &str, flags: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_hillfort-load"))
        .args(["attack", kind, "--target", target, "--app", "7", "--key", "3", "--secret-hex", SECRET_HEX])
        .args(flags)
        .output()
        .expect("the load tool starts")
}

/// The progress lines of a short attack.
fn progress(kind: &str) -> Vec<Value> {
    let target = stand_in::start(false).to_string();
    let output = attack(kind, &target, &["--seconds", "0.8", "--sockets", "20", "--progress", "json"]);
    assert!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON is text");
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

#[test]
fn every_kind_strikes_and_counts() {
    // What a server that only checks hellos makes of each kind: whether strokes are refused, whether some succeed.
    let check = |kind: &str, refused: bool, succeeded: bool| {
        let lines = progress(kind);
        assert!(lines.len() >= 3, "{kind}: four lines a second: {lines:?}");
        let last = lines.last().expect("at least three");
        assert_eq!((&last["kind"], &last["done"]), (&Value::from(kind), &Value::from(true)));
        let count = |field: &str| last[field].as_u64().unwrap_or_else(|| panic!("{kind}: {field} in {last}"));
        assert!(count("offered") > 0 && count("connected") > 0 && count("sent") > 0, "{last}");
        assert_eq!(count("refused") > 0, refused, "{last}");
        assert_eq!(count("succeeded") > 0, succeeded, "{last}");
        assert!(lines.windows(2).all(|pair| pair[0]["t_ms"].as_u64() <= pair[1]["t_ms"].as_u64()));
    };
    check("bad-hello", true, false);
    check("replay-hello", true, false);
    check("connect-flood", false, false);
    check("slow-hello", false, false);
    check("command-flood", false, true);
    check("oversize-frame", true, false);
}

#[test]
fn another_machine_is_not_attacked() {
    for target in ["192.0.2.1:7352", "0.0.0.0:7352", "[::1]:7352"] {
        let output = attack("bad-hello", target, &[]);
        assert!(!output.status.success(), "{target}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("this machine") || error.contains("127.0.0.1"), "{target}: {error}");
    }
}

#[test]
fn nobody_at_home_is_an_error() {
    // Port 1 of an address that nobody else uses.
    let output = attack("bad-hello", "127.9.9.9:1", &["--seconds", "0.5"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("nobody listens"));
}
