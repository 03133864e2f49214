//! A connection on its way from the loop that admitted it to another that owns it from then on, and what it owes to the first: its
//! place at the guard, given back once, whatever becomes of it. Knows nothing of either loop.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hillfort_guard::Admitted;
use hillfort_proto::reject::Reject;
use hyper::upgrade::OnUpgrade;

use crate::Stream;

/// A connection that speaks WebSocket from here on, and whose loop the receiver is.
#[derive(Debug)]
pub struct Guest {
    /// Where it speaks.
    pub stream: Stream,
    /// What was read of it already. No readiness event will tell of it.
    pub early: Bytes,
    /// Who it is.
    pub peer: SocketAddr,
    /// Its place at the guard.
    pub permit: Permit,
}

/// The place of one connection at the guard. Dropping it gives the place back.
#[derive(Debug)]
pub struct Permit {
    admitted: Option<Admitted>,
    fault: Option<Reject>,
    account: Option<u64>,
    desk: Arc<dyn Desk>,
}

/// Where places are given back: the loop that has the guard. Called once for each [`Permit`].
pub trait Desk: std::fmt::Debug + Send + Sync {
    /// The connection is over. `fault`: what its peer did wrong, to be charged to its address. `account`: who it was, for an address that is
    /// known by its players.
    fn give_back(&self, admitted: Admitted, fault: Option<Reject>, account: Option<u64>);
}

impl Permit {
    /// A place that `desk` takes back.
    #[must_use]
    pub const fn new(admitted: Admitted, desk: Arc<dyn Desk>) -> Self {
        Self { admitted: Some(admitted), fault: None, account: None, desk }
    }

    /// The peer has proven to be this account.
    pub const fn set_account(&mut self, account: u64) {
        self.account = Some(account);
    }

    /// The peer broke a rule: charged to its address when the place is given back. The first counts.
    pub fn charge(&mut self, fault: Reject) {
        self.fault.get_or_insert(fault);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(admitted) = self.admitted.take() {
            self.desk.give_back(admitted, self.fault, self.account);
        }
    }
}

/// Hands the connection of one request over. In the extensions of each request of a door that can.
#[derive(Debug, Clone)]
pub struct Upgrades(Arc<dyn Doorman>);

/// What a door does for [`Upgrades`].
pub trait Doorman: std::fmt::Debug + Send + Sync {
    /// Waits for the answer to be written and gives the connection to `to`. Nothing when it breaks before.
    fn hand_over(self: Arc<Self>, upgrade: OnUpgrade, to: Box<dyn FnOnce(Guest) + Send>);

    /// Counts what the peer did wrong, and has it charged to its address.
    fn refuse(&self, reject: Reject);

    /// Counts what was wrong, and charges nobody.
    fn count(&self, reject: Reject);
}

impl Upgrades {
    /// By `doorman`.
    #[must_use]
    pub fn new(doorman: Arc<dyn Doorman>) -> Self {
        Self(doorman)
    }

    /// Gives the connection of the request that `upgrade` is from to `to`, as soon as its answer, 101, is written.
    pub fn hand_over(self, upgrade: OnUpgrade, to: impl FnOnce(Guest) + Send + 'static) {
        self.0.hand_over(upgrade, Box::new(to));
    }

    /// The request is refused for what its peer did wrong: counted, and charged to its address.
    pub fn refuse(&self, reject: Reject) {
        self.0.refuse(reject);
    }

    /// The request is refused for what its peer need not have chosen: counted, and charged to nobody.
    pub fn excuse(&self, reject: Reject) {
        self.0.count(reject);
    }
}
