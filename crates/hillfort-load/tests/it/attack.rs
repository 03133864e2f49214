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
    check("hello-replay", true, false);
    check("connect-flood", false, false);
    check("slow-hello", false, false);
    check("command-flood", false, true);
    check("oversize-frame", true, false);
    check("handshake-idle", false, false);
    check("tls", true, false);
    check("mixed", true, false);
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

#[test]
fn single_packets_go_out_or_say_what_they_need() {
    for kind in ["syn-spoofed", "syn-bots", "ack"] {
        let target = stand_in::start(false).to_string();
        let output = attack(kind, &target, &["--seconds", "0.5", "--rate", "2000", "--progress", "json"]);
        let error = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            eprintln!("NOT RUN, {kind}: {error}");
            assert!(error.contains("CAP_NET_RAW"), "{error}");
            continue;
        }
        let text = String::from_utf8(output.stdout).expect("JSON is text");
        let last: Value = serde_json::from_str(text.lines().last().expect("a last line")).expect("a JSON line");
        let packets = last["packets"].as_u64().expect("a count");
        // Bounded by its rate; a busy machine may send fewer.
        assert!((100..=1_100).contains(&packets), "{kind}: {last}");
        assert_eq!((&last["offered"], &last["connected"]), (&Value::from(0), &Value::from(0)), "a packet is no connection");
    }
}

#[test]
fn there_is_no_laboratory_to_attack_from_outside_of_one() {
    let output = attack("bad-hello", "198.18.0.1:7352", &["--lab"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("in no laboratory"));
}
