//! Classes of calls, and how many of each an account and an address may make. Owns the table from calls to classes; the buckets are
//! [`crate::limits`]'.

use std::net::IpAddr;

use hillfort_api::{ApiError, CallName, Code, UserId};

use crate::limits::{Allowance, Limits, TryAgainIn, source};

/// A call's share of its answer's bytes: each further one of this length counts as one more call.
pub const BYTES_A_CALL: usize = 64 * 1024;

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

/// From which budgets a call is taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payer {
    class: Class,
    user: Option<UserId>,
    source: u64,
}

impl Payer {
    pub(crate) fn new(call: CallName, user: Option<UserId>, address: IpAddr) -> Self {
        Self { class: Class::of(call), user, source: source(address) }
    }

    fn account(&self) -> Option<(u8, Class, [u8; 16])> {
        self.user.map(|user| (1, self.class, user.0))
    }

    const fn address(&self) -> (u8, Class, u64) {
        (2, self.class, self.source)
    }
}

impl Budgets {
    /// Takes a call from the budgets of its caller: from both, or from neither.
    ///
    /// # Errors
    /// `ResourceExhausted`, saying when to come again.
    pub(crate) fn take(&self, limits: &Limits, payer: Payer, now_ms: i64) -> Result<(), ApiError> {
        let (class, too_many) = (payer.class as usize, |again: TryAgainIn| too_many(payer.class, again.0));
        if let Some(account) = payer.account() {
            limits.take(&account, self.account[class], now_ms).map_err(too_many)?;
        }
        limits.take(&payer.address(), self.address[class], now_ms).map_err(|again| {
            if let Some(account) = payer.account() {
                limits.put_back(&account, self.account[class], now_ms);
            }
            too_many(again)
        })
    }

    /// Puts a call that [`Self::take`] took back into both: it was not begun.
    pub(crate) fn put_back(&self, limits: &Limits, payer: Payer, now_ms: i64) {
        let class = payer.class as usize;
        if let Some(account) = payer.account() {
            limits.put_back(&account, self.account[class], now_ms);
        }
        limits.put_back(&payer.address(), self.address[class], now_ms);
    }

    /// Takes what an answer of so many bytes costs beyond its call. It is given all the same: who asked waits for that with the next call.
    pub(crate) fn take_length(&self, limits: &Limits, payer: Payer, bytes: usize, now_ms: i64) {
        let more = u32::try_from(bytes / BYTES_A_CALL).unwrap_or(u32::MAX);
        if more == 0 {
            return;
        }
        let class = payer.class as usize;
        if let Some(account) = payer.account() {
            limits.take_anyway(&account, self.account[class], more, now_ms);
        }
        limits.take_anyway(&payer.address(), self.address[class], more, now_ms);
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
    use super::{BYTES_A_CALL, Budgets, Class, Payer};
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
            let payer = Payer::new(CallName::AuthenticateDevice, Some(UserId([user; 16])), address.parse().unwrap());
            budgets.take(&limits, payer, 0).map_err(|error| error.code)
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
        for _ in 0..100 {
            assert_eq!(take(99, "192.0.2.1"), Err(Code::ResourceExhausted));
        }
        for _ in 0..10 {
            assert_eq!(take(99, "192.0.2.3"), Ok(()), "what its address was refused, cost the account nothing");
        }
        assert_eq!(take(99, "192.0.2.3"), Err(Code::ResourceExhausted));
    }

    #[test]
    fn what_was_not_begun_is_put_back_to_both() {
        let (limits, budgets) = (Limits::new(1024, (1, 2)), Budgets::default());
        let payer = |user: u8, address: &str| {
            Payer::new(CallName::AuthenticateDevice, Some(UserId([user; 16])), address.parse().unwrap())
        };
        for _ in 0..1000 {
            budgets.take(&limits, payer(1, "192.0.2.1"), 0).unwrap();
            budgets.put_back(&limits, payer(1, "192.0.2.1"), 0);
        }
        for user in 1..21 {
            for _ in 0..10 {
                budgets.take(&limits, payer(user, "192.0.2.1"), 0).unwrap();
            }
            assert!(budgets.take(&limits, payer(user, "192.0.2.2"), 0).is_err(), "10 of an account, and no more");
        }
        assert!(budgets.take(&limits, payer(99, "192.0.2.1"), 0).is_err(), "200 of an address, and no more");
    }

    #[test]
    fn long_answers_cost_what_as_many_calls_do() {
        let (limits, budgets) = (Limits::new(1024, (1, 2)), Budgets::default());
        let payer = |user: u8, address: &str| {
            Payer::new(CallName::ReadStorageObjects, Some(UserId([user; 16])), address.parse().unwrap())
        };
        let ada = payer(1, "192.0.2.1");
        for _ in 0..3 {
            budgets.take(&limits, ada, 0).unwrap();
            budgets.take_length(&limits, ada, BYTES_A_CALL - 1, 0);
        }
        // 200 at once, and one more every 20 ms.
        budgets.take_length(&limits, ada, 196 * BYTES_A_CALL, 0);
        budgets.take(&limits, ada, 0).unwrap();
        assert!(budgets.take(&limits, ada, 19).is_err());
        budgets.take_length(&limits, ada, 10 * BYTES_A_CALL, 19);
        assert!(budgets.take(&limits, ada, 219).is_err());
        assert!(budgets.take(&limits, ada, 220).is_ok());
        // Its address has 2,000, which are all gone with 32 answers of 64 more.
        for user in 2..34 {
            budgets.take_length(&limits, payer(user, "192.0.2.1"), 64 * BYTES_A_CALL, 220);
        }
        assert!(budgets.take(&limits, payer(99, "192.0.2.1"), 220).is_err());
        assert!(budgets.take(&limits, payer(99, "192.0.2.2"), 220).is_ok());
    }
}
