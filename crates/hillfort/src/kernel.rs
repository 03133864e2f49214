//! The thread that owns the kernel filter: passes bans on to it, sets its mode, and leaves a reading for the console. Knows nothing of
//! why somebody is banned. Without a filter it still takes bans, and drops them: user space refuses those addresses itself.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use hillfort_proto::time::Time;
use hillfort_xdp::{Attached, Bans, Controller, Counters, Filter, Limits, Rung, Sample, SynQueue, Top, Verdict, Wanted};

use crate::config::{FilterWish, Kernel};
use crate::console::{self, KernelBoard, KernelReading, PacketVerdict, Packets, TOP_MAX, Talker};

mod orders;

pub(crate) use orders::{KernelBans, Post};
use orders::{Order, OrderCounts, Visits};

/// How often the mode is decided.
const SAMPLE: Duration = Duration::from_millis(100);
/// Samples from one reading to the next.
const SAMPLES_PER_READING: u32 = 5;
/// Samples of an epoch of counting: ten seconds.
const SAMPLES_PER_EPOCH: u32 = 100;
/// Longest wait at the start for the filter of a process that has just ended.
const BUSY_MAX: Duration = Duration::from_secs(1);
/// Overflows of queues are the whole machine's: they count while at least this part of a flood comes to our own doors.
const OVERFLOW_FLOOR: u64 = 8;

/// Attaches the filter as high as it goes, with the bans from before the start, says so once, and starts its thread, which ends when the [`KernelBans`] and
/// the [`Post`] are gone and takes the filter along.
///
/// # Errors
/// The thread cannot be made.
pub(crate) fn start(
    settings: &Kernel,
    doors: &[SocketAddr],
    listeners: &[BorrowedFd<'_>],
    seed: u64,
    restored: &[(IpAddr, Duration)],
    board: KernelBoard,
) -> io::Result<(KernelBans, Post)> {
    let (mut attached, wish) = attach(settings, doors, listeners, seed);
    say(&attached);
    // All at once: one by one they would not all find room in the queue of orders.
    if let Err(error) = attached.bans.ban_all(restored.iter().copied()) {
        tracing::error!(%error, "the kernel filter does not take the bans of before: user space refuses these addresses itself");
    }
    let limits = Limits { flood_syn_per_s: u64::from(settings.flood_syn_per_s), calm: settings.calm };
    let (bans, orders) = KernelBans::new();
    let keeper = Keeper::new(attached, drill(settings, wish), limits, board, &bans);
    // Before anybody can ask.
    keeper.publish();
    std::thread::Builder::new().name("kernel".into()).spawn(move || keeper.run(&orders))?;
    let post = bans.post();
    Ok((bans, post))
}

/// How the filter stands at the interface of an attack from the console: as it does elsewhere, but not kept away because players come over
/// loopback.
fn drill(settings: &Kernel, wish: hillfort_xdp::Settings) -> Result<hillfort_xdp::Settings, &'static str> {
    let wanted = match settings.filter {
        FilterWish::Auto => Wanted::Highest,
        FilterWish::Native => Wanted::Only(Rung::Native),
        FilterWish::Generic => Wanted::Only(Rung::Generic),
        FilterWish::Socket => return Err("kernel.filter wants one on the sockets only"),
        FilterWish::Off => return Err("kernel.filter is off"),
    };
    Ok(hillfort_xdp::Settings { wanted, interfaces: Vec::new(), ..wish })
}

fn attach(
    settings: &Kernel,
    doors: &[SocketAddr],
    listeners: &[BorrowedFd<'_>],
    seed: u64,
) -> (Attached, hillfort_xdp::Settings) {
    let mut interfaces = settings.interfaces.clone();
    let mut unknown = None;
    if interfaces.is_empty() {
        for door in doors {
            match hillfort_xdp::interfaces_of(door.ip()) {
                Ok(names) => interfaces.extend(names.into_iter().filter(|name| is_ethernet(name))),
                Err(error) => unknown = Some(format!("the interfaces of {} cannot be listed: {error}", door.ip())),
            }
        }
        interfaces.sort();
        interfaces.dedup();
    }
    let on_loopback = settings.interfaces.is_empty() && doors.iter().all(|door| door.ip().to_canonical().is_loopback());
    let wanted = match settings.filter {
        FilterWish::Auto if on_loopback => Wanted::Only(Rung::UserSpace),
        FilterWish::Auto => Wanted::Highest,
        FilterWish::Off => Wanted::Only(Rung::UserSpace),
        FilterWish::Native => Wanted::Only(Rung::Native),
        FilterWish::Generic => Wanted::Only(Rung::Generic),
        FilterWish::Socket => Wanted::Only(Rung::Socket),
    };
    let tcp_ports = doors.iter().map(SocketAddr::port).collect();
    let wish = hillfort_xdp::Settings {
        wanted,
        interfaces,
        tcp_ports,
        udp_ports: Vec::new(),
        allow: settings.allow.clone(),
        seed,
        busy_max: BUSY_MAX,
    };
    let mut attached = Filter::attach(&wish, listeners);
    let why = match settings.filter {
        FilterWish::Auto if on_loopback => {
            Some("players come over loopback only: kernel.filter and kernel.interfaces ask for more")
        }
        FilterWish::Off => Some("kernel.filter is off"),
        _ => None,
    };
    attached.refused.extend(why.map(|why| (Rung::Native, why.to_owned())));
    attached.refused.extend(unknown.map(|why| (Rung::Native, why)));
    (attached, wish)
}

/// Whether frames of the interface have an Ethernet header, which the filter reads. Tunnels have none; loopback calls itself something else.
fn is_ethernet(interface: &str) -> bool {
    const ARPHRD_ETHER: &str = "1";
    std::fs::read_to_string(format!("/sys/class/net/{interface}/type")).is_ok_and(|kind| kind.trim() == ARPHRD_ETHER)
}

fn say(attached: &Attached) {
    let places: Vec<String> = attached.interfaces.iter().map(|(name, rung)| format!("{name} ({})", rung.label())).collect();
    let why = why_not_higher(attached).map(|why| format!("; not higher: {why}")).unwrap_or_default();
    let on = if places.is_empty() { String::new() } else { format!(" on {}", places.join(", ")) };
    tracing::info!("packets  refused by {}{on}{why}", attached.rung);
    for warning in &attached.warnings {
        tracing::warn!("kernel filter: {warning}");
    }
}

fn why_not_higher(attached: &Attached) -> Option<String> {
    let reasons: Vec<&str> = attached.refused.iter().map(|(_, why)| why.as_str()).collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// See the module.
struct Keeper {
    filter: Filter,
    bans: Bans,
    controller: Controller,
    limits: Limits,
    board: KernelBoard,
    orders: Arc<OrderCounts>,
    visits: Arc<Visits>,
    rung: Rung,
    why_not_higher: Option<String>,
    /// How it stands at the interface of an attack, or why it does not.
    drill: Result<hillfort_xdp::Settings, &'static str>,
    /// The interface where it does now, and for which visit.
    stands: Option<(String, Rung, u64)>,
    start: Instant,
    samples: u32,
    counted: Counters,
    counted_at: Instant,
    queues: Option<SynQueue>,
    resets: Option<u64>,
    /// A fault of the kernel was told; the others are its echoes.
    told: bool,
}

impl Keeper {
    fn new(
        attached: Attached,
        drill: Result<hillfort_xdp::Settings, &'static str>,
        limits: Limits,
        board: KernelBoard,
        given: &KernelBans,
    ) -> Self {
        let why_not_higher = why_not_higher(&attached);
        let Attached { rung, filter, bans, .. } = attached;
        let (now, counted) = (Instant::now(), filter.counters());
        let controller = Controller::new(limits);
        let queues = SynQueue::read().ok();
        Self {
            filter,
            bans,
            controller,
            limits,
            board,
            orders: Arc::clone(&given.counts),
            visits: Arc::clone(&given.visits),
            rung,
            why_not_higher,
            drill,
            stands: None,
            start: now,
            samples: 0,
            counted,
            counted_at: now,
            queues,
            resets: hillfort_xdp::resets_sent().ok(),
            told: false,
        }
    }

    fn run(mut self, orders: &Receiver<Order>) {
        let mut next = Instant::now() + SAMPLE;
        loop {
            // First, so that no rush of orders keeps the mode as it is.
            if Instant::now() >= next {
                self.sample();
                // A late sample does not make the next ones early.
                next = Instant::now() + SAMPLE;
            }
            match orders.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn obey(&mut self, order: Order) {
        let done = match order {
            Order::Ban(addr, lasts) => self.bans.ban(addr, lasts).map(drop),
            Order::Lift(addr) => self.bans.lift(addr).map(drop),
            Order::All(bans) => self.bans.replace(&bans).map(drop),
            Order::Stand(visit, interface, answer) => {
                // Whoever asked may have given up.
                let _answered = answer.send(self.stand(visit, &interface));
                return;
            }
        };
        self.orders.obeyed.fetch_add(1, Ordering::Relaxed);
        self.complain(done.err());
    }

    fn stand(&mut self, visit: u64, interface: &str) -> Result<console::Rung, String> {
        if self.visits.has_ended(visit) {
            return Err("the attack has ended".to_owned());
        }
        let settings = self.drill.as_ref().map_err(|why| (*why).to_owned())?;
        if self.rung == Rung::Socket {
            return Err("it stands on the listening sockets, and its bans with it".to_owned());
        }
        let (rung, bans) = self.filter.stand(settings, interface)?;
        if let Some(bans) = bans {
            // Bans of before are refused in user space.
            self.bans = bans;
        }
        if !self.stands_somewhere() {
            // What was until now is nothing that the program has seen.
            (self.counted, self.counted_at) = (self.filter.counters(), Instant::now());
            (self.queues, self.resets) = (SynQueue::read().ok(), hillfort_xdp::resets_sent().ok());
        }
        self.stands = Some((interface.to_owned(), rung, visit));
        self.publish();
        tracing::info!("packets  refused by {rung} on {interface} ({}), for an attack from the console", rung.label());
        Ok(shown(rung))
    }

    fn leave(&mut self) {
        self.filter.leave();
        self.stands = None;
        if !self.stands_somewhere() {
            // No flood comes to it any more, and its calm is not waited for.
            self.controller = Controller::new(self.limits);
            self.filter.set_mode(self.controller.mode());
        }
        self.publish();
    }

    /// Whether packets come to the filter. One that an attack has left is loaded, and stands nowhere: what the machine does then, resets of
    /// other programs say, has nothing to do with it.
    const fn stands_somewhere(&self) -> bool {
        self.stands.is_some() || matches!(self.rung, Rung::Native | Rung::Generic)
    }

    fn sample(&mut self) {
        self.samples = self.samples.wrapping_add(1);
        if self.stands.as_ref().is_some_and(|(_, _, visit)| self.visits.has_ended(*visit)) {
            self.leave();
        }
        if self.stands_somewhere() {
            let (now, counters) = (Instant::now(), self.filter.counters());
            let seconds = now.duration_since(self.counted_at).as_secs_f64().max(1e-3);
            let syns = counters.offered_syn().saturating_sub(self.counted.offered_syn());
            let queues = SynQueue::read().ok();
            let always = hillfort_xdp::syncookies() == Some(2);
            let syn_per_s = (syns as f64 / seconds) as u64;
            let overflows = match (&queues, &self.queues) {
                (Some(now), Some(before)) if syn_per_s >= self.limits.flood_syn_per_s / OVERFLOW_FLOOR => {
                    now.since(before, always)
                }
                _ => 0,
            };
            // A flood of ACKs: in passive mode the kernel answers each by a reset, in flood mode the filter drops them.
            let resets = hillfort_xdp::resets_sent().ok();
            let answered = resets.zip(self.resets).map_or(0, |(now, before)| now.saturating_sub(before));
            let strays = counters.total(Verdict::DropNoSocket).saturating_sub(self.counted.total(Verdict::DropNoSocket));
            let stray_per_s = ((answered + strays) as f64 / seconds) as u64;
            let sample = Sample { syn_per_s: syn_per_s.max(stray_per_s), overflows };
            let before = self.controller.mode();
            let mode = self.controller.on_sample(Time::ZERO + now.duration_since(self.start), sample);
            if mode != before {
                self.filter.set_mode(mode);
                tracing::info!(syn_per_s, stray_per_s, overflows, "kernel filter: {} mode", mode.label());
            }
            (self.counted, self.counted_at, self.queues, self.resets) = (counters, now, queues, resets);
        }
        if self.filter.is_loaded() && self.samples.is_multiple_of(SAMPLES_PER_EPOCH) {
            self.filter.next_epoch();
        }
        if self.samples.is_multiple_of(SAMPLES_PER_READING) {
            let swept = self.bans.sweep();
            self.complain(swept.err());
            self.publish();
        }
    }

    fn publish(&self) {
        // Right after its beginning an epoch knows little: the last one is added.
        let (now, last) = (self.filter.top(), self.filter.top_of_last());
        let (rung, why_not_higher) = match &self.stands {
            Some((interface, rung, _)) if *rung < self.rung => {
                let why = self.why_not_higher.as_deref().unwrap_or_default();
                (*rung, Some(format!("on {interface} alone, for an attack from the console; {why}")))
            }
            _ => (self.rung, self.why_not_higher.clone()),
        };
        self.board.publish(KernelReading {
            rung: shown(rung),
            why_not_higher,
            mode: match self.filter.mode() {
                hillfort_xdp::Mode::Passive => console::Mode::Passive,
                hillfort_xdp::Mode::Flood => console::Mode::Flood,
            },
            syns: self.counted.offered_syn() + self.counted.offered_quic(),
            packets: packets(&self.counted),
            orders_lost: self.orders.lost.load(Ordering::Relaxed),
            top: talkers(if now.sources.is_empty() { &last } else { &now }),
        });
    }

    fn complain(&mut self, error: Option<hillfort_xdp::Error>) {
        if let Some(error) = error
            && !std::mem::replace(&mut self.told, true)
        {
            tracing::error!(%error, "the kernel filter does not take bans: user space refuses these addresses itself");
        }
    }
}

const fn shown(rung: Rung) -> console::Rung {
    match rung {
        Rung::Native => console::Rung::Native,
        Rung::Generic => console::Rung::Generic,
        Rung::Socket => console::Rung::Socket,
        Rung::UserSpace => console::Rung::UserSpace,
    }
}

fn packets(counters: &Counters) -> Packets {
    let mut packets = Packets::default();
    for verdict in Verdict::ALL {
        let shown = match verdict {
            // Not for us.
            Verdict::PassOther => continue,
            Verdict::Pass => PacketVerdict::Passed,
            Verdict::PassNoCookie => PacketVerdict::NoCookie,
            Verdict::Allow => PacketVerdict::Allowed,
            Verdict::DropMalformed => PacketVerdict::Malformed,
            Verdict::DropFragment => PacketVerdict::Fragment,
            Verdict::DropBanned => PacketVerdict::Banned,
            Verdict::CookieSent => PacketVerdict::Cookie,
            Verdict::DropNoSocket => PacketVerdict::Stray,
        };
        packets.add(shown, counters.total(verdict));
    }
    packets
}

fn talkers(top: &Top) -> console::Top {
    let rows = |names: Vec<(String, u64)>| {
        let talker = |(name, attempts)| Talker { name, attempts, refused: None };
        Some(names.into_iter().take(TOP_MAX).map(talker).collect())
    };
    let addresses = |list: &[(IpAddr, u64)], prefix: [u8; 2]| {
        let name = |addr: &IpAddr| match (addr, prefix) {
            (IpAddr::V4(addr), [32, _]) => addr.to_string(),
            (IpAddr::V4(addr), [bits, _]) => format!("{addr}/{bits}"),
            (IpAddr::V6(addr), [_, bits]) => format!("{addr}/{bits}"),
        };
        rows(list.iter().map(|(addr, count)| (name(addr), *count)).collect())
    };
    console::Top {
        sources: addresses(&top.sources, [32, 64]),
        networks: addresses(&top.networks, [24, 48]),
        signatures: rows(top.signatures.iter().map(|(signature, count)| (signature.to_string(), *count)).collect()),
    }
}
