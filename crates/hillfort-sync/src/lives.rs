//! Lives of rows: finds out when ids come round so soon that a client could take a newcomer for the one that had its id before. Knows nothing of
//! clients.

use crate::frame::GENERATIONS;
use crate::scene::Scene;

/// How many lives rows have had.
#[derive(Debug)]
pub(crate) struct Lives {
    /// Ticks whose frames are kept.
    kept: u32,
    /// Once to twice so many ticks ago.
    older: Mark,
    /// Within the last of them; takes the other's place when it is as old.
    newer: Mark,
    rounds: u64,
}

/// Lives as they were at a tick.
#[derive(Debug, Default)]
struct Mark {
    tick: u32,
    /// Of the scene in all.
    spawned: u64,
    /// By row.
    lives: Vec<u32>,
}

impl Lives {
    pub(crate) fn new(kept: u32) -> Self {
        Self { kept, older: Mark::default(), newer: Mark::default(), rounds: 0 }
    }

    /// How often ids have come round until now, when `scene` is published at `tick`: a row had as many lives as are told apart within the ticks that
    /// frames and clients may still tell of.
    pub(crate) fn rounds(&mut self, tick: u32, scene: &Scene) -> u64 {
        if tick.wrapping_sub(self.newer.tick) >= self.kept {
            std::mem::swap(&mut self.older, &mut self.newer);
            self.newer.note(tick, scene);
        }
        if self.older.has_come_round(scene) {
            self.rounds += 1;
            self.older.note(tick, scene);
            self.newer.note(tick, scene);
        }
        self.rounds
    }
}

impl Mark {
    fn note(&mut self, tick: u32, scene: &Scene) {
        (self.tick, self.spawned) = (tick, scene.spawned());
        self.lives.clear();
        self.lives.extend(scene.rows().iter().map(|row| row.lives));
    }

    /// Whether a row has had all its lives since. Scenes in which few came are not looked through.
    fn has_come_round(&self, scene: &Scene) -> bool {
        let lives_at = |at: usize| self.lives.get(at).copied().unwrap_or(0);
        scene.spawned().wrapping_sub(self.spawned) >= u64::from(GENERATIONS)
            && scene.rows().iter().enumerate().any(|(at, row)| row.lives.wrapping_sub(lives_at(at)) >= u32::from(GENERATIONS))
    }
}
