//! Lookups under a flood of unknown ids: what reaches the store is counted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hillfort_store::{Account, Identity, IdentityKind, Page, Result as StoreResult, StoreError, UserId};

use super::{Directory, FALSE_POSITIVES, Key, People, once};
use crate::ports::Later;

/// A directory that counts who was asked for.
#[derive(Clone, Default)]
struct Counting {
    accounts: Arc<Mutex<Vec<Account>>>,
    asked: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
    broken: Arc<std::sync::atomic::AtomicBool>,
}

impl Counting {
    fn answer(&self, asked: usize, wanted: impl Fn(&Account) -> bool + Send + 'static) -> Later<StoreResult<Vec<Account>>> {
        self.asked.fetch_add(asked, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        let (accounts, broken) = (Arc::clone(&self.accounts), self.broken.load(Ordering::Relaxed));
        Box::pin(async move {
            // Others get their turn, so that many wait for one answer.
            tokio::task::yield_now().await;
            if broken {
                return Err(StoreError::Busy);
            }
            Ok(accounts.lock().unwrap().iter().filter(|account| wanted(account)).cloned().collect())
        })
    }
}

impl Directory for Counting {
    fn by_ids(&self, ids: Vec<UserId>) -> Later<StoreResult<Vec<Account>>> {
        self.answer(ids.len(), move |account| ids.contains(&account.id))
    }

    fn by_names(&self, names: Vec<String>) -> Later<StoreResult<Vec<Account>>> {
        self.answer(names.len(), move |account| names.contains(&account.username))
    }

    fn by_identity(&self, identities: Vec<Identity>) -> Later<StoreResult<Vec<Account>>> {
        self.answer(identities.len(), move |account| account.identities.iter().any(|identity| identities.contains(identity)))
    }

    fn page(&self, cursor: Option<String>) -> Later<StoreResult<Page<Account>>> {
        let from: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let accounts = self.accounts.lock().unwrap();
        let items: Vec<_> = accounts.iter().skip(from).take(100).cloned().collect();
        let cursor = (from + 100 < accounts.len()).then(|| (from + 100).to_string());
        Box::pin(async move { Ok(Page { items, cursor }) })
    }
}

fn account(number: u64) -> Account {
    Account {
        id: id(number),
        username: format!("player-{number}"),
        display_name: String::new(),
        avatar_url: String::new(),
        lang_tag: String::new(),
        location: String::new(),
        timezone: String::new(),
        metadata: "{}".into(),
        create_time: 0,
        update_time: 0,
        verify_time: None,
        ban: None,
        generation: 0,
        identities: Vec::new(),
    }
}

fn id(number: u64) -> UserId {
    // Spread as random ids are.
    let spread = u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | u128::from(number);
    UserId(spread.to_be_bytes())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn a_flood_of_unknown_ids_reaches_the_store_at_the_filters_rate() {
    let directory = Counting::default();
    *directory.accounts.lock().unwrap() = (0..10_000).map(account).collect();
    let people = People::new(directory.clone(), 10, true);
    block_on(async {
        people.fill(10_000).await.unwrap();
        for number in 0..10_000 {
            assert!(people.may_exist(&Key::Id(id(number))) && people.may_exist(&Key::Name(format!("player-{number}"))));
        }
        let flood = 200_000;
        for number in 1_000_000..1_000_000 + flood {
            assert!(people.find(vec![Key::Id(id(number))], 0).await.unwrap().is_empty());
        }
        let asked = directory.asked.load(Ordering::Relaxed);
        let most = (flood as f64 * FALSE_POSITIVES * 1.5) as usize;
        assert!(asked <= most, "{asked} of {flood} asked, at most {most}");
        // The same ids again: those that passed are known not to exist.
        for number in 1_000_000..1_000_000 + flood {
            assert!(people.find(vec![Key::Id(id(number))], 0).await.unwrap().is_empty());
        }
        assert_eq!(directory.asked.load(Ordering::Relaxed), asked);
        let names = (0..10_000).map(|number| Key::Name(format!("nobody-{number}")));
        for name in names {
            assert!(people.find(vec![name], 0).await.unwrap().is_empty());
        }
        assert!(directory.asked.load(Ordering::Relaxed) - asked <= 25);
    });
}

#[test]
fn who_is_made_is_found_at_once() {
    let directory = Counting::default();
    let people = People::new(directory.clone(), 10, true);
    block_on(async {
        people.fill(0).await.unwrap();
        assert!(people.find(vec![Key::Id(id(1))], 0).await.unwrap().is_empty());
        directory.accounts.lock().unwrap().push(account(1));
        people.learn(&account(1)).await;
        assert_eq!(people.find(vec![Key::Id(id(1)), Key::Name("player-1".into()), Key::Id(id(1))], 0).await.unwrap().len(), 1);
        directory.accounts.lock().unwrap().clear();
        assert_eq!(people.find(vec![Key::Id(id(1))], 0).await.unwrap().len(), 1, "kept");
        people.forget(&account(1)).await;
        assert!(people.find(vec![Key::Id(id(1))], 0).await.unwrap().is_empty());
    });
}

fn facebook(number: u64) -> Identity {
    Identity::new(IdentityKind::Facebook, format!("77{number}"))
}

#[test]
fn a_flood_of_unknown_identities_reaches_the_store_at_the_filters_rate() {
    let directory = Counting::default();
    let with_two = |number: u64| {
        let device = Identity::new(IdentityKind::Device, format!("device-{number}"));
        Account { identities: vec![device, facebook(number)], ..account(number) }
    };
    *directory.accounts.lock().unwrap() = (0..10_000).map(with_two).collect();
    let people = People::new(directory.clone(), 10, true);
    block_on(async {
        assert!(!people.is_nobodys(&facebook(1_000_000)), "before the filter is there, nobody is sent away");
        people.fill(10_000).await.unwrap();
        assert!((0..10_000).all(|number| !people.is_nobodys(&facebook(number))));
        assert_eq!(people.find(vec![Key::Identity(facebook(7)), Key::Id(id(7))], 0).await.unwrap(), [Arc::new(with_two(7))]);
        let before = directory.asked.load(Ordering::Relaxed);
        let flood = 100_000;
        let most = (flood as f64 * FALSE_POSITIVES * 1.5) as usize;
        let mut passed = 0;
        for number in 1_000_000..1_000_000 + flood {
            assert!(people.find(vec![Key::Identity(facebook(number))], 0).await.unwrap().is_empty());
            passed += usize::from(!people.is_nobodys(&Identity::new(IdentityKind::Device, format!("device-{number}"))));
        }
        let asked = directory.asked.load(Ordering::Relaxed) - before;
        assert!(asked <= most && passed <= most, "{asked} and {passed} of {flood}, at most {most}");
    });
}

#[test]
fn what_is_linked_is_found_at_once_and_what_is_unlinked_is_not() {
    let directory = Counting::default();
    let people = People::new(directory.clone(), 10, true);
    let find = async |number: u64| people.find(vec![Key::Identity(facebook(number))], 0).await.unwrap().len();
    block_on(async {
        people.fill(0).await.unwrap();
        directory.accounts.lock().unwrap().push(account(1));
        people.learn(&account(1)).await;
        assert_eq!(find(1).await, 0);
        let (expected, id) = (facebook(1), facebook(1));
        let expected = people.expect(&expected);
        assert!(!people.is_nobodys(&id));
        assert_eq!(find(1).await, 0, "asked for between the two, and kept");
        drop(expected);
        assert!(!people.is_nobodys(&id), "it may have been linked");
        let linked = Account { identities: vec![facebook(1)], ..account(1) };
        directory.accounts.lock().unwrap()[0] = linked.clone();
        people.linked(&facebook(1)).await;
        assert_eq!(find(1).await, 1);
        directory.accounts.lock().unwrap()[0] = account(1);
        people.forget(&linked).await;
        assert_eq!(find(1).await, 0);
        // Another server may have made it.
        for alone in [true, false] {
            let people = People::new(directory.clone(), 10, alone);
            people.fill(0).await.unwrap();
            assert_eq!(people.is_nobodys(&facebook(2)), alone);
        }
    });
}

#[test]
fn many_who_ask_for_one_wait_for_one_answer() {
    let directory = Counting::default();
    directory.accounts.lock().unwrap().push(account(1));
    let people = Arc::new(People::new(directory.clone(), 10, true));
    block_on(async {
        let asks: Vec<_> = (0..1000)
            .map(|_| {
                let people = Arc::clone(&people);
                tokio::spawn(async move { people.find(vec![Key::Id(id(1))], 0).await.unwrap().len() })
            })
            .collect();
        for ask in asks {
            assert_eq!(ask.await.unwrap(), 1);
        }
    });
    assert_eq!(directory.calls.load(Ordering::Relaxed), 1);
}

#[test]
fn a_list_is_asked_for_at_once_and_keeps_its_order() {
    let directory = Counting::default();
    *directory.accounts.lock().unwrap() = (0..100).map(account).collect();
    let people = People::new(directory.clone(), 10, true);
    let found = block_on(people.find((0..100).rev().map(|number| Key::Id(id(number))).collect(), 0)).unwrap();
    assert!(found.iter().map(|account| account.id).eq((0..100).rev().map(id)));
    assert_eq!(directory.calls.load(Ordering::Relaxed), 1);
}

#[test]
fn a_fault_is_not_kept() {
    let directory = Counting::default();
    directory.accounts.lock().unwrap().push(account(1));
    let people = People::new(directory.clone(), 10, true);
    block_on(async {
        directory.broken.store(true, Ordering::Relaxed);
        assert_eq!(people.find(vec![Key::Id(id(1))], 0).await.unwrap_err(), StoreError::Busy);
        directory.broken.store(false, Ordering::Relaxed);
        assert_eq!(people.find(vec![Key::Id(id(1))], 0).await.unwrap().len(), 1);
    });
}

#[test]
fn a_filter_that_is_too_small_is_filled_again() {
    let directory = Counting::default();
    let people = People::new(directory.clone(), 10, true);
    assert!(people.wants_filling());
    block_on(people.fill(0)).unwrap();
    assert!(!people.wants_filling());
    for _ in 0..=super::ROOM_MIN {
        people.note(&account(0));
    }
    assert!(!people.wants_filling(), "one account that changes takes one place");
    // Beyond the room by a tenth, of two keys each: one in a thousand looks as if it were there.
    for number in 0..=(super::ROOM_MIN * super::KEYS_EACH / 2) as u64 * 11 / 10 {
        people.note(&account(number));
    }
    assert!(people.wants_filling());
}

#[test]
fn what_is_refused_takes_no_room() {
    let people = People::new(Counting::default(), 10, true);
    block_on(people.fill(0)).unwrap();
    // As many again as there is room for.
    for number in 0..2 * (super::ROOM_MIN * super::KEYS_EACH) as u64 {
        people.expect(&facebook(number)).refused();
    }
    assert!(!people.wants_filling());
    assert!(people.is_nobodys(&facebook(7)), "and is nobody's");
    // Two ask for the same: one is refused, and then the other.
    let id = facebook(7);
    let (one, other) = (people.expect(&id), people.expect(&id));
    one.refused();
    assert!(!people.is_nobodys(&id));
    other.refused();
    assert!(people.is_nobodys(&id) && people.expected().is_empty());
}

#[test]
fn where_other_servers_make_accounts_unknown_ids_are_asked_at_a_limited_rate() {
    let directory = Counting::default();
    let people = People::new(directory.clone(), 10, false);
    block_on(async {
        people.fill(0).await.unwrap();
        directory.accounts.lock().unwrap().push(account(1));
        assert_eq!(people.find(vec![Key::Id(id(1))], 0).await.unwrap().len(), 1, "made by another server");
        let mut busy = 0;
        for number in 2..10_000 {
            busy += usize::from(people.find(vec![Key::Id(id(number))], 1).await == Err(StoreError::Busy));
        }
        assert!(directory.asked.load(Ordering::Relaxed) <= 201, "{}", directory.asked.load(Ordering::Relaxed));
        assert!(busy > 9_000);
        assert_eq!(people.find(vec![Key::Id(id(1))], 1).await.unwrap().len(), 1, "who is known is found");
    });
}

#[test]
fn each_question_is_counted_once_by_who_answered_it() {
    let directory = Counting::default();
    *directory.accounts.lock().unwrap() = vec![account(1)];
    let people = People::new(directory, 10, true);
    let counts = |people: &People| {
        let stats = &people.stats;
        [&stats.refused, &stats.kept, &stats.asked].map(|count| count.load(Ordering::Relaxed))
    };
    block_on(async {
        people.fill(1).await.unwrap();
        for _ in 0..3 {
            people.find(vec![Key::Id(id(1)), Key::Id(id(2)), Key::Id(id(2))], 0).await.unwrap();
        }
    });
    assert_eq!(counts(&people), [3, 2, 1]);
    let people = People::new(Counting::default(), 10, false);
    block_on(async {
        people.fill(1).await.unwrap();
        people.find(vec![Key::Id(id(1))], 0).await.unwrap();
        people.find(vec![Key::Id(id(1))], 0).await.unwrap();
    });
    assert_eq!(counts(&people), [0, 1, 1], "where other servers make accounts the filter answers nothing");
}

#[test]
fn a_thousand_keys_are_not_compared_each_with_each() {
    thread_local! {
        static COMPARED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
    }
    #[derive(Eq)]
    struct Counted(u64);
    impl std::hash::Hash for Counted {
        fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
            self.0.hash(hasher);
        }
    }
    impl PartialEq for Counted {
        fn eq(&self, other: &Self) -> bool {
            COMPARED.set(COMPARED.get() + 1);
            self.0 == other.0
        }
    }
    let found = once((0..2048_u64).map(|number| number % 1024), |number| Counted(*number));
    assert_eq!(found, (0..1024).collect::<Vec<_>>());
    assert!(COMPARED.get() < 4 * 1024, "{}", COMPARED.get());
    let directory = Counting::default();
    *directory.accounts.lock().unwrap() = (0..1024).map(account).collect();
    let people = People::new(directory.clone(), 10, true);
    let keys: Vec<_> = (0..1024).rev().flat_map(|number| [Key::Id(id(number)), Key::Name(format!("player-{number}"))]).collect();
    let found = block_on(people.find(keys, 0)).unwrap();
    assert!(found.iter().map(|account| account.id).eq((0..1024).rev().map(id)), "in the order in which they were asked for");
    assert_eq!(directory.calls.load(Ordering::Relaxed), 2);
}
