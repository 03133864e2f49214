//! The queue of bans and lifts to the thread of the kernel filter: bounded, never waited for, and made good by the list of all bans when something
//! found no room; and of the console's wish to see it stand somewhere else. Knows nothing of the filter.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::console::{FilterPost, Rung};

/// Orders that wait for the thread at most.
const ORDERS_DEPTH: usize = 4096;

/// Longest wait for the filter to stand somewhere: the kernel checks a million steps of the program.
const STAND_MAX: Duration = Duration::from_secs(5);

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Order {
    Ban(IpAddr, Duration),
    Lift(IpAddr),
    /// These and no others.
    All(Vec<(IpAddr, Duration)>),
    /// Stand at this interface, too, for the visit of this number, and say how.
    Stand(u64, String, SyncSender<Result<Rung, String>>),
}

/// For how many attacks the filter was to stand somewhere, and how many of them have ended. Beside the queue, so that no end is lost when
/// that is full.
#[derive(Debug, Default)]
pub(super) struct Visits {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Visits {
    fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn end(&self) {
        self.ended.store(self.begun.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Whether the visit of this number has ended.
    pub(super) fn has_ended(&self, number: u64) -> bool {
        number <= self.ended.load(Ordering::Relaxed)
    }
}

/// The console's end: has the filter stand at the interface of an attack.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    orders: SyncSender<Order>,
    visits: Arc<Visits>,
}

impl FilterPost for Post {
    fn stand(&self, interface: &str) -> Result<Rung, String> {
        let gone = || "its thread has ended, or does not answer".to_owned();
        let (answer, answered) = sync_channel(1);
        self.orders.try_send(Order::Stand(self.visits.begin(), interface.to_owned(), answer)).map_err(|_| gone())?;
        answered.recv_timeout(STAND_MAX).map_err(|_| gone())?
    }

    fn leave(&self) {
        self.visits.end();
    }
}

/// Where bans are handed to the filter. Never blocks: what finds no room is counted, and all bans are wanted as soon as there is some.
#[derive(Debug)]
pub(crate) struct KernelBans {
    orders: SyncSender<Order>,
    pub(super) counts: Arc<OrderCounts>,
    pub(super) visits: Arc<Visits>,
    /// Something was lost since the filter was last told all.
    behind: bool,
}

/// What both ends of the queue of orders count, since the start.
#[derive(Debug, Default)]
pub(super) struct OrderCounts {
    given: AtomicU64,
    pub(super) obeyed: AtomicU64,
    pub(super) lost: AtomicU64,
}

impl KernelBans {
    pub(super) fn new() -> (Self, Receiver<Order>) {
        let (orders, receiver) = sync_channel(ORDERS_DEPTH);
        (Self { orders, counts: Arc::default(), visits: Arc::default(), behind: false }, receiver)
    }

    /// New connections of the address are dropped for this long. When too many orders wait, user space refuses it meanwhile.
    pub(crate) fn ban(&mut self, addr: IpAddr, lasts: Duration) {
        self.give(Order::Ban(addr, lasts));
    }

    /// Ends a ban.
    pub(crate) fn lift(&mut self, addr: IpAddr) {
        self.give(Order::Lift(addr));
    }

    /// For the console. While it lives, the thread does.
    pub(super) fn post(&self) -> Post {
        Post { orders: self.orders.clone(), visits: Arc::clone(&self.visits) }
    }

    /// Whether an order was lost, and there is room again to make it good.
    pub(crate) fn wants_all(&self) -> bool {
        let OrderCounts { given, obeyed, .. } = &*self.counts;
        self.behind && given.load(Ordering::Relaxed) - obeyed.load(Ordering::Relaxed) <= ORDERS_DEPTH as u64 / 2
    }

    /// These bans are in force, and no others.
    pub(crate) fn all(&mut self, bans: Vec<(IpAddr, Duration)>) {
        self.behind = false;
        self.give(Order::All(bans));
    }

    fn give(&mut self, order: Order) {
        // Before it can be obeyed.
        self.counts.given.fetch_add(1, Ordering::Relaxed);
        if self.orders.try_send(order).is_err() {
            self.counts.given.fetch_sub(1, Ordering::Relaxed);
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
            self.behind = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The filter's thread stands still while more is lifted than can wait; then it obeys.
    #[test]
    fn what_was_lost_is_made_good_when_there_is_room() {
        let addr = |n: usize| IpAddr::from([10, 0, (n / 256) as u8, n as u8]);
        let (mut bans, orders) = KernelBans::new();
        let obey = |bans: &KernelBans| {
            let order = orders.try_recv();
            bans.counts.obeyed.fetch_add(u64::from(order.is_ok()), Ordering::Relaxed);
            order
        };
        (0..ORDERS_DEPTH).for_each(|n| bans.ban(addr(n), Duration::from_secs(60)));
        assert!(!bans.wants_all(), "all found room");
        bans.lift(addr(0));
        bans.lift(addr(1));
        assert_eq!((bans.counts.lost.load(Ordering::Relaxed), bans.wants_all()), (2, false), "no room to make it good");
        for _ in 0..ORDERS_DEPTH / 2 {
            assert!(matches!(obey(&bans), Ok(Order::Ban(..))));
        }
        assert!(bans.wants_all());
        bans.all(vec![(addr(2), Duration::from_secs(60))]);
        assert!(!bans.wants_all());
        let last = std::iter::from_fn(|| obey(&bans).ok()).last();
        assert!(matches!(last, Some(Order::All(all)) if all.len() == 1), "after what had been told before");
    }
    /// The filter's thread stands still while so many are banned that no order has room, and the attack ends.
    #[test]
    fn the_end_of_an_attack_is_heard_whatever_waits() {
        let (mut bans, orders) = KernelBans::new();
        let (post, visits) = (bans.post(), Arc::clone(&bans.visits));
        let stand = |interface| {
            std::thread::scope(|scope| {
                let asked = scope.spawn(|| post.stand(interface));
                let Ok(Order::Stand(number, ..)) = orders.recv() else { panic!("the filter is to stand somewhere") };
                // Whoever was to answer is gone.
                assert!(asked.join().unwrap().is_err());
                number
            })
        };
        let first = stand("hfd1");
        assert!(!visits.has_ended(first));
        (0..ORDERS_DEPTH).for_each(|_| bans.ban(IpAddr::from([10, 0, 0, 1]), Duration::from_secs(60)));
        post.leave();
        assert!(visits.has_ended(first));
        orders.try_iter().for_each(drop);
        let second = stand("hfd2");
        assert!(visits.has_ended(first) && !visits.has_ended(second), "it stands for the next one");
    }
}
