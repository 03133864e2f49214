//! Owns the choice of a database by URL. Knows nothing of what is stored.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::memory::Memory;
use crate::{Accounts, Audit, Meta, Objects, Operators, Outbox, Result, Sessions, StoreError, Updates, Wallets};

/// How a database is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long a call waits for a place in the queue, a connection or a lock, before it is [`StoreError::Busy`].
    pub busy_timeout: Duration,
    /// SQLite: read-only connections; 1 to 64.
    pub readers: usize,
    /// SQLite: units of work that may wait for the writer.
    pub queue: usize,
    /// PostgreSQL: connections; 1 to 1,000.
    pub connections: usize,
    /// PostgreSQL: longest statement.
    pub statement_timeout: Duration,
    /// PostgreSQL: PEM file of the authorities whose servers are trusted; `None` takes the system's.
    pub postgres_ca: Option<PathBuf>,
    /// Whether missing tables are made. Without it, an older database is an error that says so.
    pub migrate: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(5),
            readers: 2,
            queue: 1024,
            connections: 16,
            statement_timeout: Duration::from_secs(10),
            postgres_ca: None,
            migrate: true,
        }
    }
}

/// All ports to one database. A clone is another handle to the same.
#[derive(Debug, Clone)]
pub struct Store {
    /// Who people are.
    pub accounts: Arc<dyn Accounts>,
    /// Where they are signed in.
    pub sessions: Arc<dyn Sessions>,
    /// What games keep.
    pub objects: Arc<dyn Objects>,
    /// What people own.
    pub wallets: Arc<dyn Wallets>,
    /// Changes of several of these at once.
    pub updates: Arc<dyn Updates>,
    /// Messages that follow changes.
    pub outbox: Arc<dyn Outbox>,
    /// Who did what.
    pub audit: Arc<dyn Audit>,
    /// Who uses the console.
    pub operators: Arc<dyn Operators>,
    /// What the server keeps about itself.
    pub meta: Arc<dyn Meta>,
}

impl Store {
    /// Opens the database that the URL names, makes its tables, and is ready for use. Needs a tokio runtime with its timer.
    pub async fn open(url: &str, options: Options) -> Result<Self> {
        let _ = options;
        if url == "memory:" {
            return Ok(Self::of(Arc::new(Memory::default())));
        }
        Err(StoreError::invalid("store URL", "begins with sqlite:, postgres:// or memory:"))
    }

    fn of<T>(all: Arc<T>) -> Self
    where
        T: Accounts + Sessions + Objects + Wallets + Updates + Outbox + Audit + Operators + Meta + 'static,
    {
        Self {
            accounts: all.clone(),
            sessions: all.clone(),
            objects: all.clone(),
            wallets: all.clone(),
            updates: all.clone(),
            outbox: all.clone(),
            audit: all.clone(),
            operators: all.clone(),
            meta: all,
        }
    }
}
