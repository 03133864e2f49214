//! What an address has done, by reason: the last few kinds of offence with their points. Knows nothing of what follows from it.

use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;

/// Kinds of offence that are remembered for an address. A further one takes the place of the one that was last seen longest ago.
pub const REASONS_MAX: usize = 4;

/// Offences of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    /// Which kind.
    pub reject: Reject,
    /// How many since the address last had a clean sheet.
    pub count: u32,
    /// Their points together.
    pub points: u32,
    /// The last of them.
    pub last: Time,
}

/// What the guard thinks of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reputation {
    /// From 0 to 100: 100 has done nothing that is remembered.
    pub score: u8,
    /// Points of offence now, of `points_max`, which grows with the accounts seen from the address; with as many it is banned.
    pub points: u32,
    /// See above.
    pub points_max: u32,
    /// Kinds of offence, the latest first.
    pub reasons: Vec<Reason>,
    /// The last offence.
    pub last: Option<Time>,
    /// Bans for offences that are not forgotten yet: each doubles the next.
    pub repeats: u8,
    /// Whether sessions from here have lasted in the past days.
    pub known: bool,
    /// Different accounts that lasted here within about a day.
    pub accounts: u32,
}

/// The reasons of one address.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reasons([Option<Reason>; REASONS_MAX]);

impl Reasons {
    pub(crate) fn add(&mut self, now: Time, reject: Reject, points: u32) {
        let own = self.0.iter().position(|reason| reason.is_some_and(|reason| reason.reject == reject));
        let at = own.or_else(|| (0..REASONS_MAX).min_by_key(|&at| self.0[at].map(|reason| reason.last))).expect("four places");
        match &mut self.0[at] {
            Some(reason) if own.is_some() => {
                reason.count = reason.count.saturating_add(1);
                reason.points = reason.points.saturating_add(points);
                reason.last = now;
            }
            place => *place = Some(Reason { reject, count: 1, points, last: now }),
        }
    }

    /// The one that weighs most.
    pub(crate) fn main(&self) -> Option<Reject> {
        self.0.iter().flatten().max_by_key(|reason| (reason.points, reason.last)).map(|reason| reason.reject)
    }

    /// All of them, the latest first.
    pub(crate) fn list(&self) -> Vec<Reason> {
        let mut list: Vec<_> = self.0.iter().flatten().copied().collect();
        list.sort_by_key(|reason| std::cmp::Reverse(reason.last));
        list
    }
}

#[cfg(test)]
mod tests;
