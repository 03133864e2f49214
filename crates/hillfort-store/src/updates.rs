//! Owns the unit of work over several ports: profiles, objects, wallets and the outbox in one transaction.

use async_trait::async_trait;
use std::fmt::Debug;

use crate::{
    Account, AccountUpdate, Ack, Caller, DeleteObject, Millis, NewOutboxEntry, Result, UserId, WalletChange, WalletState,
    WriteObject, check,
};

/// What is to change, in this order, all or nothing, on the server's behalf.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Update {
    /// Profiles.
    pub accounts: Vec<(UserId, AccountUpdate)>,
    /// Objects to write.
    pub writes: Vec<WriteObject>,
    /// Objects to delete.
    pub deletes: Vec<DeleteObject>,
    /// Wallets.
    pub wallets: Vec<WalletChange>,
    /// Whether changes of wallets are lines of the ledger.
    pub ledger: bool,
    /// Messages that tell of it.
    pub outbox: Vec<NewOutboxEntry>,
}

impl Update {
    pub(crate) fn check(&self) -> Result<()> {
        check::batch("accounts", &self.accounts)?;
        check::batch("writes", &self.writes)?;
        check::batch("deletes", &self.deletes)?;
        check::batch("wallets", &self.wallets)?;
        check::batch("outbox", &self.outbox)?;
        self.accounts.iter().try_for_each(|(_, update)| update.check())?;
        self.writes.iter().try_for_each(|write| write.check(Caller::Server))?;
        self.deletes.iter().try_for_each(|delete| delete.check(Caller::Server))?;
        self.wallets.iter().try_for_each(WalletChange::check)?;
        self.outbox.iter().try_for_each(NewOutboxEntry::check)
    }
}

/// What has changed, in the order of the [`Update`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Updated {
    /// Profiles.
    pub accounts: Vec<Account>,
    /// Objects written.
    pub acks: Vec<Ack>,
    /// Wallets.
    pub wallets: Vec<WalletState>,
}

/// The port.
#[async_trait]
pub trait Updates: Send + Sync + Debug {
    /// Makes all changes, or none.
    async fn apply(&self, update: Update, now: Millis) -> Result<Updated>;
}
