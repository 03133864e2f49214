//! Owns the model of accounts.

use async_trait::async_trait;

use super::{AccountRow, Memory, State};
use crate::accounts::{check_hash, check_link, check_unlink, distinct};
use crate::cursor::{Window, fitting};
use crate::person;
use crate::{
    ANSWER_MAX, Account, AccountFilter, AccountUpdate, Accounts, Ban, Conflict, DEVICES_MAX, Found, Identity, IdentityKind,
    LedgerEntry, Millis, Missing, NewAccount, Object, OtherWays, Page, PersonExport, Result, Tombstone, UserId, check,
};

impl State {
    fn identities_of(&self, user: UserId) -> Vec<Identity> {
        let first = (user, IdentityKind::Device, String::new());
        let mine = self.identities_of.range(first..).take_while(|((owner, ..), ())| *owner == user);
        mine.map(|((_, kind, value), ())| Identity { kind: *kind, value: value.clone() }).collect()
    }

    pub(super) fn account(&self, user: UserId) -> Result<Account> {
        let mut account = self.row(user)?.account;
        account.identities = self.identities_of(user);
        account.identities.sort_by(|a, b| (a.kind.name(), &a.value).cmp(&(b.kind.name(), &b.value)));
        Ok(account)
    }

    fn add_identity(&mut self, user: UserId, identity: Identity) {
        self.identities.put((identity.kind, identity.value.clone()), user);
        self.identities_of.put((user, identity.kind, identity.value), ());
    }

    fn remove_identity(&mut self, user: UserId, identity: &Identity) {
        self.identities.remove(&(identity.kind, identity.value.clone()));
        self.identities_of.remove(&(user, identity.kind, identity.value.clone()));
    }

    pub(super) fn update_account(&mut self, user: UserId, update: AccountUpdate, now: Millis) -> Result<Account> {
        let before = self.row(user)?.account.username;
        if let Some(username) = update.username.clone().filter(|username| *username != before) {
            if self.usernames.has(&username) {
                return Err(Conflict::Username.into());
            }
            self.usernames.remove(&before);
            self.usernames.put(username, user);
        }
        self.change(user, |row| {
            row.account.take(update);
            row.account.update_time = now;
        })?;
        self.account(user)
    }

    /// Ends all sessions; the new generation.
    pub(super) fn revoke_all(&mut self, user: UserId) -> Result<i64> {
        let row = self.change(user, |row| row.account.generation += 1)?;
        self.end_sessions(user);
        Ok(row.account.generation)
    }

    /// Sets or clears the password and ends all sessions; the new generation.
    pub(super) fn set_password(&mut self, user: UserId, hash: Option<String>, others: OtherWays, now: Millis) -> Result<i64> {
        self.change(user, |row| row.password_hash = hash)?;
        let all = self.identities_of(user);
        let is_address = |identity: &Identity| identity.kind == IdentityKind::Email;
        if others == OtherWays::Unlink && all.iter().any(is_address) && !all.iter().all(is_address) {
            for other in all.iter().filter(|identity| !is_address(identity)) {
                self.remove_identity(user, other);
            }
            self.change(user, |row| row.account.update_time = now)?;
        }
        self.revoke_all(user)
    }

    pub(super) fn register_or_find(&mut self, identity: Identity, new: Option<NewAccount>, now: Millis) -> Result<Found> {
        match self.identities.get(&(identity.kind, identity.value.clone())).copied() {
            Some(user) => Ok(Found { account: self.account(user)?, created: false }),
            None => {
                let new = new.ok_or(Missing::Account)?;
                Ok(Found { account: self.create(identity, new, now)?, created: true })
            }
        }
    }

    fn create(&mut self, identity: Identity, new: NewAccount, now: Millis) -> Result<Account> {
        if self.accounts.has(&new.id) {
            return Err(Conflict::Id.into());
        }
        if self.usernames.has(&new.username) {
            return Err(Conflict::Username.into());
        }
        let mut account = Account::empty(new.id, new.username.clone(), now);
        account.take(AccountUpdate { username: None, ..new.profile });
        self.accounts.put(new.id, AccountRow { account, password_hash: new.password_hash });
        self.usernames.put(new.username, new.id);
        self.wallets.put(new.id, crate::Wallet::new());
        self.add_identity(new.id, identity);
        self.account(new.id)
    }
}

#[async_trait]
impl Accounts for Memory {
    async fn register_or_find(&self, identity: Identity, new: Option<NewAccount>, now: Millis) -> Result<Found> {
        identity.check()?;
        new.as_ref().map_or(Ok(()), NewAccount::check)?;
        self.unit(|state| state.register_or_find(identity, new, now))
    }

    async fn link(&self, user: UserId, identity: Identity, password_hash: Option<String>, now: Millis) -> Result<()> {
        check_link(&identity, password_hash.as_deref())?;
        self.unit(|state| {
            state.row(user)?;
            match state.identities.get(&(identity.kind, identity.value.clone())) {
                Some(owner) if *owner != user => return Err(Conflict::Identity.into()),
                Some(_) => {}
                None => {
                    let most = if identity.kind == IdentityKind::Device { DEVICES_MAX } else { 1 };
                    if state.identities_of(user).iter().filter(|other| other.kind == identity.kind).count() >= most {
                        return Err(Conflict::IdentityKind.into());
                    }
                    state.add_identity(user, identity);
                    state.change(user, |row| row.account.update_time = now)?;
                }
            }
            if password_hash.is_some() {
                state.change(user, |row| row.password_hash = password_hash)?;
            }
            Ok(())
        })
    }

    async fn unlink(&self, user: UserId, kind: IdentityKind, value: Option<String>, now: Millis) -> Result<()> {
        let value = check_unlink(kind, value)?;
        self.unit(|state| {
            state.row(user)?;
            let all = state.identities_of(user);
            let found = all.iter().find(|other| other.kind == kind && value.as_ref().is_none_or(|value| *value == other.value));
            let found = found.ok_or(Missing::Identity)?;
            if all.len() == 1 {
                return Err(Conflict::LastIdentity.into());
            }
            state.remove_identity(user, found);
            state.change(user, |row| {
                row.account.update_time = now;
                if kind == IdentityKind::Email {
                    row.password_hash = None;
                    row.account.verify_time = None;
                }
            })?;
            Ok(())
        })
    }

    async fn get(&self, user: UserId) -> Result<Account> {
        self.unit(|state| state.account(user))
    }

    async fn get_many(&self, users: Vec<UserId>) -> Result<Vec<Account>> {
        check::batch("users", &users)?;
        self.unit(|state| Ok(distinct(users).into_iter().filter_map(|user| state.account(user).ok()).collect()))
    }

    async fn by_usernames(&self, usernames: Vec<String>) -> Result<Vec<Account>> {
        check::batch("usernames", &usernames)?;
        usernames.iter().try_for_each(|username| check::text("username", username, 512))?;
        self.unit(|state| {
            let users = distinct(usernames).into_iter().filter_map(|name| state.usernames.get(&name).copied());
            users.map(|user| state.account(user)).collect()
        })
    }

    async fn by_identities(&self, identities: Vec<Identity>) -> Result<Vec<Account>> {
        check::batch("identities", &identities)?;
        identities.iter().try_for_each(Identity::check)?;
        self.unit(|state| {
            let keys = identities.into_iter().map(|identity| (identity.kind, identity.value));
            let users = keys.filter_map(|key| state.identities.get(&key).copied()).collect();
            distinct(users).into_iter().map(|user| state.account(user)).collect()
        })
    }

    async fn update(&self, user: UserId, update: AccountUpdate, now: Millis) -> Result<Account> {
        update.check()?;
        self.unit(|state| state.update_account(user, update, now))
    }

    async fn password(&self, email: String) -> Result<(UserId, Option<String>)> {
        let identity = Identity::new(IdentityKind::Email, email);
        identity.check()?;
        self.unit(|state| {
            let user = *state.identities.get(&(identity.kind, identity.value)).ok_or(Missing::Account)?;
            Ok((user, state.row(user)?.password_hash))
        })
    }

    async fn set_password(&self, user: UserId, hash: Option<String>, others: OtherWays, now: Millis) -> Result<i64> {
        check_hash(hash.as_deref())?;
        self.unit(|state| state.set_password(user, hash, others, now))
    }

    async fn rehash(&self, user: UserId, old: String, new: String) -> Result<bool> {
        check_hash(Some(&new))?;
        self.unit(|state| {
            let same = state.accounts.get(&user).is_some_and(|row| row.password_hash.as_ref() == Some(&old));
            if same {
                state.change(user, |row| row.password_hash = Some(new))?;
            }
            Ok(same)
        })
    }

    async fn set_verified(&self, user: UserId, now: Millis) -> Result<()> {
        self.unit(|state| state.change(user, |row| row.account.verify_time = Some(now)).map(drop))
    }

    async fn disable(&self, user: UserId, ban: Ban, _now: Millis) -> Result<i64> {
        ban.check()?;
        self.unit(|state| {
            state.change(user, |row| row.account.ban = Some(ban))?;
            state.revoke_all(user)
        })
    }

    async fn enable(&self, user: UserId, _now: Millis) -> Result<()> {
        self.unit(|state| state.change(user, |row| row.account.ban = None).map(drop))
    }

    async fn delete(&self, user: UserId, tombstone: Option<String>, now: Millis) -> Result<()> {
        tombstone.as_ref().map_or(Ok(()), |by| check::text("by", by, 512))?;
        self.unit(|state| {
            let row = state.row(user)?;
            for identity in state.identities_of(user) {
                state.remove_identity(user, &identity);
            }
            state.usernames.remove(&row.account.username);
            state.accounts.remove(&user);
            state.end_sessions(user);
            state.end_reset(user);
            state.objects.remove_where(|(owner, ..), _| *owner == user);
            state.wallets.remove(&user);
            let lines: Vec<_> =
                state.ledger.iter().filter(|(_, line)| line.user == user).map(|(at, line)| (*at, line.id)).collect();
            for (at, id) in lines {
                state.ledger.remove(&at);
                state.ledger_ids.remove(&id);
            }
            if let Some(by) = tombstone {
                state.tombstones.put(user, Tombstone { id: user, time: now, by });
            }
            Ok(())
        })
    }

    async fn tombstone(&self, user: UserId) -> Result<Option<Tombstone>> {
        self.unit(|state| Ok(state.tombstones.get(&user).cloned()))
    }

    async fn export(&self, user: UserId, cursor: Option<String>) -> Result<PersonExport> {
        let (after, from) = person::place(cursor.as_deref())?;
        self.unit(|state| {
            let account = state.account(user)?;
            let rows = state.ledger.range(after.saturating_add(1)..).filter(|(_, line)| line.user == user);
            let rows: Vec<(&i64, &LedgerEntry)> = if from.is_none() { rows.collect() } else { Vec::new() };
            let size =
                |line: &LedgerEntry| line.metadata.len() + line.changeset.keys().map(|name| name.len() + 24).sum::<usize>();
            let lines = fitting(rows.iter().map(|(_, line)| size(line)), ANSWER_MAX);
            let more_lines = rows.len() > lines;
            let rows = &rows[..rows.len().min(lines)];
            let left = ANSWER_MAX.saturating_sub(rows.iter().map(|(_, line)| size(line)).sum());
            let (collection, key) = from.unwrap_or_default();
            let first = (user, collection, key);
            let objects = state.objects.range(&first..).map(|(_, object)| object).take_while(|object| object.id.user == user);
            let objects = objects.filter(|object| (&object.id.collection, &object.id.key) > (&first.1, &first.2));
            let objects: Vec<&Object> = if more_lines { Vec::new() } else { objects.collect() };
            let fits = fitting(objects.iter().map(|object| object.value.len()), left);
            let more_objects = objects.len() > fits;
            let objects: Vec<Object> = objects.into_iter().take(fits).cloned().collect();
            Ok(PersonExport {
                wallet: state.wallets.get(&user).cloned().unwrap_or_default(),
                sessions: state.sessions_of(user, account.generation),
                cursor: person::next(rows.last().map(|(at, _)| **at), more_lines, &objects, more_objects),
                ledger: rows.iter().map(|(_, line)| (*line).clone()).collect(),
                objects,
                account,
            })
        })
    }

    async fn list(&self, filter: AccountFilter, limit: usize, cursor: Option<String>) -> Result<Page<Account>> {
        filter.check()?;
        let window = Window::<String>::new(limit, cursor.as_deref())?;
        let after = window.after.clone().unwrap_or_default();
        check::text("cursor", &after, 512)?;
        self.unit(|state| {
            let users = state.usernames.range(after.clone()..).filter(|(name, _)| **name != after || window.after.is_none());
            let accounts = users.map(|(_, user)| state.account(*user)).filter(|account| {
                account.as_ref().is_ok_and(|account| match &filter {
                    AccountFilter::All => true,
                    AccountFilter::UsernamePrefix(prefix) => account.username.starts_with(prefix),
                    AccountFilter::Identity(value) => account.identities.iter().any(|identity| identity.value == *value),
                    AccountFilter::Banned => account.ban.is_some(),
                })
            });
            let accounts: Result<Vec<Account>> = accounts.take(window.fetch()).collect();
            Ok(window.page(accounts?, |account| account.username.clone()))
        })
    }

    async fn count(&self) -> Result<u64> {
        self.unit(|state| Ok(state.accounts.len() as u64))
    }
}
