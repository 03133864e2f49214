//! Bytes of a connection into hellos and payloads, all in one shared buffer. Knows nothing of what payloads say.

use hillfort_proto::frame;
use hillfort_proto::limits::HELLO_BYTES;
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;
use hillfort_stream::Got;
use hillfort_stream::websocket::{self, Kind, Received};

use crate::conn::{ConnKey, Phase, known};
use crate::stats::Door;
use crate::thread::EdgeThread;

impl EdgeThread {
    /// Goes on with the connections of which more can be read.
    pub(crate) fn read_again(&mut self, now: Time) {
        // Connections that are not done after this turn append themselves anew.
        let due = self.again.len();
        for at in 0..due {
            let Some(key) = self.again.get(at) else { break };
            self.on_readable(*key, now);
            self.probe.mark();
        }
        self.again.drain(..due.min(self.again.len()));
    }

    /// Reads once, handles what is whole, keeps the rest, answers by one write.
    pub(crate) fn on_readable(&mut self, key: ConnKey, now: Time) {
        let Some(conn) = self.conns.get_mut(key as usize) else { return };
        // Taken out for the time of this call, so that payloads in it can be borrowed next to everything else.
        let mut buffer = std::mem::take(&mut self.buffer);
        // Less than one frame, or what hyper had read: the buffer has room for it.
        let held = conn.partial.len().min(buffer.len());
        buffer[..held].copy_from_slice(&conn.partial[..held]);
        self.spares.take_back(&mut conn.partial);
        let got = conn.stream.read(&mut buffer[held..]);
        let (read, more) = match got {
            Got::Last(read) => (read, false),
            Got::Some(read) => (read, true),
            Got::Nothing | Got::End | Got::BadTls => (0, false),
        };
        self.stats.edge.bytes_in.add(read as u64);
        let end = held + read;
        match self.consume(key, now, &mut buffer[..end]) {
            Ok(used) if used < end => self.keep(key, &buffer[used..end]),
            Ok(_) => {}
            Err(reject) => self.on_reject(now, key, reject),
        }
        self.buffer = buffer;
        match got {
            Got::End => self.on_gone(now, key),
            Got::BadTls => self.offend(now, key, Reject::Tls),
            Got::Last(_) | Got::Some(_) | Got::Nothing => {
                self.write(now, key);
                if more {
                    self.again.push(key);
                }
            }
        }
    }

    /// Handles what is whole in `bytes`; returns how much that was.
    fn consume(&mut self, key: ConnKey, now: Time, bytes: &mut [u8]) -> Result<usize, Reject> {
        let mut used = 0;
        while used < bytes.len() {
            // Gone, or ending: a payload may do that to its own connection. What it still says is not read.
            let Some(conn) = self.conns.get_mut(key as usize).filter(|conn| conn.phase != Phase::Ending) else {
                return Ok(bytes.len());
            };
            let (door, phase) = (conn.door, conn.phase);
            // A header is the balancer's.
            if phase != Phase::Header && conn.is_silent() {
                self.on_first_byte(now, key);
            }
            let rest = &mut bytes[used..];
            let taken = match (door, phase) {
                (_, Phase::Header) => self.consume_header(key, now, rest)?,
                (_, Phase::ClientHello) => self.consume_client_hello(key, now, rest)?,
                (_, Phase::Request) => self.consume_request(key, now, rest),
                (Door::WebSocket, _) => self.consume_websocket(key, now, rest)?,
                (_, Phase::Hello) => self.consume_hello(key, now, rest)?,
                (_, _) => self.consume_frames(key, now, rest)?,
            };
            if taken == 0 {
                break;
            }
            used += taken;
        }
        Ok(used)
    }

    fn consume_hello(&mut self, key: ConnKey, now: Time, bytes: &[u8]) -> Result<usize, Reject> {
        match bytes.first_chunk::<HELLO_BYTES>() {
            Some(hello) => {
                self.on_hello(key, now, hello);
                Ok(HELLO_BYTES)
            }
            // A foreign or stale client is not waited for.
            None => {
                if let Err(reject) = self.guard.on_hello_prefix(now, Self::unix_now(), bytes) {
                    let Some(conn) = known(&mut self.conns, key, &self.stats) else { return Ok(bytes.len()) };
                    self.guard.on_bad_hello(now, conn.admitted.peer(), reject, bytes);
                    self.end(now, key, reject);
                    return Ok(bytes.len());
                }
                Ok(0)
            }
        }
    }

    fn consume_frames(&mut self, key: ConnKey, now: Time, bytes: &[u8]) -> Result<usize, Reject> {
        let Some(conn) = known(&mut self.conns, key, &self.stats) else { return Ok(bytes.len()) };
        let payload_max = conn.payload_max();
        let (mut used, mut frames) = (0, 0);
        let outcome = loop {
            match frame::read(&bytes[used..], payload_max) {
                Ok(Some(frame)) => {
                    used += frame.consumed;
                    frames += 1;
                    match self.on_payload(key, now, frame.payload) {
                        Ok(true) => {}
                        Ok(false) => break Ok(bytes.len()),
                        Err(reject) => break Err(reject),
                    }
                }
                Ok(None) => break Ok(used),
                Err(reject) => break Err(reject),
            }
        };
        self.stats.edge.frames_in.add(frames);
        outcome
    }

    fn consume_websocket(&mut self, key: ConnKey, now: Time, bytes: &mut [u8]) -> Result<usize, Reject> {
        let Some(conn) = known(&mut self.conns, key, &self.stats) else { return Ok(bytes.len()) };
        let payload_max = conn.payload_max();
        let too_long = if conn.phase == Phase::Hello { Reject::HelloLength } else { Reject::FrameLength };
        let received = websocket::read(bytes, conn.in_parts, payload_max);
        let Some((received, used)) = received.map_err(|reject| if reject == Reject::FrameLength { too_long } else { reject })?
        else {
            return Ok(0);
        };
        let message = match received {
            Received::Message(Kind::Text, _) | Received::FirstPart(Kind::Text, _) => return Err(Reject::WebSocket),
            Received::Message(Kind::Binary, payload) => payload,
            Received::FirstPart(_, part) | Received::Part(part) | Received::LastPart(part)
                if conn.parts.len() + part.len() > payload_max =>
            {
                return Err(too_long);
            }
            Received::FirstPart(_, []) | Received::Part([]) => {
                // No end of them makes a message, so no message's rate bounds them.
                conn.in_parts = true;
                return self.charge_transport(now, key).map(|_charged| used);
            }
            Received::FirstPart(_, part) | Received::Part(part) => {
                self.spares.lend(&mut conn.parts);
                conn.parts.extend_from_slice(part);
                conn.in_parts = true;
                return Ok(used);
            }
            Received::LastPart(part) => {
                conn.parts.extend_from_slice(part);
                conn.in_parts = false;
                let mut parts = std::mem::take(&mut conn.parts);
                let outcome = self.on_message(key, now, &parts);
                self.spares.take_back(&mut parts);
                return outcome.map(|()| used);
            }
            Received::Ping(echo) => {
                if self.charge_transport(now, key)?
                    && let Some(conn) = known(&mut self.conns, key, &self.stats)
                {
                    self.spares.lend(&mut conn.out);
                    websocket::write_pong(&mut conn.out, echo);
                }
                return Ok(used);
            }
            Received::Pong => return self.charge_transport(now, key).map(|_charged| used),
            Received::Close => {
                self.on_websocket_close(now, key);
                return Ok(used);
            }
        };
        self.on_message(key, now, message).map(|()| used)
    }

    /// One whole WebSocket message: the hello, or a payload.
    fn on_message(&mut self, key: ConnKey, now: Time, message: &[u8]) -> Result<(), Reject> {
        let Some(conn) = known(&mut self.conns, key, &self.stats) else { return Ok(()) };
        if conn.phase == Phase::Hello {
            let hello = message.try_into().map_err(|_| Reject::HelloLength)?;
            self.on_hello(key, now, hello);
            return Ok(());
        }
        self.stats.edge.frames_in.add(1);
        self.on_payload(key, now, message).map(|_goes_on| ())
    }

    /// Keeps what is not whole yet: at most one frame, of bounded length.
    fn keep(&mut self, key: ConnKey, rest: &[u8]) {
        if let Some(conn) = self.conns.get_mut(key as usize).filter(|conn| conn.phase != Phase::Ending) {
            self.spares.lend(&mut conn.partial);
            conn.partial.extend_from_slice(rest);
        }
    }
}
