//! Target that plays a script of bytes, time and decisions against the server's session, as a hostile client and an unlucky door
//! could. One step is one byte that says what happens, and what it takes from the bytes after it.

use std::time::Duration;

use hillfort_proto::frame::{self, Framing};
use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::limits::{INPUT_BYTES_MAX, UNACKED_BYTES_MAX};
use hillfort_proto::message::{ClientBody, ClientView, Encode, ServerView, Wanted};
use hillfort_proto::reject::Reject;
use hillfort_proto::session::server::{Event, Opening, Session, State};
use hillfort_proto::session::survives;
use hillfort_proto::time::Time;
use hillfort_proto::work::Puzzle;

const F: Framing = Framing::Tcp;
const ROOM: RoomId = RoomId(0x0101);
const TOKEN: [u8; 16] = [7; 16];
/// One try in two is right.
const PUZZLE: Puzzle = Puzzle::new([7; 16], 1);

/// The server's session: total in every state, never ahead of itself, and all it writes is well formed.
pub fn session(data: &[u8]) {
    let mut script = Script { rest: data };
    let mut world =
        World { now: Time::from_millis(1), session: Session::new(Time::from_millis(1)), seq: 0, attacked: false, asked: None };
    while let Some(step) = script.byte() {
        let mut out = Vec::new();
        world.step(step, &mut script, &mut out);
        world.check(&out);
    }
}

struct World {
    now: Time,
    session: Session,
    /// Number of the last sequenced message that was sent by an honest step.
    seq: u64,
    /// Logins and resumptions are challenged.
    attacked: bool,
    /// What has to be worked for.
    asked: Option<Opening>,
}

impl World {
    fn step(&mut self, step: u8, script: &mut Script<'_>, out: &mut Vec<u8>) {
        match step % 18 {
            0 => self.now = self.now + Duration::from_millis(u64::from(script.short())),
            1 => {
                let payload = script.bytes();
                self.feed(payload, out);
            }
            2 => self.send(0, ClientBody::Login { name: script.text() }, out),
            3 => self.send_sequenced(ClientBody::Join { game: script.text(), room: Wanted::Any }, out),
            4 => self.send_sequenced(ClientBody::Leave, out),
            5 => {
                let op = u32::from(script.short());
                self.send_sequenced(ClientBody::Input { op, data: script.bytes() }, out);
            }
            6 => {
                let echo = u64::from(script.short());
                self.send(0, ClientBody::Ping { echo, pad: script.bytes() }, out);
            }
            7 => self.send(u64::from(script.short()), ClientBody::Ack, out),
            8 => self.session.handle_disconnect(self.now),
            9 => {
                let received = u64::from(script.short());
                let token = if script.byte() == Some(0) { [0; 16] } else { TOKEN };
                let result = self.session.resume(self.now, &token, received, F, out);
                assert!(result.is_err() || self.session.state() == State::Open);
                assert!(result.is_ok() || out.is_empty(), "a refused resume says nothing for the session");
            }
            10 => {
                let result = self.session.handle_timeout(self.now, F, out);
                if let Err(reject) = result {
                    let expect = if survives(reject) { State::Detached } else { State::Ended };
                    assert_eq!(self.session.state(), expect);
                }
            }
            11 => {
                let op = u32::from(script.short());
                let _full = self.session.enqueue_event(ROOM, op, script.bytes(), F, out);
            }
            12 => self.session.enqueue_state(ROOM, u64::from(script.short()), script.bytes(), F, out),
            13 => {
                let _ignored_or_full = self.session.enqueue_joined(ROOM, "hilltop", 20, 0, F, out);
            }
            14 => {
                let _full = self.session.enqueue_join_refused(Reject::RoomFull, F, out);
            }
            15 => {
                let _full = self.session.enqueue_left(ROOM, None, F, out);
            }
            16 => self.send(0, ClientBody::Work { nonce: u64::from(script.short()) }, out),
            _ => self.attacked = !self.attacked,
        }
    }

    fn send(&mut self, ack: u64, body: ClientBody<'_>, out: &mut Vec<u8>) {
        let mut payload = Vec::new();
        ClientView { seq: 0, ack, body }.put(Framing::Bare, &mut payload);
        self.feed(&payload, out);
    }

    fn send_sequenced(&mut self, body: ClientBody<'_>, out: &mut Vec<u8>) {
        let mut payload = Vec::new();
        ClientView { seq: self.seq + 1, ack: 0, body }.put(Framing::Bare, &mut payload);
        if self.feed(&payload, out) {
            self.seq += 1;
        }
    }

    /// What the door does with a payload. `true`: it was taken.
    fn feed(&mut self, payload: &[u8], out: &mut Vec<u8>) -> bool {
        let before = self.session.state();
        let event = match self.session.handle_payload(self.now, payload, F, out) {
            Ok(event) => event,
            Err(_) => return false,
        };
        match event {
            Some(Event::Login { name }) => {
                assert_eq!((before, self.session.name()), (State::AwaitLogin, name));
                self.open(Opening::Login, out);
            }
            Some(Event::Resume { session, token, received }) => {
                assert_eq!(before, State::AwaitLogin);
                self.open(Opening::Resume { session, token: *token, received }, out);
            }
            Some(Event::Worked(opening)) => {
                assert_eq!((before, Some(opening)), (State::AwaitWork, self.asked.take()));
                if opening == Opening::Login {
                    self.session.accept_login(self.now, SessionId(0x100), TOKEN, F, out).expect("worked for");
                }
            }
            Some(Event::Input { room, data, .. }) => {
                assert_eq!((before, Some(room)), (State::Open, self.session.seat().room()));
                assert!(data.len() <= INPUT_BYTES_MAX);
            }
            Some(Event::Bye) => assert_eq!(self.session.state(), State::Ended),
            Some(_) | None => assert!(matches!(before, State::Open | State::AwaitLogin)),
        }
        true
    }

    fn open(&mut self, opening: Opening, out: &mut Vec<u8>) {
        if self.attacked {
            self.session.challenge(PUZZLE, opening, F, out).expect("asked for");
            self.asked = Some(opening);
        } else if opening == Opening::Login {
            self.session.accept_login(self.now, SessionId(0x100), TOKEN, F, out).expect("asked for");
        }
    }

    fn check(&self, out: &[u8]) {
        assert_eq!(self.session.poll_timeout().is_none(), self.session.state() == State::Ended);
        assert!(out.len() <= 2 * UNACKED_BYTES_MAX, "one step says a bounded amount");
        let mut rest = out;
        while let Some(frame) = frame::read(rest, usize::MAX).expect("well framed") {
            ServerView::read(frame.payload).expect("well formed");
            rest = &rest[frame.consumed..];
        }
        assert!(rest.is_empty());
    }
}

struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn short(&mut self) -> u16 {
        let high = self.byte().unwrap_or(0);
        u16::from_be_bytes([high, self.byte().unwrap_or(0)])
    }

    /// As many bytes as the next one says, sixteen times as many when its top bit is set.
    fn bytes(&mut self) -> &'a [u8] {
        let length = match self.byte().unwrap_or(0) {
            long @ 0x80.. => usize::from(long & 0x7F) * 16,
            short => usize::from(short),
        };
        let (bytes, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        bytes
    }

    fn text(&mut self) -> &'a str {
        std::str::from_utf8(self.bytes()).unwrap_or("hilltop")
    }
}
