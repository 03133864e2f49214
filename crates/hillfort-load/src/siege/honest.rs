//! Honest players: those who are in and play, and those who come. Both on a fixed schedule, whatever the server does. Knows nothing of
//! attacks.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use hillfort_proto::hello::HelloKey;
use hillfort_proto::reject::Reject;
use hillfort_proto::session::client::Event;
use hillfort_proto::time::Time;
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};

use super::lab::{self, Lab};
use crate::bots::{self, Measured, Metered, PATIENCE, Pacing, Stroke};
use crate::crowd::{Behaviour, Crowd, Voice};
use crate::latency::{Latencies, Percentiles};
use crate::link::Door;
use crate::schedule::Schedule;

/// A newcomer who is not in after this long has gone elsewhere.
const NEWCOMER_MAX: Duration = Duration::from_secs(3);
/// Players behind one address have a ticket after this time of play: the server is told to give them early.
const TICKETS_MAX: Duration = Duration::from_secs(15);
/// What one player sends a second.
pub(crate) const PLAYER_HZ: f64 = 50.0;
/// Newcomers come from here on, players from below.
const NEWCOMERS_FROM: u16 = 4_096;

/// How one gets in.
#[derive(Debug, Clone)]
pub(crate) struct Entrance {
    pub(crate) door: Door,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) signer: HelloKey,
}

/// How many honest people there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct People {
    /// Players who are in.
    pub(crate) players: u16,
    /// Newcomers a second.
    pub(crate) newcomers_hz: f64,
    /// All sit behind this address, have played there before the calm time, and half of the newcomers come with a ticket for that; each has an
    /// address of their own when absent.
    pub(crate) behind: Option<Ipv4Addr>,
}

/// What honest people saw in one span.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) frames: Measured,
    pub(crate) newcomers: Newcomers,
}

/// How newcomers fared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Newcomers {
    /// Those that came in the span.
    pub(crate) came: u64,
    /// Of those, the ones that were logged in within [`NEWCOMER_MAX`].
    pub(crate) let_in: u64,
    /// Of those who came, the ones whose address had logged in before, or who have a ticket, ...
    pub(crate) came_back: u64,
    /// ... and of those the ones that were let in.
    pub(crate) back_in: u64,
    /// Why the others were not, as far as they were told.
    pub(crate) refused: BTreeMap<String, u64>,
    /// From the intended connect to the login.
    pub(crate) latency: Percentiles,
}

/// Players who are in.
#[derive(Debug)]
pub(crate) struct Players {
    crowd: Crowd,
    metered: Metered,
    people: People,
    entrance: Entrance,
    /// Newcomers so far: each comes from another address.
    came: u16,
}

impl Entrance {
    fn crowd(&self, names: &[String], sources: &[Ipv4Addr]) -> anyhow::Result<Crowd> {
        Ok(Crowd::new(self.door, self.signer.clone(), names, sources)?.over_tls(self.tls.clone()))
    }
}

impl Players {
    /// Logs them in. They play ping: the session answers at once, while a room answers with its next tick.
    pub(crate) fn seat(entrance: Entrance, people: People) -> anyhow::Result<Self> {
        let count = usize::from(people.players.max(1));
        let sources: Vec<_> = (1..=people.players.max(1)).map(|n| people.behind.unwrap_or_else(|| lab::player(n))).collect();
        let mut crowd = entrance.crowd(&bots::names(count), &sources)?;
        let mut metered = Metered::new(Stroke::Ping, Pacing::Open { rate_hz: PLAYER_HZ }, count);
        if people.behind.is_some() {
            earn_tickets(&mut crowd)?;
        } else {
            crowd.open_all(&mut metered, PATIENCE, |_| ())?;
        }
        Ok(Self { crowd, metered, people, entrance, came: 0 })
    }

    /// Plays for `span` after a warm-up, while newcomers come. `edge` is called when counting begins and when it ends.
    pub(crate) fn play(&mut self, lab: &Lab, span: Duration, edge: impl FnMut(bool)) -> anyhow::Result<Seen> {
        let from = self.came;
        let count = (self.people.newcomers_hz * span.as_secs_f64()) as u16;
        self.came += count;
        let (people, entrance) = (self.people, &self.entrance);
        let tickets: Vec<Vec<u8>> = self.crowd.tickets().map(|(_, ticket)| ticket.to_vec()).collect();
        std::thread::scope(|scope| {
            let newcomers = scope.spawn(move || {
                lab.outside.enter()?;
                come(entrance, people, &tickets, from, count)
            });
            let frames = self.metered.measure_with(&mut self.crowd, span, edge)?;
            let newcomers = newcomers.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            Ok(Seen { frames, newcomers })
        })
    }

    /// From now on newcomers come as these people do.
    pub(crate) fn expect(&mut self, people: People) {
        self.people = People { players: self.people.players, ..people };
    }

    /// Says goodbye.
    pub(crate) fn leave(mut self) {
        self.crowd.bye();
    }
}

/// Has all play until the server has given each a ticket for it.
fn earn_tickets(crowd: &mut Crowd) -> anyhow::Result<()> {
    let mut bots = bots::players::Players::new(crowd.len());
    crowd.open_all(&mut bots, PATIENCE, |_| ())?;
    let (end, all) = (crowd.now() + TICKETS_MAX, crowd.len());
    crowd.run(&mut bots, |now, crowd, _| now > end || crowd.tickets().count() == all)?;
    let given = crowd.tickets().count();
    ensure!(given == all, "{given} of {all} players were given a ticket in {} s of play", TICKETS_MAX.as_secs());
    for index in 0..all {
        // Who has no seat at the moment has none to give up.
        let _none = crowd.speak(index, |voice| voice.leave());
    }
    Ok(())
}

/// Has `count` newcomers come, the first ones after the players' warm-up.
fn come(entrance: &Entrance, people: People, tickets: &[Vec<u8>], from: u16, count: u16) -> anyhow::Result<Newcomers> {
    if count == 0 {
        return Ok(Newcomers::default());
    }
    // Every other one has been here before, if anybody has.
    let returns = |n: u16| (from > 0 || !tickets.is_empty()) && n.is_multiple_of(2);
    let address = |n: u16| {
        let own = NEWCOMERS_FROM + if returns(n) { n / 2 % from.max(1) } else { from + n };
        people.behind.unwrap_or_else(|| lab::player(own))
    };
    let sources: Vec<_> = (0..count).map(address).collect();
    let names: Vec<String> = (0..count).map(|n| format!("Newcomer {n}")).collect();
    let mut crowd = entrance.crowd(&names, &sources)?.opened_on_demand();
    for n in (0..count).filter(|&n| returns(n)) {
        if let Some(ticket) = tickets.get(usize::from(from + n) % tickets.len().max(1)) {
            crowd.give_ticket(n.into(), ticket);
        }
    }
    let start = crowd.now() + Metered::WARM_UP;
    let mut arrivals = Arrivals {
        schedule: Schedule::new(start, people.newcomers_hz, 1),
        left: u64::from(count),
        start,
        rate_hz: people.newcomers_hz,
        let_in: vec![false; usize::from(count)],
        latencies: Latencies::new(),
        refused: BTreeMap::new(),
    };
    let last = arrivals.intended(usize::from(count) - 1);
    crowd.run(&mut arrivals, |now, _, arrivals: &Arrivals| {
        now > last + NEWCOMER_MAX || arrivals.let_in.iter().all(|&let_in| let_in)
    })?;
    let (reset, let_in) = (crowd.counts().reset, arrivals.latencies.count());
    let mut refused = arrivals.refused;
    let told: u64 = refused.values().sum();
    let silent = u64::from(count).saturating_sub(let_in + told);
    // Those that were told why end by a reset as well.
    let reset = reset.saturating_sub(told).min(silent);
    for (reason, n) in [("reset without a word", reset), ("no answer in time", silent - reset)] {
        if n > 0 {
            refused.insert(reason.to_owned(), n);
        }
    }
    let latency = arrivals.latencies.percentiles();
    let returned = arrivals.let_in.iter().zip(0..).filter(|&(_, n)| returns(n));
    let (came_back, back_in) = returned.fold((0, 0), |(came, in_), (&let_in, _)| (came + 1, in_ + u64::from(let_in)));
    crowd.bye();
    Ok(Newcomers { came: u64::from(count), let_in, came_back, back_in, refused, latency })
}

/// Opens one newcomer after the other, and sees when each is let in.
struct Arrivals {
    schedule: Schedule,
    left: u64,
    start: Time,
    rate_hz: f64,
    let_in: Vec<bool>,
    latencies: Latencies,
    refused: BTreeMap<String, u64>,
}

impl Arrivals {
    fn intended(&self, index: usize) -> Time {
        self.start + Duration::from_secs_f64(index as f64 / self.rate_hz)
    }
}

impl Behaviour for Arrivals {
    fn on_event(&mut self, index: usize, now: Time, event: Event<'_>, _voice: &mut Voice<'_>) {
        match event {
            Event::Welcome { .. } if !self.let_in[index] => {
                let latency = now.since(self.intended(index));
                if latency <= NEWCOMER_MAX {
                    self.let_in[index] = true;
                    self.latencies.record(latency);
                }
            }
            Event::Refused { code, .. } | Event::Closed { code, .. } if !self.let_in[index] => {
                let reason = Reject::from_code(code).map_or_else(|| code.to_string(), |reject| reject.label().to_owned());
                *self.refused.entry(reason).or_default() += 1;
            }
            _ => {}
        }
    }

    fn next_at(&self) -> Time {
        if self.left == 0 { Time(u64::MAX) } else { self.schedule.next_at() }
    }

    fn on_turn(&mut self, now: Time, crowd: &mut Crowd) {
        while self.left > 0 && self.schedule.poll_due(now).is_some() {
            self.left -= 1;
            crowd.open_next(now);
        }
    }
}

impl Newcomers {
    /// Let in of those who came, percent; 100 when nobody came.
    pub(crate) fn percent(&self) -> f64 {
        if self.came == 0 { 100.0 } else { 100.0 * self.let_in as f64 / self.came as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_who_came_means_nobody_locked_out() {
        let check = |came: u64, let_in: u64, expect: f64| {
            let percent = Newcomers { came, let_in, ..Newcomers::default() }.percent();
            assert!((percent - expect).abs() < 1e-9, "{percent}");
        };
        check(0, 0, 100.0);
        check(200, 199, 99.5);
        check(3, 0, 0.0);
    }
}
