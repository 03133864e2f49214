//! What was signed out before its time: sessions, and generations of accounts. Asked for every call, so it is memory alone; knows nothing
//! of stores and clocks.
//!
//! An entry lives as long as the tokens that it refuses, and only somebody who is signed in can make one. The tables are bounded all the
//! same: when one is full of entries that still matter, a sign-out is refused rather than forgotten.

use std::collections::HashMap;
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::id::Id;

/// Most sessions and accounts each that are remembered.
pub const REVOKED_MAX: usize = 1 << 20;

/// Parts of a table with a lock each, so that readers on several threads seldom meet a writer.
const SHARDS: usize = 16;

/// There is no room to remember another sign-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many sessions were signed out at once: try again later")]
pub struct Full;

/// Sessions and generations whose tokens are refused.
#[derive(Debug, Default)]
pub struct Revoked {
    sessions: Table,
    users: Table,
}

/// What is refused, by id.
#[derive(Debug, Default)]
struct Table {
    shards: [RwLock<HashMap<Id, Entry>>; SHARDS],
    /// Entries in all shards: most calls find none at all, and take no lock.
    count: AtomicUsize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Second after which no token that it concerns is good by itself.
    until_s: i64,
    /// Tokens of a smaller generation are refused. Sessions are refused whatever the generation.
    generation: i64,
}

impl Revoked {
    /// Refuses all tokens of `session`, of which the last ends at `until_s`.
    ///
    /// # Errors
    /// [`Full`].
    pub fn end_session(&self, session: Id, until_s: i64, now_s: i64) -> Result<(), Full> {
        self.sessions.insert(session, Entry { until_s, generation: i64::MAX }, now_s)
    }

    /// Refuses tokens of `user` that are of an older generation than this; the last of them ends at `until_s`.
    ///
    /// # Errors
    /// [`Full`].
    pub fn end_all(&self, user: Id, generation: i64, until_s: i64, now_s: i64) -> Result<(), Full> {
        self.users.insert(user, Entry { until_s, generation }, now_s)
    }

    /// Whether a token of this session, user and generation is refused.
    #[must_use]
    pub fn refuses(&self, session: Id, user: Id, generation: i64) -> bool {
        self.sessions.generation(session).is_some() || self.users.generation(user).is_some_and(|least| generation < least)
    }

    /// Forgets what no token can need any more. To be called now and then, say every minute.
    pub fn sweep(&self, now_s: i64) {
        self.sessions.sweep(now_s);
        self.users.sweep(now_s);
    }
}

impl Table {
    fn shard(&self, id: Id) -> &RwLock<HashMap<Id, Entry>> {
        &self.shards[usize::from(id[15]) % SHARDS]
    }

    fn insert(&self, id: Id, entry: Entry, now_s: i64) -> Result<(), Full> {
        let mut shard = self.shard(id).write().expect("no holder panics");
        if shard.len() >= REVOKED_MAX / SHARDS && !shard.contains_key(&id) {
            let before = shard.len();
            shard.retain(|_, old| old.until_s >= now_s);
            self.count.fetch_sub(before - shard.len(), Ordering::Relaxed);
            if shard.len() >= REVOKED_MAX / SHARDS {
                return Err(Full);
            }
        }
        let old = shard.entry(id).or_insert_with(|| {
            self.count.fetch_add(1, Ordering::Release);
            entry
        });
        old.until_s = old.until_s.max(entry.until_s);
        old.generation = old.generation.max(entry.generation);
        Ok(())
    }

    fn generation(&self, id: Id) -> Option<i64> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.shard(id).read().expect("no holder panics").get(&id).map(|entry| entry.generation)
    }

    fn sweep(&self, now_s: i64) {
        for shard in &self.shards {
            let mut shard = shard.write().expect("no holder panics");
            let before = shard.len();
            shard.retain(|_, entry| entry.until_s >= now_s);
            self.count.fetch_sub(before - shard.len(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Full, REVOKED_MAX, Revoked, SHARDS};
    use crate::id::Id;

    fn id(number: u128) -> Id {
        number.to_be_bytes()
    }

    #[test]
    fn a_session_ends_alone() {
        let revoked = Revoked::default();
        assert!(!revoked.refuses(id(1), id(9), 0));
        revoked.end_session(id(1), 160, 100).unwrap();
        assert!(revoked.refuses(id(1), id(9), 0) && revoked.refuses(id(1), id(9), 99));
        assert!(!revoked.refuses(id(2), id(9), 0));
    }

    #[test]
    fn a_generation_ends_and_the_next_does_not() {
        let revoked = Revoked::default();
        revoked.end_all(id(9), 3, 160, 100).unwrap();
        revoked.end_all(id(9), 2, 150, 100).unwrap();
        assert!(revoked.refuses(id(1), id(9), 2) && !revoked.refuses(id(1), id(9), 3));
        assert!(!revoked.refuses(id(1), id(8), 0));
    }

    #[test]
    fn entries_live_as_long_as_tokens() {
        let revoked = Revoked::default();
        revoked.end_session(id(1), 160, 100).unwrap();
        revoked.sweep(160);
        assert!(revoked.refuses(id(1), id(9), 0));
        revoked.sweep(161);
        assert!(!revoked.refuses(id(1), id(9), 0));
        assert_eq!(revoked.sessions.count.load(std::sync::atomic::Ordering::Relaxed), 0);
    }

    #[test]
    fn a_full_table_refuses_and_makes_room_when_it_can() {
        let revoked = Revoked::default();
        let one_shard = |number: usize| id(number as u128 * SHARDS as u128);
        for number in 0..REVOKED_MAX / SHARDS {
            revoked.end_session(one_shard(number), 160, 100).unwrap();
        }
        assert_eq!(revoked.end_session(one_shard(REVOKED_MAX), 160, 160), Err(Full));
        assert!(revoked.refuses(one_shard(0), id(9), 0), "nothing was forgotten");
        assert_eq!(revoked.end_session(one_shard(0), 170, 160), Ok(()), "what is there stays there");
        assert_eq!(revoked.end_session(one_shard(REVOKED_MAX), 180, 161), Ok(()));
        assert!(revoked.refuses(one_shard(0), id(9), 0) && !revoked.refuses(one_shard(1), id(9), 0));
    }
}
