//! Hillfort with Magpie in it: `serve`, `check`, `room` and all other commands know the game beside those that ship.

mod room;

use hillfort::exit::Exit;
use hillfort_realm::Game;

fn main() -> Exit {
    let game = Game::native("magpie", room::Magpie::default).expect("the name is good");
    // A recording is replayed by the version that made it: count up when the rules change.
    hillfort::program::run(&[game.with_rules("magpie 0.1.0")])
}
