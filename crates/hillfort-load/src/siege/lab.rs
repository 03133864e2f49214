//! The laboratory: two network namespaces joined by a veth pair, one for the victim, one for everybody else, without any way out. Knows its
//! addresses, builds it, and sees that nothing of it is left. Knows nothing of what happens in it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::child::OwnProgram;

mod drill;
mod janitor;

pub(crate) use drill::{Drill, forged};
pub(crate) use janitor::{JanitorArgs, remove_stale, sweep};

use janitor::Janitor;

/// Beginning of the names of all our namespaces.
const PREFIX: &str = "hillfort-siege-";
/// Where `ip` keeps names of namespaces.
const NAMESPACES: &str = "/run/netns";
/// The victim. All addresses are of the range for benchmarks (RFC 2544), which no network in use has.
pub(crate) const VICTIM: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
/// All addresses of the other side, 16 bits wide.
pub(crate) const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 19, 0, 0);
/// The victim's way to addresses that nobody has.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 254);
/// The outside takes in what has come in this time at once, as a card does that moderates its interrupts. At a million packets a second less than
/// half of a pair's ring.
const MODERATION: Duration = Duration::from_micros(100);
/// Players come from here on.
const PLAYERS: u32 = 0xc613_0002;
/// Addresses for players.
pub(crate) const PLAYERS_MAX: u16 = 0x3ff0;
/// The addresses of the packet generator's bots begin here ...
pub(crate) const BOTS: Ipv4Addr = Ipv4Addr::new(198, 19, 128, 0);
/// ... and this many bits of it are theirs.
pub(crate) const BOT_BITS: u32 = 14;

/// Address of player number `n`, below [`PLAYERS_MAX`].
pub(crate) const fn player(n: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(PLAYERS + (n % PLAYERS_MAX) as u32)
}

/// Address number `n` of the attackers of a kind, in a network of their own.
pub(crate) const fn attacker(kind: u8, n: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 19, 64 + kind % 64, n + 1)
}

/// A laboratory. Gone when dropped, and also when this process dies in any other way.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) victim: Side,
    pub(crate) outside: Side,
    /// The namespace that its builder came from.
    home: fs::File,
    _janitor: Janitor,
}

/// One namespace and its end of the pair.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    pub(crate) namespace: String,
    pub(crate) interface: String,
    /// Its hardware address.
    pub(crate) mac: [u8; 6],
}

impl Lab {
    /// Removes what dead runs have left, and builds a new one.
    pub(crate) fn build(own: &OwnProgram) -> anyhow::Result<Self> {
        may_build()?;
        let pid = std::process::id();
        let side = |name: &str, mac: u8| Side {
            namespace: format!("{PREFIX}{pid}-{name}"),
            interface: format!("hf{}{pid}", &name[..1]),
            mac: [2, 0x68, 0x66, 0, 0, mac],
        };
        let (victim, outside) = (side("victim", 1), side("outside", 2));
        let home = fs::File::open("/proc/thread-self/ns/net").context("our own network namespace")?;
        // First, so that it is there when half of it has been built.
        let janitor = Janitor::start(own, pid)?;
        let lab = Self { victim, outside, home, _janitor: janitor };
        lab.wire()?;
        Ok(lab)
    }

    fn wire(&self) -> anyhow::Result<()> {
        let Self { victim: v, outside: o, .. } = self;
        for side in [v, o] {
            ip(&format!("netns add {}", side.namespace))?;
            ip(&format!("-n {} link set lo up", side.namespace))?;
        }
        ip(&format!(
            "-n {} link add {} address {} type veth peer name {} address {} netns {}",
            v.namespace,
            v.interface,
            text(v.mac),
            o.interface,
            text(o.mac),
            o.namespace
        ))?;
        for (side, other, address, neighbour) in [(v, o, VICTIM, GATEWAY), (o, v, player(0), VICTIM)] {
            let (namespace, interface) = (&side.namespace, &side.interface);
            // Forged addresses are not to be looked up or checked, and IPv6 has nothing to say here.
            side.settings(&[
                ("ipv4/conf/all/rp_filter", "0"),
                ("ipv4/conf/default/rp_filter", "0"),
                (&format!("ipv4/conf/{interface}/rp_filter"), "0"),
                (&format!("ipv6/conf/{interface}/disable_ipv6"), "1"),
                ("ipv4/ip_local_port_range", "1024 65535"),
            ])?;
            ip(&format!("-n {namespace} addr add {address}/32 dev {interface}"))?;
            ip(&format!("-n {namespace} link set {interface} up"))?;
            ip(&format!("-n {namespace} neigh replace {neighbour} lladdr {} dev {interface} nud permanent", text(other.mac)))?;
        }
        o.set("gro_flush_timeout", MODERATION.as_nanos() as u64)?;
        o.set("napi_defer_hard_irqs", 1)?;
        ip(&format!("-n {} route add default via {GATEWAY} dev {} onlink", v.namespace, v.interface))?;
        // All addresses of the outside are at home there without being listed one by one.
        ip(&format!("-n {} route add local {OUTSIDE}/16 dev lo", o.namespace))?;
        ip(&format!("-n {} route add {VICTIM}/32 dev {} src {}", o.namespace, o.interface, player(0)))?;
        Ok(())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Whoever is inside is swept out with it. If this fails, the janitor still knows its owner.
        let _inside = move_into_link_name_space(self.home.as_fd(), Some(LinkNameSpaceType::Network));
    }
}

impl Side {
    /// Moves this thread, and what it starts from now on, into the namespace.
    pub(crate) fn enter(&self) -> anyhow::Result<()> {
        let path = self.path();
        let namespace = fs::File::open(&path).with_context(|| path.display().to_string())?;
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).context("entering a network namespace")
    }

    /// Does `work` on a thread in the namespace.
    pub(crate) fn within<T: Send>(&self, work: impl FnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.enter()?;
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// A command that runs in the namespace, with its own view of `/sys`.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// Has the kernel take packets in by a thread that can be pinned and whose time can be read. Only an interface with an XDP program
    /// can: a pair without one has no queue.
    pub(crate) fn take_in_by_thread(&self) -> anyhow::Result<()> {
        self.set("threaded", 1)
    }

    /// Sets a property of the interface.
    fn set(&self, property: &str, value: u64) -> anyhow::Result<()> {
        let order = format!("echo {value} > /sys/class/net/{}/{property}", self.interface);
        run(self.command(Path::new("sh")).args(["-c", &order]))
    }

    fn settings(&self, settings: &[(&str, &str)]) -> anyhow::Result<()> {
        self.within(|| set_all(settings))
    }

    fn path(&self) -> PathBuf {
        Path::new(NAMESPACES).join(&self.namespace)
    }
}

/// Whether namespaces can be built here; removes what dead runs have left of theirs.
fn may_build() -> anyhow::Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "network namespaces need root (CAP_SYS_ADMIN and CAP_NET_ADMIN), and this is user {}. `attack` works on loopback without.",
        rustix::process::geteuid().as_raw()
    );
    if Command::new("ip").arg("-V").output().is_err() {
        bail!("the program `ip` is missing (Debian: apt-get install iproute2)");
    }
    remove_stale()
}

/// Sets what files under `/proc/sys/net` say, of the namespace of this thread.
fn set_all(settings: &[(&str, &str)]) -> anyhow::Result<()> {
    for (name, value) in settings {
        let path = Path::new("/proc/sys/net").join(name);
        match fs::write(&path, value) {
            // A kernel without IPv6.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            other => other.with_context(|| path.display().to_string())?,
        }
    }
    Ok(())
}

/// Checks that this process is in the outer namespace of a laboratory and that `target` is its victim. Such a namespace leads nowhere else.
pub(crate) fn victim_from_inside(target: SocketAddr) -> anyhow::Result<SocketAddr> {
    use std::os::unix::fs::MetadataExt as _;
    ensure!(target.ip() == IpAddr::V4(VICTIM), "the victim of a laboratory is {VICTIM}, not {}", target.ip());
    let own = fs::metadata("/proc/thread-self/ns/net").context("our own network namespace")?;
    let is_ours = |entry: &fs::DirEntry| {
        entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.metadata().is_ok_and(|there| (there.dev(), there.ino()) == (own.dev(), own.ino()))
    };
    let inside = fs::read_dir(NAMESPACES).is_ok_and(|entries| entries.flatten().any(|entry| is_ours(&entry)));
    ensure!(inside, "this process is in no laboratory of ours: `siege` builds one");
    Ok(target)
}

/// From now on this thread has what others leave of its core, and stops at once when one of them has something to do.
pub(crate) fn give_way() -> anyhow::Result<()> {
    schedule("--idle", "0", rustix::thread::gettid())
}

/// Has a thread go before all others. A higher priority of the usual kind is not enough: whoever runs is let finish its slice of milliseconds,
/// in which a pair of interfaces overflows.
pub(crate) fn go_first(thread: rustix::process::Pid) -> anyhow::Result<()> {
    schedule("--fifo", "1", thread)
}

fn schedule(policy: &str, priority: &str, thread: rustix::process::Pid) -> anyhow::Result<()> {
    let thread = thread.as_raw_nonzero().to_string();
    run(Command::new("chrt").args([policy, "--pid", priority, &thread])).context("`chrt` (Debian: util-linux)")
}

fn text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

fn ip(arguments: &str) -> anyhow::Result<()> {
    run(Command::new("ip").args(arguments.split(' ')))
}

/// Runs a short command; its complaint is the error.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_addresses_of_their_own() {
        assert_eq!(player(0), Ipv4Addr::new(198, 19, 0, 2));
        assert_eq!(player(PLAYERS_MAX - 1), Ipv4Addr::new(198, 19, 63, 241));
        assert_eq!(attacker(0, 0), Ipv4Addr::new(198, 19, 64, 1));
        assert_eq!(attacker(11, 31), Ipv4Addr::new(198, 19, 75, 32));
        assert!(attacker(63, 254) < BOTS && BOTS.to_bits() + (1 << BOT_BITS) < GATEWAY.to_bits());
        assert_eq!(BOTS.to_bits() % (1 << BOT_BITS), 0, "a mask tells them");
    }

    #[test]
    fn nobody_outside_attacks_what_is_inside() {
        let check = |target: &str, why: &str| {
            let error = victim_from_inside(target.parse().expect("an address")).expect_err("we are in no laboratory");
            assert!(error.to_string().contains(why), "{error}");
        };
        check("198.18.0.2:7352", "not 198.18.0.2");
        check("127.0.0.1:7352", "not 127.0.0.1");
        check("198.18.0.1:7352", "in no laboratory");
    }
}
