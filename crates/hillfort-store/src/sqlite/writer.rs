//! Owns the thread that writes, its queue and the group commit.

use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

use super::conn::{SqliteConn, now};
use super::fail;
use crate::sql::{Fail, Unit};
use crate::store::Options;
use crate::{Result, StoreError};

/// Most units in one transaction.
const GROUP_MAX: usize = 256;

/// For how long a transaction takes in further units that wait. It waits for none itself. By the clock: on a machine with too much to do a
/// shorter time would end groups while they are small, and so make the writer slower just then.
const GROUP_TIME: Duration = Duration::from_millis(10);

/// The queue to the thread. When the last handle is dropped, the thread does what is queued and ends.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
    patience: Duration,
}

impl Writer {
    pub(super) fn start(connection: Connection, options: &Options) -> Result<Self> {
        let (queue, jobs) = mpsc::channel(options.queue.max(1));
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write(connection, jobs))
            .map_err(|error| StoreError::Unavailable(format!("no thread for the writer: {error}")))?;
        Ok(Self { queue, patience: options.busy_timeout })
    }

    /// Queues the unit and waits for its commit. A caller that goes away while it waits for a place leaves nothing behind; afterwards the
    /// unit is skipped or run as a whole.
    pub(super) async fn run<A: Send + Sync + 'static, T: Send + 'static>(&self, args: A, unit: Unit<A, T>) -> Result<T> {
        let (answer, result) = oneshot::channel();
        let gone = || StoreError::Unavailable("the writer of the database has ended".to_owned());
        let place = tokio::time::timeout(self.patience, self.queue.reserve()).await.map_err(|_| StoreError::Busy)?;
        place.map_err(|_| gone())?.send(Box::new(UnitJob { args, unit, result: None, answer }));
        result.await.map_err(|_| gone())?
    }
}

/// A unit of work with somebody who waits for it.
trait Job: Send {
    /// Whether nobody waits any more.
    fn is_dropped(&self) -> bool;
    /// Runs it; whether it is to be kept.
    fn run(&mut self, connection: &mut Connection) -> bool;
    /// Tells who waits: the result when its transaction was committed, else the error.
    fn answer(self: Box<Self>, committed: Result<()>);
}

struct UnitJob<A, T> {
    args: A,
    unit: Unit<A, T>,
    result: Option<Result<T, Fail>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<A: Send + Sync, T: Send> Job for UnitJob<A, T> {
    fn is_dropped(&self) -> bool {
        self.answer.is_closed()
    }

    fn run(&mut self, connection: &mut Connection) -> bool {
        let result = catch_unwind(AssertUnwindSafe(|| now((self.unit)(&self.args, &mut SqliteConn(connection)))));
        let result = result.unwrap_or_else(|_| Err(StoreError::Unavailable("a unit of work panicked".to_owned()).into()));
        self.result.insert(result).is_ok()
    }

    fn answer(self: Box<Self>, committed: Result<()>) {
        let result = match (committed, self.result) {
            (Ok(()), Some(result)) => result.map_err(StoreError::from),
            // What has failed by itself says so, whatever became of the others.
            (Err(_), Some(Err(fail))) => Err(fail.into()),
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(StoreError::Busy),
        };
        // Whoever has gone needs no answer.
        let _ = self.answer.send(result);
    }
}

fn write(mut connection: Connection, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
    while let Some(first) = jobs.blocking_recv() {
        group(&mut connection, first, &mut jobs);
    }
    // Errors of closing change nothing: what was answered is in the log already.
    let _ = connection.close();
}

/// One transaction: the first job, and those that wait.
fn group(connection: &mut Connection, first: Box<dyn Job>, jobs: &mut mpsc::Receiver<Box<dyn Job>>) {
    let began = Instant::now();
    let mut group = Vec::with_capacity(GROUP_MAX);
    let mut state = execute(connection, "BEGIN IMMEDIATE");
    let mut next = Some(first);
    while let Some(mut job) = next.take() {
        if state.is_ok() && !job.is_dropped() {
            state = in_savepoint(connection, &mut *job);
        }
        group.push(job);
        if state.is_ok() && group.len() < GROUP_MAX && began.elapsed() < GROUP_TIME {
            next = jobs.try_recv().ok();
        }
    }
    let committed = state.and_then(|()| execute(connection, "COMMIT"));
    if committed.is_err() && !connection.is_autocommit() {
        // When this fails too, the next BEGIN does, and says why.
        let _ = execute(connection, "ROLLBACK");
    }
    for job in group {
        job.answer(committed.clone());
    }
}

/// Runs a job so that it changes all or nothing. An error is one of the whole transaction.
fn in_savepoint(connection: &mut Connection, job: &mut dyn Job) -> Result<()> {
    execute(connection, "SAVEPOINT unit")?;
    let keep = job.run(connection);
    if connection.is_autocommit() {
        return Err(StoreError::Unavailable("SQLite took the transaction back: the disk is full or fails".to_owned()));
    }
    if !keep {
        execute(connection, "ROLLBACK TO unit")?;
    }
    execute(connection, "RELEASE unit")
}

fn execute(connection: &Connection, sql: &str) -> Result<()> {
    let run = connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    run.map(drop).map_err(|error| fail(&error).into())
}
