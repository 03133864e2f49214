//! Owns the port of operators: people who use the console. Knows nothing of how they sign in.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

use crate::accounts::check_hash;
use crate::{Millis, Result, StoreError, check};

/// What an operator may do; each includes those below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Role {
    /// Looks at everything but secrets. 1
    Viewer = 1,
    /// Acts on players, rooms and addresses. 2
    Operator = 2,
    /// Deletes, configures, calls on behalf of others, makes operators. 3
    Administrator = 3,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Administrator];

    /// Its name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl TryFrom<i64> for Role {
    type Error = StoreError;

    fn try_from(number: i64) -> Result<Self> {
        let role = Self::ALL.into_iter().find(|role| *role as i64 == number);
        role.ok_or_else(|| StoreError::invalid("role", "is not within 1 to 3"))
    }
}

/// A person who uses the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Unique name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// PHC string of the password.
    pub password_hash: String,
    /// When it was made.
    pub create_time: Millis,
    /// When it last changed.
    pub update_time: Millis,
    /// Begins with the time of the making, so that one who is made again has another than the one of before, and rises with every change: a
    /// sign-in of any other is void.
    pub generation: i64,
}

/// What an operator is to become; `None` leaves it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OperatorUpdate {
    /// What it may do.
    pub role: Option<Role>,
    /// PHC string of the password.
    pub password_hash: Option<String>,
}

impl OperatorUpdate {
    pub(crate) fn check(&self) -> Result<()> {
        check_hash(self.password_hash.as_deref())
    }
}

pub(crate) fn check_new(name: &str, password_hash: &str) -> Result<()> {
    check::name("name", name, 128)?;
    check_hash(Some(password_hash))
}

/// The port. Each method is a unit of work.
#[async_trait]
pub trait Operators: Send + Sync + Debug {
    /// Makes one.
    async fn create(&self, name: String, role: Role, password_hash: String, now: Millis) -> Result<Operator>;

    /// Makes the first one; `None` when there is any already. Of many who ask at once, one makes it.
    async fn create_first(&self, name: String, password_hash: String, now: Millis) -> Result<Option<Operator>>;

    /// One by name.
    async fn get(&self, name: String) -> Result<Operator>;

    /// All, by name; at most [`crate::BATCH_MAX`].
    async fn list(&self) -> Result<Vec<Operator>>;

    /// Changes one. The last administrator stays one.
    async fn update(&self, name: String, update: OperatorUpdate, now: Millis) -> Result<Operator>;

    /// Removes one. The last administrator stays.
    async fn delete(&self, name: String) -> Result<()>;
}
