//! A backend in memory: enough of accounts, storage, wallets and matches for the corpus, and a way to hold answers back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use hillfort_modules::Id;
use hillfort_modules::backend::{
    Account, Answer, Ask, Backend, Fault, Ledger, LedgerItem, MatchInfo, MultiUpdated, ObjectAck, ObjectKey, ObjectList,
    ObjectWrite, StorageObject, User, WalletResult, WalletUpdate,
};
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Memory {
    inner: Mutex<Inner>,
    /// While this is set, no ask is answered.
    held: Mutex<Option<Arc<Notify>>>,
}

#[derive(Debug, Default)]
struct Inner {
    objects: BTreeMap<(String, String, Option<Id>), (String, u64)>,
    wallets: BTreeMap<Id, BTreeMap<String, i64>>,
    ledger: Vec<LedgerItem>,
    matches: Vec<MatchInfo>,
    version: u64,
    pub(crate) asked: Vec<String>,
}

fn fault(code: u8, message: &str) -> Fault {
    Fault { code, message: message.to_owned() }
}

impl Memory {
    /// Holds all answers back until the notify is told.
    pub(crate) fn hold(&self) -> Arc<Notify> {
        let notify = Arc::new(Notify::new());
        *self.held.lock().expect("no test panics with it") = Some(Arc::clone(&notify));
        notify
    }

    pub(crate) fn release(&self) {
        if let Some(notify) = self.held.lock().expect("no test panics with it").take() {
            notify.notify_waiters();
        }
    }

    pub(crate) fn give(&self, user: Id, coins: i64) {
        self.inner.lock().expect("no test panics with it").wallets.entry(user).or_default().insert("coins".to_owned(), coins);
    }

    pub(crate) fn wallet(&self, user: Id, name: &str) -> i64 {
        self.inner
            .lock()
            .expect("no test panics with it")
            .wallets
            .get(&user)
            .and_then(|wallet| wallet.get(name))
            .copied()
            .unwrap_or(0)
    }

    /// The first words of what was asked, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.inner.lock().expect("no test panics with it").asked.clone()
    }
}

impl Inner {
    fn write(&mut self, write: &ObjectWrite) -> Result<ObjectAck, Fault> {
        let place = (write.key.collection.clone(), write.key.key.clone(), write.key.user_id);
        let known = self.objects.get(&place).map(|(_, version)| format!("v{version}"));
        let fits = match write.version.as_str() {
            "" => true,
            "*" => known.is_none(),
            version => known.as_deref() == Some(version),
        };
        if !fits {
            return Err(fault(3, "Storage write rejected - version check failed."));
        }
        self.version += 1;
        self.objects.insert(place, (write.value.clone(), self.version));
        Ok(ObjectAck { key: write.key.clone(), version: format!("v{}", self.version) })
    }

    fn update(&mut self, update: &WalletUpdate, ledger: bool) -> Result<WalletResult, Fault> {
        let wallet = self.wallets.entry(update.user_id).or_default();
        let previous: Vec<_> = wallet.iter().map(|(name, amount)| (name.clone(), *amount)).collect();
        let mut after = wallet.clone();
        for (name, change) in &update.changeset {
            let amount = after.entry(name.clone()).or_default();
            *amount += change;
            if *amount < 0 {
                return Err(fault(9, "wallet update rejected negative value"));
            }
        }
        *wallet = after;
        let updated = wallet.iter().map(|(name, amount)| (name.clone(), *amount)).collect();
        if ledger {
            let id = [u8::try_from(self.ledger.len()).expect("few"); 16];
            self.ledger.push(LedgerItem {
                id,
                user_id: update.user_id,
                changeset: update.changeset.clone(),
                metadata: update.metadata.clone(),
                create_time: 1,
                update_time: 1,
            });
        }
        Ok(WalletResult { user_id: update.user_id, previous, updated })
    }

    fn object(&self, key: &ObjectKey) -> Option<StorageObject> {
        let (value, version) = self.objects.get(&(key.collection.clone(), key.key.clone(), key.user_id))?;
        Some(StorageObject {
            key: key.clone(),
            value: value.clone(),
            version: format!("v{version}"),
            permission_read: 1,
            permission_write: 1,
            create_time: 1,
            update_time: 1,
        })
    }

    fn answer(&mut self, ask: Ask) -> Result<Answer, Fault> {
        let words = format!("{ask:?}");
        self.asked.push(words.split(|character: char| !character.is_alphanumeric()).next().unwrap_or_default().to_owned());
        Ok(match ask {
            Ask::Accounts(ids) => Answer::Accounts(
                ids.into_iter()
                    .map(|user_id| Account {
                        user: User { user_id, username: "ann".into(), metadata: "{}".into(), ..User::default() },
                        ..Account::default()
                    })
                    .collect(),
            ),
            Ask::StorageRead(keys) => Answer::Objects(keys.iter().filter_map(|key| self.object(key)).collect()),
            Ask::StorageWrite(writes) => Answer::Acks(writes.iter().map(|write| self.write(write)).collect::<Result<_, _>>()?),
            Ask::StorageWriteBehind(writes) => {
                writes.iter().try_for_each(|write| self.write(write).map(drop))?;
                Answer::Done
            }
            Ask::StorageList(query) => {
                let keys: Vec<_> =
                    self.objects.keys().filter(|key| key.0 == query.collection && key.2 == query.user_id).cloned().collect();
                let key = |(collection, key, user_id)| ObjectKey { collection, key, user_id };
                let objects = keys.into_iter().filter_map(|place| self.object(&key(place))).collect();
                Answer::ObjectList(ObjectList { objects, cursor: String::new() })
            }
            Ask::WalletsUpdate { updates, ledger } => {
                Answer::Wallets(updates.iter().map(|update| self.update(update, ledger)).collect::<Result<_, _>>()?)
            }
            Ask::MultiUpdate(multi) => Answer::Multi(MultiUpdated {
                acks: multi.writes.iter().map(|write| self.write(write)).collect::<Result<_, _>>()?,
                wallets: multi.wallets.iter().map(|update| self.update(update, multi.ledger)).collect::<Result<_, _>>()?,
            }),
            Ask::LedgerList { user_id, .. } => {
                let items = self.ledger.iter().filter(|item| item.user_id == user_id).cloned().collect();
                Answer::Ledger(Ledger { items, cursor: String::new() })
            }
            Ask::MatchCreate { module, .. } => {
                let match_id = format!("match-{}", self.matches.len());
                self.matches.push(MatchInfo {
                    match_id: match_id.clone(),
                    authoritative: true,
                    label: Some("{\"open\":1}".to_owned()),
                    size: 0,
                    tick_rate: Some(5),
                    handler_name: Some(module),
                });
                Answer::Text(match_id)
            }
            Ask::MatchList(_) => Answer::Matches(self.matches.clone()),
            other => return Err(fault(12, &format!("not in memory: {other:?}"))),
        })
    }
}

/// The backend that tests hand over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared(pub(crate) Arc<Memory>);

impl Backend for Shared {
    fn ask(&self, ask: Ask) -> BoxFuture<'static, Result<Answer, Fault>> {
        let memory = Arc::clone(&self.0);
        Box::pin(async move {
            let held = memory.held.lock().expect("no test panics with it").clone();
            if let Some(held) = held {
                held.notified().await;
            }
            // A turn of the executor, as a real store takes.
            tokio::task::yield_now().await;
            memory.inner.lock().expect("no test panics with it").answer(ask)
        })
    }
}
