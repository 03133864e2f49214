//! The outbox: order, leases, done.

use hillfort_store::{NewOutboxEntry, OutboxEntry, PAYLOAD_MAX, Store, StoreError};
use std::collections::BTreeSet;

use crate::stores::cases;

cases![in_order, leases, keys_wait, taken_at_once, limits];

fn entry(topic: &str, key: &str, payload: &str) -> NewOutboxEntry {
    NewOutboxEntry { topic: topic.into(), key: key.into(), payload: payload.into() }
}

fn said(entries: &[OutboxEntry]) -> Vec<&str> {
    entries.iter().map(|entry| str::from_utf8(&entry.payload).unwrap()).collect()
}

async fn take(store: &Store, limit: usize, now: i64) -> Vec<OutboxEntry> {
    store.outbox.take("t".into(), limit, 100, now).await.unwrap()
}

async fn in_order(store: Store) {
    store.outbox.enqueue(vec![entry("t", "k", "1"), entry("other", "k", "x"), entry("t", "k", "2")], 5).await.unwrap();
    store.outbox.enqueue(vec![entry("t", "l", "3")], 6).await.unwrap();
    let taken = take(&store, 10, 10).await;
    assert_eq!(said(&taken), ["1", "2", "3"]);
    assert_eq!((taken[0].topic.as_str(), taken[0].key.as_str(), taken[0].time, taken[0].attempts), ("t", "k", 5, 1));
    assert!(taken.is_sorted_by_key(|entry| entry.id));
    assert_eq!(store.outbox.pending("t".into()).await, Ok(3));
    let ids: Vec<i64> = taken.iter().map(|entry| entry.id).collect();
    assert_eq!(store.outbox.done(ids.clone()).await, Ok(3));
    assert_eq!(store.outbox.done(ids).await, Ok(0));
    assert_eq!((store.outbox.pending("t".into()).await, store.outbox.pending("other".into()).await), (Ok(0), Ok(1)));
}

async fn leases(store: Store) {
    store.outbox.enqueue(vec![entry("t", "k", "1"), entry("t", "l", "2")], 5).await.unwrap();
    assert_eq!(said(&take(&store, 10, 10).await), ["1", "2"]);
    assert_eq!(said(&take(&store, 10, 109).await), Vec::<&str>::new());
    let again = take(&store, 10, 110).await;
    assert_eq!((said(&again), again[0].attempts), (vec!["1", "2"], 2));
}

/// A later message of a key is not handed on while an earlier one is under way.
async fn keys_wait(store: Store) {
    store.outbox.enqueue(vec![entry("t", "k", "1"), entry("t", "k", "2"), entry("t", "l", "3")], 5).await.unwrap();
    let first = take(&store, 1, 10).await;
    assert_eq!(said(&first), ["1"]);
    assert_eq!(said(&take(&store, 10, 11).await), ["3"]);
    store.outbox.done(vec![first[0].id]).await.unwrap();
    assert_eq!(said(&take(&store, 10, 12).await), ["2"]);
}

async fn taken_at_once(store: Store) {
    for at in 0..10 {
        let entries = (0..10).map(|key| entry("t", &format!("{key}"), &format!("{at}"))).collect();
        store.outbox.enqueue(entries, 1).await.unwrap();
    }
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let outbox = store.outbox.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let taken = outbox.take("t".into(), 7, 1000, 10).await.unwrap();
                    outbox.done(taken.iter().map(|entry| entry.id).collect()).await.unwrap();
                    mine.extend(taken.into_iter().map(|entry| entry.id));
                    if outbox.pending("t".into()).await.unwrap() == 0 {
                        return mine;
                    }
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    assert_eq!((all.len(), all.into_iter().collect::<BTreeSet<_>>().len()), (100, 100), "each is taken once");
}

async fn limits(store: Store) {
    let big = NewOutboxEntry { payload: vec![0; PAYLOAD_MAX], ..entry("t", "", "") };
    assert!(store.outbox.enqueue(vec![big.clone()], 1).await.is_ok());
    let too_big = NewOutboxEntry { payload: vec![0; PAYLOAD_MAX + 1], ..big };
    for bad in [too_big, entry("", "k", ""), entry("t", "a\0", ""), entry(&"t".repeat(129), "k", "")] {
        assert!(matches!(store.outbox.enqueue(vec![bad], 1).await, Err(StoreError::Invalid(_))));
    }
    assert!(matches!(store.outbox.enqueue(vec![entry("t", "k", ""); 1025], 1).await, Err(StoreError::Invalid(_))));
    for limit in [0, 1025] {
        assert!(matches!(store.outbox.take("t".into(), limit, 1, 1).await, Err(StoreError::Invalid(_))));
    }
    assert_eq!(take(&store, 10, 10).await.len(), 1);
}
