//! Owns PostgreSQL: a pool of connections, transactions that are run again when the server asks for it, and that no caller can cut in two.
//! Knows nothing of what is stored.

mod conn;
mod tls;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use std::time::Duration;
use tokio_postgres::IsolationLevel;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;

use crate::sql::{Fail, Row, Statement, Unit};
use crate::store::Options;
use crate::{Result, StoreError, schema};
use conn::PgConn;

/// How often a unit is run before it is [`StoreError::Busy`].
const ATTEMPTS: u32 = 10;

/// A database on a server.
#[derive(Debug)]
pub(crate) struct Postgres {
    pool: Pool,
}

impl Postgres {
    /// Connects, and brings the tables up to date.
    pub(crate) async fn open(url: &str, options: &Options) -> Result<Self> {
        let pool = pool(url, options)?;
        let mut client = get(&pool).await?;
        schema::postgres(&mut client, options.migrate).await?;
        // Its time limits were lifted for that: the pool makes itself another.
        drop(Object::take(client));
        Ok(Self { pool })
    }

    /// Runs the unit in a transaction of its own task: a caller that goes away does not end it.
    pub(crate) async fn write<A: Send + Sync + 'static, T: Send + 'static>(&self, args: A, unit: Unit<A, T>) -> Result<T> {
        let pool = self.pool.clone();
        in_task(async move { until_done(|| attempt(&pool, &args, unit, Mode::Write)).await }).await
    }

    /// Runs statements in a transaction. They are all sent at one moment, so that a caller that goes away does not cut them in two.
    pub(crate) async fn write_at_once(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        Ok(until_done(|| async { conn::at_once(&get(&self.pool).await?, &statements).await }).await?)
    }

    pub(crate) async fn read<A, T>(&self, args: A, unit: Unit<A, T>, snapshot: bool) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let pool = self.pool.clone();
        if snapshot {
            return in_task(async move { attempt(&pool, &args, unit, Mode::Snapshot).await }).await;
        }
        let client = get(&pool).await?;
        Ok(unit(&args, &mut PgConn::Plain(&client)).await?)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Write,
    Snapshot,
}

async fn in_task<T: Send + 'static>(task: impl Future<Output = Result<T, Fail>> + Send + 'static) -> Result<T> {
    let done = tokio::spawn(task).await;
    Ok(done.map_err(|error| StoreError::Unavailable(format!("a unit of work ended early: {error}")))??)
}

/// Runs it again while another transaction is in the way.
async fn until_done<T, A: Future<Output = Result<T, Fail>>>(attempt: impl Fn() -> A) -> Result<T, Fail> {
    let mut pause = Duration::from_millis(1);
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(Fail::Again) => tokio::time::sleep(pause).await,
            result => return result,
        }
        pause *= 2;
    }
    attempt().await
}

async fn attempt<A, T>(pool: &Pool, args: &A, unit: Unit<A, T>, mode: Mode) -> Result<T, Fail> {
    let mut client = get(pool).await?;
    let builder = client.build_transaction();
    let builder = match mode {
        Mode::Write => builder.isolation_level(IsolationLevel::ReadCommitted),
        Mode::Snapshot => builder.isolation_level(IsolationLevel::RepeatableRead).read_only(true),
    };
    let transaction = builder.start().await.map_err(|error| fail(&error))?;
    // Dropped without a commit, by an error or a panic, it rolls back.
    let result = unit(args, &mut PgConn::Transaction(&transaction)).await?;
    if mode == Mode::Write {
        transaction.commit().await.map_err(|error| fail(&error))?;
    }
    Ok(result)
}

/// A connection from the pool, or a new one.
async fn get(pool: &Pool) -> Result<Object> {
    pool.get().await.map_err(|error| match error {
        PoolError::Timeout(_) => StoreError::Busy,
        PoolError::Backend(error) => fail(&error).into(),
        error => StoreError::Unavailable(error.to_string()),
    })
}

fn pool(url: &str, options: &Options) -> Result<Pool> {
    // The text of the error, not the URL: that has a password.
    let mut config: tokio_postgres::Config =
        url.parse().map_err(|error: tokio_postgres::Error| StoreError::Invalid(format!("store URL: {}", text(&error))))?;
    config.application_name("hillfort").connect_timeout(options.busy_timeout);
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match &options.postgres_ca {
        Some(file) => {
            config.ssl_mode(SslMode::Require);
            Manager::from_config(config, tls::Tls::trusting(file)?, recycling)
        }
        None if config.get_ssl_mode() == SslMode::Require => {
            return Err(StoreError::invalid("store URL", "asks for TLS, for which a file of trusted authorities is needed"));
        }
        None => Manager::from_config(config, tokio_postgres::NoTls, recycling),
    };
    let setup = format!(
        "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = 60000; \
         SET synchronous_commit = on",
        options.statement_timeout.as_millis(),
        options.busy_timeout.as_millis()
    );
    let set_up = Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
        let setup = setup.clone();
        Box::pin(async move { client.batch_execute(&setup).await.map_err(HookError::Backend) })
    });
    Pool::builder(manager)
        .max_size(options.connections.clamp(1, 1000))
        .wait_timeout(Some(options.busy_timeout))
        .create_timeout(Some(options.busy_timeout))
        .recycle_timeout(Some(options.busy_timeout))
        .runtime(Runtime::Tokio1)
        .post_create(set_up)
        .build()
        .map_err(|error| StoreError::Unavailable(error.to_string()))
}

/// What an error says, with what is behind it.
fn text(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(answer), _) => format!("{} ({})", answer.message(), answer.code().code()),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

/// Puts an error of PostgreSQL into the terms of a unit of work.
fn fail(error: &tokio_postgres::Error) -> Fail {
    match error.code() {
        Some(code) if *code == SqlState::UNIQUE_VIOLATION => Fail::Unique,
        Some(code) if *code == SqlState::FOREIGN_KEY_VIOLATION => Fail::Foreign,
        Some(code) if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED => Fail::Again,
        Some(code)
            if [
                SqlState::QUERY_CANCELED,
                SqlState::LOCK_NOT_AVAILABLE,
                SqlState::TOO_MANY_CONNECTIONS,
                SqlState::CANNOT_CONNECT_NOW,
            ]
            .contains(code) =>
        {
            StoreError::Busy.into()
        }
        _ => StoreError::Unavailable(text(error)).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use super::Postgres;
    use crate::sql::{Statement, Value};
    use crate::store::Options;

    fn insert(key: &str, actor: Value) -> Statement {
        let sql = "INSERT INTO tombstones (account_id, time, actor) VALUES ($1, 1, $2)";
        Statement { sql, values: vec![Value::Bytes(key.as_bytes().to_vec()), actor], locks: false }
    }

    fn count() -> Statement {
        Statement { sql: "SELECT count(*) FROM tombstones", values: vec![], locks: false }
    }

    #[test]
    fn what_is_sent_at_once_is_done_as_a_whole_or_not_at_all() {
        let Some(server) = hillfort_testkit::postgres::Server::start() else { return };
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            // One connection: what is left of a transaction would be met by the next.
            let options = Options { connections: 1, ..Options::default() };
            let database = Postgres::open(&server.database(), &options).await.unwrap();
            let counted = async || database.write_at_once(vec![count()]).await.unwrap()[0][0].int(0).unwrap();
            let text = |text: &str| Value::Text(text.to_owned());

            let answers = database.write_at_once(vec![insert("a", text("op")), count(), insert("b", text("op"))]).await.unwrap();
            assert_eq!((answers.len(), answers[1][0].int(0).unwrap(), counted().await), (3, 1, 2));
            // The server refuses the second.
            assert!(database.write_at_once(vec![insert("c", text("op")), insert("a", text("op")), count()]).await.is_err());
            assert_eq!(counted().await, 2);
            // The second cannot be sent, as its value is of another type.
            assert!(database.write_at_once(vec![insert("d", text("op")), insert("e", Value::Int(1)), count()]).await.is_err());
            assert_eq!(counted().await, 2);
            // Whoever asks goes away, sooner or later.
            let (mut before, mut was_sent) = (2, false);
            for polls in 1..20 {
                let (one, other) = (format!("one {polls}"), format!("other {polls}"));
                let mut asked = Box::pin(database.write_at_once(vec![insert(&one, text("op")), insert(&other, text("op"))]));
                let mut done = false;
                for _ in 0..polls {
                    if done {
                        break;
                    }
                    done = std::future::poll_fn(|context| Poll::Ready(asked.as_mut().poll(context).is_ready())).await;
                    tokio::task::yield_now().await;
                }
                drop(asked);
                let now = counted().await;
                assert!(now == before + 2 || now == before && !done, "{before} and {now} after {polls} looks");
                was_sent |= now > before && !done;
                before = now;
            }
            assert!(was_sent, "none was left while it was on its way");
        });
    }
}
