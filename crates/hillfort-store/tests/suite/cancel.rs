//! Callers that go away in the middle: what they asked for is whole or absent, and the connections serve others as before.

use hillfort_store::{Caller, ListObjects, NewOutboxEntry, ObjectId, Store, Update, UserId, WalletChange, WriteObject};
use hillfort_testkit::seed::Seed;
use std::pin::pin;
use std::task::Poll;

use crate::stores::{Kind, Place, block_on, person};

/// Polls a future so many times, letting others run between, and drops it.
async fn dropped_after(polls: usize, future: impl Future) -> bool {
    let mut future = pin!(future);
    for _ in 0..polls {
        let done = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        if done {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

fn update(user: UserId, round: u64) -> Update {
    let object =
        |key: &str| WriteObject::new(ObjectId::new("c", format!("{round:04}-{key}"), user), format!("{{\"round\":{round}}}"));
    Update {
        writes: vec![object("a"), object("b")],
        wallets: vec![WalletChange { user, changeset: [("coins".to_owned(), 1)].into(), metadata: "{}".into() }],
        ledger: true,
        outbox: vec![NewOutboxEntry { topic: "t".into(), key: String::new(), payload: round.to_be_bytes().to_vec() }],
        ..Update::default()
    }
}

/// How many of the rounds happened; each of them as a whole.
async fn whole(store: &Store, user: UserId) -> i64 {
    let list = ListObjects { collection: "c".into(), user: Some(user), limit: 1024, cursor: None };
    let objects = store.objects.list(Caller::Server, list).await.unwrap().items;
    let coins = store.wallets.get(user).await.unwrap().get("coins").copied().unwrap_or(0);
    let lines = store.accounts.export(user, None).await.unwrap().ledger.len() as i64;
    let messages = store.outbox.pending("t".into()).await.unwrap() as i64;
    assert_eq!((objects.len() as i64, lines, messages), (2 * coins, coins, coins), "a round is there in parts");
    assert!(objects.chunks(2).all(|pair| pair[0].value == pair[1].value));
    coins
}

fn callers_go_away(kind: Kind, rounds: u64) {
    let Some(mut place) = Place::new(kind) else { return };
    let url = place.url();
    block_on(async {
        // Few connections: one that was left in a transaction would be met again at once.
        let options = hillfort_store::Options { connections: 2, readers: 1, ..crate::stores::options() };
        let store = Store::open(&url, options).await.unwrap();
        let user = person(&store, "a").await.id;
        let mut seed = Seed::new(7);
        let mut finished = 0;
        for round in 0..rounds {
            let polls = seed.below(12);
            finished += i64::from(dropped_after(polls, store.updates.apply(update(user, round), 1)).await);
            // Reads are cut as well.
            dropped_after(seed.below(6), store.accounts.get(user)).await;
            dropped_after(seed.below(6), store.accounts.export(user, None)).await;
        }
        // The queue is in order, so what was asked before this one has happened or never will. On a server, transactions of callers
        // that went away end by themselves; each holds the account until then.
        store.updates.apply(update(user, rounds), 1).await.unwrap();
        finished += 1;
        let mut happened = whole(&store, user).await;
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            store.accounts.set_verified(user, 1).await.unwrap();
            let now = whole(&store, user).await;
            if now == happened && now >= finished {
                break;
            }
            happened = now;
            assert!(std::time::Instant::now() < deadline, "{happened} of at least {finished}");
        }
        eprintln!("{kind:?}: {rounds} callers, {finished} waited for the end, {happened} happened");
        assert!(happened <= rounds as i64 + 1);
        #[cfg(feature = "postgres")]
        if kind == Kind::Postgres {
            assert_eq!(open_transactions(&url).await, 0);
        }
    });
}

/// Sessions of the database, but for the one that asks, that have a transaction open and do nothing.
#[cfg(feature = "postgres")]
async fn open_transactions(url: &str) -> i64 {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[test]
fn cancel_memory() {
    callers_go_away(Kind::Memory, 50);
}

#[test]
fn cancel_sqlite() {
    callers_go_away(Kind::Sqlite, 300);
}

#[test]
fn cancel_postgres() {
    callers_go_away(Kind::Postgres, 300);
}
