//! Owns the tables of both databases, in numbered steps that are never changed once released. Knows nothing of what uses them.

use refinery_core::traits::sync::{Query, Transaction};
use refinery_core::{Migrate, Migration, Runner};
use rusqlite::Connection;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::{Result, StoreError};

const SQLITE: &[(&str, &str)] = &[("V1__first", include_str!("../migrations/sqlite/V1__first.sql"))];

#[cfg(feature = "postgres")]
const POSTGRES: &[(&str, &str)] = &[("V1__first", include_str!("../migrations/postgres/V1__first.sql"))];

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Number,
    Text,
    Bytes,
}

/// A table as it is exported: columns in order, those of the primary key first.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, Holds)],
    /// How many of the columns are the primary key.
    pub(crate) key: usize,
    /// Whether the database counts its primary key.
    pub(crate) counted: bool,
}

/// All tables, in an order in which rows may be inserted. A test compares them with the databases.
pub(crate) const TABLES: &[Table] = {
    use Holds::{Bytes, Number, Text};
    &[
        Table {
            name: "accounts",
            columns: &[
                ("id", Bytes),
                ("username", Text),
                ("display_name", Text),
                ("avatar_url", Text),
                ("lang_tag", Text),
                ("location", Text),
                ("timezone", Text),
                ("metadata", Text),
                ("password_hash", Text),
                ("generation", Number),
                ("create_time", Number),
                ("update_time", Number),
                ("verify_time", Number),
                ("ban_since", Number),
                ("ban_until", Number),
                ("ban_reason", Text),
                ("ban_by", Text),
            ],
            key: 1,
            counted: false,
        },
        Table { name: "identities", columns: &[("kind", Text), ("value", Text), ("account_id", Bytes)], key: 2, counted: false },
        Table {
            name: "tombstones",
            columns: &[("account_id", Bytes), ("time", Number), ("actor", Text)],
            key: 1,
            counted: false,
        },
        Table {
            name: "sessions",
            columns: &[
                ("id", Bytes),
                ("account_id", Bytes),
                ("current", Bytes),
                ("previous", Bytes),
                ("rotate_time", Number),
                ("vars", Text),
                ("origin", Text),
                ("create_time", Number),
                ("update_time", Number),
                ("expires", Number),
            ],
            key: 1,
            counted: false,
        },
        Table {
            name: "resets",
            columns: &[("account_id", Bytes), ("token", Bytes), ("expires", Number)],
            key: 1,
            counted: false,
        },
        Table {
            name: "objects",
            columns: &[
                ("account_id", Bytes),
                ("collection", Text),
                ("key", Text),
                ("value", Text),
                ("version", Text),
                ("read_permission", Number),
                ("write_permission", Number),
                ("create_time", Number),
                ("update_time", Number),
            ],
            key: 3,
            counted: false,
        },
        Table { name: "wallets", columns: &[("account_id", Bytes), ("name", Text), ("amount", Number)], key: 2, counted: false },
        Table {
            name: "ledger",
            columns: &[
                ("number", Number),
                ("id", Bytes),
                ("account_id", Bytes),
                ("changeset", Text),
                ("metadata", Text),
                ("create_time", Number),
                ("update_time", Number),
            ],
            key: 1,
            counted: true,
        },
        Table {
            name: "outbox",
            columns: &[
                ("number", Number),
                ("topic", Text),
                ("key", Text),
                ("payload", Bytes),
                ("time", Number),
                ("attempts", Number),
                ("taken_until", Number),
            ],
            key: 1,
            counted: true,
        },
        Table {
            name: "audit",
            columns: &[
                ("number", Number),
                ("time", Number),
                ("actor", Text),
                ("action", Text),
                ("subject", Text),
                ("address", Text),
                ("detail", Text),
            ],
            key: 1,
            counted: true,
        },
        Table {
            name: "operators",
            columns: &[
                ("name", Text),
                ("role", Number),
                ("password_hash", Text),
                ("create_time", Number),
                ("update_time", Number),
                ("generation", Number),
            ],
            key: 1,
            counted: false,
        },
        Table { name: "meta", columns: &[("name", Text), ("value", Bytes)], key: 1, counted: false },
    ]
};

fn runner(steps: &[(&str, &str)]) -> Runner {
    let migrations: Vec<Migration> =
        steps.iter().map(|(name, sql)| Migration::unapplied(name, sql).expect("steps are named V<number>__<name>")).collect();
    // All steps in one transaction with the notes of them: a server that dies in the middle leaves the old tables.
    Runner::new(&migrations).set_grouped(true)
}

fn fault(error: &refinery_core::Error) -> StoreError {
    use refinery_core::error::Kind;
    let newer = "the database is of a newer Hillfort than this one, or was changed by hand";
    match error.kind() {
        Kind::MissingVersion(_) | Kind::DivergentVersion(..) => StoreError::Unavailable(format!("{newer}: {error}")),
        _ => StoreError::Unavailable(format!("the tables cannot be brought up to date: {error}")),
    }
}

/// That all steps are noted.
fn complete(runner: &Runner, done: &[Migration]) -> Result<()> {
    let open = runner.get_migrations().iter().filter(|step| !done.contains(step)).count();
    match open {
        0 => Ok(()),
        open => Err(StoreError::Unavailable(format!("the database lacks {open} steps of its tables: run `hillfort migrate`"))),
    }
}

/// Brings the tables up to date, or says that they are not.
pub(crate) fn sqlite(connection: &mut Connection, migrate: bool) -> Result<()> {
    let runner = runner(SQLITE);
    let mut steps = Steps(connection);
    if !migrate {
        let noted = steps.0.table_exists(None, TABLE).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let done = if noted { runner.get_applied_migrations(&mut steps).map_err(|error| fault(&error))? } else { Vec::new() };
        return complete(&runner, &done);
    }
    // Two servers may start at once: whoever comes second finds the tables made, at the second look at the latest.
    if runner.run(&mut steps).is_err() {
        runner.run(&mut steps).map_err(|error| fault(&error))?;
    }
    Ok(())
}

/// As [`sqlite`]. The connection has no time limits afterwards.
#[cfg(feature = "postgres")]
pub(crate) async fn postgres(client: &mut tokio_postgres::Client, migrate: bool) -> Result<()> {
    const LOCK: &str = "SET statement_timeout = 0; SET lock_timeout = 0; SELECT pg_advisory_lock(7523094288207668)";
    const UNLOCK: &str = "SELECT pg_advisory_unlock(7523094288207668)";
    let broken = |error: tokio_postgres::Error| StoreError::Unavailable(error.to_string());
    let runner = runner(POSTGRES);
    if !migrate {
        let noted = client.query("SELECT 1 FROM pg_tables WHERE tablename = $1", &[&TABLE]).await.map_err(broken)?;
        let done = match noted.len() {
            0 => Vec::new(),
            _ => runner.get_applied_migrations_async(client).await.map_err(|error| fault(&error))?,
        };
        return complete(&runner, &done);
    }
    // Two servers may start at once.
    client.batch_execute(LOCK).await.map_err(broken)?;
    let run = runner.run_async(client).await;
    client.batch_execute(UNLOCK).await.map_err(broken)?;
    run.map(drop).map_err(|error| fault(&error))
}

/// Table in which the steps that were done are noted.
const TABLE: &str = "refinery_schema_history";

/// SQLite as refinery wants it. Its own adapter would bring the reading of configuration files along.
struct Steps<'a>(&'a mut Connection);

impl Transaction for Steps<'_> {
    type Error = rusqlite::Error;

    fn execute<'a, T: Iterator<Item = &'a str>>(&mut self, queries: T) -> rusqlite::Result<usize> {
        let transaction = self.0.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut count = 0;
        for query in queries {
            transaction.execute_batch(query)?;
            count += 1;
        }
        transaction.commit()?;
        Ok(count)
    }
}

impl Query<Vec<Migration>> for Steps<'_> {
    fn query(&mut self, query: &str) -> rusqlite::Result<Vec<Migration>> {
        let mut statement = self.0.prepare(query)?;
        let steps = statement.query_map([], |row| {
            let (time, checksum): (String, String) = (row.get(2)?, row.get(3)?);
            let damaged =
                |at| rusqlite::Error::InvalidColumnType(at, "refinery_schema_history".to_owned(), rusqlite::types::Type::Text);
            let time = OffsetDateTime::parse(&time, &Rfc3339).map_err(|_| damaged(2))?;
            Ok(Migration::applied(row.get(0)?, row.get(1)?, time, checksum.parse().map_err(|_| damaged(3))?))
        })?;
        steps.collect()
    }
}

impl Migrate for Steps<'_> {}
