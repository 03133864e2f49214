//! A test for any game: is a room the same after the same calls, and after it was saved and restored? Plays the strangers itself: seeded
//! players who come, go, are lost, and send bytes that mostly mean nothing. Knows nothing of any game's rules.

use std::fmt::Debug;
use std::rc::Rc;

use hillfort_proto::ids::SessionId;
use hillfort_proto::time::Time;
use hillfort_world::{
    End, Origin, Outputs, RecordBudget, RecordLimits, Recorder, Recording, Rng, RoomCell, RoomFault, Seat, Stored, Verdict, Who,
};

use crate::game::{Factory, Game};
use crate::wall;

/// What is played.
#[derive(Debug, Clone, Copy)]
pub struct SyncOptions {
    /// Ticks.
    pub ticks: u64,
    /// Players who are there most of the time, at most.
    pub players: u16,
    /// Of the room, and of what the players do.
    pub seed: u64,
    /// Rooms that can be are saved and restored once in so many ticks; 0: never, and the recording has play alone.
    pub save_every: u64,
}

impl Default for SyncOptions {
    /// 2,000 ticks, 8 players, seed 1, saved in each tick.
    fn default() -> Self {
        Self { ticks: 2_000, players: 8, seed: 1, save_every: 1 }
    }
}

/// What was played, and was the same.
#[derive(Debug)]
pub struct SyncReport {
    /// The room, recorded.
    pub recording: Recording,
    /// Whether it was saved and restored, too.
    pub restored: bool,
}

/// Rooms that had to be the same were not, or the room failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyncFault {
    /// Two answered otherwise or put out something else.
    #[error("tick {tick}, {what}: {which} did something else: {one} became {other}")]
    Differs {
        /// When.
        tick: u64,
        /// In what.
        what: &'static str,
        /// Which of them.
        which: &'static str,
        /// What the first did.
        one: String,
        /// What the other did.
        other: String,
    },
    /// The room's fault, or one of its maker.
    #[error("tick {tick}: {fault}")]
    Room {
        /// When.
        tick: u64,
        /// What.
        fault: RoomFault,
    },
}

/// Plays two rooms of `game` side by side, and a third that is made anew, in each tick or as `options` say, from the first one's state if it can be saved.
///
/// # Errors
/// [`SyncFault`]: the first difference.
pub fn sync_test(game: &Game, options: SyncOptions) -> Result<SyncReport, SyncFault> {
    let fault = |fault| SyncFault::Room { tick: 0, fault };
    let factory = wall::behind(|| game.factory()).map_err(fault)?;
    let origin = Origin { game: game.name().clone(), rules: game.rules().clone(), seed: options.seed, ..Origin::default() };
    let mut trial = Trial { factory, origin, cells: Vec::new(), tick: 0, restored: false };
    for _ in 0..2 {
        let cell = trial.cell().map_err(fault)?;
        trial.cells.push(cell);
    }
    let mut crowd = Crowd { dice: Rng::new(options.seed), joined: 0, lost: Vec::new() };
    for tick in 1..=options.ticks {
        crowd.act(&mut trial, options.players)?;
        trial.tick = tick;
        trial.each("tick", |cell, out| {
            cell.on_tick(out)?;
            Ok(cell.ctx().scene_mark())
        })?;
        for seat in trial.kicked() {
            crowd.leave(&mut trial, seat)?;
        }
        if trial.cells[0].is_ended() {
            break;
        }
        if options.save_every > 0 && tick.is_multiple_of(options.save_every) {
            trial.restore()?;
        }
    }
    let recording = trial.cells[0].finish_recording(End::Closed).expect("is recorded");
    Ok(SyncReport { recording, restored: trial.restored })
}

const WHICH: [&str; 3] = ["the room", "its twin", "the room that was saved and restored"];

/// Rooms that must be the same.
struct Trial {
    factory: Factory,
    origin: Origin,
    cells: Vec<RoomCell>,
    tick: u64,
    restored: bool,
}

impl Trial {
    fn cell(&mut self) -> Result<RoomCell, RoomFault> {
        let mut cell = RoomCell::new(wall::behind(&mut self.factory)?, self.origin.seed);
        let limits = RecordLimits { room_bytes: 256 << 20, ..RecordLimits::default() };
        cell.record(Recorder::new(self.origin.clone(), limits, Rc::new(RecordBudget::new(limits.room_bytes))));
        wall::behind(|| cell.on_create(&[], &mut Outputs::default()))?;
        Ok(cell)
    }

    /// Does the same with each of them, and compares what comes of it.
    fn each<T: PartialEq + Debug>(
        &mut self,
        what: &'static str,
        call: impl Fn(&mut RoomCell, &mut Outputs) -> Result<T, RoomFault>,
    ) -> Result<T, SyncFault> {
        let tick = self.tick;
        let mut first = None;
        for (at, cell) in self.cells.iter_mut().enumerate() {
            let mut out = Outputs::default();
            let answer = wall::behind(|| call(cell, &mut out)).map_err(|fault| SyncFault::Room { tick, fault })?;
            let state = cell.state();
            let Some((answer_before, out_before, state_before)) = &first else {
                first = Some((answer, out, state));
                continue;
            };
            let differs = |one: String, other: String| SyncFault::Differs { tick, what, which: WHICH[at], one, other };
            if answer != *answer_before {
                return Err(differs(format!("{answer_before:?}"), format!("{answer:?}")));
            }
            if state != *state_before {
                return Err(differs(format!("{state_before:?}"), format!("{state:?}")));
            }
            let mut pairs = out_before.iter().zip(out.iter());
            if let Some((one, other)) = pairs.find(|(one, other)| one != other) {
                return Err(differs(format!("{one:?}"), format!("{other:?}")));
            }
            let (before, now) = (out_before.iter().count(), out.iter().count());
            if before != now {
                return Err(differs(format!("{before} outputs"), format!("{now} outputs")));
            }
        }
        Ok(first.expect("there are two").0)
    }

    /// Players who were told to leave.
    fn kicked(&self) -> Vec<Seat> {
        self.cells[0].state().players.iter().filter(|player| player.kicked).map(|player| player.seat).collect()
    }

    /// Makes the third room anew from the state of the first.
    fn restore(&mut self) -> Result<(), SyncFault> {
        self.cells.truncate(2);
        let saved = self.each("save", |cell, out| {
            let mut saved = Vec::new();
            Ok((cell.on_save(&mut saved, out)?, saved))
        })?;
        if saved.0 == Stored::NotSupported {
            return Ok(());
        }
        let state = self.cells[0].state();
        let tick = self.tick;
        let fault = |fault| SyncFault::Room { tick, fault };
        let mut third = self.cell().map_err(fault)?;
        let refused = |_| fault(RoomFault::crashed("the state has seats that the room does not have"));
        third.put_state(Time::ZERO, &state).map_err(refused)?;
        wall::behind(|| third.on_restore(&saved.1, &mut Outputs::default())).map_err(fault)?;
        third.put_state(Time::ZERO, &state).map_err(refused)?;
        self.cells.push(third);
        self.restored = true;
        Ok(())
    }
}

/// Strangers.
struct Crowd {
    dice: Rng,
    joined: u64,
    lost: Vec<Seat>,
}

impl Crowd {
    /// What happens between two ticks.
    fn act(&mut self, trial: &mut Trial, players_max: u16) -> Result<(), SyncFault> {
        let seats: Vec<_> = trial.cells[0].ctx().players().iter().map(|player| player.seat).collect();
        if seats.len() < usize::from(players_max) && self.dice.below(4) == 0 {
            self.join(trial)?;
        }
        for seat in seats {
            match self.dice.below(400) {
                0 => self.leave(trial, seat)?,
                1 if !self.lost.contains(&seat) => {
                    self.lost.push(seat);
                    trial.each("drop", |cell, out| cell.on_drop(Time::ZERO, seat, out))?;
                }
                2..40 if self.lost.contains(&seat) => {
                    self.lost.retain(|&other| other != seat);
                    trial.each("reconnect", |cell, out| cell.on_reconnect(seat, out))?;
                }
                3..300 if !self.lost.contains(&seat) => {
                    for _ in 0..=self.dice.below(2) {
                        let (op, data) = self.input();
                        trial.each("input", |cell, _| Ok(cell.push_input(seat, op, &data)))?;
                    }
                }
                _ => {}
            }
        }
        if self.dice.below(100) == 0 {
            trial.each("signal", |cell, out| {
                let mut reply = Vec::new();
                cell.on_signal(b"how", &mut reply, out)?;
                Ok(reply)
            })?;
        }
        Ok(())
    }

    /// Mostly small numbers and few bytes, so that some of it means something to a game.
    fn input(&mut self) -> (u32, Vec<u8>) {
        let op = if self.dice.below(50) == 0 { self.dice.next_u64() as u32 } else { self.dice.below(5) as u32 };
        let len = if self.dice.below(50) == 0 { self.dice.below(200) } else { self.dice.below(8) };
        (op, (0..len).map(|_| self.dice.next_u64() as u8).collect())
    }

    fn join(&mut self, trial: &mut Trial) -> Result<(), SyncFault> {
        self.joined += 1;
        let name = format!("player {}", self.joined);
        let who = Who { session: SessionId(self.joined << 8), name: &name, facts: &[] };
        if trial.each("attempt", |cell, out| cell.on_join_attempt(who, out))? == Verdict::Accept {
            let seat = trial.each("seat", |cell, _| Ok(cell.take_seat(who)))?;
            trial.each("join", |cell, out| seat.map_or(Ok(()), |seat| cell.on_join(seat, out)))?;
        }
        Ok(())
    }

    fn leave(&mut self, trial: &mut Trial, seat: Seat) -> Result<(), SyncFault> {
        self.lost.retain(|&other| other != seat);
        trial.each("leave", |cell, out| cell.on_leave(seat, out))?;
        trial.each("free seat", |cell, _| Ok(cell.free_seat(seat))).map(drop)
    }
}

#[cfg(test)]
mod tests;
