//! Attacks by connections: as many at once as allowed, each strikes in the way of its kind, and a new one takes the place of each that
//! ends. One thread, full speed. Knows nothing of sessions beyond the first answer of the server.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use hillfort_proto::frame;
use hillfort_proto::hello::HelloKey;
use hillfort_proto::limits::{HELLO_BYTES, SERVER_PAYLOAD_BYTES_MAX};
use hillfort_proto::message::{ServerBody, ServerView};
use hillfort_proto::time::Time;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::client_hello;
use super::hellos::{bad_frame, bad_hello, bye, login};
use super::{Kind, Plan, Progress, Reporter};
use crate::clock::unix_ms;
use crate::credentials::fresh_hello;
use crate::link::{Gone, connect_from, gone};
use crate::random::Random;

/// Connections begun between two looks at what became of the others.
const BEGIN_BATCH: usize = 64;
/// No answer for this long: given up.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// A connection that says nothing proper and is still open after this long has got what it wanted: no hello may take so long.
const HELD_MIN: Duration = Duration::from_secs(5);
/// One byte of a slow hello each ...
const DRIP_EVERY: Duration = Duration::from_millis(1_000);
/// Time between two looks at all connections.
const SWEEP_EVERY: Duration = Duration::from_millis(25);
/// An overheard hello is replaced by a newer one after this long, so that it is refused for being known, not for being old.
const OVERHEAR_EVERY: Duration = Duration::from_secs(2);
/// No hello was overheard for this long: the key is not the server's.
const OVERHEAR_MAX: Duration = Duration::from_secs(3);

struct Assault<'a> {
    plan: &'a Plan,
    signer: &'a HelloKey,
    poll: Poll,
    /// By token; `None` is free.
    sockets: Vec<Option<Socket>>,
    free: Vec<usize>,
    progress: Progress,
    random: Random,
    overheard: Overheard,
    buffer: Vec<u8>,
}

struct Socket {
    stream: TcpStream,
    role: Role,
    kind: Kind,
    /// Signed when the connection was begun; not every kind sends it.
    hello: [u8; HELLO_BYTES],
    connected: bool,
    begun: Time,
    drip_at: Time,
    dripped: usize,
    counted_as_held: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Attacker,
    /// The honest player whose hello is overheard.
    Victim,
}

#[derive(Default)]
struct Overheard {
    hello: Option<[u8; HELLO_BYTES]>,
    next_at: Time,
}

/// Attacks until the time is over.
pub(super) fn run(plan: &Plan, signer: &HelloKey, reporter: &mut Reporter) -> anyhow::Result<Progress> {
    let clock = reporter.clock();
    let mut assault = Assault {
        plan,
        signer,
        poll: Poll::new()?,
        sockets: Vec::new(),
        free: Vec::new(),
        progress: Progress::new(plan.kind),
        random: Random::new(u64::from(std::process::id())),
        overheard: Overheard::default(),
        buffer: vec![0; 16 * 1024],
    };
    let mut events = Events::with_capacity(1024);
    let end = clock.now() + plan.span;
    let mut sweep_at = clock.now();
    loop {
        let now = clock.now();
        if now >= end {
            return Ok(assault.progress);
        }
        let begun = assault.begin_batch(now)?;
        assault.poll.poll(&mut events, Some(if begun { Duration::ZERO } else { Duration::from_millis(5) }))?;
        for event in &events {
            assault.handle_event(event.token().0, now)?;
        }
        if now >= sweep_at {
            sweep_at = now + SWEEP_EVERY;
            assault.sweep(now);
        }
        reporter.on_progress(&assault.progress)?;
    }
}

impl Assault<'_> {
    fn begin_batch(&mut self, now: Time) -> anyhow::Result<bool> {
        if matches!(self.plan.kind, Kind::HelloReplay | Kind::Mixed) {
            if now >= self.overheard.next_at {
                self.overheard.next_at = now + OVERHEAR_EVERY;
                self.begin(now, self.plan.victim(), Role::Victim)?;
            }
            if self.overheard.hello.is_none() {
                if now > Time::ZERO + OVERHEAR_MAX {
                    bail!("no good hello could be overheard: the server accepts none that is signed with this key");
                }
                return Ok(false);
            }
        }
        for begun in 0..BEGIN_BATCH {
            if self.sockets.len() - self.free.len() >= self.plan.sockets {
                return Ok(begun > 0);
            }
            let from = self.plan.source(self.progress.offered as usize);
            if !self.begin(now, from, Role::Attacker)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `false`: no port or descriptor is free at the moment.
    fn begin(&mut self, now: Time, from: Ipv4Addr, role: Role) -> anyhow::Result<bool> {
        let mut stream = match connect_from(self.plan.target, from) {
            Ok(stream) => stream,
            Err(error) if self.progress.offered == 0 => return Err(error),
            Err(_) => return Ok(false),
        };
        let index = self.free.pop().unwrap_or_else(|| {
            self.sockets.push(None);
            self.sockets.len() - 1
        });
        self.poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
        let kind = self.plan.kind.of_socket(self.progress.offered);
        let hello = match (role, kind) {
            (Role::Victim, _) | (_, Kind::SlowHello | Kind::OversizeFrame) => fresh_hello(self.signer)?,
            (_, Kind::BadHello) => bad_hello(self.progress.offered, unix_ms(), self.signer, &mut self.random),
            (_, Kind::HelloReplay) => self.overheard.hello.context("replays begin when a hello was overheard")?,
            _ => [0; HELLO_BYTES],
        };
        let (connected, counted_as_held) = (false, false);
        let socket = Socket { stream, role, kind, hello, connected, begun: now, drip_at: now, dripped: 0, counted_as_held };
        self.sockets[index] = Some(socket);
        self.progress.open += 1;
        if role == Role::Attacker {
            self.progress.offered += 1;
        }
        Ok(true)
    }

    fn handle_event(&mut self, index: usize, now: Time) -> anyhow::Result<()> {
        let Some(mut socket) = self.sockets[index].take() else { return Ok(()) };
        let goes_on = self.serve(&mut socket, now)?;
        if goes_on {
            self.sockets[index] = Some(socket);
        } else {
            self.release(index);
        }
        Ok(())
    }

    /// Whether the connection is still wanted.
    fn serve(&mut self, socket: &mut Socket, now: Time) -> anyhow::Result<bool> {
        if !socket.connected {
            if let Err(error) | Ok(Some(error)) = socket.stream.take_error() {
                return self.on_gone(gone(&error), socket.role).map(|()| false);
            }
            if socket.stream.peer_addr().is_err() {
                return Ok(true);
            }
            socket.connected = true;
            if socket.role == Role::Attacker {
                self.progress.connected += 1;
            }
            if let Err(gone) = self.strike(socket) {
                return self.on_gone(gone, socket.role).map(|()| false);
            }
        }
        // Until nothing is left: an answer and the end of the connection may come as one event.
        loop {
            match socket.stream.read(&mut self.buffer) {
                Ok(0) => return self.on_gone(Gone::Closed, socket.role).map(|()| false),
                Ok(got) if has_welcome(&self.buffer[..got]) => return Ok(self.on_welcome(socket, now)),
                Ok(got) if socket.kind == Kind::Tls => {
                    // A server that answers with its own hello has paid for key exchange and signature; one that sends an alert has not.
                    let has_worked = client_hello::is_server_hello(&self.buffer[..got]);
                    self.progress.succeeded += u64::from(has_worked);
                    self.progress.refused += u64::from(!has_worked);
                    return Ok(false);
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let closes_at_once = socket.kind == Kind::ConnectFlood && self.progress.connected.is_multiple_of(2);
                    return Ok(!closes_at_once);
                }
                Err(error) => return self.on_gone(gone(&error), socket.role).map(|()| false),
            }
        }
    }

    /// What a connection is opened for.
    fn strike(&mut self, socket: &mut Socket) -> Result<(), Gone> {
        let hello = &socket.hello[..];
        let bytes = match (socket.role, socket.kind) {
            (Role::Victim, _) => [hello, &login("Victim")].concat(),
            (_, Kind::BadHello | Kind::HelloReplay) => [hello, &login("Intruder")].concat(),
            (_, Kind::OversizeFrame) => [hello, &bad_frame(self.progress.sent)].concat(),
            (_, Kind::Tls) => client_hello::build(&mut self.random),
            _ => vec![],
        };
        if socket.role == Role::Attacker {
            self.progress.sent += 1;
        }
        match socket.stream.write(&bytes) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(gone(&error)),
        }
    }

    fn on_welcome(&mut self, socket: &mut Socket, now: Time) -> bool {
        if socket.role == Role::Victim {
            self.overheard = Overheard { hello: Some(socket.hello), next_at: now + OVERHEAR_EVERY };
            // The session is of no use any more; if this fails, the server finds out by itself.
            let _unsaid = socket.stream.write(&bye());
        } else {
            self.progress.succeeded += 1;
        }
        false
    }

    fn on_gone(&mut self, how: Gone, role: Role) -> anyhow::Result<()> {
        if how == Gone::Refused && self.progress.connected == 0 {
            bail!("nobody listens at {}", self.plan.target);
        }
        if role == Role::Attacker {
            self.progress.refused += 1;
            self.progress.reset += u64::from(how == Gone::Reset);
        }
        Ok(())
    }

    fn sweep(&mut self, now: Time) {
        for index in 0..self.sockets.len() {
            let Some(mut socket) = self.sockets[index].take() else { continue };
            if self.is_kept(&mut socket, now) {
                self.sockets[index] = Some(socket);
            } else {
                self.release(index);
            }
        }
    }

    fn is_kept(&mut self, socket: &mut Socket, now: Time) -> bool {
        let age = now.since(socket.begun);
        if !socket.connected || socket.role == Role::Victim {
            return age < ANSWER_MAX;
        }
        match socket.kind {
            Kind::OversizeFrame => {
                self.progress.succeeded += u64::from(age >= ANSWER_MAX);
                age < ANSWER_MAX
            }
            Kind::ConnectFlood | Kind::SlowHello | Kind::HandshakeIdle => {
                if age >= HELD_MIN && !socket.counted_as_held {
                    socket.counted_as_held = true;
                    self.progress.succeeded += 1;
                }
                if socket.kind == Kind::SlowHello && now >= socket.drip_at && socket.dripped < HELLO_BYTES - 1 {
                    socket.drip_at = now + DRIP_EVERY;
                    // What went wrong comes as an event as well.
                    if socket.stream.write(&socket.hello[socket.dripped..=socket.dripped]).is_ok() {
                        socket.dripped += 1;
                    }
                }
                true
            }
            _ => age < ANSWER_MAX,
        }
    }

    fn release(&mut self, index: usize) {
        self.free.push(index);
        self.progress.open -= 1;
    }
}

/// Whether the server lets us in. The answer to a first message is small and comes in one piece.
fn has_welcome(mut bytes: &[u8]) -> bool {
    while let Ok(Some(frame)) = frame::read(bytes, SERVER_PAYLOAD_BYTES_MAX) {
        if ServerView::read(frame.payload).is_ok_and(|message| matches!(message.body, ServerBody::Welcome { .. })) {
            return true;
        }
        bytes = &bytes[frame.consumed..];
    }
    false
}
