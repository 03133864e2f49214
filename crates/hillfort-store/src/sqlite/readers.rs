//! Owns the connections that read. Each serves one unit at a time, on a thread for blocking work.

use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

use super::conn::{SqliteConn, now};
use super::{fail, open_to_read};
use crate::sql::{Fail, Unit};
use crate::store::Options;
use crate::{Result, StoreError};

#[derive(Debug)]
pub(super) struct Readers {
    connections: Arc<Mutex<Vec<Connection>>>,
    /// A permit for each connection.
    free: Arc<Semaphore>,
    patience: Duration,
}

impl Readers {
    pub(super) fn open(path: &Path, options: &Options) -> Result<Self> {
        let count = options.readers.clamp(1, 64);
        let connections: Result<Vec<_>> = (0..count).map(|_| open_to_read(path, options.busy_timeout)).collect();
        Ok(Self {
            connections: Arc::new(Mutex::new(connections?)),
            free: Arc::new(Semaphore::new(count)),
            patience: options.busy_timeout,
        })
    }

    pub(super) async fn run<A, T>(&self, args: A, unit: Unit<A, T>, snapshot: bool) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let permit = tokio::time::timeout(self.patience, self.free.clone().acquire_owned());
        let permit = permit.await.map_err(|_| StoreError::Busy)?.expect("the semaphore is never closed");
        let connections = self.connections.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut connection = lock(&connections).pop().expect("there is a connection for each permit");
            let result = catch_unwind(AssertUnwindSafe(|| run(&mut connection, &args, unit, snapshot)));
            if !connection.is_autocommit() {
                // The end of a snapshot. When this fails, the next unit that needs a transaction says so.
                let _ = connection.execute_batch("ROLLBACK");
            }
            lock(&connections).push(connection);
            drop(permit);
            result.unwrap_or_else(|_| Err(StoreError::Unavailable("a unit of work panicked".to_owned()).into()))
        });
        Ok(read.await.map_err(|error| StoreError::Unavailable(error.to_string()))??)
    }
}

fn lock(connections: &Mutex<Vec<Connection>>) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run<A, T>(connection: &mut Connection, args: &A, unit: Unit<A, T>, snapshot: bool) -> Result<T, Fail> {
    if !snapshot {
        return now(unit(args, &mut SqliteConn(connection)));
    }
    connection.execute_batch("BEGIN").map_err(|error| fail(&error))?;
    now(unit(args, &mut SqliteConn(connection)))
}
