//! Orders carried out between two events of the loop. Knows nothing of who gave them.

use hillfort_proto::reject::Reject;
use hillfort_proto::session::server::State;
use hillfort_proto::time::Time;

use crate::conn::{ConnKey, Phase};
use crate::control::{BanList, LadderView, Order, Player, StepList};
use crate::drain::Drain;
use crate::thread::EdgeThread;
use crate::tls::{CertificateError, Configs};

/// Orders carried out in one turn.
const ORDERS_MAX: usize = 16;
/// Rows of a table that are told at once: each costs the loop some 50 ns.
const ROWS_MAX: usize = 1024;

impl EdgeThread {
    /// `false`: a drain is done.
    pub(crate) fn on_orders(&mut self, now: Time) -> bool {
        for _ in 0..ORDERS_MAX {
            let Ok(order) = self.orders.try_recv() else { break };
            self.probe.mark();
            // A reply that nobody waits for any more is dropped.
            match order {
                Order::Guard(config) => {
                    self.config.guard = *config;
                    self.apply_guard(now);
                }
                Order::Ban { addr, lasts, reply } => drop(reply.send(self.guard.ban(now, addr, lasts))),
                Order::Lift { addr, reply } => drop(reply.send(self.guard.lift(now, addr))),
                Order::Bans { reply } => {
                    drop(reply.send(BanList { now, bans: self.guard.bans(now).take(ROWS_MAX).copied().collect() }));
                }
                Order::Steps { most, reply } => {
                    drop(reply.send(StepList { now, steps: self.guard.steps(now, most.min(ROWS_MAX)) }));
                }
                Order::Ladder { addr, reply } => {
                    let (steps, reputation) = (self.guard.ladder(now, addr), self.guard.reputation(now, addr));
                    drop(reply.send(LadderView { now, steps, reputation, place: self.guard.place(addr) }));
                }
                Order::Top { most, reply } => drop(reply.send(self.guard.top(most))),
                Order::Regions { regions, reply } => match reply.send(self.guard.set_regions(regions)) {
                    Ok(()) => {}
                    // Nobody waits for it, so it goes here.
                    Err(old) => drop(old),
                },
                Order::GuardStats { reply } => drop(reply.send(self.guard.stats(now))),
                Order::Players { players_max, reply } => drop(reply.send(self.players(players_max))),
                Order::Certificate { tls, handshakes_per_s, reply } => drop(reply.send(self.swap(now, tls, handshakes_per_s))),
                Order::Drain { within, reply } => {
                    // The first one asked sets the deadline; all are told when it is over.
                    self.drain.get_or_insert_with(|| Drain::new(now + within)).replies.push(reply);
                }
            }
        }
        self.go_on_draining(now)
    }

    fn apply_guard(&mut self, now: Time) {
        let guard = self.config.guard_here(self.handshakes_per_s);
        self.rates = guard.inputs;
        self.wants_ja3 = !guard.refused_ja3.is_empty();
        self.guard.apply(now, guard);
    }

    /// New connections get the new configuration; each of the open ones holds its own.
    fn swap(&mut self, now: Time, tls: Configs, handshakes_per_s: Option<u32>) -> Result<(), CertificateError> {
        let Some(place) = &mut self.tls else { return Err(CertificateError::NoTls) };
        *place = tls;
        self.handshakes_per_s = handshakes_per_s;
        self.apply_guard(now);
        Ok(())
    }

    fn players(&self, players_max: usize) -> Vec<Player> {
        let here = self.sessions.iter().filter(|r| !r.over && matches!(r.session.state(), State::Open | State::Detached));
        here.take(players_max)
            .map(|record| Player {
                session: record.session.id(),
                name: record.session.name().into(),
                room: record.session.seat().room(),
                rtt_us: record.session.round_trip().map(|d| u32::try_from(d.as_micros()).unwrap_or(u32::MAX)),
                peer: record.conn.and_then(|key| self.conns.get(key as usize)).map(|conn| conn.peer),
            })
            .collect()
    }

    /// New connections are refused from the first order on; sessions play on until the deadline, or until none is left.
    fn go_on_draining(&mut self, now: Time) -> bool {
        let Some(drain) = &mut self.drain else { return true };
        if !drain.told && (now >= drain.deadline() || self.sessions.len() == 0) {
            drain.told(now);
            let all: Vec<ConnKey> = self.conns.iter().map(|(key, _)| key as ConnKey).collect();
            for key in all {
                if let Some(Phase::Login(session) | Phase::Live(session)) = self.conns.get(key as usize).map(|conn| conn.phase) {
                    self.end_session(session);
                }
                self.say_goodbye(now, key, Reject::Shutdown);
            }
        }
        let Some(drain) = self.drain.as_mut().filter(|drain| drain.told) else { return true };
        if !self.conns.is_empty() && now < drain.deadline() {
            return true;
        }
        for reply in drain.replies.drain(..) {
            let _nobody_waits = reply.send(());
        }
        false
    }
}
