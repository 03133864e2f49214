//! What rooms put out, on its way to the doors; on an overloaded thread only every second state. Knows nothing of lanes.

use std::collections::HashSet;

use hillfort_world::{Output, Overload, Seat, To};

use super::World;
use super::ask::Answer;
use crate::slab::Hosted;

/// States of a tick that were held back: they go out with the next tick unless that has newer ones. So the last state that a room puts
/// out always arrives.
#[derive(Debug, Default)]
pub(crate) struct Withheld {
    tick: u64,
    states: Vec<(To, Vec<u8>)>,
}

impl World {
    /// Sends what the room put out; kicks are noted for [`World::settle`].
    pub(super) fn deliver(&mut self, hosted: &mut Hosted) {
        if self.out.is_untouched() && hosted.withheld.is_none() {
            return;
        }
        if let Some(watched) = &mut hosted.watched {
            watched.on_outputs(&hosted.cell, &self.out);
        }
        let tick = hosted.cell.ctx().tick();
        let hold = tick % 2 == 1 && !hosted.is_paused() && hosted.cell.overload() >= Overload::FewerStates;
        if !hold && let Some(withheld) = hosted.withheld.take() {
            self.send_withheld(hosted, &withheld);
        }
        for output in self.out.iter() {
            match output {
                Output::Event { to, op, data } => self.outbox.event(hosted.cell.recipients(to, false), hosted.id, op, data),
                Output::State { to, data } if hold => {
                    let withheld = hosted.withheld.get_or_insert_default();
                    withheld.tick = tick;
                    withheld.states.push((to, data.to_vec()));
                }
                Output::State { to, data } => self.outbox.state(hosted.cell.recipients(to, true), hosted.id, tick, data),
                Output::Kick { seat } => self.kicked.push(seat),
                Output::Answer { session, reject, reason } => {
                    self.answers.push(Answer { session, reject, reason: reason.into() })
                }
                Output::Reply { number, data } => Self::on_reply(hosted, number, data),
                Output::Log { line } => self.meter.on_log(hosted.id, &hosted.game_name, tick, line),
            }
        }
        self.meter.totals.outputs_refused += self.out.refused();
        self.meter.totals.log_lines_lost += self.out.log_lines_lost();
        self.out.clear();
    }

    pub(super) fn send_withheld(&mut self, hosted: &Hosted, withheld: &Withheld) {
        let newer = self.out.iter().filter_map(|output| if let Output::State { to, .. } = output { Some(to) } else { None });
        let (mut for_all, mut for_one) = (false, HashSet::<Seat>::new());
        for to in newer {
            match to {
                To::All => for_all = true,
                To::One(seat) => _ = for_one.insert(seat),
                To::Except(_) => {}
            }
        }
        for (to, data) in &withheld.states {
            let replaced = for_all || matches!(to, To::One(seat) if for_one.contains(seat));
            if replaced {
                self.meter.totals.states_thinned += 1;
            } else {
                self.outbox.state(hosted.cell.recipients(*to, true), hosted.id, withheld.tick, data);
            }
        }
    }
}
