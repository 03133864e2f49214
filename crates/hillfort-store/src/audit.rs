//! Owns the port of the audit log: who did what to whom. Lines are added and read; nothing changes one.

use async_trait::async_trait;
use serde::Serialize;
use std::fmt::Debug;

use crate::{METADATA_MAX, Millis, Page, Result, check};

/// A line to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAuditEntry {
    /// Who: an operator's name, a module, `server`.
    pub actor: String,
    /// What, as `account.ban`.
    pub action: String,
    /// To whom or what; may be empty.
    pub subject: String,
    /// From which address; may be empty.
    pub address: String,
    /// A JSON object.
    pub detail: String,
}

impl NewAuditEntry {
    pub(crate) fn check(&self) -> Result<()> {
        check::name("actor", &self.actor, 256)?;
        check::name("action", &self.action, 128)?;
        check::text("subject", &self.subject, 512)?;
        check::text("address", &self.address, 128)?;
        check::object("detail", &self.detail, METADATA_MAX)
    }
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Its number: rises with each line.
    pub id: i64,
    /// When.
    pub time: Millis,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To whom or what.
    pub subject: String,
    /// From which address.
    pub address: String,
    /// A JSON object.
    pub detail: String,
}

/// Which lines. Empty texts mean any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To whom or what.
    pub subject: String,
}

impl AuditFilter {
    pub(crate) fn check(&self) -> Result<()> {
        check::text("actor", &self.actor, 256)?;
        check::text("action", &self.action, 128)?;
        check::text("subject", &self.subject, 512)
    }
}

/// The port. Each method is a unit of work.
#[async_trait]
pub trait Audit: Send + Sync + Debug {
    /// Adds a line; its number.
    async fn append(&self, entry: NewAuditEntry, now: Millis) -> Result<i64>;

    /// Lines, newest first.
    async fn list(&self, filter: AuditFilter, limit: usize, cursor: Option<String>) -> Result<Page<AuditEntry>>;

    /// Removes at most `limit` lines, oldest first: those from before `before`, and those that are not among the newest `keep`; how many.
    async fn purge(&self, before: Millis, keep: usize, limit: usize) -> Result<u64>;
}
