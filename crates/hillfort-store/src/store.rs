//! Owns the choice of a database by URL. Knows nothing of what is stored.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::memory::Memory;
use crate::sql::Sql;
use crate::sqlite::Sqlite;
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
    /// PostgreSQL: PEM file of the authorities whose servers are trusted. With it the connection has to be TLS; without it, it is plain.
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
        match Place::read(url)? {
            Place::Memory => Ok(Self::of(Arc::new(Memory::default()))),
            place => Ok(Self::of(Arc::new(place.open(options).await?))),
        }
    }

    /// Whether the URL names a store that this build knows; nothing is opened.
    pub fn check_url(url: &str) -> Result<()> {
        Place::read(url).map(drop)
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

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    Sqlite(PathBuf),
    #[cfg(feature = "postgres")]
    Postgres(String),
}

impl Place {
    /// Reads the URL of a store.
    pub(crate) fn read(url: &str) -> Result<Self> {
        if url == "memory:" {
            return Ok(Self::Memory);
        }
        if let Some(path) = url.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            return Ok(Self::Sqlite(path.into()));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            #[cfg(feature = "postgres")]
            return Ok(Self::Postgres(url.to_owned()));
            #[cfg(not(feature = "postgres"))]
            return Err(StoreError::invalid(
                "store URL",
                "names PostgreSQL, which this build lacks: build with the feature `postgres`",
            ));
        }
        Err(StoreError::invalid(
            "store URL",
            "is none of sqlite:<file>, postgres://<user>:<password>@<host>/<database> and memory:",
        ))
    }

    /// Opens a database that is not in memory.
    pub(crate) async fn open(self, options: Options) -> Result<Sql> {
        match self {
            Self::Memory => Err(StoreError::invalid("store URL", "memory: is no place that lasts")),
            Self::Sqlite(path) => {
                let opened = tokio::task::spawn_blocking(move || Sqlite::open(&path, &options));
                Ok(Sql::Sqlite(opened.await.map_err(|error| StoreError::Unavailable(error.to_string()))??))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => Ok(Sql::Postgres(crate::postgres::Postgres::open(&url, &options).await?)),
        }
    }
}
