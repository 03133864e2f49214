//! What the filter says of a packet, and in which mode it is. Owns the closed lists that counters and labels come from.

use hillfort_bpf::xdp;

/// What happened to a packet. The number is its place in the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Verdict {
    /// Not for our ports, or nothing that can be one of ours: left alone.
    PassOther = 0,
    /// For one of our ports: given to the kernel.
    Pass = 1,
    /// A new connection from the allow list: given to the kernel unseen.
    Allow = 2,
    /// Headers that no receiver accepts, or that no honest sender writes.
    DropMalformed = 3,
    /// A fragment for one of our ports, or a later one of a protocol that we watch.
    DropFragment = 4,
    /// A new connection from a banned source.
    DropBanned = 5,
    /// Flood mode: a SYN answered by a cookie.
    CookieSent = 6,
    /// Flood mode: a SYN given to the kernel, which lends no cookie now (its own queue has room, or cookies are off).
    PassNoCookie = 7,
    /// Flood mode: TCP for our doors that belongs to no connection and brings no cookie back.
    DropNoSocket = 8,
}

impl Verdict {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::PassOther,
        Self::Pass,
        Self::Allow,
        Self::DropMalformed,
        Self::DropFragment,
        Self::DropBanned,
        Self::CookieSent,
        Self::PassNoCookie,
        Self::DropNoSocket,
    ];

    /// Name in metrics and in the console.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::PassOther => "pass_other",
            Self::Pass => "pass",
            Self::Allow => "allow",
            Self::DropMalformed => "drop_malformed",
            Self::DropFragment => "drop_fragment",
            Self::DropBanned => "drop_banned",
            Self::CookieSent => "cookie_sent",
            Self::PassNoCookie => "pass_no_cookie",
            Self::DropNoSocket => "drop_no_socket",
        }
    }

    /// What the kernel is told to do with the packet.
    pub(crate) const fn action(self) -> i32 {
        match self {
            Self::PassOther | Self::Pass | Self::Allow | Self::PassNoCookie => xdp::PASS,
            Self::DropMalformed | Self::DropFragment | Self::DropBanned | Self::DropNoSocket => xdp::DROP,
            Self::CookieSent => xdp::TX,
        }
    }
}

/// How the filter treats new connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u64)]
pub enum Mode {
    /// SYNs go to the kernel.
    #[default]
    Passive = 0,
    /// SYNs are answered by cookies, and TCP that belongs to no socket is dropped.
    Flood = 1,
}

impl Mode {
    /// Name in metrics and in the console.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Passive => "passive",
            Self::Flood => "flood",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict;

    #[test]
    fn numbers_are_places() {
        for (place, verdict) in Verdict::ALL.into_iter().enumerate() {
            assert_eq!(verdict as usize, place, "{}", verdict.label());
        }
    }
}
