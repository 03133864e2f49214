//! The ladder: how high the filter gets, and why not higher. Owns attaching; what the program does stands in [`crate::emit`].

use std::fmt;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use hillfort_bpf::{Error, Program, Result, XdpLink, XdpMode, attach_classic, detach_classic, interface_index, interfaces};
use ipnet::IpNet;

use crate::bans::Bans;
use crate::classic;
use crate::emit::{self, Rules};
use crate::filter::{Filter, Kernel};
use crate::hints::Hints;
use crate::holder;
use crate::layout::{ALLOW_MAX, PORTS_MAX};
use crate::maps::{Maps, Shared};
use crate::netstat::syncookies;
use crate::sketch::Secret;

/// Pause between two tries to attach to an interface that is busy.
const AGAIN: Duration = Duration::from_millis(20);
/// The kernel's numbers for an interface that has another program: in the same place (EBUSY), in the other one (EEXIST).
const BUSY: [Option<i32>; 2] = [Some(16), Some(17)];

/// Where packets meet the filter, the cheapest place first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// XDP in the driver.
    Native,
    /// XDP in the network stack.
    Generic,
    /// A classic program on the listening sockets: bans only.
    Socket,
    /// Nothing in the kernel; user space refuses.
    UserSpace,
}

impl Rung {
    /// Name in metrics, `/healthz` and the console.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
            Self::Socket => "socket",
            Self::UserSpace => "off",
        }
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "XDP in the driver",
            Self::Generic => "XDP in the network stack",
            Self::Socket => "a filter on the listening sockets",
            Self::UserSpace => "no kernel filter",
        })
    }
}

/// Which rung is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// As high as it goes.
    Highest,
    /// This one and no other; without it none.
    Only(Rung),
}

/// What the filter is for.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which rung is wanted.
    pub wanted: Wanted,
    /// Ethernet interfaces. With none there is no XDP.
    pub interfaces: Vec<String>,
    /// Our TCP ports, at most [`PORTS_MAX`].
    pub tcp_ports: Vec<u16>,
    /// Our UDP ports, at most [`PORTS_MAX`]. With any, later fragments of UDP are dropped on the interfaces, whomever they are for.
    pub udp_ports: Vec<u16>,
    /// Prefixes whose new connections are let through, at most [`ALLOW_MAX`].
    pub allow: Vec<IpNet>,
    /// A random number that nobody else knows: spreads strangers over the sketches.
    pub seed: u64,
    /// How long to wait, over all interfaces, for a filter of before to go: the kernel detaches that of a process that has just ended a
    /// moment later.
    pub busy_max: Duration,
}

/// How far it got.
#[derive(Debug)]
pub struct Attached {
    /// The rung; of several interfaces the lowest.
    pub rung: Rung,
    /// Rung of each interface, when it is XDP.
    pub interfaces: Vec<(String, Rung)>,
    /// Why not higher, in words for an operator.
    pub refused: Vec<(Rung, String)>,
    /// What works less well than it could, in words for an operator.
    pub warnings: Vec<String>,
    /// Mode, counters, top.
    pub filter: Filter,
    /// Bans.
    pub bans: Bans,
}

impl Filter {
    /// Attaches as high as wanted and possible. `listeners` are the listening TCP sockets, for the rung that needs no CAP_BPF; they
    /// are kept open (as copies of the descriptors) as long as the [`Bans`] live. Never fails: below all is user space. Blocks for
    /// [`Settings::busy_max`] when an interface has another XDP program.
    #[must_use]
    pub fn attach(settings: &Settings, listeners: &[BorrowedFd<'_>]) -> Attached {
        let mut refused = Vec::new();
        let (native, generic) = settings.wanted.xdp();
        if native || generic {
            match xdp(settings, native, generic, &mut refused) {
                Ok((interfaces, filter, bans)) => {
                    let rung = interfaces.iter().map(|(_, rung)| *rung).max().unwrap_or(Rung::UserSpace);
                    return Attached { rung, interfaces, refused, warnings: warnings(), filter, bans };
                }
                Err(reason) => {
                    let rung = if generic { Rung::Generic } else { Rung::Native };
                    refused.push((rung, reason));
                }
            }
        }
        let (mut rung, mut bans) = (Rung::UserSpace, Bans::nowhere());
        if matches!(settings.wanted, Wanted::Highest | Wanted::Only(Rung::Socket)) {
            match on_sockets(listeners) {
                Ok(made) => (rung, bans) = (Rung::Socket, made),
                Err(reason) => refused.push((Rung::Socket, reason)),
            }
        }
        Attached { rung, interfaces: Vec::new(), refused, warnings: Vec::new(), filter: Self::default(), bans }
    }
}

impl Filter {
    /// Stands at one interface more, until [`Filter::leave`]: the program that is loaded, or one that is loaded for it and stays. Then the
    /// bans that it drops are given, none yet. Of `settings` it takes rung, ports and allow list.
    ///
    /// # Errors
    /// Why not, in words for an operator; nothing has changed then.
    pub fn stand(&mut self, settings: &Settings, interface: &str) -> std::result::Result<(Rung, Option<Bans>), String> {
        let (native, generic) = settings.wanted.xdp();
        let (mut kernel, bans) = match self.kernel.take() {
            Some(kernel) => (kernel, None),
            None => make(settings).map(|(kernel, bans)| (kernel, Some(bans)))?,
        };
        let until = Instant::now() + settings.busy_max;
        match at(&kernel.program, interface, [native, generic], until, &mut Vec::new()) {
            Ok((link, rung)) => {
                kernel.guest = Some(link);
                self.kernel = Some(kernel);
                Ok((rung, bans))
            }
            Err(why) => {
                self.kernel = bans.is_none().then_some(kernel);
                Err(why)
            }
        }
    }

    /// Ends that. The program stays loaded, and its counters go on from where they are.
    pub fn leave(&mut self) {
        if let Some(kernel) = &mut self.kernel {
            kernel.guest = None;
        }
    }
}

impl Wanted {
    /// Whether XDP is wanted in the driver, and in the network stack.
    fn xdp(self) -> (bool, bool) {
        let wants = |rung| self == Self::Highest || self == Self::Only(rung);
        (wants(Rung::Native), wants(Rung::Generic))
    }
}

type Xdp = (Vec<(String, Rung)>, Filter, Bans);

fn xdp(settings: &Settings, native: bool, generic: bool, refused: &mut Vec<(Rung, String)>) -> std::result::Result<Xdp, String> {
    if settings.interfaces.is_empty() {
        return Err("no interface is named that players come in by".to_owned());
    }
    let (mut kernel, bans) = make(settings)?;
    let mut reached = Vec::new();
    let until = Instant::now() + settings.busy_max;
    for name in &settings.interfaces {
        let (link, rung) = at(&kernel.program, name, [native, generic], until, refused)?;
        kernel.links.push(link);
        reached.push((name.clone(), rung));
    }
    Ok((reached, Filter { kernel: Some(kernel) }, bans))
}

/// Loads the program, which stands nowhere yet.
fn make(settings: &Settings) -> std::result::Result<(Kernel, Bans), String> {
    let Settings { tcp_ports, udp_ports, allow, .. } = settings;
    if tcp_ports.len() > PORTS_MAX || udp_ports.len() > PORTS_MAX || allow.len() > ALLOW_MAX {
        return Err(format!("at most {PORTS_MAX} ports and {ALLOW_MAX} allowed prefixes"));
    }
    if tcp_ports.is_empty() && udp_ports.is_empty() {
        return Err("no port is named that players come to".to_owned());
    }
    let secret = Secret::new(settings.seed);
    let rules = Rules { tcp_ports, udp_ports, allow: !allow.is_empty(), secret };
    let (maps, program) = load(allow, rules).map_err(|error| refusal(&error))?;
    let shared = Shared::of(&maps).map_err(|error| error.to_string())?;
    let hints = Hints::of(&maps.ban_hints, secret).map_err(|error| error.to_string())?;
    let kernel = Kernel { program, shared, secret, links: Vec::new(), guest: None };
    Ok((kernel, Bans::in_map(maps.bans, hints)))
}

/// Attaches the program to an interface, in the driver or else in the network stack, whichever is wanted.
fn at(
    program: &Program,
    name: &str,
    [native, generic]: [bool; 2],
    until: Instant,
    refused: &mut Vec<(Rung, String)>,
) -> std::result::Result<(XdpLink, Rung), String> {
    let index = interface_index(name).map_err(|error| format!("{name}: {error}"))?;
    let mut last = String::new();
    for (mode, rung, wanted) in [(XdpMode::Native, Rung::Native, native), (XdpMode::Generic, Rung::Generic, generic)] {
        if !wanted {
            continue;
        }
        match patiently(until, || XdpLink::attach(program, index, mode)) {
            Ok(link) => return Ok((link, rung)),
            Err(error) => {
                last = explained(name, index, &error);
                if generic && rung == Rung::Native {
                    refused.push((rung, last.clone()));
                }
            }
        }
    }
    Err(last)
}

pub(crate) fn load(allow: &[IpNet], rules: Rules<'_>) -> Result<(Maps, Program)> {
    let maps = Maps::create(allow)?;
    let program = Program::load_xdp("hillfort", emit::filter(&maps, rules))?;
    Ok((maps, program))
}

fn on_sockets(listeners: &[BorrowedFd<'_>]) -> std::result::Result<Bans, String> {
    if listeners.is_empty() {
        return Err("there is no listening TCP socket".to_owned());
    }
    let empty = classic::filter(std::iter::empty()).map_err(|error| error.to_string())?;
    let mut kept = Vec::new();
    for listener in listeners {
        let tried = attach_classic(*listener, &empty).and_then(|()| detach_classic(*listener));
        tried.map_err(|error| match error.os_error() {
            // "tcp: restrict SO_ATTACH_FILTER to priv users", in all stable kernels since June 2026.
            Some(1) => format!("{error}; this kernel wants CAP_NET_ADMIN for a filter on a TCP socket"),
            _ => error.to_string(),
        })?;
        kept.push(listener.try_clone_to_owned().map_err(|error| error.to_string())?);
    }
    Ok(Bans::in_sockets(kept))
}

/// Why the program cannot be loaded. Without CAP_PERFMON the verifier takes no offset in a packet that is not a constant.
fn refusal(error: &Error) -> String {
    match error {
        Error::Verifier { source, log } => {
            let said = log.lines().rev().find(|line| !line.starts_with("processed ")).unwrap_or_default();
            let more = if said.contains("prohibited for !root") { " (CAP_PERFMON is missing)" } else { "" };
            format!("the kernel's verifier refuses the program: {source}: {said}{more}")
        }
        other => other.to_string(),
    }
}

/// Tries again while the interface is busy, and once at least.
#[expect(
    clippy::disallowed_methods,
    reason = "the kernel tells nobody when a link goes; there is a deadline, and it is at the start only"
)]
fn patiently<T>(until: Instant, mut attach: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match attach() {
            Err(error) if BUSY.contains(&error.os_error()) && Instant::now() < until => std::thread::sleep(AGAIN),
            other => return other,
        }
    }
}

/// The kernel's numbers in words: [`BUSY`], ERANGE (34), EOPNOTSUPP (95).
fn explained(name: &str, index: u32, error: &Error) -> String {
    let more = match error.os_error() {
        busy if BUSY.contains(&busy) => format!(" ({})", holder::words(name, &holder::find(index))),
        Some(34) => " (the MTU is too large for XDP without fragments: 3,498 or less)".to_owned(),
        Some(95) => " (the driver has no XDP)".to_owned(),
        _ => String::new(),
    };
    format!("{name}: {error}{more}")
}

fn warnings() -> Vec<String> {
    match syncookies() {
        Some(0) => vec![
            "net.ipv4.tcp_syncookies is 0: in flood mode no cookie can be sent, and SYNs go to the kernel. Set it to 1 or 2"
                .to_owned(),
        ],
        _ => Vec::new(),
    }
}

/// Interfaces that hold `address`, or all but loopback when it is unspecified: what to name in [`Settings::interfaces`].
///
/// # Errors
/// What the kernel says.
pub fn interfaces_of(address: IpAddr) -> std::io::Result<Vec<String>> {
    let wanted = address.to_canonical();
    let holds = |held: IpAddr| if wanted.is_unspecified() { !held.is_loopback() } else { held == wanted };
    let mut names: Vec<String> = interfaces()?.into_iter().filter(|(_, held)| holds(*held)).map(|(name, _)| name).collect();
    names.dedup();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal_number(number: i32) -> Error {
        Error::System { what: "attach", source: std::io::Error::from_raw_os_error(number) }
    }

    #[test]
    fn only_what_is_busy_is_tried_again_and_not_for_ever() {
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(3_600));
        let check = |until: Instant, number: i32, free_at: u32, expect: (Option<i32>, u32)| {
            let mut tries = 0;
            let result = patiently(until, || {
                tries += 1;
                if tries == free_at { Ok(()) } else { Err(refusal_number(number)) }
            });
            assert_eq!((result.err().and_then(|error| error.os_error()), tries), expect, "{number}");
        };
        check(later, 16, 3, (None, 3));
        check(later, 17, 2, (None, 2));
        check(now, 16, 3, (Some(16), 1));
        check(later, 95, 3, (Some(95), 1));
        check(now, 16, 1, (None, 1));
    }
}
