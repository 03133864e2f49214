//! Runs the packet generator and the bots that answer: two programs, a thread that keeps the first one going at the outer end of the pair,
//! and what they count. Bounded in time and rate. Knows nothing of who defends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hillfort_bpf::{Live, Map, Mapping, Program, XdpContext, XdpLink, XdpMode, interface_index};

use super::lab::{self, Lab, Side};
use super::program::{self, BURST, Cell, Packet};

/// No attack by packets lasts longer.
const SPAN_MAX: Duration = Duration::from_secs(60);
/// Rounds of the program in one call; one that waits takes some 30 ns.
const ROUNDS: u32 = 1 << 16;
/// Rounds between two flushes. The kernel keeps this many pages for frames that come back, and makes every further one anew: few would cost
/// more than the program itself.
const BATCH: u32 = 256;
/// Lateness that is made up for: as long as a neighbour on the same core may run before us.
const LAG: Duration = Duration::from_millis(20);

/// Stands at the outer end of the pair as long as it lives.
#[derive(Debug)]
pub(crate) struct Outpost {
    _link: XdpLink,
    map: Map,
    counts: Arc<Mapping>,
}

/// What the programs counted so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Made {
    /// Packets made.
    pub(crate) packets: u64,
    /// Handshakes that bots completed.
    pub(crate) completed: u64,
    /// Connections of bots that the victim ended in an orderly way.
    pub(crate) ended: u64,
}

/// A flood under way. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Flood {
    stop: Arc<AtomicBool>,
    counts: Arc<Mapping>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Outpost {
    /// Takes its place. `answers`: bots complete the handshakes that they begin.
    pub(crate) fn take(lab: &Lab, port: u16, answers: bool) -> anyhow::Result<Self> {
        let map = program::cells().context("programs of the kernel need root (CAP_BPF and CAP_NET_ADMIN)")?;
        let program = program::answerer(&map, (&lab.victim, &lab.outside), port, answers)?;
        let link = attach(&lab.outside, &program)?;
        let counts = Arc::new(Mapping::new(&map)?);
        Ok(Self { _link: link, map, counts })
    }

    /// Floods the victim's port for at most `span`, with `rate` packets a second or as fast as it goes, with what honest people leave of
    /// the core when it `gives_way`.
    pub(crate) fn flood(
        &self,
        lab: &Lab,
        packet: Packet,
        port: u16,
        rate: Option<u32>,
        span: Duration,
        gives_way: bool,
    ) -> anyhow::Result<Flood> {
        let program = program::generator(&self.map, (&lab.victim, &lab.outside), packet, port)?;
        let interval = rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1) * BURST as u32 / rate.max(1));
        self.set(Cell::Interval, interval.as_nanos() as u64);
        self.set(Cell::Lag, LAG.as_nanos() as u64);
        self.set(Cell::Halted, 0);
        let (stop, outside) = (Arc::new(AtomicBool::new(false)), lab.outside.clone());
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("generator".into()).spawn(move || {
            outside.enter()?;
            // Nothing comes by there. As long as a program is attached anywhere, a call over live frames need not patch the kernel, and
            // takes microseconds to begin instead of milliseconds.
            let _kept_known = XdpLink::attach(&program, interface_index("lo")?, XdpMode::Generic)?;
            if gives_way {
                lab::give_way()?;
            }
            keep_going(&program, packet, &outside, span.min(SPAN_MAX), &stopped)
        })?;
        Ok(Flood { stop, counts: Arc::clone(&self.counts), thread: Some(thread) })
    }

    pub(crate) fn made(&self) -> Made {
        Made { packets: self.get(Cell::Made), completed: self.get(Cell::Completed), ended: self.get(Cell::Ended) }
    }

    fn get(&self, cell: Cell) -> u64 {
        self.counts.cells()[cell as usize].load(Ordering::Relaxed)
    }

    fn set(&self, cell: Cell, value: u64) {
        self.counts.cells()[cell as usize].store(value, Ordering::Relaxed);
    }
}

impl Flood {
    /// The thread returns from the kernel when its rounds are over; those that are left do nothing.
    fn halt(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.counts.cells()[Cell::Halted as usize].store(1, Ordering::Relaxed);
    }

    /// Ends it; the error is why it ended before.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        self.halt();
        self.thread.take().map_or(Ok(()), |thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.halt();
        if let Some(thread) = self.thread.take() {
            // Who drops it without `end` has an error of their own.
            let _error = thread.join();
        }
    }
}

/// Attaches a program to one end of the pair, in the driver.
pub(crate) fn attach(side: &Side, program: &Program) -> anyhow::Result<XdpLink> {
    side.within(|| {
        let index = interface_index(&side.interface)?;
        Ok(XdpLink::attach(program, index, XdpMode::Native)?)
    })
}

fn keep_going(program: &Program, packet: Packet, outside: &Side, span: Duration, stop: &AtomicBool) -> anyhow::Result<()> {
    let context = XdpContext { ifindex: interface_index(&outside.interface)?, queue: 0 };
    let (frame, begun) = (program::first_frame(packet), Instant::now());
    while begun.elapsed() < span && !stop.load(Ordering::Relaxed) {
        match program.run_live(&frame, Live { context, frames: ROUNDS, batch: BATCH }) {
            // A signal, for example of a child that ended.
            Err(error) if error.os_error() == Some(rustix::io::Errno::INTR.raw_os_error()) => {}
            other => other?,
        }
    }
    Ok(())
}
