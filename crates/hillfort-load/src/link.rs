//! One connection to a server, over TCP frames or WebSocket: connects, upgrades, cuts what arrives into payloads and queues what leaves.
//! Never blocks. Knows nothing of sessions: payloads are bytes.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use hillfort_proto::frame::{self, Framing};
use hillfort_proto::limits::SERVER_PAYLOAD_BYTES_MAX;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::handshake::client::ClientHandshake;
use tungstenite::handshake::{HandshakeError, MidHandshake};

mod channel;
mod sockets;
mod websocket;

pub(crate) use channel::{Channel, trust};
pub(crate) use sockets::connect_from;

/// Bytes that wait for a slow server before the link counts as stuck.
const OUT_BYTES_MAX: usize = 1024 * 1024;

/// A door of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) wire: Wire,
}

/// How payloads are marked on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Hillfort's frames over TCP.
    Frames,
    /// One binary message each, over a WebSocket at `/session`.
    WebSocket,
}

/// Why a link is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The server sent RST.
    Reset,
    /// The server closed.
    Closed,
    /// Nobody listens, or the upgrade was refused.
    Refused,
    /// What came is no frame of ours, or our queue is full.
    Broken,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Link {
    stage: Stage,
    wire: Wire,
    mask: [u8; 4],
    /// Queued bytes, of which the first `sent` are gone.
    out: Vec<u8>,
    sent: usize,
    /// The beginning of a payload whose end has not come.
    partial: Vec<u8>,
}

#[derive(Debug)]
enum Stage {
    Connecting(TcpStream),
    Upgrading(Box<MidHandshake<ClientHandshake<TcpStream>>>),
    Securing(Channel),
    Open(Channel),
    Over,
}

impl Link {
    /// Starts to connect from `source`; `token` comes with its readiness events.
    pub(crate) fn start(door: Door, source: Ipv4Addr, registry: &Registry, token: Token, mask: [u8; 4]) -> anyhow::Result<Self> {
        let mut stream = connect_from(door.address, source)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let stage = Stage::Connecting(stream);
        Ok(Self { stage, wire: door.wire, mask, out: Vec::new(), sent: 0, partial: Vec::new() })
    }

    /// Whether payloads can travel.
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open(_))
    }

    /// Takes a readiness event as long as the link is not open yet. `Ok(true)`: it is now.
    /// With `tls` frames travel inside it; over WebSocket it is not spoken.
    pub(crate) fn handle_opening(&mut self, door: Door, tls: Option<&Arc<ClientConfig>>) -> Result<bool, Gone> {
        loop {
            self.stage = match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Connecting(stream) => {
                    if let Err(error) | Ok(Some(error)) = stream.take_error() {
                        return Err(gone(&error));
                    }
                    if stream.peer_addr().is_err() {
                        self.stage = Stage::Connecting(stream);
                        return Ok(false);
                    }
                    // Without it, small frames wait for acknowledgements; a failure costs latency only.
                    let _slower = stream.set_nodelay(true);
                    match self.wire {
                        Wire::Frames => match tls {
                            Some(config) => {
                                let name = ServerName::IpAddress(door.address.ip().into());
                                let channel = Channel::secure(config, name, stream);
                                Stage::Securing(channel.map_err(|_| Gone::Broken)?)
                            }
                            None => Stage::Open(Channel::Plain(stream)),
                        },
                        Wire::WebSocket => Stage::Upgrading(upgrade(door, stream).map_err(|_| Gone::Broken)?),
                    }
                }
                Stage::Securing(mut channel) => match channel.handshake() {
                    Ok(true) => Stage::Open(channel),
                    Ok(false) => {
                        self.stage = Stage::Securing(channel);
                        return Ok(false);
                    }
                    Err(error) => return Err(gone(&error)),
                },
                Stage::Upgrading(upgrade) => match upgrade.handshake() {
                    Ok((socket, _response)) => Stage::Open(Channel::Plain(socket.into_inner())),
                    Err(HandshakeError::Interrupted(upgrade)) => {
                        self.stage = Stage::Upgrading(Box::new(upgrade));
                        return Ok(false);
                    }
                    Err(HandshakeError::Failure(tungstenite::Error::Io(error))) => return Err(gone(&error)),
                    Err(HandshakeError::Failure(_)) => return Err(Gone::Refused),
                },
                open @ Stage::Open(_) => {
                    self.stage = open;
                    return Ok(true);
                }
                Stage::Over => return Err(Gone::Closed),
            }
        }
    }

    /// How messages are marked on this link.
    pub(crate) const fn framing(&self) -> Framing {
        match self.wire {
            Wire::Frames => Framing::Tcp,
            Wire::WebSocket => Framing::WebSocketMasked(self.mask),
        }
    }

    /// Where marked messages are appended; [`Link::flush`] sends them.
    pub(crate) const fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Queues the signed hello, which has no frame over TCP.
    pub(crate) fn put_hello(&mut self, hello: &[u8]) {
        let framing = if self.wire == Wire::Frames { Framing::Bare } else { self.framing() };
        framing.put(&mut self.out, hello.len(), |out| out.extend_from_slice(hello));
    }

    /// Sends what the socket takes.
    pub(crate) fn flush(&mut self) -> Result<(), Gone> {
        let Stage::Open(stream) = &mut self.stage else { return Ok(()) };
        while self.sent < self.out.len() {
            match stream.write(&self.out[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let waiting = self.out.len() - self.sent;
                    return if waiting > OUT_BYTES_MAX { Err(Gone::Broken) } else { Ok(()) };
                }
                Err(error) => return Err(gone(&error)),
            }
        }
        self.out.clear();
        self.sent = 0;
        match stream.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(gone(&error)),
            _ => Ok(()),
        }
    }

    /// Reads what there is and hands each payload to `take`, together with [`Link::out`]. `buffer` is shared by all links; `ends` says that
    /// the server has closed its side, and so that there is an end to read after what it said.
    pub(crate) fn receive(
        &mut self,
        buffer: &mut [u8],
        ends: bool,
        mut take: impl FnMut(&[u8], &mut Vec<u8>),
    ) -> Result<(), Gone> {
        let mut take = |payload: &[u8]| take(payload, &mut self.out);
        let Stage::Open(stream) = &mut self.stage else { return Ok(()) };
        loop {
            let got = match stream.read(buffer) {
                Ok(0) => return Err(Gone::Closed),
                Ok(got) => got,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(gone(&error)),
            };
            if self.partial.is_empty() {
                let used = cut(self.wire, &buffer[..got], &mut take)?;
                self.partial.extend_from_slice(&buffer[used..got]);
            } else {
                self.partial.extend_from_slice(&buffer[..got]);
                let used = cut(self.wire, &self.partial, &mut take)?;
                self.partial.drain(..used);
            }
            if got < buffer.len() && stream.is_read_whole() && !ends {
                // The kernel had no more; what comes later, the end as well, makes a new event.
                return Ok(());
            }
        }
    }

    /// The socket of an open link; what was half received is lost.
    pub(crate) fn into_stream(self) -> Option<std::net::TcpStream> {
        match self.stage {
            Stage::Open(channel) => channel.into_plain().map(Into::into),
            _ => None,
        }
    }
}

/// What an error of a socket means.
pub(crate) fn gone(error: &std::io::Error) -> Gone {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Gone::Reset,
        ErrorKind::ConnectionRefused => Gone::Refused,
        _ => Gone::Closed,
    }
}

/// Hands the whole payloads at the beginning of `bytes` to `take`; returns how many bytes they were.
fn cut(wire: Wire, bytes: &[u8], take: &mut impl FnMut(&[u8])) -> Result<usize, Gone> {
    let mut used = 0;
    loop {
        let rest = &bytes[used..];
        match wire {
            Wire::Frames => match frame::read(rest, SERVER_PAYLOAD_BYTES_MAX).map_err(|_| Gone::Broken)? {
                Some(frame) => {
                    take(frame.payload);
                    used += frame.consumed;
                }
                None => return Ok(used),
            },
            Wire::WebSocket => match websocket::read(rest)? {
                Some(message) => {
                    message.payload.into_iter().for_each(&mut *take);
                    used += message.consumed;
                }
                None => return Ok(used),
            },
        }
    }
}

fn upgrade(door: Door, stream: TcpStream) -> anyhow::Result<Box<MidHandshake<ClientHandshake<TcpStream>>>> {
    let request = format!("ws://{}/session", door.address).into_client_request().context("a request for /session")?;
    Ok(Box::new(ClientHandshake::start(stream, request, None).context("starting the upgrade")?))
}

#[cfg(test)]
mod tests;
