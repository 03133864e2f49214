//! Attacks on a server of this machine: what they are called, how far they may go, and what they say. An attack is bounded in time, sockets
//! and packets and goes to loopback only, or to the victim of a laboratory that `siege` has built; each kind has 32 addresses of its own, so
//! that a ban meets the attacker and nobody else. Single packets may come to loopback from a namespace of their own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::{Args as ClapArgs, ValueEnum};
use serde::Serialize;

use crate::child::OwnProgram;
use crate::clock::Clock;
use crate::credentials::Credentials;
use crate::siege::lab::{self, Drill};
use crate::table::print;

mod client_hello;
mod connections;
mod flood;
mod hellos;
mod packets;

/// Time between two progress lines.
pub(crate) const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// Most sockets that an attack holds at once ...
const SOCKETS_MAX: u16 = 4_000;
/// ... and in a laboratory.
const LAB_SOCKETS_MAX: u16 = 16_000;
/// Addresses that an attack comes from.
const SOURCES: u8 = 32;
/// Most packets a second from a raw socket. One core does not get that far.
const RATE_MAX: u32 = 2_000_000;
/// What the sockets of a mixed attack do, in turn.
const MIXTURE: [Kind; 10] = [
    Kind::BadHello,
    Kind::ConnectFlood,
    Kind::SlowHello,
    Kind::HelloReplay,
    Kind::BadHello,
    Kind::HandshakeIdle,
    Kind::ConnectFlood,
    Kind::OversizeFrame,
    Kind::SlowHello,
    Kind::BadHello,
];

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[arg(value_enum)]
    kind: Kind,
    /// TCP door of the server; loopback only, IPv4
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7352")]
    target: SocketAddr,
    /// How long, at most 10 seconds
    #[arg(long, default_value_t = 8.0, value_parser = crate::command::seconds_up_to_10)]
    seconds: f64,
    /// Sockets at once, at most 4000; each kind has its own default
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=i64::from(LAB_SOCKETS_MAX)))]
    sockets: Option<u16>,
    /// Packets a second of syn-spoofed, syn-bots and ack, at most 2 million
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=i64::from(RATE_MAX)))]
    rate: u32,
    /// Attack the victim of the laboratory in whose namespace this process runs
    #[arg(long, hide = true)]
    lab: bool,
    /// Send single packets from a network namespace, to an interface that is made for them; over loopback where there can be none
    #[arg(long, conflicts_with = "lab")]
    own_namespace: bool,
    /// In a laboratory: which part of an attack by several processes this is
    #[arg(long, hide = true, default_value_t = 0, requires = "lab", value_parser = clap::value_parser!(u8).range(..=4))]
    part: u8,
    /// In a laboratory: come from this address alone
    #[arg(long, hide = true, requires = "lab")]
    from: Option<Ipv4Addr>,
    /// Game that command-flood joins
    #[arg(long, hide = true, default_value = crate::bots::ECHO_GAME)]
    game: String,
    /// Print progress four times a second
    #[arg(long, value_enum)]
    progress: Option<ProgressForm>,
    /// Run at lower priority, 0 to 19, for measurements where honest players share the attacker's core
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i32).range(0..=19))]
    nice: i32,
    #[command(flatten)]
    credentials: Credentials,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Hellos with a wrong magic, an old time, an unknown key or a wrong MAC
    BadHello,
    /// A good hello that was overheard, sent again and again
    #[value(alias = "replay-hello")]
    HelloReplay,
    /// Connections that close at once or say nothing
    ConnectFlood,
    /// Many connections whose hello drips in
    SlowHello,
    /// Logged-in sessions that send inputs far over their rate
    CommandFlood,
    /// Proven connections whose frames are too long or have a wrong checksum
    OversizeFrame,
    /// Handshakes that are completed and followed by nothing
    HandshakeIdle,
    /// TLS hellos that make the server exchange keys and sign, and no more
    Tls,
    /// Bad and repeated hellos, slow ones, idle connections and bad frames together
    Mixed,
    /// SYNs from addresses that nobody has; needs a raw socket
    SynSpoofed,
    /// SYNs from few addresses, and never a handshake; needs a raw socket
    SynBots,
    /// ACKs that belong to no connection; needs a raw socket
    Ack,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProgressForm {
    /// One JSON object a line
    Json,
}

/// Counts since the attack began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Progress {
    pub(crate) kind: Kind,
    pub(crate) t_ms: u64,
    /// Connections begun.
    pub(crate) offered: u64,
    /// Connections whose handshake the kernel completed.
    pub(crate) connected: u64,
    /// Strokes: connections, hellos, frames or inputs, whichever the kind is about.
    pub(crate) sent: u64,
    /// Strokes that the server refused in any way, and connections that it closed on us.
    pub(crate) refused: u64,
    /// Of the refused ones, those that ended by RST.
    pub(crate) reset: u64,
    /// Strokes that had the effect of an honest one, or sockets that were held for longer than a hello may take.
    pub(crate) succeeded: u64,
    /// Connections open now.
    pub(crate) open: u64,
    /// Single packets sent, for the kinds that make no connections. They are not connections, and the attacker cannot see what becomes of
    /// them.
    pub(crate) packets: u64,
    /// Whether this is the last line.
    pub(crate) done: bool,
}

/// An attack within its bounds.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) target: SocketAddr,
    pub(crate) span: Duration,
    pub(crate) sockets: usize,
    /// Packets a second, of the kinds that send single packets.
    pub(crate) rate: u32,
    pub(crate) ground: Ground,
    /// What a flood of commands is sent to.
    pub(crate) game: String,
}

/// Where an attack takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// This machine talks to itself.
    Loopback,
    /// A namespace made for this attack, joined to the one that the server is in.
    Drill,
    /// Namespaces that `siege` has made.
    Lab {
        /// Processes that attack together come from networks of their own.
        part: u8,
        /// The one address, if there is to be one.
        from: Option<Ipv4Addr>,
    },
}

/// What is said of the ground before the first packet, when one was asked for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "ground")]
enum Told<'a> {
    Namespace { interface: &'a str },
    Loopback { why: String },
}

/// Where progress goes, at its times.
#[derive(Debug)]
pub(crate) struct Reporter {
    clock: Clock,
    json: bool,
    next: Duration,
}

impl Kind {
    /// Whether it sends single packets and makes no connections.
    const fn sends_packets(self) -> bool {
        matches!(self, Self::SynSpoofed | Self::SynBots | Self::Ack)
    }

    /// Sockets that it holds at once if nothing else is said.
    const fn sockets(self) -> u16 {
        match self {
            Self::BadHello | Self::HelloReplay | Self::OversizeFrame | Self::Tls => 256,
            Self::ConnectFlood | Self::SlowHello | Self::HandshakeIdle => SOCKETS_MAX,
            Self::Mixed => 1_000,
            Self::CommandFlood => 16,
            // One for all packets.
            Self::SynSpoofed | Self::SynBots | Self::Ack => 1,
        }
    }

    /// What socket number `n` does.
    fn of_socket(self, n: u64) -> Self {
        if self == Self::Mixed { MIXTURE[n as usize % MIXTURE.len()] } else { self }
    }

    /// Its name on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl Plan {
    /// Source address number `n`.
    fn source(&self, n: usize) -> Ipv4Addr {
        match self.ground {
            Ground::Loopback => source(self.kind, n),
            Ground::Drill => lab::attacker(self.kind as u8, (n % SOURCES as usize) as u8),
            Ground::Lab { from: Some(from), .. } => from,
            Ground::Lab { part, from: None } => lab::attacker(self.kind as u8 + 12 * part, (n % SOURCES as usize) as u8),
        }
    }

    /// Where the honest player sits whose hello is overheard.
    fn victim(&self) -> Ipv4Addr {
        match self.ground {
            Ground::Loopback | Ground::Drill => Ipv4Addr::LOCALHOST,
            Ground::Lab { .. } => lab::player(0),
        }
    }
}

/// Checks the bounds and attacks.
pub(crate) fn run(own: &OwnProgram, args: &Args) -> anyhow::Result<()> {
    let (target, ground) = if args.lab {
        (lab::victim_from_inside(args.target)?, Ground::Lab { part: args.part, from: args.from })
    } else {
        (loopback(args.target)?, Ground::Loopback)
    };
    let sockets = args.sockets.unwrap_or_else(|| args.kind.sockets());
    ensure!(!args.own_namespace || args.kind.sends_packets(), "only single packets come from a namespace of their own");
    ensure!(args.lab || sockets <= SOCKETS_MAX, "an attack holds at most {SOCKETS_MAX} sockets, not {sockets}");
    crate::machine::raise_descriptors().context("for the sockets of the attack")?;
    let mut plan = Plan {
        kind: args.kind,
        target,
        ground,
        rate: args.rate,
        game: args.game.clone(),
        span: Duration::from_secs_f64(args.seconds),
        sockets: usize::from(sockets).min(crate::machine::sockets_max()),
    };
    // Before it gives way to others: they would wait with it.
    let drill = if args.own_namespace { drill(own, &mut plan, args.progress)? } else { None };
    if args.lab {
        lab::give_way()?;
    } else if args.nice > 0 {
        rustix::process::setpriority_process(None, args.nice)?;
    }
    let signer = args.credentials.signer()?;
    let mut reporter = Reporter { clock: Clock::start(), json: args.progress == Some(ProgressForm::Json), next: PROGRESS_EVERY };
    let last = match plan.kind {
        Kind::CommandFlood => flood::run(&plan, &signer, &mut reporter)?,
        kind if kind.sends_packets() => packets::run(&plan, drill.as_ref(), &mut reporter)?,
        _ => connections::run(&plan, &signer, &mut reporter)?,
    };
    reporter.finish(last)
}

/// Builds a ground of its own for the attack, or leaves it on loopback, and says which.
fn drill(own: &OwnProgram, plan: &mut Plan, form: Option<ProgressForm>) -> anyhow::Result<Option<Drill>> {
    let SocketAddr::V4(target) = plan.target else { bail!("packets are made for IPv4 only") };
    let built = Drill::build(own, *target.ip());
    let (told, sentence) = match &built {
        Ok(drill) => {
            plan.ground = Ground::Drill;
            let interface = &drill.door;
            (Told::Namespace { interface }, format!("from a network namespace of its own, by {interface}"))
        }
        Err(why) => (Told::Loopback { why: format!("{why:#}") }, format!("over loopback: {why:#}")),
    };
    match form {
        Some(ProgressForm::Json) => print(&(serde_json::to_string(&told)? + "\n"))?,
        None => print(&format!("{sentence}\n"))?,
    }
    Ok(built.ok())
}

/// Source address number `n` of an attack. Each kind has its own, so that one attack's bans do not stop the next one at the door.
pub(crate) const fn source(kind: Kind, n: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 6, kind as u8 + 1, (n % SOURCES as usize) as u8 + 1)
}

impl Progress {
    pub(crate) const fn new(kind: Kind) -> Self {
        Self {
            kind,
            t_ms: 0,
            offered: 0,
            connected: 0,
            sent: 0,
            refused: 0,
            reset: 0,
            succeeded: 0,
            open: 0,
            packets: 0,
            done: false,
        }
    }
}

impl Reporter {
    pub(crate) const fn clock(&self) -> Clock {
        self.clock
    }

    /// Prints a line when one is due.
    pub(crate) fn on_progress(&mut self, progress: &Progress) -> anyhow::Result<()> {
        let elapsed = self.clock.now().since(hillfort_proto::time::Time::ZERO);
        if !self.json || elapsed < self.next {
            return Ok(());
        }
        // A late line does not make the next ones early.
        while self.next <= elapsed {
            self.next += PROGRESS_EVERY;
        }
        self.print_json(progress)
    }

    fn finish(&self, last: Progress) -> anyhow::Result<()> {
        let last = Progress { done: true, ..last };
        if self.json {
            return self.print_json(&last);
        }
        let Progress { offered, connected, sent, refused, reset, succeeded, packets, .. } = last;
        let name = last.kind.name();
        if packets > 0 {
            return print(&format!("{name}: {packets} packets; what became of them only the server's side can say\n"));
        }
        print(&format!(
            "{name}: {offered} connections begun, {connected} completed; {sent} strokes, {refused} refused ({reset} by reset), \
             {succeeded} succeeded\n"
        ))
    }

    fn print_json(&self, progress: &Progress) -> anyhow::Result<()> {
        let progress = Progress { t_ms: self.clock.now().as_millis(), ..*progress };
        print(&(serde_json::to_string(&progress)? + "\n"))
    }
}

fn loopback(target: SocketAddr) -> anyhow::Result<SocketAddr> {
    match target.ip() {
        IpAddr::V4(address) if address.is_loopback() => Ok(target),
        IpAddr::V6(address) if address.is_loopback() => {
            bail!("attacks come from 127.6.0.0/16 and so need an IPv4 target: use 127.0.0.1:{}", target.port())
        }
        other => bail!(
            "attacks go to this machine only (127.0.0.0/8), and {other} may be somebody else's. To test a server over a network, use \
             a tool that its owner has agreed to."
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn bounds_are_kept_at_their_edges() {
        let check = |flags: &[&str], good: bool| {
            let line = Line::try_parse_from(["attack", "bad-hello"].iter().chain(flags));
            assert_eq!(line.is_ok(), good, "{flags:?}");
        };
        check(&[], true);
        check(&["--seconds", "10"], true);
        check(&["--seconds", "10.01"], false);
        check(&["--seconds", "0"], false);
        check(&["--seconds", "NaN"], false);
        check(&["--sockets", "16000"], true);
        check(&["--sockets", "16001"], false);
        check(&["--sockets", "0"], false);
        check(&["--rate", "2000000"], true);
        check(&["--rate", "2000001"], false);
        check(&["--rate", "0"], false);
        check(&["--nice", "20"], false);
        check(&["--target", "example.org:7352"], false);
        check(&["--progress", "json"], true);
        check(&["--secret-hex", "00"], true);
        check(&["--own-namespace"], true);
        check(&["--own-namespace", "--lab"], false);
    }

    #[test]
    fn only_loopback_is_attacked() {
        let check = |target: &str, expect: Option<&str>| {
            let verdict = loopback(target.parse().expect("an address"));
            match expect {
                None => assert!(verdict.is_ok(), "{target}"),
                Some(why) => assert!(verdict.expect_err(target).to_string().contains(why), "{target}"),
            }
        };
        check("127.0.0.1:7352", None);
        check("127.255.255.254:1", None);
        check("[::1]:7352", Some("use 127.0.0.1:7352"));
        check("192.168.1.1:7352", Some("this machine only"));
        check("128.0.0.1:7352", Some("this machine only"));
        check("0.0.0.0:7352", Some("this machine only"));
        check("[::ffff:127.0.0.1]:7352", Some("this machine only"));
        check("[2001:db8::1]:7352", Some("this machine only"));
    }

    #[test]
    fn sources_stay_in_their_range() {
        assert_eq!(source(Kind::BadHello, 0), Ipv4Addr::new(127, 6, 1, 1));
        assert_eq!(source(Kind::BadHello, 31), Ipv4Addr::new(127, 6, 1, 32));
        assert_eq!(source(Kind::OversizeFrame, 32), Ipv4Addr::new(127, 6, 6, 1));
        let all: BTreeSet<Ipv4Addr> =
            Kind::value_variants().iter().flat_map(|&kind| (0..100).map(move |n| source(kind, n))).collect();
        assert_eq!(all.len(), Kind::value_variants().len() * usize::from(SOURCES), "no two kinds share one");
    }

    #[test]
    fn names_are_those_of_the_issue() {
        let check = |name: &str, expect: Kind| assert_eq!(Kind::from_str(name, false), Ok(expect), "{name}");
        check("hello-replay", Kind::HelloReplay);
        check("replay-hello", Kind::HelloReplay);
        check("syn-spoofed", Kind::SynSpoofed);
        check("syn-bots", Kind::SynBots);
        check("ack", Kind::Ack);
        check("handshake-idle", Kind::HandshakeIdle);
        check("slow-hello", Kind::SlowHello);
        check("tls", Kind::Tls);
        check("command-flood", Kind::CommandFlood);
        check("mixed", Kind::Mixed);
        assert_eq!(Kind::HelloReplay.name(), "hello-replay");
    }

    #[test]
    fn the_mixture_is_made_of_connections() {
        assert!(
            MIXTURE.iter().all(|kind| kind.sockets() > 16 && *kind != Kind::Mixed),
            "what packets and sessions do is not in it"
        );
        assert_eq!(Kind::Mixed.of_socket(u64::MAX), MIXTURE[(u64::MAX % 10) as usize]);
        assert_eq!(Kind::SlowHello.of_socket(3), Kind::SlowHello);
    }

    #[test]
    fn a_progress_line_has_the_fields_that_readers_know() {
        let line =
            serde_json::to_value(Progress { t_ms: 250, sent: 7, ..Progress::new(Kind::SlowHello) }).expect("plain numbers");
        let expect = serde_json::json!({
            "kind": "slow-hello", "t_ms": 250, "offered": 0, "connected": 0, "sent": 7, "refused": 0, "reset": 0, "succeeded": 0,
            "open": 0, "packets": 0, "done": false
        });
        assert_eq!(line, expect);
    }
}
