//! Owns the port of wallets: whole numbers by name that are never below nothing, and the ledger of their changes. Knows nothing of prices.

use async_trait::async_trait;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::{Conflict, LedgerId, METADATA_MAX, Millis, Page, Result, StoreError, UserId, check};

/// Most names in one wallet, and in one changeset.
pub const WALLET_NAMES_MAX: usize = 256;

/// What an account owns, by name. Each is within 0 and 2^63 − 1; a name that was ever changed stays, at 0.
pub type Wallet = BTreeMap<String, i64>;

/// A change of one wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletChange {
    /// Whose.
    pub user: UserId,
    /// What is added, or taken when below zero.
    pub changeset: BTreeMap<String, i64>,
    /// A JSON object that the ledger keeps with it, at most [`METADATA_MAX`] bytes.
    pub metadata: String,
}

impl WalletChange {
    pub(crate) fn check(&self) -> Result<()> {
        check::changes(&self.changeset, WALLET_NAMES_MAX)?;
        check::object("metadata", &self.metadata, METADATA_MAX)
    }
}

/// What a change made of a wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletState {
    /// Whose.
    pub user: UserId,
    /// Before.
    pub previous: Wallet,
    /// After.
    pub updated: Wallet,
}

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerEntry {
    /// Its id.
    pub id: LedgerId,
    /// Whose wallet.
    pub user: UserId,
    /// What was added or taken.
    pub changeset: BTreeMap<String, i64>,
    /// A JSON object.
    pub metadata: String,
    /// When the wallet changed.
    pub create_time: Millis,
    /// When the metadata last changed.
    pub update_time: Millis,
}

/// The port. Each method is a unit of work.
#[async_trait]
pub trait Wallets: Send + Sync + Debug {
    /// Changes all or nothing, in order. Below nothing is [`crate::Conflict::Funds`], too much [`crate::Conflict::WalletFull`]. With
    /// `ledger`, each change is a line there.
    async fn apply(&self, changes: Vec<WalletChange>, ledger: bool, now: Millis) -> Result<Vec<WalletState>>;

    /// What the account owns.
    async fn get(&self, user: UserId) -> Result<Wallet>;

    /// Changes of the account's wallet, newest first.
    async fn ledger(&self, user: UserId, limit: usize, cursor: Option<String>) -> Result<Page<LedgerEntry>>;

    /// Lays the members of `metadata` over those of a line: a name that is there has the new value, the others stay. The changeset stays
    /// for good. What comes out is within [`METADATA_MAX`], too.
    async fn update_ledger(&self, id: LedgerId, metadata: String, now: Millis) -> Result<LedgerEntry>;
}

/// Places of a batch in the order of their accounts, so that no two batches wait for each other in a circle; those of one account stay in
/// theirs.
pub(crate) fn by_user(changes: &[WalletChange]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..changes.len()).collect();
    order.sort_by_key(|&at| changes[at].user);
    order
}

/// The wallet after a change, or why there is none.
pub(crate) fn changed(wallet: &Wallet, changeset: &BTreeMap<String, i64>) -> Result<Wallet> {
    let mut after = wallet.clone();
    for (name, &change) in changeset {
        let full = || Conflict::WalletFull { name: name.clone() };
        let has = after.get(name).copied().unwrap_or(0);
        let will = has.checked_add(change).ok_or_else(full)?;
        if will < 0 {
            return Err(Conflict::Funds { name: name.clone(), has, change }.into());
        }
        after.insert(name.clone(), will);
        if after.len() > WALLET_NAMES_MAX {
            return Err(full().into());
        }
    }
    Ok(after)
}

/// The members of one JSON object over those of another.
pub(crate) fn laid_over(kept: &str, added: &str) -> Result<String> {
    let read = |json: &str| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(json);
    let (Ok(mut kept), Ok(added)) = (read(kept), read(added)) else {
        return Err(StoreError::invalid("metadata", "is not a JSON object"));
    };
    kept.extend(added);
    let metadata = serde_json::Value::Object(kept).to_string();
    check::object("metadata", &metadata, METADATA_MAX)?;
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use super::{METADATA_MAX, WALLET_NAMES_MAX, changed, laid_over};
    use crate::{Conflict, StoreError};
    use std::collections::BTreeMap;

    #[test]
    fn wallets_keep_their_bounds() {
        let wallet: BTreeMap<String, i64> = [("coins".to_owned(), 5), ("gems".to_owned(), i64::MAX)].into();
        let check = |name: &str, change| changed(&wallet, &[(name.to_owned(), change)].into()).map(|after| after[name]);
        let full = |name: &str| StoreError::from(Conflict::WalletFull { name: name.to_owned() });
        let funds = |name: &str, has, change| StoreError::from(Conflict::Funds { name: name.to_owned(), has, change });
        assert_eq!(check("coins", -5), Ok(0));
        assert_eq!(check("coins", -6), Err(funds("coins", 5, -6)));
        assert_eq!(check("coins", i64::MIN), Err(funds("coins", 5, i64::MIN)));
        assert_eq!(check("gems", 1), Err(full("gems")));
        assert_eq!(check("gems", 0), Ok(i64::MAX));
        assert_eq!(check("new", -1), Err(funds("new", 0, -1)));
        let many: BTreeMap<String, i64> = (0..WALLET_NAMES_MAX).map(|at| (format!("{at}"), 1)).collect();
        assert!(changed(&many, &[("0".to_owned(), 1)].into()).is_ok());
        assert_eq!(changed(&many, &[("new".to_owned(), 1)].into()), Err(full("new")));
    }

    #[test]
    fn members_are_laid_over_members() {
        for (kept, added, expect) in [
            ("{}", "{}", "{}"),
            (r#"{"a":1,"b":2}"#, r#"{"b":{"c":3}}"#, r#"{"a":1,"b":{"c":3}}"#),
            (r#"{"a":{"b":1}}"#, r#"{"a":null}"#, r#"{"a":null}"#),
            (r#"{"n":9007199254740993}"#, "{}", r#"{"n":9007199254740993}"#),
        ] {
            assert_eq!(laid_over(kept, added).as_deref(), Ok(expect));
        }
        let half = |name: &str| format!(r#"{{"{name}":"{}"}}"#, "x".repeat(METADATA_MAX / 2));
        assert!(laid_over(&half("a"), &half("a")).is_ok());
        assert!(matches!(laid_over(&half("a"), &half("b")), Err(StoreError::Invalid(_))), "together too long");
    }
}
