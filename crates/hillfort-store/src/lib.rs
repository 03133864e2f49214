//! Floor 2: what a server keeps. Accounts, sessions, storage objects, wallets, the console's operators and audit log, and an outbox.
//!
//! Knows nothing of who calls it: no protocol, no HTTP, no password hashing, no clock (`now` is an argument, in milliseconds since
//! 1970). Each port is a trait whose methods are units of work: one call is one transaction, whole or absent, also when the caller's
//! future is dropped in the middle. There is no query builder and no way to hold a transaction open over two calls.
//!
//! [`Store::open`] chooses by URL: `sqlite:data/hillfort.db`, `postgres://user:password@host/database`, or `memory:`, a model of
//! the other two that forgets everything at the end.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use hillfort_store::{Identity, IdentityKind, NewAccount, Options, Store, UserId};
//!
//! let store = Store::open("memory:", Options::default()).await?;
//! let phone = Identity::new(IdentityKind::Device, "6f0c1b9a-phone");
//! let new = NewAccount::named(UserId::random(), "brave-otter");
//! let found = store.accounts.register_or_find(phone.clone(), Some(new), 1_000).await?;
//! assert!(found.created);
//! assert_eq!(store.accounts.register_or_find(phone, None, 2_000).await?.account, found.account);
//! # Ok::<(), hillfort_store::StoreError>(()) }).unwrap();
//! ```

#![forbid(unsafe_code)]

mod accounts;
mod audit;
mod backup;
mod check;
mod cursor;
mod error;
mod ids;
mod memory;
mod meta;
mod objects;
mod operators;
mod outbox;
mod person;
#[cfg(feature = "postgres")]
mod postgres;
mod schema;
mod sessions;
mod sql;
mod sqlite;
mod store;
mod transfer;
mod updates;
mod wallets;
mod write_behind;

pub use accounts::{
    AVATAR_CHARS_MAX, Account, AccountFilter, AccountUpdate, Accounts, Ban, DEVICES_MAX, Found, Identity, IdentityKind, LANG_TAG,
    LANG_TAG_CHARS_MAX, METADATA_MAX, NewAccount, OtherWays, PROFILE_CHARS_MAX, Tombstone,
};
pub use audit::{Audit, AuditEntry, AuditFilter, NewAuditEntry};
pub use backup::{backup, create_private, migrate, restore};
pub use cursor::Page;
pub use error::{Conflict, Missing, Result, StoreError};
pub use ids::{LedgerId, Millis, SessionId, UserId};
pub use meta::{META_VALUE_MAX, Meta};
pub use objects::{
    Ack, Caller, DeleteObject, Expect, ListObjects, OBJECT_VALUE_MAX, Object, ObjectId, Objects, ReadPermission, WriteObject,
    WritePermission, version_of,
};
pub use operators::{Operator, OperatorUpdate, Operators, Role};
pub use outbox::{NewOutboxEntry, Outbox, OutboxEntry, PAYLOAD_MAX};
pub use person::PersonExport;
pub use sessions::{NewSession, Rotate, Rotation, SESSIONS_MAX, Session, Sessions, SignedIn, TokenHash};
pub use store::{Options, Store};
pub use transfer::{Moved, export, import};
pub use updates::{Update, Updated, Updates};
pub use wallets::{LedgerEntry, WALLET_NAMES_MAX, Wallet, WalletChange, WalletState, Wallets};
pub use write_behind::{WriteBehind, WriteBehindOptions};

/// Most items that one call may carry, and most that a page has.
pub const BATCH_MAX: usize = 1024;

/// Most bytes of values in one answer: of objects that are read or listed, and of a part of an export. A list stops early and has a
/// cursor; a read is [`StoreError::TooLarge`].
pub const ANSWER_MAX: usize = 4 << 20;
