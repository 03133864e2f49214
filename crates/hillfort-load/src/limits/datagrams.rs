//! Loopback datagrams: how many small packets one core can take from the kernel when each costs a system call.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::Rate;
use crate::child::Child;
use crate::gauge;

const PAYLOAD_BYTES: usize = 64;
/// A datagram of one byte asks for the count so far.
const QUESTION: &[u8] = b"?";

pub(super) fn serve() -> anyhow::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("binding a datagram socket")?;
    socket.set_read_timeout(Some(Duration::from_millis(200)))?;
    let gone = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&gone);
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let mut byte = [0];
        while !matches!(std::io::stdin().read(&mut byte), Ok(0) | Err(_)) {}
        told.store(true, Ordering::Relaxed);
    })?;
    super::announce(socket.local_addr()?.port())?;
    let (mut count, mut buffer) = (0_u64, [0; 2048]);
    while !gone.load(Ordering::Relaxed) {
        match socket.recv_from(&mut buffer) {
            Ok((1, from)) => {
                socket.send_to(&count.to_be_bytes(), from)?;
            }
            Ok(_) => count += 1,
            // The timeout: time to look at stdin.
            Err(_) => {}
        }
    }
    Ok(())
}

/// Sends as fast as it can for `span`; the server's own count tells how many arrived.
pub(super) fn measure(server: SocketAddr, child: &mut Child, span: Duration) -> anyhow::Result<Rate> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    let before = (ask(&socket)?, gauge::processor_time(child.pid())?, Instant::now());
    let payload = [0x5a; PAYLOAD_BYTES];
    while before.2.elapsed() < span {
        for _ in 0..64 {
            // A full receive buffer drops silently, which the count shows.
            socket.send(&payload)?;
        }
    }
    let elapsed = before.2.elapsed();
    let after = (ask(&socket)?, gauge::processor_time(child.pid())?);
    Ok(Rate::new(after.0 - before.0, elapsed, after.1.saturating_sub(before.1)))
}

fn ask(socket: &UdpSocket) -> anyhow::Result<u64> {
    let mut answer = [0; 8];
    for _ in 0..20 {
        socket.send(QUESTION)?;
        if socket.recv(&mut answer).is_ok_and(|len| len == answer.len()) {
            return Ok(u64::from_be_bytes(answer));
        }
    }
    anyhow::bail!("the datagram server does not answer")
}
