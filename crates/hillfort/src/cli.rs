//! The command line: names, help and the layer of settings that flags are. Knows nothing of how the commands do their work.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::Overrides;

/// A game-backend server: doors, guard, rooms, a game that plays and a console, in one binary.
///
/// Without a command it serves: the game on http://127.0.0.1:7350, the console on http://127.0.0.1:7351.
#[derive(Debug, Parser)]
#[command(name = "hillfort", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the server (the default)
    Serve(ConfigArgs),
    /// Checks the configuration, the certificate and the scripts of the games, and says what is wrong with them
    Check(ConfigArgs),
    /// Shows the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Measures this machine and a server on it: raw limits, bots, attacks, report
    Load(hillfort_load::Command),
    /// Says which version this is
    Version,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Prints every setting in force, what it means and where its value comes from; secrets are hidden
    Print(ConfigArgs),
}

/// Where settings come from.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// File with settings; ./hillfort.toml when it is there
    #[arg(long, value_name = "FILE", env = "HILLFORT_CONFIG")]
    config: Option<PathBuf>,
    /// One setting over all others, as in --set edge.tcp_port=9000; can be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
    /// TLS on both doors with a certificate that is made for this machine; the same as --set edge.tls_self_signed=true
    #[arg(long)]
    self_signed: bool,
}

impl Cli {
    /// What to do.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.config))
    }
}

impl From<ConfigArgs> for Overrides {
    fn from(args: ConfigArgs) -> Self {
        let mut set = args.set;
        if args.self_signed {
            set.push(("edge.tls_self_signed".to_owned(), "true".to_owned()));
        }
        Self { file: args.config, set }
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("KEY=VALUE is expected, as in edge.tcp_port=9000".to_owned()),
    }
}

#[cfg(test)]
mod tests;
