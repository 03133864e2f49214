//! How many bans may be made: a mistake of ours, or an attack that makes players look bad, must not ban everybody. Knows nothing of
//! why a ban is wanted.

use std::time::Duration;

use hillfort_proto::time::Time;

/// Bounds of what offences can lead to. An operator's bans are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FuseRules {
    /// New bans in any minute.
    pub bans_per_min: u32,
    /// Bans in any hour of addresses that had a login within the hour before, in percent of all such addresses; three are always
    /// allowed, or a server with few players could ban no cheater.
    pub players_percent: u32,
}

const PLAYERS_MIN: u32 = 3;

#[derive(Debug)]
pub(crate) struct Fuse {
    bans: Window,
    players: Window,
}

/// Events of the last six slots and of this one: never fewer than those of the last six slots' time.
#[derive(Debug)]
struct Window {
    slot: Duration,
    at: u64,
    counts: [u32; 7],
}

impl Fuse {
    pub(crate) fn new() -> Self {
        Self { bans: Window::new(Duration::from_secs(10)), players: Window::new(Duration::from_secs(600)) }
    }

    /// Whether one more may be made; then it is counted. `player`: its address had a login within the last hour, as `players` had.
    pub(crate) fn spend(&mut self, now: Time, rules: &FuseRules, player: bool, players: u32) -> bool {
        let percent = u64::from(players) * u64::from(rules.players_percent) / 100;
        let players_max = u32::try_from(percent).unwrap_or(u32::MAX).max(PLAYERS_MIN);
        if self.bans.sum(now) >= rules.bans_per_min || (player && self.players.sum(now) >= players_max) {
            return false;
        }
        self.bans.add(now);
        if player {
            self.players.add(now);
        }
        true
    }
}

impl Window {
    const fn new(slot: Duration) -> Self {
        Self { slot, at: 0, counts: [0; 7] }
    }

    fn sum(&mut self, now: Time) -> u32 {
        let at = now.0 / self.slot.as_nanos() as u64;
        for slot in self.at + 1..=at.min(self.at + 7) {
            self.counts[(slot % 7) as usize] = 0;
        }
        self.at = self.at.max(at);
        self.counts.iter().sum()
    }

    fn add(&mut self, now: Time) {
        self.sum(now);
        self.counts[(self.at % 7) as usize] += 1;
    }
}

#[cfg(test)]
mod tests;
