//! Memory and processor time of this process, as the kernel counts them. Owns nothing.

use rustix::time::{ClockId, clock_gettime};

/// What the process used up to now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Resident memory, bytes; 0 where the kernel does not say.
    pub(crate) rss_bytes: u64,
    /// Processor time of all threads since the start, nanoseconds.
    pub(crate) cpu_ns: u64,
}

/// Asks the kernel.
pub(crate) fn usage() -> Usage {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let cpu_ns = u64::try_from(cpu.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(cpu.tv_nsec).unwrap_or(0);
    let rss_bytes = std::fs::read_to_string("/proc/self/status").map_or(0, |status| rss_of(&status));
    Usage { rss_bytes, cpu_ns }
}

fn rss_of(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix("kB")).and_then(|number| number.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_from_the_kernels_text() {
        assert_eq!(rss_of("Name:\thillfort\nVmRSS:\t   12345 kB\nThreads:\t4\n"), 12_345 * 1024);
        assert_eq!(rss_of("Name:\thillfort\n"), 0);
        assert_eq!(rss_of("VmRSS: many kB\n"), 0);
    }

    #[test]
    fn this_process_uses_memory_and_time() {
        let usage = usage();
        assert!(usage.rss_bytes > 1024 * 1024, "{usage:?}");
        assert!(usage.cpu_ns > 0, "{usage:?}");
    }
}
