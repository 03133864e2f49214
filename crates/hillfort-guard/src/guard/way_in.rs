//! What is judged after a connection was let in: its ClientHello, its handshake, its signed hello, and at last its session.

use std::time::Duration;

use hillfort_proto::hello::{self, Hello};
use hillfort_proto::limits::HELLO_BYTES;
use hillfort_proto::reject::Reject;
use hillfort_proto::time::{Time, UnixMs};

use super::{Guard, shrunk};
use crate::admission::{Admitted, Authed, Peer};
use crate::bucket::{Bucket, Rate, ticks};
use crate::fingerprint::{Action, ClientHelloFacts};
use crate::ladder::Step;
use crate::offence::{hello_points, points};
use crate::posture::Posture;
use crate::source::Source;
use crate::ticket::TICKET_BYTES;

/// Uses of one ticket: ten at once, then one a second. A player needs fewer; a ticket that is passed around earns no more.
const TICKET_USES: Rate = match Rate::new(1, 10) {
    Ok(rate) => rate,
    Err(_) => panic!("it is in range"),
};
/// Handshakes of one source that are nobody else's loss: a player who comes back and opens a page needs no more. Few, because a flood from many
/// addresses has as many from each of them.
const LIGHT_HANDSHAKES: Rate = match Rate::new(1, 4) {
    Ok(rate) => rate,
    Err(_) => panic!("it is in range"),
};
/// More bits of work for an address with offences: four times as much.
const CHALLENGE_BITS: u8 = 2;
/// Points of a silent connection that was shed under attack: a hundred of one address in a row ban it. So few because a web page can make
/// its visitors open silent connections.
const SILENT_POINTS: u32 = 10;
/// Where nonce, app id and key id lie in a hello.
const NAME: std::ops::Range<usize> = 16..38;

impl Guard {
    /// Judges a TLS client by what its ClientHello says: the operator's lists, then the budget of its address for this fingerprint. A
    /// fingerprint alone never bans: all players of one game engine share one.
    ///
    /// # Errors
    /// [`Reject::Fingerprint`], [`Reject::FingerprintRate`].
    pub fn on_client_hello(&mut self, now: Time, admitted: &Admitted, facts: &ClientHelloFacts) -> Result<(), Reject> {
        if self.config.trusts(admitted.peer.addr) {
            return Ok(());
        }
        let listed = self.config.refused_ja4.find(&facts.ja4);
        let listed = listed.max(facts.ja3.and_then(|ja3| self.config.refused_ja3.find(&ja3)));
        match listed {
            Some(Action::Refuse) => {
                self.refuse(now, Reject::Fingerprint);
                return Err(Reject::Fingerprint);
            }
            Some(Action::DryRun) => self.stats.fingerprints_dry += 1,
            None => {}
        }
        let source = admitted.source;
        let standing = self.known.standing(now, source);
        let bears = self.ladder.bears(now, source, || self.config.scale(standing, &self.standing));
        let percent = shrunk(self.config.account_percent(standing), bears, Step::Fingerprint);
        let pair = self.secret.with(source, &facts.ja4);
        if self.pairs.charge(pair, ticks(now), &self.config.fingerprint.scaled(percent)) {
            return Ok(());
        }
        self.refuse(now, Reject::FingerprintRate);
        self.charge_peer(now, admitted.peer, Reject::FingerprintRate, points(Reject::FingerprintRate));
        Err(Reject::FingerprintRate)
    }

    /// Spends one TLS handshake of the budget. Strangers leave a reserve of it to known sources, and sources that have had more than their
    /// share of late leave half of what is left to those that have not: a flood from some addresses leaves newcomers theirs. Who says
    /// that he `resumes` a TLS session may use half of the reserve: it can be said falsely, and saves little.
    ///
    /// # Errors
    /// [`Reject::TlsRate`].
    pub fn on_handshake(&mut self, now: Time, admitted: &Admitted, resumes: bool) -> Result<(), Reject> {
        let config = &self.config;
        if config.trusts(admitted.peer.addr) {
            return Ok(());
        }
        let percent = config.account_percent(self.known.standing(now, admitted.source));
        let uses = self.secret.with(admitted.source, b"handshakes");
        let is_light = self.pairs.charge(uses, ticks(now), &LIGHT_HANDSHAKES.scaled(percent));
        let config = &self.config;
        let known_percent = if resumes { config.known_percent / 2 } else { config.known_percent };
        let reserve = match (self.has_priority(now, admitted.source), is_light) {
            (true, _) => 0,
            (false, true) => known_percent,
            (false, false) => u32::midpoint(known_percent, 100),
        };
        self.handshakes.cut(now, &config.handshakes);
        match self.handshakes.after_leaving(now, &config.handshakes, 1, reserve) {
            Some(handshakes) => {
                self.handshakes = handshakes;
                Ok(())
            }
            None => {
                self.refuse(now, Reject::TlsRate);
                Err(Reject::TlsRate)
            }
        }
    }

    /// Judges the beginning of a signed hello as soon as some of it is there: its magic byte by byte, its clock from 24 bytes on.
    /// Nothing is counted: say so by [`Guard::on_bad_hello`]. `wall` is the server's clock.
    ///
    /// # Errors
    /// [`Reject::HelloMagic`], [`Reject::HelloTime`].
    pub fn on_hello_prefix(&mut self, now: Time, wall: UnixMs, prefix: &[u8]) -> Result<(), Reject> {
        let (wall, before) = self.clock.read(now, wall);
        by_either(wall, before, |wall| hello::check_prefix(prefix, wall))
    }

    /// Judges a signed hello in order of cost: magic, flags, clock, key, MAC, nonce. Counts and charges its refusal: do not
    /// report it as an offence once more. `wall` is the server's clock. When it is set by up to 6 s, forward or back, hellos by the
    /// clock of before stay good and no replay gets in; set back by more it makes replays possible.
    ///
    /// # Errors
    /// [`Reject::HelloMagic`], [`Reject::HelloFlags`], [`Reject::HelloTime`], [`Reject::HelloKey`], [`Reject::HelloMac`],
    /// [`Reject::HelloReplay`], and [`Reject::ConnectRate`] when the global budget was not spent at the accept and has nothing left for
    /// this source, or when the memory of nonces is full.
    pub fn on_hello(
        &mut self,
        now: Time,
        wall: UnixMs,
        admitted: &Admitted,
        bytes: &[u8; HELLO_BYTES],
    ) -> Result<Authed, Reject> {
        match self.prove(now, wall, admitted, bytes) {
            Ok(authed) => {
                self.stats.authed += 1;
                Ok(authed)
            }
            Err(reject) => {
                self.refuse(now, reject);
                self.charge_peer(now, admitted.peer, reject, hello_points(reject, bytes));
                Err(reject)
            }
        }
    }

    /// Shows a ticket before the login of this connection. `true`: it is good. One that is not is as none; so is one that was taken back, or
    /// that is shown more often than one player can. `wall` is the server's clock.
    pub fn on_ticket(&mut self, now: Time, wall: UnixMs, admitted: &mut Admitted, ticket: &[u8]) -> bool {
        let Some(serial) = self.tickets.read(wall, ticket).filter(|serial| !self.revoked.holds(*serial)) else { return false };
        if !self.pairs.charge(self.secret.ticket_uses(serial), ticks(now), &TICKET_USES) {
            return false;
        }
        admitted.peer.ticket = serial;
        self.stats.tickets_good += 1;
        true
    }

    /// Judges a login on this connection, or a session that it `resumes`, which its token proves: how many bits of work it has to do
    /// first; `None`: it may come in as it is. Strangers work under attack. At an address whose offences have led it to
    /// [`Step::Challenge`] they work more: under attack, and always where many share it. Who has shown a ticket does not work.
    ///
    /// # Errors
    /// [`Reject::Banned`], [`Reject::Reputation`]: only who has a ticket still comes in from there.
    pub fn on_login(&mut self, now: Time, admitted: &Admitted, resumes: bool) -> Result<Option<u8>, Reject> {
        if admitted.peer.ticket != 0 || self.config.trusts(admitted.peer.addr) {
            return Ok(None);
        }
        if let Some(reject) = admitted.barred.filter(|_| !resumes) {
            self.stats.count(reject);
            return Err(reject);
        }
        let standing = self.known.standing(now, admitted.source);
        let harder =
            self.ladder.bears(now, admitted.source, || self.config.scale(standing, &self.standing)).step >= Some(Step::Challenge);
        let works = match self.posture(now) {
            Posture::Attack => harder || !standing.is_known(),
            Posture::Calm => harder && self.config.shares(standing) && !resumes,
        };
        if !works {
            return Ok(None);
        }
        self.stats.challenges += 1;
        Ok(Some(self.config.work_bits + if harder { CHALLENGE_BITS } else { 0 }))
    }

    /// A session on this connection has lasted without offence: its address is known from now on. A connection counts once, and not before
    /// it is as old as the configuration says, so that many short logins earn nothing. `true`: it was counted.
    pub fn on_settled(&mut self, now: Time, admitted: &mut Admitted, account: u64) -> bool {
        let early = now.since(admitted.since) < self.config.settled_after;
        if admitted.settled || early || !self.earns(now, admitted) {
            return false;
        }
        admitted.settled = true;
        // A ticket says that it has played, on another connection.
        let account = (admitted.peer.ticket != 0).then(|| self.secret.account(account));
        self.known.settle(now, admitted.source, account);
        self.stats.settled += 1;
        true
    }

    /// A session on this connection has played for so long without offence: its account counts for its address from now on, whose budgets
    /// grow and whose bans grow milder with it, and the client is given a ticket. Once for a connection. A name alone costs nothing, so that
    /// none counts for it.
    pub fn on_played(
        &mut self,
        now: Time,
        wall: UnixMs,
        admitted: &mut Admitted,
        account: u64,
        played: Duration,
    ) -> Option<[u8; TICKET_BYTES]> {
        if admitted.played || !admitted.settled || played < self.config.played_after || !self.earns(now, admitted) {
            return None;
        }
        admitted.played = true;
        self.known.settle(now, admitted.source, Some(self.secret.account(account)));
        self.stats.tickets_given += 1;
        Some(self.tickets.sign(wall, self.secret.ticket(self.stats.tickets_given)))
    }

    /// Whether what a session does now counts in favour of its address. If not, it may later: what an address has to answer for is forgiven
    /// with time.
    fn earns(&self, now: Time, admitted: &Admitted) -> bool {
        let standing = self.known.standing(now, admitted.source);
        let bears = self.ladder.bears(now, admitted.source, || self.config.scale(standing, &self.standing));
        !admitted.peer.excused && bears.step.is_none()
    }

    /// Whether a connection of this address goes before strangers': sessions from it have lasted, and it bears no step of the ladder.
    pub fn goes_first(&self, now: Time, admitted: &Admitted) -> bool {
        self.has_priority(now, admitted.source)
    }

    /// A connection that said nothing gave way to a new one. Under attack that is an offence: who completes connections and keeps silent
    /// fills the place of others.
    pub fn on_silent_shed(&mut self, now: Time, peer: Peer) {
        if self.posture(now) == Posture::Attack {
            self.charge_peer(now, peer, Reject::UnprovenShed, SILENT_POINTS);
        }
    }

    /// Charges what the edge found wrong to the address. `true`: that was too much, the address is banned from now on. Its
    /// connections that are already admitted go on: others may share the address.
    pub fn on_offence(&mut self, now: Time, peer: Peer, reject: Reject) -> bool {
        self.posture.on_refusal(now, &self.config.posture);
        self.charge_peer(now, peer, reject, points(reject))
    }

    /// The same for a hello that is known to be bad before it is whole; `bytes` is what has come of it. What a web page can make the
    /// browsers of its visitors send is charged less.
    pub fn on_bad_hello(&mut self, now: Time, peer: Peer, reject: Reject, bytes: &[u8]) -> bool {
        self.posture.on_refusal(now, &self.config.posture);
        self.charge_peer(now, peer, reject, hello_points(reject, bytes))
    }

    /// Spends the global budget for a connection that will say no signed hello, as for a page, unless that was done at the accept.
    ///
    /// # Errors
    /// [`Reject::ConnectRate`].
    pub fn on_request(&mut self, now: Time, admitted: &mut Admitted) -> Result<(), Reject> {
        if admitted.paid || self.config.trusts(admitted.peer.addr) {
            return Ok(());
        }
        match self.price(now, admitted.source) {
            Some(connect) => {
                (self.connect, admitted.paid) = (connect, true);
                Ok(())
            }
            None => {
                self.refuse(now, Reject::ConnectRate);
                Err(Reject::ConnectRate)
            }
        }
    }

    /// The global budget after one new connection of this source, when it has that.
    fn price(&mut self, now: Time, source: Source) -> Option<Bucket> {
        let reserve = if self.has_priority(now, source) { 0 } else { self.config.known_percent };
        self.connect.cut(now, &self.config.connect);
        self.connect.after_leaving(now, &self.config.connect, 1, reserve)
    }

    fn has_priority(&self, now: Time, source: Source) -> bool {
        let standing = self.known.standing(now, source);
        standing.is_known() && self.ladder.bears(now, source, || self.config.scale(standing, &self.standing)).step.is_none()
    }

    fn prove(&mut self, now: Time, wall: UnixMs, admitted: &Admitted, bytes: &[u8; HELLO_BYTES]) -> Result<Authed, Reject> {
        let hello = Hello::read(bytes)?;
        let (wall, before) = self.clock.read(now, wall);
        by_either(wall, before, |wall| hello.check_time(wall))?;
        hello.check_mac(&self.config.keys)?;
        let (app, key) = (hello.app(), hello.key());
        // Spent once the hello is known to be new: a replay must not spend what newcomers need.
        let paid = if admitted.paid { None } else { Some(self.price(now, admitted.source).ok_or(Reject::ConnectRate)?) };
        // The nonce with the ids of its key, so that one app's clients cannot use up another's nonces.
        let name = self.secret.nonce(&bytes[NAME]);
        self.nonces.observe(now, name, &self.config.connect)?;
        self.connect = paid.unwrap_or(self.connect);
        Ok(Authed { app, key })
    }
}

/// What the new clock refuses, the one from before may still let in.
fn by_either(wall: UnixMs, before: Option<UnixMs>, check: impl Fn(UnixMs) -> Result<(), Reject>) -> Result<(), Reject> {
    match (check(wall), before) {
        (Err(Reject::HelloTime), Some(before)) => check(before),
        (verdict, _) => verdict,
    }
}
