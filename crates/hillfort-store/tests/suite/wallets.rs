//! Wallets and their ledger.

use hillfort_store::{Conflict, LedgerId, Missing, Store, StoreError, UserId, WalletChange};

use crate::stores::{cases, nobody, pages, person};

cases![changes, never_below_nothing, batches, ledger, notes_at_once, spent_at_once];

fn change(user: UserId, names: &[(&str, i64)]) -> WalletChange {
    let changeset = names.iter().map(|(name, by)| ((*name).to_owned(), *by)).collect();
    WalletChange { user, changeset, metadata: "{}".into() }
}

async fn changes(store: Store) {
    let a = person(&store, "a").await.id;
    assert!(store.wallets.get(a).await.unwrap().is_empty());
    let states = store.wallets.apply(vec![change(a, &[("coins", 5), ("gems", 0)])], false, 10).await.unwrap();
    assert!(states[0].previous.is_empty());
    assert_eq!(states[0].updated, [("coins".to_owned(), 5), ("gems".to_owned(), 0)].into());
    let states = store.wallets.apply(vec![change(a, &[("coins", -5)])], false, 10).await.unwrap();
    assert_eq!((states[0].previous["coins"], states[0].updated["coins"]), (5, 0));
    assert_eq!(store.wallets.get(a).await.unwrap(), states[0].updated);
    assert_eq!(store.wallets.get(nobody()).await, Err(StoreError::NotFound(Missing::Account)));
    let to_nobody = store.wallets.apply(vec![change(nobody(), &[("coins", 1)])], false, 10).await;
    assert_eq!(to_nobody, Err(StoreError::NotFound(Missing::Account)));
    assert_eq!(store.wallets.ledger(a, 10, None).await.unwrap().items, []);
}

async fn never_below_nothing(store: Store) {
    let a = person(&store, "a").await.id;
    let apply = async |names: &[(&str, i64)]| store.wallets.apply(vec![change(a, names)], true, 10).await.map(drop);
    let funds = |has, change| Err(Conflict::Funds { name: "coins".into(), has, change }.into());
    assert_eq!(apply(&[("coins", -1)]).await, funds(0, -1));
    assert_eq!(apply(&[("coins", i64::MAX)]).await, Ok(()));
    assert_eq!(apply(&[("coins", 1)]).await, Err(Conflict::WalletFull { name: "coins".into() }.into()));
    assert_eq!(apply(&[("coins", i64::MIN)]).await, funds(i64::MAX, i64::MIN));
    assert_eq!(apply(&[("a", 1), ("coins", 1)]).await, Err(Conflict::WalletFull { name: "coins".into() }.into()));
    assert_eq!(store.wallets.get(a).await.unwrap(), [("coins".to_owned(), i64::MAX)].into());
    let many: Vec<(String, i64)> = (0..256).map(|at| (format!("n{at}"), 1)).collect();
    let many: Vec<(&str, i64)> = many.iter().map(|(name, by)| (name.as_str(), *by)).collect();
    assert!(matches!(apply(&many).await, Err(StoreError::Conflict(Conflict::WalletFull { .. }))), "257 names");
    assert_eq!(apply(&many[..255]).await, Ok(()));
    for bad in ["", "a\0", &"x".repeat(129)] {
        assert!(matches!(apply(&[(bad, 1)]).await, Err(StoreError::Invalid(_))), "{bad:?}");
    }
    assert_eq!(store.wallets.ledger(a, 10, None).await.unwrap().items.len(), 2, "what failed is no line");
}

async fn batches(store: Store) {
    let (a, b) = (person(&store, "a").await.id, person(&store, "b").await.id);
    store.wallets.apply(vec![change(a, &[("coins", 10)])], false, 1).await.unwrap();
    let trade = |price: i64| vec![change(b, &[("coins", price)]), change(a, &[("coins", -price)]), change(b, &[("swords", 0)])];
    assert!(store.wallets.apply(trade(11), true, 2).await.is_err());
    assert!(store.wallets.get(b).await.unwrap().is_empty());
    let states = store.wallets.apply(trade(10), true, 3).await.unwrap();
    assert_eq!(states.iter().map(|state| state.user).collect::<Vec<_>>(), [b, a, b]);
    assert_eq!((states[0].updated["coins"], states[1].updated["coins"], states[2].previous["coins"]), (10, 0, 10));
    assert_eq!(store.wallets.apply(vec![], true, 3).await, Ok(vec![]));
}

async fn ledger(store: Store) {
    let (a, b) = (person(&store, "a").await.id, person(&store, "b").await.id);
    for at in 0..20 {
        let changes = vec![change(a, &[("coins", at)]), change(b, &[("coins", 1)])];
        store.wallets.apply(changes, true, 100).await.unwrap();
    }
    for limit in [1, 6, 20, 21] {
        let lines = pages(|cursor| store.wallets.ledger(a, limit, cursor)).await.concat();
        assert_eq!(lines.iter().map(|line| line.changeset["coins"]).collect::<Vec<_>>(), (0..20).rev().collect::<Vec<_>>());
        assert!(lines.iter().all(|line| line.user == a && line.create_time == 100));
    }
    let line = store.wallets.ledger(a, 1, None).await.unwrap().items.remove(0);
    let changed = store.wallets.update_ledger(line.id, "{\"note\":\"ß\"}".into(), 200).await.unwrap();
    assert_eq!((changed.metadata.as_str(), changed.update_time, &changed.changeset), ("{\"note\":\"ß\"}", 200, &line.changeset));
    assert_eq!(store.wallets.ledger(a, 1, None).await.unwrap().items, [changed]);
    let none = store.wallets.update_ledger(LedgerId::random(), "{}".into(), 1).await;
    assert_eq!(none, Err(StoreError::NotFound(Missing::LedgerEntry)));
    assert!(matches!(store.wallets.update_ledger(line.id, "x".into(), 1).await, Err(StoreError::Invalid(_))));
    assert!(matches!(store.wallets.ledger(a, 0, None).await, Err(StoreError::Invalid(_))));
}

/// Many note something on one line at once: each note stays, and what is noted again has the new value.
async fn notes_at_once(store: Store) {
    let a = person(&store, "a").await.id;
    let change = WalletChange { metadata: r#"{"n0":"old","kept":1}"#.into(), ..change(a, &[("coins", 1)]) };
    store.wallets.apply(vec![change], true, 1).await.unwrap();
    let id = store.wallets.ledger(a, 1, None).await.unwrap().items[0].id;
    let tasks: Vec<_> = (0..20)
        .map(|at| {
            let wallets = store.wallets.clone();
            tokio::spawn(async move { wallets.update_ledger(id, format!(r#"{{"n{at}":{at}}}"#), 2).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let line = store.wallets.ledger(a, 1, None).await.unwrap().items.remove(0);
    let noted: serde_json::Value = serde_json::from_str(&line.metadata).unwrap();
    assert_eq!(noted.as_object().unwrap().len(), 21, "{noted}");
    assert!((0..20).all(|at| noted[format!("n{at}")] == at) && noted["kept"] == 1, "{noted}");
    let long = format!(r#"{{"long":"{}"}}"#, "x".repeat(hillfort_store::METADATA_MAX - 20));
    assert!(matches!(store.wallets.update_ledger(id, long, 3).await, Err(StoreError::Invalid(_))), "too long together");
    assert_eq!(store.wallets.ledger(a, 1, None).await.unwrap().items, [line]);
}

/// Two wallets, many transfers both ways at once: no coin is made or lost, none is spent twice.
async fn spent_at_once(store: Store) {
    let (a, b) = (person(&store, "a").await.id, person(&store, "b").await.id);
    store.wallets.apply(vec![change(a, &[("coins", 20)]), change(b, &[("coins", 20)])], false, 1).await.unwrap();
    let tasks: Vec<_> = (0..40)
        .map(|at| {
            let wallets = store.wallets.clone();
            let (from, to) = if at % 4 == 0 { (b, a) } else { (a, b) };
            let transfer = vec![change(to, &[("coins", 3)]), change(from, &[("coins", -3)])];
            tokio::spawn(async move { wallets.apply(transfer, true, 2).await })
        })
        .collect();
    let mut moved = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => moved += 1,
            Err(error) => assert!(matches!(error, StoreError::Conflict(Conflict::Funds { .. })), "{error}"),
        }
    }
    let (a_has, b_has) = (store.wallets.get(a).await.unwrap()["coins"], store.wallets.get(b).await.unwrap()["coins"]);
    assert!(a_has >= 0 && b_has >= 0 && a_has + b_has == 40, "{a_has} {b_has}");
    assert_eq!(pages(|cursor| store.wallets.ledger(a, 1000, cursor)).await.concat().len(), moved);
}
