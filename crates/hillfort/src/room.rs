//! `hillfort room`: asks a running server for its rooms, works on recordings and serves them. Owns what is said about them; the work is done
//! by the realm (replay, sync test) and by the server that is asked.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};
use hillfort_realm::{Game, Outcome, ReplayOptions, SyncOptions};
use hillfort_world::Recording;

use crate::cli::{ReplayArgs, RoomCommand, SyncTestArgs};
use crate::exit::Exit;
use crate::games::Games;
use crate::serve;

mod ask;
mod diff;
mod inspect;
mod watch;

/// Does it, and says so on `out`. `natives` are games in Rust beside those in Luau.
///
/// # Errors
/// A file cannot be read or is no recording, there is no such game, or no server answers.
pub fn run(command: &RoomCommand, natives: &[Game], out: &mut dyn Write) -> anyhow::Result<Exit> {
    match command {
        RoomCommand::List { server } => ask::list(server, out).map(|()| Exit::Ok),
        RoomCommand::Record { room, server } => ask::record(server, room, out).map(|()| Exit::Ok),
        RoomCommand::Move { room, to, server } => ask::move_to(server, room, *to, out).map(|()| Exit::Ok),
        RoomCommand::Replay(args) => replay(args, natives, out),
        RoomCommand::Watch(args) => watch::watch(args, natives),
        RoomCommand::Inspect { file, inputs } => inspect::show(&open(file)?, *inputs, out).map(|()| Exit::Ok),
        RoomCommand::Diff { a, b } => diff::show(&open(a)?, &open(b)?, out),
        RoomCommand::SyncTest(args) => sync_test(args, natives, out),
    }
}

fn open(path: &Path) -> anyhow::Result<Recording> {
    let name = path.display();
    let bytes = fs::read(path).with_context(|| format!("{name} cannot be read"))?;
    Recording::from_file(&bytes).with_context(|| name.to_string())
}

fn game(name: &str, natives: &[Game], folder: Option<&Path>) -> anyhow::Result<Game> {
    let games = serve::rooms(&Games::new(folder.map(Path::to_owned)), natives, true)?;
    let known = games.iter().map(|game| game.name().to_string()).collect::<Vec<_>>().join(", ");
    let found = games.into_iter().find(|game| **game.name() == *name);
    found.with_context(|| format!("there is no game `{name}` among {known}: --games FOLDER adds games"))
}

fn replay(args: &ReplayArgs, natives: &[Game], out: &mut dyn Write) -> anyhow::Result<Exit> {
    let mut exit = Exit::Ok;
    for path in &args.files {
        let recording = open(path)?;
        let game = game(&recording.origin.game, natives, args.games.as_deref())?;
        let options = ReplayOptions { from: args.from, until: args.until, force: args.force };
        let start = Instant::now();
        let report = hillfort_realm::replay(&game, &recording, options, |_, _| ()).with_context(|| path.display().to_string())?;
        let seconds = start.elapsed().as_secs_f64().max(1e-9);
        let played = report.ticks as f64 / f64::from(report.hz.max(1));
        let (first, last) = (report.first_tick, report.first_tick + report.ticks);
        writeln!(
            out,
            "{}: ticks {first} to {last}, {played:.0} s of the game in {seconds:.3} s ({:.0} x real time), {} hash marks the same",
            path.display(),
            played / seconds,
            report.marks,
        )?;
        match &report.outcome {
            Outcome::Same => writeln!(out, "  the same to the end of what was replayed")?,
            Outcome::FaultAgain(fault) => writeln!(out, "  the same, and it ends by the same fault: {fault}")?,
            Outcome::NoFault => {
                writeln!(
                    out,
                    "  the same, but the fault that ended the room did not come again: it was the machine's (time), not the rules'"
                )?;
            }
            Outcome::Differs(difference) => writeln!(out, "  DIFFERS: {difference}")?,
        }
        if args.verify && !matches!(report.outcome, Outcome::Same | Outcome::FaultAgain(_)) {
            exit = Exit::Differs;
        }
    }
    Ok(exit)
}

fn sync_test(args: &SyncTestArgs, natives: &[Game], out: &mut dyn Write) -> anyhow::Result<Exit> {
    let game = game(&args.game, natives, args.games.as_deref())?;
    let options = SyncOptions { ticks: args.ticks, players: args.players, seed: args.seed, save_every: args.save_every };
    let report = match hillfort_realm::sync_test(&game, options) {
        Ok(report) => report,
        Err(fault) => {
            writeln!(out, "{}: {fault}", args.game)?;
            return Ok(Exit::Differs);
        }
    };
    let how = match (report.restored, args.save_every) {
        (true, 1) => "side by side, and after saving and restoring in each tick".into(),
        (true, every) => format!("side by side, and after saving and restoring once in {every} ticks"),
        (false, 0) => "side by side".into(),
        (false, _) => String::from("side by side (it has no on_save)"),
    };
    writeln!(out, "{}: {} ticks the same {how}", args.game, report.recording.ticks)?;
    if let Some(path) = &args.record {
        if path.exists() {
            bail!("{} is there already", path.display());
        }
        fs::write(path, report.recording.to_file()).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests;
