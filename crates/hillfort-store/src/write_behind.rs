//! Owns the way of hot values to the storage: a bounded queue in which a newer value of an object replaces an older one, written in batches.
//! Knows nothing of what the values mean.
//!
//! A value is acknowledged when it, or a newer one of its object, is committed. What was not acknowledged may be lost with the process:
//! that is the price of writing a value that changes 20 times a second only once. What may not be lost goes to [`crate::Updates`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::{BATCH_MAX, Caller, Expect, Millis, ObjectId, Objects, Result, StoreError, WriteObject};

/// Bounds of a [`WriteBehind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteBehindOptions {
    /// Objects that may wait; one more is [`StoreError::Busy`].
    pub objects: usize,
    /// Bytes of all their values, those that are being written included; a value that has no room is [`StoreError::Busy`].
    pub bytes: usize,
    /// Objects in one transaction, at most [`BATCH_MAX`].
    pub batch: usize,
    /// How long a value may wait for others to be written with.
    pub interval: Duration,
    /// How long to wait after a database that is busy or away, before the same batch is tried again.
    pub retry: Duration,
}

impl Default for WriteBehindOptions {
    fn default() -> Self {
        Self {
            objects: 16_384,
            bytes: 64 << 20,
            batch: 256,
            interval: Duration::from_millis(200),
            retry: Duration::from_millis(500),
        }
    }
}

/// Someone who waits for a value to be committed.
type Waiter = oneshot::Sender<Result<()>>;

#[derive(Debug)]
struct Value {
    write: WriteObject,
    now: Millis,
    since: Instant,
    waiters: Vec<Waiter>,
}

#[derive(Debug, Default)]
struct Queue {
    values: BTreeMap<ObjectId, Value>,
    /// Objects in the order in which they began to wait.
    order: VecDeque<ObjectId>,
    closed: bool,
    /// Of all values that wait or are being written.
    bytes: usize,
}

#[derive(Debug)]
struct Shared {
    objects: Arc<dyn Objects>,
    options: WriteBehindOptions,
    queue: Mutex<Queue>,
    /// Told when there is something to do, or the end has come.
    changed: Notify,
    /// Objects that the storage refused, whoever heard of it.
    refused: AtomicU64,
    /// Objects that are being written.
    writing: AtomicUsize,
}

/// The queue. Dropped without [`Self::close`], it loses what waits.
#[derive(Debug)]
pub struct WriteBehind {
    shared: Arc<Shared>,
    /// Until somebody waits for its end.
    task: Mutex<Option<JoinHandle<()>>>,
}

impl WriteBehind {
    /// Starts the task that writes, on the current tokio runtime.
    #[must_use]
    pub fn start(objects: Arc<dyn Objects>, options: WriteBehindOptions) -> Self {
        let options = WriteBehindOptions { batch: options.batch.clamp(1, BATCH_MAX), ..options };
        let (refused, writing) = (AtomicU64::new(0), AtomicUsize::new(0));
        let shared = Shared { objects, options, queue: Mutex::default(), changed: Notify::new(), refused, writing };
        let shared = Arc::new(shared);
        Self { task: Mutex::new(Some(tokio::spawn(shared.clone().run()))), shared }
    }

    /// Queues a value on the server's behalf; it must expect nothing ([`Expect::Any`]), since others would see a refusal too late. The
    /// receiver is told when it is committed, or why it never will be.
    pub fn put(&self, write: WriteObject, now: Millis) -> Result<oneshot::Receiver<Result<()>>> {
        write.check(Caller::Server)?;
        if write.expect != Expect::Any {
            return Err(StoreError::invalid("version", "cannot be expected of a value that is written behind"));
        }
        let mut queue = self.shared.queue();
        let replaced = queue.values.get(&write.id).map(|value| value.write.value.len());
        let bytes = queue.bytes - replaced.unwrap_or(0) + write.value.len();
        let has_place = replaced.is_some() || queue.values.len() < self.shared.options.objects;
        if queue.closed || !has_place || bytes > self.shared.options.bytes {
            return Err(StoreError::Busy);
        }
        queue.bytes = bytes;
        let (waiter, receiver) = oneshot::channel();
        let id = write.id.clone();
        match queue.values.get_mut(&id) {
            Some(value) => {
                value.write = write;
                value.now = now;
                // Those who have gone make place: as many wait as there are callers.
                value.waiters.retain(|waiter| !waiter.is_closed());
                value.waiters.push(waiter);
            }
            None => {
                queue.order.push_back(id.clone());
                queue.values.insert(id, Value { write, now, since: Instant::now(), waiters: vec![waiter] });
            }
        }
        drop(queue);
        self.shared.changed.notify_one();
        Ok(receiver)
    }

    /// Objects that wait, or are being written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.queue().values.len() + self.shared.writing.load(Relaxed)
    }

    /// Objects so far whose value the storage refused at last, such as those of accounts that were deleted meanwhile.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Relaxed)
    }

    /// Writes what waits, and ends: from now on there is no place for more. A database that is away is tried for as long as the caller waits.
    pub async fn close(&self) {
        self.shared.queue().closed = true;
        self.shared.changed.notify_one();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // It ends by itself, or with the runtime.
            let _ = task.await;
        }
    }
}

impl Drop for WriteBehind {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(self: Arc<Self>) {
        loop {
            let changed = self.changed.notified();
            match self.due() {
                Due::Now(batch) => self.write(batch).await,
                Due::Never => return,
                Due::At(time) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(time) => {}
                        () = changed => {}
                    }
                }
                Due::Unknown => changed.await,
            }
        }
    }

    /// What there is to do.
    fn due(&self) -> Due {
        let mut queue = self.queue();
        let Some(first) = queue.order.front().and_then(|id| queue.values.get(id)) else {
            return if queue.closed { Due::Never } else { Due::Unknown };
        };
        let time = first.since + self.options.interval;
        if !queue.closed && queue.values.len() < self.options.batch && Instant::now() < time {
            return Due::At(time);
        }
        let count = queue.order.len().min(self.options.batch);
        let ids: Vec<ObjectId> = queue.order.drain(..count).collect();
        self.writing.store(count, Relaxed);
        Due::Now(ids.iter().filter_map(|id| queue.values.remove(id)).collect())
    }

    /// Writes a batch until it is committed or refused, and tells who waits. The newest of its times is that of all.
    async fn write(&self, batch: Vec<Value>) {
        let now = batch.iter().map(|value| value.now).max().unwrap_or_default();
        let writes: Vec<WriteObject> = batch.iter().map(|value| value.write.clone()).collect();
        let result = loop {
            match self.objects.write(Caller::Server, writes.clone(), now).await {
                Err(StoreError::Busy | StoreError::Unavailable(_)) => tokio::time::sleep(self.options.retry).await,
                result => break result.map(drop),
            }
        };
        if result.is_ok() || batch.len() == 1 {
            batch.into_iter().for_each(|value| self.tell(value, &result));
            return;
        }
        // One of them is refused, such as that of an account that was deleted: each for itself.
        for value in batch {
            let result = self.alone(&value).await;
            self.tell(value, &result);
        }
    }

    fn tell(&self, value: Value, result: &Result<()>) {
        self.refused.fetch_add(u64::from(result.is_err()), Relaxed);
        self.writing.fetch_sub(1, Relaxed);
        self.queue().bytes -= value.write.value.len();
        for waiter in value.waiters {
            // Whoever has gone needs no answer.
            let _ = waiter.send(result.clone());
        }
    }

    async fn alone(&self, value: &Value) -> Result<()> {
        loop {
            match self.objects.write(Caller::Server, vec![value.write.clone()], value.now).await {
                Err(StoreError::Busy | StoreError::Unavailable(_)) => tokio::time::sleep(self.options.retry).await,
                result => return result.map(drop),
            }
        }
    }
}

enum Due {
    Now(Vec<Value>),
    At(Instant),
    Unknown,
    Never,
}
