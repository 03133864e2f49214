//! Owns the port of accounts: who a person is, by which identities it is found, what it shows, and whether it may come in. Knows nothing
//! of how an identity is proved or a password hashed.

use async_trait::async_trait;
use serde::Serialize;
use std::fmt::Debug;

use crate::{Millis, Page, PersonExport, Result, UserId, check};

/// Longest metadata, bytes.
pub const METADATA_MAX: usize = 64 << 10;

/// Most devices of one account. One more is a conflict ([`crate::Conflict::IdentityKind`]).
pub const DEVICES_MAX: usize = 32;

/// Longest username, id or address that is stored, bytes. An API's own limits are at most this.
pub(crate) const NAME_MAX: usize = 512;

/// The language of an account that names none, as Nakama's table has it.
pub const LANG_TAG: &str = "en";

/// Most characters (Unicode scalar values) of a name that is shown, a place and a time zone, as Nakama's table has them. A character has at
/// most four bytes.
pub const PROFILE_CHARS_MAX: usize = 255;

/// The same of the address of a picture.
pub const AVATAR_CHARS_MAX: usize = 512;

/// The same of a language tag.
pub const LANG_TAG_CHARS_MAX: usize = 18;

/// Longest password hash (a PHC string), bytes.
const HASH_MAX: usize = 512;

/// Who vouches for an identity. An account has any number of devices, and one of each other kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "they are names of services")]
pub enum IdentityKind {
    /// An id that a client made and keeps.
    Device,
    /// An id of the studio's own making.
    Custom,
    /// An address, with a password.
    Email,
    Apple,
    Google,
    Facebook,
    FacebookInstant,
    GameCenter,
    Steam,
}

impl IdentityKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Device,
        Self::Custom,
        Self::Email,
        Self::Apple,
        Self::Google,
        Self::Facebook,
        Self::FacebookInstant,
        Self::GameCenter,
        Self::Steam,
    ];

    /// Its name in the database and in exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Custom => "custom",
            Self::Email => "email",
            Self::Apple => "apple",
            Self::Google => "google",
            Self::Facebook => "facebook",
            Self::FacebookInstant => "facebook_instant",
            Self::GameCenter => "game_center",
            Self::Steam => "steam",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// By what a person is found. Unique over all accounts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Identity {
    /// Who vouches for it.
    pub kind: IdentityKind,
    /// The id there. Compared byte for byte, but addresses, which are kept in lower case.
    pub value: String,
}

impl Identity {
    /// An identity; an address is put into lower case.
    #[must_use]
    pub fn new(kind: IdentityKind, value: impl Into<String>) -> Self {
        let value = value.into();
        let value = if kind == IdentityKind::Email { value.to_lowercase() } else { value };
        Self { kind, value }
    }

    pub(crate) fn check(&self) -> Result<()> {
        check::name(self.kind.name(), &self.value, NAME_MAX)
    }
}

/// An account that is made when the identity is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// Its id. One that is taken is a conflict ([`crate::Conflict::Id`]).
    pub id: UserId,
    /// Its name, unique over all accounts.
    pub username: String,
    /// PHC string of the password, for [`IdentityKind::Email`].
    pub password_hash: Option<String>,
    /// Shown name, avatar and the rest; `username` in it is not read. Without a language it is [`LANG_TAG`].
    pub profile: AccountUpdate,
}

impl NewAccount {
    /// An account that has nothing but a name.
    #[must_use]
    pub fn named(id: UserId, username: impl Into<String>) -> Self {
        Self { id, username: username.into(), password_hash: None, profile: AccountUpdate::default() }
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.id.is_system() {
            return Err(crate::StoreError::invalid("id", "of zeros is the system's"));
        }
        check::name("username", &self.username, NAME_MAX)?;
        check_hash(self.password_hash.as_deref())?;
        self.profile.check()
    }
}

pub(crate) fn check_hash(hash: Option<&str>) -> Result<()> {
    hash.map_or(Ok(()), |hash| check::name("password hash", hash, HASH_MAX))
}

/// What an account is to become; `None` leaves a field as it is, an empty text clears it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountUpdate {
    /// Unique over all accounts; cannot be cleared.
    pub username: Option<String>,
    /// Name that is shown; need not be unique.
    pub display_name: Option<String>,
    /// Address of a picture.
    pub avatar_url: Option<String>,
    /// Language, such as `en`.
    pub lang_tag: Option<String>,
    /// Where the person says it is.
    pub location: Option<String>,
    /// Such as `Europe/Berlin`.
    pub timezone: Option<String>,
    /// A JSON object of at most [`METADATA_MAX`] bytes; replaces the old one as a whole.
    pub metadata: Option<String>,
}

impl AccountUpdate {
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(username) = &self.username {
            check::name("username", username, NAME_MAX)?;
        }
        for (field, value, most) in [
            ("display name", &self.display_name, PROFILE_CHARS_MAX),
            ("avatar URL", &self.avatar_url, AVATAR_CHARS_MAX),
            ("language tag", &self.lang_tag, LANG_TAG_CHARS_MAX),
            ("location", &self.location, PROFILE_CHARS_MAX),
            ("timezone", &self.timezone, PROFILE_CHARS_MAX),
        ] {
            value.as_ref().map_or(Ok(()), |value| check::chars(field, value, most))?;
        }
        self.metadata.as_ref().map_or(Ok(()), |json| check::object("metadata", json, METADATA_MAX))
    }
}

/// A person as it is stored. Texts that were never set are empty, but the language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Its id.
    pub id: UserId,
    /// Unique name.
    pub username: String,
    /// Name that is shown.
    pub display_name: String,
    /// Address of a picture.
    pub avatar_url: String,
    /// Language, such as `en`.
    pub lang_tag: String,
    /// Where the person says it is.
    pub location: String,
    /// Such as `Europe/Berlin`.
    pub timezone: String,
    /// A JSON object.
    pub metadata: String,
    /// When it was made.
    pub create_time: Millis,
    /// When the profile or the identities last changed.
    pub update_time: Millis,
    /// When its address was verified.
    pub verify_time: Option<Millis>,
    /// Whether it may come in.
    pub ban: Option<Ban>,
    /// Rises whenever all its sessions are revoked: a token of a smaller one is refused.
    pub generation: i64,
    /// By what it is found, in the order of kind and value.
    pub identities: Vec<Identity>,
}

impl Account {
    /// Whether it may not come in now.
    #[must_use]
    pub fn is_banned(&self, now: Millis) -> bool {
        self.ban.as_ref().is_some_and(|ban| ban.holds(now))
    }

    /// The identity of a kind that an account has once.
    #[must_use]
    pub fn identity(&self, kind: IdentityKind) -> Option<&str> {
        self.identities.iter().find(|identity| identity.kind == kind).map(|identity| identity.value.as_str())
    }
}

/// Why an account may not come in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ban {
    /// Since when.
    pub since: Millis,
    /// Until when; `None` is for good.
    pub until: Option<Millis>,
    /// What for, in words for people.
    pub reason: String,
    /// Which operator or module did it.
    pub by: String,
}

impl Ban {
    /// Whether it has not ended.
    #[must_use]
    pub fn holds(&self, now: Millis) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    pub(crate) fn check(&self) -> Result<()> {
        check::text("reason", &self.reason, 4096)?;
        check::text("by", &self.by, NAME_MAX)
    }
}

/// What [`Accounts::register_or_find`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The account.
    pub account: Account,
    /// Whether it was made by this call.
    pub created: bool,
}

/// Which accounts a list has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AccountFilter {
    /// All.
    #[default]
    All,
    /// Those whose username begins so.
    UsernamePrefix(String),
    /// Those that have this id with any service.
    Identity(String),
    /// Those with a ban, ended or not.
    Banned,
}

impl AccountFilter {
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::UsernamePrefix(text) | Self::Identity(text) => check::text("filter", text, NAME_MAX),
            Self::All | Self::Banned => Ok(()),
        }
    }
}

/// That an account was once here: kept after its deletion when asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// Whose.
    pub id: UserId,
    /// When it was deleted.
    pub time: Millis,
    /// By which operator or module, or the person itself.
    pub by: String,
}

/// What becomes of the other ways to sign in when a password is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherWays {
    /// They stay.
    Keep,
    /// Nothing but the address and the new password signs in any more. An account without an address keeps them.
    Unlink,
}

/// The port. Each method is a unit of work.
#[async_trait]
pub trait Accounts: Send + Sync + Debug {
    /// The account with this identity. When there is none it is made from `new`, or it is [`crate::Missing::Account`]. Of many who ask at
    /// once with one identity, one creates and all find the same.
    async fn register_or_find(&self, identity: Identity, new: Option<NewAccount>, now: Millis) -> Result<Found>;

    /// Adds an identity, with the password's hash when it is an address. Nothing happens when the account has it already (but a password
    /// is replaced).
    async fn link(&self, user: UserId, identity: Identity, password_hash: Option<String>, now: Millis) -> Result<()>;

    /// Removes an identity; without a value, the one of that kind. With the address goes the password. The last one stays.
    async fn unlink(&self, user: UserId, kind: IdentityKind, value: Option<String>, now: Millis) -> Result<()>;

    /// One account.
    async fn get(&self, user: UserId) -> Result<Account>;

    /// Those of the accounts that are there, in the order of the ids; one asked for twice comes once.
    async fn get_many(&self, users: Vec<UserId>) -> Result<Vec<Account>>;

    /// Those of the accounts that are there, in the order of the usernames.
    async fn by_usernames(&self, usernames: Vec<String>) -> Result<Vec<Account>>;

    /// Those of the accounts that are there, in the order of the identities. Used for ids of Facebook and other services.
    async fn by_identities(&self, identities: Vec<Identity>) -> Result<Vec<Account>>;

    /// Changes what is given, and nothing else.
    async fn update(&self, user: UserId, update: AccountUpdate, now: Millis) -> Result<Account>;

    /// The PHC string of the password, and whose: by address.
    async fn password(&self, email: String) -> Result<(UserId, Option<String>)>;

    /// Sets or clears the password and revokes all sessions; the new generation.
    async fn set_password(&self, user: UserId, hash: Option<String>, others: OtherWays, now: Millis) -> Result<i64>;

    /// Replaces the password's hash by another of the same password, if it still is `old`; sessions stay. Whether it was.
    async fn rehash(&self, user: UserId, old: String, new: String) -> Result<bool>;

    /// Notes that the address is verified.
    async fn set_verified(&self, user: UserId, now: Millis) -> Result<()>;

    /// Bans the account and revokes all its sessions; replaces a ban that is there. The new generation.
    async fn disable(&self, user: UserId, ban: Ban, now: Millis) -> Result<i64>;

    /// Lifts the ban.
    async fn enable(&self, user: UserId, now: Millis) -> Result<()>;

    /// Erases the account with all it owns; with `tombstone`, who did it is kept beside the id and the time.
    async fn delete(&self, user: UserId, tombstone: Option<String>, now: Millis) -> Result<()>;

    /// What is left of a deleted account.
    async fn tombstone(&self, user: UserId) -> Result<Option<Tombstone>>;

    /// A part of everything that is kept about the person; the first without a cursor. What changes between two parts is told as it is
    /// when its part is.
    async fn export(&self, user: UserId, cursor: Option<String>) -> Result<PersonExport>;

    /// Accounts in the order of their usernames.
    async fn list(&self, filter: AccountFilter, limit: usize, cursor: Option<String>) -> Result<Page<Account>>;

    /// How many there are.
    async fn count(&self) -> Result<u64>;
}

impl Account {
    /// One that has nothing but a name.
    pub(crate) fn empty(id: UserId, username: String, now: Millis) -> Self {
        Self {
            id,
            username,
            display_name: String::new(),
            avatar_url: String::new(),
            lang_tag: LANG_TAG.to_owned(),
            location: String::new(),
            timezone: String::new(),
            metadata: "{}".to_owned(),
            create_time: now,
            update_time: now,
            verify_time: None,
            ban: None,
            generation: 0,
            identities: Vec::new(),
        }
    }

    /// Takes over what the update gives. Cleared metadata are the empty object.
    pub(crate) fn take(&mut self, update: AccountUpdate) {
        let AccountUpdate { username, display_name, avatar_url, lang_tag, location, timezone, metadata } = update;
        for (field, value) in [
            (&mut self.username, username),
            (&mut self.display_name, display_name),
            (&mut self.avatar_url, avatar_url),
            (&mut self.lang_tag, lang_tag),
            (&mut self.location, location),
            (&mut self.timezone, timezone),
            (&mut self.metadata, metadata),
        ] {
            if let Some(value) = value {
                *field = value;
            }
        }
    }
}

/// The items without later doubles, in their order.
pub(crate) fn distinct<T: Ord + Clone>(items: Vec<T>) -> Vec<T> {
    let mut seen = std::collections::BTreeSet::new();
    items.into_iter().filter(|item| seen.insert(item.clone())).collect()
}

pub(crate) fn check_link(identity: &Identity, password_hash: Option<&str>) -> Result<()> {
    identity.check()?;
    if password_hash.is_some() && identity.kind != IdentityKind::Email {
        return Err(crate::StoreError::invalid("password hash", "goes with an address only"));
    }
    check_hash(password_hash)
}

/// The value to look for, in the form that is kept.
pub(crate) fn check_unlink(kind: IdentityKind, value: Option<String>) -> Result<Option<String>> {
    match value {
        None if kind == IdentityKind::Device => Err(crate::StoreError::invalid("device", "has to be named")),
        None => Ok(None),
        Some(value) => {
            let identity = Identity::new(kind, value);
            identity.check()?;
            Ok(Some(identity.value))
        }
    }
}
