//! Owns the port of the outbox: messages that are stored in the transaction of what they tell of, and handed on afterwards, at least once,
//! in order for each key. Knows nothing of who takes them.

use async_trait::async_trait;
use std::fmt::Debug;

use crate::{Millis, Result, StoreError, check};

/// Longest payload, bytes.
pub const PAYLOAD_MAX: usize = 1 << 20;

/// A message to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOutboxEntry {
    /// Which consumers it is for.
    pub topic: String,
    /// Messages of one key are handed on in order.
    pub key: String,
    /// What it says.
    pub payload: Vec<u8>,
}

impl NewOutboxEntry {
    pub(crate) fn check(&self) -> Result<()> {
        check::name("topic", &self.topic, 128)?;
        check::text("key", &self.key, 256)?;
        if self.payload.len() > PAYLOAD_MAX {
            return Err(StoreError::invalid("payload", format!("has {} bytes, at most {PAYLOAD_MAX}", self.payload.len())));
        }
        Ok(())
    }
}

/// A message that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Its number, by which consumers find doubles.
    pub id: i64,
    /// Which consumers it is for.
    pub topic: String,
    /// Its key.
    pub key: String,
    /// What it says.
    pub payload: Vec<u8>,
    /// When it was stored.
    pub time: Millis,
    /// How often it was taken, this time included.
    pub attempts: i64,
}

/// The port. Each method is a unit of work. To store messages with other changes: [`crate::Updates`].
#[async_trait]
pub trait Outbox: Send + Sync + Debug {
    /// Stores messages, in order.
    async fn enqueue(&self, entries: Vec<NewOutboxEntry>, now: Millis) -> Result<()>;

    /// Takes at most `limit` messages of a topic, oldest first. Until `now + lease` nobody else gets them, nor later ones of their keys;
    /// then they come again unless they are [`Self::done`].
    async fn take(&self, topic: String, limit: usize, lease: Millis, now: Millis) -> Result<Vec<OutboxEntry>>;

    /// Removes messages that were handed on; how many were still there.
    async fn done(&self, ids: Vec<i64>) -> Result<u64>;

    /// Messages that wait or are taken, of a topic.
    async fn pending(&self, topic: String) -> Result<u64>;
}
