//! The `hillfort` command, with the games that ship.

#![forbid(unsafe_code)]

fn main() -> hillfort::exit::Exit {
    hillfort::program::run(&[])
}
