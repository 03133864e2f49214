//! Owns a connection to SQLite within a unit of work. Everything happens at once: a unit never waits here.

use async_trait::async_trait;
use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};
use rusqlite::{Connection, ToSql};
use std::task::{Context, Poll, Waker};

use super::fail;
use crate::StoreError;
use crate::sql::{Alone, BoxFuture, Conn, Fail, Row, Value};

/// The connection.
pub(super) struct SqliteConn<'a>(pub(super) &'a mut Connection);

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Owned::Null),
            Self::Int(number) => ToSqlOutput::Owned(Owned::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}

fn value(column: ValueRef<'_>) -> Result<Value, Fail> {
    Ok(match column {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        ValueRef::Real(_) => return Err(StoreError::Unavailable("a column has a fraction".to_owned()).into()),
    })
}

/// SQLite counts `$1` as a name, in the order of appearance; `?1` is the number.
fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}

impl SqliteConn<'_> {
    fn run(&mut self, sql: &str, batch: Vec<Vec<Value>>) -> Result<Vec<Vec<Row>>, Fail> {
        let mut statement = self.0.prepare_cached(&numbered(sql)).map_err(|error| fail(&error))?;
        let columns = statement.column_count();
        let mut answers = Vec::with_capacity(batch.len());
        for values in batch {
            let mut rows = statement.query(rusqlite::params_from_iter(values)).map_err(|error| fail(&error))?;
            let mut answer = Vec::new();
            while let Some(row) = rows.next().map_err(|error| fail(&error))? {
                let column = |at| row.get_ref(at).map_err(|error| fail(&error)).and_then(value);
                answer.push(Row((0..columns).map(column).collect::<Result<_, Fail>>()?));
            }
            answers.push(answer);
        }
        Ok(answers)
    }
}

#[async_trait]
impl Conn for SqliteConn<'_> {
    async fn rows(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>, Fail> {
        Ok(self.run(sql, vec![values])?.pop().unwrap_or_default())
    }

    /// The writer is alone anyway.
    async fn rows_locked(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>, Fail> {
        self.rows(sql, values).await
    }

    async fn each(&mut self, sql: &str, batch: Vec<Vec<Value>>) -> Result<Vec<Vec<Row>>, Fail> {
        self.run(sql, batch)
    }

    async fn last_number(&mut self, table: &str) -> Result<i64, Fail> {
        let rows = self.rows("SELECT seq FROM sqlite_sequence WHERE name = $1", vec![table.into()]).await?;
        rows.first().map_or(Ok(0), |row| row.int(0))
    }

    async fn count_from(&mut self, table: &str, last: i64) -> Result<(), Fail> {
        self.rows("DELETE FROM sqlite_sequence WHERE name = $1", vec![table.into()]).await?;
        self.rows("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)", vec![table.into(), last.into()]).await.map(drop)
    }

    /// The writer is alone anyway.
    async fn alone(&mut self, _number: Alone) -> Result<(), Fail> {
        Ok(())
    }
}

/// The result of a unit over this connection, which never waits for anything.
pub(super) fn now<T>(mut unit: BoxFuture<'_, Result<T, Fail>>) -> Result<T, Fail> {
    match unit.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("a unit of work waits for nothing but its connection"),
    }
}
