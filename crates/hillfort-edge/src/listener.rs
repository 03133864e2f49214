//! Listening sockets and the descriptor kept in reserve. Knows nothing of who may come in.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::stats::Door;

/// Connections that wait in the kernel for being accepted.
const BACKLOG: i32 = 4096;

/// Bytes of answers that the kernel takes of each connection of HTTP and gRPC, doubled by it for what it keeps beside them. By itself it takes
/// up to 4 MiB and more: a crowd that does not read would hold the kernel's memory, where nothing of ours counts it.
const ANSWERS_KEPT: usize = 256 << 10;

/// A door's socket.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) door: Door,
    /// Connections may be waiting: readiness is told once, then it is on us to accept until there is nothing.
    pub(crate) ready: bool,
    socket: TcpListener,
    reserve: Option<File>,
}

/// Outcome of an accept.
#[derive(Debug)]
pub(crate) enum Accepted {
    One(TcpStream, SocketAddr),
    /// The connection was gone before it was accepted.
    Gone,
    /// Nobody waits.
    Nobody,
    /// No descriptor is left. One waiting connection was refused with the help of the reserve; more are to wait.
    NoDescriptor {
        refused: bool,
    },
}

/// Where `door` listens. The sockets are in the order frames, HTTP, gRPC.
///
/// # Errors
/// The socket is broken, or there is none.
pub(crate) fn addr(listeners: &[Listener], door: Door) -> io::Result<SocketAddr> {
    let at = match door {
        Door::Frames => 0,
        Door::Http | Door::WebSocket => 1,
        Door::Grpc => 2,
    };
    listeners.get(at).ok_or_else(|| io::Error::from(ErrorKind::NotFound))?.addr()
}

impl Listener {
    /// Opens a listening socket; port 0 takes a free one.
    ///
    /// # Errors
    /// The address is taken or not allowed.
    pub(crate) fn open(door: Door, addr: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        // Accepted sockets inherit all of it. Without delay: the loop writes once a turn, so there is nothing to gather. Reset on close:
        // a refused connection costs an accept and a close and leaves no state behind; who is to read our last word gets
        // `Stream::finish` instead.
        socket.set_tcp_nodelay(true)?;
        socket.set_linger(Some(std::time::Duration::ZERO))?;
        if matches!(door, Door::Http | Door::Grpc) {
            socket.set_send_buffer_size(ANSWERS_KEPT)?;
        }
        socket.bind(&addr.into())?;
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from_std(socket.into());
        Ok(Self { door, ready: true, socket, reserve: Some(spare_descriptor()?) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The socket is broken.
    pub(crate) fn addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)
    }

    /// The socket, for who attaches a filter to it.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Has the poller say nothing of it: while no descriptor is left, each further connection would wake the loop for nothing.
    pub(crate) fn disarm(&mut self, registry: &Registry) {
        // Fails only when it is disarmed already.
        let _disarmed_already = registry.deregister(&mut self.socket);
        self.ready = false;
    }

    /// Undoes that; what waits is accepted at once.
    pub(crate) fn arm(&mut self, registry: &Registry, token: Token) {
        // Fails only when it is armed already.
        let _armed_already = self.register(registry, token);
        self.ready = true;
    }

    pub(crate) fn accept(&mut self) -> Accepted {
        match self.socket.accept() {
            Ok((stream, addr)) => Accepted::One(stream, addr),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                self.ready = false;
                Accepted::Nobody
            }
            Err(e) if is_out_of_descriptors(&e) => Accepted::NoDescriptor { refused: self.refuse_by_reserve() },
            // Aborted by the peer, or an error of that one connection, which accept(2) passes on.
            Err(_) => Accepted::Gone,
        }
    }

    /// Gives the reserve up for a moment, so that one peer learns that there is no room instead of waiting for nothing.
    fn refuse_by_reserve(&mut self) -> bool {
        if self.reserve.take().is_none() {
            self.reserve = spare_descriptor().ok();
            return false;
        }
        let refused = self.socket.accept().is_ok();
        self.reserve = spare_descriptor().ok();
        refused
    }
}

/// Leaves the kernel's usual closing behaviour to a socket that goes to code which knows nothing of ours.
pub(crate) fn forget_reset_on_close(stream: &TcpStream) {
    // Fails only on a socket that is gone already.
    let _gone_already = SockRef::from(stream).set_linger(None);
}

fn spare_descriptor() -> io::Result<File> {
    File::open("/dev/null")
}

fn is_out_of_descriptors(e: &io::Error) -> bool {
    matches!(Errno::from_io_error(e), Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}
