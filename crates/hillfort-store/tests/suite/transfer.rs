//! Export, import, backup, restore: everything comes along, and nothing that is there is overwritten.

use hillfort_store::{
    Ban, Caller, Identity, IdentityKind, Moved, NewAuditEntry, NewOutboxEntry, NewSession, ObjectId, Role, SessionId, Store,
    StoreError, Update, UserId, WalletChange, WriteObject, backup, export, import, migrate, restore,
};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::stores::{Kind, Place, block_on, options, person};

/// A writer whose bytes can be looked at afterwards.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn exported(url: &str) -> String {
    let sink = Sink::default();
    export(url, options(), Box::new(sink.clone())).await.unwrap();
    let bytes = sink.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

async fn imported(url: &str, text: &str) -> Result<Moved, StoreError> {
    import(url, options(), Box::new(std::io::Cursor::new(text.to_owned()))).await
}

/// Something in every table, and more in some than is read at once.
async fn fill(store: &Store) -> UserId {
    let a = person(store, "Zoë 🦦").await.id;
    store.accounts.link(a, Identity::new(IdentityKind::Email, "a@example.org"), Some("hash".into()), 3).await.unwrap();
    for at in 0..300 {
        person(store, &format!("p{at}")).await;
    }
    let gone = person(store, "gone").await.id;
    store.accounts.delete(gone, Some("ops".into()), 9).await.unwrap();
    store
        .accounts
        .disable(a, Ban { since: 1, until: None, reason: "\"quoted\" \\ \n".into(), by: "ops".into() }, 1)
        .await
        .unwrap();
    let new = NewSession { id: SessionId::random(), token: [7; 32], expires: 99, vars: "{}".into(), origin: "x".into() };
    store.sessions.create(a, new, 5).await.unwrap();
    store.sessions.create_reset(a, [8; 32], 99, 5).await.unwrap();
    let object = |at: usize, user| {
        WriteObject::new(ObjectId::new("ç", format!("{at}"), user), format!("{{\"n\":{at}, \"u\":\"\\u0000 é\"}}"))
    };
    for chunk in 0..3 {
        let writes = (0..300).map(|at| object(chunk * 300 + at, if at % 2 == 0 { a } else { UserId::SYSTEM })).collect();
        store.objects.write(Caller::Server, writes, 6).await.unwrap();
    }
    let message = |payload: &[u8]| NewOutboxEntry { topic: "t".into(), key: "k".into(), payload: payload.to_vec() };
    let update = Update {
        wallets: vec![WalletChange { user: a, changeset: [("coins".to_owned(), i64::MAX)].into(), metadata: "{\"a\":1}".into() }],
        ledger: true,
        outbox: vec![message(&[0, 255, 10]), message(b"second"), message(b"")],
        ..Update::default()
    };
    store.updates.apply(update, 7).await.unwrap();
    let last = store.outbox.take("t".into(), 3, 10, 8).await.unwrap()[2].id;
    store.outbox.done(vec![last]).await.unwrap();
    let entry = NewAuditEntry {
        actor: "ops".into(),
        action: "x".into(),
        subject: String::new(),
        address: String::new(),
        detail: "{}".into(),
    };
    store.audit.append(entry, 8).await.unwrap();
    store.operators.create("ops".into(), Role::Administrator, "hash".into(), 8).await.unwrap();
    store.meta.put("key".into(), vec![0, 1, 2, 255]).await.unwrap();
    a
}

fn round_trip(first: Kind, second: Kind) {
    let (Some(mut first), Some(mut second)) = (Place::new(first), Place::new(second)) else { return };
    let (from, to) = (first.url(), second.url());
    block_on(async {
        let store = Store::open(&from, options()).await.unwrap();
        let a = fill(&store).await;
        let text = exported(&from).await;
        let moved = imported(&to, &text).await.unwrap();
        assert_eq!(moved.rows as usize, text.lines().count() - 2 - 3, "all but head, end and three counters");
        assert_eq!(exported(&to).await, text, "the same in the other database");
        let there = Store::open(&to, options()).await.unwrap();
        assert_eq!(there.accounts.export(a, None).await.unwrap(), store.accounts.export(a, None).await.unwrap());
        // Numbers go on where they were: that of the last message is not given again.
        for store in [&store, &there] {
            let entry = NewOutboxEntry { topic: "n".into(), key: String::new(), payload: vec![] };
            store.outbox.enqueue(vec![entry], 1).await.unwrap();
        }
        let number = async |store: &Store| store.outbox.take("n".into(), 1, 1, 1).await.unwrap()[0].id;
        let (one, other) = (number(&store).await, number(&there).await);
        assert!(one == other && one >= 4, "{one} {other}");
        // An import goes into an empty database only.
        let again = imported(&to, &text).await;
        assert!(matches!(&again, Err(StoreError::Invalid(why)) if why.contains("empty")), "{again:?}");
    });
}

#[test]
fn sqlite_to_postgres() {
    round_trip(Kind::Sqlite, Kind::Postgres);
}

#[test]
fn postgres_to_sqlite() {
    round_trip(Kind::Postgres, Kind::Sqlite);
}

#[test]
fn damaged_exports_change_nothing() {
    let mut place = Place::new(Kind::Sqlite).unwrap();
    let from = place.url();
    block_on(async {
        fill(&Store::open(&from, options()).await.unwrap()).await;
        let text = exported(&from).await;
        let lines: Vec<&str> = text.lines().collect();
        let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let without = |at: usize| joined(&[&lines[..at], &lines[at + 1..]].concat());
        let with = |at: usize, line: &str| joined(&[&lines[..at], &[line], &lines[at..]].concat());
        let to = place.url();
        for (bad, why) in [
            (String::new(), "head"),
            ("{}\n".to_owned(), "head"),
            ("SQLite format 3\0".to_owned(), "head"),
            (text.replacen("\"format\":1", "\"format\":2", 1), "format"),
            (without(0), "head"),
            (without(lines.len() - 2), "missing"),
            (without(lines.len() - 1), "cut"),
            (text[..text.len() / 2].to_owned(), "damaged"),
            (with(9, lines[8]), "twice"),
            (with(9, "{\"table\":\"nothing\",\"row\":{}}"), "damaged"),
            (with(9, "{\"table\":\"meta\",\"row\":{\"name\":\"x\"}}"), "damaged"),
            (with(9, "{\"table\":\"meta\",\"row\":{\"name\":1,\"value\":\"00\"}}"), "damaged"),
            (with(9, "{\"table\":\"meta\",\"row\":{\"name\":\"x\",\"value\":\"0\"}}"), "damaged"),
            (with(9, "{\"table\":\"meta\",\"last\":1}"), "damaged"),
            (
                with(9, "{\"table\":\"wallets\",\"row\":{\"account_id\":\"ff\",\"amount\":1,\"name\":\"x\"}}"),
                "without its account",
            ),
        ] {
            let refused = imported(&to, &bad).await;
            let Err(StoreError::Invalid(said)) = &refused else { panic!("{why}: {refused:?}") };
            assert!(said.contains(why), "{why}: {said}");
        }
        // After all of these it is still empty.
        imported(&to, &text).await.unwrap();
    });
}

#[test]
fn backup_and_restore_sqlite() {
    let mut place = Place::new(Kind::Sqlite).unwrap();
    let (from, to) = (place.url(), place.url());
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("backup.db");
    block_on(async {
        let store = Store::open(&from, options()).await.unwrap();
        let a = fill(&store).await;
        let kept = exported(&from).await;
        backup(&from, options(), &file).await.unwrap();
        person(&store, "after the backup").await;
        assert!(matches!(backup(&from, options(), &file).await, Err(StoreError::Invalid(_))), "never over a file");
        restore(&to, options(), &file).await.unwrap();
        assert_eq!(exported(&to).await, kept);
        assert!(Store::open(&to, options()).await.unwrap().accounts.get(a).await.is_ok());
        assert!(matches!(restore(&to, options(), &file).await, Err(StoreError::Invalid(_))), "never over a database");
        let (broken, other) = (folder.path().join("broken.db"), place.url());
        let bytes = std::fs::read(&file).unwrap();
        for (bytes, what) in [(&bytes[..bytes.len() / 2], "half"), (&bytes[..0], "empty"), (&b"SQLite format 3\0"[..], "head")] {
            std::fs::write(&broken, bytes).unwrap();
            let refused = restore(&other, options(), &broken).await;
            assert!(matches!(refused, Err(StoreError::Invalid(_))), "{what}: {refused:?}");
        }
        let Err(StoreError::Unavailable(_)) = restore(&other, options(), Path::new("/nowhere")).await else { panic!() };
        restore(&other, options(), &file).await.unwrap();
        let nothing = backup(&place.url(), options(), &folder.path().join("x")).await;
        assert!(matches!(nothing, Err(StoreError::Invalid(_))), "{nothing:?}");
    });
}

#[test]
fn backup_and_restore_postgres() {
    let Some(mut place) = Place::new(Kind::Postgres) else { return };
    let (from, to) = (place.url(), place.url());
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("backup.jsonl");
    block_on(async {
        migrate(&from, options()).await.unwrap();
        fill(&Store::open(&from, options()).await.unwrap()).await;
        backup(&from, options(), &file).await.unwrap();
        assert!(matches!(backup(&from, options(), &file).await, Err(StoreError::Invalid(_))), "never over a file");
        restore(&to, options(), &file).await.unwrap();
        assert_eq!(exported(&to).await, exported(&from).await);
        assert!(matches!(restore(&to, options(), &file).await, Err(StoreError::Invalid(_))), "never over a database");
        let sqlite = folder.path().join("sqlite.db");
        std::fs::write(&sqlite, b"SQLite format 3\0 and more").unwrap();
        let refused = restore(&to, options(), &sqlite).await;
        assert!(matches!(&refused, Err(StoreError::Invalid(why)) if why.contains("sqlite:")), "{refused:?}");
    });
}
