//! Owns the model of wallets.

use async_trait::async_trait;
use std::collections::BTreeMap;

use super::{Memory, State};
use crate::cursor::Window;
use crate::wallets::{by_user, changed, laid_over};
use crate::{
    LedgerEntry, LedgerId, METADATA_MAX, Millis, Missing, Page, Result, UserId, Wallet, WalletChange, WalletState, Wallets, check,
};

impl State {
    /// Changes wallets in the order of their accounts, and answers in the order of the batch.
    pub(super) fn apply_all(&mut self, changes: Vec<WalletChange>, ledger: bool, now: Millis) -> Result<Vec<WalletState>> {
        let states = by_user(&changes).into_iter().map(|at| Ok((at, self.apply(changes[at].clone(), ledger, now)?)));
        Ok(states.collect::<Result<BTreeMap<usize, WalletState>>>()?.into_values().collect())
    }

    fn apply(&mut self, change: WalletChange, ledger: bool, now: Millis) -> Result<WalletState> {
        let WalletChange { user, changeset, metadata } = change;
        let previous = self.wallets.get(&user).ok_or(Missing::Account)?.clone();
        let updated = changed(&previous, &changeset)?;
        self.wallets.put(user, updated.clone());
        if ledger {
            let (id, at) = (LedgerId::random(), self.number());
            self.ledger_ids.put(id, at);
            self.ledger.put(at, LedgerEntry { id, user, changeset, metadata, create_time: now, update_time: now });
        }
        Ok(WalletState { user, previous, updated })
    }
}

#[async_trait]
impl Wallets for Memory {
    async fn apply(&self, changes: Vec<WalletChange>, ledger: bool, now: Millis) -> Result<Vec<WalletState>> {
        check::batch("changes", &changes)?;
        changes.iter().try_for_each(WalletChange::check)?;
        self.unit(|state| state.apply_all(changes, ledger, now))
    }

    async fn get(&self, user: UserId) -> Result<Wallet> {
        self.unit(|state| Ok(state.wallets.get(&user).ok_or(Missing::Account)?.clone()))
    }

    async fn ledger(&self, user: UserId, limit: usize, cursor: Option<String>) -> Result<Page<LedgerEntry>> {
        let window = Window::<i64>::new(limit, cursor.as_deref())?;
        self.unit(|state| {
            let lines = state.ledger.range(..window.after.unwrap_or(i64::MAX)).rev().filter(|(_, line)| line.user == user);
            let lines = lines.take(window.fetch()).map(|(at, line)| (*at, line.clone())).collect();
            let page = window.page(lines, |(at, _)| *at);
            Ok(Page { items: page.items.into_iter().map(|(_, line)| line).collect(), cursor: page.cursor })
        })
    }

    async fn update_ledger(&self, id: LedgerId, metadata: String, now: Millis) -> Result<LedgerEntry> {
        check::object("metadata", &metadata, METADATA_MAX)?;
        self.unit(|state| {
            let at = *state.ledger_ids.get(&id).ok_or(Missing::LedgerEntry)?;
            let mut line = state.ledger.get(&at).ok_or(Missing::LedgerEntry)?.clone();
            line.metadata = laid_over(&line.metadata, &metadata)?;
            line.update_time = now;
            state.ledger.put(at, line.clone());
            Ok(line)
        })
    }
}
