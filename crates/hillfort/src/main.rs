//! The `hillfort` command.

fn main() {}
