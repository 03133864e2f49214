//! Processes that are killed while they write: what was acknowledged is there afterwards, and what was not is whole or absent.
//!
//! The child is this test binary, told by the environment where to write. It says each acknowledgement on its standard output, and the
//! parent kills it after some of them. This shows what a killed process loses; what a lost supply of power loses is up to the disk, which
//! `synchronous=FULL` makes SQLite wait for at each commit, and `fsync` PostgreSQL.

use hillfort_store::{Caller, ListObjects, NewOutboxEntry, ObjectId, Store, Update, UserId, WalletChange, WriteObject};
use hillfort_testkit::seed::Seed;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use crate::stores::{Kind, Place, block_on, options, pages, person};

/// Where the child writes: a URL, the account, and the number of its run.
const URL: &str = "HILLFORT_KILL_URL";
const USER: &str = "HILLFORT_KILL_USER";
const RUN: &str = "HILLFORT_KILL_RUN";

/// How many kills; the long form is 200.
const KILLS: &str = "HILLFORT_KILLS";

fn kills(otherwise: usize) -> usize {
    std::env::var(KILLS).map_or(otherwise, |kills| kills.parse().expect("a number of kills"))
}

/// Tasks of the child that write at once, and objects of each batch.
const TASKS: usize = 8;
const OBJECTS: usize = 5;

fn update(user: UserId, batch: &str) -> Update {
    let object = |at| WriteObject::new(ObjectId::new("kill", format!("{batch}/{at}"), user), "{\"n\":1}");
    Update {
        writes: (0..OBJECTS).map(object).collect(),
        wallets: vec![WalletChange { user, changeset: [("coins".to_owned(), 1)].into(), metadata: "{}".into() }],
        outbox: vec![NewOutboxEntry { topic: "kill".into(), key: batch.into(), payload: batch.into() }],
        ..Update::default()
    }
}

/// The child: runs until it is killed, or the database is. Without the environment it is no test.
#[test]
#[ignore = "is the child of the other tests here"]
fn child() {
    let (Ok(url), Ok(user), Ok(run)) = (std::env::var(URL), std::env::var(USER), std::env::var(RUN)) else { return };
    let user: UserId = user.parse().unwrap();
    block_on(async {
        let store = Store::open(&url, options()).await.unwrap();
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let (updates, run) = (store.updates.clone(), run.clone());
                tokio::spawn(async move {
                    for at in 0.. {
                        let batch = format!("{run}-{task}-{at}");
                        if updates.apply(update(user, &batch), 1).await.is_err() {
                            return;
                        }
                        writeln!(std::io::stdout(), "ack {batch}").unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn spawn(url: &str, user: UserId, run: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child", "--ignored", "--nocapture", "--test-threads=1"])
        .envs([(URL, url.to_owned()), (USER, user.to_string()), (RUN, run.to_string())])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Reads acknowledgements, and calls `end` after so many of them; all that were said until the output ended.
fn acknowledged(child: &mut Child, after: usize, end: impl FnOnce(&mut Child)) -> Vec<String> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut acks = Vec::new();
    let mut read = |acks: &mut Vec<String>| {
        let line = lines.next();
        acks.extend(line.as_ref().and_then(|line| line.strip_prefix("ack ")).map(str::to_owned));
        line.is_some()
    };
    while acks.len() < after && read(&mut acks) {}
    assert!(acks.len() >= after, "the child ended by itself");
    end(child);
    while read(&mut acks) {}
    child.wait().unwrap();
    acks
}

/// That nothing acknowledged is lost, and nothing is there in parts.
async fn check(url: &str, user: UserId, acks: &[String]) {
    let store = Store::open(url, options()).await.unwrap();
    let list = |cursor| ListObjects { collection: "kill".into(), user: Some(user), limit: 1024, cursor };
    let objects = pages(|cursor| store.objects.list(Caller::Server, list(cursor))).await.concat();
    let batches: BTreeSet<&str> = objects.iter().map(|object| object.id.key.split('/').next().unwrap()).collect();
    assert_eq!(objects.len(), batches.len() * OBJECTS, "a batch is there in parts");
    let coins = store.wallets.get(user).await.unwrap().get("coins").copied().unwrap_or(0);
    assert_eq!(coins, batches.len() as i64, "a wallet without its batch");
    assert_eq!(store.outbox.pending("kill".into()).await.unwrap(), batches.len() as u64, "a message without its batch");
    let lost: Vec<_> = acks.iter().filter(|ack| !batches.contains(ack.as_str())).collect();
    assert!(lost.is_empty(), "acknowledged, then lost: {lost:?}");
}

fn killed(kind: Kind, kills: usize) {
    let Some(mut place) = Place::lasting(kind) else { return };
    let url = place.url();
    let user = block_on(async { person(&Store::open(&url, options()).await.unwrap(), "a").await.id });
    let mut seed = Seed::new(11);
    let mut acks = Vec::new();
    for run in 0..kills {
        let mut child = spawn(&url, user, run);
        acks.extend(acknowledged(&mut child, seed.below(60), |child| child.kill().unwrap()));
        if run % 10 == 9 || run + 1 == kills {
            block_on(check(&url, user, &acks));
        }
    }
    eprintln!("{kind:?}: {kills} kills, {} acknowledged batches, none lost", acks.len());
}

#[test]
fn killed_sqlite() {
    killed(Kind::Sqlite, kills(20));
}

#[test]
fn killed_postgres() {
    killed(Kind::Postgres, kills(5));
}

/// The server crashes, and recovers from its log.
#[test]
fn crashed_postgres() {
    let Some(mut place) = Place::lasting(Kind::Postgres) else { return };
    let url = place.url();
    let user = block_on(async { person(&Store::open(&url, options()).await.unwrap(), "a").await.id });
    let mut acks = Vec::new();
    for run in 0..3 {
        let mut child = spawn(&url, user, run);
        acks.extend(acknowledged(&mut child, 20 + run, |child| {
            place.server().unwrap().crash_and_restart();
            child.kill().unwrap();
        }));
        block_on(check(&url, user, &acks));
    }
}
