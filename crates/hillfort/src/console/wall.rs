//! What the console is told of the wall: how the kernel filter stands, what it did with packets, what is done to which address and who
//! knocks most. Plain rows; knows nothing of filters, guards or doors.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::source::Rejects;

/// Rows that a list of the most active holds at most.
pub const TOP_MAX: usize = 10;

/// A closed set with fixed labels, fit for metrics and JSON: `pub name { Variant = "label", ... }`.
macro_rules! labels {
    ($(#[$doc:meta])* $vis:vis $name:ident { $($(#[$of:meta])* $variant:ident = $label:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $vis enum $name { $($(#[$of])* $variant,)* }

        impl $name {
            /// All of them, in order.
            $vis const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Fixed label, for metrics and the page.
            #[must_use]
            $vis const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)* }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.label())
            }
        }
    };
}
pub(crate) use labels;

labels! {
    /// How far up the ladder of ways to refuse a packet the server came, best first.
    pub Rung {
        /// XDP in the driver.
        Native = "native",
        /// XDP after the driver, on packets that the kernel has already copied.
        Generic = "generic",
        /// Classic BPF on the listening socket: no privilege needed, no cookies.
        Socket = "socket",
        /// Nothing in the kernel; the doors refuse after `accept`.
        UserSpace = "user_space",
    }
}

labels! {
    /// What the kernel filter does with a SYN of a source that nothing is known of.
    pub Mode {
        /// Lets it through and counts.
        Passive = "passive",
        /// Answers it by a cookie and keeps no state.
        Flood = "flood",
    }
}

labels! {
    /// How the guard sees the moment; some steps are taken under attack only.
    pub Posture {
        /// Nothing unusual.
        Calm = "calm",
        /// Strangers pay more: reserve for the known, proof of work.
        Attack = "attack",
    }
}

labels! {
    /// What the kernel filter did with a packet to one of our ports.
    pub PacketVerdict {
        /// Handed on.
        Passed = "passed",
        /// Handed on unseen: the source is on the allow list.
        Allowed = "allowed",
        /// Dropped: no TCP stack sends it.
        Malformed = "malformed",
        /// Dropped: a late fragment.
        Fragment = "fragment",
        /// Dropped: opens a connection from a banned source.
        Banned = "banned",
        /// SYN answered by a cookie.
        Cookie = "cookie",
        /// SYN handed on in flood mode, because the kernel lent no cookie: its own queue has room.
        NoCookie = "no_cookie",
        /// Dropped: belongs to no connection.
        Stray = "stray",
    }
}

labels! {
    /// What is done to an address, mildest first.
    pub Step {
        /// Its budgets shrink.
        SlowDown = "slow_down",
        /// One TLS fingerprint of it is refused.
        Fingerprint = "fingerprint",
        /// Its logins must work first.
        Challenge = "challenge",
        /// It cannot open connections.
        Ban = "ban",
    }
}

/// Packets since the filter was attached, one counter for each [`PacketVerdict`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packets([u64; PacketVerdict::ALL.len()]);

impl Packets {
    /// Adds `n` packets.
    pub const fn add(&mut self, verdict: PacketVerdict, n: u64) {
        let slot = &mut self.0[verdict as usize];
        *slot = slot.saturating_add(n);
    }

    /// Packets with this verdict.
    #[must_use]
    pub const fn get(&self, verdict: PacketVerdict) -> u64 {
        self.0[verdict as usize]
    }
}

/// The kernel filter at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelReading {
    /// What was reached.
    pub rung: Rung,
    /// Why not a higher rung, one sentence; `None` on the highest.
    pub why_not_higher: Option<String>,
    /// What unknown SYNs meet now.
    pub mode: Mode,
    /// SYNs (and QUIC Initials) to our ports since it was attached, whatever became of them.
    pub syns: u64,
    /// What became of all packets to our ports.
    pub packets: Packets,
    /// Bans and lifts that found no room on their way to the filter; it was told all bans anew afterwards.
    pub orders_lost: u64,
    /// Most active sources, networks and SYN signatures since it was attached or since they were last cleared, at most [`TOP_MAX`] each.
    pub top: Top,
}

/// The most active of each kind, most active first. `None`: nobody counts them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Top {
    /// Addresses.
    pub sources: Option<Vec<Talker>>,
    /// Networks: IPv4 /24, IPv6 /64.
    pub networks: Option<Vec<Talker>>,
    /// SYN signatures or TLS fingerprints.
    pub signatures: Option<Vec<Talker>>,
}

/// One of the most active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Talker {
    /// Address, network or signature.
    pub name: String,
    /// Connections that it tried to open, as far as they were counted.
    pub attempts: u64,
    /// Of these, refused ones; `None` where only attempts are counted.
    pub refused: Option<u64>,
}

/// Where the owner of the kernel filter leaves its last reading, and others find it. Cheap to clone. Empty while no filter is attached.
#[derive(Debug, Clone, Default)]
pub struct KernelBoard(Arc<Mutex<Option<KernelReading>>>);

impl KernelBoard {
    /// Replaces the reading. Meant for twice a second.
    pub fn publish(&self, reading: KernelReading) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
    }

    /// The last reading.
    #[must_use]
    pub fn read(&self) -> Option<KernelReading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The wall at one moment: counters since the start, gauges of now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wall {
    /// The kernel filter; `None` while none is attached.
    pub kernel: Option<KernelReading>,
    /// How the guard sees the moment; `None` where it does not say.
    pub posture: Option<Posture>,
    /// What rules that only watch would have refused.
    pub would_refuse: Rejects,
    /// How players fare who are known to play here.
    pub known: KnownPlayers,
    /// Logins and resumes that were let in.
    pub logins: u64,
    /// Sessions that waited for their client and gave way to a new one.
    pub sessions_shed: u64,
    /// Slips of the edge that it survived; anything but 0 is to be reported.
    pub stale_keys: u64,
    /// Longest pause of the edge's own making within its last second of traffic, microseconds: by the time that its thread ran.
    pub pause_us_max: u64,
    /// Such pauses of more than 120 µs since the start.
    pub pauses_too_long: u64,
    /// Addresses at each [`Step`] now.
    pub steps: [u64; Step::ALL.len()],
}

/// Counters of what the guard does for players who have played here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KnownPlayers {
    /// Bans that were earned and not made, because many play at the address.
    pub bans_spared: u64,
    /// Tickets given for having played ...
    pub tickets_given: u64,
    /// ... shown again and good ...
    pub tickets_good: u64,
    /// ... and taken back for offences.
    pub tickets_revoked: u64,
}

/// What is done to one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepRow {
    /// The address.
    pub address: IpAddr,
    /// What is done.
    pub step: Step,
    /// Stage of the way in where the reason was seen, e.g. `"hello"`; `"operator"` for what a person did.
    pub stage: &'static str,
    /// Label of the reject that led to it, or what a person typed.
    pub reason: String,
    /// What was seen, in few words.
    pub evidence: String,
    /// How often it was seen.
    pub count: u64,
    /// Milliseconds since the first and since the last time.
    pub seen_ms_ago: [u64; 2],
    /// Time left, milliseconds.
    pub expires_in_ms: u64,
    /// Whether a person can end it early.
    pub liftable: bool,
}

/// All that is known of one address, so that a person can judge what is done to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddressView {
    /// The address; of an IPv6 address its /64.
    pub address: IpAddr,
    /// 0 to 100: 100 has done nothing that is remembered.
    pub score: u8,
    /// Points of offence now, and those at which it is banned.
    pub points: [u32; 2],
    /// Bans that are not forgotten; each doubles the next.
    pub bans_before: u8,
    /// Whether sessions from here have lasted: the known go first.
    pub known: bool,
    /// Accounts seen from it lately; its budgets grow with them.
    pub accounts: u32,
    /// Where it belongs, by the operator's table.
    pub place: Option<String>,
    /// What it did, the latest first: reason, times, points.
    pub reasons: Vec<(&'static str, u32, u32)>,
    /// What it bears, the mildest first.
    pub steps: Vec<StepRow>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verdict_has_its_own_counter() {
        let mut packets = Packets::default();
        for (n, verdict) in (1..).zip(PacketVerdict::ALL) {
            packets.add(*verdict, n);
        }
        for (n, verdict) in (1..).zip(PacketVerdict::ALL) {
            assert_eq!(packets.get(*verdict), n, "{}", verdict.label());
        }
        packets.add(PacketVerdict::Banned, u64::MAX);
        assert_eq!(packets.get(PacketVerdict::Banned), u64::MAX);
    }

    #[test]
    fn a_board_shows_the_last_reading() {
        let board = KernelBoard::default();
        let others = board.clone();
        assert_eq!(others.read(), None);
        let reading = KernelReading {
            rung: Rung::Generic,
            why_not_higher: Some("the driver has no XDP".into()),
            mode: Mode::Passive,
            syns: 1,
            packets: Packets::default(),
            orders_lost: 0,
            top: Top::default(),
        };
        board.publish(reading.clone());
        board.publish(KernelReading { mode: Mode::Flood, ..reading });
        assert_eq!(others.read().map(|reading| reading.mode), Some(Mode::Flood));
    }
}
