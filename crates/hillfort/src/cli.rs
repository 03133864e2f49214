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
    /// Reads a file that says what a game's entities look like
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// Measures this machine and a server on it: raw limits, bots, attacks, report
    Load(hillfort_load::Command),
    /// Rooms of a running server, and recordings of rooms: list, record, replay, inspect, compare
    #[command(subcommand)]
    Room(RoomCommand),
    /// Makes the tables of the database, or brings them up to date; `serve` does so by itself
    Migrate(ConfigArgs),
    /// Copies the database into a new file, as it is at one moment; a server may go on using it
    Backup(FileArgs),
    /// Makes a database of a backup; nothing is overwritten
    Restore(FileArgs),
    /// Writes the whole database as lines of JSON, for another kind of database
    Export(FileArgs),
    /// Reads what `export` wrote into an empty database
    Import(FileArgs),
    /// Gives an operator of the console a new password, and shows it; with --create makes one
    Operator(OperatorArgs),
    /// Begins something of your own
    #[command(subcommand)]
    New(NewCommand),
    /// Says which version this is
    Version,
}

/// A file beside the database, which the setting store.url names.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// The file
    pub file: PathBuf,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// Which operator.
#[derive(Debug, Args)]
pub struct OperatorArgs {
    /// Its name
    pub name: String,
    /// What it may do: viewer, operator or administrator; without, one that is there keeps its role
    #[arg(long, value_parser = role)]
    pub role: Option<hillfort_store::Role>,
    /// Makes an operator of this name, which must be new; says its role, too
    #[arg(long, requires = "role")]
    pub create: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// What to begin.
#[derive(Debug, Subcommand)]
pub enum NewCommand {
    /// Makes a folder with a small game that plays: rules, a page for the browser, settings, and how to go on
    Game(NewGameArgs),
}

/// Which game.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("language").required(true))]
pub struct NewGameArgs {
    /// The folder to make; its last part is the name of the game: 1 to 32 of a-z, 0-9 and -
    pub folder: PathBuf,
    /// Rules in Luau: no compiler is needed, a change needs a restart of the server
    #[arg(long, group = "language")]
    pub lua: bool,
    /// Rules in Rust: a Cargo project whose binary is Hillfort with your game in it
    #[arg(long, group = "language")]
    pub rust: bool,
    /// Where the source of Hillfort lies, for --rust: its crates are in no registry
    #[arg(long, value_name = "FOLDER", default_value = ".", conflicts_with = "lua")]
    pub checkout: PathBuf,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Prints every setting in force, what it means and where its value comes from; secrets are hidden
    Print(ConfigArgs),
}

/// What to do with rooms.
#[derive(Debug, Subcommand)]
pub enum RoomCommand {
    /// Lists the rooms of a server that runs on this machine
    List {
        #[command(flatten)]
        server: ConsoleArgs,
    },
    /// Has a server that runs on this machine write down what was done to a room so far, and says in which file
    Record {
        /// The room's id, as the list has it
        room: String,
        #[command(flatten)]
        server: ConsoleArgs,
    },
    /// Has a server that runs on this machine move a room to another of its world threads, between two ticks
    Move {
        /// The room's id, as the list has it
        room: String,
        /// Number of the world thread, from 0
        #[arg(long)]
        to: u8,
        #[command(flatten)]
        server: ConsoleArgs,
    },
    /// Does to a new room what was done to the recorded one, and compares each hash of what it puts out
    Replay(ReplayArgs),
    /// Serves a recording to spectators: the game's page shows it, from the seat of one of its players
    Watch(WatchArgs),
    /// Shows what is in a recording
    Inspect {
        /// The recording
        file: PathBuf,
        /// Shows each call, too
        #[arg(long)]
        inputs: bool,
    },
    /// Shows where two recordings begin to differ
    Diff {
        /// One
        a: PathBuf,
        /// The other
        b: PathBuf,
    },
    /// Plays rooms of a game with seeded strangers, side by side and after saving and restoring, and compares what they put out
    SyncTest(SyncTestArgs),
}

/// A server on this machine.
#[derive(Debug, Args)]
pub struct ConsoleArgs {
    /// Address of its console
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7351")]
    pub console: std::net::SocketAddr,
    /// File with the key that the console asks for outside of development mode
    #[arg(long, value_name = "FILE", default_value = "data/console.key")]
    pub key: PathBuf,
}

/// What to replay.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Recordings
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Ends after this tick
    #[arg(long, value_name = "TICK")]
    pub until: Option<u64>,
    /// Begins with the last state that was saved before this tick; without one at the start
    #[arg(long, value_name = "TICK", default_value_t = 0)]
    pub from: u64,
    /// Replays although the rules are others than those that were recorded
    #[arg(long)]
    pub force: bool,
    /// Fails when anything differs; without it a difference is only told
    #[arg(long)]
    pub verify: bool,
    /// Folder of games beside those that ship
    #[arg(long, value_name = "FOLDER")]
    pub games: Option<PathBuf>,
}

/// What to watch.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The recording
    pub file: PathBuf,
    /// Whose seat to look from; by default that of the player who has been there longest when it begins
    #[arg(long = "as", value_name = "SEAT")]
    pub seat: Option<u16>,
    /// Begins at this tick; what was before is run at once
    #[arg(long, value_name = "TICK", default_value_t = 0)]
    pub from: u64,
    /// How many times as fast as it was, 0.1 to 16
    #[arg(long, value_name = "TIMES", default_value = "1", value_parser = speed)]
    pub speed: f64,
    /// Shows it although the rules are others than those that were recorded
    #[arg(long)]
    pub force: bool,
    /// Folder of games beside those that ship; the same as --set games.folder=FOLDER
    #[arg(long, value_name = "FOLDER")]
    pub games: Option<String>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// What to play.
#[derive(Debug, Args)]
pub struct SyncTestArgs {
    /// The game
    pub game: String,
    /// Ticks
    #[arg(long, default_value_t = 2_000)]
    pub ticks: u64,
    /// Players
    #[arg(long, default_value_t = 8)]
    pub players: u16,
    /// Start of all randomness
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Saves and restores the room once in so many ticks; 0: never, so that a recording has play alone
    #[arg(long, value_name = "TICKS", default_value_t = 1)]
    pub save_every: u64,
    /// Keeps the recording
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Folder of games beside those that ship
    #[arg(long, value_name = "FOLDER")]
    pub games: Option<PathBuf>,
}

/// What to do with a schema.
#[derive(Debug, Subcommand)]
pub enum SchemaCommand {
    /// Says what is wrong with it, or what it costs: kinds, columns, bits, and the hash that server and clients compare
    Check {
        /// The schema, in TOML
        file: PathBuf,
    },
    /// Writes what a JavaScript client decodes with: NAME.schema.js, and its types in NAME.schema.d.ts
    Js {
        /// The schema, in TOML; NAME is its name without the extension
        file: PathBuf,
        /// Folder to write into
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
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

impl WatchArgs {
    /// What it says about the configuration.
    #[must_use]
    pub fn overrides(&self) -> Overrides {
        let mut overrides = Overrides::from(self.config.clone());
        overrides.set.extend(self.games.clone().map(|folder| ("games.folder".to_owned(), folder)));
        overrides
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

fn role(text: &str) -> Result<hillfort_store::Role, String> {
    hillfort_store::Role::from_name(text).ok_or_else(|| "viewer, operator or administrator is expected".to_owned())
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed| (0.1..=16.0).contains(speed));
    speed.ok_or_else(|| "a number from 0.1 to 16 is expected".to_owned())
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("KEY=VALUE is expected, as in edge.tcp_port=9000".to_owned()),
    }
}

#[cfg(test)]
mod tests;
