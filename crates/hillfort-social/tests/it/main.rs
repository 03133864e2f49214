//! Calls as doors make them, over a store in memory and some over SQLite, too, with a clock that the test moves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::duplicate_mod, reason = "the same tests over another store")]

mod accounts;
mod attacks;
mod counted;
mod hooks;
mod links;
#[expect(dead_code, reason = "tests beside the mail use the rest")]
#[path = "../../src/mail/stand_in.rs"]
mod mail_server;
mod modules;
mod outside;
mod passwords;
mod rig;
mod services;
mod sessions;
mod sqlite;
#[expect(dead_code, reason = "tests beside the adapters use the rest")]
#[path = "../../src/outside/stand_in/server.rs"]
mod stand_in;
mod storage;

const STORE: rig::Kept = rig::Kept::InMemory;
