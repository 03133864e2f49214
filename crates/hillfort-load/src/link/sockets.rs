//! Sockets of clients: connecting from a chosen source address without waiting. Knows nothing of what is sent.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use mio::net::TcpStream;
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};

/// Starts a connection from `source` without waiting for it.
pub(crate) fn connect_from(server: SocketAddr, source: Ipv4Addr) -> anyhow::Result<TcpStream> {
    let domain = Domain::for_address(server);
    let socket = Socket::new(domain, Type::STREAM.nonblocking(), None).context("a socket for the client")?;
    if server.is_ipv4() && source != Ipv4Addr::LOCALHOST {
        socket.bind(&SocketAddr::from((source, 0)).into()).with_context(|| format!("source address {source}"))?;
    }
    match socket.connect(&server.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {}
        Err(error) => return Err(error).with_context(|| format!("connecting to {server} from {source}")),
    }
    Ok(TcpStream::from_std(socket.into()))
}
