//! Bytes of a socket into messages, all in one shared buffer. Knows nothing of what messages say.

use hillfort_api::Close;
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;
use hillfort_stream::Got;
use hillfort_stream::websocket::{self, Kind, Received};

use super::conn::ConnRef;
use super::stats::SocketStats;
use super::thread::SocketThread;

/// Control frames and parts without content that one read may bring: more are a flood.
const EMPTY_FRAMES_MAX: usize = 64;

/// Why reading ends a session.
struct Fault {
    code: Close,
    reason: &'static str,
    /// Charged to the address.
    charge: Reject,
}

impl SocketThread {
    /// Goes on with the sockets of which more can be read.
    pub(crate) fn read_again(&mut self, now: Time) {
        // Those that are not done after this turn append themselves anew.
        for at in std::mem::take(&mut self.again) {
            self.on_readable(now, at);
        }
    }

    /// Reads once, handles what is whole, keeps the rest.
    pub(crate) fn on_readable(&mut self, now: Time, at: ConnRef) {
        if self.conn(at).is_none_or(|conn| conn.held && conn.ending.is_none()) {
            return;
        }
        // Taken out for the time of this call, so that messages in it can be borrowed next to everything else.
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut partial = self.conn(at).map(|conn| std::mem::take(&mut conn.partial)).unwrap_or_default();
        // Less than one frame, or what HTTP had read: the buffer has room for it.
        let held = partial.len().min(buffer.len());
        buffer[..held].copy_from_slice(&partial[..held]);
        self.spares.take_back(&mut partial);
        let got = self.conn(at).map_or(Got::End, |conn| conn.stream.read(&mut buffer[held..]));
        let (read, more) = match got {
            Got::Last(read) => (read, false),
            Got::Some(read) => (read, true),
            Got::Nothing | Got::End | Got::BadTls => (0, false),
        };
        SocketStats::count(&self.shared.stats.bytes_in, read as u64);
        let end = held + read;
        match self.consume(now, at, &mut buffer[..end]) {
            Ok(used) => self.keep(at, &buffer[used.min(end)..end]),
            Err(fault) => {
                SocketStats::count(&self.shared.stats.malformed, 1);
                if let Some(conn) = self.conn(at) {
                    conn.permit.charge(fault.charge);
                }
                self.end(now, at, fault.code, fault.reason);
            }
        }
        self.buffer = buffer;
        match got {
            // What it said before that is heard first.
            Got::End if self.conn(at).is_some_and(|conn| conn.held && conn.ending.is_none()) => {}
            Got::End => self.on_gone(now, at),
            Got::BadTls => {
                if let Some(conn) = self.conn(at) {
                    conn.permit.charge(Reject::Tls);
                }
                self.on_gone(now, at);
            }
            Got::Some(_) if more => self.again.push(at),
            // The end is behind these bytes, and no event will tell of it once more.
            Got::Last(_) if self.conn(at).is_some_and(|conn| conn.fin) => self.again.push(at),
            Got::Last(_) | Got::Some(_) | Got::Nothing => {}
        }
    }

    /// Handles what is whole in `bytes`; returns how much that was.
    fn consume(&mut self, now: Time, at: ConnRef, bytes: &mut [u8]) -> Result<usize, Fault> {
        let (mut used, mut empty) = (0, 0);
        let most = self.shared.config.message_bytes_max;
        while used < bytes.len() {
            // Gone, or ending: a message may do that to its own session. What it still says is not read.
            let Some(conn) = self.conn(at).filter(|conn| conn.ending.is_none()) else { return Ok(bytes.len()) };
            if conn.held {
                break;
            }
            let received = websocket::read(&mut bytes[used..], conn.parts_kind.is_some(), most).map_err(Fault::of)?;
            let Some((received, taken)) = received else { break };
            used += taken;
            conn.heard = now;
            conn.pinged = false;
            match received {
                Received::Message(kind, message) => self.on_message(now, at, kind, message)?,
                Received::FirstPart(_, part) | Received::Part(part) | Received::LastPart(part)
                    if conn.parts.len() + part.len() > most =>
                {
                    return Err(Fault::of(Reject::FrameLength));
                }
                Received::FirstPart(kind, part) => {
                    conn.parts_kind = Some(kind);
                    conn.parts.extend_from_slice(part);
                    empty += usize::from(part.is_empty());
                }
                Received::Part(part) => {
                    conn.parts.extend_from_slice(part);
                    empty += usize::from(part.is_empty());
                }
                Received::LastPart(part) => {
                    conn.parts.extend_from_slice(part);
                    let (parts, kind) = (std::mem::take(&mut conn.parts), conn.parts_kind.take());
                    self.on_message(now, at, kind.unwrap_or(Kind::Binary), &parts)?;
                }
                Received::Ping(echo) => {
                    empty += 1;
                    self.spares.lend(&mut self.conns[at.key as usize].out);
                    websocket::write_pong(&mut self.conns[at.key as usize].out, echo);
                    self.mark_dirty(at);
                }
                Received::Pong => empty += 1,
                Received::Close => {
                    self.on_client_close(now, at);
                    return Ok(bytes.len());
                }
            }
            if empty > EMPTY_FRAMES_MAX {
                return Err(Fault {
                    code: Close::PolicyViolation,
                    reason: "too many frames without content",
                    charge: Reject::ControlRate,
                });
            }
        }
        Ok(used)
    }

    fn on_message(&mut self, now: Time, at: ConnRef, kind: Kind, message: &[u8]) -> Result<(), Fault> {
        SocketStats::count(&self.shared.stats.messages_in, 1);
        let Some(format) = self.conn(at).map(|conn| conn.format) else { return Ok(()) };
        if kind != format.kind() {
            return Err(Fault::malformed("a session of format=json speaks text, one of format=protobuf binary messages"));
        }
        self.on_envelope(now, at, format, message).map_err(|_| Fault::malformed("the message is no envelope"))
    }

    /// Keeps what is not whole yet: at most one frame, of bounded length.
    fn keep(&mut self, at: ConnRef, rest: &[u8]) {
        if rest.is_empty() {
            return;
        }
        let Some(conn) = self.conns.get_mut(at.key as usize).filter(|conn| conn.at == at && conn.ending.is_none()) else {
            return;
        };
        self.spares.lend(&mut conn.partial);
        conn.partial.extend_from_slice(rest);
    }
}

impl Fault {
    const fn malformed(reason: &'static str) -> Self {
        Self { code: Close::Malformed, reason, charge: Reject::Message }
    }

    const fn of(reject: Reject) -> Self {
        match reject {
            Reject::FrameLength => {
                Self { code: Close::TooBig, reason: "the message is longer than the limit", charge: Reject::FrameLength }
            }
            _ => Self { code: Close::PolicyViolation, reason: "a bad WebSocket frame", charge: Reject::WebSocket },
        }
    }
}
