//! Proofs of admission. Only the guard can make them; code that needs one cannot be called without it.

use std::net::IpAddr;

use hillfort_proto::hello::{AppId, KeyId};
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;

use crate::source::Source;

/// A connection that was let in. Belongs to the connection and goes back by [`crate::Guard::on_close`] when it ends; not `Clone`,
/// so that no connection is counted out twice.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the connection counts as open until on_close"]
pub struct Admitted {
    pub(crate) peer: Peer,
    /// Its source and its network in the tables, so that they are hashed once.
    pub(crate) source: Source,
    pub(crate) network: u64,
    /// When it was let in.
    pub(crate) since: Time,
    /// Its session has lasted, and that was counted.
    pub(crate) settled: bool,
    /// Its session has played, and that was counted.
    pub(crate) played: bool,
    /// Why it comes in with a ticket alone.
    pub(crate) barred: Option<Reject>,
    /// The global budget was spent on it; else that is done when it has proven itself.
    pub(crate) paid: bool,
}

/// An address that has completed a handshake, so it is not forged: the ground on which offences may be charged to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub(crate) addr: IpAddr,
    pub(crate) excused: bool,
    /// Serial of the ticket that was shown on the connection; 0: none.
    pub(crate) ticket: u64,
}

/// A connection whose hello was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authed {
    pub(crate) app: AppId,
    pub(crate) key: KeyId,
}

impl Admitted {
    /// Where it comes from.
    #[must_use]
    pub const fn peer(&self) -> Peer {
        self.peer
    }

    /// From now on nothing that is wrong with this connection is charged to its address: what is said on it was chosen by somebody
    /// else, as by a web page of another site, whose visitors it must not be able to have banned. It is refused and counted all
    /// the same, and the limits of rate and number hold.
    pub const fn excuse(&mut self) {
        self.peer.excused = true;
    }
}

impl Peer {
    /// The address; an IPv4 address mapped into IPv6 is given as IPv4.
    #[must_use]
    pub const fn addr(self) -> IpAddr {
        self.addr
    }
}

impl Authed {
    /// App that signed the hello.
    #[must_use]
    pub const fn app(&self) -> AppId {
        self.app
    }

    /// Key that it was signed with.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }
}
