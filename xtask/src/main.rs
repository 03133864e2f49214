//! Automation for the workspace: `cargo xtask --help` lists it. Owns no logic; each command has its module.

#![expect(clippy::print_stdout, reason = "a command line tool speaks on standard output")]

mod ci;
mod codegen;
mod layers;
mod newcomer;
mod pure;
mod shell;
mod tidy;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Automation for Hillfort's workspace")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// All that CI checks, in order of cost, with times.
    Ci(ci::Options),
    /// Rust types of the messages, from schema/session.proto.
    Codegen {
        /// Only says whether they are up to date.
        #[arg(long)]
        check: bool,
    },
    /// A project that `hillfort new game --rust` makes builds, and its lints refuse what no recording can bear. Wants target/debug/hillfort.
    Newcomer,
    /// Arrows between crates go only to a lower floor; the lower floors stay free of clocks, sockets and randomness.
    Layers,
    /// Files say what they own, stay short, and stand in ARCHITECTURE.md.
    Tidy,
    /// Writes the clippy.toml of the pure crates: the root's bans plus theirs.
    Pure {
        /// Only says whether they are up to date.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Ci(options) => ci::run(&options),
        Command::Codegen { check } => codegen::run(check),
        Command::Newcomer => newcomer::run(),
        Command::Layers => layers::run(),
        Command::Tidy => tidy::run(),
        Command::Pure { check } => pure::run(check),
    }
}
