//! How many storage writes a second are acknowledged, each after its commit has reached the disk: SQLite in WAL with `synchronous=FULL`,
//! PostgreSQL with `fsync` and `synchronous_commit` on. Beside it, what the disk does alone, and the ratio to that. Takes a minute.
//!
//! `cargo bench -p hillfort-store --features postgres --bench writes`. The folder for temporary files decides which disk is measured.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench that cannot go on ends, and its output is what it is for")]

use hillfort_store::{Caller, Identity, IdentityKind, NewAccount, ObjectId, Options, Store, UserId, WriteObject};
use hillfort_testkit::postgres::Server;
use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

/// How long each line is measured.
const TIME: Duration = Duration::from_secs(3);

/// Bytes of a value, and objects of each caller that are written again and again.
const VALUE: usize = 200;
const OBJECTS: usize = 2000;

/// Callers that write at once, and objects in each of their batches.
const LOADS: [(usize, usize); 6] = [(1, 1), (32, 1), (256, 1), (1, 100), (8, 100), (32, 20)];

fn main() {
    let folder = tempfile::TempDir::new().unwrap();
    let syncs = disk_alone(&folder);
    println!("sqlite: journal_mode=WAL, synchronous=FULL");
    println!(
        "{:<12}{:>9}{:>9}{:>14}{:>12}{:>12}{:>10}",
        "database", "callers", "batch", "writes/s", "p50 ms", "p99 ms", "× disk"
    );
    for (callers, batch) in LOADS {
        let url = format!("sqlite:{}/{callers}-{batch}.db", folder.path().display());
        measure("sqlite", &url, callers, batch, syncs);
    }
    if cfg!(not(feature = "postgres")) {
        println!("postgres was not measured: build with --features postgres");
        return;
    }
    let Some(server) = Server::start_with(&["-c", "fsync=on", "-c", "synchronous_commit=on", "-c", "full_page_writes=on"]) else {
        return;
    };
    println!("postgres: fsync=on, synchronous_commit=on, full_page_writes=on");
    for (callers, batch) in LOADS {
        measure("postgres", &server.database(), callers, batch, syncs);
    }
}

/// Small appends a second, each followed by a wait for the disk.
fn disk_alone(folder: &tempfile::TempDir) -> f64 {
    let mut file = File::create(folder.path().join("disk")).unwrap();
    let (began, mut syncs) = (Instant::now(), 0_u32);
    while began.elapsed() < Duration::from_secs(1) {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        syncs += 1;
    }
    let rate = f64::from(syncs) / began.elapsed().as_secs_f64();
    println!("the disk alone: {rate:.0} appends of 4 KiB a second, each with fdatasync; × disk: writes for each of these");
    rate
}

fn measure(name: &str, url: &str, callers: usize, batch: usize, syncs: f64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut waits = runtime.block_on(async {
        let store = Store::open(url, Options { busy_timeout: Duration::from_secs(60), ..Options::default() }).await.unwrap();
        let mut tasks = Vec::new();
        let end = Instant::now() + TIME;
        for caller in 0..callers {
            let identity = Identity::new(IdentityKind::Device, format!("device-{caller}"));
            let new = NewAccount::named(UserId::random(), format!("caller-{caller}"));
            let user = store.accounts.register_or_find(identity, Some(new), 1).await.unwrap().account.id;
            let store = store.clone();
            tasks.push(tokio::spawn(async move {
                let (mut waits, mut next) = (Vec::new(), 0);
                while Instant::now() < end {
                    let writes = (0..batch).map(|at| {
                        let id = ObjectId::new("bench", format!("{}", (next + at) % OBJECTS), user);
                        WriteObject::new(id, format!("{{\"n\":{next},\"pad\":\"{}\"}}", "x".repeat(VALUE - 20)))
                    });
                    let writes = writes.collect();
                    next += batch;
                    let began = Instant::now();
                    store.objects.write(Caller::User(user), writes, 2).await.unwrap();
                    waits.push(began.elapsed());
                }
                waits
            }));
        }
        let mut waits = Vec::new();
        for task in tasks {
            waits.extend(task.await.unwrap());
        }
        waits
    });
    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    let rate = (waits.len() * batch) as f64 / TIME.as_secs_f64();
    println!("{name:<12}{callers:>9}{batch:>9}{rate:>14.0}{:>12.2}{:>12.2}{:>10.2}", at(0.5), at(0.99), rate / syncs);
}
