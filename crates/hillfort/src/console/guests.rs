//! Connections that are open: so many in all and so many of one source. A newcomer who finds no place gets that of somebody whom nobody knows yet, so
//! that strangers who are slow keep no operator out. Knows nothing of sockets, nor how somebody becomes known.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

/// See the module. A clone shares the places.
#[derive(Debug, Clone)]
pub(super) struct Guests {
    most: usize,
    /// In the order in which they came.
    here: Arc<Mutex<Vec<Arc<Guest>>>>,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Guest {
    source: u64,
    is_known: AtomicBool,
    out: Notify,
}

/// Its place; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) guest: Arc<Guest>,
    of: Guests,
}

impl Guests {
    pub(super) fn new(most: usize) -> Self {
        Self { most, here: Arc::default() }
    }

    /// A place for one more of `source`, which may have `share` of them. Where there is none, the oldest goes whom nobody knows: of the same source
    /// when its share is taken, else of the source that has most such. `None`: all of them are known.
    pub(super) fn enter(&self, source: u64, share: usize, is_known: bool) -> Option<Seat> {
        let mut here = self.here();
        let own = here.iter().filter(|guest| guest.source == source).count();
        if own >= share || here.len() >= self.most {
            let of = |source| here.iter().filter(|guest| guest.source == source && !guest.is_known()).count();
            let strangers = here.iter().enumerate().filter(|(_, guest)| !guest.is_known());
            let (at, _) = if own >= share {
                strangers.into_iter().find(|(_, guest)| guest.source == source)?
            } else {
                // Of several that have as many, the first.
                strangers.rev().max_by_key(|(_, guest)| of(guest.source))?
            };
            here.remove(at).out.notify_one();
        }
        let guest = Arc::new(Guest { source, is_known: AtomicBool::new(is_known), out: Notify::new() });
        here.push(Arc::clone(&guest));
        drop(here);
        Some(Seat { guest, of: self.clone() })
    }

    fn here(&self) -> MutexGuard<'_, Vec<Arc<Guest>>> {
        self.here.lock().expect("no holder panics")
    }
}

impl Guest {
    /// Somebody came by this connection who may be here: it stays.
    pub(super) fn is_vouched_for(&self) {
        self.is_known.store(true, Relaxed);
    }

    /// Until its place was given to somebody else.
    pub(super) async fn shown_out(&self) {
        self.out.notified().await;
    }

    fn is_known(&self) -> bool {
        self.is_known.load(Relaxed)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.of.here().retain(|guest| !Arc::ptr_eq(guest, &self.guest));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn is_out(seat: &Seat) -> bool {
        seat.guest.shown_out().now_or_never().is_some()
    }

    #[test]
    fn strangers_make_room() {
        let guests = Guests::new(6);
        let enter = |source| guests.enter(source, 3, false);
        let anna = enter(1).unwrap();
        let slow: Vec<_> = [2, 2, 2, 3, 3].into_iter().map(|source| enter(source).unwrap()).collect();
        // All are taken: who has most gives the oldest.
        let ben = enter(4).unwrap();
        assert_eq!(slow.iter().map(is_out).collect::<Vec<_>>(), [true, false, false, false, false]);
        let carl = enter(5).unwrap();
        assert_eq!(slow.iter().map(is_out).collect::<Vec<_>>(), [false, true, false, false, false]);
        assert!(!is_out(&anna) && !is_out(&ben) && !is_out(&carl));
        drop(slow);
        assert_eq!(guests.here().len(), 3, "nothing is kept of who is gone");
    }

    #[test]
    fn who_is_known_stays() {
        let guests = Guests::new(4);
        let seats: Vec<_> = (0..3).map(|_| guests.enter(1, 3, false).unwrap()).collect();
        seats[0].guest.is_vouched_for();
        // The share of its source is taken: the oldest stranger goes.
        let fourth = guests.enter(1, 3, false).unwrap();
        assert_eq!(seats.iter().map(is_out).collect::<Vec<_>>(), [false, true, false]);
        for seat in seats.iter().chain([&fourth]) {
            seat.guest.is_vouched_for();
        }
        assert!(guests.enter(1, 3, false).is_none(), "nobody is a stranger");
        let local = guests.enter(2, 4, true).unwrap();
        assert!(guests.enter(3, 3, false).is_none(), "all places are taken by those who are known");
        drop(fourth);
        assert!(guests.enter(3, 3, false).is_some());
        assert!(!is_out(&local));
    }
}
