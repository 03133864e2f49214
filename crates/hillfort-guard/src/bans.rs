//! Offences and bans by source, both in bounded tables. Knows nothing of rates of connections.

use std::net::IpAddr;
use std::time::Duration;

use hashbrown::HashTable;
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;

use crate::bucket::{Bucket, Rate};
use crate::source::Source;

/// Bans in force at most. A further one replaces the one that would end first.
pub const BANS_MAX: usize = 4096;
/// Sources whose offences are remembered at most. A further one replaces, among four, the one that owes least.
pub const SUSPECTS_MAX: usize = 8192;

const WAYS: usize = 4;

/// One ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// The address; of an IPv6 address its /64.
    pub addr: IpAddr,
    /// Why.
    pub cause: Cause,
    /// Offences that led to it; 0 when an operator made it.
    pub count: u32,
    /// First of them, or when it was made.
    pub first: Time,
    /// Last of them, or when it was made.
    pub last: Time,
    /// It ends here.
    pub until: Time,
}

/// Why a ban was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Offences; the last one's reason.
    Offence(Reject),
    /// A person's decision.
    Operator,
}

/// The address is in a list of those that are never banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address is in the list of trusted or unbannable prefixes")]
pub struct NotBannable;

#[derive(Debug)]
pub(crate) struct Bans {
    bans: HashTable<Held>,
    suspects: Vec<Suspect>,
}

#[derive(Debug)]
struct Held {
    source: Source,
    ban: Ban,
}

#[derive(Debug, Clone, Copy, Default)]
struct Suspect {
    source: u64,
    points: Bucket,
    count: u32,
    first: Time,
    last: Time,
}

/// What led to a ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Evidence {
    pub(crate) count: u32,
    pub(crate) first: Time,
    pub(crate) last: Time,
}

impl Bans {
    pub(crate) fn new() -> Self {
        // Twice what is needed, so that the table tidies itself up in place and never grows.
        Self { bans: HashTable::with_capacity(2 * BANS_MAX), suspects: vec![Suspect::default(); SUSPECTS_MAX] }
    }

    pub(crate) fn holds(&self, now: Time, source: Source) -> bool {
        // Nearly always there is none, and then there is nothing to look up.
        !self.bans.is_empty()
            && self.bans.find(source.hash(), |held| held.source == source).is_some_and(|held| held.ban.until > now)
    }

    pub(crate) fn ban(&mut self, now: Time, source: Source, ban: Ban) {
        self.lift(source);
        if self.bans.len() >= BANS_MAX {
            self.bans.retain(|held| held.ban.until > now);
        }
        if self.bans.len() >= BANS_MAX
            && let Some(first_to_end) = self.bans.iter().min_by_key(|held| held.ban.until).map(|held| held.source)
        {
            self.lift(first_to_end);
        }
        self.bans.insert_unique(source.hash(), Held { source, ban }, |held| held.source.hash());
    }

    pub(crate) fn lift(&mut self, source: Source) -> bool {
        match self.bans.find_entry(source.hash(), |held| held.source == source) {
            Ok(entry) => {
                entry.remove();
                true
            }
            Err(_) => false,
        }
    }

    pub(crate) fn lift_where(&mut self, mut lifted: impl FnMut(&Ban) -> bool) {
        self.bans.retain(|held| !lifted(&held.ban));
    }

    pub(crate) fn iter(&self, now: Time) -> impl Iterator<Item = &Ban> {
        self.bans.iter().map(|held| &held.ban).filter(move |ban| ban.until > now)
    }

    /// Charges `points` to the source. When it has no more to lose, the evidence is given and forgotten.
    pub(crate) fn charge(&mut self, now: Time, source: Source, points: u32, tolerance: &Rate) -> Option<Evidence> {
        let suspect = find(&mut self.suspects, now, source);
        if suspect.source != source.name() || suspect.points.owed(now).is_zero() {
            *suspect = Suspect { source: source.name(), first: now, ..Suspect::default() };
        }
        suspect.count = suspect.count.saturating_add(1);
        suspect.last = now;
        suspect.points.cut(now, tolerance);
        match suspect.points.after(now, tolerance, points) {
            Some(points) => {
                suspect.points = points;
                None
            }
            None => {
                let Suspect { count, first, last, .. } = std::mem::take(suspect);
                Some(Evidence { count, first, last })
            }
        }
    }
}

impl Ban {
    pub(crate) fn by_operator(now: Time, addr: IpAddr, lasts: Duration) -> Self {
        Self { addr, cause: Cause::Operator, count: 0, first: now, last: now, until: now + lasts }
    }

    pub(crate) fn for_offence(now: Time, addr: IpAddr, reject: Reject, evidence: Evidence, lasts: Duration) -> Self {
        let Evidence { count, first, last } = evidence;
        Self { addr, cause: Cause::Offence(reject), count, first, last, until: now + lasts }
    }
}

/// The source's own place, or the one among its four that is missed least.
fn find(suspects: &mut [Suspect], now: Time, source: Source) -> &mut Suspect {
    let from = source.hash() as usize % (SUSPECTS_MAX / WAYS) * WAYS;
    let ways = &mut suspects[from..from + WAYS];
    let at = match ways.iter().position(|suspect| suspect.source == source.name()) {
        Some(own) => own,
        None => (0..WAYS).min_by_key(|&at| ways[at].points.owed(now)).expect("four ways"),
    };
    &mut ways[at]
}

#[cfg(test)]
mod tests;
