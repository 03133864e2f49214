//! `siege`: says what it needs, and leaves nothing behind however it ends. What it measures is not looked at here.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(30);

fn siege(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hillfort-load"));
    // A server that ends at once: the laboratory is all that this is about.
    command.args(["siege", "--server", "/bin/false", "--attack", "nat"]).args(flags);
    command
}

/// Why no laboratory can be built here; each test that needs one says it loudly.
fn impossible(test: &str) -> Option<String> {
    let namespace = format!("hf-load-it-{}-{test}", std::process::id());
    let why = match Command::new("ip").args(["netns", "add", &namespace]).output() {
        Ok(output) if output.status.success() => {
            let gone = Command::new("ip").args(["netns", "delete", &namespace]).status();
            assert!(gone.is_ok_and(|status| status.success()), "{namespace} is left behind");
            return None;
        }
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    Some(format!("NOT RUN: {test}: network namespaces need root and `ip`: {why}"))
}

fn namespaces(owner: u32) -> Vec<String> {
    let output = Command::new("ip").args(["netns", "list"]).output().expect("`ip` runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter(|line| line.contains(&format!("hillfort-siege-{owner}-"))).map(str::to_owned).collect()
}

fn await_none(owner: u32) {
    let deadline = Instant::now() + PATIENCE;
    while !namespaces(owner).is_empty() {
        assert!(Instant::now() < deadline, "left behind: {:?}", namespaces(owner));
        std::thread::yield_now();
    }
}

/// Starts a siege and waits until its laboratory is there.
fn under_way() -> Child {
    let mut child = siege(&[]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the load tool starts");
    let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let built = lines.map_while(Result::ok).any(|line| line.contains("laboratory built"));
    assert!(built, "no laboratory");
    child
}

/// Says in every run whether the tests that need a laboratory were run.
#[test]
fn privileges() {
    let why = impossible("the laboratory of the siege, its end and what a kill leaves");
    println!(
        "{}",
        why.unwrap_or_else(|| "tests of the siege's laboratory run: this process may make network namespaces".to_owned())
    );
}

#[test]
fn the_laboratory_is_gone_after_the_end() {
    if let Some(why) = impossible("the_laboratory_is_gone_after_the_end") {
        eprintln!("{why}");
        return;
    }
    let child = siege(&[]).stderr(Stdio::piped()).spawn().expect("the load tool starts");
    let owner = child.id();
    let output = child.wait_with_output().expect("it ends");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("all good"), "the generator was tried: {error}");
    assert!(error.contains("the server ended at once"), "{error}");
    assert!(!output.status.success() && error.contains("nothing could be measured"), "{error}");
    assert_eq!(namespaces(owner), Vec::<String>::new());
}

#[test]
fn the_laboratory_is_gone_after_a_kill() {
    if let Some(why) = impossible("the_laboratory_is_gone_after_a_kill") {
        eprintln!("{why}");
        return;
    }
    for signal in [Signal::INT, Signal::KILL] {
        let mut child = under_way();
        let owner = child.id();
        assert_eq!(namespaces(owner).len(), 2, "both sides are there");
        kill_process(Pid::from_child(&child), signal).expect("it runs");
        child.wait().expect("it ends");
        await_none(owner);
    }
}

#[test]
fn bounds_are_kept_at_their_edges() {
    let check = |flags: &[&str], complaint: &str| {
        let output = siege(flags).output().expect("the load tool starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(complaint), "{flags:?}: {error}");
    };
    check(&["--seconds", "10.5"], "at most 10 seconds");
    check(&["--rounds", "0"], "not in 1..=9");
    check(&["--rounds", "10"], "not in 1..=9");
    check(&["--attack", "everything"], "invalid value");
    check(&["--defence", "hope"], "invalid value");
}
