//! What the victim's side spends and counts in a span: processor time of its core by who used it, packets at its interface, the kernel's own
//! counters, Hillfort's metrics. Knows nothing of attacks or players.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use super::defence::Standing;
use super::generator::{Made, Outpost};
use super::lab::{self, Lab, Side};
use super::victim::Victim;
use crate::gauge;
use crate::machine::Cores;
use crate::report::pause;

/// Longest wait for the threads that take packets in.
const THREADS_MAX: Duration = Duration::from_secs(3);
/// The kernel's counters that say how it defends itself.
const KERNEL_COUNTERS: [&str; 7] = [
    "SyncookiesSent",
    "SyncookiesRecv",
    "SyncookiesFailed",
    "ListenOverflows",
    "ListenDrops",
    "TCPReqQFullDoCookies",
    "TCPReqQFullDrop",
];

/// What reads the counters of one victim.
#[derive(Debug)]
pub(crate) struct Meter<'a> {
    victim: &'a Victim,
    standing: &'a Standing,
    outpost: &'a Outpost,
    interface: String,
    /// Threads that take packets in at the victim's end.
    receivers: Vec<u32>,
    /// What is left over of the kernel's work on the victim's core.
    softirqd: Vec<u32>,
}

/// All counters at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    at: Instant,
    receiver: Duration,
    softirqd: Duration,
    server: Duration,
    received: u64,
    lost: u64,
    kernel: BTreeMap<String, u64>,
    metrics: BTreeMap<String, f64>,
    nft: Option<[u64; 2]>,
    made: Made,
}

/// What happened between two readings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spent {
    pub(crate) seconds: f64,
    /// Share of the victim's core: the thread that takes packets in, what else the kernel did with them, and the server.
    pub(crate) receiver_share: f64,
    pub(crate) softirqd_share: f64,
    pub(crate) server_share: f64,
    /// Packets that the attacker made.
    pub(crate) made: u64,
    /// Handshakes that the attacker's bots completed.
    pub(crate) completed: u64,
    /// Packets of all that came in at the victim's end ...
    pub(crate) received: u64,
    /// ... and those that it had no time to take.
    pub(crate) lost: u64,
    /// Counters of the kernel that changed.
    pub(crate) kernel: BTreeMap<String, u64>,
    /// Of nftables: packets of known bots, and of sources that sent too many.
    pub(crate) nft: Option<[u64; 2]>,
    /// Hillfort's counters that changed: packets by verdict, refusals by reason, and some more.
    pub(crate) hillfort: BTreeMap<String, f64>,
    /// Gauges of Hillfort at the end that say how it stands.
    pub(crate) state: BTreeMap<String, f64>,
}

impl<'a> Meter<'a> {
    /// Finds the threads and pins them: the victim's to the server's core, the others' to the clients'.
    pub(crate) fn install(
        lab: &Lab,
        cores: &Cores,
        victim: &'a Victim,
        standing: &'a Standing,
        outpost: &'a Outpost,
    ) -> anyhow::Result<Self> {
        lab.outside.take_in_by_thread()?;
        let receivers = receivers(&lab.victim)?;
        for (threads, to_server) in [(&receivers, true), (&receivers_of(&lab.outside.interface)?, false)] {
            for &thread in threads {
                let pid = Pid::from_raw(i32::try_from(thread)?).context("a thread has a number")?;
                cores.pin_thread(pid, to_server)?;
                // Before all processes, as the interrupt of a card is: a ring of 256 packets does not outlast a slice of the scheduler.
                lab::go_first(pid)?;
            }
        }
        let softirqd = gauge::kernel_threads(&format!("ksoftirqd/{}", cores.server()))?;
        Ok(Self { victim, standing, outpost, interface: lab.victim.interface.clone(), receivers, softirqd })
    }

    pub(crate) fn read(&self) -> anyhow::Result<Reading> {
        let pid = self.victim.pid();
        let text =
            |name: &str| fs::read_to_string(format!("/proc/{pid}/net/{name}")).with_context(|| format!("/proc/{pid}/net/{name}"));
        let times = |threads: &[u32]| threads.iter().map(|&thread| gauge::thread_time(thread)).sum::<anyhow::Result<Duration>>();
        // Metrics last: asking for them costs the server something.
        let (received, lost) = parse_interface(&text("dev")?, &self.interface).context("counters of the victim's interface")?;
        Ok(Reading {
            at: Instant::now(),
            receiver: times(&self.receivers)?,
            softirqd: times(&self.softirqd)?,
            server: self.victim.processor_time()?,
            received,
            lost,
            kernel: parse_netstat(&text("netstat")?),
            nft: self.standing.dropped()?,
            made: self.outpost.made(),
            metrics: self.victim.metrics()?,
        })
    }
}

impl Reading {
    /// From `self` to `later`.
    pub(crate) fn until(&self, later: &Self) -> Spent {
        let seconds = later.at.duration_since(self.at).as_secs_f64();
        let share = |before: Duration, after: Duration| after.saturating_sub(before).as_secs_f64() / seconds.max(1e-9);
        let counters = later.metrics.iter().filter(|(name, _)| name.contains("_total"));
        let grown = counters.filter_map(|(name, after)| {
            let grown = after - self.metrics.get(name).copied().unwrap_or(0.0);
            (grown != 0.0).then(|| (short(name), grown))
        });
        let is_state =
            |name: &str| ["wall_rung", "wall_mode", "wall_posture", "ladder", "turn_max"].iter().any(|part| name.contains(part));
        let state = later.metrics.iter().filter(|(name, value)| is_state(name) && **value != 0.0);
        let kernel = later.kernel.iter().filter_map(|(name, after)| {
            let grown = after.saturating_sub(self.kernel.get(name).copied().unwrap_or(0));
            (grown > 0).then(|| (name.clone(), grown))
        });
        Spent {
            seconds,
            receiver_share: share(self.receiver, later.receiver),
            softirqd_share: share(self.softirqd, later.softirqd),
            server_share: share(self.server, later.server),
            made: later.made.packets - self.made.packets,
            completed: later.made.completed - self.made.completed,
            received: later.received.saturating_sub(self.received),
            lost: later.lost.saturating_sub(self.lost),
            kernel: kernel.collect(),
            nft: self.nft.zip(later.nft).map(|(before, after)| [after[0] - before[0], after[1] - before[1]]),
            hillfort: grown.collect(),
            state: state.map(|(name, value)| (short(name), *value)).collect(),
        }
    }
}

impl Spent {
    /// Share of the victim's core that was in use.
    pub(crate) fn core_share(&self) -> f64 {
        self.receiver_share + self.softirqd_share + self.server_share
    }

    /// Nanoseconds of the kernel's time for a packet of the attack: what it spent beyond the calm, over what it took in beyond the calm.
    pub(crate) fn ns_per_packet(&self, calm: &Self) -> Option<f64> {
        let kernel = |spent: &Self| spent.receiver_share + spent.softirqd_share;
        let rate = |spent: &Self| spent.received as f64 / spent.seconds.max(1e-9);
        let packets = rate(self) - rate(calm);
        let spent = kernel(self) - kernel(calm);
        // Less than in the calm: something else had the core, and there is nothing to say.
        (packets > 1_000.0 && spent > 0.0).then(|| 1e9 * spent / packets)
    }

    /// What a counter of Hillfort grew by; 0 when it did not.
    pub(crate) fn counted(&self, name: &str) -> f64 {
        self.hillfort.get(name).copied().unwrap_or(0.0)
    }
}

/// Threads that take packets in at the victim's end. There are none before a program is attached there.
fn receivers(victim: &Side) -> anyhow::Result<Vec<u32>> {
    let begun = Instant::now();
    loop {
        let ordered = victim.take_in_by_thread();
        let found = receivers_of(&victim.interface)?;
        if ordered.is_ok() && !found.is_empty() {
            return Ok(found);
        }
        ensure!(
            begun.elapsed() < THREADS_MAX,
            "no thread takes packets in at the victim's end: no XDP program is attached in the driver there, so its filter has not reached \
             the rung that this measures ({})",
            ordered.map_or_else(|error| error.to_string(), |()| "no thread".to_owned())
        );
        pause(Duration::from_millis(50));
    }
}

fn receivers_of(interface: &str) -> anyhow::Result<Vec<u32>> {
    gauge::kernel_threads(&format!("napi/{interface}-"))
}

/// `hillfort_refused_total{reason="banned",stage="accept"}` → `refused banned`.
fn short(name: &str) -> String {
    let (name, labels) = name.split_once('{').unwrap_or((name, ""));
    let name = name.trim_start_matches("hillfort_").trim_end_matches("_total");
    let first = labels.split('"').nth(1).unwrap_or_default();
    format!("{name} {first}").trim_end().to_owned()
}

/// Packets received and packets lost at `interface`.
fn parse_interface(text: &str, interface: &str) -> Option<(u64, u64)> {
    let fields = text.lines().find_map(|line| line.trim_start().strip_prefix(interface)?.strip_prefix(':'))?;
    let mut fields = fields.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let received = fields.next()?.ok()?;
    Some((received, fields.nth(1)?.ok()?))
}

fn parse_netstat(text: &str) -> BTreeMap<String, u64> {
    let mut lines = text.lines();
    let mut found = BTreeMap::new();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        for (name, value) in names.split(' ').zip(values.split(' ')) {
            if KERNEL_COUNTERS.contains(&name) {
                found.insert(name.to_owned(), value.parse().unwrap_or(0));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read() {
        let dev = "Inter-|   Receive\n face |bytes    packets errs drop fifo\n    lo:  1 2 0 0 0\nhfv12: 100 7 0 3 0 0 0 0 9 9\n";
        assert_eq!(parse_interface(dev, "hfv12"), Some((7, 3)));
        assert_eq!(parse_interface(dev, "hfv1"), None);
        let netstat = "TcpExt: SyncookiesSent Other ListenDrops\nTcpExt: 5 6 7\nIpExt: A\nIpExt: 1\n";
        let expect = [("ListenDrops".to_owned(), 7), ("SyncookiesSent".to_owned(), 5)].into();
        assert_eq!(parse_netstat(netstat), expect);
    }

    #[test]
    fn names_are_short() {
        let check = |name: &str, expect: &str| assert_eq!(short(name), expect);
        check("hillfort_refused_total{reason=\"banned\",stage=\"accept\"}", "refused banned");
        check("hillfort_logins_total", "logins");
        check("hillfort_wall_rung{rung=\"native\"}", "wall_rung native");
    }

    #[test]
    fn a_packet_costs_what_was_spent_beyond_the_calm() {
        let calm = Spent { seconds: 2.0, receiver_share: 0.1, received: 20_000, ..Spent::default() };
        let spent = Spent { seconds: 1.0, receiver_share: 0.3, softirqd_share: 0.1, received: 310_000, ..Spent::default() };
        let ns = spent.ns_per_packet(&calm).expect("there was an attack");
        assert!((ns - 1_000.0).abs() < 1e-6, "{ns}");
        assert_eq!(calm.ns_per_packet(&calm), None, "no attack");
    }
}
