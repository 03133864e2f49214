//! Both ends of one session over a link that is cut at any byte. Owns the virtual clock and a record of everything that each side
//! was handed; plays the part of the door on the server's side.

use std::time::Duration;

use hillfort_proto::frame::{self, Framing};
use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::limits::{CLIENT_PAYLOAD_BYTES_MAX, SERVER_PAYLOAD_BYTES_MAX};
use hillfort_proto::message::Wanted;
use hillfort_proto::reject::Reject;
use hillfort_proto::session::{client, put_close, server, survives};
use hillfort_proto::time::Time;
use hillfort_proto::work::Puzzle;

use crate::link::Link;
use crate::seed::Seed;

/// The room that every Join of the rig leads to.
pub const ROOM: RoomId = RoomId(0x0101);
const F: Framing = Framing::Tcp;

/// What one side was handed, in order.
#[derive(Debug, Default)]
pub struct Record {
    /// Op and data of inputs (at the server) or events (at the client).
    pub sequenced: Vec<(u32, Vec<u8>)>,
    /// Ticks of the states (at the client).
    pub states: Vec<u64>,
    /// Rejects that ended a connection or a message.
    pub rejects: Vec<Reject>,
}

/// A client, a server, and what is between them.
#[derive(Debug)]
pub struct Pair {
    /// The virtual clock.
    pub now: Time,
    /// Source of every choice that the rig makes.
    pub seed: Seed,
    /// The client's end.
    pub client: client::Session,
    /// The server's end, once there was a login.
    pub server: Option<server::Session>,
    /// What the client was handed.
    pub at_client: Record,
    /// What the server was handed.
    pub at_server: Record,
    /// Bits of the work that the server asks of each login and resume.
    pub challenge: Option<u8>,
    /// The server's machine of a connection that has not logged in or resumed yet.
    fresh: Option<server::Session>,
    up: Link,
    down: Link,
    connected: bool,
    /// Where the server's machine writes while it believes in a connection that is gone.
    void: Vec<u8>,
    logins: u64,
}

impl Pair {
    /// Two ends without a connection.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            now: Time::from_millis(1),
            seed: Seed::new(seed),
            client: client::Session::new("Ada"),
            server: None,
            at_client: Record::default(),
            at_server: Record::default(),
            challenge: None,
            fresh: None,
            up: Link::default(),
            down: Link::default(),
            connected: false,
            void: Vec::new(),
            logins: 0,
        }
    }

    /// A pair that is logged in and sits in [`ROOM`].
    ///
    /// # Panics
    /// When that does not work.
    #[must_use]
    pub fn seated(seed: u64) -> Self {
        let mut pair = Self::new(seed);
        pair.connect();
        pair.settle();
        pair.client.join("hilltop", Wanted::Any, F, pair.up.writer()).expect("logged in");
        pair.settle();
        assert_eq!(pair.client.seat().room(), Some(ROOM));
        pair
    }

    /// Whether there is a connection.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Opens a connection; the client begins to log in or resume.
    pub fn connect(&mut self) {
        self.up.clear();
        self.down.clear();
        self.connected = true;
        self.fresh = Some(server::Session::new(self.now));
        self.client.start(self.now, F, self.up.writer());
    }

    /// Cuts the connection at an arbitrary byte of each direction. What arrives before is handled; the server learns of the loss at
    /// once or only when the next connection comes.
    pub fn cut(&mut self) {
        let seed = &mut self.seed;
        self.up.cut(seed);
        self.down.cut(seed);
        let late = seed.one_in(2);
        self.pump();
        self.lose(late);
    }

    /// Lets time pass in steps, and both ends do what is due.
    pub fn advance(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let due = [self.client.poll_timeout(), self.server.as_ref().and_then(server::Session::poll_timeout)];
            let due = due.into_iter().flatten().min().filter(|due| *due < until);
            self.now = due.map_or(until, |due| due.max(self.now + Duration::from_millis(1)));
            self.handle_timeouts();
            if self.now >= until {
                return;
            }
        }
    }

    /// Delivers a piece of what is on its way.
    pub fn deliver_some(&mut self) {
        self.up.deliver_some(&mut self.seed);
        self.down.deliver_some(&mut self.seed);
        self.pump();
    }

    /// Delivers until nothing is on its way.
    pub fn settle(&mut self) {
        while self.connected && !(self.up.is_quiet() && self.down.is_quiet()) {
            self.up.deliver_all();
            self.down.deliver_all();
            self.pump();
        }
    }

    /// The client sends an input.
    ///
    /// # Errors
    /// As [`client::Session::input`].
    pub fn input(&mut self, op: u32, data: &[u8]) -> Result<(), Reject> {
        self.client.input(op, data, F, self.up.writer())
    }

    /// The room sends an event.
    ///
    /// # Errors
    /// As [`server::Session::enqueue_event`].
    pub fn event(&mut self, op: u32, data: &[u8]) -> Result<(), Reject> {
        let (server, out) = self.server_out();
        server.map_or(Ok(()), |server| server.enqueue_event(ROOM, op, data, F, out))
    }

    /// The room sends a state.
    pub fn state(&mut self, tick: u64, data: &[u8]) {
        if let (Some(server), out) = self.server_out() {
            server.enqueue_state(ROOM, tick, data, F, out);
        }
    }

    /// The server's machine and where it writes: to the client only if it has the connection that there is.
    fn server_out(&mut self) -> (Option<&mut server::Session>, &mut Vec<u8>) {
        self.void.clear();
        let has_it = self.connected && self.fresh.is_none();
        (self.server.as_mut(), if has_it { self.down.writer() } else { &mut self.void })
    }

    fn handle_timeouts(&mut self) {
        let client = self.client.handle_timeout(self.now, F, self.up.writer());
        let now = self.now;
        let (server, out) = self.server_out();
        if let Some(Err(reject)) = server.map(|server| server.handle_timeout(now, F, out)) {
            self.at_server.rejects.push(reject);
            if !survives(reject) {
                self.server = None;
            }
        }
        if client.is_err() {
            self.lose(false);
        }
    }

    fn lose(&mut self, server_learns_late: bool) {
        self.connected = false;
        self.fresh = None;
        self.client.handle_disconnect(self.now);
        if let (false, Some(server)) = (server_learns_late, &mut self.server) {
            server.handle_disconnect(self.now);
        }
    }

    /// Both ends read all whole frames that arrived.
    fn pump(&mut self) {
        while self.connected && (self.server_reads() || self.client_reads()) {}
    }

    fn server_reads(&mut self) -> bool {
        let frame = frame::read(self.up.arrived(), CLIENT_PAYLOAD_BYTES_MAX).expect("the client frames well");
        let Some(frame) = frame else { return false };
        let (payload, consumed) = (frame.payload.to_vec(), frame.consumed);
        self.up.consume(consumed);
        if let Err(reject) = self.server_handles(&payload) {
            self.at_server.rejects.push(reject);
            put_close(reject, F, self.down.writer());
        }
        true
    }

    fn server_handles(&mut self, payload: &[u8]) -> Result<(), Reject> {
        use server::{Event, Opening};
        let (now, out) = (self.now, self.down.writer());
        let machine = self.fresh.as_mut().or(self.server.as_mut()).expect("a connection has a machine");
        let opening = match machine.handle_payload(now, payload, F, out)? {
            Some(Event::Login { .. }) => Opening::Login,
            Some(Event::Resume { session, token, received }) => Opening::Resume { session, token: *token, received },
            Some(Event::Worked(opening)) => return self.server_opens(opening),
            Some(Event::Join { game, .. }) => return machine.enqueue_joined(ROOM, game, 20, 0, F, out).map(|_| ()),
            Some(Event::Leave { room }) => return machine.enqueue_left(room, None, F, out),
            Some(Event::Input { op, data, .. }) => {
                self.at_server.sequenced.push((op, data.to_vec()));
                return Ok(());
            }
            Some(Event::Refused(reject)) => {
                self.at_server.rejects.push(reject);
                return Ok(());
            }
            Some(Event::Bye) => {
                self.server = None;
                return Err(Reject::Goodbye);
            }
            Some(Event::List(_) | Event::Resync { .. } | Event::Ticket { .. }) | None => return Ok(()),
        };
        match self.challenge {
            Some(bits) => {
                let salt = std::array::from_fn(|_| self.seed.number() as u8);
                machine.challenge(Puzzle::new(salt, bits), opening, F, out)
            }
            None => self.server_opens(opening),
        }
    }

    fn server_opens(&mut self, opening: server::Opening) -> Result<(), Reject> {
        let (now, out) = (self.now, self.down.writer());
        match opening {
            server::Opening::Login => {
                self.logins += 1;
                let machine = self.fresh.as_mut().expect("a login comes on a fresh connection");
                machine.accept_login(now, SessionId(self.logins << 8), [self.logins as u8; 16], F, out)?;
                self.server = self.fresh.take();
            }
            server::Opening::Resume { session, token, received } => {
                let known = self.server.as_mut().filter(|server| server.id() == session).ok_or(Reject::ResumeUnknown)?;
                known.resume(now, &token, received, F, out)?;
                self.fresh = None;
            }
        }
        Ok(())
    }

    fn client_reads(&mut self) -> bool {
        use client::Event;
        let frame = frame::read(self.down.arrived(), SERVER_PAYLOAD_BYTES_MAX).expect("the server frames well");
        let Some(frame) = frame else { return false };
        let consumed = frame.consumed;
        let mut closed = false;
        match self.client.handle_payload(self.now, frame.payload, F, self.up.writer()) {
            Ok(Some(Event::Room { op, data })) => self.at_client.sequenced.push((op, data.to_vec())),
            Ok(Some(Event::State { tick, .. })) => self.at_client.states.push(tick),
            Ok(Some(Event::Challenge(puzzle))) => {
                let nonce = puzzle.solve(0, u64::MAX).expect("few bits");
                self.client.work(nonce, F, self.up.writer());
            }
            Ok(Some(Event::Closed { code, .. })) => {
                self.at_client.rejects.extend(Reject::from_code(code));
                closed = true;
            }
            Ok(_) => {}
            Err(reject) => {
                self.at_client.rejects.push(reject);
                closed = true;
            }
        }
        self.down.consume(consumed);
        if closed {
            self.lose(false);
        }
        true
    }
}
