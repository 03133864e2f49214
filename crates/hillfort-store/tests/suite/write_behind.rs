//! Values that are written behind: one write for many, acknowledged after the commit, bounded.

use async_trait::async_trait;
use hillfort_store::{
    Ack, Caller, DeleteObject, Expect, ListObjects, Millis, Object, ObjectId, Objects, Page, Result, Store, StoreError, UserId,
    WriteBehind, WriteBehindOptions, WriteObject,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::stores::{block_on, nobody, options, person};

/// The storage in memory, with a list of batches, and of errors that come first.
#[derive(Debug)]
struct Watched {
    store: Store,
    batches: Mutex<Vec<usize>>,
    errors: Mutex<VecDeque<StoreError>>,
}

#[async_trait]
impl Objects for Watched {
    async fn write(&self, caller: Caller, writes: Vec<WriteObject>, now: Millis) -> Result<Vec<Ack>> {
        let error = self.errors.lock().unwrap().pop_front();
        if let Some(error) = error {
            return Err(error);
        }
        self.batches.lock().unwrap().push(writes.len());
        self.store.objects.write(caller, writes, now).await
    }

    async fn read(&self, caller: Caller, ids: Vec<ObjectId>) -> Result<Vec<Object>> {
        self.store.objects.read(caller, ids).await
    }

    async fn delete(&self, caller: Caller, deletes: Vec<DeleteObject>) -> Result<()> {
        self.store.objects.delete(caller, deletes).await
    }

    async fn list(&self, caller: Caller, list: ListObjects) -> Result<Page<Object>> {
        self.store.objects.list(caller, list).await
    }

    async fn collections(&self, after: Option<String>) -> Result<Vec<String>> {
        self.store.objects.collections(after).await
    }
}

async fn watched() -> Arc<Watched> {
    let store = Store::open("memory:", options()).await.unwrap();
    Arc::new(Watched { store, batches: Mutex::default(), errors: Mutex::default() })
}

fn id(key: usize) -> ObjectId {
    ObjectId::new("hot", format!("{key:03}"), UserId::SYSTEM)
}

fn value(key: usize, n: usize) -> WriteObject {
    WriteObject::new(id(key), format!("{{\"n\":{n}}}"))
}

/// An interval that never comes by itself within a test.
const NEVER: Duration = Duration::from_secs(3600);

#[test]
fn newer_values_replace_older_ones() {
    block_on(async {
        let objects = watched().await;
        let behind = WriteBehind::start(objects.clone(), WriteBehindOptions { interval: NEVER, ..WriteBehindOptions::default() });
        let mut acks = Vec::new();
        for n in 0..100 {
            for key in 0..10 {
                acks.push(behind.put(value(key, n), n as i64).unwrap());
            }
        }
        assert_eq!(behind.waiting(), 10);
        assert!(acks.iter_mut().all(|ack| ack.try_recv().is_err()), "nothing is acknowledged before it is committed");
        behind.close().await;
        assert_eq!(*objects.batches.lock().unwrap(), [10]);
        for ack in acks {
            assert_eq!(ack.await, Ok(Ok(())));
        }
        let stored = objects.read(Caller::Server, (0..10).map(id).collect()).await.unwrap();
        assert!(stored.len() == 10 && stored.iter().all(|object| object.value == "{\"n\":99}" && object.update_time == 99));
    });
}

#[test]
fn a_full_batch_or_the_interval_starts_a_write() {
    block_on(async {
        let objects = watched().await;
        let options = WriteBehindOptions { interval: NEVER, batch: 4, ..WriteBehindOptions::default() };
        let behind = WriteBehind::start(objects.clone(), options);
        let acks: Vec<_> = (0..5).map(|key| behind.put(value(key, 0), 1).unwrap()).collect();
        for ack in acks.into_iter().take(4) {
            assert_eq!(ack.await, Ok(Ok(())));
        }
        assert_eq!((behind.waiting(), objects.batches.lock().unwrap().clone()), (1, vec![4]));
        let options = WriteBehindOptions { interval: Duration::from_millis(1), ..options };
        let behind = WriteBehind::start(objects.clone(), options);
        assert_eq!(behind.put(value(9, 0), 1).unwrap().await, Ok(Ok(())));
    });
}

#[test]
fn the_queue_is_bounded() {
    block_on(async {
        let objects = watched().await;
        let options = WriteBehindOptions { interval: NEVER, objects: 3, ..WriteBehindOptions::default() };
        let behind = WriteBehind::start(objects.clone(), options);
        let _acks: Vec<_> = (0..3).map(|key| behind.put(value(key, 0), 1).unwrap()).collect();
        assert_eq!(behind.put(value(3, 0), 1).map(drop), Err(StoreError::Busy));
        assert!(behind.put(value(2, 1), 1).is_ok(), "an object that waits already needs no place");
        for bad in [WriteObject { expect: Expect::Absent, ..value(1, 0) }, WriteObject { value: "x".into(), ..value(1, 0) }] {
            assert!(matches!(behind.put(bad, 1), Err(StoreError::Invalid(_))));
        }
        // Dropped without a close, nothing is written, and whoever waits hears of it.
        let last = behind.put(value(0, 7), 1).unwrap();
        drop(behind);
        assert!(last.await.is_err());
        assert_eq!(*objects.batches.lock().unwrap(), Vec::<usize>::new());
    });
}

#[test]
fn the_bytes_of_all_values_are_bounded() {
    block_on(async {
        let objects = watched().await;
        let long = |key: usize, bytes: usize| WriteObject::new(id(key), format!("{{\"n\":\"{}\"}}", "x".repeat(bytes - 8)));
        let options = WriteBehindOptions { interval: NEVER, bytes: 1000, batch: 3, ..WriteBehindOptions::default() };
        let behind = WriteBehind::start(objects.clone(), options);
        let _acks = [behind.put(long(0, 600), 1).unwrap(), behind.put(long(1, 400), 1).unwrap()];
        assert_eq!(behind.put(long(2, 8), 1).map(drop), Err(StoreError::Busy));
        assert_eq!(behind.put(long(1, 401), 1).map(drop), Err(StoreError::Busy), "what is there stays");
        // A shorter value makes room, and so does a commit.
        let _ack = behind.put(long(0, 592), 1).unwrap();
        assert_eq!(behind.put(long(2, 9), 1).map(drop), Err(StoreError::Busy));
        assert_eq!(behind.put(long(2, 8), 1).unwrap().await, Ok(Ok(())), "the third starts the batch");
        assert!(behind.put(long(3, 1000), 1).is_ok());
    });
}

#[test]
fn a_database_that_is_away_is_waited_for() {
    block_on(async {
        let objects = watched().await;
        objects.errors.lock().unwrap().extend([StoreError::Busy, StoreError::Unavailable("away".into()), StoreError::Busy]);
        let options = WriteBehindOptions { interval: NEVER, retry: Duration::from_millis(1), ..WriteBehindOptions::default() };
        let behind = WriteBehind::start(objects.clone(), options);
        let ack = behind.put(value(0, 5), 1).unwrap();
        behind.close().await;
        assert_eq!(ack.await, Ok(Ok(())));
        assert!(objects.errors.lock().unwrap().is_empty());
    });
}

#[test]
fn one_refused_value_holds_up_no_other() {
    block_on(async {
        let objects = watched().await;
        let behind = WriteBehind::start(objects.clone(), WriteBehindOptions { interval: NEVER, ..WriteBehindOptions::default() });
        let a = person(&objects.store, "a").await.id;
        let good = behind.put(value(0, 1), 1).unwrap();
        let bad = behind.put(WriteObject::new(ObjectId::new("hot", "x", nobody()), "{}"), 1).unwrap();
        let other = behind.put(WriteObject::new(ObjectId::new("hot", "x", a), "{}"), 1).unwrap();
        behind.close().await;
        assert_eq!((good.await, other.await), (Ok(Ok(())), Ok(Ok(()))));
        assert!(matches!(bad.await, Ok(Err(StoreError::NotFound(_)))));
        assert_eq!(behind.refused(), 1);
        assert_eq!(behind.put(value(1, 1), 1).map(drop), Err(StoreError::Busy), "it is closed");
    });
}
