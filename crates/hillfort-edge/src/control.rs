//! Orders from outside the loop: a bounded queue and a waker. Knows nothing of who gives them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use hillfort_guard::{Ban, InForce, NotBannable, Place, Regions, Reputation, TopSource};
use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::time::Time;
use mio::Waker;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::tls::{self, Certificate, CertificateError, Configs};

/// Orders that wait at most.
pub(crate) const CONTROL_DEPTH: usize = 256;

/// Where orders are given. Cheap to clone; any thread may.
#[derive(Debug, Clone)]
pub struct Control {
    pub(crate) orders: SyncSender<Order>,
    pub(crate) waker: Arc<Waker>,
}

/// The edge did not take the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ControlError {
    /// Too many orders wait: try again.
    #[error("the edge is busy")]
    Busy,
    /// The edge has ended.
    #[error("the edge has ended")]
    Ended,
}

/// A player as the console shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Player {
    /// Session.
    pub session: SessionId,
    /// Display name.
    pub name: String,
    /// Room, when it sits in one.
    pub room: Option<RoomId>,
    /// Round trip of the last answered ping, µs; `None` before the first.
    pub rtt_us: Option<u32>,
    /// Where it is connected from; `None` while it is detached.
    pub peer: Option<SocketAddr>,
}

/// Bans in force.
#[derive(Debug, Clone)]
pub struct BanList {
    /// The guard's time now; the bans' times are in the same count.
    pub now: Time,
    /// In no order.
    pub bans: Vec<Ban>,
}

/// Addresses that bear a step of the ladder.
#[derive(Debug, Clone)]
pub struct StepList {
    /// The guard's time now; the steps' times are in the same count.
    pub now: Time,
    /// In no order, the hardest of each address.
    pub steps: Vec<InForce>,
}

/// What the guard knows of one address.
#[derive(Debug, Clone)]
pub struct LadderView {
    /// The guard's time now; all times are in the same count.
    pub now: Time,
    /// Steps that it bears, the mildest first.
    pub steps: Vec<InForce>,
    /// Its score and what led to it.
    pub reputation: Reputation,
    /// Where it belongs, by the table of regions.
    pub place: Place,
}

#[derive(Debug)]
pub(crate) enum Order {
    Guard(Box<hillfort_guard::Config>),
    Ban { addr: IpAddr, lasts: Duration, reply: oneshot::Sender<Result<(), NotBannable>> },
    Lift { addr: IpAddr, reply: oneshot::Sender<bool> },
    Bans { reply: oneshot::Sender<BanList> },
    Steps { most: usize, reply: oneshot::Sender<StepList> },
    Ladder { addr: IpAddr, reply: oneshot::Sender<LadderView> },
    Top { most: usize, reply: oneshot::Sender<Vec<TopSource>> },
    Regions { regions: Arc<Regions>, reply: oneshot::Sender<Arc<Regions>> },
    GuardStats { reply: oneshot::Sender<hillfort_guard::Stats> },
    Players { players_max: usize, reply: oneshot::Sender<Vec<Player>> },
    Certificate { tls: Configs, handshakes_per_s: Option<u32>, reply: oneshot::Sender<Result<(), CertificateError>> },
    Drain { within: Duration, reply: oneshot::Sender<()> },
}

/// The methods give an order and return at once. A receiver brings the answer, to a task (`.await`) or a thread (`blocking_recv`); it
/// fails when the edge ends before it answers. All fail with [`ControlError`] when the order cannot be given.
#[expect(clippy::missing_errors_doc, reason = "said once, above")]
impl Control {
    /// Changes limits, lists and keys of the guard.
    pub fn apply(&self, config: hillfort_guard::Config) -> Result<(), ControlError> {
        self.give(Order::Guard(Box::new(config)))
    }

    /// Has new connections of both doors use this certificate; those that are open go on with the old one. Sessions of TLS that were
    /// begun before are not continued but made anew. A certificate that cannot be used changes nothing, and the answer says why. Takes
    /// some 50 ms in the caller's thread: handshakes with it are measured.
    pub fn set_certificate(
        &self,
        certificate: &Certificate,
    ) -> Result<oneshot::Receiver<Result<(), CertificateError>>, ControlError> {
        match tls::server_config(certificate) {
            Ok(tls) => {
                let handshakes_per_s = tls::handshakes_per_s(&tls.plain);
                self.ask(|reply| Order::Certificate { tls, handshakes_per_s, reply })
            }
            Err(error) => {
                let (reply, answer) = oneshot::channel();
                drop(reply.send(Err(error)));
                Ok(answer)
            }
        }
    }

    /// Bans an address.
    pub fn ban(&self, addr: IpAddr, lasts: Duration) -> Result<oneshot::Receiver<Result<(), NotBannable>>, ControlError> {
        self.ask(|reply| Order::Ban { addr, lasts, reply })
    }

    /// Forgets what an address has done, and lifts its ban and every other step; answers whether it was banned.
    pub fn lift(&self, addr: IpAddr) -> Result<oneshot::Receiver<bool>, ControlError> {
        self.ask(|reply| Order::Lift { addr, reply })
    }

    /// Bans in force, at most 1,024 of them.
    pub fn bans(&self) -> Result<oneshot::Receiver<BanList>, ControlError> {
        self.ask(|reply| Order::Bans { reply })
    }

    /// Addresses that bear a step of the ladder, at most `most`, 1,024 at the most.
    pub fn steps(&self, most: usize) -> Result<oneshot::Receiver<StepList>, ControlError> {
        self.ask(|reply| Order::Steps { most, reply })
    }

    /// What one address bears, and why.
    pub fn ladder(&self, addr: IpAddr) -> Result<oneshot::Receiver<LadderView>, ControlError> {
        self.ask(|reply| Order::Ladder { addr, reply })
    }

    /// The sources that come most, at most `most`, the loudest first.
    pub fn top(&self, most: usize) -> Result<oneshot::Receiver<Vec<TopSource>>, ControlError> {
        self.ask(|reply| Order::Top { most, reply })
    }

    /// Gives the guard another table of regions. Answers with the one from before, so that whoever asked drops it: that takes
    /// milliseconds, which the loop does not have.
    pub fn set_regions(&self, regions: Arc<Regions>) -> Result<oneshot::Receiver<Arc<Regions>>, ControlError> {
        self.ask(|reply| Order::Regions { regions, reply })
    }

    /// What the guard has counted.
    pub fn guard_stats(&self) -> Result<oneshot::Receiver<hillfort_guard::Stats>, ControlError> {
        self.ask(|reply| Order::GuardStats { reply })
    }

    /// Some of the players, at most `players_max`, in no order.
    pub fn players(&self, players_max: usize) -> Result<oneshot::Receiver<Vec<Player>>, ControlError> {
        self.ask(|reply| Order::Players { players_max, reply })
    }

    /// Refuses new connections from now on, closes the sessions with `shutdown` after `within` at the latest, and then ends the edge.
    /// Answers when that is done.
    pub fn drain(&self, within: Duration) -> Result<oneshot::Receiver<()>, ControlError> {
        self.ask(|reply| Order::Drain { within, reply })
    }

    fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<oneshot::Receiver<T>, ControlError> {
        let (reply, answer) = oneshot::channel();
        self.give(order(reply)).map(|()| answer)
    }

    fn give(&self, order: Order) -> Result<(), ControlError> {
        self.orders.try_send(order).map_err(|e| match e {
            TrySendError::Full(_) => ControlError::Busy,
            TrySendError::Disconnected(_) => ControlError::Ended,
        })?;
        self.waker.wake().map_err(|_| ControlError::Ended)
    }
}
