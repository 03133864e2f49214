//! One ban, as it is told to others and kept by them. Knows nothing of when one is made.

use std::net::IpAddr;

use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;

/// One ban. It refuses new connections of the address; what is already admitted goes on, since others may share the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// The address; of an IPv6 address its /64.
    pub addr: IpAddr,
    /// Why.
    pub cause: Cause,
    /// Offences that led to it; 0 when an operator made it.
    pub count: u32,
    /// First of them, or when it was made.
    pub first: Time,
    /// Last of them, or when it was made.
    pub last: Time,
    /// It ends here.
    pub until: Time,
    /// How many bans for offences the address had before that were not forgotten: each doubled this one.
    pub repeats: u8,
    /// Others are known to share the address: clients with a ticket still come in. So the kernel must not drop its packets.
    pub strangers_only: bool,
}

/// Why a ban or another step was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Offences; the last one's reason.
    Offence(Reject),
    /// A person's decision.
    Operator,
}

/// The address is in a list of those that are never banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address is in the list of trusted or unbannable prefixes")]
pub struct NotBannable;
