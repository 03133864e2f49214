//! The guard itself: the order in which a stranger is judged. The tables and buckets know nothing of each other; here they meet.

use std::net::IpAddr;
use std::time::Duration;

use hashbrown::HashTable;
use hillfort_proto::hello::Hello;
use hillfort_proto::limits::HELLO_BYTES;
use hillfort_proto::reject::Reject;
use hillfort_proto::time::{Time, UnixMs};

use crate::admission::{Admitted, Authed, Peer};
use crate::bans::{Ban, Bans, NotBannable};
use crate::bucket::{Bucket, ticks};
use crate::config::Config;
use crate::input::InputRates;
use crate::nonces::Nonces;
use crate::offence::{hello_points, points};
use crate::source::{Secret, Source, network};
use crate::stats::Stats;
use crate::table::{SOURCES_MAX, Table};

/// Judges connections and hellos. One for the process, owned by the thread that accepts.
#[derive(Debug)]
pub struct Guard {
    config: Config,
    secret: Secret,
    connect: Bucket,
    sources: Table,
    /// Open connections by source. Holds no more sources than there are open connections.
    open: HashTable<Open>,
    open_total: u32,
    nonces: Nonces,
    bans: Bans,
    stats: Stats,
}

#[derive(Debug)]
struct Open {
    source: Source,
    count: u32,
}

impl Guard {
    /// A guard that has seen nothing. `seed` must be random and secret: it decides where sources lie in the tables.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            secret: Secret::new(seed),
            connect: Bucket::default(),
            sources: Table::new(SOURCES_MAX),
            open: HashTable::with_capacity(open_capacity(&config)),
            open_total: 0,
            nonces: Nonces::new(Time::ZERO, &config.connect),
            bans: Bans::new(),
            stats: Stats::default(),
            config,
        }
    }

    /// Judges a connection that was just accepted, so that its address is not forged: trusted prefixes, bans, the global budget,
    /// the source's budget, the source's open connections. What a source is refused for by itself costs the others nothing: the
    /// global budget is spent last.
    ///
    /// # Errors
    /// [`Reject::Banned`], [`Reject::ConnectRate`], [`Reject::SourceRate`], [`Reject::SourceConnections`],
    /// [`Reject::ConnectionsFull`]. Close it at once, by reset.
    pub fn on_connect(&mut self, now: Time, addr: IpAddr) -> Result<Admitted, Reject> {
        let addr = addr.to_canonical();
        let source = self.secret.source(addr);
        match self.admit(now, addr, source) {
            Ok(()) => {
                self.open
                    .entry(source.hash(), |open| open.source == source, |open| open.source.hash())
                    .or_insert(Open { source, count: 0 })
                    .into_mut()
                    .count += 1;
                self.open_total += 1;
                self.stats.admitted += 1;
                Ok(Admitted { peer: Peer { addr, excused: false } })
            }
            Err(reject) => {
                self.stats.count(reject);
                self.charge(now, addr, source, reject, points(reject));
                Err(reject)
            }
        }
    }

    /// Judges a signed hello in order of cost: magic, flags, clock, key, MAC, nonce. Counts and charges its refusal: do not
    /// report it as an offence once more. `wall` is the server's clock; set back by more than 6 s it makes replays possible.
    ///
    /// # Errors
    /// [`Reject::HelloMagic`], [`Reject::HelloFlags`], [`Reject::HelloTime`], [`Reject::HelloKey`], [`Reject::HelloMac`],
    /// [`Reject::HelloReplay`], and
    /// [`Reject::ConnectRate`] when the memory of nonces is full.
    pub fn on_hello(
        &mut self,
        now: Time,
        wall: UnixMs,
        admitted: &Admitted,
        bytes: &[u8; HELLO_BYTES],
    ) -> Result<Authed, Reject> {
        match self.prove(now, wall, bytes) {
            Ok(authed) => {
                self.stats.authed += 1;
                Ok(authed)
            }
            Err(reject) => {
                self.stats.count(reject);
                self.on_bad_hello(now, admitted.peer, reject, bytes);
                Err(reject)
            }
        }
    }

    /// Takes the proof of a connection back: it is closed.
    pub fn on_close(&mut self, admitted: Admitted) {
        let source = self.secret.source(admitted.peer.addr);
        if let Ok(mut entry) = self.open.find_entry(source.hash(), |open| open.source == source) {
            self.open_total -= 1;
            entry.get_mut().count -= 1;
            if entry.get().count == 0 {
                entry.remove();
            }
        }
    }

    /// Charges what the edge found wrong to the address. `true`: that was too much, the address is banned from now on. Its
    /// connections that are already admitted go on: others may share the address.
    pub fn on_offence(&mut self, now: Time, peer: Peer, reject: Reject) -> bool {
        self.charge_peer(now, peer, reject, points(reject))
    }

    /// The same for a hello that is known to be bad before it is whole; `bytes` is what has come of it. What a web page can make the
    /// browsers of its visitors send is charged less.
    pub fn on_bad_hello(&mut self, now: Time, peer: Peer, reject: Reject, bytes: &[u8]) -> bool {
        self.charge_peer(now, peer, reject, hello_points(reject, bytes))
    }

    /// Bans an address, or the /64 of an IPv6 address, by an operator's decision.
    ///
    /// # Errors
    /// [`NotBannable`].
    pub fn ban(&mut self, now: Time, addr: IpAddr, lasts: Duration) -> Result<(), NotBannable> {
        let addr = addr.to_canonical();
        if !self.config.can_ban(addr) {
            return Err(NotBannable);
        }
        let source = self.secret.source(addr);
        self.bans.ban(now, source, Ban::by_operator(now, network(addr), lasts));
        Ok(())
    }

    /// Lifts a ban. `false`: there was none.
    pub fn lift(&mut self, addr: IpAddr) -> bool {
        self.bans.lift(self.secret.source(addr))
    }

    /// Bans in force, in no order.
    pub fn bans(&self, now: Time) -> impl Iterator<Item = &Ban> {
        self.bans.iter(now)
    }

    /// Changes limits, lists and keys; what was counted stays. Bans of addresses that can no longer be banned are lifted. A debt
    /// above a smaller burst is forgiven down to it; the memory of nonces takes its new size at its next turns.
    pub fn apply(&mut self, config: Config) {
        self.config = config;
        self.bans.lift_where(|ban| !self.config.can_ban(ban.addr));
        let more = open_capacity(&self.config).saturating_sub(self.open.len());
        self.open.reserve(more, |open| open.source.hash());
    }

    /// What sessions may say.
    #[must_use]
    pub fn input_rates(&self) -> InputRates {
        self.config.inputs
    }

    /// Counts so far.
    #[must_use]
    pub fn stats(&self, now: Time) -> Stats {
        Stats {
            open: self.open_total,
            bans: self.bans(now).count(),
            sources: self.sources.used(),
            sources_evicted: self.sources.evicted(),
            nonces: self.nonces.held(),
            nonces_max: self.nonces.capacity(),
            ..self.stats.clone()
        }
    }

    fn admit(&mut self, now: Time, addr: IpAddr, source: Source) -> Result<(), Reject> {
        let config = &self.config;
        let room = if self.open_total < config.open_max { Ok(()) } else { Err(Reject::ConnectionsFull) };
        if config.trusts(addr) {
            return room;
        }
        if self.bans.holds(now, source) {
            return Err(Reject::Banned);
        }
        self.connect.cut(now, &config.connect);
        let connect = self.connect.after(now, &config.connect, 1).ok_or(Reject::ConnectRate)?;
        if !self.sources.charge(source.hash(), ticks(now), &config.source_connect) {
            return Err(Reject::SourceRate);
        }
        let open = self.open.find(source.hash(), |open| open.source == source);
        if open.is_some_and(|open| open.count >= config.source_open_max) {
            return Err(Reject::SourceConnections);
        }
        room?;
        self.connect = connect;
        Ok(())
    }

    fn prove(&mut self, now: Time, wall: UnixMs, bytes: &[u8; HELLO_BYTES]) -> Result<Authed, Reject> {
        let hello = Hello::read(bytes)?;
        hello.check_time(wall)?;
        hello.check_mac(&self.config.keys)?;
        let (app, key) = (hello.app(), hello.key());
        // The nonce with the ids of its key, so that one app's clients cannot use up another's nonces.
        let name = self.secret.nonce(&bytes[NAME]);
        self.nonces.observe(now, name, &self.config.connect)?;
        Ok(Authed { app, key })
    }

    fn charge_peer(&mut self, now: Time, peer: Peer, reject: Reject, points: u32) -> bool {
        let source = self.secret.source(peer.addr);
        !peer.excused && self.charge(now, peer.addr, source, reject, points)
    }

    fn charge(&mut self, now: Time, addr: IpAddr, source: Source, reject: Reject, points: u32) -> bool {
        if points == 0 || !self.config.can_ban(addr) {
            return false;
        }
        let Some(evidence) = self.bans.charge(now, source, points, &self.config.tolerance) else { return false };
        self.bans.ban(now, source, Ban::for_offence(now, network(addr), reject, evidence, self.config.ban));
        self.stats.bans_made += 1;
        true
    }
}

/// Where nonce, app id and key id lie in a hello.
const NAME: std::ops::Range<usize> = 16..38;

/// Twice what is needed, so that the table tidies itself up in place and never grows under a flood.
fn open_capacity(config: &Config) -> usize {
    2 * config.open_max as usize
}

#[cfg(test)]
mod tests;
