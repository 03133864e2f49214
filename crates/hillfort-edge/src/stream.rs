//! A byte stream to a peer: a bare socket, or TLS by rustls over one. Knows nothing of what the bytes mean.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;

use mio::net::TcpStream;
use rustls::ServerConnection;
use socket2::SockRef;

/// Bytes that rustls may hold towards a peer that does not read.
pub(crate) const TLS_BUFFER_BYTES_MAX: usize = 64 * 1024;

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Got {
    /// This many bytes, and nothing more for now.
    Last(usize),
    /// This many bytes, and maybe more.
    Some(usize),
    /// Nothing for now.
    Nothing,
    /// The peer will send no more.
    End,
    /// The TLS peer broke its rules.
    BadTls,
}

/// See the module.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    // Boxed: a record of a bare connection must not pay for TLS.
    Tls(Box<Tls>),
}

/// TLS over a socket.
#[derive(Debug)]
pub(crate) struct Tls {
    socket: TcpStream,
    tls: ServerConnection,
}

impl Stream {
    /// TLS over `socket`; what `tls` has decrypted already comes out first.
    pub(crate) fn tls(socket: TcpStream, mut tls: ServerConnection) -> Self {
        tls.set_buffer_limit(Some(TLS_BUFFER_BYTES_MAX));
        Self::Tls(Box::new(Tls { socket, tls }))
    }

    pub(crate) fn socket(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => &mut tls.socket,
        }
    }

    /// Whether a TLS handshake is under way.
    pub(crate) fn is_handshaking(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.tls.is_handshaking())
    }

    /// Reads into `buf`, which is not empty. A connection that broke counts as ended: the peer's reasons do not matter.
    pub(crate) fn read(&mut self, buf: &mut [u8]) -> Got {
        match self {
            Self::Plain(socket) => loop {
                return match socket.read(buf) {
                    Ok(0) => Got::End,
                    // Fewer bytes than asked for: the socket was emptied, and readiness will be told anew.
                    Ok(n) if n < buf.len() => Got::Last(n),
                    Ok(n) => Got::Some(n),
                    Err(e) if e.kind() == ErrorKind::WouldBlock => Got::Nothing,
                    Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                    Err(_) => Got::End,
                };
            },
            Self::Tls(tls) => tls.read(buf),
        }
    }

    /// Writes as much of `buf` as the socket (or the bounded TLS buffer) takes.
    ///
    /// # Errors
    /// The connection is broken.
    pub(crate) fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => write_some(socket, buf),
            Self::Tls(tls) => {
                let mut taken = 0;
                // Until the socket is full: only then will a readiness event tell when to go on.
                while taken < buf.len() {
                    taken += tls.tls.writer().write(&buf[taken..])?;
                    if !tls.flush()? {
                        break;
                    }
                }
                Ok(taken)
            }
        }
    }

    /// Writes what TLS still holds. `false`: the socket is full.
    ///
    /// # Errors
    /// The connection is broken.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Tls(tls) => tls.flush(),
        }
    }

    /// Says goodbye in order, so that what was written arrives: the peer sees an end, not a reset.
    pub(crate) fn finish(&mut self) {
        if let Self::Tls(tls) = self {
            tls.tls.send_close_notify();
            // The connection ends here either way.
            let _best_effort = tls.flush();
        }
        let socket = self.socket();
        // Accepted sockets inherit "reset on close" from the listener; see `listener`.
        let _gone_already = SockRef::from(&*socket).set_linger(None);
        let _gone_already = socket.shutdown(Shutdown::Write);
    }
}

impl Tls {
    fn read(&mut self, buf: &mut [u8]) -> Got {
        loop {
            match self.tls.reader().read(buf) {
                Ok(0) => return Got::End,
                Ok(n) => return Got::Some(n),
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return Got::End,
            }
            match self.tls.read_tls(&mut self.socket) {
                Ok(0) => return Got::End,
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Got::Nothing,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Got::End,
            }
            let judged = self.tls.process_new_packets();
            // Handshake answers and alerts leave at once; a full socket is written again when it has room.
            if self.flush().is_err() {
                return Got::End;
            }
            if judged.is_err() {
                return Got::BadTls;
            }
        }
    }

    fn flush(&mut self) -> io::Result<bool> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }
}

fn write_some(socket: &mut TcpStream, buf: &[u8]) -> io::Result<usize> {
    loop {
        return match socket.write(buf) {
            Ok(n) => Ok(n),
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => Err(e),
        };
    }
}
