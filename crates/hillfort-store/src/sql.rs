//! Owns the ports on an SQL database: one text of each unit of work for both databases, over a connection that hides which one it is. Knows
//! nothing of threads, pools and wire formats.
//!
//! A unit of work is a function over its arguments and a [`Conn`]. It may be run again from the start when the database asks for that, so
//! it keeps nothing outside of both. Statements number their parameters `$1`, `$2`; both databases have the same tables of three types:
//! whole numbers, text in byte order, bytes.

mod accounts;
mod console;
mod identities;
mod objects;
mod outbox;
mod sessions;
mod updates;
mod wallets;

use std::future::Future;
use std::pin::Pin;

use crate::cursor::fitting;
#[cfg(feature = "postgres")]
use crate::postgres::Postgres;
use crate::sqlite::Sqlite;
use crate::{Conflict, Missing, Result, StoreError, UserId};

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A unit of work.
pub(crate) type Unit<A, T> = for<'a> fn(&'a A, &'a mut dyn Conn) -> BoxFuture<'a, Result<T, Fail>>;

/// A value in a column or for a parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// Why a statement or a unit of work ended.
#[derive(Debug)]
pub(crate) enum Fail {
    /// A unique key is taken.
    Unique,
    /// The account that a row belongs to is not there.
    Foreign,
    /// Another transaction was in the way: the unit of work is to be run again.
    Again,
    /// For the caller.
    Store(StoreError),
}

impl Fail {
    /// Names the conflict when it was a unique key.
    fn unique(self, conflict: Conflict) -> Self {
        if matches!(self, Self::Unique) { conflict.into() } else { self }
    }
}

impl From<Fail> for StoreError {
    fn from(fail: Fail) -> Self {
        match fail {
            Fail::Unique => Conflict::Id.into(),
            Fail::Foreign => Missing::Account.into(),
            Fail::Again => Self::Busy,
            Fail::Store(error) => error,
        }
    }
}

impl From<StoreError> for Fail {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Conflict> for Fail {
    fn from(conflict: Conflict) -> Self {
        Self::Store(conflict.into())
    }
}

impl From<Missing> for Fail {
    fn from(missing: Missing) -> Self {
        Self::Store(missing.into())
    }
}

/// A row of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Row(pub(crate) Vec<Value>);

impl Row {
    fn wrong(&self, at: usize, wanted: &str) -> Fail {
        let found = self.0.get(at);
        StoreError::Unavailable(format!("column {at} of an answer should be {wanted} but is {found:?}")).into()
    }

    pub(crate) fn int(&self, at: usize) -> Result<i64, Fail> {
        if let Some(Value::Int(number)) = self.0.get(at) { Ok(*number) } else { Err(self.wrong(at, "a number")) }
    }

    pub(crate) fn int_or_null(&self, at: usize) -> Result<Option<i64>, Fail> {
        if let Some(Value::Null) = self.0.get(at) { Ok(None) } else { self.int(at).map(Some) }
    }

    /// Takes the text out of the row.
    pub(crate) fn text(&mut self, at: usize) -> Result<String, Fail> {
        if let Some(Value::Text(text)) = self.0.get_mut(at) { Ok(std::mem::take(text)) } else { Err(self.wrong(at, "text")) }
    }

    pub(crate) fn text_or_null(&mut self, at: usize) -> Result<Option<String>, Fail> {
        if let Some(Value::Null) = self.0.get(at) { Ok(None) } else { self.text(at).map(Some) }
    }

    /// Takes the bytes out of the row.
    pub(crate) fn bytes(&mut self, at: usize) -> Result<Vec<u8>, Fail> {
        if let Some(Value::Bytes(bytes)) = self.0.get_mut(at) { Ok(std::mem::take(bytes)) } else { Err(self.wrong(at, "bytes")) }
    }

    /// Bytes of a fixed number: ids and hashes.
    pub(crate) fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], Fail> {
        let Some(Value::Bytes(bytes)) = self.0.get(at) else { return Err(self.wrong(at, "bytes")) };
        bytes.as_slice().try_into().map_err(|_| self.wrong(at, "an id"))
    }

    pub(crate) fn user(&self, at: usize) -> Result<UserId, Fail> {
        self.array(at).map(UserId)
    }
}

/// Makes the parameters of a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::sql::Value::from($value)),*] };
}
pub(crate) use values;

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Int(yes.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(bytes: [u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<UserId> for Value {
    fn from(user: UserId) -> Self {
        Self::Bytes(user.0.to_vec())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A statement that is known before the ones ahead of it were run.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) sql: &'static str,
    pub(crate) values: Vec<Value>,
    /// As [`Conn::rows_locked`].
    pub(crate) locks: bool,
}

/// A connection within a unit of work.
#[async_trait::async_trait]
pub(crate) trait Conn: Send {
    /// Runs a statement and fetches its rows.
    async fn rows(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>, Fail>;

    /// As [`Self::rows`] of a `SELECT` from one table, whose rows nobody else changes until the end of the unit.
    async fn rows_locked(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>, Fail>;

    /// Runs a statement once for each list of values, in order. All are on the way at once where there is a way.
    async fn each(&mut self, sql: &str, batch: Vec<Vec<Value>>) -> Result<Vec<Vec<Row>>, Fail>;

    /// The last number that the database has counted for a table, 0 for none.
    async fn last_number(&mut self, table: &str) -> Result<i64, Fail>;

    /// Makes the database count on from a number.
    async fn count_from(&mut self, table: &str, last: i64) -> Result<(), Fail>;

    /// Until the end of the unit, no other unit that asks for this number runs.
    async fn alone(&mut self, number: Alone) -> Result<(), Fail>;
}

/// What units of work may ask to do alone.
#[derive(Debug, Clone, Copy)]
#[repr(i64)]
pub(crate) enum Alone {
    Outbox = 0x6869_6c6c_0001,
    Operators = 0x6869_6c6c_0002,
}

/// Whether rows fit into an answer.
struct Fit {
    /// How many do, at least one.
    rows: usize,
    /// Whether there are more than those.
    more: bool,
    /// Bytes that they have.
    bytes: usize,
}

/// How many of at most `limit` rows have at most `budget` bytes. `sizes` gives their bytes; its last parameter is how many.
async fn fit(conn: &mut dyn Conn, sizes: &str, mut values: Vec<Value>, limit: usize, budget: usize) -> Result<Fit, Fail> {
    values.push((limit + 1).into());
    let rows = conn.rows(sizes, values).await?;
    let sizes = rows.iter().map(|row| row.int(0).map(|bytes| bytes.unsigned_abs() as usize)).collect::<Result<Vec<_>, _>>()?;
    let fits = fitting(sizes.iter().take(limit).copied(), budget);
    Ok(Fit { rows: fits, more: sizes.len() > fits, bytes: sizes.iter().take(fits).sum() })
}

/// At most one row.
pub(crate) fn one(mut rows: Vec<Row>) -> Option<Row> {
    rows.pop()
}

/// Locks the account for changes of what belongs to it; its generation.
async fn lock_account(conn: &mut dyn Conn, user: UserId) -> Result<i64, Fail> {
    let sql = "SELECT generation FROM accounts WHERE id = $1 AND username <> ''";
    one(conn.rows_locked(sql, values![user]).await?).ok_or(Missing::Account)?.int(0)
}

async fn one_by_one(conn: &mut dyn Conn, statements: &[Statement]) -> Result<Vec<Vec<Row>>, Fail> {
    let mut answers = Vec::with_capacity(statements.len());
    for Statement { sql, values, locks } in statements {
        let values = values.clone();
        answers.push(if *locks { conn.rows_locked(sql, values).await? } else { conn.rows(sql, values).await? });
    }
    Ok(answers)
}

/// The ports on one of the databases.
#[derive(Debug)]
pub(crate) enum Sql {
    Sqlite(Sqlite),
    #[cfg(feature = "postgres")]
    Postgres(Postgres),
}

impl Sql {
    /// Runs a unit of work that changes something: whole or not at all, also when the caller goes away.
    pub(crate) async fn write<A: Send + Sync + 'static, T: Send + 'static>(&self, args: A, unit: Unit<A, T>) -> Result<T> {
        match self {
            Self::Sqlite(sqlite) => sqlite.write(args, unit).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(postgres) => postgres.write(args, unit).await,
        }
    }

    /// Runs statements in order, in a transaction of their own: a unit of work in which nothing is decided between one and the next. All are
    /// on the way at once where there is a way.
    async fn write_at_once(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        match self {
            Self::Sqlite(sqlite) => sqlite.write(statements, |statements, conn| Box::pin(one_by_one(conn, statements))).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(postgres) => postgres.write_at_once(statements).await,
        }
    }

    /// Runs a unit of work that changes nothing. Each statement sees what is committed when it runs.
    async fn read<A: Send + Sync + 'static, T: Send + 'static>(&self, args: A, unit: Unit<A, T>) -> Result<T> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read(args, unit, false).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(postgres) => postgres.read(args, unit, false).await,
        }
    }

    /// As [`Self::read`], and all statements see the same state.
    pub(crate) async fn snapshot<A: Send + Sync + 'static, T: Send + 'static>(&self, args: A, unit: Unit<A, T>) -> Result<T> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read(args, unit, true).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(postgres) => postgres.read(args, unit, true).await,
        }
    }
}
