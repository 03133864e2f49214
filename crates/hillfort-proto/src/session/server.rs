//! The server's end of a session. Owns what has to survive a lost connection: numbers, unacknowledged messages, seat, token; and the
//! deadlines. Knows nothing of sockets and rates, and decides nothing about who may log in or join: it asks by an [`Event`].
//!
//! ```text
//!              accept_login                handle_disconnect
//! AwaitLogin ───────────────► Open ─────────────────────────► Detached
//!    │  ▲ Worked               ▲ │ Bye                resume │    │ RESUME_WINDOW
//!    ▼  │                      └─┼────────────────────────────┘    ▼
//! AwaitWork                      └──────────────────────────────► Ended
//! ```
//!
//! A machine that waits for a login and gets [`Event::Resume`] instead is thrown away: the old machine takes the connection over
//! with [`Session::resume`], and if it still had one, the older connection is closed with [`Reject::Replaced`].

use std::time::Duration;

pub use event::{Event, Opening};
use subtle::ConstantTimeEq;

use super::Seat;
use super::liveness::Liveness;
use super::log::{Log, Received, put_record};
use crate::frame::Framing;
use crate::ids::SessionId;
use crate::limits::{HEARTBEAT, LOGIN_WAIT, RESUME_TOKEN_BYTES, RESUME_WINDOW};
use crate::message::{ClientBody, ClientView, Encode, ServerBody, ServerView, Wanted};
use crate::reject::Reject;
use crate::time::Time;
use crate::work::Puzzle;

mod challenge;
mod event;
mod outgoing;

/// What a session is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Has a connection; no login yet.
    AwaitLogin,
    /// Has a connection that asked to log in or resume and has to work first.
    AwaitWork,
    /// Has a connection and is logged in.
    Open,
    /// Lost its connection; waits for a Resume.
    Detached,
    /// Is over. Nothing is accepted any more.
    Ended,
}

/// The server's end of one session. Without heap while it is quiet, apart from the name.
#[derive(Debug)]
pub struct Session {
    state: State,
    seat: Seat,
    id: SessionId,
    token: [u8; RESUME_TOKEN_BYTES],
    name: Box<str>,
    log: Log,
    received: Received,
    liveness: Liveness,
    /// Of the login or of the resumption, by `state`.
    deadline: Time,
    /// What has to be done first. Boxed: few sessions ever have one.
    work: Option<Box<(Puzzle, Opening)>>,
}

impl Session {
    /// Of a connection whose hello was accepted `now`. It has [`LOGIN_WAIT`] to log in or resume, work included.
    #[must_use]
    pub fn new(now: Time) -> Self {
        Self {
            state: State::AwaitLogin,
            seat: Seat::Free,
            id: SessionId(0),
            token: [0; RESUME_TOKEN_BYTES],
            name: Box::default(),
            log: Log::default(),
            received: Received::default(),
            liveness: Liveness::new(now),
            deadline: now + LOGIN_WAIT,
            work: None,
        }
    }

    /// Takes one payload in and appends what needs no decision (Pong, Ack, Refused) to `out`. `None`: nothing is left to do; it was
    /// a control message. Allocates nothing beyond what `out` needs to grow.
    ///
    /// # Errors
    /// Any reject of the stages Frame and Session: close the connection, and end the session unless [`super::survives`].
    #[inline]
    pub fn handle_payload<'a>(
        &mut self,
        now: Time,
        payload: &'a [u8],
        framing: Framing,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, Reject> {
        let message = ClientView::read(payload)?;
        if self.state != State::Open {
            return self.handle_first(&message, framing, out).map(Some);
        }
        self.liveness.on_heard(now);
        if message.ack != 0 {
            self.log.on_ack(message.ack)?;
        }
        if message.body.is_sequenced() {
            if !self.received.on_sequenced(now, message.seq)? {
                return Ok(None);
            }
        } else if message.seq != 0 {
            return Err(Reject::Message);
        }
        let event = match message.body {
            ClientBody::Ping { echo, pad } => {
                message.body.check()?;
                self.put(ServerBody::Pong { echo, pad }, framing, out);
                return Ok(None);
            }
            ClientBody::Input { op, data } => match (self.seat, message.body.check()) {
                (_, Err(reject)) => self.refused(reject, framing, out),
                (Seat::In(room), _) => Event::Input { room, op, data },
                _ => self.refused(Reject::NotJoined, framing, out),
            },
            ClientBody::Pong { echo, .. } => {
                message.body.check()?;
                self.liveness.on_pong(now, echo);
                return Ok(None);
            }
            ClientBody::Ack => return Ok(None),
            ClientBody::Join { game, room } => self.handle_join(game, room, message.body.check(), framing, out)?,
            ClientBody::Leave => match self.seat {
                Seat::In(room) => {
                    self.seat = Seat::Leaving(room);
                    Event::Leave { room }
                }
                _ => self.refused(Reject::NotJoined, framing, out),
            },
            ClientBody::List(ask) => match message.body.check() {
                Ok(()) => Event::List(ask),
                Err(reject) => self.refused(reject, framing, out),
            },
            ClientBody::Resync => match self.seat {
                Seat::In(room) => Event::Resync { room },
                // The seat may have gone while it asked.
                _ => return Ok(None),
            },
            ClientBody::Bye => {
                self.state = State::Ended;
                Event::Bye
            }
            ClientBody::Login { .. } | ClientBody::Resume { .. } | ClientBody::Work { .. } | ClientBody::Ticket { .. } => {
                return Err(Reject::OutOfState);
            }
        };
        if self.received.is_ack_due(now) {
            self.put(ServerBody::Ack, framing, out);
        }
        Ok(Some(event))
    }

    /// Opens the session under this name and token, after [`Event::Login`]. The token must be random: who has it has the session.
    ///
    /// # Errors
    /// [`Reject::OutOfState`]: no login was asked for.
    pub fn accept_login(
        &mut self,
        now: Time,
        id: SessionId,
        token: [u8; RESUME_TOKEN_BYTES],
        framing: Framing,
        out: &mut Vec<u8>,
    ) -> Result<(), Reject> {
        if self.state != State::AwaitLogin || self.name.is_empty() {
            return Err(Reject::OutOfState);
        }
        self.id = id;
        self.token = token;
        self.open(now, false, framing, out);
        Ok(())
    }

    /// Takes a new connection over, after [`Event::Resume`] on it: Welcome and everything that the client does not have. If the
    /// session still has its older connection, the caller closes that one with [`Reject::Replaced`].
    ///
    /// # Errors
    /// [`Reject::ResumeUnknown`] when it is too late, [`Reject::ResumeToken`], [`Reject::ResumeGap`]. Close the new connection; the
    /// session is as it was.
    pub fn resume(
        &mut self,
        now: Time,
        token: &[u8; RESUME_TOKEN_BYTES],
        received: u64,
        framing: Framing,
        out: &mut Vec<u8>,
    ) -> Result<(), Reject> {
        match self.state {
            State::Open => {}
            State::Detached if now <= self.deadline => {}
            _ => return Err(Reject::ResumeUnknown),
        }
        if !bool::from(self.token.ct_eq(token)) {
            return Err(Reject::ResumeToken);
        }
        if received < self.log.acknowledged() {
            return Err(Reject::ResumeGap);
        }
        self.log.on_ack(received).map_err(|_| Reject::ResumeGap)?;
        self.open(now, true, framing, out);
        self.log.replay(framing, out);
        Ok(())
    }

    /// The connection is gone. An open session waits [`RESUME_WINDOW`] for the next one; one without a login ends.
    pub fn handle_disconnect(&mut self, now: Time) {
        match self.state {
            State::Open => {
                self.state = State::Detached;
                self.deadline = now + RESUME_WINDOW;
            }
            State::AwaitLogin | State::AwaitWork => self.state = State::Ended,
            State::Detached | State::Ended => {}
        }
    }

    /// When [`Session::handle_timeout`] has something to do. Later is harmless: nothing depends on being called exactly then.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        match self.state {
            State::AwaitLogin | State::AwaitWork | State::Detached => Some(self.deadline),
            State::Open => {
                let due = self.liveness.ping_at(self.watches_latency()).min(self.liveness.lost_at());
                Some(self.received.ack_due().map_or(due, |ack| ack.min(due)))
            }
            State::Ended => None,
        }
    }

    /// Does what is due: acknowledgement, ping, end.
    ///
    /// # Errors
    /// [`Reject::LoginSlow`], [`Reject::WorkSlow`]: close. [`Reject::HeartbeatLost`]: close, the session waits for a Resume.
    /// [`Reject::ResumeUnknown`]: nobody came back in time, the session is over and its seat is free.
    pub fn handle_timeout(&mut self, now: Time, framing: Framing, out: &mut Vec<u8>) -> Result<(), Reject> {
        match self.state {
            State::AwaitLogin if self.deadline < now => {
                self.state = State::Ended;
                Err(Reject::LoginSlow)
            }
            State::AwaitWork if self.deadline < now => {
                self.state = State::Ended;
                Err(Reject::WorkSlow)
            }
            State::Detached if self.deadline < now => {
                self.state = State::Ended;
                Err(Reject::ResumeUnknown)
            }
            State::Open if self.liveness.lost_at() <= now => {
                self.handle_disconnect(now);
                Err(Reject::HeartbeatLost)
            }
            State::Open => {
                if self.liveness.ping_at(self.watches_latency()) <= now {
                    self.log.release();
                    let echo = self.liveness.on_ping_sent(now);
                    self.put(ServerBody::Ping { echo, pad: &[] }, framing, out);
                } else if self.received.is_ack_due(now) {
                    self.put(ServerBody::Ack, framing, out);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Bytes that the messages hold which the client has not acknowledged.
    #[must_use]
    pub fn unacked_bytes(&self) -> usize {
        self.log.held_bytes()
    }

    /// What it is doing.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Where it sits.
    #[must_use]
    pub fn seat(&self) -> Seat {
        self.seat
    }

    /// Its name; 0 before the login.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Display name; empty before the login.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Round trip of the last answered ping, as far as it is known.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.liveness.round_trip()
    }

    /// Last time that something came from the client.
    #[must_use]
    pub fn heard(&self) -> Time {
        self.liveness.heard()
    }

    /// Whether it has a connection that was silent for [`crate::limits::STALE`].
    #[must_use]
    pub fn is_stale(&self, now: Time) -> bool {
        self.state == State::Open && self.liveness.is_stale(now)
    }

    /// A Join is answered by exactly one Joined or Left, now or later; one that comes while another is being answered by Refused.
    fn handle_join<'a>(
        &mut self,
        game: &'a str,
        room: Wanted<'a>,
        check: Result<(), Reject>,
        framing: Framing,
        out: &mut Vec<u8>,
    ) -> Result<Event<'a>, Reject> {
        if self.seat != Seat::Free {
            return Ok(self.refused(Reject::AlreadyJoined, framing, out));
        }
        if let Err(reject) = check {
            self.put_sequenced(ServerBody::left(Some(reject)), framing, out)?;
            return Ok(Event::Refused(reject));
        }
        self.seat = Seat::Joining;
        Ok(Event::Join { game, room })
    }

    fn open(&mut self, now: Time, resumed: bool, framing: Framing, out: &mut Vec<u8>) {
        self.state = State::Open;
        self.liveness = Liveness::new(now);
        self.received.told_all();
        let welcome = ServerBody::Welcome {
            session: self.id,
            token: &self.token,
            resumed,
            received: self.received.last(),
            heartbeat_ms: HEARTBEAT.as_millis() as u32,
            resume_ms: RESUME_WINDOW.as_millis() as u32,
        };
        ServerView::unsequenced(welcome).put(framing, out);
    }

    fn watches_latency(&self) -> bool {
        self.seat.room().is_some()
    }

    fn refused(&mut self, reject: Reject, framing: Framing, out: &mut Vec<u8>) -> Event<'static> {
        self.put(ServerBody::refused(reject), framing, out);
        Event::Refused(reject)
    }

    #[inline]
    fn put(&mut self, body: ServerBody<'_>, framing: Framing, out: &mut Vec<u8>) {
        ServerView { seq: 0, ack: self.received.take_ack(), body }.put(framing, out);
    }

    fn put_sequenced(&mut self, body: ServerBody<'_>, framing: Framing, out: &mut Vec<u8>) -> Result<(), Reject> {
        let message = ServerView { seq: self.log.next(), ack: 0, body };
        let record = self.log.push(message.encoded_len(), |bytes| message.encode(bytes))?;
        if self.state == State::Open {
            put_record(record, self.received.take_ack(), framing, out);
        }
        Ok(())
    }
}

const _: () = assert!(size_of::<Session>() <= 256, "15,000 quiet sessions have to fit into little memory");

#[cfg(test)]
mod tests;
