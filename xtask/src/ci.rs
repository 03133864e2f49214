//! What CI checks, in order of cost. Each step is a command that a person can run alone.

use std::cell::Cell;
use std::time::Instant;

use anyhow::Context;

use crate::shell::{root, run_in};
use crate::{layers, newcomer, pure, tidy};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Leaves out the browser test (it needs Chromium and Node.js).
    #[arg(long)]
    no_browser: bool,
    /// Leaves out the check of licences and bans (it needs cargo-deny).
    #[arg(long)]
    no_deny: bool,
}

/// Honest players, attacks and defences in namespaces of its own. Seconds long: it shows that everything works, not how fast.
fn siege() -> anyhow::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let is_root = status.lines().any(|line| line.starts_with("Uid:\t0\t"));
    if !is_root {
        println!("NOT RUN: the siege builds network namespaces, which only root may");
        return Ok(());
    }
    run_in(&root(), "target/release/hillfort load siege --short --results target/siege")
}

/// Recordings of the games that ship happen again, bit for bit, whatever the build: rules that changed on purpose need new ones.
fn replay(profile: &str) -> anyhow::Result<()> {
    for game in std::fs::read_dir(root().join("games"))? {
        let Ok(recordings) = std::fs::read_dir(game?.path().join("replays")) else { continue };
        for recording in recordings {
            let recording = recording?.path();
            run_in(&root(), &format!("target/{profile}/hillfort room replay --verify --force {}", recording.display()))?;
        }
    }
    Ok(())
}

/// A suite of whole servers and browsers in `folder`, with deadlines of their own: on a machine that others use too it gets a second try,
/// and `flaky` says that it needed one.
fn suite(folder: &str, line: &str, flaky: &Cell<bool>) -> anyhow::Result<()> {
    let folder = root().join(folder);
    twice(|| run_in(&folder, line), flaky)
}

fn twice(attempt: impl Fn() -> anyhow::Result<()>, flaky: &Cell<bool>) -> anyhow::Result<()> {
    attempt().or_else(|error| {
        println!("\nFLAKY or wrong: {error}; a second try");
        flaky.set(true);
        attempt()
    })
}

/// What a step that went well took, and whether only its second try did.
struct Passed {
    name: &'static str,
    seconds: u64,
    flaky: bool,
}

/// The closing list: a line for each step, and how many needed a second try.
fn closing(passed: &[Passed]) -> String {
    let mut text: String = passed
        .iter()
        .map(|Passed { name, seconds, flaky }| {
            format!("{seconds:>6} s  {name}{}\n", if *flaky { "  FLAKY: at the second try" } else { "" })
        })
        .collect();
    let flaky = passed.iter().filter(|step| step.flaky).count();
    if flaky > 0 {
        text.push_str(&format!("{flaky} FLAKY: passed at the second try only\n"));
    }
    text
}

/// Crates that run rooms: what they make of a recording must not depend on how far they were optimised.
const RUN_ROOMS: [&str; 5] = ["hillfort-sync", "hillfort-world", "hillfort-script", "hillfort-realm", "libm"];

/// The same recordings, and those of rooms in Rust, at other levels than the debug build's. Only these crates are built again.
fn replay_optimised() -> anyhow::Result<()> {
    for level in 1..=3 {
        let levels = RUN_ROOMS.map(|name| format!("--config profile.dev.package.{name}.opt-level={level}"));
        run_in(&root(), &format!("cargo test --locked --quiet -p hillfort-realm --test golden {}", levels.join(" ")))?;
    }
    Ok(())
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let start = Instant::now();
    let (mut passed, flaky) = (Vec::new(), Cell::new(false));
    let mut step = |name: &'static str, work: &dyn Fn() -> anyhow::Result<()>| {
        println!("\n=== {name}");
        let begin = Instant::now();
        work().with_context(|| format!("step `{name}` failed"))?;
        passed.push(Passed { name, seconds: begin.elapsed().as_secs(), flaky: flaky.take() });
        anyhow::Ok(())
    };
    let here = |line: &str| run_in(&root(), line);

    step("format", &|| here("cargo fmt --all --check"))?;
    step("layers", &layers::run)?;
    step("pure", &|| pure::run(true))?;
    step("tidy", &tidy::run)?;
    step("generated code", &|| here("cargo xtask codegen --check"))?;
    step("script tests", &|| here("node --test sdk/js/ games/hilltop/client/ tests/console/"))?;
    if !options.no_deny {
        step("licences and bans", &|| here("cargo deny --log-level error check licenses bans sources"))?;
    }
    step("clippy", &|| here("cargo clippy --workspace --all-targets --locked -- -D warnings"))?;
    step("clippy, without PostgreSQL", &|| here("cargo clippy -p hillfort-store --all-targets --locked -- -D warnings"))?;
    step("tests", &|| here("cargo nextest run --workspace --locked --no-fail-fast"))?;
    // The tests have built it.
    step("recordings, debug build", &|| replay("debug"))?;
    step("recordings, opt-levels 1 to 3", &replay_optimised)?;
    step("a new game in Rust", &newcomer::run)?;
    step("documentation tests", &|| here("cargo test --workspace --locked --doc --quiet"))?;
    step("documentation", &|| here("cargo doc --workspace --locked --no-deps --quiet"))?;
    step("fuzz corpus", &|| run_in(&root().join("fuzz"), "cargo test --locked --quiet"))?;
    if !options.no_browser {
        step("release build", &|| here("cargo build --release --locked"))?;
        step("recordings, release build", &|| replay("release"))?;
        step("siege, short form", &siege)?;
        step("browser", &|| suite("tests/browser", "npm test --silent", &flaky))?;
        step("Nakama's JavaScript SDK", &|| suite("tests/nakama-js", "npm test --silent", &flaky))?;
        step("the same on PostgreSQL", &|| suite("tests/nakama-js", "npm run test:postgres --silent", &flaky))?;
    }

    println!("\nAll steps passed in {} s:\n{}", start.elapsed().as_secs(), closing(&passed));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_try_is_told_in_the_closing_list() {
        let (tries, flaky) = (Cell::new(0), Cell::new(false));
        let fails = |times: u32| {
            tries.set(0);
            let attempt = || {
                tries.set(tries.get() + 1);
                anyhow::ensure!(tries.get() > times, "try {}", tries.get());
                Ok(())
            };
            (twice(attempt, &flaky).is_ok(), flaky.take(), tries.get())
        };
        assert_eq!([fails(0), fails(1), fails(2)], [(true, false, 1), (true, true, 2), (false, true, 2)]);
        let steps = |flaky| [Passed { name: "tests", seconds: 70, flaky: false }, Passed { name: "browser", seconds: 9, flaky }];
        assert_eq!(closing(&steps(false)), "    70 s  tests\n     9 s  browser\n");
        let told = "    70 s  tests\n     9 s  browser  FLAKY: at the second try\n1 FLAKY: passed at the second try only\n";
        assert_eq!(closing(&steps(true)), told);
    }
}
