//! Processor time and memory of another process, from `/proc`. Knows nothing of what the process does.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

/// Memory of a process, as its `status` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Memory {
    /// Resident set, bytes.
    pub(crate) rss_bytes: u64,
    /// The part of it that is the process's own (no mapped files, nothing shared), bytes.
    pub(crate) anonymous_bytes: u64,
}

/// Processor time that all threads of `pid` have used so far, to the nanosecond; a running thread's time since its last clock tick (at
/// most 10 ms) is missing. Time of the kernel in the name of the thread is in it, also for interrupts that happened to come then.
pub(crate) fn processor_time(pid: u32) -> anyhow::Result<Duration> {
    let mut total_ns = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("process {pid} is gone"))? {
        // A thread may end while we look: its time is lost, as it would be a moment later.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        total_ns += parse_schedstat(&text).context("schedstat of a thread")?;
    }
    Ok(Duration::from_nanos(total_ns))
}

/// Processor time of one thread, with the same flaw.
pub(crate) fn thread_time(thread: u32) -> anyhow::Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{thread}/schedstat")).with_context(|| format!("thread {thread} is gone"))?;
    Ok(Duration::from_nanos(parse_schedstat(&text).context("schedstat of a thread")?))
}

/// Threads of the kernel whose names begin like this.
pub(crate) fn kernel_threads(prefix: &str) -> anyhow::Result<Vec<u32>> {
    let mut found = vec![];
    for entry in fs::read_dir("/proc").context("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if fs::read_to_string(entry.path().join("comm")).is_ok_and(|comm| comm.starts_with(prefix)) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// Memory of `pid` now.
pub(crate) fn memory(pid: u32) -> anyhow::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid} is gone"))?;
    parse_status(&status).context("memory in the status of a process")
}

fn parse_schedstat(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

fn parse_status(text: &str) -> Option<Memory> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
    };
    Some(Memory { rss_bytes: field("VmRSS:")?, anonymous_bytes: field("RssAnon:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_proc_says() {
        assert_eq!(parse_schedstat("152842 348065 4\n"), Some(152_842));
        assert_eq!(parse_schedstat(""), None);
        let status = "Name:\tx\nVmRSS:\t    1024 kB\nRssAnon:\t     512 kB\n";
        assert_eq!(parse_status(status), Some(Memory { rss_bytes: 1 << 20, anonymous_bytes: 512 << 10 }));
        assert_eq!(parse_status("Name:\tx\n"), None);
    }

    #[test]
    fn our_own_time_grows() {
        let pid = std::process::id();
        let before = processor_time(pid).expect("own /proc entry");
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while processor_time(pid).expect("own /proc entry") <= before {
            assert!(std::time::Instant::now() < deadline, "processor time stands still");
        }
        assert!(memory(pid).expect("own /proc entry").rss_bytes > 0);
    }
}
