//! Owns a connection to PostgreSQL within a unit of work: prepared statements, and batches that are on their way at once.

use async_trait::async_trait;
use bytes::BytesMut;
use deadpool_postgres::{GenericClient, Object, Transaction};
use std::borrow::Cow;
use std::error::Error;
use std::pin::Pin;
use std::task::Poll;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::fail;
use crate::StoreError;
use crate::sql::{Alone, Conn, Fail, Row, Statement, Value};

/// Statements of a batch that are on their way at once.
const WINDOW: usize = 256;

/// The connection, in a transaction or not.
pub(super) enum PgConn<'a> {
    Plain(&'a Object),
    Transaction(&'a Transaction<'a>),
}

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) if *kind == Type::INT4 => i32::try_from(*number)?.to_sql(kind, out),
            Self::Int(number) if *kind == Type::INT8 => number.to_sql(kind, out),
            Self::Text(text) if <&str as ToSql>::accepts(kind) => text.to_sql(kind, out),
            Self::Bytes(bytes) if *kind == Type::BYTEA => bytes.to_sql(kind, out),
            other => Err(format!("{other:?} is no {kind}").into()),
        }
    }

    fn accepts(_kind: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(match *kind {
            Type::INT4 => Self::Int(i32::from_sql(kind, raw)?.into()),
            Type::INT8 => Self::Int(i64::from_sql(kind, raw)?),
            Type::BYTEA => Self::Bytes(Vec::from_sql(kind, raw)?),
            Type::VOID => Self::Null,
            _ => Self::Text(String::from_sql(kind, raw)?),
        })
    }

    fn from_sql_null(_kind: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT4, Type::INT8, Type::BYTEA, Type::VOID].contains(kind) || <String as FromSql>::accepts(kind)
    }
}

fn read(row: &tokio_postgres::Row) -> Result<Row, Fail> {
    let values: Result<Vec<Value>, _> = (0..row.len()).map(|at| row.try_get(at)).collect();
    values.map(Row).map_err(|error| StoreError::Unavailable(error.to_string()).into())
}

/// A question that is on its way.
struct Sent<'a, T> {
    question: Pin<Box<dyn Future<Output = Result<T, tokio_postgres::Error>> + Send + 'a>>,
    /// What the first poll gave: an error when the question could not be sent, or an answer that was quick.
    early: Poll<Result<T, tokio_postgres::Error>>,
}

impl<'a, T> Sent<'a, T> {
    /// Sends it, and waits for nothing: the first poll puts a question on its way, in the order of the polls.
    async fn new(question: impl Future<Output = Result<T, tokio_postgres::Error>> + Send + 'a) -> Self {
        let mut question: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(question);
        let early = std::future::poll_fn(|context| Poll::Ready(question.as_mut().poll(context))).await;
        Self { question, early }
    }

    async fn answer(self) -> Result<T, Fail> {
        let answer = match self.early {
            Poll::Ready(answer) => answer,
            Poll::Pending => self.question.await,
        };
        answer.map_err(|error| fail(&error))
    }
}

type Params<'a> = Vec<&'a (dyn ToSql + Sync)>;

fn params(values: &[Value]) -> Params<'_> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

fn read_all(rows: &[tokio_postgres::Row]) -> Result<Vec<Row>, Fail> {
    rows.iter().map(read).collect()
}

/// Sends the statement once for each list of values before it waits for the first answer.
async fn run(client: &impl GenericClient, sql: &str, batch: &[Vec<Value>]) -> Result<Vec<Vec<Row>>, Fail> {
    let statement = client.prepare_cached(sql).await.map_err(|error| fail(&error))?;
    let mut answers = Vec::with_capacity(batch.len());
    for window in batch.chunks(WINDOW) {
        let params: Vec<Params<'_>> = window.iter().map(|values| params(values)).collect();
        let mut waiting = Vec::with_capacity(window.len());
        for params in &params {
            waiting.push(Sent::new(client.query(&statement, params)).await);
        }
        for sent in waiting {
            answers.push(read_all(&sent.answer().await?)?);
        }
    }
    Ok(answers)
}

/// Whether all of them are on their way, or were answered already.
fn are_sent<T>(questions: &[Sent<'_, T>]) -> bool {
    !questions.iter().any(|sent| matches!(sent.early, Poll::Ready(Err(_))))
}

/// Sends a transaction of these statements before it waits for the first answer.
pub(super) async fn at_once(client: &Object, statements: &[Statement]) -> Result<Vec<Vec<Row>>, Fail> {
    let mut prepared = Vec::with_capacity(statements.len());
    for Statement { sql, values, locks } in statements {
        let sql = if *locks { Cow::Owned(locked(sql)) } else { Cow::Borrowed(*sql) };
        prepared.push((client.prepare_cached(&sql).await.map_err(|error| fail(&error))?, params(values)));
    }
    // From here on, nothing is waited for until the last word is sent.
    let begin = Sent::new(client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED")).await;
    let mut waiting = Vec::with_capacity(prepared.len());
    for (statement, params) in &prepared {
        waiting.push(Sent::new(client.query(statement, params)).await);
    }
    let all_are_sent = are_sent(&waiting);
    let end = Sent::new(client.batch_execute(if all_are_sent { "COMMIT" } else { "ROLLBACK" })).await;

    begin.answer().await?;
    let mut answers = Vec::with_capacity(waiting.len());
    for sent in waiting {
        // After the first that fails, the server takes the transaction back, whatever its last word is.
        answers.push(read_all(&sent.answer().await?)?);
    }
    end.answer().await?;
    // Whatever was answered was taken back.
    if all_are_sent { Ok(answers) } else { Err(StoreError::Unavailable("a statement could not be sent".to_owned()).into()) }
}

/// Locks the rows against changes, but not against new rows that refer to them.
fn locked(sql: &str) -> String {
    format!("{sql} FOR NO KEY UPDATE")
}

impl PgConn<'_> {
    async fn run(&self, sql: &str, batch: &[Vec<Value>]) -> Result<Vec<Vec<Row>>, Fail> {
        match self {
            Self::Plain(client) => run(*client, sql, batch).await,
            Self::Transaction(transaction) => run(*transaction, sql, batch).await,
        }
    }
}

#[async_trait]
impl Conn for PgConn<'_> {
    async fn rows(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>, Fail> {
        Ok(self.run(sql, &[values]).await?.pop().unwrap_or_default())
    }

    async fn rows_locked(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>, Fail> {
        Ok(self.run(&locked(sql), &[values]).await?.pop().unwrap_or_default())
    }

    async fn each(&mut self, sql: &str, batch: Vec<Vec<Value>>) -> Result<Vec<Vec<Row>>, Fail> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.run(sql, &batch).await
    }

    async fn last_number(&mut self, table: &str) -> Result<i64, Fail> {
        let sql = format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {table}_number_seq");
        self.rows(&sql, vec![]).await?.first().map_or(Ok(0), |row| row.int(0))
    }

    async fn count_from(&mut self, table: &str, last: i64) -> Result<(), Fail> {
        let (sequence, called) = (format!("{table}_number_seq"), last > 0);
        let sql = "SELECT setval($1::text::regclass, $2, $3 = 1)";
        self.rows(sql, vec![sequence.into(), last.max(1).into(), called.into()]).await.map(drop)
    }

    async fn alone(&mut self, number: Alone) -> Result<(), Fail> {
        self.run("SELECT pg_advisory_xact_lock($1)", &[vec![Value::Int(number as i64)]]).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::{Sent, are_sent};
    use std::future::{pending, ready};

    #[test]
    fn an_answer_that_is_quick_is_no_fault() {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let fault = "port=none".parse::<tokio_postgres::Config>().unwrap_err();
            let mut questions = vec![Sent::<u8>::new(pending()).await, Sent::new(ready(Ok(1))).await];
            assert!(are_sent(&questions));
            questions.push(Sent::new(ready(Err(fault))).await);
            assert!(!are_sent(&questions));
        });
    }
}
