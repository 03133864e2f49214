//! Owns the port of storage objects: JSON by collection, key and owner, with versions and permissions. Knows nothing of what is in them.

use async_trait::async_trait;
use md5::{Digest, Md5};
use serde::Serialize;
use std::fmt::Debug;

use crate::cursor::Window;
use crate::ids::hex;
use crate::{Millis, Page, Result, StoreError, UserId, check};

/// Longest value, bytes.
pub const OBJECT_VALUE_MAX: usize = 1 << 20;

/// Longest collection or key, bytes.
const NAME_MAX: usize = 128;

/// On whose behalf a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// The server's own code: permissions do not bind it.
    Server,
    /// A person: reads its own of [`ReadPermission::Owner`] and everybody's of [`ReadPermission::Public`], writes its own of
    /// [`WritePermission::Owner`].
    User(UserId),
}

/// Who may read an object beside the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[repr(u8)]
pub enum ReadPermission {
    /// Nobody. 0
    Nobody = 0,
    /// Its owner. 1
    Owner = 1,
    /// Everybody. 2
    Public = 2,
}

/// Who may write an object beside the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[repr(u8)]
pub enum WritePermission {
    /// Nobody. 0
    Nobody = 0,
    /// Its owner. 1
    Owner = 1,
}

impl TryFrom<i64> for ReadPermission {
    type Error = StoreError;

    fn try_from(number: i64) -> Result<Self> {
        Ok(match number {
            0 => Self::Nobody,
            1 => Self::Owner,
            2 => Self::Public,
            _ => return Err(StoreError::invalid("read permission", "is not 0, 1 or 2")),
        })
    }
}

impl TryFrom<i64> for WritePermission {
    type Error = StoreError;

    fn try_from(number: i64) -> Result<Self> {
        Ok(match number {
            0 => Self::Nobody,
            1 => Self::Owner,
            _ => return Err(StoreError::invalid("write permission", "is not 0 or 1")),
        })
    }
}

/// Names one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ObjectId {
    /// The collection, at most 128 bytes.
    pub collection: String,
    /// The key within it, at most 128 bytes.
    pub key: String,
    /// Whose; [`UserId::SYSTEM`] for what belongs to no person.
    pub user: UserId,
}

impl ObjectId {
    /// Puts the three together.
    #[must_use]
    pub fn new(collection: impl Into<String>, key: impl Into<String>, user: UserId) -> Self {
        Self { collection: collection.into(), key: key.into(), user }
    }

    pub(crate) fn check(&self) -> Result<()> {
        check::name("collection", &self.collection, NAME_MAX)?;
        check::name("key", &self.key, NAME_MAX)
    }
}

/// What must be there for a write or a deletion to happen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Expect {
    /// Anything or nothing.
    #[default]
    Any,
    /// Nothing: the object is made. As a deletion it is refused.
    Absent,
    /// An object of this version.
    Version(String),
}

impl Expect {
    /// From the text that clients send: empty, `*`, or a version.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match text {
            "" => Self::Any,
            "*" => Self::Absent,
            version => Self::Version(version.to_owned()),
        }
    }
}

/// One object to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteObject {
    /// Which.
    pub id: ObjectId,
    /// A JSON object of at most [`OBJECT_VALUE_MAX`] bytes, kept as it is.
    pub value: String,
    /// What must be there before.
    pub expect: Expect,
    /// Who may read it afterwards.
    pub read: ReadPermission,
    /// Who may write it afterwards.
    pub write: WritePermission,
}

impl WriteObject {
    /// A write that expects nothing and that its owner may read and write.
    #[must_use]
    pub fn new(id: ObjectId, value: impl Into<String>) -> Self {
        Self { id, value: value.into(), expect: Expect::Any, read: ReadPermission::Owner, write: WritePermission::Owner }
    }

    pub(crate) fn check(&self, caller: Caller) -> Result<()> {
        self.id.check()?;
        owned(&self.id, caller)?;
        check::object("value", &self.value, OBJECT_VALUE_MAX)?;
        check_version(&self.expect)
    }
}

/// One object to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteObject {
    /// Which.
    pub id: ObjectId,
    /// What must be there before. With [`Expect::Any`] the server may delete what is not there; a person may not.
    pub expect: Expect,
}

impl DeleteObject {
    pub(crate) fn check(&self, caller: Caller) -> Result<()> {
        self.id.check()?;
        owned(&self.id, caller)?;
        if self.expect == Expect::Absent {
            return Err(StoreError::invalid("version", "of a deletion cannot be *"));
        }
        check_version(&self.expect)
    }
}

fn check_version(expect: &Expect) -> Result<()> {
    if let Expect::Version(version) = expect { check::name("version", version, NAME_MAX) } else { Ok(()) }
}

fn owned(id: &ObjectId, caller: Caller) -> Result<()> {
    match caller {
        Caller::User(user) if user != id.user || user.is_system() => Err(crate::Conflict::Permission.into()),
        _ => Ok(()),
    }
}

/// The version of a value: its MD5 in hexadecimal digits. It finds changes; it proves nothing.
#[must_use]
pub fn version_of(value: &str) -> String {
    hex(&Md5::digest(value.as_bytes()))
}

/// That an object is written, and what it has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Which.
    pub id: ObjectId,
    /// Its version now.
    pub version: String,
    /// When it was made.
    pub create_time: Millis,
    /// When it was last written.
    pub update_time: Millis,
}

/// The least permission with which `caller` may read what `owner` has; `None` is everybody.
pub(crate) fn least(caller: Caller, owner: Option<UserId>) -> ReadPermission {
    match caller {
        Caller::Server => ReadPermission::Nobody,
        Caller::User(user) if owner == Some(user) => ReadPermission::Owner,
        Caller::User(_) => ReadPermission::Public,
    }
}

/// A stored object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Object {
    /// Which.
    pub id: ObjectId,
    /// A JSON object, as it was written.
    pub value: String,
    /// [`version_of`] the value.
    pub version: String,
    /// Who may read it.
    pub read: ReadPermission,
    /// Who may write it.
    pub write: WritePermission,
    /// When it was made.
    pub create_time: Millis,
    /// When it was last written.
    pub update_time: Millis,
}

impl Object {
    pub(crate) fn is_readable(&self, caller: Caller) -> bool {
        self.read >= least(caller, Some(self.id.user))
    }
}

/// Which objects to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListObjects {
    /// The collection.
    pub collection: String,
    /// Whose; `None` is everybody's, for a person only what is public.
    pub user: Option<UserId>,
    /// Objects on a page.
    pub limit: usize,
    /// Where the last page ended.
    pub cursor: Option<String>,
}

/// A place among the objects of everybody: read permission, key, owner.
pub(crate) type Place = (i64, String, UserId);

impl ListObjects {
    /// The page of one owner's objects, by key.
    pub(crate) fn by_key(&self) -> Result<Window<String>> {
        check::text("collection", &self.collection, NAME_MAX)?;
        let window = Window::<String>::new(self.limit, self.cursor.as_deref())?;
        window.after.as_ref().map_or(Ok(()), |key| check::text("cursor", key, NAME_MAX))?;
        Ok(window)
    }

    /// The page of everybody's objects.
    pub(crate) fn by_place(&self) -> Result<Window<Place>> {
        check::text("collection", &self.collection, NAME_MAX)?;
        let window = Window::<Place>::new(self.limit, self.cursor.as_deref())?;
        window.after.as_ref().map_or(Ok(()), |(_, key, _)| check::text("cursor", key, NAME_MAX))?;
        Ok(window)
    }
}

/// The port. Each method is a unit of work.
#[async_trait]
pub trait Objects: Send + Sync + Debug {
    /// Writes all or nothing, in order; the acknowledgements are in the same order. A person may write its own objects whose permission
    /// allows it; the owner must have an account.
    async fn write(&self, caller: Caller, writes: Vec<WriteObject>, now: Millis) -> Result<Vec<Ack>>;

    /// Those of the objects that are there and that the caller may read, in the order asked for. [`StoreError::TooLarge`] when their
    /// values have more than [`crate::ANSWER_MAX`] bytes: to leave some out would look as if they were not there.
    async fn read(&self, caller: Caller, ids: Vec<ObjectId>) -> Result<Vec<Object>>;

    /// Deletes all or nothing, in order. For a person, one that is not there is a conflict.
    async fn delete(&self, caller: Caller, deletes: Vec<DeleteObject>) -> Result<()>;

    /// A page of a collection, of what the caller may read: of one owner by key; of all by read permission, key and owner. It ends
    /// early, with a cursor, before its values have more than [`crate::ANSWER_MAX`] bytes.
    async fn list(&self, caller: Caller, list: ListObjects) -> Result<Page<Object>>;

    /// Names of collections in byte order, after `after`, at most [`crate::BATCH_MAX`]: for the console.
    async fn collections(&self, after: Option<String>) -> Result<Vec<String>>;
}

/// Places of a batch in the order of their ids, so that no two batches wait for each other in a circle; those of one id stay in theirs.
pub(crate) fn in_order<T>(items: &[T], id: impl Fn(&T) -> &ObjectId) -> Vec<usize> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|&at| id(&items[at]));
    order
}
