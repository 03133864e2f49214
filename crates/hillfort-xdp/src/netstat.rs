//! What the kernel itself says of its queues for new connections. Owns the reading of `/proc/net/netstat`, which is of the network
//! namespace of the process.

use std::{fs, io};

/// How often a queue for new connections was full, since the machine started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SynQueue {
    /// A SYN was answered by the kernel's own cookie.
    pub cookies: u64,
    /// A SYN was dropped.
    pub drops: u64,
    /// A completed handshake found the accept queue full.
    pub accept_overflows: u64,
}

impl SynQueue {
    /// Reads the counters now: 20 to 50 µs.
    ///
    /// # Errors
    /// The file cannot be read or has another form.
    pub fn read() -> io::Result<Self> {
        let text = fs::read_to_string("/proc/net/netstat")?;
        Self::of(&text)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/net/netstat has no line TcpExt that can be read"))
    }

    fn of(text: &str) -> Option<Self> {
        let value = |wanted: &str| named(text, "TcpExt:", wanted);
        Some(Self {
            cookies: value("TCPReqQFullDoCookies")?,
            drops: value("TCPReqQFullDrop")?,
            accept_overflows: value("ListenOverflows")?,
        })
    }

    /// What came since an earlier reading, all together: overflows for [`crate::Sample`]. The kernel counts its cookies at
    /// `tcp_syncookies` = 2 for each SYN, full or not: then `cookies_always` leaves them out.
    #[must_use]
    pub const fn since(&self, earlier: &Self, cookies_always: bool) -> u64 {
        let cookies = if cookies_always { 0 } else { self.cookies.saturating_sub(earlier.cookies) };
        cookies + self.drops.saturating_sub(earlier.drops) + self.accept_overflows.saturating_sub(earlier.accept_overflows)
    }
}

/// Resets that the kernel has sent since the machine started: its answer to TCP that belongs to no connection, and ours to those refused.
///
/// # Errors
/// `/proc/net/snmp` cannot be read or has another form.
pub fn resets_sent() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/net/snmp")?;
    named(&text, "Tcp:", "OutRsts")
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/net/snmp has no counter OutRsts that can be read"))
}

/// A counter by its name: a line of names, then one of values.
fn named(text: &str, prefix: &str, wanted: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(prefix));
    let (names, values) = (lines.next()?, lines.next()?);
    let mut pairs = names.split_whitespace().zip(values.split_whitespace());
    pairs.find(|(name, _)| *name == wanted).and_then(|(_, value)| value.parse().ok())
}

/// `net.ipv4.tcp_syncookies`: 0 never, 1 when a queue is full, 2 always. `None` when the kernel does not say.
#[must_use]
pub fn syncookies() -> Option<u8> {
    fs::read_to_string("/proc/sys/net/ipv4/tcp_syncookies").ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::SynQueue;

    #[test]
    fn counters_are_found_by_name() {
        let check = |text, expect| assert_eq!(SynQueue::of(text), expect, "{text}");
        let found = |cookies, drops, accept_overflows| Some(SynQueue { cookies, drops, accept_overflows });
        check(
            "TcpExt: A ListenOverflows TCPReqQFullDoCookies TCPReqQFullDrop Z\nTcpExt: 1 2 3 4 5\nIpExt: X\nIpExt: 9\n",
            found(3, 4, 2),
        );
        check("TcpExt: ListenOverflows TCPReqQFullDoCookies TCPReqQFullDrop\nTcpExt: 2 3\n", None);
        check("TcpExt: ListenOverflows\n", None);
        check("TcpExt: ListenOverflows TCPReqQFullDoCookies TCPReqQFullDrop\nTcpExt: 1 -2 3\n", None);
        check("", None);
    }

    #[test]
    fn this_kernel_is_read() {
        SynQueue::read().unwrap();
        super::resets_sent().unwrap();
        assert!(super::syncookies().is_some());
    }

    #[test]
    fn what_came_since_is_added_up() {
        let of = |cookies, drops, accept_overflows| SynQueue { cookies, drops, accept_overflows };
        assert_eq!(of(5, 5, 5).since(&of(1, 2, 3), false), 9);
        assert_eq!(of(5, 5, 5).since(&of(1, 2, 3), true), 5);
        assert_eq!(of(0, 0, 0).since(&of(1, 2, 3), false), 0);
    }
}
