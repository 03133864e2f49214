//! The commands over the whole database, as an operator types them: SQLite and PostgreSQL, and what goes wrong.

use std::path::Path;

use hillfort_testkit::postgres::Server;

use crate::server::{hillfort, run};

/// Runs a command on the database of `url`; what it said, on both streams.
fn on(folder: &Path, url: &str, arguments: &[&str], code: i32) -> String {
    let output = run(hillfort(folder).args(arguments).args(["--set", &format!("store.url={url}")]));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?} on {url}: {said}");
    said
}

fn says(said: &str, part: &str) {
    assert!(said.contains(part), "no {part:?} in {said}");
}

#[test]
fn a_database_is_copied_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (first, second, third) = ("sqlite:one/a.db", "sqlite:two/b.db", "sqlite:c.db");
    says(&on(folder, first, &["export", "early.jsonl"], 74), "hillfort migrate");
    assert!(!folder.join("early.jsonl").exists(), "a part of an export is not left");
    on(folder, first, &["migrate"], 0);
    on(folder, first, &["migrate"], 0);
    says(&on(folder, first, &["backup", "backup.db"], 0), "secrets");
    says(&on(folder, first, &["backup", "backup.db"], 65), "is there already");
    on(folder, second, &["restore", "backup.db"], 0);
    says(&on(folder, second, &["restore", "backup.db"], 65), "is there already");
    on(folder, second, &["export", "all.jsonl"], 0);
    says(&on(folder, second, &["export", "all.jsonl"], 65), "is there already");
    on(folder, third, &["import", "all.jsonl"], 0);
    on(folder, third, &["export", "again.jsonl"], 0);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(read("again.jsonl"), read("all.jsonl"));
    for secret in ["backup.db", "all.jsonl", "one/a.db"] {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(folder.join(secret)).unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "{secret} can be read by others");
    }
}

#[test]
fn what_is_no_database_or_backup_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("text"), "no backup").unwrap();
    for url in ["mysql://x/y", "hillfort.db"] {
        says(&on(folder, url, &["migrate"], 65), "sqlite:");
    }
    says(&on(folder, "postgres://me:(hidden)@db/x", &["migrate"], 65), "put it back");
    says(&on(folder, "memory:", &["migrate"], 65), "memory:");
    says(&on(folder, "sqlite:a.db", &["restore", "text"], 65), "head of an export");
    says(&on(folder, "sqlite:a.db", &["import", "text"], 65), "head of an export");
    says(&on(folder, "sqlite:a.db", &["import", "nowhere"], 74), "nowhere");
    says(&on(folder, "sqlite:a.db", &["backup", "x"], 65), "is not there");
    says(&on(folder, "sqlite:text", &["migrate"], 74), "not a database");
    assert!(!folder.join("a.db").exists() && !folder.join("x").exists(), "nothing was begun");
    let said = on(folder, "postgres://me:secret@127.0.0.1:1/x", &["migrate"], 74);
    assert!(!said.contains("secret"), "{said}");
}

/// The way of a studio that outgrows one machine.
#[test]
fn a_database_moves_to_postgres() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let postgres = server.database();
    on(folder, "sqlite:a.db", &["migrate"], 0);
    on(folder, "sqlite:a.db", &["export", "all.jsonl"], 0);
    on(folder, &postgres, &["import", "all.jsonl"], 0);
    on(folder, &postgres, &["backup", "backup.jsonl"], 0);
    let another = server.database();
    on(folder, &another, &["restore", "backup.jsonl"], 0);
    on(folder, &another, &["export", "again.jsonl"], 0);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(read("again.jsonl"), read("all.jsonl"));
}
