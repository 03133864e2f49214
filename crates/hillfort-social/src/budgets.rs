//! Classes of calls, and how many of each an account and an address may make. Owns the table from calls to classes; the buckets are
//! [`crate::limits`]'.

use std::net::IpAddr;

use hillfort_api::{ApiError, CallName, Code, UserId};

use crate::limits::{Allowance, Limits, source};

/// What a call costs the server, roughly: calls of a class share a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// Signing in: may make an account, and hash a password.
    SignIn,
    /// Refreshing and ending sessions.
    Session,
    /// Changing one's account and its identities.
    Account,
    /// Looking at something.
    Read,
    /// Changing something.
    Write,
    /// Functions of modules.
    Rpc,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 6] = [Self::SignIn, Self::Session, Self::Account, Self::Read, Self::Write, Self::Rpc];

    /// Its name in configuration and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Session => "session",
            Self::Account => "account",
            Self::Read => "read",
            Self::Write => "write",
            Self::Rpc => "rpc",
        }
    }

    /// The class of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// The class of a call.
    #[must_use]
    pub fn of(call: CallName) -> Self {
        let name = call.row().name;
        match name {
            _ if name.starts_with("Authenticate") => Self::SignIn,
            "SessionRefresh" | "SessionLogout" => Self::Session,
            "UpdateAccount" | "DeleteAccount" => Self::Account,
            _ if name.starts_with("Link") || name.starts_with("Unlink") || name.starts_with("Import") => Self::Account,
            "RpcFunc" => Self::Rpc,
            _ if name.starts_with("Get") || name.starts_with("List") || name.starts_with("Read") || name == "Healthcheck" => {
                Self::Read
            }
            _ => Self::Write,
        }
    }
}

/// How many calls of each class, in the order of [`Class::ALL`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budgets {
    /// For one account. Calls without one are not counted here.
    pub account: [Allowance; 6],
    /// For one address, where a school or a mobile network may be behind.
    pub address: [Allowance; 6],
}

impl Default for Budgets {
    fn default() -> Self {
        let per_s = |burst, per_s: u32| Allowance::new(burst, 1000 / per_s);
        Self {
            account: [
                Allowance::new(10, 1000),
                Allowance::new(20, 1000),
                Allowance::new(20, 1000),
                per_s(200, 50),
                per_s(100, 20),
                per_s(100, 50),
            ],
            address: [per_s(200, 10), per_s(400, 50), per_s(200, 10), per_s(2000, 500), per_s(1000, 200), per_s(2000, 500)],
        }
    }
}

impl Budgets {
    /// Takes a call of `class` from the budgets of its caller.
    ///
    /// # Errors
    /// `ResourceExhausted`, saying when to come again.
    pub(crate) fn take(
        &self,
        limits: &Limits,
        class: Class,
        user: Option<UserId>,
        address: IpAddr,
        now_ms: i64,
    ) -> Result<(), ApiError> {
        if let Some(user) = user {
            limits
                .take(&(1_u8, class, user.0), self.account[class as usize], now_ms)
                .map_err(|again| too_many(class, again.0))?;
        }
        limits
            .take(&(2_u8, class, source(address)), self.address[class as usize], now_ms)
            .map_err(|again| too_many(class, again.0))
    }
}

fn too_many(class: Class, again_ms: i64) -> ApiError {
    ApiError::new(
        Code::ResourceExhausted,
        format!("Too many calls of class {}: try again in {} s.", class.name(), again_ms.max(1).div_euclid(1000) + 1),
    )
}

#[cfg(test)]
mod tests {
    use super::{Budgets, Class};
    use crate::limits::Limits;
    use hillfort_api::{CALLS, CallName, Code, UserId};

    #[test]
    fn every_call_has_a_class() {
        let of = |name: &str| Class::of(CallName::parse(name).unwrap());
        for (name, class) in [
            ("AuthenticateEmail", Class::SignIn),
            ("SessionRefresh", Class::Session),
            ("LinkApple", Class::Account),
            ("UnlinkSteam", Class::Account),
            ("DeleteAccount", Class::Account),
            ("GetAccount", Class::Read),
            ("ListStorageObjects", Class::Read),
            ("ReadStorageObjects", Class::Read),
            ("WriteStorageObjects", Class::Write),
            ("DeleteStorageObjects", Class::Write),
            ("RpcFunc", Class::Rpc),
        ] {
            assert_eq!(of(name), class, "{name}");
        }
        let reads = CALLS.iter().filter(|row| Class::of(row.call) == Class::Read).count();
        assert!(reads > 20 && reads < CALLS.len() / 2, "{reads} of {}", CALLS.len());
        assert!(
            Class::ALL.into_iter().all(|class| Class::parse(class.name()) == Some(class) && Class::ALL[class as usize] == class)
        );
    }

    #[test]
    fn accounts_and_addresses_have_budgets_of_their_own() {
        let (limits, budgets) = (Limits::new(1024, (1, 2)), Budgets::default());
        let take = |user: u8, address: &str| {
            budgets
                .take(&limits, Class::SignIn, Some(UserId([user; 16])), address.parse().unwrap(), 0)
                .map_err(|error| error.code)
        };
        for _ in 0..10 {
            assert_eq!(take(1, "192.0.2.1"), Ok(()));
        }
        assert_eq!(take(1, "192.0.2.2"), Err(Code::ResourceExhausted), "one account from anywhere");
        for user in 2..21 {
            for _ in 0..10 {
                assert_eq!(take(user, "192.0.2.1"), Ok(()));
            }
        }
        assert_eq!(take(99, "192.0.2.1"), Err(Code::ResourceExhausted), "one address for anybody");
        assert_eq!(take(99, "192.0.2.3"), Ok(()));
    }
}
