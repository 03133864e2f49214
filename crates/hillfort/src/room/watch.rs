//! `hillfort room watch`: the server in development mode, with a recording in place of the recorded game. Owns which settings that takes; the
//! showing is the realm's.

use std::sync::Arc;

use anyhow::{Context, bail};
use hillfort_realm::{Game, Keep, RerunOptions};
use hillfort_world::Seat;

use crate::cli::WatchArgs;
use crate::config;
use crate::exit::Exit;
use crate::logging::{self, Format};
use crate::serve;

pub(super) fn watch(args: &WatchArgs, natives: &[Game]) -> anyhow::Result<Exit> {
    let overrides = args.overrides();
    let load = || config::load(&overrides, std::env::vars(), &config::Disk);
    let mut settings = load()?;
    if !settings.development {
        bail!("recordings are shown in development mode only, to this machine: use a configuration without keys of your own");
    }
    let recording = super::open(&args.file)?;
    let game = super::game(&recording.origin.game, natives, settings.games_folder.as_deref())?;
    let options = RerunOptions { seat: args.seat.map(Seat), from: args.from, speed: args.speed, force: args.force };
    let shown = hillfort_realm::rerun(&game, Arc::new(recording), options).with_context(|| args.file.display().to_string())?;
    // Nobody plays, and nothing is kept of it.
    (settings.bots, settings.save_every, settings.recordings.keep) = (0, None, Keep::Nothing);
    let format = if settings.log.json { Format::Json } else { Format::Text };
    logging::start(format, &settings.log.filter)?;
    let name = Arc::clone(shown.name());
    let others = natives.iter().filter(|native| *native.name() != name).cloned();
    let games: Vec<_> = std::iter::once(shown).chain(others).collect();
    serve::show(&settings, &games, &load, &name)?;
    Ok(Exit::Ok)
}
