//! Many clients in one thread: connects them, logs them in, brings lost ones back, and tells a behaviour what happens to each. Knows
//! nothing of what the clients are for.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use hillfort_proto::frame::Framing;
use hillfort_proto::hello::HelloKey;
use hillfort_proto::message::Wanted;
use hillfort_proto::reject::Reject;
use hillfort_proto::session::client::{Event, Session, State};
use hillfort_proto::time::Time;
use mio::{Events, Poll, Token};
use rustls::ClientConfig;

use crate::clock::Clock;
use crate::credentials::fresh_hello;
use crate::link::{Door, Gone, Link};
use crate::random::Random;

mod alarm;
mod work;

pub(crate) use alarm::Alarm;
use work::Works;

/// Connections that are being opened at the same time.
const OPENING_MAX: usize = 64;
/// Time between two looks at the deadlines of all sessions.
const SWEEP_EVERY: Duration = Duration::from_millis(100);
/// First wait before a lost connection is opened again; doubles up to ...
const RETRY_FIRST: Duration = Duration::from_millis(200);
/// ... this.
const RETRY_MAX: Duration = Duration::from_secs(5);
const ALARM: Token = Token(usize::MAX);
/// Tokens from here on are the caller's.
const FOREIGN: usize = usize::MAX - 16;

/// What clients do.
pub(crate) trait Behaviour {
    /// Something happened to client `index`; it may speak at once.
    fn on_event(&mut self, index: usize, now: Time, event: Event<'_>, voice: &mut Voice<'_>);

    /// When [`Behaviour::on_turn`] is wanted again.
    fn next_at(&self) -> Time;

    /// Its time has come.
    fn on_turn(&mut self, now: Time, crowd: &mut Crowd);
}

/// How a client speaks.
#[derive(Debug)]
pub(crate) struct Voice<'a> {
    session: &'a mut Session,
    framing: Framing,
    out: &'a mut Vec<u8>,
}

/// The clients.
#[derive(Debug)]
pub(crate) struct Crowd {
    door: Door,
    signer: HelloKey,
    clock: Clock,
    poll: Poll,
    alarm: Alarm,
    clients: Vec<Client>,
    /// The first client that was never opened.
    fresh: usize,
    tls: Option<Arc<ClientConfig>>,
    /// Clients are opened when the behaviour says so, and are not brought back.
    on_demand: bool,
    /// Clients with something to send.
    speakers: Vec<usize>,
    works: Works,
    buffer: Vec<u8>,
    sweep_at: Time,
    random: Random,
    counts: Counts,
}

/// What happened to all of them together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Clients that are logged in now.
    pub(crate) open: usize,
    /// Clients whose connection is being opened or that wait for an answer to their login.
    opening: usize,
    /// Connections begun.
    pub(crate) begun: u64,
    /// Connections over which a hello could be sent.
    pub(crate) connected: u64,
    /// Of the lost ones, those that ended by RST.
    pub(crate) reset: u64,
    /// Connections lost that we did not give up ourselves.
    pub(crate) lost: u64,
    /// Sessions that came back to where they were.
    pub(crate) resumed: u64,
    /// Number of the last Close or Refused that a server sent.
    pub(crate) last_code: Option<u32>,
}

#[derive(Debug)]
struct Client {
    link: Option<Link>,
    session: Session,
    source: Ipv4Addr,
    phase: Phase,
    speaks: bool,
    retry_at: Time,
    retry_wait: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Away,
    Opening,
    Open,
}

impl Crowd {
    /// One client per name, from `sources` in turn. Nothing is opened yet.
    pub(crate) fn new(door: Door, signer: HelloKey, names: &[String], sources: &[Ipv4Addr]) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let alarm = Alarm::register(poll.registry(), ALARM)?;
        let clients = names.iter().zip(sources.iter().cycle()).map(|(name, &source)| Client {
            link: None,
            session: Session::new(name),
            source,
            phase: Phase::Away,
            speaks: false,
            retry_at: Time::ZERO,
            retry_wait: RETRY_FIRST,
        });
        Ok(Self {
            door,
            signer,
            clock: Clock::start(),
            poll,
            alarm,
            clients: clients.collect(),
            fresh: 0,
            tls: None,
            on_demand: false,
            speakers: vec![],
            works: Works::default(),
            buffer: vec![0; 128 * 1024],
            sweep_at: Time::ZERO,
            random: Random::new(u64::from(std::process::id())),
            counts: Counts::default(),
        })
    }

    /// All clients speak TLS, made by [`crate::link::trust`].
    pub(crate) fn over_tls(mut self, tls: Option<Arc<ClientConfig>>) -> Self {
        self.tls = tls;
        self
    }

    /// From now on a client is opened when [`Crowd::open_next`] is called, and has one try.
    pub(crate) fn opened_on_demand(mut self) -> Self {
        self.on_demand = true;
        self
    }

    /// Opens the next client; nothing when all were.
    pub(crate) fn open_next(&mut self, now: Time) {
        if self.fresh < self.clients.len() {
            self.fresh += 1;
            self.open(self.fresh - 1, now);
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) const fn len(&self) -> usize {
        self.clients.len()
    }

    /// Where other things that can be waited for are registered, with tokens made by [`foreign_token`].
    pub(crate) fn registry(&self) -> &mio::Registry {
        self.poll.registry()
    }

    /// Lets client `index` speak; what it says leaves at the end of the turn, or after it has come back.
    pub(crate) fn speak<T>(&mut self, index: usize, say: impl FnOnce(&mut Voice<'_>) -> T) -> T {
        let client = &mut self.clients[index];
        let link = client.link.as_mut().filter(|_| client.phase == Phase::Open);
        if link.is_some() && !client.speaks {
            client.speaks = true;
            self.speakers.push(index);
        }
        // Without a connection the session keeps what may be sent later and writes nothing.
        let mut nowhere = vec![];
        let (framing, out) = link.map_or((Framing::Tcp, &mut nowhere), |link| (link.framing(), link.out()));
        say(&mut Voice { session: &mut client.session, framing, out })
    }

    /// Works until `until` says so.
    pub(crate) fn run<B: Behaviour>(
        &mut self,
        behaviour: &mut B,
        mut until: impl FnMut(Time, &Self, &B) -> bool,
    ) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let now = self.now();
            if until(now, self, behaviour) {
                return Ok(());
            }
            if self.turn(behaviour, &mut events)? {
                return Ok(());
            }
        }
    }

    /// Opens all clients; gives up after `patience` without a further one.
    pub(crate) fn open_all<B: Behaviour>(
        &mut self,
        behaviour: &mut B,
        patience: Duration,
        mut on_progress: impl FnMut(usize),
    ) -> anyhow::Result<()> {
        let (mut most, mut since) = (0, self.now());
        self.run(behaviour, |now, crowd, _| {
            if crowd.counts.open > most {
                (most, since) = (crowd.counts.open, now);
                on_progress(most);
            }
            most == crowd.clients.len() || now.since(since) > patience
        })?;
        if most < self.clients.len() {
            let why = match self.counts.last_code.map(|code| (code, Reject::from_code(code))) {
                Some((_, Some(reject))) => format!("the server says {reject}"),
                Some((code, None)) => format!("the server says {code}"),
                None => "without a word from the server".to_owned(),
            };
            bail!("{most} of {} clients could log in at {}; {why}", self.clients.len(), self.door.address);
        }
        Ok(())
    }

    /// Tickets that clients were given, each with its client.
    pub(crate) fn tickets(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let held = self.clients.iter().map(|client| client.session.ticket()).enumerate();
        held.filter(|(_, ticket)| !ticket.is_empty())
    }

    /// Client `index` has this ticket from before.
    pub(crate) fn give_ticket(&mut self, index: usize, ticket: &[u8]) {
        let session = &mut self.clients[index].session;
        *session = std::mem::replace(session, Session::new("")).with_ticket(ticket);
    }

    /// The sockets of all clients that are open, in no order. Their sessions are forgotten here, not at the server.
    pub(crate) fn into_streams(self) -> Vec<std::net::TcpStream> {
        self.clients.into_iter().filter_map(|client| client.link?.into_stream()).collect()
    }

    /// Says goodbye on all connections.
    pub(crate) fn bye(&mut self) {
        for client in &mut self.clients {
            if let Some(link) = &mut client.link {
                client.session.bye(link.framing(), link.out());
                // We leave anyway.
                let _unsaid = link.flush();
            }
        }
    }

    /// One round of waiting and working. `true`: something foreign is ready.
    fn turn<B: Behaviour>(&mut self, behaviour: &mut B, events: &mut Events) -> anyhow::Result<bool> {
        let now = self.now();
        if now >= self.sweep_at {
            self.sweep_at = now + SWEEP_EVERY;
            self.sweep(now);
        }
        while !self.on_demand && self.fresh < self.clients.len() && self.counts.opening < OPENING_MAX {
            self.open_next(now);
        }
        if now >= behaviour.next_at() {
            behaviour.on_turn(now, self);
        }
        if let Some((index, nonce)) = self.works.turn() {
            let client = &mut self.clients[index];
            if let Some(link) = &mut client.link {
                client.session.work(nonce, link.framing(), link.out());
                self.speakers.push(index);
            }
        }
        self.flush_speakers(now);
        let wake_at = behaviour.next_at().min(self.sweep_at);
        let timeout = (wake_at <= self.now() || self.works.wait()).then_some(Duration::ZERO);
        if timeout.is_none() {
            self.alarm.set(wake_at.since(self.now()))?;
        }
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let now = self.now();
        let mut foreign = false;
        for event in events.iter() {
            match event.token() {
                // Setting it again is all the answer it needs.
                ALARM => {}
                Token(FOREIGN..) => foreign = true,
                Token(index) => {
                    if let Err(gone) = self.serve(index, event.is_read_closed(), now, behaviour)? {
                        self.on_gone(index, now, gone);
                    }
                }
            }
        }
        Ok(foreign)
    }

    fn serve<B: Behaviour>(
        &mut self,
        index: usize,
        ends: bool,
        now: Time,
        behaviour: &mut B,
    ) -> anyhow::Result<Result<(), Gone>> {
        let client = &mut self.clients[index];
        let Some(link) = &mut client.link else { return Ok(Ok(())) };
        if !link.is_open() {
            match link.handle_opening(self.door, self.tls.as_ref()) {
                Ok(true) => {
                    self.counts.connected += 1;
                    link.put_hello(&fresh_hello(&self.signer)?);
                    client.session.start(now, link.framing(), link.out());
                }
                Ok(false) => return Ok(Ok(())),
                Err(gone) => return Ok(Err(gone)),
            }
        }
        let (session, counts, phase, retry_wait) =
            (&mut client.session, &mut self.counts, &mut client.phase, &mut client.retry_wait);
        let framing = link.framing();
        let works = &mut self.works;
        let mut over = None;
        let received = link.receive(&mut self.buffer, ends, |payload, out| {
            if over.is_some() {
                return;
            }
            match session.handle_payload(now, payload, framing, out) {
                Ok(Some(event)) => {
                    counts.on_event(&event, phase, retry_wait);
                    if let Event::Challenge(puzzle) = event {
                        works.push(index, puzzle);
                    }
                    if matches!(event, Event::Closed { .. }) {
                        over = Some(Gone::Closed);
                    }
                    behaviour.on_event(index, now, event, &mut Voice { session, framing, out });
                }
                Ok(None) => {}
                Err(_) => over = Some(Gone::Broken),
            }
        });
        let sent = link.flush();
        Ok(over.map_or_else(|| received.and(sent), Err))
    }

    fn flush_speakers(&mut self, now: Time) {
        for at in 0..self.speakers.len() {
            let index = self.speakers[at];
            let client = &mut self.clients[index];
            client.speaks = false;
            if let Some(Err(gone)) = client.link.as_mut().map(Link::flush) {
                self.on_gone(index, now, gone);
            }
        }
        self.speakers.clear();
    }

    fn sweep(&mut self, now: Time) {
        for index in 0..self.fresh {
            let client = &mut self.clients[index];
            match &mut client.link {
                None if !self.on_demand && now >= client.retry_at && self.counts.opening < OPENING_MAX => self.open(index, now),
                None => {}
                Some(link) if client.session.poll_timeout().is_some_and(|at| at <= now) => {
                    let alive = client.session.handle_timeout(now, link.framing(), link.out());
                    if alive.is_err() || link.flush().is_err() {
                        self.on_gone(index, now, Gone::Closed);
                    }
                }
                Some(_) => {}
            }
        }
    }

    fn open(&mut self, index: usize, now: Time) {
        let mask = (self.random.next() as u32).to_be_bytes();
        let client = &mut self.clients[index];
        match Link::start(self.door, client.source, self.poll.registry(), Token(index), mask) {
            Ok(link) => {
                client.link = Some(link);
                client.phase = Phase::Opening;
                self.counts.opening += 1;
                self.counts.begun += 1;
            }
            // No port, no descriptor: they come back.
            Err(_) => client.retry_at = now + client.retry_wait,
        }
    }

    fn on_gone(&mut self, index: usize, now: Time, how: Gone) {
        let client = &mut self.clients[index];
        match std::mem::replace(&mut client.phase, Phase::Away) {
            Phase::Open => self.counts.open -= 1,
            Phase::Opening => self.counts.opening -= 1,
            Phase::Away => {}
        }
        self.counts.lost += 1;
        self.counts.reset += u64::from(how == Gone::Reset);
        client.link = None;
        client.session.handle_disconnect(now);
        // Spread over half the wait, so that a restarted server is not met by all at once.
        let spread = f64::from(self.random.between(0.75, 1.25));
        client.retry_at = now + client.retry_wait.mul_f64(spread);
        client.retry_wait = (client.retry_wait * 2).min(RETRY_MAX);
    }
}

impl Counts {
    fn on_event(&mut self, event: &Event<'_>, phase: &mut Phase, retry_wait: &mut Duration) {
        match *event {
            Event::Welcome { resumed, .. } => {
                if *phase == Phase::Opening {
                    self.opening -= 1;
                    self.open += 1;
                    *phase = Phase::Open;
                }
                self.resumed += u64::from(resumed);
                *retry_wait = RETRY_FIRST;
            }
            Event::Refused { code, .. } | Event::Closed { code, .. } => self.last_code = Some(code),
            _ => {}
        }
    }
}

impl Voice<'_> {
    /// Asks for a seat in any room of `game`.
    pub(crate) fn join(&mut self, game: &str) -> Result<(), Reject> {
        self.session.join(game, Wanted::Any, self.framing, self.out)
    }

    /// Gives the seat up.
    pub(crate) fn leave(&mut self) -> Result<(), Reject> {
        self.session.leave(self.framing, self.out)
    }

    pub(crate) fn input(&mut self, op: u32, data: &[u8]) -> Result<(), Reject> {
        self.session.input(op, data, self.framing, self.out)
    }

    /// Asks for what is seen of the room anew.
    pub(crate) fn resync(&mut self) {
        self.session.resync(self.framing, self.out);
    }

    /// A ping that was due at `intended`: its round trip counts from there.
    pub(crate) fn ping(&mut self, intended: Time, pad: &[u8]) -> Result<(), Reject> {
        if self.session.state() != State::Open {
            return Err(Reject::OutOfState);
        }
        self.session.ping(intended, pad, self.framing, self.out);
        Ok(())
    }
}

/// Token number `n` (0 to 14) for something that ends [`Crowd::run`] when it is ready.
pub(crate) const fn foreign_token(n: usize) -> Token {
    Token(FOREIGN + n)
}
