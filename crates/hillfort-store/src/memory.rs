//! Owns the model in memory: the ports as ordered maps under one lock. It is what the databases are tested against, and what a test of
//! something else opens. Forgets everything when it is dropped.

mod accounts;
mod console;
mod objects;
mod outbox;
mod sessions;
mod table;
mod wallets;

use std::sync::{Mutex, PoisonError};

use crate::{
    Account, AuditEntry, IdentityKind, LedgerEntry, LedgerId, Millis, Missing, Object, Operator, OutboxEntry, Result, SessionId,
    TokenHash, Tombstone, UserId, Wallet,
};
use table::Table;

/// The whole model.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    state: Mutex<State>,
}

impl Memory {
    /// One unit of work: when it fails, it has changed nothing.
    fn unit<T>(&self, work: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut state);
        state.settle(result.is_ok());
        result
    }
}

/// An account without its identities, which have a table of their own.
#[derive(Debug, Clone)]
struct AccountRow {
    account: Account,
    password_hash: Option<String>,
}

#[derive(Debug, Clone)]
struct SessionRow {
    user: UserId,
    current: TokenHash,
    previous: Option<TokenHash>,
    rotate_time: Millis,
    vars: String,
    origin: String,
    create_time: Millis,
    update_time: Millis,
    expires: Millis,
}

#[derive(Debug, Clone)]
struct OutboxRow {
    entry: OutboxEntry,
    taken_until: Millis,
}

#[derive(Debug, Default)]
struct State {
    accounts: Table<UserId, AccountRow>,
    usernames: Table<String, UserId>,
    identities: Table<(IdentityKind, String), UserId>,
    identities_of: Table<(UserId, IdentityKind, String), ()>,
    tombstones: Table<UserId, Tombstone>,
    sessions: Table<SessionId, SessionRow>,
    sessions_of: Table<(UserId, SessionId), ()>,
    sessions_by_end: Table<(Millis, SessionId), ()>,
    resets: Table<UserId, (TokenHash, Millis)>,
    reset_tokens: Table<TokenHash, UserId>,
    resets_by_end: Table<(Millis, UserId), ()>,
    objects: Table<(UserId, String, String), Object>,
    wallets: Table<UserId, Wallet>,
    ledger: Table<i64, LedgerEntry>,
    ledger_ids: Table<LedgerId, i64>,
    outbox: Table<i64, OutboxRow>,
    audit: Table<i64, AuditEntry>,
    operators: Table<String, Operator>,
    meta: Table<String, Vec<u8>>,
    last_number: i64,
}

impl State {
    /// Keeps or takes back what the unit of work has done.
    fn settle(&mut self, keep: bool) {
        self.accounts.settle(keep);
        self.usernames.settle(keep);
        self.identities.settle(keep);
        self.identities_of.settle(keep);
        self.tombstones.settle(keep);
        self.sessions.settle(keep);
        self.sessions_of.settle(keep);
        self.sessions_by_end.settle(keep);
        self.resets.settle(keep);
        self.reset_tokens.settle(keep);
        self.resets_by_end.settle(keep);
        self.objects.settle(keep);
        self.wallets.settle(keep);
        self.ledger.settle(keep);
        self.ledger_ids.settle(keep);
        self.outbox.settle(keep);
        self.audit.settle(keep);
        self.operators.settle(keep);
        self.meta.settle(keep);
    }

    /// Rows of sessions that lists looked at.
    #[cfg(test)]
    fn looked_at(&self) -> u64 {
        self.sessions.looked_at.get() + self.sessions_of.looked_at.get() + self.sessions_by_end.looked_at.get()
    }

    /// A number that is larger than all before.
    fn number(&mut self) -> i64 {
        self.last_number += 1;
        self.last_number
    }

    fn row(&self, user: UserId) -> Result<AccountRow> {
        Ok(self.accounts.get(&user).ok_or(Missing::Account)?.clone())
    }

    fn change(&mut self, user: UserId, change: impl FnOnce(&mut AccountRow)) -> Result<AccountRow> {
        let mut row = self.row(user)?;
        change(&mut row);
        self.accounts.put(user, row.clone());
        Ok(row)
    }
}
