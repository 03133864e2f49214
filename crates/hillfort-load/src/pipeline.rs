//! A closed loop of prebuilt frames: every connection keeps a fixed number under way and sends a new one for each answer. The client
//! does as little as it can, so that the server is what is measured. Knows nothing of sessions: connections come ready to use.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hillfort_proto::frame;
use hillfort_proto::limits::SERVER_PAYLOAD_BYTES_MAX;
use mio::{Events, Interest, Poll, Token};

use crate::gauge;
use crate::limits::Rate;

/// No answer for this long: the server is stuck or refuses us.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// Time before counting starts: caches, socket buffers and the server's batches settle.
const WARM_UP: Duration = Duration::from_millis(300);

/// What is sent, and how answers are told apart.
#[derive(Debug, Clone)]
pub(crate) struct Frames {
    /// One request.
    pub(crate) request: Vec<u8>,
    pub(crate) answers: Answers,
}

/// How answers are counted in the bytes that come back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answers {
    /// Each so many bytes, nothing else comes.
    Bytes(usize),
    /// Frames of Hillfort whose payload begins with this byte; other frames are passed over.
    Frames(u8),
}

/// Connections in a closed loop.
#[derive(Debug)]
pub(crate) struct Clients {
    poll: Poll,
    connections: Vec<Connection>,
    /// A full pipeline of requests, end to end.
    requests: Vec<u8>,
    request_bytes: usize,
    answers: Answers,
    started: bool,
}

#[derive(Debug)]
struct Connection {
    stream: mio::net::TcpStream,
    /// The beginning of an answer whose end has not come.
    partial: Vec<u8>,
}

impl Clients {
    /// Opens `count` connections and keeps them idle.
    pub(crate) fn connect(server: SocketAddr, count: usize, frames: &Frames, pipeline: usize) -> anyhow::Result<Self> {
        let streams = (0..count).map(|_| std::net::TcpStream::connect(server)).collect::<Result<Vec<_>, _>>();
        Self::adopt(streams.with_context(|| format!("connecting to {server}"))?, frames, pipeline)
    }

    /// Takes connections on which the request may be sent at once.
    pub(crate) fn adopt(streams: Vec<std::net::TcpStream>, frames: &Frames, pipeline: usize) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(streams.len());
        for (index, stream) in streams.into_iter().enumerate() {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let mut stream = mio::net::TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
            connections.push(Connection { stream, partial: vec![] });
        }
        let requests = frames.request.repeat(pipeline);
        Ok(Self { poll, connections, requests, request_bytes: frames.request.len(), answers: frames.answers, started: false })
    }

    /// Runs the loop for `span` after a warm-up; `pid` is the server's process.
    pub(crate) fn measure(&mut self, pid: u32, span: Duration) -> anyhow::Result<Rate> {
        if !self.started {
            self.started = true;
            for connection in &mut self.connections {
                connection.stream.write_all(&self.requests).context("first requests")?;
            }
        }
        self.turn_for(WARM_UP)?;
        let (started, before) = (Instant::now(), gauge::processor_time(pid)?);
        let count = self.turn_for(span)?;
        let (elapsed, after) = (started.elapsed(), gauge::processor_time(pid)?);
        Ok(Rate::new(count, elapsed, after.saturating_sub(before)))
    }

    /// Answers within `span`.
    fn turn_for(&mut self, span: Duration) -> anyhow::Result<u64> {
        let mut events = Events::with_capacity(256);
        let mut buffer = vec![0; 64 * 1024];
        let mut count = 0;
        let mut now = Instant::now();
        let end = now + span;
        let mut last_answer = now;
        while now < end {
            self.poll.poll(&mut events, Some(Duration::from_millis(50)))?;
            for event in &events {
                let answered = self.answered(event.token().0, &mut buffer)?;
                count += answered as u64;
                // Poll is edge triggered, but an answer to what is sent below makes a new edge: one read an event is enough as long as
                // it did not fill the buffer, which a pipeline of small frames cannot do.
                if answered > 0 {
                    self.send(event.token().0, answered)?;
                }
            }
            now = Instant::now();
            if !events.is_empty() {
                last_answer = now;
            } else if now - last_answer > SILENCE_MAX {
                bail!("the server has not answered for {} s", SILENCE_MAX.as_secs());
            }
        }
        Ok(count)
    }

    fn answered(&mut self, index: usize, buffer: &mut [u8]) -> anyhow::Result<usize> {
        let connection = &mut self.connections[index];
        match connection.stream.read(buffer) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(got) => {
                if connection.partial.is_empty() {
                    let (count, used) = self.answers.count(&buffer[..got])?;
                    connection.partial.extend_from_slice(&buffer[used..got]);
                    return Ok(count);
                }
                connection.partial.extend_from_slice(&buffer[..got]);
                let (count, used) = self.answers.count(&connection.partial)?;
                connection.partial.drain(..used);
                Ok(count)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            Err(error) => Err(error).context("reading answers"),
        }
    }

    fn send(&mut self, index: usize, count: usize) -> anyhow::Result<()> {
        let bytes = &self.requests[..count * self.request_bytes];
        let sent = self.connections[index].stream.write(bytes).context("sending requests")?;
        if sent < bytes.len() {
            bail!("the server reads more slowly than it answers: its socket buffer is full");
        }
        Ok(())
    }
}

impl Answers {
    /// Whole answers in `bytes`, and how many bytes they and what is passed over are.
    fn count(self, bytes: &[u8]) -> anyhow::Result<(usize, usize)> {
        match self {
            Self::Bytes(each) => Ok((bytes.len() / each, bytes.len() / each * each)),
            Self::Frames(first) => {
                let (mut count, mut used) = (0, 0);
                while let Some(frame) = frame::read(&bytes[used..], SERVER_PAYLOAD_BYTES_MAX)? {
                    count += usize::from(frame.payload.first() == Some(&first));
                    used += frame.consumed;
                }
                Ok((count, used))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hillfort_proto::frame::Framing;

    use super::*;

    #[test]
    fn answers_are_counted_and_rests_are_kept() {
        let check = |answers: Answers, bytes: &[u8], expect: (usize, usize)| {
            assert_eq!(answers.count(bytes).expect("good bytes"), expect, "{answers:?}");
        };
        check(Answers::Bytes(4), &[0; 11], (2, 8));
        check(Answers::Bytes(4), &[], (0, 0));
        let mut frames = vec![];
        for payload in [&[7, 1][..], &[9], &[7]] {
            Framing::Tcp.put(&mut frames, payload.len(), |out| out.extend_from_slice(payload));
        }
        check(Answers::Frames(7), &frames, (2, frames.len()));
        check(Answers::Frames(7), &frames[..frames.len() - 1], (1, frames.len() - 9));
        assert!(Answers::Frames(7).count(b"HTTP/1.1 400").is_err());
    }
}
