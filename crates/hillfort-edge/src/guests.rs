//! Connections that came by this edge's doors and belong to other loops: their places at the guard, on their way back. Knows nothing of
//! what is spoken there.

use std::sync::{Arc, Mutex, PoisonError};

use hillfort_guard::Admitted;
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;
use hillfort_stream::Desk;
use mio::Waker;

use crate::thread::EdgeThread;

/// A place that is free again.
#[derive(Debug)]
struct Returned {
    admitted: Admitted,
    fault: Option<Reject>,
    account: Option<u64>,
}

/// Where other threads put places that are free again. Holds each place that was given away once at most.
#[derive(Debug)]
pub(crate) struct Returns {
    places: Mutex<Vec<Returned>>,
    waker: Arc<Waker>,
}

impl Returns {
    pub(crate) fn new(waker: Arc<Waker>) -> Self {
        Self { places: Mutex::default(), waker }
    }
}

impl Desk for Returns {
    fn give_back(&self, admitted: Admitted, fault: Option<Reject>, account: Option<u64>) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.push(Returned { admitted, fault, account });
        let first = places.len() == 1;
        drop(places);
        if first {
            // A loop that cannot be woken looks at its next turn.
            let _best_effort = self.waker.wake();
        }
    }
}

impl EdgeThread {
    pub(crate) fn on_returns(&mut self, now: Time) {
        let places = std::mem::take(&mut *self.returns.places.lock().unwrap_or_else(PoisonError::into_inner));
        for Returned { mut admitted, fault, account } in places {
            match (fault, account) {
                (Some(reject), _) => drop(self.guard.on_offence(now, admitted.peer(), reject)),
                // One that lasted makes its address known.
                (None, Some(account)) => drop(self.guard.on_settled(now, &mut admitted, account)),
                (None, None) => {}
            }
            self.guard.on_close(admitted);
        }
    }
}
