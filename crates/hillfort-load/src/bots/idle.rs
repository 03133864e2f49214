//! Clients that log in and say nothing more than the session needs.

use hillfort_proto::session::client::Event;
use hillfort_proto::time::Time;

use crate::crowd::{Behaviour, Crowd, Voice};

/// Nothing to do.
#[derive(Debug)]
pub(crate) struct Idle;

impl Behaviour for Idle {
    fn on_event(&mut self, _index: usize, _now: Time, _event: Event<'_>, _voice: &mut Voice<'_>) {}

    fn next_at(&self) -> Time {
        Time(u64::MAX)
    }

    fn on_turn(&mut self, _now: Time, _crowd: &mut Crowd) {}
}
