//! The ground of a drill: one namespace, joined by a veth pair to that of its builder, so that packets of an attack come to a server that
//! listens on loopback by an interface, at which a kernel filter can stand. Builds it, and sees that nothing of it is left. Knows nothing of
//! what is sent.
//!
//! The server's end of the pair has no address: `route_localnet` lets packets for 127.0.0.1 in there and nowhere else. Answers go by a route
//! to a gateway that takes no notice of them. Both are gone with the pair.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use super::janitor::Janitor;
use super::{OUTSIDE, PREFIX, Side, ip, may_build, set_all, text};
use crate::child::OwnProgram;

/// Bits of [`OUTSIDE`] that attackers of a drill come from: the upper half is left alone, where some container engines have networks.
const BITS: u32 = 15;
/// The server's way to them, the last of these addresses.
const BEYOND: Ipv4Addr = Ipv4Addr::from_bits(OUTSIDE.to_bits() | 0x7ffe);
/// The attacker's way to the server.
const HERE: Ipv4Addr = Ipv4Addr::from_bits(OUTSIDE.to_bits() | 0x7ffd);
/// Hardware address of the server's end.
const DOOR: [u8; 6] = [2, 0x68, 0x66, 0, 0, 1];

/// Address number `n` of those that nobody has; they come round.
pub(crate) const fn forged(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(OUTSIDE.to_bits() | n & ((1 << BITS) - 1))
}

/// A ground that stands. Gone when dropped, and also when this process dies in any other way.
#[derive(Debug)]
pub(crate) struct Drill {
    outside: Side,
    /// The server's end of the pair.
    pub(crate) door: String,
    _janitor: Janitor,
}

impl Drill {
    /// Removes what dead runs have left, and builds a new one, from which `victim` can be reached, an address of loopback.
    pub(crate) fn build(own: &OwnProgram, victim: Ipv4Addr) -> anyhow::Result<Self> {
        may_build()?;
        let pid = std::process::id();
        let outside =
            Side { namespace: format!("{PREFIX}{pid}-outside"), interface: format!("hfo{pid}"), mac: [2, 0x68, 0x66, 0, 0, 2] };
        // First, so that it is there when half of it has been built.
        let drill = Self { outside, door: format!("hfd{pid}"), _janitor: Janitor::start(own, pid)? };
        drill.wire(victim)?;
        Ok(drill)
    }

    /// Makes something in the namespace, a socket say, that stays there.
    pub(crate) fn within(&self, make: impl FnOnce() -> anyhow::Result<OwnedFd> + Send) -> anyhow::Result<OwnedFd> {
        self.outside.within(make)
    }

    fn wire(&self, victim: Ipv4Addr) -> anyhow::Result<()> {
        let Self { outside: Side { namespace, interface, mac }, door, .. } = self;
        ip(&format!("netns add {namespace}"))?;
        // Who is beyond is not to be looked up, one forged address after the other. The route is there already when another drill goes on.
        let peer = format!("peer name {interface} address {} netns {namespace}", text(*mac));
        batch(
            &[],
            &[
                format!("link add {door} address {} type veth {peer}", text(DOOR)),
                format!("neigh replace {BEYOND} lladdr {} dev {door} nud permanent", text(*mac)),
                format!("link set {door} up"),
                format!("route add {OUTSIDE}/{} via {BEYOND} dev {door} onlink", 32 - BITS),
            ],
        )?;
        // Without any address of its own a namespace takes no gateway for one. Loopback stays down there, or the victim's address would be its own.
        batch(
            &["-n", namespace],
            &[
                format!("addr add {BEYOND}/32 dev {interface}"),
                format!("neigh replace {HERE} lladdr {} dev {interface} nud permanent", text(DOOR)),
                format!("link set {interface} up"),
                format!("route add {victim}/32 via {HERE} dev {interface} onlink"),
            ],
        )?;
        // IPv6 has nothing to say here.
        self.outside.settings(&[(&format!("ipv6/conf/{interface}/disable_ipv6"), "1")])?;
        set_all(&[
            (&format!("ipv6/conf/{door}/disable_ipv6"), "1"),
            (&format!("ipv4/conf/{door}/rp_filter"), "0"),
            (&format!("ipv4/conf/{door}/route_localnet"), "1"),
        ])
    }
}

/// Lines for `ip`, in one process: on a machine with much to do each costs a wait for the processor.
fn batch(options: &[&str], lines: &[String]) -> anyhow::Result<()> {
    let mut child = Command::new("ip")
        .args(options)
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting `ip`")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(lines.join("\n").as_bytes()).context("telling `ip` what to do")?;
    }
    let output = child.wait_with_output().context("waiting for `ip`")?;
    ensure!(output.status.success(), "ip: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

impl Drop for Drill {
    fn drop(&mut self) {
        // At once, so that the next one finds the route free. The janitor removes the namespace, and with it what this has left.
        let _never_made = ip(&format!("link delete {}", self.door));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::siege::lab::attacker;

    #[test]
    fn everybody_comes_from_the_lower_half() {
        assert_eq!(forged(0), Ipv4Addr::new(198, 19, 0, 0));
        assert_eq!(forged(u32::MAX), Ipv4Addr::new(198, 19, 127, 255));
        assert!(attacker(63, 254) <= forged(0x7fff));
        assert_eq!((HERE, BEYOND), (Ipv4Addr::new(198, 19, 127, 253), Ipv4Addr::new(198, 19, 127, 254)));
    }
}
