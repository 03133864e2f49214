//! What a refused connection costs: a banned address knocks at the server, and the same client knocks at a bare loop that accepts and
//! resets.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::bail;
use serde_json::json;
use socket2::{Domain, Socket, Type};

use super::figure::{Figure, Promise};
use super::{Bench, fort};
use crate::credentials::fresh_hello;
use crate::knock;
use crate::limits::{BareServers, KNOCKERS, Rate};
use crate::link::Wire;

/// The address that gets itself banned.
const BANNED: Ipv4Addr = Ipv4Addr::new(127, 6, 6, 66);
/// Forged hellos after which every server of ours has banned their sender.
const FORGERIES_MAX: usize = 100;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let mut bare = BareServers::start(&bench.own, &bench.cores)?;
    let fort = bench.fort("")?;
    let door = fort.door(Wire::Frames).address;
    bench.say("refusal: getting an address banned");
    get_banned(door)?;
    let (mut ours, mut limit) = (vec![], vec![]);
    for round in 1..=bench.rounds {
        bench.say(&format!("refusal, round {round}"));
        limit.push(bare.accept_reset(bench.span)?);
        ours.push(knock::measure(door, &[BANNED], KNOCKERS, fort.pid(), bench.span)?.rate);
    }
    let (our, bare) = (Rate::median(&ours), Rate::median(&limit));
    Ok(vec![Figure::new(
        "refusal",
        "processor time of a refused connection, against bare accept and reset",
        our.cpu_us_each() / bare.cpu_us_each(),
        "×",
        Promise::AtMost(1.4),
        json!({ "server_cpu_us": our.cpu_us_each(), "bare_cpu_us": bare.cpu_us_each(), "server_rounds": ours, "bare_rounds": limit }),
    )])
}

/// Forges hellos until a connection is reset without having said anything.
fn get_banned(door: SocketAddr) -> anyhow::Result<()> {
    let signer = fort::signer()?;
    for _ in 0..FORGERIES_MAX {
        let mut forged = fresh_hello(&signer)?;
        forged[71] ^= 1;
        match attempt(door, Some(&forged)) {
            // A reset while we write: refused already.
            Ok(()) | Err(_) => {}
        }
        // Silence means that the server waits for a hello: not banned yet.
        if attempt(door, None).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset) {
            return Ok(());
        }
    }
    bail!("{FORGERIES_MAX} forged hellos did not get {BANNED} banned")
}

/// Connects, says `hello` if there is one, and reads until something happens, for a short time when nothing was said.
fn attempt(door: SocketAddr, hello: Option<&[u8]>) -> std::io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((BANNED, 0)).into())?;
    socket.connect(&door.into())?;
    socket.set_read_timeout(Some(Duration::from_millis(if hello.is_some() { 2_000 } else { 30 })))?;
    if let Some(hello) = hello {
        (&socket).write_all(hello)?;
    }
    (&socket).read(&mut [0; 256]).map(drop)
}
