//! Replays the corpora on stable Rust, without libFuzzer: every committed input, and some thousand seeded mutations of each target's.
//! `UPDATE_CORPUS=1` writes the inputs that come from the test vectors anew.

use std::fs;
use std::path::{Path, PathBuf};

use hillfort_fuzz::TARGETS;
use hillfort_proto::work::Puzzle;
use hillfort_testkit::seed::Seed;
use serde_json::Value;

/// Mutations for each target.
const MUTATIONS: usize = 20_000;

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// Inputs of a target, in order of their names.
fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut inputs: Vec<_> = fs::read_dir(corpus(target))
        .unwrap_or_else(|error| panic!("corpus of {target}: {error}"))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn every_committed_input_passes() {
    for (name, target) in TARGETS {
        let inputs = inputs(name);
        assert!(!inputs.is_empty(), "{name} has no corpus");
        for (file, input) in inputs {
            println!("{name}/{file}"); // shown when it fails
            target(&input);
        }
    }
}

#[test]
fn seeded_mutations_pass() {
    for (name, target) in TARGETS {
        let inputs = inputs(name);
        for number in 0..MUTATIONS {
            let mut seed = Seed::new(number as u64);
            let mut input = inputs[seed.below(inputs.len())].1.clone();
            for _ in 0..=seed.below(4) {
                mutate(&mut input, &inputs, &mut seed);
            }
            println!("{name}, seed {number}: {input:02x?}"); // shown when it fails
            target(&input);
        }
    }
}

fn mutate(input: &mut Vec<u8>, inputs: &[(String, Vec<u8>)], seed: &mut Seed) {
    let at = seed.below(input.len() + 1);
    match seed.below(6) {
        0 => input.insert(at, seed.number() as u8),
        1 => input.truncate(at),
        2 if at < input.len() => input[at] ^= 1 << seed.below(8),
        3 if at < input.len() => input[at] = [0, 1, 0x7F, 0x80, 0xFF][seed.below(5)],
        4 if at < input.len() => drop(input.drain(at..(at + 1 + seed.below(8)).min(input.len()))),
        _ => {
            // The tail of another input, or of this one again.
            let other = &inputs[seed.below(inputs.len())].1;
            let tail = other[seed.below(other.len() + 1)..].to_vec();
            input.truncate(at);
            input.extend(tail);
        }
    }
}

#[test]
fn the_vectors_are_in_the_corpus() {
    let vectors = |file: &str| -> Value {
        let path = format!("{}/../crates/hillfort-proto/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    let mut wanted: Vec<(&str, String, Vec<u8>)> = Vec::new();
    for (target, file, lists) in [
        ("hello", "hello", &["vectors"][..]),
        ("frame", "frame", &["vectors"]),
        ("message", "message", &["client", "server", "same", "bad", "beyond"]),
    ] {
        let all = vectors(file);
        for list in lists {
            for vector in all[list].as_array().unwrap() {
                let name = vector["name"].as_str().unwrap().to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
                wanted.push((target, format!("{list}-{name}"), unhex(vector["hex"].as_str().unwrap())));
            }
        }
    }
    wanted.extend(scripts().into_iter().map(|(name, script)| ("session", name.to_owned(), script)));
    for (target, name, bytes) in wanted {
        let path = corpus(target).join(name);
        if std::env::var_os("UPDATE_CORPUS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        let found = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run with UPDATE_CORPUS=1", path.display()));
        assert!(found == bytes, "{} is not the vector; run with UPDATE_CORPUS=1", path.display());
    }
}

/// Sessions as they are meant to go, in the steps of `hillfort_fuzz::session`.
fn scripts() -> Vec<(&'static str, Vec<u8>)> {
    let puzzle = Puzzle::new([7; 16], 1);
    let right = puzzle.solve(0, 256).unwrap() as u8;
    let wrong = (0..=255).find(|nonce| !puzzle.verify(u64::from(*nonce))).unwrap();
    let login = [&[2, 3][..], b"Ada"].concat();
    let join = [&[3, 7][..], b"hilltop", &[13]].concat();
    let play = [5, 0, 2, 2, 1, 2, 11, 0, 9, 4, 1, 2, 3, 4, 12, 0, 5, 3, 9, 9, 9, 6, 0, 1, 0, 7, 0, 1];
    let lost = [8, 11, 0, 1, 1, 5, 0, 0x27, 0x10, 9, 0, 1, 1];
    let idle = [0, 0x3A, 0x98, 10].repeat(5);
    let leave = [4, 15, 3, 2, b'N', b'o'];
    vec![
        ("login", login.clone()),
        ("play", [&login[..], &join, &play].concat()),
        ("lost-and-resumed", [&login[..], &join, &play, &lost, &play].concat()),
        ("idle-until-dropped", [&login[..], &idle, &[0, 0xFF, 0xFF, 10]].concat()),
        ("leave", [&login[..], &join, &play, &leave].concat()),
        ("many-events", [&login[..], &join, &[11, 0, 1, 1, 7].repeat(300)].concat()),
        ("raw-payload", [&[1, 2, 0x52, 0][..], &login, &[1, 2, 0x5A, 0]].concat()),
        ("login-slow", vec![0, 0x40, 0, 10]),
        ("worked-for", [&[17][..], &login, &[16, 0, right], &join, &play].concat()),
        ("wrong-work", [&[17][..], &login, &[16, 0, wrong], &join].concat()),
        ("work-slow", [&[17][..], &login, &[0, 0x40, 0, 10]].concat()),
    ]
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
