//! Owns the closed list of ways in which a unit of work can fail.

use std::fmt;

/// Result of a unit of work.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why a unit of work did not happen. It has changed nothing, with one exception: when the connection to a server breaks while it commits,
/// nobody knows, and that is [`StoreError::Unavailable`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// What is stored speaks against it. The caller's business: trying again without a change gives the same.
    #[error("{0}")]
    Conflict(Conflict),
    /// What it is about is not there.
    #[error("{0} not found")]
    NotFound(Missing),
    /// The database has too much to do, or the queue to it is full. Trying again later may work.
    #[error("the store is busy: try again later")]
    Busy,
    /// An argument cannot be stored by any database: too long, not JSON, a NUL character, a damaged cursor. Says which and why.
    #[error("{0}")]
    Invalid(String),
    /// The answer would have more bytes of values than one answer may have ([`crate::ANSWER_MAX`]). Asking for less at a time works.
    #[error("the answer would be larger than {} bytes: ask for fewer at a time", crate::ANSWER_MAX)]
    TooLarge,
    /// The database cannot be reached, is full, or failed. A fault of a neighbour, to be logged; says what it said.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

/// What speaks against a unit of work.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conflict {
    /// The username is another account's.
    Username,
    /// The identity is linked to another account.
    Identity,
    /// The account has another identity of this kind already, or [`crate::DEVICES_MAX`] devices.
    IdentityKind,
    /// The last identity of an account cannot be unlinked: nobody could sign in any more.
    LastIdentity,
    /// The id of a new account or session is taken.
    Id,
    /// The object is not there, or has another version than the expected one, or is there though it must not be.
    Version,
    /// The object's permission does not allow the caller to write it.
    Permission,
    /// The wallet would hold less than nothing of this name.
    Funds {
        /// Name within the wallet, such as `coins`.
        name: String,
        /// What it holds.
        has: i64,
        /// The change that was asked for.
        change: i64,
    },
    /// The wallet would hold more than 2^63 − 1 of this name, or more than [`crate::WALLET_NAMES_MAX`] names.
    WalletFull {
        /// Name within the wallet.
        name: String,
    },
    /// The operator's name is taken.
    Operator,
    /// The last administrator of the console cannot be removed or demoted.
    LastAdministrator,
}

impl fmt::Display for Conflict {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Username => to.write_str("the username is taken"),
            Self::Identity => to.write_str("the identity belongs to another account"),
            Self::IdentityKind => to.write_str("the account has an identity of this kind already"),
            Self::LastIdentity => to.write_str("the last identity of an account cannot be unlinked"),
            Self::Id => to.write_str("the id is taken"),
            Self::Version => to.write_str("the object's version is another one"),
            Self::Permission => to.write_str("the object's permission does not allow it"),
            Self::Funds { name, has, change } => write!(to, "the wallet has {has} {name}, a change of {change} is not possible"),
            Self::WalletFull { name } => write!(to, "the wallet cannot hold more {name}"),
            Self::Operator => to.write_str("the operator's name is taken"),
            Self::LastAdministrator => to.write_str("the last administrator cannot be removed"),
        }
    }
}

/// What was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// No account with this id or identity.
    Account,
    /// The account has no such identity.
    Identity,
    /// No ledger entry with this id.
    LedgerEntry,
    /// No console user of this name.
    Operator,
    /// No password-reset token with this hash that is still good.
    ResetToken,
}

impl fmt::Display for Missing {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Account => "account",
            Self::Identity => "identity",
            Self::LedgerEntry => "ledger entry",
            Self::Operator => "operator",
            Self::ResetToken => "password-reset token",
        })
    }
}

impl From<Conflict> for StoreError {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}

impl From<Missing> for StoreError {
    fn from(missing: Missing) -> Self {
        Self::NotFound(missing)
    }
}

impl StoreError {
    /// An argument that cannot be stored: `field` and why.
    pub(crate) fn invalid(field: &str, why: impl fmt::Display) -> Self {
        Self::Invalid(format!("{field} {why}"))
    }
}
