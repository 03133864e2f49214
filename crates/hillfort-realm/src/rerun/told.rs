//! Events that the seat has got since its player joined, for spectators who come later. Bounded: those of the join itself stay, of the others the
//! newest. Knows nothing of seats.

use std::collections::VecDeque;

/// Events of the join, and as many others.
const EVENTS_MAX: usize = 256;
/// Bytes of the join's events, and as many of the others; together less than what waits for one client.
const BYTES_MAX: usize = 128 * 1024;

#[derive(Debug, Default)]
pub(super) struct Told {
    joining: bool,
    first: Part,
    later: Part,
}

#[derive(Debug, Default)]
struct Part {
    events: VecDeque<(u32, Box<[u8]>)>,
    bytes: usize,
}

impl Told {
    /// The seat's player joins: what was told before was told to another.
    pub(super) fn on_join(&mut self) {
        *self = Self { joining: true, ..Self::default() };
    }

    /// A tick is over, and with it what belongs to the join.
    pub(super) const fn on_tick(&mut self) {
        self.joining = false;
    }

    pub(super) fn note(&mut self, op: u32, data: &[u8]) {
        self.joining &= self.first.has_room(data.len());
        let part = if self.joining { &mut self.first } else { &mut self.later };
        while !part.has_room(data.len())
            && let Some((_, oldest)) = part.events.pop_front()
        {
            part.bytes -= oldest.len();
        }
        part.events.push_back((op, data.into()));
        part.bytes += data.len();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.first.events.iter().chain(&self.later.events).map(|(op, data)| (*op, &**data))
    }
}

impl Part {
    fn has_room(&self, more: usize) -> bool {
        self.events.len() < EVENTS_MAX && self.bytes + more <= BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_events_of_the_join_stay_and_the_oldest_others_go() {
        let mut told = Told::default();
        told.note(9, b"of somebody before");
        told.on_join();
        told.note(1, b"map");
        told.on_tick();
        (0..1_000).for_each(|op| told.note(op, b"later"));
        let ops: Vec<_> = told.iter().map(|(op, _)| op).collect();
        assert_eq!((ops[0], ops[1], ops.len(), ops.last()), (1, 744, 1 + EVENTS_MAX, Some(&999)));
        told.note(7, &[0; BYTES_MAX]);
        assert_eq!(told.iter().map(|(op, _)| op).collect::<Vec<_>>(), [1, 7], "bytes are bounded, too");
    }

    #[test]
    fn a_join_that_says_too_much_keeps_its_order() {
        let mut told = Told::default();
        told.on_join();
        for (op, len) in [(1, 100_000), (2, 100_000), (3, 10)] {
            told.note(op, &vec![0; len]);
        }
        assert_eq!(told.iter().map(|(op, _)| op).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
