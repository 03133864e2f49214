//! Owns the model of the outbox.

use async_trait::async_trait;
use std::collections::BTreeSet;

use super::{Memory, OutboxRow, State};
use crate::cursor::Window;
use crate::{Millis, NewOutboxEntry, Outbox, OutboxEntry, Result, check};

impl State {
    pub(super) fn enqueue(&mut self, entry: NewOutboxEntry, now: Millis) {
        let id = self.number();
        let NewOutboxEntry { topic, key, payload } = entry;
        let entry = OutboxEntry { id, topic, key, payload, time: now, attempts: 0 };
        self.outbox.put(id, OutboxRow { entry, taken_until: 0 });
    }
}

#[async_trait]
impl Outbox for Memory {
    async fn enqueue(&self, entries: Vec<NewOutboxEntry>, now: Millis) -> Result<()> {
        check::batch("entries", &entries)?;
        entries.iter().try_for_each(NewOutboxEntry::check)?;
        self.unit(|state| {
            entries.into_iter().for_each(|entry| state.enqueue(entry, now));
            Ok(())
        })
    }

    async fn take(&self, topic: String, limit: usize, lease: Millis, now: Millis) -> Result<Vec<OutboxEntry>> {
        check::text("topic", &topic, 128)?;
        let limit = Window::<i64>::new(limit, None)?.limit;
        self.unit(|state| {
            let (mut held, mut free) = (BTreeSet::new(), Vec::new());
            for (id, row) in state.outbox.iter().filter(|(_, row)| row.entry.topic == topic) {
                if row.taken_until > now {
                    held.insert(&row.entry.key);
                } else if !held.contains(&row.entry.key) && free.len() < limit {
                    free.push((*id, row.clone()));
                }
            }
            let mut taken = Vec::new();
            for (id, mut row) in free {
                row.taken_until = now.saturating_add(lease);
                row.entry.attempts += 1;
                taken.push(row.entry.clone());
                state.outbox.put(id, row);
            }
            Ok(taken)
        })
    }

    async fn done(&self, ids: Vec<i64>) -> Result<u64> {
        check::batch("ids", &ids)?;
        self.unit(|state| Ok(ids.iter().filter(|id| state.outbox.remove(id).is_some()).count() as u64))
    }

    async fn pending(&self, topic: String) -> Result<u64> {
        check::text("topic", &topic, 128)?;
        self.unit(|state| Ok(state.outbox.iter().filter(|(_, row)| row.entry.topic == topic).count() as u64))
    }
}
