//! A byte stream to a peer: a bare socket, or TLS by rustls over one. Knows nothing of what the bytes mean.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;

use mio::net::TcpStream;
use rustls::ServerConnection;
use socket2::SockRef;

/// Bytes that rustls may hold towards a peer that does not read.
pub const TLS_BUFFER_BYTES_MAX: usize = 64 * 1024;

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Got {
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
pub struct Stream {
    socket: TcpStream,
    // Boxed: a record of a bare connection must not pay for TLS.
    tls: Option<Box<ServerConnection>>,
}

/// What came of [`Stream::write_out`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Nothing is left.
    All,
    /// The socket is full: a readiness event will say when there is room.
    Blocked,
    /// The connection is gone.
    Broken,
}

impl Stream {
    /// A bare socket.
    #[must_use]
    pub const fn plain(socket: TcpStream) -> Self {
        Self { socket, tls: None }
    }

    /// TLS over `socket`; what `tls` has decrypted already comes out first.
    #[must_use]
    pub fn tls(socket: TcpStream, mut tls: ServerConnection) -> Self {
        tls.set_buffer_limit(Some(TLS_BUFFER_BYTES_MAX));
        Self { socket, tls: Some(Box::new(tls)) }
    }

    /// Speaks TLS from here on. `begun` is what came of it already; the answer to it leaves at once. `false`: the peer broke the rules
    /// of TLS, or is gone.
    pub fn start_tls(&mut self, mut tls: ServerConnection, mut begun: &[u8]) -> bool {
        tls.set_buffer_limit(Some(TLS_BUFFER_BYTES_MAX));
        let tls = self.tls.insert(Box::new(tls));
        let mut good = true;
        while good && !begun.is_empty() {
            good = matches!(tls.read_tls(&mut begun), Ok(1..)) && tls.process_new_packets().is_ok();
        }
        // An alert that says what was wrong leaves, too.
        self.flush().is_ok() && good
    }

    /// The socket, to be registered with a poller.
    pub const fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// The socket of a stream that is bare.
    #[must_use]
    pub fn into_socket(self) -> TcpStream {
        self.socket
    }

    /// Whether a TLS handshake is under way.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// Reads into `buf`, which is not empty. A connection that broke counts as ended: the peer's reasons do not matter.
    pub fn read(&mut self, buf: &mut [u8]) -> Got {
        if self.tls.is_some() {
            return self.read_tls(buf);
        }
        loop {
            return match self.socket.read(buf) {
                Ok(0) => Got::End,
                // Fewer bytes than asked for: the socket was emptied, and readiness will be told anew.
                Ok(n) if n < buf.len() => Got::Last(n),
                Ok(n) => Got::Some(n),
                Err(e) if e.kind() == ErrorKind::WouldBlock => Got::Nothing,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(_) => Got::End,
            };
        }
    }

    /// Writes as much of `buf` as the socket (or the bounded TLS buffer) takes.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        while let Some(tls) = &mut self.tls {
            // Until the socket is full: only then will a readiness event tell when to go on.
            if taken == buf.len() {
                return Ok(taken);
            }
            taken += tls.writer().write(&buf[taken..])?;
            if !self.flush()? {
                return Ok(taken);
            }
        }
        write_some(&mut self.socket, buf)
    }

    /// Writes what of `out` lies behind the first `sent` bytes, and forgets what was sent. Returns the outcome and the bytes written.
    ///
    /// # Panics
    /// When 4 GiB or more wait: callers bound what waits far below.
    pub fn write_out(&mut self, out: &mut Vec<u8>, sent: &mut u32) -> (Written, usize) {
        let waiting = out.get(*sent as usize..).unwrap_or_default();
        let Ok(written) = self.write(waiting) else { return (Written::Broken, 0) };
        if written < waiting.len() {
            *sent += u32::try_from(written).expect("pending bytes are bounded far below 4 GiB");
            // What was sent goes also when the peer never reads everything, or a slow reader's memory would grow without end. Moved
            // when half is gone, each byte once on average.
            if *sent as usize * 2 > out.len() {
                out.drain(..*sent as usize);
                *sent = 0;
            }
            return (Written::Blocked, written);
        }
        out.clear();
        *sent = 0;
        let outcome = if matches!(self.flush(), Ok(true)) { Written::All } else { Written::Blocked };
        (outcome, written)
    }

    /// Writes what TLS still holds. `false`: the socket is full.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn flush(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(true) };
        while tls.wants_write() {
            match tls.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }

    /// Says goodbye in order, so that what was written arrives: the peer sees an end, not a reset.
    pub fn finish(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            // The connection ends here either way.
            let _best_effort = self.flush();
        }
        // Accepted sockets inherit "reset on close" from the listener; see `listener`.
        let _gone_already = SockRef::from(&self.socket).set_linger(None);
        let _gone_already = self.socket.shutdown(Shutdown::Write);
    }

    fn read_tls(&mut self, buf: &mut [u8]) -> Got {
        while let Some(tls) = &mut self.tls {
            match tls.reader().read(buf) {
                Ok(0) => return Got::End,
                Ok(n) => return Got::Some(n),
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return Got::End,
            }
            match tls.read_tls(&mut self.socket) {
                Ok(0) => return Got::End,
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Got::Nothing,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Got::End,
            }
            let judged = tls.process_new_packets();
            // Handshake answers and alerts leave at once; a full socket is written again when it has room.
            if self.flush().is_err() {
                return Got::End;
            }
            if judged.is_err() {
                return Got::BadTls;
            }
        }
        Got::Nothing
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
