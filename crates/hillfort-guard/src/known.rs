//! Addresses from which sessions logged in and lasted, and how many accounts that play each had of late. Knows nothing of what that earns them.
//!
//! Accounts are told apart by linear counting (Whang, Vander-Zanden and Taylor, 1990): each sets one of 64 bits, chosen by a keyed
//! hash, and the number of bits that are still clear says how many there were: within about 10 % at 64 accounts and 17 % at 200, and
//! never more than [`ACCOUNTS_MAX`]. Two words of bits take turns every 12 h, so that an account counts for 12 to 24 h.
//!
//! Only what has lasted comes in here, so strangers cannot fill the table. In a full set of four the address that was used longest ago
//! gives way.

use hillfort_proto::time::Time;

use crate::source::Source;

/// Addresses that are remembered at most: 4 MiB.
pub const KNOWN_MAX: usize = 1 << 17;
/// Accounts of one address are counted up to here.
pub const ACCOUNTS_MAX: u32 = 256;

/// An address is known for so many seconds after its last login: somebody who plays once a week stays known.
const KNOWN_S: u32 = 8 * 24 * 3600;
/// Seconds until the words of bits take turns.
const TURN_S: u32 = 12 * 3600;
const HOUR_S: u32 = 3600;
const WAYS: usize = 4;

#[derive(Debug)]
pub(crate) struct Known {
    table: Vec<Seen>,
    used: usize,
    logins: Hourly,
}

/// One address, 32 bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// 0: empty.
    name: u64,
    /// Accounts of this turn and of the one before it.
    accounts: [u64; 2],
    turn: u32,
    last_s: u32,
}

const _: () = assert!(size_of::<Seen>() == 32, "a set of four is two cache lines");

/// Addresses with a login, in this hour and in the one before it.
#[derive(Debug, Clone, Copy, Default)]
struct Hourly {
    hour: u32,
    now: u32,
    before: u32,
}

/// What is known of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    /// When a session last lasted here, seconds; `None`: a stranger.
    pub(crate) last_s: Option<u32>,
    /// Different accounts that lasted here within 12 to 24 h, about.
    pub(crate) accounts: u32,
}

impl Standing {
    pub(crate) const STRANGER: Self = Self { last_s: None, accounts: 0 };

    pub(crate) const fn is_known(self) -> bool {
        self.last_s.is_some()
    }

    pub(crate) fn logged_in_within_an_hour(self, now: Time) -> bool {
        self.last_s.is_some_and(|last| seconds(now).saturating_sub(last) < HOUR_S)
    }
}

impl Known {
    pub(crate) fn new(known_max: usize) -> Self {
        Self { table: vec![Seen::default(); known_max.max(WAYS).next_power_of_two()], used: 0, logins: Hourly::default() }
    }

    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// What is known of the source.
    pub(crate) fn standing(&self, now: Time, source: Source) -> Standing {
        // Nearly always so after a start, and then there is nothing to look up.
        if self.used == 0 {
            return Standing::STRANGER;
        }
        let from = self.set(source);
        let Some(seen) = self.table[from..from + WAYS].iter().find(|seen| seen.name == source.name()) else {
            return Standing::STRANGER;
        };
        let now_s = seconds(now);
        if now_s.saturating_sub(seen.last_s) > KNOWN_S {
            return Standing::STRANGER;
        }
        let bits = match (now_s / TURN_S).wrapping_sub(seen.turn) {
            0 => seen.accounts[0] | seen.accounts[1],
            1 => seen.accounts[0],
            _ => 0,
        };
        Standing { last_s: Some(seen.last_s), accounts: ESTIMATES[bits.count_ones() as usize] }
    }

    /// A session has lasted here; `account`: the keyed hash of its account, when that has shown that it plays.
    pub(crate) fn settle(&mut self, now: Time, source: Source, account: Option<u64>) {
        let now_s = seconds(now);
        let turn = now_s / TURN_S;
        let from = self.set(source);
        let set = &mut self.table[from..from + WAYS];
        let at = set.iter().position(|seen| seen.name == source.name());
        let at = at.or_else(|| (0..WAYS).min_by_key(|&at| (set[at].name != 0, set[at].last_s))).expect("four ways");
        let seen = &mut set[at];
        if seen.name != source.name() {
            self.used += usize::from(seen.name == 0);
            *seen = Seen { name: source.name(), turn, ..Seen::default() };
            self.logins.add(now_s);
        } else if seen.last_s / HOUR_S != now_s / HOUR_S {
            self.logins.add(now_s);
        }
        match turn.wrapping_sub(seen.turn) {
            0 => {}
            1 => seen.accounts = [0, seen.accounts[0]],
            _ => seen.accounts = [0; 2],
        }
        seen.turn = turn;
        seen.accounts[0] |= account.map_or(0, |account| 1 << (account % 64));
        seen.last_s = now_s;
    }

    /// Addresses with a login in the last hour, about: the larger number of this clock hour and the one before.
    pub(crate) fn logins_of_the_hour(&self, now: Time) -> u32 {
        self.logins.at(seconds(now))
    }

    fn set(&self, source: Source) -> usize {
        source.hash() as usize & (self.table.len() - 1) & !(WAYS - 1)
    }
}

impl Hourly {
    fn add(&mut self, now_s: u32) {
        self.turn(now_s);
        self.now += 1;
    }

    fn at(mut self, now_s: u32) -> u32 {
        self.turn(now_s);
        self.now.max(self.before)
    }

    fn turn(&mut self, now_s: u32) {
        let hour = now_s / HOUR_S;
        match hour.saturating_sub(self.hour) {
            0 => return,
            1 => self.before = self.now,
            _ => self.before = 0,
        }
        (self.hour, self.now) = (hour, 0);
    }
}

/// Seconds of the guard's time; enough for 136 years.
fn seconds(now: Time) -> u32 {
    (now.0 / 1_000_000_000) as u32
}

/// Accounts by bits that are set: 64 × ln(64 ÷ clear bits), rounded. With none clear the formula has no answer, the last is the bound.
const ESTIMATES: [u32; 65] = [
    0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 15, 16, 17, 18, 20, 21, 23, 24, 25, 27, 28, 30, 32, 33, 35, 37, 39, 40, 42, 44,
    46, 48, 51, 53, 55, 58, 60, 63, 65, 68, 71, 74, 78, 81, 85, 89, 93, 97, 102, 107, 113, 119, 126, 133, 142, 151, 163, 177,
    196, 222, 256, 256,
];

#[cfg(test)]
mod tests;
