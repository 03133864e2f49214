//! All virtual players in one thread: lets them in, makes the calls that are due, hears the answers. Owns the loop; what a call is, is the
//! player's business.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::bail;
use hillfort_proto::time::Time;
use mio::{Events, Poll, Token};

use super::http::Link;
use super::mix::{Class, Mix};
use super::player::{Ask, Busy, Player, Seat};
use super::socket::{Heard, Socket};
use super::tally::{End, Tally};
use super::target::Target;
use crate::clock::Clock;
use crate::crowd::Alarm;
use crate::random::Random;
use crate::schedule::Schedule;

/// Players that are being let in at the same time.
const ENTERING_MAX: usize = 64;
/// Players in one match.
const TABLE: usize = 10;
/// A call without an answer for so long is given up.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time for answers after the last call of a step: Hillfort's refusals wait for up to 1.2 s.
const GRACE: Duration = Duration::from_secs(2);
/// Nobody could be let in for so long: something is wrong.
const ENTRY_PATIENCE: Duration = Duration::from_secs(20);
/// Wait before a step into the game that was refused is tried again.
const RETRY: Duration = Duration::from_millis(200);
/// Sessions are renewed at this age: those of Nakama's default live for 60 s.
const SESSION_AGE_MAX: Duration = Duration::from_secs(45);
/// Between two looks for calls without an answer.
const SWEEP_EVERY: Duration = Duration::from_millis(100);
/// Calls that are begun between two looks at the sockets.
const BATCH: usize = 64;
const ALARM: Token = Token(usize::MAX);

/// The players.
#[derive(Debug)]
pub(super) struct Crew {
    target: Target,
    mix: Mix,
    clock: Clock,
    poll: Poll,
    alarm: Alarm,
    events: Events,
    players: Vec<Player>,
    /// The match of each table.
    tables: Vec<Option<String>>,
    random: Random,
    /// Says whose devices these are.
    run: u64,
    /// Devices and objects so far.
    numbers: u64,
    tally: Tally,
    buffer: Vec<u8>,
    sweep_at: Time,
    /// Players are being let in.
    is_entering: bool,
    /// Players whose step into the game ended: how, and whether it may be tried again.
    entered: VecDeque<(usize, Result<(), String>, bool)>,
}

impl Crew {
    pub(super) fn new(target: Target, mix: Mix, count: usize, sources: &[Ipv4Addr]) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let alarm = Alarm::register(poll.registry(), ALARM)?;
        let mut run = [0; 8];
        getrandom::fill(&mut run).map_err(|error| anyhow::anyhow!("random bytes: {error}"))?;
        let run = u64::from_le_bytes(run);
        let players = (0..count).map(|at| Player::new(format!("people-{run:016x}-own-{at}"), sources[at % sources.len()]));
        Ok(Self {
            target,
            mix,
            clock: Clock::start(),
            poll,
            alarm,
            events: Events::with_capacity(1024),
            players: players.collect(),
            tables: vec![None; count.div_ceil(TABLE)],
            random: Random::new(run),
            run,
            numbers: 0,
            tally: Tally::new(),
            buffer: vec![0; 1 << 16],
            sweep_at: Time::ZERO,
            is_entering: false,
            entered: VecDeque::new(),
        })
    }

    /// Gives each player an account, an object, and a seat in a match where the mix has echoes.
    ///
    /// # Errors
    /// The server refuses for another reason than having too much to do, or nobody gets on for 20 s.
    pub(super) fn enter(&mut self) -> anyhow::Result<()> {
        let mut waiting: VecDeque<(usize, Time)> = (0..self.players.len()).map(|index| (index, Time::ZERO)).collect();
        let (mut under_way, mut ready, mut progress_at) = (0, 0, self.clock.now());
        let mut trouble = String::new();
        self.is_entering = true;
        while ready < self.players.len() {
            let now = self.clock.now();
            if now.since(progress_at) > ENTRY_PATIENCE {
                bail!("{ready} of {} players got in, then nobody for 20 s: {trouble}", self.players.len());
            }
            for _ in 0..waiting.len() {
                let Some((index, from)) = waiting.pop_front() else { break };
                if from > now || under_way >= ENTERING_MAX || !self.step_in(index, now) {
                    waiting.push_back((index, from));
                } else {
                    under_way += 1;
                }
                if under_way >= ENTERING_MAX {
                    break;
                }
            }
            self.turn(now + Duration::from_millis(10))?;
            let now = self.clock.now();
            while let Some((index, ended, may_retry)) = self.entered.pop_front() {
                under_way -= 1;
                match ended {
                    Ok(()) => {
                        progress_at = now;
                        if self.is_in(index) {
                            ready += 1;
                        } else {
                            waiting.push_back((index, now));
                        }
                    }
                    Err(why) if may_retry => {
                        trouble = why;
                        waiting.push_back((index, now + RETRY));
                    }
                    Err(why) => bail!(
                        "a player could not get in: {why}\n(rpc and echo need the modules of bench/people on the server; --mix leaves them out)"
                    ),
                }
            }
        }
        self.is_entering = false;
        Ok(())
    }

    /// Makes `rate_hz` calls a second on a fixed schedule, and tells what became of those that were due in `span` after `warm`.
    pub(super) fn run(&mut self, rate_hz: f64, warm: Duration, span: Duration) -> anyhow::Result<Tally> {
        let count = self.players.len();
        let begin = self.clock.now() + Duration::from_millis(10);
        let (from, end) = (begin + warm, begin + warm + span);
        let mut schedule = Schedule::new(begin, rate_hz / count as f64, count);
        self.tally = Tally::new();
        loop {
            let now = self.clock.now();
            let mut begun = 0;
            while begun < BATCH && schedule.next_at() < end {
                let Some(due) = schedule.poll_due(now) else { break };
                let at = schedule.intended(due);
                self.on_due(due.sender, at, at >= from, now);
                begun += 1;
            }
            if schedule.next_at() >= end {
                break;
            }
            let wake_at = if begun == BATCH { now } else { schedule.next_at() };
            self.turn(wake_at)?;
        }
        while self.clock.now() < end + GRACE && self.players.iter().any(|player| player.busy.is_some_and(|busy| busy.counts)) {
            self.turn(end + GRACE)?;
        }
        for index in 0..count {
            if self.players[index].busy.is_some() {
                self.give_up(index);
            }
        }
        Ok(std::mem::replace(&mut self.tally, Tally::new()))
    }

    fn on_due(&mut self, index: usize, due: Time, counts: bool, now: Time) {
        let player = &mut self.players[index];
        let is_old = player.session.as_ref().is_none_or(|session| now.since(session.since) > SESSION_AGE_MAX);
        let class = if is_old { Class::Login } else { self.mix.draw(&mut self.random) };
        let held = player.busy.is_some();
        if counts {
            self.tally.offer(class, held);
        }
        if !held {
            self.begin(index, Ask::Call(class), due, counts);
        }
    }

    fn begin(&mut self, index: usize, ask: Ask, due: Time, counts: bool) {
        self.numbers += 1;
        let player = &mut self.players[index];
        player.busy = Some(Busy { ask, due, counts, is_fresh: player.link.is_none() });
        if ask == Ask::Call(Class::Echo) {
            return self.echo(index);
        }
        let stranger = format!("people-{:016x}-{}", self.run, self.numbers);
        let request = player.request(ask, &self.target, &stranger, self.numbers);
        self.send(index, request);
    }

    fn send(&mut self, index: usize, request: Vec<u8>) {
        let player = &mut self.players[index];
        if player.link.is_none() {
            player.link = Link::open(&self.target, player.source, self.poll.registry(), Token(index * 2)).ok();
        }
        let sent = player.link.as_mut().map(|link| link.send(request));
        if !matches!(sent, Some(Ok(()))) {
            self.on_link_gone(index);
        }
    }

    fn echo(&mut self, index: usize) {
        let player = &mut self.players[index];
        player.messages += 1;
        let number = player.messages;
        let sent = match (&mut player.socket, &self.tables[index / TABLE]) {
            (Some(socket), Some(table)) if player.seat == Seat::Taken => socket.send(table, number).is_ok(),
            _ => false,
        };
        if !sent {
            self.end(index, End::Lost, "no seat in the match".to_owned());
            // Comes back to its seat while others play on.
            if self.players[index].seat == Seat::None {
                let _ = self.open_socket(index);
            }
        }
    }

    /// The next step of a player into the game; whether there is one now.
    fn step_in(&mut self, index: usize, now: Time) -> bool {
        let table = index / TABLE;
        let player = &self.players[index];
        let ask = match (&player.session, player.has_written, player.seat) {
            (None, ..) => Ask::Enter,
            (_, false, _) => Ask::Call(Class::Write),
            (.., Seat::None) if index.is_multiple_of(TABLE) && self.tables[table].is_none() => Ask::Table,
            (.., Seat::None) if self.tables[table].is_some() => {
                if let Err(why) = self.open_socket(index) {
                    self.note_step(index, Err(why), true);
                }
                return true;
            }
            _ => return false,
        };
        self.begin(index, ask, now, false);
        true
    }

    fn open_socket(&mut self, index: usize) -> Result<(), String> {
        let player = &mut self.players[index];
        let Some(session) = &player.session else { return Err("no session".to_owned()) };
        let place = Token(index * 2 + 1);
        let socket = Socket::open(&self.target, &session.token, player.source, self.poll.registry(), place);
        player.socket = Some(socket.map_err(|gone| gone.0)?);
        player.seat = Seat::Opening;
        Ok(())
    }

    fn is_in(&self, index: usize) -> bool {
        let player = &self.players[index];
        player.has_written && (!self.mix.has(Class::Echo) || player.seat == Seat::Taken)
    }

    /// Waits until something happens, at the latest until `wake_at`, and hears it.
    fn turn(&mut self, wake_at: Time) -> anyhow::Result<()> {
        let now = self.clock.now();
        let wake_at = wake_at.min(self.sweep_at);
        let timeout = (wake_at <= now).then_some(Duration::ZERO);
        if timeout.is_none() {
            self.alarm.set(wake_at.since(now))?;
        }
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            match event.token() {
                ALARM => {}
                Token(place) if place.is_multiple_of(2) => self.on_link(place / 2),
                Token(place) => self.on_socket(place / 2),
            }
        }
        self.events = events;
        let now = self.clock.now();
        if now >= self.sweep_at {
            self.sweep_at = now + SWEEP_EVERY;
            let late = |player: &Player| player.busy.is_some_and(|busy| now.since(busy.due) > PATIENCE);
            let late: Vec<_> = (0..self.players.len()).filter(|&index| late(&self.players[index])).collect();
            late.into_iter().for_each(|index| self.give_up(index));
        }
        Ok(())
    }

    fn on_link(&mut self, index: usize) {
        let player = &mut self.players[index];
        let Some(link) = &mut player.link else { return };
        let received = link.flush().and_then(|()| link.receive(&mut self.buffer));
        match received {
            Ok(None) => {}
            Err(_) => self.on_link_gone(index),
            Ok(Some(answer)) => {
                if !answer.keep {
                    player.link = None;
                }
                // An answer to nothing: it was given up.
                let Some(busy) = player.busy else { return };
                let (end, said) = player.take(busy.ask, &answer, self.clock.now());
                if busy.ask == Ask::Table && end == End::Ok {
                    self.tables[index / TABLE] = Some(said.clone());
                }
                self.end(index, end, said);
            }
        }
    }

    fn on_link_gone(&mut self, index: usize) {
        let player = &mut self.players[index];
        let link = player.link.take();
        let Some(busy) = player.busy.as_mut().filter(|busy| busy.ask != Ask::Call(Class::Echo)) else { return };
        // Servers end connections that were idle: who meets that asks again over a new one, once, as every client does.
        match link.filter(|_| !busy.is_fresh) {
            Some(link) => {
                busy.is_fresh = true;
                self.send(index, link.into_request());
            }
            None => self.end(index, End::Lost, "the connection ended".to_owned()),
        }
    }

    fn on_socket(&mut self, index: usize) {
        let player = &mut self.players[index];
        let Some(socket) = &mut player.socket else { return };
        let (mut opened, mut refused, mut came_back) = (false, None, false);
        let number = player.messages;
        let seat = &mut player.seat;
        let mut joined = false;
        let mut gone = socket.turn(|heard| match heard {
            Heard::Open => opened = true,
            Heard::Joined => joined = true,
            Heard::Echo(back) => came_back |= back == number,
            Heard::Refused(why) => refused = Some(why),
        });
        if opened {
            *seat = Seat::Open;
        }
        if joined {
            *seat = Seat::Taken;
        }
        if *seat == Seat::Open
            && gone.is_ok()
            && let Some(table) = &self.tables[index / TABLE]
        {
            *seat = Seat::Asked;
            gone = socket.join(table);
        }
        let is_echo = player.busy.is_some_and(|busy| busy.ask == Ask::Call(Class::Echo));
        if joined {
            self.note_step(index, Ok(()), true);
        }
        if came_back && is_echo {
            self.end(index, End::Ok, String::new());
        }
        if let Some(why) = refused {
            if is_echo {
                self.end(index, End::Wrong, why);
            } else {
                self.note_step(index, Err(format!("the match: {why}")), false);
            }
        }
        if let Err(gone) = gone {
            let player = &mut self.players[index];
            let was = std::mem::replace(&mut player.seat, Seat::None);
            player.socket = None;
            if player.busy.is_some_and(|busy| busy.ask == Ask::Call(Class::Echo)) {
                self.end(index, End::Lost, gone.0);
            } else if was != Seat::Taken {
                self.note_step(index, Err(format!("the socket: {}", gone.0)), true);
            }
        }
    }

    fn note_step(&mut self, index: usize, ended: Result<(), String>, may_retry: bool) {
        if self.is_entering {
            self.entered.push_back((index, ended, may_retry));
        }
    }

    /// Gives up what a player waits for. Its connection would bring the answer later: it needs another one.
    fn give_up(&mut self, index: usize) {
        let player = &mut self.players[index];
        if player.busy.is_some_and(|busy| busy.ask != Ask::Call(Class::Echo)) {
            player.link = None;
        }
        self.end(index, End::Late, "no answer in time".to_owned());
    }

    fn end(&mut self, index: usize, end: End, said: String) {
        let Some(busy) = self.players[index].busy.take() else { return };
        if busy.counts
            && let Ask::Call(class) = busy.ask
        {
            self.tally.end(class, end, self.clock.now().since(busy.due));
        }
        if self.is_entering {
            let ended = if end == End::Ok { Ok(()) } else { Err(format!("{:?}: {end}: {said}", busy.ask)) };
            let may_retry = end.is_refusal() || matches!(end, End::Lost | End::Late);
            self.note_step(index, ended, may_retry);
        }
    }
}
