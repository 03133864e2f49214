//! The client's end of a session, for bots, tests and programs. Owns what the server's end owns, mirrored; knows nothing of sockets,
//! and writes no hello: that needs a clock and randomness.
//!
//! One machine lives through many connections: `start` after each hello, `handle_disconnect` after each loss. It resumes by itself
//! while that is possible, and logs in anew when it is not.

use std::time::Duration;

use super::liveness::Liveness;
use super::log::{Log, Received, put_record};
use super::{Seat, survives};
use crate::frame::Framing;
use crate::ids::{RoomId, SessionId};
use crate::limits::{RESUME_TOKEN_BYTES, TICKET_BYTES_MAX, WORK_BITS_MAX};
use crate::message::{Ask, ClientBody, ClientView, Encode, RoomLines, ServerBody, ServerView, Wanted};
use crate::reject::Reject;
use crate::time::Time;
use crate::work::Puzzle;

/// What a session is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Has no connection.
    Offline,
    /// Asked to log in or to resume, no answer yet.
    Starting,
    /// Is logged in.
    Open,
}

/// What its owner may want to know. Data is borrowed from the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// The session is open.
    Welcome {
        /// Its name.
        session: SessionId,
        /// Whether it is the old one; if not, seat and unsent inputs of an older one are gone.
        resumed: bool,
    },
    /// The seat is taken.
    Joined {
        /// The room.
        room: RoomId,
        /// Name of the game.
        game: &'a str,
        /// Ticks a second.
        hz: u32,
        /// The tick at which the seat was taken.
        tick: u64,
    },
    /// There is no seat: refused, given up or taken away.
    Left {
        /// Number in the reject table; 0: as asked.
        code: u32,
        /// Its label.
        reason: &'a str,
    },
    /// Something happened in the room; comes once and in order.
    Room {
        /// Meaning is the game's.
        op: u32,
        /// Meaning is the game's.
        data: &'a [u8],
    },
    /// What the room looks like.
    State {
        /// The tick that it shows.
        tick: u64,
        /// Meaning is the game's.
        data: &'a [u8],
    },
    /// What is new of the room's scene, for a mirror of it. Complete and in order while the connection lasts; the first of a connection begins anew.
    Scene {
        /// A packet of state sync.
        data: &'a [u8],
    },
    /// The answer to a ping.
    Pong {
        /// Time since the ping.
        round_trip: Duration,
    },
    /// The server wants work before it answers the login or the resume: find an answer and give it with [`Session::work`].
    Challenge(Puzzle),
    /// The answer to [`Session::list`].
    Rooms {
        /// Of the question.
        ask: u32,
        /// There are more than these.
        more: bool,
        /// The rooms.
        rooms: RoomLines<'a>,
    },
    /// The server gave a ticket: [`Session::ticket`] has it. Worth keeping beyond the life of the program.
    Ticket,
    /// One message was refused; the session goes on.
    Refused {
        /// Number in the reject table.
        code: u32,
        /// Its label.
        reason: &'a str,
    },
    /// The server closes the connection.
    Closed {
        /// Number in the reject table.
        code: u32,
        /// Its label.
        reason: &'a str,
        /// Whether the next `start` can resume the session.
        resumable: bool,
    },
}

/// The client's end of one session, and of the next one when that is lost.
#[derive(Debug)]
pub struct Session {
    state: State,
    seat: Seat,
    name: Box<str>,
    identity: Option<Identity>,
    /// Shown before each login, if there is one.
    ticket: Box<[u8]>,
    log: Log,
    received: Received,
    liveness: Liveness,
    lost_at: Time,
    /// What the server wants to be worked on.
    puzzle: Option<Puzzle>,
}

/// What resumes a session.
#[derive(Debug, Clone, Copy)]
struct Identity {
    id: SessionId,
    token: [u8; RESUME_TOKEN_BYTES],
    window: Duration,
}

impl Session {
    /// A session for a player shown as `name`. The name is judged by the server.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            state: State::Offline,
            seat: Seat::Free,
            name: name.into(),
            identity: None,
            ticket: Box::default(),
            log: Log::default(),
            received: Received::default(),
            liveness: Liveness::new(Time::ZERO),
            lost_at: Time::ZERO,
            puzzle: None,
        }
    }

    /// The same with a ticket from an earlier session. One that is too long for a ticket is left out.
    #[must_use]
    pub fn with_ticket(mut self, ticket: &[u8]) -> Self {
        self.ticket = if ticket.len() > TICKET_BYTES_MAX { Box::default() } else { ticket.into() };
        self
    }

    /// The newest ticket that the server gave; empty when it gave none.
    #[must_use]
    pub fn ticket(&self) -> &[u8] {
        &self.ticket
    }

    /// First message on a new connection, after the hello: Resume while that can work, otherwise Login.
    pub fn start(&mut self, now: Time, framing: Framing, out: &mut Vec<u8>) {
        if self.identity.is_some_and(|identity| now.since(self.lost_at) > identity.window) {
            self.forget();
        }
        self.state = State::Starting;
        self.puzzle = None;
        self.liveness = Liveness::new(now);
        if self.identity.is_none() && !self.ticket.is_empty() {
            ClientView::unsequenced(ClientBody::Ticket { ticket: &self.ticket }).put(framing, out);
        }
        let body = match &self.identity {
            Some(identity) => ClientBody::Resume { session: identity.id, token: &identity.token, received: self.received.last() },
            None => ClientBody::Login { name: &self.name },
        };
        ClientView::unsequenced(body).put(framing, out);
    }

    /// Takes one payload in and appends what needs no decision (Pong, Ack, what the server missed) to `out`.
    ///
    /// # Errors
    /// The server broke the protocol: close the connection. The session is forgotten; the next `start` logs in anew.
    #[inline]
    pub fn handle_payload<'a>(
        &mut self,
        now: Time,
        payload: &'a [u8],
        framing: Framing,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, Reject> {
        let event = ServerView::read(payload).and_then(|message| self.handle_message(now, &message, framing, out));
        if event.is_err() {
            self.state = State::Offline;
            self.forget();
        }
        event
    }

    /// The connection is gone. The session can be resumed for a while.
    pub fn handle_disconnect(&mut self, now: Time) {
        // While starting, the server may still count the time from the loss before.
        if self.state == State::Open {
            self.lost_at = now;
        }
        self.state = State::Offline;
    }

    /// Answers [`Event::Challenge`]. Ignored when it answers another puzzle than that of this connection: the one that was worked on
    /// may be lost.
    pub fn work(&mut self, nonce: u64, framing: Framing, out: &mut Vec<u8>) {
        if self.state == State::Starting && self.puzzle.take_if(|puzzle| puzzle.verify(nonce)).is_some() {
            // Without an acknowledgement: the server's machine of this connection has sent nothing to be acknowledged.
            ClientView::unsequenced(ClientBody::Work { nonce }).put(framing, out);
        }
    }

    /// Asks for a seat; the answer is [`Event::Joined`] or [`Event::Left`].
    ///
    /// # Errors
    /// What the server would say: [`Reject::OutOfState`] before the first Welcome, [`Reject::AlreadyJoined`], [`Reject::RoomGame`];
    /// [`Reject::SlowConsumer`] when too much waits for the server's acknowledgement. Nothing was sent.
    pub fn join(&mut self, game: &str, room: Wanted<'_>, framing: Framing, out: &mut Vec<u8>) -> Result<(), Reject> {
        if self.seat != Seat::Free {
            return Err(Reject::AlreadyJoined);
        }
        self.put_sequenced(ClientBody::Join { game, room }, framing, out)?;
        self.seat = Seat::Joining;
        Ok(())
    }

    /// Gives the seat up; the answer is [`Event::Left`].
    ///
    /// # Errors
    /// [`Reject::NotJoined`], [`Reject::SlowConsumer`]. Nothing was sent.
    pub fn leave(&mut self, framing: Framing, out: &mut Vec<u8>) -> Result<(), Reject> {
        let Seat::In(room) = self.seat else { return Err(Reject::NotJoined) };
        self.put_sequenced(ClientBody::Leave, framing, out)?;
        self.seat = Seat::Leaving(room);
        Ok(())
    }

    /// Sends one input, now or, without a connection, after the session has resumed.
    ///
    /// # Errors
    /// [`Reject::NotJoined`], [`Reject::InputLength`], [`Reject::SlowConsumer`]. Nothing was sent.
    #[inline]
    pub fn input(&mut self, op: u32, data: &[u8], framing: Framing, out: &mut Vec<u8>) -> Result<(), Reject> {
        let Seat::In(_) = self.seat else { return Err(Reject::NotJoined) };
        self.put_sequenced(ClientBody::Input { op, data }, framing, out)
    }

    /// Sends a ping; the answer is [`Event::Pong`]. Many may be on their way. Ignored unless the session is open.
    #[inline]
    pub fn ping(&mut self, now: Time, pad: &[u8], framing: Framing, out: &mut Vec<u8>) {
        if self.state == State::Open {
            let echo = self.liveness.on_ping_sent(now);
            self.put(ClientBody::Ping { echo, pad }, framing, out);
        }
    }

    /// Asks for the room's scene anew. It is lost with the connection, and so is the need of it.
    pub fn resync(&mut self, framing: Framing, out: &mut Vec<u8>) {
        if self.state == State::Open {
            self.put(ClientBody::Resync, framing, out);
        }
    }

    /// Asks for a list of rooms; the answer is [`Event::Rooms`] with the same `ask`, or [`Event::Refused`]. It is lost with the connection.
    /// Ignored unless the session is open.
    pub fn list(&mut self, ask: Ask<'_>, framing: Framing, out: &mut Vec<u8>) {
        if self.state == State::Open {
            self.put(ClientBody::List(ask), framing, out);
        }
    }

    /// Ends the session for good and forgets it; the server answers by closing the connection.
    pub fn bye(&mut self, framing: Framing, out: &mut Vec<u8>) {
        if self.state == State::Open {
            self.put(ClientBody::Bye, framing, out);
        }
        self.state = State::Offline;
        self.forget();
    }

    /// When [`Session::handle_timeout`] has something to do. Later is harmless.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        match self.state {
            State::Offline => None,
            State::Starting => Some(self.liveness.lost_at()),
            State::Open => {
                let due = self.liveness.ping_at(self.seat.room().is_some()).min(self.liveness.lost_at());
                Some(self.received.ack_due().map_or(due, |ack| ack.min(due)))
            }
        }
    }

    /// Does what is due: acknowledgement, ping, end of a dead connection.
    ///
    /// # Errors
    /// [`Reject::HeartbeatLost`]: close the connection; the session can be resumed for a while.
    pub fn handle_timeout(&mut self, now: Time, framing: Framing, out: &mut Vec<u8>) -> Result<(), Reject> {
        if self.state == State::Offline {
            return Ok(());
        }
        if self.liveness.lost_at() <= now {
            self.handle_disconnect(now);
            return Err(Reject::HeartbeatLost);
        }
        if self.state == State::Open {
            if self.liveness.ping_at(self.seat.room().is_some()) <= now {
                self.log.release();
                self.ping(now, &[], framing, out);
            } else if self.received.is_ack_due(now) {
                self.put(ClientBody::Ack, framing, out);
            }
        }
        Ok(())
    }

    /// What it is doing.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Where it sits, as far as the client knows.
    #[must_use]
    pub fn seat(&self) -> Seat {
        self.seat
    }

    /// Its name, while there is a session.
    #[must_use]
    pub fn id(&self) -> Option<SessionId> {
        self.identity.map(|identity| identity.id)
    }

    /// Round trip of the last answered ping, as far as it is known.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.liveness.round_trip()
    }

    /// Messages that the server has not acknowledged yet.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.log.waiting()
    }

    #[inline]
    fn handle_message<'a>(
        &mut self,
        now: Time,
        message: &ServerView<'a>,
        framing: Framing,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, Reject> {
        match (self.state, &message.body) {
            (State::Open, _) | (State::Starting, ServerBody::Welcome { .. } | ServerBody::Refused { .. }) => {}
            (State::Starting, ServerBody::Close { .. } | ServerBody::Challenge { .. }) => {}
            _ => return Err(Reject::OutOfState),
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
            ServerBody::State { tick, data } => Event::State { tick, data },
            ServerBody::Scene { data } => Event::Scene { data },
            ServerBody::Event { op, data } => Event::Room { op, data },
            ServerBody::Pong { echo, .. } => {
                self.liveness.on_pong(now, echo);
                Event::Pong { round_trip: now.since(Time(echo)) }
            }
            ServerBody::Ping { echo, pad } => {
                self.put(ClientBody::Pong { echo, pad }, framing, out);
                return Ok(None);
            }
            ServerBody::Ack => return Ok(None),
            ServerBody::Joined { room, game, hz, tick } => {
                self.seat = Seat::In(room);
                Event::Joined { room, game, hz, tick }
            }
            ServerBody::Left { code, reason } => {
                self.seat = Seat::Free;
                Event::Left { code, reason }
            }
            ServerBody::Refused { code, reason } => Event::Refused { code, reason },
            ServerBody::Rooms { ask, more, rooms } => Event::Rooms { ask, more, rooms },
            ServerBody::Ticket { ticket } if ticket.len() > TICKET_BYTES_MAX => return Err(Reject::Message),
            ServerBody::Ticket { ticket } => {
                self.ticket = ticket.into();
                Event::Ticket
            }
            ServerBody::Close { code, reason } => self.handle_close(now, code, reason),
            ServerBody::Challenge { salt, bits } => {
                if self.state != State::Starting || self.puzzle.is_some() {
                    return Err(Reject::OutOfState);
                }
                // More than the page allows is a server that wants our time, not our answer.
                let bits = u8::try_from(bits).ok().filter(|bits| *bits <= WORK_BITS_MAX).ok_or(Reject::Work)?;
                let puzzle = Puzzle::new(*salt, bits);
                self.puzzle = Some(puzzle);
                Event::Challenge(puzzle)
            }
            ServerBody::Welcome { session, token, resumed, received, resume_ms, .. } => {
                if self.state != State::Starting {
                    return Err(Reject::OutOfState);
                }
                self.handle_welcome(Identity { id: session, token: *token, window: millis(resume_ms) }, resumed, received)?;
                self.log.replay(framing, out);
                Event::Welcome { session, resumed }
            }
        };
        if self.state == State::Open && self.received.is_ack_due(now) {
            self.put(ClientBody::Ack, framing, out);
        }
        Ok(Some(event))
    }

    fn handle_welcome(&mut self, identity: Identity, resumed: bool, received: u64) -> Result<(), Reject> {
        let expected = self.identity.map(|known| known.id);
        if resumed != expected.is_some() || expected.is_some_and(|id| id != identity.id) {
            return Err(Reject::ResumeUnknown);
        }
        if received < self.log.acknowledged() {
            return Err(Reject::ResumeGap);
        }
        self.log.on_ack(received).map_err(|_| Reject::ResumeGap)?;
        self.received.told_all();
        self.identity = Some(identity);
        self.state = State::Open;
        Ok(())
    }

    fn handle_close<'a>(&mut self, now: Time, code: u32, reason: &'a str) -> Event<'a> {
        let resumable = self.identity.is_some() && Reject::from_code(code).is_some_and(survives);
        self.handle_disconnect(now);
        if !resumable {
            self.forget();
        }
        Event::Closed { code, reason, resumable }
    }

    /// Everything but name and ticket belongs to the session that is lost.
    fn forget(&mut self) {
        self.identity = None;
        self.seat = Seat::Free;
        self.log = Log::default();
        self.received = Received::default();
    }

    #[inline]
    fn put(&mut self, body: ClientBody<'_>, framing: Framing, out: &mut Vec<u8>) {
        ClientView { seq: 0, ack: self.received.take_ack(), body }.put(framing, out);
    }

    #[inline]
    fn put_sequenced(&mut self, body: ClientBody<'_>, framing: Framing, out: &mut Vec<u8>) -> Result<(), Reject> {
        if self.identity.is_none() {
            return Err(Reject::OutOfState);
        }
        body.check()?;
        let message = ClientView { seq: self.log.next(), ack: 0, body };
        let record = self.log.push(message.encoded_len(), |bytes| message.encode(bytes))?;
        if self.state == State::Open {
            put_record(record, self.received.take_ack(), framing, out);
        }
        Ok(())
    }
}

fn millis(ms: u32) -> Duration {
    Duration::from_millis(u64::from(ms))
}

#[cfg(test)]
mod tests;
