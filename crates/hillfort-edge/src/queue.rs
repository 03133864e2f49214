//! Connections and sessions in the order in which they began to wait for something, threaded through their own records: the first is the oldest,
//! and because all in one queue may wait equally long, also the first whose time is over. Knows nothing of what they wait for.

use std::time::Duration;

use hillfort_proto::time::Time;
use slab::Slab;

const NONE: u32 = u32::MAX;

/// What a record waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Its first byte.
    FirstByte,
    /// The rest of its signed hello (TLS handshake included).
    Hello,
    /// Its login or resume.
    Login,
    /// The peer's end, after our last word.
    End,
    /// A session: its client, that is to come back.
    Return,
    /// The same, with a seat in a room.
    ReturnToSeat,
}

/// A record's place in its queue; part of the record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    wait: Option<Wait>,
    before: u32,
    after: u32,
    since: Time,
}

/// A record that can stand in a queue.
pub(crate) trait Waits {
    fn place(&mut self) -> &mut Place;

    /// Whether it is kept when others have to go. Must not change while it stands in a queue.
    fn goes_first(&self) -> bool {
        false
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Queue {
    wait: Wait,
    patience: Duration,
    first: u32,
    last: u32,
    len: usize,
}

impl Place {
    pub(crate) const fn nowhere() -> Self {
        Self { wait: None, before: NONE, after: NONE, since: Time::ZERO }
    }

    pub(crate) fn wait(&self) -> Option<Wait> {
        self.wait
    }
}

impl Queue {
    pub(crate) fn new(wait: Wait, patience: Duration) -> Self {
        Self { wait, patience, first: NONE, last: NONE, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Appends a record that stands nowhere.
    pub(crate) fn push<T: Waits>(&mut self, slab: &mut Slab<T>, key: u32, now: Time) {
        let Some(record) = slab.get_mut(key as usize) else { return };
        let place = record.place();
        debug_assert!(place.wait.is_none(), "a record stands in one queue");
        *place = Place { wait: Some(self.wait), before: self.last, after: NONE, since: now };
        match self.last {
            NONE => self.first = key,
            last => set(slab, last, |place| place.after = key),
        }
        self.last = key;
        self.len += 1;
    }

    /// Takes a record out, wherever it stands in this queue.
    pub(crate) fn remove<T: Waits>(&mut self, slab: &mut Slab<T>, key: u32) {
        let Some(record) = slab.get_mut(key as usize) else { return };
        let place = std::mem::replace(record.place(), Place::nowhere());
        debug_assert_eq!(place.wait, Some(self.wait));
        match place.before {
            NONE => self.first = place.after,
            before => set(slab, before, |before| before.after = place.after),
        }
        match place.after {
            NONE => self.last = place.before,
            after => set(slab, after, |after| after.before = place.before),
        }
        self.len = self.len.saturating_sub(1);
    }

    /// The one that waits longest, and since when.
    pub(crate) fn oldest<T: Waits>(&self, slab: &mut Slab<T>) -> Option<(u32, Time)> {
        if self.first == NONE {
            return None;
        }
        let first = slab.get_mut(self.first as usize);
        debug_assert!(first.is_some(), "who goes leaves its queue before");
        first.map(|record| (self.first, record.place().since))
    }

    /// The oldest, when its time is over.
    pub(crate) fn overdue<T: Waits>(&self, slab: &mut Slab<T>, now: Time) -> Option<u32> {
        self.oldest(slab).filter(|(_, since)| *since + self.patience <= now).map(|(key, _)| key)
    }

    /// When the oldest one's time is over.
    pub(crate) fn deadline<T: Waits>(&self, slab: &mut Slab<T>) -> Option<Time> {
        self.oldest(slab).map(|(_, since)| since + self.patience)
    }
}

/// Two queues for the same wait: those who are kept when there is no room, and all others.
#[derive(Debug)]
pub(crate) struct Ranked {
    others: Queue,
    kept: Queue,
}

impl Ranked {
    pub(crate) fn new(wait: Wait, patience: Duration) -> Self {
        Self { others: Queue::new(wait, patience), kept: Queue::new(wait, patience) }
    }

    pub(crate) fn len(&self) -> usize {
        self.others.len() + self.kept.len()
    }

    pub(crate) fn push<T: Waits>(&mut self, slab: &mut Slab<T>, key: u32, now: Time) {
        self.of(slab, key).push(slab, key, now);
    }

    pub(crate) fn remove<T: Waits>(&mut self, slab: &mut Slab<T>, key: u32) {
        self.of(slab, key).remove(slab, key);
    }

    /// The oldest of those who are kept, or of the others.
    pub(crate) fn oldest<T: Waits>(&self, slab: &mut Slab<T>, kept: bool) -> Option<u32> {
        if kept { &self.kept } else { &self.others }.oldest(slab).map(|(key, _)| key)
    }

    pub(crate) fn overdue<T: Waits>(&self, slab: &mut Slab<T>, now: Time) -> Option<u32> {
        self.others.overdue(slab, now).or_else(|| self.kept.overdue(slab, now))
    }

    pub(crate) fn deadline<T: Waits>(&self, slab: &mut Slab<T>) -> Option<Time> {
        [self.others.deadline(slab), self.kept.deadline(slab)].into_iter().flatten().min()
    }

    fn of<T: Waits>(&mut self, slab: &Slab<T>, key: u32) -> &mut Queue {
        if slab.get(key as usize).is_some_and(Waits::goes_first) { &mut self.kept } else { &mut self.others }
    }
}

/// Changes the place of a neighbour.
fn set<T: Waits>(slab: &mut Slab<T>, key: u32, change: impl FnOnce(&mut Place)) {
    let record = slab.get_mut(key as usize);
    debug_assert!(record.is_some(), "who goes leaves its queue before");
    if let Some(record) = record {
        change(record.place());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Waits for Place {
        fn place(&mut self) -> &mut Place {
            self
        }
    }

    #[test]
    fn oldest_first_whatever_is_taken_out() {
        let mut slab = Slab::new();
        let mut queue = Queue::new(Wait::Hello, Duration::from_millis(10));
        let keys: Vec<u32> = (0..5).map(|_| slab.insert(Place::nowhere()) as u32).collect();
        for (n, key) in keys.iter().enumerate() {
            queue.push(&mut slab, *key, Time::from_millis(n as u64));
        }
        queue.remove(&mut slab, keys[2]);
        queue.remove(&mut slab, keys[0]);
        queue.remove(&mut slab, keys[4]);
        queue.push(&mut slab, keys[0], Time::from_millis(7));
        assert_eq!(queue.deadline(&mut slab), Some(Time::from_millis(11)));
        assert_eq!(queue.overdue(&mut slab, Time::from_millis(10)), None);
        let mut order = Vec::new();
        while let Some(key) = queue.overdue(&mut slab, Time::from_millis(17)) {
            queue.remove(&mut slab, key);
            order.push(key);
        }
        assert_eq!(order, [keys[1], keys[3], keys[0]]);
        assert_eq!((queue.len(), queue.deadline(&mut slab)), (0, None));
    }
}
