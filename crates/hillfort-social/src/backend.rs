//! What modules ask of the server: accounts, sessions, data. Owns the turn from a question into the same functions that calls use; what it
//! does not know goes on to the next backend.
//!
//! Modules are the server itself: no permission of a person's binds them, and no budget or limit of guesses.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use hillfort_api::api::SessionLogoutRequest;
use hillfort_api::{ApiError, Code, UserId};
use hillfort_modules::backend::{
    Answer, Ask, Authenticated, Backend, Fault, Ledger, MultiUpdated, ObjectList, ObjectQuery, Token,
};
use hillfort_store::{
    AccountFilter, AccountUpdate, Caller, Conflict, DeleteObject, Expect, LedgerId, ListObjects, Missing, StoreError, Update,
    WriteObject,
};

use crate::account::facebook_keys;
use crate::core::{Core, random};
use crate::id::stored;
use crate::people::{Key, once};
use crate::sessions::refuse_banned;
use crate::{checks, faults};

mod shapes;

use shapes::{account, ack, call_of, change, ledger_item, object, object_id, profile, result, user, write};

/// Who is named as the author of what modules do.
const BY: &str = "module";

/// Answers modules.
pub(crate) struct ModuleBackend {
    pub(crate) core: Arc<Core>,
    /// Who knows matches, streams and sockets.
    pub(crate) others: Option<Arc<dyn Backend>>,
}

impl Backend for ModuleBackend {
    fn ask(&self, ask: Ask) -> BoxFuture<'static, Result<Answer, Fault>> {
        let (core, others) = (Arc::clone(&self.core), self.others.clone());
        Box::pin(async move {
            // Whoever waits may go, as with calls: what has begun is finished. And whoever asks may have threads that end soon.
            let threads = core.threads.clone();
            let work = threads.spawn(async move { core.ask_for_module(ask).await });
            match work.await.unwrap_or_else(|why| Ok(Err(faults::internal("a module's question ended in a panic", &why)))) {
                Ok(answer) => answer.map_err(fault),
                Err(other) => match others {
                    Some(others) => others.ask(*other).await,
                    None => Err(fault(ApiError::new(Code::Unimplemented, "This server does not serve it."))),
                },
            }
        })
    }
}

fn fault(error: ApiError) -> Fault {
    Fault { code: error.code as u8, message: error.message.into_owned() }
}

/// An answer, or the question back when it is for others.
type Answered = Result<Result<Answer, ApiError>, Box<Ask>>;

impl Core {
    async fn ask_for_module(&self, ask: Ask) -> Answered {
        Ok(match ask {
            Ask::Accounts(ids) => self.module_accounts(ids).await,
            Ask::Users { ids, usernames, facebook_ids } => self.module_users(ids, usernames, facebook_ids).await,
            Ask::UsersRandom(count) => self.some_users(count).await,
            Ask::AccountUpdate(update) => {
                let (id, update) = profile(update);
                self.change_account(id, update).await.map(|_| Answer::Done)
            }
            Ask::AccountDelete { user_id, recorded } => {
                self.erase(UserId(user_id), recorded.then(|| BY.to_owned())).await.map(|()| Answer::Done)
            }
            Ask::AccountExport(id) => self.export(UserId(id), None).await.and_then(|person| {
                if person.cursor.is_some() {
                    let text = "The account has too much for one answer: it exports itself in parts by the RPC hillfort.export.";
                    return Err(ApiError::new(Code::FailedPrecondition, text));
                }
                serde_json::to_string(&person)
                    .map(Answer::Text)
                    .map_err(|why| faults::internal("a person's data are no JSON", &why))
            }),
            Ask::UsersBan(ids) => self.ban_all(ids).await,
            Ask::UsersUnban(ids) => self.unban_all(ids).await,
            Ask::Authenticate { credential, username, create } => {
                let call = call_of(credential, username.unwrap_or_default(), create);
                self.module_authenticate(call).await
            }
            Ask::TokenGenerate { user_id, username, expires_s, vars } => {
                self.module_token(UserId(user_id), username, expires_s, vars).await
            }
            Ask::Link { user_id, credential } => match shapes::link(credential) {
                Some(call) => self.link(UserId(user_id), call).await.map(|()| Answer::Done),
                None => Err(ApiError::new(Code::InvalidArgument, "A username is no credential that can be linked.")),
            },
            Ask::Unlink { user_id, credential } => match shapes::unlink(credential) {
                Some(call) => self.unlink(UserId(user_id), call).await.map(|()| Answer::Done),
                None => Err(ApiError::new(Code::InvalidArgument, "A username is no credential that can be unlinked.")),
            },
            Ask::SessionLogout { user_id, token, refresh_token } => {
                self.logout(UserId(user_id), SessionLogoutRequest { token, refresh_token }).await.map(|()| Answer::Done)
            }
            Ask::StorageRead(keys) => {
                let ids = keys.into_iter().map(object_id).collect();
                let found = self.store.objects.read(Caller::Server, ids).await.map_err(faults::store);
                found.map(|found| Answer::Objects(found.into_iter().map(object).collect()))
            }
            Ask::StorageWrite(writes) => self.module_write(writes).await,
            Ask::StorageWriteBehind(writes) => self.module_write_behind(writes),
            Ask::StorageDelete(deletes) => {
                let deletes = deletes.into_iter().map(delete).collect();
                self.store.objects.delete(Caller::Server, deletes).await.map(|()| Answer::Done).map_err(faults::store)
            }
            Ask::StorageList(query) => self.module_list(query).await,
            Ask::MultiUpdate(update) => self.module_update(update).await,
            Ask::WalletsUpdate { updates, ledger } => {
                let changes = updates.into_iter().map(change).collect::<Result<Vec<_>, _>>();
                match changes {
                    Ok(changes) => {
                        let changed = self.store.wallets.apply(changes, ledger, self.now_ms()).await.map_err(refused_wallet);
                        changed.map(|states| Answer::Wallets(states.into_iter().map(result).collect()))
                    }
                    Err(error) => Err(error),
                }
            }
            Ask::LedgerList { user_id, limit, cursor } => {
                let limit = if limit == 0 { 100 } else { limit as usize };
                let cursor = Some(cursor).filter(|cursor| !cursor.is_empty());
                let page = self.store.wallets.ledger(stored(UserId(user_id)), limit, cursor).await.map_err(faults::store);
                page.map(|page| {
                    let items = page.items.into_iter().map(ledger_item).collect();
                    Answer::Ledger(Ledger { items, cursor: page.cursor.unwrap_or_default() })
                })
            }
            Ask::LedgerUpdate { item_id, metadata } => {
                let entry = self.store.wallets.update_ledger(LedgerId(item_id), metadata, self.now_ms()).await;
                entry.map(|entry| Answer::LedgerItem(ledger_item(entry))).map_err(faults::store)
            }
            other => return Err(Box::new(other)),
        })
    }

    async fn module_accounts(&self, ids: Vec<crate::id::Id>) -> Result<Answer, ApiError> {
        checks::batch("ids", &ids, checks::BATCH_MAX)?;
        let found =
            self.store.accounts.get_many(ids.into_iter().map(hillfort_store::UserId).collect()).await.map_err(faults::store)?;
        let mut accounts = Vec::with_capacity(found.len());
        for one in found {
            let wallet = self.store.wallets.get(one.id).await.map_err(faults::store)?;
            accounts.push(account(&one, wallet, self.is_online(UserId(one.id.0))));
        }
        Ok(Answer::Accounts(accounts))
    }

    async fn module_users(&self, ids: Vec<crate::id::Id>, names: Vec<String>, facebook: Vec<String>) -> Result<Answer, ApiError> {
        checks::batch("ids", &ids, checks::BATCH_MAX)?;
        checks::batch("usernames", &names, checks::BATCH_MAX)?;
        checks::batch("facebook_ids", &facebook, checks::BATCH_MAX)?;
        let ids = ids.into_iter().map(|id| Key::Id(hillfort_store::UserId(id)));
        let names = names.into_iter().filter(|name| checks::username(name).is_ok()).map(Key::Name);
        let keys = ids.chain(names).chain(facebook_keys(facebook)).collect();
        let found = self.people.find(keys, self.now_ms()).await.map_err(faults::store)?;
        Ok(Answer::Users(found.iter().map(|one| user(one, self.is_online(UserId(one.id.0)))).collect()))
    }

    /// Some users, beginning at a random place of the order of names: not each as likely as any other.
    async fn some_users(&self, count: u32) -> Result<Answer, ApiError> {
        let count = (count as usize).clamp(1, checks::BATCH_MAX);
        let [letter]: [u8; 1] = random();
        let prefix = char::from(b'a' + letter % 26).to_string();
        let near =
            self.store.accounts.list(AccountFilter::UsernamePrefix(prefix), count, None).await.map_err(faults::store)?.items;
        let mut found = near;
        if found.len() < count {
            let all = self.store.accounts.list(AccountFilter::All, count, None).await.map_err(faults::store)?.items;
            found = once(found.into_iter().chain(all), |account| account.id);
            found.truncate(count);
        }
        Ok(Answer::Users(found.iter().map(|one| user(one, self.is_online(UserId(one.id.0)))).collect()))
    }

    async fn ban_all(&self, ids: Vec<crate::id::Id>) -> Result<Answer, ApiError> {
        checks::batch("ids", &ids, checks::BATCH_MAX)?;
        for id in ids {
            self.ban(UserId(id), None, String::new(), BY.to_owned()).await?;
        }
        Ok(Answer::Done)
    }

    async fn unban_all(&self, ids: Vec<crate::id::Id>) -> Result<Answer, ApiError> {
        checks::batch("ids", &ids, checks::BATCH_MAX)?;
        for id in ids {
            self.unban(UserId(id)).await?;
        }
        Ok(Answer::Done)
    }

    async fn module_authenticate(&self, call: hillfort_api::Call) -> Result<Answer, ApiError> {
        let (who, _) = self.identify(None, call).await?;
        let found = self.account_of(who).await?;
        refuse_banned(found.account.ban.as_ref(), self.now_ms())?;
        let (user_id, username) = (found.account.id.0, found.account.username);
        Ok(Answer::Authenticated(Authenticated { user_id, username, created: found.created }))
    }

    async fn module_token(
        &self,
        user: UserId,
        username: String,
        expires_s: Option<i64>,
        vars: Vec<(String, String)>,
    ) -> Result<Answer, ApiError> {
        let account = self.stored_account(user).await?;
        let vars: BTreeMap<_, _> = vars.into_iter().collect();
        let (token, expires_s) = self.token_for(&account, username, expires_s, vars).await?;
        Ok(Answer::Token(Token { token, expires_s }))
    }

    async fn module_write(&self, writes: Vec<hillfort_modules::backend::ObjectWrite>) -> Result<Answer, ApiError> {
        let writes = writes.into_iter().map(write).collect::<Result<Vec<WriteObject>, _>>()?;
        let acks = self.store.objects.write(Caller::Server, writes, self.now_ms()).await.map_err(faults::store)?;
        Ok(Answer::Acks(acks.into_iter().map(ack).collect()))
    }

    /// Nobody waits for the commit: the receivers are dropped.
    fn module_write_behind(&self, writes: Vec<hillfort_modules::backend::ObjectWrite>) -> Result<Answer, ApiError> {
        let now = self.now_ms();
        for object in writes {
            self.behind.put(write(object)?, now).map(drop).map_err(faults::store)?;
        }
        Ok(Answer::Done)
    }

    async fn module_list(&self, query: ObjectQuery) -> Result<Answer, ApiError> {
        let caller = query.caller_id.map_or(Caller::Server, |id| Caller::User(hillfort_store::UserId(id)));
        let list = ListObjects {
            collection: query.collection,
            user: query.user_id.map(hillfort_store::UserId),
            limit: query.limit as usize,
            cursor: Some(query.cursor).filter(|cursor| !cursor.is_empty()),
        };
        let page = self.store.objects.list(caller, list).await.map_err(faults::store)?;
        let objects = page.items.into_iter().map(object).collect();
        Ok(Answer::ObjectList(ObjectList { objects, cursor: page.cursor.unwrap_or_default() }))
    }

    async fn module_update(&self, update: hillfort_modules::backend::MultiUpdate) -> Result<Answer, ApiError> {
        let accounts: Vec<(UserId, AccountUpdate)> = update.accounts.into_iter().map(profile).collect();
        let before =
            self.store.accounts.get_many(accounts.iter().map(|(id, _)| stored(*id)).collect()).await.map_err(faults::store)?;
        let update = Update {
            accounts: accounts.into_iter().map(|(id, update)| (stored(id), update)).collect(),
            writes: update.writes.into_iter().map(write).collect::<Result<_, _>>()?,
            deletes: update.deletes.into_iter().map(delete).collect(),
            wallets: update.wallets.into_iter().map(change).collect::<Result<_, _>>()?,
            ledger: update.ledger,
            outbox: Vec::new(),
        };
        let updated = self.store.updates.apply(update, self.now_ms()).await.map_err(refused_wallet)?;
        for account in &before {
            self.people.forget(account).await;
        }
        for account in &updated.accounts {
            self.people.learn(account).await;
        }
        let acks = updated.acks.into_iter().map(ack).collect();
        Ok(Answer::Multi(MultiUpdated { acks, wallets: updated.wallets.into_iter().map(result).collect() }))
    }
}

/// Why wallets did not change, in the words that modules written for Nakama look for.
fn refused_wallet(error: StoreError) -> ApiError {
    match error {
        StoreError::Conflict(Conflict::Funds { name, .. }) => {
            ApiError::new(Code::FailedPrecondition, format!("wallet update rejected negative value at path '{name}'"))
        }
        StoreError::NotFound(Missing::Account) => ApiError::new(Code::NotFound, "user not found"),
        error => faults::store(error),
    }
}

fn delete(delete: hillfort_modules::backend::ObjectDelete) -> DeleteObject {
    let expect = match delete.version.as_str() {
        "" => Expect::Any,
        version => Expect::Version(version.to_owned()),
    };
    DeleteObject { id: object_id(delete.key), expect }
}

/// For tests of this file and its neighbour.
#[cfg(test)]
mod tests {
    use super::shapes::map;
    use std::collections::BTreeMap;

    #[test]
    fn amounts_that_are_named_twice_are_added() {
        let changes = map(vec![("coins".into(), 5), ("gems".into(), 1), ("coins".into(), -2)]).unwrap();
        assert_eq!(changes, BTreeMap::from([("coins".into(), 3), ("gems".into(), 1)]));
        assert!(map(vec![("coins".into(), i64::MAX), ("coins".into(), 1)]).is_err());
    }
}
