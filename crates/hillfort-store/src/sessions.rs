//! Owns the port of sessions: families of refresh tokens, logout everywhere, tokens for a new password. Knows nothing of how a token is
//! signed: it sees hashes.

use async_trait::async_trait;
use serde::Serialize;
use std::fmt::Debug;

use crate::{Ban, Identity, Millis, NewAccount, OtherWays, Result, SessionId, UserId, check};

/// Most sessions of one account: with one more, the one that was used least recently ends.
pub const SESSIONS_MAX: usize = 64;

/// Longest variables of a session, bytes.
const VARS_MAX: usize = 8 << 10;

/// SHA-256 of a token. The token itself is never stored.
pub type TokenHash = [u8; 32];

/// A session to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Its id. One that is taken is a conflict ([`crate::Conflict::Id`]).
    pub id: SessionId,
    /// Hash of the first refresh token.
    pub token: TokenHash,
    /// When that token ends.
    pub expires: Millis,
    /// A JSON object that goes from token to token.
    pub vars: String,
    /// From where: an address or the like, for people to read. At most 256 bytes.
    pub origin: String,
}

impl NewSession {
    pub(crate) fn check(&self) -> Result<()> {
        check::object("vars", &self.vars, VARS_MAX)?;
        check::text("origin", &self.origin, 256)
    }
}

pub(crate) fn check_sign_in(identity: &Identity, new: Option<&NewAccount>, session: &NewSession) -> Result<()> {
    identity.check()?;
    new.map_or(Ok(()), NewAccount::check)?;
    session.check()
}

/// A session that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// The account's generation, which access tokens have to carry. See [`crate::Account::generation`].
    pub generation: i64,
    /// A JSON object.
    pub vars: String,
    /// From where its token was last changed; at first, from where it began.
    pub origin: String,
    /// When it began.
    pub create_time: Millis,
    /// When its token was last changed.
    pub update_time: Millis,
    /// When its refresh token ends.
    pub expires: Millis,
}

/// Who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The account.
    pub user: UserId,
    /// Its name.
    pub username: String,
    /// Its generation. See [`crate::Account::generation`].
    pub generation: i64,
    /// The ban that keeps the person out: then no session was begun.
    pub ban: Option<Ban>,
    /// Whether the account was made by this sign-in.
    pub created: bool,
}

/// A refresh token to exchange. The caller has checked its signature, so that id and token belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotate {
    /// The session that the token names.
    pub id: SessionId,
    /// Hash of the token that was presented.
    pub presented: TokenHash,
    /// Hash of the token that follows it.
    pub next: TokenHash,
    /// When that one ends.
    pub expires: Millis,
    /// New variables; `None` leaves them.
    pub vars: Option<String>,
    /// From where it comes; at most 256 bytes.
    pub origin: String,
    /// For how long after a rotation the token before is still taken from where that came, milliseconds: the answer may have been lost on
    /// the way. From elsewhere it is a thief who keeps in step. 0 is strict.
    pub grace: Millis,
}

impl Rotate {
    pub(crate) fn check(&self) -> Result<()> {
        self.vars.as_ref().map_or(Ok(()), |vars| check::object("vars", vars, VARS_MAX))?;
        check::text("origin", &self.origin, 256)
    }
}

/// What became of a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The next token is good now, the presented one is not (but within the grace).
    Rotated(Session),
    /// The presented one was the one before, within the grace and from the same place: the next is good as well.
    Again(Session),
    /// An old token came again: it was stolen, or its thief came first. The session is over.
    Reused(UserId),
    /// No such session, or it ended.
    Ended,
}

/// The port. Each method is a unit of work.
#[async_trait]
pub trait Sessions: Send + Sync + Debug {
    /// Begins a session of an account.
    async fn create(&self, user: UserId, new: NewSession, now: Millis) -> Result<Session>;

    /// Begins a session of the account with this identity, as [`crate::Accounts::register_or_find`] finds or makes it, and [`Self::create`]
    /// begins it, at once. Who is banned now gets none.
    async fn sign_in(&self, identity: Identity, new: Option<NewAccount>, session: NewSession, now: Millis) -> Result<SignedIn>;

    /// Exchanges a refresh token for the next.
    async fn rotate(&self, rotate: Rotate, now: Millis) -> Result<Rotation>;

    /// The session, when it is open.
    async fn get(&self, id: SessionId, now: Millis) -> Result<Option<Session>>;

    /// All open sessions of an account, oldest first.
    async fn of_user(&self, user: UserId, now: Millis) -> Result<Vec<Session>>;

    /// Ends a session. False when there is none.
    async fn revoke(&self, id: SessionId) -> Result<bool>;

    /// Ends all sessions of the account, with their access tokens; the new generation.
    async fn revoke_all(&self, user: UserId, now: Millis) -> Result<i64>;

    /// The generation that access tokens of the account have to carry.
    async fn generation(&self, user: UserId) -> Result<i64>;

    /// Removes at most `limit` sessions and tokens for a new password that ended; how many.
    async fn purge(&self, now: Millis, limit: usize) -> Result<u64>;

    /// Keeps a token for a new password; one for each account, a newer one replaces it.
    async fn create_reset(&self, user: UserId, token: TokenHash, expires: Millis, now: Millis) -> Result<()>;

    /// Takes such a token, once: sets the password and revokes all sessions.
    async fn use_reset(&self, token: TokenHash, password_hash: String, others: OtherWays, now: Millis) -> Result<UserId>;
}
