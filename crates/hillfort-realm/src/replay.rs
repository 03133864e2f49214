//! Recordings made to happen again, behind the wall: by which game, from where, until when, and what came of it. Knows nothing of files.

use std::sync::Arc;

use hillfort_world::{Difference, End, Outputs, Recording, Replay, RoomFault, Seat, StartFault, Step};

use crate::game::Game;
use crate::wall;

/// What is to be replayed.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReplayOptions {
    /// Begins with the last state that was saved at or before this tick; 0 begins where the recording does.
    pub from: u64,
    /// Ends after this tick.
    pub until: Option<u64>,
    /// Replays although the rules are others than those that were recorded.
    pub force: bool,
}

/// What was replayed, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Ticks before the replay's first.
    pub first_tick: u64,
    /// Ticks run.
    pub ticks: u64,
    /// Ticks a second of the game.
    pub hz: u32,
    /// Hash marks that were the same.
    pub marks: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a replay ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All was the same, to the end or to the tick that was asked for.
    Same,
    /// All was the same, and the room ended by the same fault in the same tick.
    FaultAgain(RoomFault),
    /// All was the same, but the fault that ended the recorded room did not happen: it came from outside of the recording, as the time of
    /// a slow machine does.
    NoFault,
    /// It went another way.
    Differs(Difference),
}

/// A replay did not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayRefused {
    /// The game is another.
    #[error("this is a recording of the game `{0}`")]
    Game(Arc<str>),
    /// The rules are others.
    #[error(
        "recorded with other rules ({recorded}) than these ({here}): replay it with the rules that it was recorded with, or with --force"
    )]
    Rules {
        /// Their version.
        recorded: Arc<str>,
        /// Version of the game that was given.
        here: Arc<str>,
    },
    /// It has no such tick.
    #[error("the recording ends at tick {ticks}")]
    From {
        /// Its last.
        ticks: u64,
    },
    /// Nobody can be looked at.
    #[error("nobody has had seat {} in the recording: there are {known}", .seat.0)]
    Seat {
        /// Where nobody sat.
        seat: Seat,
        /// Where somebody did.
        known: String,
    },
    /// The room could not be made, or did not take up its state.
    #[error(transparent)]
    Start(#[from] StartFault),
}

/// Replays `recording` with the rules of `game`. After each call or tick `watch` sees the room's outputs and the replay.
///
/// # Errors
/// [`ReplayRefused`]: nothing was replayed.
pub fn replay(
    game: &Game,
    recording: &Recording,
    options: ReplayOptions,
    mut watch: impl FnMut(&Outputs, &Replay),
) -> Result<Report, ReplayRefused> {
    check_rules(game, recording, options.force)?;
    let from = recording.segments.iter().rposition(|segment| segment.first_tick <= options.from).unwrap_or(0);
    let first_tick = recording.segments.get(from).map_or(0, |segment| segment.first_tick);
    let mut out = Outputs::default();
    let mut report = Report { first_tick, ticks: 0, hz: 0, marks: 0, outcome: Outcome::Same };
    let mut factory = wall::behind(|| game.factory()).map_err(StartFault::Room)?;
    let started = wall::behind(|| {
        let room = factory()?;
        Ok(Replay::start(recording, from, room, &mut out))
    });
    let mut replay = match started.unwrap_or_else(|fault| Err(StartFault::Room(fault))) {
        Ok(replay) => replay,
        Err(StartFault::Room(fault)) if recording.end == End::fault("on_create", &fault) => {
            report.outcome = Outcome::FaultAgain(fault);
            return Ok(report);
        }
        Err(fault) => return Err(fault.into()),
    };
    report.hz = replay.cell().ctx().hz();
    watch(&out, &replay);
    report.outcome = loop {
        if options.until.is_some_and(|until| replay.tick() >= until) {
            break Outcome::Same;
        }
        out.clear();
        let step = wall::behind(|| Ok(replay.step(&mut out)))
            .unwrap_or_else(|fault| Err(Difference::Fault { tick: replay.tick(), callback: replay.cell().callback(), fault }));
        match step {
            Ok(Step::Done) => watch(&out, &replay),
            Ok(Step::Same) => report.marks += 1,
            Ok(Step::End) if recording.stopped_at.is_none() && matches!(recording.end, End::Fault { .. }) => {
                break Outcome::NoFault;
            }
            Ok(Step::End) => break Outcome::Same,
            Err(Difference::Fault { tick, callback, fault })
                if tick == recording.ticks && recording.end == End::fault(callback, &fault) =>
            {
                break Outcome::FaultAgain(fault);
            }
            Err(difference) => break Outcome::Differs(difference),
        }
    };
    report.ticks = replay.tick().saturating_sub(first_tick);
    // A room that failed may fail again when it is dropped, which says no more.
    let _again = wall::bury(replay);
    Ok(report)
}

/// Whether `recording` is of this game, and of its version unless that is forced.
pub(crate) fn check_rules(game: &Game, recording: &Recording, force: bool) -> Result<(), ReplayRefused> {
    let origin = &recording.origin;
    if origin.game != *game.name() {
        return Err(ReplayRefused::Game(Arc::clone(&origin.game)));
    }
    if origin.rules != *game.rules() && !force {
        return Err(ReplayRefused::Rules { recorded: Arc::clone(&origin.rules), here: Arc::clone(game.rules()) });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
