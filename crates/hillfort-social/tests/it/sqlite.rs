//! The same calls over SQLite, as most servers keep what they are told. Owns which tests those are.

use crate::rig::Kept;

const STORE: Kept = Kept::BySqlite;

#[path = "accounts.rs"]
mod accounts;
#[path = "links.rs"]
mod links;
#[path = "sessions.rs"]
mod sessions;
#[path = "storage.rs"]
mod storage;
