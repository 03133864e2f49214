//! What an address has to bear for its offences: one step after another, each until its points are forgiven, the last a ban that doubles
//! each time it is earned again. A table of fixed size. Knows nothing of connections, of accounts or of what an offence is worth.
//!
//! Points are a bucket: they add up to the tolerance and are forgiven at a rate, so a step ends by itself at a time that is known
//! beforehand. Standing is a second, larger bucket of the same points that is forgiven more slowly.

mod table;

use std::time::Duration;

use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;

use crate::ban::{Ban, Cause};
use crate::bucket::{Bucket, Rate};
use crate::reputation::{Reason, Reasons};
use crate::source::{Source, home};

pub use table::LADDER_MAX;
use table::Table;

/// One of the things that an address has to bear, from the mildest to the hardest; a harder one comes on top of the milder ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// At a quarter of the tolerance: a quarter of its budget of new connections, and no share in the reserve of the known.
    Slow,
    /// At half: a quarter of its budget for each TLS fingerprint.
    Fingerprint,
    /// At three quarters: under attack it works four times as much before a login, known or not.
    Challenge,
    /// With all spent: new connections are refused, by the kernel filter where there is one; where others are known to share the
    /// address, logins without a ticket are.
    Ban,
}

/// A step that an address bears now, with what explains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InForce {
    /// The address; of an IPv6 address its /64.
    pub addr: std::net::IpAddr,
    /// What it bears.
    pub step: Step,
    /// Why: the kind of offence that weighs most, or an operator.
    pub cause: Cause,
    /// Offences since it last had none.
    pub count: u32,
    /// The first of them.
    pub first: Time,
    /// The last of them.
    pub last: Time,
    /// When the step ends if nothing more happens.
    pub until: Time,
    /// Clients with a ticket do not bear it.
    pub strangers_only: bool,
}

impl InForce {
    /// Where it works.
    #[must_use]
    pub const fn stage(&self) -> &'static str {
        match self.step {
            Step::Slow => "accept",
            Step::Fingerprint => "client hello",
            Step::Challenge => "login",
            Step::Ban if self.strangers_only => "login without a ticket",
            Step::Ban => "kernel filter, accept",
        }
    }
}

impl Step {
    /// All of them, the mildest first.
    pub const ALL: [Self; 4] = [Self::Slow, Self::Fingerprint, Self::Challenge, Self::Ban];

    /// Fixed label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Fingerprint => "fingerprint",
            Self::Challenge => "challenge",
            Self::Ban => "ban",
        }
    }

    /// Share of the tolerance that must be spent, percent.
    const fn percent(self) -> u32 {
        match self {
            Self::Slow => 25,
            Self::Fingerprint => 50,
            Self::Challenge => 75,
            Self::Ban => 100,
        }
    }
}

/// What an address bears now, for the way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bears {
    pub(crate) banned: bool,
    /// The ban is for those without a ticket.
    pub(crate) strangers_only: bool,
    /// The hardest step below the ban.
    pub(crate) step: Option<Step>,
    pub(crate) disreputable: bool,
}

/// What an offence led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charged {
    /// It is borne.
    Borne,
    /// The tolerance is spent, and no ban is in force.
    Spent,
}

/// Rates that the ladder is measured by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Points borne before a ban, and forgiven a second.
    pub(crate) tolerance: Rate,
    /// The same for the standing.
    pub(crate) standing: Rate,
    /// Score below which an address is refused.
    pub(crate) score_min: u8,
}

/// How long bans last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BanTimes {
    /// The first.
    pub first: Duration,
    /// The longest. Each further one is twice as long, up to here.
    pub max: Duration,
}

/// After so long without a new ban one of those before it is forgotten.
pub const QUIET: Duration = Duration::from_secs(600);

/// What is remembered of one address.
#[derive(Debug, Clone, Copy, Default)]
struct Record {
    count: u32,
    first: Time,
    last: Time,
    reasons: Reasons,
    ban: Option<Ban>,
    repeats: u8,
    /// When the last ban for offences ended or will end.
    ended: Time,
}

#[derive(Debug)]
pub(crate) struct Ladder {
    table: Table,
}

impl Ladder {
    pub(crate) fn new(ladder_max: usize) -> Self {
        Self { table: Table::new(ladder_max) }
    }

    /// What the source bears now. The scale is asked for when there is something to measure.
    pub(crate) fn bears(&self, now: Time, source: Source, scale: impl FnOnce() -> Scale) -> Bears {
        let Some(at) = self.table.find(source) else { return Bears::default() };
        let scale = scale();
        let hot = self.table.hot(at);
        let banned = hot.until > now;
        Bears {
            banned,
            strangers_only: banned && self.table.record(at).ban.is_some_and(|ban| ban.strangers_only),
            step: Step::ALL[..3].iter().rev().find(|step| spends(hot.points, now, &scale.tolerance, **step)).copied(),
            disreputable: score(hot.standing, now, &scale.standing) < scale.score_min,
        }
    }

    /// Charges points to the source.
    pub(crate) fn charge(&mut self, now: Time, source: Source, reject: Reject, points: u32, scale: &Scale) -> Charged {
        let Some(at) = self.table.take(now, source, false) else { return Charged::Borne };
        let (hot, record) = self.table.entry(at);
        if hot.points.owed(now).is_zero() {
            (record.count, record.first) = (0, now);
        }
        if hot.standing.owed(now).is_zero() {
            record.reasons = Reasons::default();
        }
        record.count = record.count.saturating_add(1);
        record.last = now;
        record.reasons.add(now, reject, points);
        let (_, standing) = charged(hot.standing, now, &scale.standing, points);
        let (spent, owed) = charged(hot.points, now, &scale.tolerance, points);
        (hot.standing, hot.points) = (standing, owed);
        if spent && hot.until <= now { Charged::Spent } else { Charged::Borne }
    }

    /// Bans the source for its offences, whole or its strangers only.
    pub(crate) fn ban(
        &mut self,
        now: Time,
        source: Source,
        reject: Reject,
        times: &BanTimes,
        strangers_only: bool,
    ) -> Option<Ban> {
        let at = self.table.take(now, source, true)?;
        let (hot, record) = self.table.entry(at);
        let repeats = record.remembered(now);
        let until = now + times.nth(repeats);
        let Record { count, first, last, .. } = *record;
        let (addr, cause) = (home(source.name()), Cause::Offence(reject));
        let ban = Ban { addr, cause, count, first, last, until, repeats, strangers_only };
        record.ban = Some(ban);
        record.repeats = repeats.saturating_add(1);
        record.ended = until;
        hot.until = until;
        Some(ban)
    }

    /// Puts a ban in force as it is: an operator's, or one from before a restart.
    pub(crate) fn put(&mut self, now: Time, source: Source, ban: Ban) {
        let Some(at) = self.table.take(now, source, true) else { return };
        let (hot, record) = self.table.entry(at);
        record.ban = Some(ban);
        if matches!(ban.cause, Cause::Offence(_)) {
            record.repeats = ban.repeats.saturating_add(1);
            record.ended = ban.until;
        }
        hot.until = ban.until;
    }

    /// Forgets everything of the source, its ban too. `true`: it was banned.
    pub(crate) fn lift(&mut self, now: Time, source: Source) -> bool {
        let Some(at) = self.table.find(source) else { return false };
        let banned = self.table.hot(at).until > now;
        self.table.clear(at);
        banned
    }

    /// Lifts the bans that `lifted` says.
    pub(crate) fn lift_where(&mut self, now: Time, mut lifted: impl FnMut(&Ban) -> bool) {
        for at in 0..self.table.len() {
            if self.table.hot(at).until > now {
                let (hot, record) = self.table.entry(at);
                if record.ban.as_ref().is_some_and(&mut lifted) {
                    (hot.until, record.ban) = (Time::ZERO, None);
                }
            }
        }
    }

    /// Bans in force.
    pub(crate) fn bans(&self, now: Time) -> impl Iterator<Item = &Ban> {
        (0..self.table.len())
            .filter(move |at| self.table.hot(*at).until > now)
            .filter_map(|at| self.table.record(at).ban.as_ref())
    }

    /// How many bans are in force.
    pub(crate) fn bans_in_force(&self, now: Time) -> usize {
        (0..self.table.len()).filter(|at| self.table.hot(*at).until > now).count()
    }

    /// Steps in force, at most `most`: for each address the hardest.
    pub(crate) fn steps(&self, now: Time, scale: &Scale, most: usize) -> Vec<InForce> {
        (0..self.table.len()).filter_map(|at| self.at(at, now, scale).last().copied()).take(most).collect()
    }

    /// All steps that the source bears, the mildest first.
    pub(crate) fn of(&self, now: Time, source: Source, scale: &Scale) -> Vec<InForce> {
        self.table.find(source).map(|at| self.at(at, now, scale)).unwrap_or_default()
    }

    /// Score, points and reasons of the source; its last offence, and bans that are not forgotten.
    pub(crate) fn sheet(&self, now: Time, source: Source, scale: &Scale) -> (u8, u32, Vec<Reason>, Option<Time>, u8) {
        let Some(at) = self.table.find(source) else { return (100, 0, Vec::new(), None, 0) };
        let (hot, record) = (self.table.hot(at), self.table.record(at));
        let points = scale.tolerance.events(hot.points.owed(now));
        let last = (record.count > 0).then_some(record.last);
        (score(hot.standing, now, &scale.standing), points, record.reasons.list(), last, record.remembered(now))
    }

    fn at(&self, at: usize, now: Time, scale: &Scale) -> Vec<InForce> {
        let hot = self.table.hot(at);
        if hot.until <= now && !spends(hot.points, now, &scale.tolerance, Step::Slow) {
            return Vec::new();
        }
        let record = self.table.record(at);
        let addr = home(self.table.name(at));
        let mut steps = Vec::new();
        for step in &Step::ALL[..3] {
            if let Some(reject) = record.reasons.main()
                && spends(hot.points, now, &scale.tolerance, *step)
            {
                let until = hot.points.debt_falls_to(scale.tolerance.debt_at(step.percent()));
                let Record { count, first, last, .. } = *record;
                let (step, cause) = (*step, Cause::Offence(reject));
                steps.push(InForce { addr, step, cause, count, first, last, until, strangers_only: step == Step::Challenge });
            }
        }
        if let Some(Ban { cause, count, first, last, until, strangers_only, .. }) = record.ban.filter(|ban| ban.until > now) {
            steps.push(InForce { addr, step: Step::Ban, cause, count, first, last, until, strangers_only });
        }
        steps
    }
}

impl Record {
    /// Bans that are not forgotten.
    fn remembered(&self, now: Time) -> u8 {
        let quiet = now.since(self.ended).as_secs() / QUIET.as_secs();
        self.repeats.saturating_sub(u8::try_from(quiet).unwrap_or(u8::MAX))
    }

    /// When nothing of it matters any more.
    fn matters_until(&self) -> Time {
        self.ended + QUIET * u32::from(self.repeats)
    }
}

impl BanTimes {
    /// How long the ban after `repeats` others lasts.
    #[must_use]
    pub fn nth(&self, repeats: u8) -> Duration {
        let times = 1_u32.checked_shl(repeats.into()).unwrap_or(u32::MAX);
        self.first.saturating_mul(times).min(self.max)
    }
}

fn spends(points: Bucket, now: Time, tolerance: &Rate, step: Step) -> bool {
    points.owed(now).as_nanos() as u64 >= tolerance.debt_at(step.percent())
}

/// Whether the bucket was spent by the points, and the bucket after them; a spent one is empty, not in debt.
fn charged(mut bucket: Bucket, now: Time, rate: &Rate, points: u32) -> (bool, Bucket) {
    bucket.cut(now, rate);
    bucket.after(now, rate, points).map_or_else(|| (true, Bucket::empty(now, rate)), |bucket| (false, bucket))
}

/// From 0 to 100: 100 owes nothing.
fn score(standing: Bucket, now: Time, rate: &Rate) -> u8 {
    let owed = u128::from(standing.owed(now).as_nanos() as u64);
    100 - (owed * 100 / u128::from(rate.debt_at(100).max(1))).min(100) as u8
}

#[cfg(test)]
mod tests;
