//! Accounts as others look them up, guarded so that a flood of unknown ids does not reach the store: a Bloom filter over all ids, names and
//! identities that exist, a cache of who was found and who was not, and one question at a time about one of them. Knows nothing of calls.
//!
//! What the filter does not know does not exist, provided that this server alone makes accounts. Where several do, such ids are asked of
//! the store at a limited rate. Until the filter has read all accounts, everything passes it.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::Duration;

use fastbloom::AtomicBloomFilter;
use hillfort_store::{Account, AccountFilter, Accounts, Identity, Page, Result as StoreResult, StoreError, UserId};
use moka::future::Cache;

use crate::limits::{Allowance, Limits};
use crate::ports::Later;

/// Share of unknown ids that pass the filter.
pub(crate) const FALSE_POSITIVES: f64 = 0.001;
/// Accounts that the filter has room for at least; it doubles when they are more.
const ROOM_MIN: usize = 1 << 16;
/// Keys for which there is room, for each account: id, name, and two ways to sign in. Where there are more, the filter is filled again.
const KEYS_EACH: usize = 4;
/// Bytes of accounts that are kept.
const CACHE_BYTES: u64 = 64 << 20;
/// Accounts on a page when the filter reads them.
const PAGE: usize = 1024;

/// Ids that the filter does not know, asked of a store that other servers write to, too.
const STRANGERS: Allowance = Allowance::new(200, 20);

/// Where accounts are found. The store's port, but for what this does not need.
pub(crate) trait Directory: Send + Sync {
    fn by_ids(&self, ids: Vec<UserId>) -> Later<StoreResult<Vec<Account>>>;
    fn by_names(&self, names: Vec<String>) -> Later<StoreResult<Vec<Account>>>;
    fn by_identity(&self, identities: Vec<Identity>) -> Later<StoreResult<Vec<Account>>>;
    fn page(&self, cursor: Option<String>) -> Later<StoreResult<Page<Account>>>;
}

impl Directory for Arc<dyn Accounts> {
    fn by_ids(&self, ids: Vec<UserId>) -> Later<StoreResult<Vec<Account>>> {
        let accounts = Arc::clone(self);
        Box::pin(async move { accounts.get_many(ids).await })
    }

    fn by_names(&self, names: Vec<String>) -> Later<StoreResult<Vec<Account>>> {
        let accounts = Arc::clone(self);
        Box::pin(async move { accounts.by_usernames(names).await })
    }

    fn by_identity(&self, identities: Vec<Identity>) -> Later<StoreResult<Vec<Account>>> {
        let accounts = Arc::clone(self);
        Box::pin(async move { accounts.by_identities(identities).await })
    }

    fn page(&self, cursor: Option<String>) -> Later<StoreResult<Page<Account>>> {
        let accounts = Arc::clone(self);
        Box::pin(async move { accounts.list(AccountFilter::All, PAGE, cursor).await })
    }
}

/// By what somebody is looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Id(UserId),
    Name(String),
    Identity(Identity),
}

/// All that one account is looked up by.
fn keys_of(account: &Account) -> impl Iterator<Item = Key> {
    let identities = account.identities.iter().cloned().map(Key::Identity);
    [Key::Id(account.id), Key::Name(account.username.clone())].into_iter().chain(identities)
}

/// What became of questions.
#[derive(Debug, Default)]
pub struct PeopleStats {
    /// Answered by the filter: nobody has this id.
    pub refused: AtomicU64,
    /// Answered from the cache.
    pub kept: AtomicU64,
    /// Asked of the store.
    pub asked: AtomicU64,
}

/// Looks people up.
pub(crate) struct People {
    directory: Box<dyn Directory>,
    cache: Cache<Key, Option<Arc<Account>>>,
    filters: RwLock<Filters>,
    /// Identities of calls under way that make them somebody's, and how many calls.
    expected: Mutex<HashMap<Identity, usize>>,
    /// Keys that the filter knows.
    count: AtomicUsize,
    /// The budget for what the filter does not know, where other servers make accounts; `None` where none does.
    strangers: Option<Limits>,
    pub(crate) stats: PeopleStats,
}

/// An identity that an account is about to have. When it is dropped the filter knows it, unless it is known to be nobody's: only what may exist
/// takes room.
#[must_use = "it is expected as long as this is there"]
pub(crate) struct Expected<'a> {
    people: &'a People,
    identity: &'a Identity,
    is_nobodys: bool,
}

#[derive(Default)]
struct Filters {
    /// `None` until all accounts were read.
    current: Option<AtomicBloomFilter>,
    /// The one that is being filled.
    next: Option<AtomicBloomFilter>,
    /// Keys that the current one was made for.
    room: usize,
}

impl Expected<'_> {
    /// The store refused it.
    pub(crate) fn refused(mut self) {
        self.is_nobodys = true;
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        if !self.is_nobodys {
            self.people.put(&Key::Identity(self.identity.clone()));
        }
        let mut expected = self.people.expected();
        if let Some(calls) = expected.get_mut(self.identity) {
            *calls -= 1;
            if *calls == 0 {
                expected.remove(self.identity);
            }
        }
    }
}

impl People {
    pub(crate) fn new(directory: impl Directory + 'static, keep_s: u32, alone: bool) -> Self {
        let cache = Cache::builder()
            .max_capacity(CACHE_BYTES)
            .weigher(|_: &Key, found: &Option<Arc<Account>>| {
                let text = found.as_ref().map_or(0, |account| {
                    let profile = [&account.display_name, &account.avatar_url, &account.location, &account.timezone];
                    let profile: usize = profile.iter().map(|text| text.len()).sum();
                    account.metadata.len() + profile + 64 * account.identities.len() + 1024
                });
                u32::try_from(text + 128).unwrap_or(u32::MAX)
            })
            .time_to_live(Duration::from_secs(u64::from(keep_s.max(1))))
            .build();
        let filters = RwLock::default();
        let strangers = (!alone).then(|| Limits::new(1, (0, 0)));
        Self {
            directory: Box::new(directory),
            cache,
            filters,
            expected: Mutex::default(),
            count: AtomicUsize::new(0),
            strangers,
            stats: PeopleStats::default(),
        }
    }

    /// Those of `keys` that exist, in their order; one that was asked for twice comes once.
    pub(crate) async fn find(&self, keys: Vec<Key>, now_ms: i64) -> StoreResult<Vec<Arc<Account>>> {
        let keys = once(keys, Key::clone);
        let mut found: Vec<(Key, Option<Arc<Account>>)> = Vec::with_capacity(keys.len());
        let mut missing = Vec::new();
        for key in keys {
            let known = self.may_exist(&key);
            if !known && self.strangers.is_none() {
                self.stats.refused.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            if let Some(kept) = self.cache.get(&key).await {
                self.stats.kept.fetch_add(1, Ordering::Relaxed);
                found.push((key, kept));
                continue;
            }
            if let (false, Some(budget)) = (known, &self.strangers) {
                budget.take(&(), STRANGERS, now_ms).map_err(|_| StoreError::Busy)?;
            }
            self.stats.asked.fetch_add(1, Ordering::Relaxed);
            missing.push(key.clone());
            found.push((key, None));
        }
        let mut fetched: HashMap<Key, Option<Arc<Account>>> = self.fetch(missing).await?.into_iter().collect();
        if self.strangers.is_some() {
            // Made by another server: no stranger from now on.
            fetched.values().flatten().for_each(|account| self.note(account));
        }
        let people = found.into_iter().filter_map(|(key, kept)| kept.or_else(|| fetched.remove(&key).flatten()));
        Ok(once(people, |account| account.id))
    }

    async fn fetch(&self, missing: Vec<Key>) -> StoreResult<Vec<(Key, Option<Arc<Account>>)>> {
        if let [key] = &missing[..] {
            // One: those who ask for the same wait for one answer.
            let one = self.cache.try_get_with(key.clone(), async {
                let mut answers = self.ask(std::slice::from_ref(key)).await?;
                Ok::<_, StoreError>(answers.pop().and_then(|(_, account)| account))
            });
            let account = one.await.map_err(|error| StoreError::clone(&error))?;
            return Ok(vec![(key.clone(), account)]);
        }
        let answers = self.ask(&missing).await?;
        for (key, account) in &answers {
            self.cache.insert(key.clone(), account.clone()).await;
        }
        Ok(answers)
    }

    async fn ask(&self, keys: &[Key]) -> StoreResult<Vec<(Key, Option<Arc<Account>>)>> {
        let (mut ids, mut names, mut identities) = (Vec::new(), Vec::new(), Vec::new());
        for key in keys {
            match key {
                Key::Id(id) => ids.push(*id),
                Key::Name(name) => names.push(name.clone()),
                Key::Identity(identity) => identities.push(identity.clone()),
            }
        }
        let mut accounts = Vec::new();
        if !ids.is_empty() {
            accounts.extend(self.directory.by_ids(ids).await?.into_iter().map(Arc::new));
        }
        if !names.is_empty() {
            accounts.extend(self.directory.by_names(names).await?.into_iter().map(Arc::new));
        }
        if !identities.is_empty() {
            accounts.extend(self.directory.by_identity(identities).await?.into_iter().map(Arc::new));
        }
        let by_key: HashMap<Key, &Arc<Account>> =
            accounts.iter().flat_map(|account| keys_of(account).map(move |key| (key, account))).collect();
        Ok(keys.iter().map(|key| (key.clone(), by_key.get(key).map(|account| Arc::clone(account)))).collect())
    }

    /// Whether nobody has this identity, for sure. Where other servers make accounts, too, one cannot know without asking.
    pub(crate) fn is_nobodys(&self, identity: &Identity) -> bool {
        let nobodys = self.strangers.is_none() && !self.may_exist(&Key::Identity(identity.clone()));
        self.stats.refused.fetch_add(u64::from(nobodys), Ordering::Relaxed);
        nobodys
    }

    /// An account is about to have this name.
    pub(crate) fn expect_name(&self, name: &str) {
        self.put(&Key::Name(name.to_owned()));
    }

    /// An account is about to have this identity. Said before it has: whoever gets the answer signs in with it at once.
    pub(crate) fn expect<'a>(&'a self, identity: &'a Identity) -> Expected<'a> {
        *self.expected().entry(identity.clone()).or_default() += 1;
        Expected { people: self, identity, is_nobodys: false }
    }

    /// An account has this identity now. It is noted again: a filter whose filling began in between has read the account without it.
    pub(crate) async fn linked(&self, identity: &Identity) {
        let key = Key::Identity(identity.clone());
        self.put(&key);
        self.cache.invalidate(&key).await;
    }

    fn may_exist(&self, key: &Key) -> bool {
        // First: what is expected no longer is in the filter by then.
        if matches!(key, Key::Identity(identity) if self.expected().contains_key(identity)) {
            return true;
        }
        let filters = self.filters.read().expect("no holder panics");
        filters.current.as_ref().is_none_or(|filter| filter.contains(key))
    }

    /// An account was made, or has a new name: to be said before the person learns of it.
    pub(crate) async fn learn(&self, account: &Account) {
        self.note(account);
        self.forget(account).await;
    }

    /// Somebody signed in by this identity. Whoever made the account may not have heard that it was.
    pub(crate) async fn entered(&self, user: UserId, name: &str, identity: &Identity, created: bool) {
        for key in [Key::Id(user), Key::Name(name.to_owned()), Key::Identity(identity.clone())] {
            self.put(&key);
            if created {
                self.cache.invalidate(&key).await;
            }
        }
    }

    /// An account changed, or is gone.
    pub(crate) async fn forget(&self, account: &Account) {
        for key in keys_of(account) {
            self.cache.invalidate(&key).await;
        }
    }

    /// There is this account, whoever made it.
    pub(crate) fn note(&self, account: &Account) {
        keys_of(account).for_each(|key| self.put(&key));
    }

    fn expected(&self) -> MutexGuard<'_, HashMap<Identity, usize>> {
        self.expected.lock().expect("no holder panics")
    }

    fn put(&self, key: &Key) {
        let filters = self.filters.read().expect("no holder panics");
        let mut is_new = false;
        for filter in [&filters.current, &filters.next].into_iter().flatten() {
            is_new |= !filter.insert(key);
        }
        // An account that is changed again and again takes no more room.
        self.count.fetch_add(usize::from(is_new), Ordering::Relaxed);
    }

    /// Whether the filter is not there yet, or has more keys than it was made for.
    pub(crate) fn wants_filling(&self) -> bool {
        let filters = self.filters.read().expect("no holder panics");
        filters.next.is_none() && (filters.current.is_none() || self.count.load(Ordering::Relaxed) > filters.room)
    }

    /// Reads all accounts into a new filter of twice the room that they need. Accounts that are made meanwhile are in it, too.
    pub(crate) async fn fill(&self, expected: usize) -> StoreResult<()> {
        let room = (expected.max(ROOM_MIN / 2) * 2 * KEYS_EACH).max(self.count.load(Ordering::Relaxed) * 2);
        let filter = AtomicBloomFilter::with_false_pos(FALSE_POSITIVES).expected_items(room);
        self.filters.write().expect("no holder panics").next = Some(filter);
        let filled = self.read_all().await;
        let mut filters = self.filters.write().expect("no holder panics");
        let next = filters.next.take();
        let count = filled?;
        // More came than there is room for: the filter says "maybe" too often, but never "no" wrongly, and is filled again.
        self.count.store(count, Ordering::Relaxed);
        *filters = Filters { current: next, next: None, room };
        Ok(())
    }

    async fn read_all(&self) -> StoreResult<usize> {
        let (mut cursor, mut count) = (None, 0);
        loop {
            let page = self.directory.page(cursor).await?;
            {
                let filters = self.filters.read().expect("no holder panics");
                let Some(next) = &filters.next else { return Ok(count) };
                count += page.items.iter().flat_map(keys_of).filter(|key| !next.insert(key)).count();
            }
            match page.cursor {
                Some(more) => cursor = Some(more),
                None => return Ok(count),
            }
        }
    }
}

/// The items in their order, of those with equal keys the first.
pub(crate) fn once<T, K: Eq + Hash>(items: impl IntoIterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut seen = HashSet::new();
    items.into_iter().filter(|item| seen.insert(key(item))).collect()
}

#[cfg(test)]
mod tests;
