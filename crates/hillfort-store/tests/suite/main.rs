//! The ports on each database: the same cases on the model in memory, on SQLite and on a private PostgreSQL; random calls compared with the
//! model; callers that go away; processes that are killed; the
//! way from one database to another and back.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test ends where something is not as it says, and tells what it did"
)]

mod accounts;
mod cancel;
mod console;
mod hostile;
mod kill;
mod model;
mod objects;
mod outbox;
mod schema;
mod sessions;
mod stores;
#[cfg(feature = "postgres")]
mod tls;
mod transfer;
mod wallets;
mod write_behind;

use stores::{Case, Kind, on_each};

fn cases() -> Vec<Case> {
    [
        accounts::cases(),
        objects::cases(),
        wallets::cases(),
        sessions::cases(),
        outbox::cases(),
        console::cases(),
        hostile::cases(),
    ]
    .concat()
}

#[test]
fn conformance_memory() {
    on_each(Kind::Memory, &cases());
}

#[test]
fn conformance_sqlite() {
    on_each(Kind::Sqlite, &cases());
}

#[test]
fn conformance_postgres() {
    on_each(Kind::Postgres, &cases());
}
