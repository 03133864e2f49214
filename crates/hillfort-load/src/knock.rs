//! Knocking: connect, wait to be turned away, again. Measures what a refusal costs the one who refuses. Knows nothing of why.

use std::io::{ErrorKind, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::gauge;
use crate::limits::Rate;
use crate::link::connect_from;

/// Nobody was turned away for this long: the server does not refuse us.
const SILENCE_MAX: Duration = Duration::from_secs(3);

/// What came of the knocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Knocks {
    /// Connections that the server turned away.
    pub(crate) rate: Rate,
}

/// Keeps `at_once` connections knocking at `server` for `span`, from `sources` in turn; `pid` is the server's process.
pub(crate) fn measure(
    server: SocketAddr,
    sources: &[Ipv4Addr],
    at_once: usize,
    pid: u32,
    span: Duration,
) -> anyhow::Result<Knocks> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(256);
    let mut sources = sources.iter().copied().cycle();
    let mut next_source = || sources.next().context("no source address");
    let mut doors = Vec::with_capacity(at_once);
    for index in 0..at_once {
        doors.push(knock(&poll, server, next_source()?, index)?);
    }
    let (started, before) = (Instant::now(), gauge::processor_time(pid)?);
    let (mut turned_away, mut last) = (0, started);
    while started.elapsed() < span {
        poll.poll(&mut events, Some(Duration::from_millis(50)))?;
        for event in &events {
            let index = event.token().0;
            if is_turned_away(&mut doors[index])? {
                turned_away += 1;
                last = Instant::now();
                doors[index] = knock(&poll, server, next_source()?, index)?;
            }
        }
        if last.elapsed() > SILENCE_MAX {
            bail!("{server} lets everybody in: no connection was refused for {} s", SILENCE_MAX.as_secs());
        }
    }
    let (elapsed, after) = (started.elapsed(), gauge::processor_time(pid)?);
    Ok(Knocks { rate: Rate::new(turned_away, elapsed, after.saturating_sub(before)) })
}

fn knock(poll: &Poll, server: SocketAddr, source: Ipv4Addr, index: usize) -> anyhow::Result<TcpStream> {
    let mut stream = connect_from(server, source)?;
    poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
    Ok(stream)
}

fn is_turned_away(stream: &mut TcpStream) -> anyhow::Result<bool> {
    match stream.read(&mut [0; 256]) {
        Ok(0) => Ok(true),
        Ok(_) => Ok(false),
        Err(error) => match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Ok(true),
            ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::NotConnected => Ok(false),
            ErrorKind::ConnectionRefused => bail!("nobody listens there"),
            _ => Err(error).context("waiting to be refused"),
        },
    }
}
