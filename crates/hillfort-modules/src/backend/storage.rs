//! Storage objects as modules see them. Owns the fields, named as Nakama's where nothing else is said; their bounds are the backend's.

use super::accounts::{AccountUpdate, WalletResult, WalletUpdate};
use crate::id::Id;

/// Names an object. No owner: the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectKey {
    pub collection: String,
    pub key: String,
    pub user_id: Option<Id>,
}

/// An object to be written. `value` is a JSON object; a version must match, `*` says that there must be none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectWrite {
    pub key: ObjectKey,
    pub value: String,
    pub version: String,
    pub permission_read: i32,
    pub permission_write: i32,
}

/// An object to be deleted; a version must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectDelete {
    pub key: ObjectKey,
    pub version: String,
}

/// An object. Times are UTC seconds, `value` is a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageObject {
    pub key: ObjectKey,
    pub value: String,
    pub version: String,
    pub permission_read: i32,
    pub permission_write: i32,
    pub create_time: i64,
    pub update_time: i64,
}

/// An object was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectAck {
    pub key: ObjectKey,
    pub version: String,
}

/// Which objects are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectQuery {
    /// Whose; nothing: anybody's.
    pub user_id: Option<Id>,
    /// Where; empty: anywhere.
    pub collection: String,
    /// At most so many.
    pub limit: u32,
    /// Where the last page ended; empty: from the beginning.
    pub cursor: String,
    /// Whose permissions count; nothing: the server's.
    pub caller_id: Option<Id>,
}

/// A page of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectList {
    /// The objects.
    pub objects: Vec<StorageObject>,
    /// Where the next page begins; empty: there is none.
    pub cursor: String,
}

/// Several changes that happen together or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MultiUpdate {
    pub accounts: Vec<AccountUpdate>,
    pub writes: Vec<ObjectWrite>,
    pub deletes: Vec<ObjectDelete>,
    pub wallets: Vec<WalletUpdate>,
    pub ledger: bool,
}

/// What they did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MultiUpdated {
    /// For each write.
    pub acks: Vec<ObjectAck>,
    /// For each wallet.
    pub wallets: Vec<WalletResult>,
}
