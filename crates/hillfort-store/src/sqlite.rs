//! Owns SQLite: one thread with the connection that writes, and some connections that read. Knows nothing of what is stored.
//!
//! Several connections that write would wait for each other, or fail at once when one that has read wants to write. So units of work
//! queue for one thread, which takes up to 256 of them into one transaction, for 10 ms at most, and answers after the commit has reached
//! the disk (`synchronous=FULL`). Each runs in a savepoint of its own: one that fails takes back nothing of the others.

mod conn;
mod readers;
mod writer;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::time::Duration;

use crate::backup::create_private;
use crate::sql::{Fail, Unit};
use crate::store::Options;
use crate::{Result, StoreError, schema};
use readers::Readers;
use writer::Writer;

/// Prepared statements that each connection keeps. There are fewer texts than this.
const STATEMENTS: usize = 160;

/// A database file that is open.
#[derive(Debug)]
pub(crate) struct Sqlite {
    writer: Writer,
    readers: Readers,
}

impl Sqlite {
    /// Opens the file, makes it and its folder when they are not there, and brings its tables up to date. Blocks.
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self> {
        let mut connection = open_to_write(path, options.busy_timeout)?;
        schema::sqlite(&mut connection, options.migrate)?;
        let readers = Readers::open(path, options)?;
        Ok(Self { writer: Writer::start(connection, options)?, readers })
    }

    pub(crate) async fn write<A: Send + Sync + 'static, T: Send + 'static>(&self, args: A, unit: Unit<A, T>) -> Result<T> {
        self.writer.run(args, unit).await
    }

    pub(crate) async fn read<A, T>(&self, args: A, unit: Unit<A, T>, snapshot: bool) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.readers.run(args, unit, snapshot).await
    }
}

/// A connection that may write, with the settings that make commits last.
pub(crate) fn open_to_write(path: &Path, busy_timeout: Duration) -> Result<Connection> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|error| StoreError::Unavailable(format!("the folder {} cannot be made: {error}", folder.display())))?;
    }
    if !path.exists() {
        // Whoever makes it at the same moment makes the same. The files beside it take over its permissions.
        let _ = create_private(path);
    }
    let opened = Connection::open(path).and_then(|connection| {
        settle(&connection, busy_timeout)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(connection)
    });
    opened.map_err(|error| unavailable(path, &error))
}

fn open_to_read(path: &Path, busy_timeout: Duration) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened =
        Connection::open_with_flags(path, flags).and_then(|connection| settle(&connection, busy_timeout).map(|()| connection));
    opened.map_err(|error| unavailable(path, &error))
}

fn settle(connection: &Connection, busy_timeout: Duration) -> rusqlite::Result<()> {
    connection.busy_timeout(busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "trusted_schema", false)
}

fn unavailable(path: &Path, error: &rusqlite::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {error}", path.display()))
}

/// Puts an error of SQLite into the terms of a unit of work.
fn fail(error: &rusqlite::Error) -> Fail {
    use rusqlite::ffi::{SQLITE_CONSTRAINT_FOREIGNKEY, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
    let Some(cause) = error.sqlite_error() else { return StoreError::Unavailable(error.to_string()).into() };
    match (cause.code, cause.extended_code) {
        (_, SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY) => Fail::Unique,
        (_, SQLITE_CONSTRAINT_FOREIGNKEY) => Fail::Foreign,
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => StoreError::Busy.into(),
        _ => StoreError::Unavailable(error.to_string()).into(),
    }
}
