//! Whether the server is under attack: how many connections are offered and refused, second by second, with hysteresis. Knows nothing
//! of who they are.

use std::time::Duration;

use hillfort_proto::time::Time;

/// How the server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Posture {
    /// As on any day.
    #[default]
    Calm,
    /// Under attack: strangers have to work before they log in.
    Attack,
}

/// When the posture changes. It becomes attack in the moment in which one second has brought so many, and calm again once half of
/// both was not reached in any second for as long as `quiet`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostureRules {
    /// New connections a second.
    pub offered_per_s: u32,
    /// Refusals and offences a second.
    pub refused_per_s: u32,
    /// See above.
    pub quiet: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct Watch {
    posture: Posture,
    /// The second that is counted.
    second: Time,
    offered: u32,
    refused: u32,
    /// When there was last enough to stay under attack.
    loud: Time,
    attacks: u64,
}

const SECOND: Duration = Duration::from_secs(1);

impl Watch {
    /// A connection was offered.
    pub(crate) fn on_offer(&mut self, now: Time, rules: &PostureRules) {
        self.roll(now, rules);
        self.offered = self.offered.saturating_add(1);
        if self.offered >= rules.offered_per_s {
            self.alarm(now);
        }
    }

    /// Something was refused, or an offence.
    pub(crate) fn on_refusal(&mut self, now: Time, rules: &PostureRules) {
        self.roll(now, rules);
        self.refused = self.refused.saturating_add(1);
        if self.refused >= rules.refused_per_s {
            self.alarm(now);
        }
    }

    /// Under attack from now on.
    pub(crate) fn alarm(&mut self, now: Time) {
        self.attacks += u64::from(self.posture == Posture::Calm);
        self.posture = Posture::Attack;
        self.loud = now;
    }

    /// How the server stands now.
    pub(crate) fn at(&self, now: Time, rules: &PostureRules) -> Posture {
        let loud = if self.is_loud(rules) { self.loud.max(self.second + SECOND) } else { self.loud };
        if now.since(loud) < rules.quiet { self.posture } else { Posture::Calm }
    }

    /// How often it became attack.
    pub(crate) fn attacks(&self) -> u64 {
        self.attacks
    }

    fn is_loud(&self, rules: &PostureRules) -> bool {
        self.offered >= rules.offered_per_s.div_ceil(2) || self.refused >= rules.refused_per_s.div_ceil(2)
    }

    fn roll(&mut self, now: Time, rules: &PostureRules) {
        if now.since(self.second) < SECOND {
            return;
        }
        self.posture = self.at(now, rules);
        if self.is_loud(rules) {
            self.loud = self.loud.max(self.second + SECOND);
        }
        (self.second, self.offered, self.refused) = (now, 0, 0);
    }
}

#[cfg(test)]
mod tests;
