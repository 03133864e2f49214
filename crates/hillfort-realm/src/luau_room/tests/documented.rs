//! The examples of docs/rooms.md: shown there as they are, and the same game in both languages.

use super::*;

#[path = "tally.rs"]
#[expect(unreachable_pub, reason = "in the crate of a reader it is reachable")]
mod tally;

const PAGE: &str = include_str!("../../../../../docs/rooms.md");
const LUAU: &str = include_str!("tally.luau");
const RUST: &str = include_str!("tally.rs");

#[test]
fn the_page_shows_the_files() {
    assert!(PAGE.contains(&format!("```luau\n{LUAU}```")));
    assert!(PAGE.contains(&format!("```rust\n{RUST}```")));
}

#[test]
fn both_languages_give_the_same_game() {
    let luau = luau_game("tally", "tally.luau", LUAU).expect("the example is good");
    let rust = Game::native("tally", tally::Tally::default).expect("the name is good");
    let [from_luau, from_rust] = [luau, rust].map(|game| play(&game));
    assert_eq!(from_luau, from_rust);
    assert!(from_luau.iter().any(|line| line.contains("op: 2, data: [3, 0, 0, 0]")), "a round ended with 3 presses");
}

/// A minute and a bit; all that was put out, as text.
fn play(game: &Game) -> Vec<String> {
    let mut rig = Rig::of(game, 1);
    let mut lines = Vec::new();
    let ann = rig.join("ann");
    let bob = rig.join("bob");
    lines.extend(rig.out.iter().map(|output| format!("{output:?}")));
    for tick in 0..61 * 20 {
        match tick {
            3 => {
                rig.cell.push_input(ann, 1, b"");
            }
            4 => {
                rig.cell.push_input(bob, 1, b"");
                rig.cell.push_input(bob, 1, b"");
                rig.cell.push_input(bob, 1, b"too long");
                rig.cell.push_input(bob, 2, b"");
            }
            _ => {}
        }
        rig.tick();
        lines.extend(rig.out.iter().map(|output| format!("{output:?}")));
    }
    lines
}
