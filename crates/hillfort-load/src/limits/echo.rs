//! The bare echo server: one epoll loop that writes back what it reads. It looks at no byte, keeps no buffer per connection and has no
//! limits: the least that any server on this kernel must pay.

use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;

use anyhow::Context as _;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::{Errno, ioctl_fionbio, read, write};
use rustix::net::{SocketFlags, accept_with};

const STDIN: u64 = u64::MAX;
const LISTENER: u64 = u64::MAX - 1;

pub(super) fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listening")?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    epoll::add(&epoll, std::io::stdin(), EventData::new_u64(STDIN), EventFlags::IN)?;
    super::announce(port)?;

    let mut connections: Vec<Option<OwnedFd>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut events = Vec::with_capacity(256);
    loop {
        events.clear();
        match epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("epoll"),
        }
        for event in &events {
            match event.data.u64() {
                STDIN => return Ok(()),
                LISTENER => accept_all(&listener, &epoll, &mut connections, &mut free)?,
                index => {
                    let slot = usize::try_from(index).expect("we gave the index out");
                    let Some(connection) = &connections[slot] else { continue };
                    let open = match read(connection, &mut buffer) {
                        // A client keeps a few frames under way, far less than a socket buffer: a short write is a client gone wrong.
                        Ok(got @ 1..) => write(connection, &buffer[..got]) == Ok(got),
                        Err(Errno::AGAIN | Errno::INTR) => true,
                        Ok(0) | Err(_) => false,
                    };
                    if !open {
                        connections[slot] = None;
                        free.push(slot);
                    }
                }
            }
        }
    }
}

fn accept_all(
    listener: &TcpListener,
    epoll: &OwnedFd,
    connections: &mut Vec<Option<OwnedFd>>,
    free: &mut Vec<usize>,
) -> anyhow::Result<()> {
    while let Ok(socket) = accept_with(listener, SocketFlags::CLOEXEC) {
        ioctl_fionbio(&socket, true)?;
        rustix::net::sockopt::set_tcp_nodelay(&socket, true)?;
        let slot = free.pop().unwrap_or(connections.len());
        if slot == connections.len() {
            connections.push(None);
        }
        epoll::add(epoll, &socket, EventData::new_u64(slot as u64), EventFlags::IN)?;
        connections[slot] = Some(socket);
    }
    Ok(())
}
