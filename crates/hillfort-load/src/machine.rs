//! The machine under us: what it is called in a result file, and which core a process may use. Knows nothing of what runs there.

use std::fs;

use anyhow::Context as _;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::{Deserialize, Serialize};

/// What a figure must be read with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// Model name of the processor.
    pub(crate) processor: String,
    /// Logical processors that this process may use.
    pub(crate) cores: usize,
    /// Memory, MiB.
    pub(crate) memory_mib: u64,
    /// Kernel release.
    pub(crate) kernel: String,
    /// Threads that wanted to run in the last minute before the measurement, on average.
    pub(crate) load_average: f64,
}

impl Machine {
    /// Reads `/proc`; what cannot be read is empty.
    pub(crate) fn read() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let memory_kib = field(&text("/proc/meminfo"), "MemTotal").split(' ').next().and_then(|n| n.parse::<u64>().ok());
        Self {
            processor: field(&text("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: memory_kib.unwrap_or(0) / 1024,
            kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
            load_average: text("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0),
        }
    }

    /// One line for the head of a table, and what to mind when reading it.
    pub(crate) fn headline(&self, separate_cores: bool) -> String {
        let Self { processor, cores, kernel, load_average, .. } = self;
        let shared =
            if separate_cores { "" } else { "\nserver and clients share one core: ratios are too low, latencies too high" };
        let busy = if *load_average * 2.0 > *cores as f64 {
            format!(
                "\nthe machine was busy with other things (load average {load_average}): latencies are too high, ratios move more"
            )
        } else {
            String::new()
        };
        format!("{processor}, {cores} cores, Linux {kernel}{shared}{busy}\n")
    }
}

/// A core for the server and another one for the client, where there are two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    server: usize,
    client: usize,
}

impl Cores {
    /// The first two cores that this process may use; one core twice when there is only one.
    pub(crate) fn choose() -> anyhow::Result<Self> {
        let allowed = sched_getaffinity(None).context("which cores may be used")?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
        let server = cores.next().context("no core may be used")?;
        Ok(Self { server, client: cores.next().unwrap_or(server) })
    }

    /// Whether server and client have a core each. When not, figures say little.
    pub(crate) fn are_separate(&self) -> bool {
        self.server != self.client
    }

    /// Keeps this thread, and threads it starts from now on, to the client's core.
    pub(crate) fn pin_client(&self) -> anyhow::Result<()> {
        pin(self.client)
    }

    /// Keeps a thread of the kernel or of somebody else to the core of the server, or of the clients.
    pub(crate) fn pin_thread(&self, thread: rustix::process::Pid, to_server: bool) -> anyhow::Result<()> {
        let mut set = CpuSet::new();
        set.set(if to_server { self.server } else { self.client });
        sched_setaffinity(Some(thread), &set).context("pinning a thread")
    }

    /// Number of the server's core.
    pub(crate) const fn server(&self) -> usize {
        self.server
    }

    /// Runs `start` on the server's core: a process that it starts inherits the core.
    pub(crate) fn on_server_core<T>(&self, start: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let before = sched_getaffinity(None)?;
        pin(self.server)?;
        let started = start();
        sched_setaffinity(None, &before)?;
        started
    }
}

fn pin(core: usize) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).with_context(|| format!("pinning to core {core}"))
}

/// Lets this process open as many descriptors as the system allows it.
pub(crate) fn raise_descriptors() -> anyhow::Result<()> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).context("raising the number of descriptors")
}

/// Sockets that this process may open, with some descriptors left for other things.
pub(crate) fn sockets_max() -> usize {
    const OTHERS: u64 = 64;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit.saturating_sub(OTHERS)).unwrap_or(usize::MAX)
}

/// The middle value; 0 of none. Robust against a neighbour's burst in one round.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => 0.0,
        (len, middle) if len % 2 == 1 => sorted[middle],
        (_, middle) => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle_value() {
        let check = |values: &[f64], expect: f64| assert!((median(values) - expect).abs() < 1e-9, "{values:?}");
        check(&[], 0.0);
        check(&[3.0], 3.0);
        check(&[9.0, 1.0, 2.0], 2.0);
        check(&[4.0, 1.0, 2.0, 100.0], 3.0);
    }

    #[test]
    fn this_machine_has_a_core_and_a_kernel() {
        let machine = Machine::read();
        assert!(machine.cores >= 1);
        assert!(!machine.kernel.is_empty());
        assert!(machine.memory_mib > 0);
    }
}
