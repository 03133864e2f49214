//! The bare refusing server: accepts and resets. The least that a refused connection costs once the kernel has completed its handshake.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context as _;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with, sockopt};
use socket2::{Domain, Socket, Type};

const STDIN: u64 = 0;
const LISTENER: u64 = 1;

pub(super) fn serve() -> anyhow::Result<()> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.bind(&std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    listener.listen(1024)?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.as_socket_ipv4().context("an IPv4 listener")?.port();
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    epoll::add(&epoll, std::io::stdin(), EventData::new_u64(STDIN), EventFlags::IN)?;
    super::announce(port)?;

    let mut events = Vec::with_capacity(8);
    loop {
        events.clear();
        match epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("epoll"),
        }
        if events.iter().any(|event| event.data.u64() == STDIN) {
            return Ok(());
        }
        while let Ok(socket) = accept_with(&listener, SocketFlags::CLOEXEC) {
            // A linger time of zero makes close send RST: no FIN exchange, no TIME_WAIT.
            sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
        }
    }
}
