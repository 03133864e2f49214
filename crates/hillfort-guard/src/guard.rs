//! The guard itself: what it is made of, and how a new connection is judged. The tables and buckets know nothing of each other; here
//! they meet.

mod desk;
mod way_in;

use std::net::IpAddr;
use std::sync::Arc;

use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;

use crate::admission::{Admitted, Peer};
use crate::bucket::{Bucket, Rate, ticks};
use crate::clock::Clock;
use crate::config::Config;
use crate::fuse::Fuse;
use crate::known::{KNOWN_MAX, Known, Standing};
use crate::ladder::{Bears, Charged, LADDER_MAX, Ladder, Scale, Step};
use crate::news::{BanNews, News};
use crate::nonces::Nonces;
use crate::offence::points;
use crate::open::Open;
use crate::posture::{Posture, Watch};
use crate::regions::Regions;
use crate::source::{Secret, Source};
use crate::stats::Stats;
use crate::table::{SOURCES_MAX, Table};
use crate::ticket::{REVOKED_MAX, Revoked, TICKET_KEY_BYTES, Tickets};
use crate::top::Top;

/// Sources with their fingerprints whose budget is remembered at most: 2 MiB.
const PAIRS_MAX: usize = 1 << 18;
/// What is left of a budget that a step of the ladder shrinks, percent.
const SHRUNK_PERCENT: u32 = 25;
/// An offence of so many points takes the ticket back of whoever is charged with it.
const REVOKING_POINTS: u32 = 100;

/// Judges connections and hellos. One for the process, owned by the thread that accepts.
#[derive(Debug)]
pub struct Guard {
    config: Config,
    /// [`Config::standing`], which is asked for more often than it changes.
    standing: Rate,
    secret: Secret,
    connect: Bucket,
    handshakes: Bucket,
    sources: Table,
    pairs: Table,
    open: Open,
    known: Known,
    tickets: Tickets,
    revoked: Revoked,
    ladder: Ladder,
    fuse: Fuse,
    news: News,
    regions: Arc<Regions>,
    nonces: Nonces,
    clock: Clock,
    posture: Watch,
    top: Top,
    stats: Stats,
}

impl Guard {
    /// A guard that has seen nothing. `seed` must be random and secret: it decides where sources lie in the tables.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        let secret = Secret::new(seed);
        let mut key = [0; TICKET_KEY_BYTES];
        // Numbers that no ticket has.
        key.chunks_exact_mut(8).zip(0..).for_each(|(chunk, n)| chunk.copy_from_slice(&secret.ticket(u64::MAX - n).to_ne_bytes()));
        Self {
            secret,
            tickets: Tickets::new(&key),
            revoked: Revoked::new(REVOKED_MAX),
            connect: Bucket::default(),
            handshakes: Bucket::default(),
            sources: Table::new(SOURCES_MAX),
            pairs: Table::new(PAIRS_MAX),
            open: Open::new(),
            known: Known::new(KNOWN_MAX),
            ladder: Ladder::new(LADDER_MAX),
            fuse: Fuse::new(),
            news: News::new(),
            regions: Arc::default(),
            nonces: Nonces::new(Time::ZERO, &config.connect),
            clock: Clock::default(),
            posture: Watch::default(),
            top: Top::new(),
            stats: Stats::default(),
            standing: config.standing(),
            config,
        }
    }

    /// Judges a connection that was just accepted, so that its address is not forged: trusted prefixes, bans, reputation, region, the
    /// global budget, the source's budget, its open connections and those of its network. What a source is refused for by itself costs
    /// the others nothing: the global budget is spent last, and strangers leave a reserve of it to known sources.
    ///
    /// Under attack the global budget is not asked here but at the hello: bots that complete connections and prove nothing would spend
    /// it all, and refusing a newcomer costs as much as letting him say who he is. What bounds the silent then is the edge's cap on
    /// connections that have proven nothing, of which the oldest gives way.
    ///
    /// # Errors
    /// [`Reject::Banned`], [`Reject::Reputation`], [`Reject::Region`], [`Reject::ConnectRate`], [`Reject::SourceRate`],
    /// [`Reject::SourceConnections`], [`Reject::NetworkConnections`], [`Reject::ConnectionsFull`]. Close it at once, by reset.
    pub fn on_connect(&mut self, now: Time, addr: IpAddr) -> Result<Admitted, Reject> {
        // The four bytes alone: a processor waits for an address that was just put together when it is copied as a whole.
        let addr = match addr {
            IpAddr::V4(addr) => IpAddr::V4(addr),
            IpAddr::V6(addr) => addr.to_canonical(),
        };
        let source = self.secret.source(addr);
        self.posture.on_offer(now, &self.config.posture);
        let verdict = self.admit(now, addr, source);
        self.top.on_event(now, source, verdict.is_err());
        match verdict {
            Ok(Way { network, paid, barred }) => {
                self.open.add(source.hash(), network);
                self.stats.admitted += 1;
                let peer = Peer { addr, excused: false, ticket: 0 };
                Ok(Admitted { peer, source, network, since: now, settled: false, played: false, barred, paid })
            }
            Err(reject) => {
                self.refuse(now, reject);
                self.charge(now, addr, source, reject, points(reject));
                Err(reject)
            }
        }
    }

    /// Lets the connection of a listed balancer wait until it has said for whom it comes; that one is judged by [`Guard::on_connect`] then.
    /// Until this proof goes back by [`Guard::on_close`] it counts as open, and as nothing else: else each client would count twice.
    ///
    /// # Errors
    /// [`Reject::ConnectionsFull`].
    pub fn on_balancer(&mut self, now: Time, addr: IpAddr) -> Result<Admitted, Reject> {
        if self.open.total() >= self.config.open_max {
            self.refuse(now, Reject::ConnectionsFull);
            return Err(Reject::ConnectionsFull);
        }
        let addr = addr.to_canonical();
        let source = self.secret.source(addr);
        let network = self.secret.network(source);
        self.open.add(source.hash(), network);
        let peer = Peer { addr, excused: false, ticket: 0 };
        Ok(Admitted { peer, source, network, since: now, settled: false, played: false, barred: None, paid: true })
    }

    /// Takes the proof of a connection back: it is closed.
    pub fn on_close(&mut self, admitted: Admitted) {
        self.open.remove(admitted.source.hash(), admitted.network);
    }

    fn admit(&mut self, now: Time, addr: IpAddr, source: Source) -> Result<Way, Reject> {
        let config = &self.config;
        let room = if self.open.total() < config.open_max { Ok(()) } else { Err(Reject::ConnectionsFull) };
        if config.trusts(addr) {
            return room.map(|()| Way { network: self.secret.network(source), paid: true, barred: None });
        }
        let standing = self.known.standing(now, source);
        let bears = self.ladder.bears(now, source, || config.scale(standing, &self.standing));
        let barred = config.bar(standing, bears)?;
        if !config.regions.is_empty() && config.regions.refuse(self.regions.place(addr)) {
            if !config.regions.dry_run {
                return Err(Reject::Region);
            }
            self.stats.regions_dry += 1;
        }
        let pays_here = self.posture.at(now, &config.posture) == Posture::Calm;
        self.connect.cut(now, &config.connect);
        let connect = if pays_here {
            let reserve = if bears.step.is_none() && standing.is_known() { 0 } else { config.known_percent };
            self.connect.after_leaving(now, &config.connect, 1, reserve).ok_or(Reject::ConnectRate)?
        } else {
            self.connect
        };
        let percent = config.account_percent(standing);
        let left = if barred.is_some() { percent * SHRUNK_PERCENT / 100 } else { shrunk(percent, bears, Step::Slow) };
        if !self.sources.charge(source.hash(), ticks(now), &config.source_connect.scaled(left)) {
            return Err(Reject::SourceRate);
        }
        if self.open.of_source(source.hash()) >= times(config.source_open_max, percent) {
            return Err(Reject::SourceConnections);
        }
        let network = self.secret.network(source);
        if self.open.of_network(network) >= times(config.network_open_max, percent) {
            return Err(Reject::NetworkConnections);
        }
        room?;
        self.connect = connect;
        Ok(Way { network, paid: pays_here, barred })
    }

    fn refuse(&mut self, now: Time, reject: Reject) {
        self.stats.count(reject);
        self.posture.on_refusal(now, &self.config.posture);
    }

    fn charge_peer(&mut self, now: Time, peer: Peer, reject: Reject, points: u32) -> bool {
        if peer.excused || points == 0 {
            return false;
        }
        if points >= REVOKING_POINTS && peer.ticket != 0 && self.revoked.add(peer.ticket) {
            self.stats.tickets_revoked += 1;
        }
        let source = self.secret.source(peer.addr);
        self.top.on_event(now, source, true);
        self.charge(now, peer.addr, source, reject, points)
    }

    /// `true`: the address is banned from now on.
    fn charge(&mut self, now: Time, addr: IpAddr, source: Source, reject: Reject, points: u32) -> bool {
        if points == 0 || !self.config.can_ban(addr) {
            return false;
        }
        let standing = self.known.standing(now, source);
        let scale = self.config.scale(standing, &self.standing);
        if self.ladder.charge(now, source, reject, points, &scale) == Charged::Borne {
            return false;
        }
        // Too many others would be shut out with it. Its budgets shrink, and that is all.
        if self.config.shares(standing) {
            self.stats.bans_spared += 1;
            return false;
        }
        let player = standing.logged_in_within_an_hour(now);
        if !self.fuse.spend(now, &self.config.fuse, player, self.known.logins_of_the_hour(now)) {
            self.stats.bans_withheld += 1;
            self.posture.alarm(now);
            return false;
        }
        let strangers_only = self.config.is_home(standing);
        let Some(ban) = self.ladder.ban(now, source, reject, &self.config.ban, strangers_only) else { return false };
        self.news.push(BanNews::Banned(ban));
        self.stats.bans_made += 1;
        true
    }
}

/// How a connection came in.
struct Way {
    /// The network that its source lies in.
    network: u64,
    /// The global budget was spent on it.
    paid: bool,
    /// See [`Admitted`].
    barred: Option<Reject>,
}

impl Config {
    /// How much of the base budgets an address has, percent: more for each account that lasted there.
    fn account_percent(&self, standing: Standing) -> u32 {
        let accounts = standing.accounts.min(self.accounts_max).saturating_sub(1);
        accounts.saturating_mul(self.account_share_percent).saturating_add(100)
    }

    /// Whether so many share the address that a ban would hit the wrong ones.
    fn shares(&self, standing: Standing) -> bool {
        standing.accounts >= self.shared_accounts
    }

    /// Whether others than the one who offends play there.
    fn is_home(&self, standing: Standing) -> bool {
        standing.accounts >= self.home_accounts
    }

    /// Whether the address is refused, or all there who have no ticket.
    fn bar(&self, standing: Standing, bears: Bears) -> Result<Option<Reject>, Reject> {
        let (reject, leaves_a_door) = match bears {
            Bears { banned: true, strangers_only, .. } => (Reject::Banned, strangers_only),
            Bears { disreputable: true, .. } if !self.shares(standing) => (Reject::Reputation, self.is_home(standing)),
            _ => return Ok(None),
        };
        if leaves_a_door { Ok(Some(reject)) } else { Err(reject) }
    }

    fn scale(&self, standing: Standing, slow: &Rate) -> Scale {
        let percent = self.account_percent(standing);
        Scale { tolerance: self.tolerance.scaled(percent), standing: slow.scaled(percent), score_min: self.score_min }
    }
}

/// The share of a budget that is left to an address that bears `step` or a harder one, of those that the ladder counts below a ban.
fn shrunk(percent: u32, bears: Bears, step: Step) -> u32 {
    if bears.step >= Some(step) { percent * SHRUNK_PERCENT / 100 } else { percent }
}

fn times(most: u32, percent: u32) -> u32 {
    u32::try_from(u64::from(most) * u64::from(percent) / 100).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
