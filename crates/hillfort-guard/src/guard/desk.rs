//! What operators and the console ask and order, and what the edge takes out: bans, steps, reputations, tables, counts.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hillfort_proto::time::Time;

use super::Guard;
use crate::ban::{Ban, Cause, NotBannable};
use crate::config::Config;
use crate::input::InputRates;
use crate::known::Standing;
use crate::ladder::{InForce, Scale};
use crate::news::BanNews;
use crate::posture::Posture;
use crate::regions::{Place, Regions};
use crate::reputation::Reputation;
use crate::source::{Source, home};
use crate::stats::Stats;
use crate::ticket::{TICKET_KEY_BYTES, Tickets};
use crate::top::TopSource;

impl Guard {
    /// Bans an address, or the /64 of an IPv6 address, by an operator's decision.
    ///
    /// # Errors
    /// [`NotBannable`].
    pub fn ban(&mut self, now: Time, addr: IpAddr, lasts: Duration) -> Result<(), NotBannable> {
        let addr = home(self.secret.source(addr).name());
        let until = now + lasts;
        self.put(
            now,
            Ban { addr, cause: Cause::Operator, count: 0, first: now, last: now, until, repeats: 0, strangers_only: false },
        )
    }

    /// Puts a ban back in force that was made before a restart, with its times in the count of this guard; it is news, too, so that it
    /// gets to wherever bans go. One that is over only brings back how often its address was banned.
    ///
    /// # Errors
    /// [`NotBannable`]: the lists have changed.
    pub fn restore(&mut self, now: Time, ban: Ban) -> Result<(), NotBannable> {
        self.put(now, Ban { addr: home(self.secret.source(ban.addr).name()), ..ban })
    }

    /// Forgets what the address has done, and lifts its ban and every other step. `false`: it was not banned.
    pub fn lift(&mut self, now: Time, addr: IpAddr) -> bool {
        let source = self.secret.source(addr);
        let banned = self.ladder.lift(now, source);
        if banned {
            self.news.push(BanNews::Lifted(home(source.name())));
        }
        banned
    }

    /// Bans in force, in no order.
    pub fn bans(&self, now: Time) -> impl Iterator<Item = &Ban> {
        self.ladder.bans(now)
    }

    /// How many bans are in force: a walk through a quarter of a megabyte, some 20 µs.
    #[must_use]
    pub fn bans_in_force(&self, now: Time) -> usize {
        self.ladder.bans_in_force(now)
    }

    /// What has become of bans since the last call: made ones, with restored ones and those by operators, and lifted ones. To be called
    /// until it gives nothing.
    pub fn poll_ban(&mut self) -> Option<BanNews> {
        self.news.poll()
    }

    /// News of bans that nobody took in time, and that are lost: [`Guard::bans`] has what is in force.
    #[must_use]
    pub fn ban_news_lost(&self) -> u64 {
        self.news.lost()
    }

    /// All steps that an address bears, the mildest first.
    #[must_use]
    pub fn ladder(&self, now: Time, addr: IpAddr) -> Vec<InForce> {
        let source = self.secret.source(addr);
        self.ladder.of(now, source, &self.measures(now, source).1)
    }

    /// Addresses that bear something, at most `most`, each with its hardest step; in no order.
    #[must_use]
    pub fn steps(&self, now: Time, most: usize) -> Vec<InForce> {
        self.ladder.steps(now, &self.config.scale(Standing::STRANGER, &self.standing), most)
    }

    /// What is thought of an address.
    #[must_use]
    pub fn reputation(&self, now: Time, addr: IpAddr) -> Reputation {
        let source = self.secret.source(addr);
        let (standing, scale) = self.measures(now, source);
        let (score, points, reasons, last, repeats) = self.ladder.sheet(now, source, &scale);
        let points_max = scale.tolerance.burst();
        let (known, accounts) = (standing.is_known(), standing.accounts);
        Reputation { score, points, points_max, reasons, last, repeats, known, accounts }
    }

    /// The sources that come most, at most `n`, the loudest first; about those of the last 20 s.
    #[must_use]
    pub fn top(&self, n: usize) -> Vec<TopSource> {
        self.top.top(n)
    }

    /// Whether the server is under attack.
    #[must_use]
    pub fn posture(&self, now: Time) -> Posture {
        self.posture.at(now, &self.config.posture)
    }

    /// Has tickets signed with this key, which must be random and secret, and no others taken. Without it they are good as long as this guard
    /// lives.
    pub fn set_ticket_key(&mut self, key: &[u8; TICKET_KEY_BYTES]) {
        self.tickets = Tickets::new(key);
    }

    /// Gives the guard another table of regions and gives the one from before back, so that somebody who has time for it can drop it.
    pub fn set_regions(&mut self, regions: Arc<Regions>) -> Arc<Regions> {
        std::mem::replace(&mut self.regions, regions)
    }

    /// Where an address belongs, by the table.
    #[must_use]
    pub fn place(&self, addr: IpAddr) -> Place {
        self.regions.place(addr)
    }

    /// Changes limits, lists and keys; what was counted stays. Bans of addresses that can no longer be banned are lifted. A debt
    /// above a smaller burst is forgiven down to it; the memory of nonces takes its new size at its next turns.
    pub fn apply(&mut self, now: Time, config: Config) {
        self.standing = config.standing();
        self.config = config;
        let (config, news) = (&self.config, &mut self.news);
        self.ladder.lift_where(now, |ban| {
            let lifted = !config.can_ban(ban.addr);
            if lifted {
                news.push(BanNews::Lifted(ban.addr));
            }
            lifted
        });
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
            open: self.open.total(),
            bans: self.ladder.bans_in_force(now),
            sources: self.sources.used(),
            sources_evicted: self.sources.evicted(),
            known: self.known.used(),
            nonces: self.nonces.held(),
            nonces_max: self.nonces.capacity(),
            posture: self.posture(now),
            attacks: self.posture.attacks(),
            clock_steps: self.clock.steps(),
            ban_news_lost: self.ban_news_lost(),
            regions: self.regions.ranges(),
            ..self.stats.clone()
        }
    }

    fn put(&mut self, now: Time, ban: Ban) -> Result<(), NotBannable> {
        if !self.config.can_ban(ban.addr) {
            return Err(NotBannable);
        }
        self.ladder.put(now, self.secret.source(ban.addr), ban);
        if ban.until > now {
            self.news.push(BanNews::Banned(ban));
        }
        Ok(())
    }

    fn measures(&self, now: Time, source: Source) -> (Standing, Scale) {
        let standing = self.known.standing(now, source);
        (standing, self.config.scale(standing, &self.standing))
    }
}
