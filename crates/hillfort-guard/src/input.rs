//! Buckets for what one session says. Lives in the session; knows nothing of its content.

use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;

use crate::bucket::{Cell, Rate, ticks};

/// Buckets that the op codes of inputs share.
const KINDS: usize = 4;

/// What a message is charged to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class(u8);

impl Class {
    /// Ping, ack, join, leave: all that is not an input.
    pub const CONTROL: Self = Self(KINDS as u8);

    /// Input with this op code. Op codes share four buckets by their low two bits, so that a game can keep two kinds apart.
    #[must_use]
    pub const fn input(op: u32) -> Self {
        Self((op % KINDS as u32) as u8)
    }
}

/// What a session may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputRates {
    /// All inputs of the session together.
    pub session: Rate,
    /// Inputs of one class.
    pub kind: Rate,
    /// Control messages.
    pub control: Rate,
    /// Messages dropped by the three above that are borne before the connection is closed.
    pub tolerance: Rate,
}

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Handle it.
    Pass,
    /// Drop it and count the reject.
    Drop(Reject),
    /// Close the connection with this reject; it is an offence ([`crate::Guard::on_offence`]).
    Close(Reject),
}

/// One session's buckets, 28 bytes.
#[derive(Debug, Clone, Copy)]
pub struct InputBuckets {
    session: Cell,
    kinds: [Cell; KINDS],
    control: Cell,
    dropped: Cell,
}

const _: () = assert!(size_of::<InputBuckets>() <= 32, "every session has one");

impl InputBuckets {
    /// Full buckets.
    #[must_use]
    pub const fn new(now: Time) -> Self {
        let full = Cell::full(ticks(now));
        Self { session: full, kinds: [full; KINDS], control: full, dropped: full }
    }

    /// Charges a message that costs `cost` events (1 for a small one). A message that is dropped is charged to the tolerance
    /// only.
    pub fn on_input(&mut self, rates: &InputRates, now: Time, class: Class, cost: u32) -> Verdict {
        let now = ticks(now);
        if class == Class::CONTROL {
            match self.control.after(now, &rates.control, cost) {
                Some(control) => self.control = control,
                None => return self.drop(rates, now, Reject::ControlRate),
            }
            return Verdict::Pass;
        }
        let kind = &mut self.kinds[usize::from(class.0)];
        match (kind.after(now, &rates.kind, cost), self.session.after(now, &rates.session, cost)) {
            (Some(left_kind), Some(left_session)) => {
                *kind = left_kind;
                self.session = left_session;
                Verdict::Pass
            }
            _ => self.drop(rates, now, Reject::InputRate),
        }
    }

    fn drop(&mut self, rates: &InputRates, now: u32, reject: Reject) -> Verdict {
        match self.dropped.after(now, &rates.tolerance, 1) {
            Some(dropped) => {
                self.dropped = dropped;
                Verdict::Drop(reject)
            }
            None => Verdict::Close(Reject::InputFlood),
        }
    }
}

#[cfg(test)]
mod tests;
