//! The audit log, operators, and what the server keeps about itself.

use hillfort_store::{AuditFilter, Conflict, META_VALUE_MAX, Missing, NewAuditEntry, OperatorUpdate, Role, Store, StoreError};

use crate::stores::{cases, pages};

cases![audit, operators, last_administrator, first_operator, meta, secrets_at_once];

async fn audit(store: Store) {
    for at in 0..20 {
        let entry = NewAuditEntry {
            actor: if at % 2 == 0 { "anna" } else { "ben" }.into(),
            action: if at < 10 { "account.ban" } else { "account.view" }.into(),
            subject: format!("s{}", at % 5),
            address: "192.0.2.1".into(),
            detail: format!("{{\"at\":{at}}}"),
        };
        store.audit.append(entry, 100 + at).await.unwrap();
    }
    let filter = |actor: &str, action: &str, subject: &str| AuditFilter {
        actor: actor.into(),
        action: action.into(),
        subject: subject.into(),
    };
    for (filter, count) in [
        (filter("", "", ""), 20),
        (filter("anna", "", ""), 10),
        (filter("anna", "account.ban", ""), 5),
        (filter("", "", "s3"), 4),
        (filter("ben", "account.view", "s3"), 1),
        (filter("carl", "", ""), 0),
    ] {
        let lines = pages(|cursor| store.audit.list(filter.clone(), 3, cursor)).await.concat();
        assert_eq!(lines.len(), count, "{filter:?}");
        assert!(lines.is_sorted_by_key(|line| std::cmp::Reverse(line.id)));
    }
    let newest = &store.audit.list(AuditFilter::default(), 1, None).await.unwrap().items[0];
    assert_eq!((newest.time, newest.actor.as_str(), newest.detail.as_str()), (119, "ben", "{\"at\":19}"));
    assert_eq!(store.audit.purge(110, 100, 3).await, Ok(3));
    assert_eq!(store.audit.purge(110, 100, 100).await, Ok(7));
    assert_eq!(pages(|cursor| store.audit.list(AuditFilter::default(), 5, cursor)).await.concat().last().unwrap().time, 110);
    assert_eq!(store.audit.purge(0, 10, 100).await, Ok(0), "as many as may be kept");
    assert_eq!(store.audit.purge(0, 4, 2).await, Ok(2), "the oldest first");
    assert_eq!(store.audit.purge(0, 4, 100).await, Ok(4));
    let kept = pages(|cursor| store.audit.list(AuditFilter::default(), 5, cursor)).await.concat();
    assert_eq!(kept.iter().map(|line| line.time).collect::<Vec<_>>(), [119, 118, 117, 116]);
    let bad = NewAuditEntry {
        actor: String::new(),
        action: "x".into(),
        subject: String::new(),
        address: String::new(),
        detail: "{}".into(),
    };
    assert!(matches!(store.audit.append(bad, 1).await, Err(StoreError::Invalid(_))));
}

async fn operators(store: Store) {
    let made = store.operators.create("anna".into(), Role::Administrator, "hash".into(), 10).await.unwrap();
    assert_eq!((made.name.as_str(), made.role, made.generation, made.create_time), ("anna", Role::Administrator, 10, 10));
    store.operators.create("ben".into(), Role::Viewer, "hash".into(), 11).await.unwrap();
    let again = store.operators.create("ben".into(), Role::Viewer, "hash".into(), 11).await;
    assert_eq!(again, Err(Conflict::Operator.into()));
    let update = OperatorUpdate { role: Some(Role::Operator), password_hash: Some("other".into()) };
    let changed = store.operators.update("ben".into(), update, 12).await.unwrap();
    assert_eq!(
        (changed.role, changed.password_hash.as_str(), changed.generation, changed.update_time),
        (Role::Operator, "other", 12, 12)
    );
    assert_eq!(store.operators.get("ben".into()).await, Ok(changed));
    assert_eq!(
        store.operators.list().await.unwrap().iter().map(|operator| operator.name.as_str()).collect::<Vec<_>>(),
        ["anna", "ben"]
    );
    assert_eq!(store.operators.delete("ben".into()).await, Ok(()));
    for gone in [
        store.operators.get("ben".into()).await.map(drop),
        store.operators.delete("ben".into()).await,
        store.operators.update("ben".into(), OperatorUpdate::default(), 1).await.map(drop),
    ] {
        assert_eq!(gone, Err(Missing::Operator.into()));
    }
    // A sign-in of the one of before says nothing of the one who is made again.
    let again = store.operators.create("ben".into(), Role::Viewer, "hash".into(), 13).await.unwrap();
    assert_eq!(again.generation, 13);
    assert!(matches!(store.operators.create(String::new(), Role::Viewer, "x".into(), 1).await, Err(StoreError::Invalid(_))));
}

async fn last_administrator(store: Store) {
    let role = async |name: &str, role| {
        store.operators.update(name.into(), OperatorUpdate { role: Some(role), password_hash: None }, 1).await.map(drop)
    };
    let last = || Err(Conflict::LastAdministrator.into());
    store.operators.create("anna".into(), Role::Administrator, "x".into(), 1).await.unwrap();
    store.operators.create("ben".into(), Role::Operator, "x".into(), 1).await.unwrap();
    assert_eq!(store.operators.delete("anna".into()).await, last());
    assert_eq!(role("anna", Role::Operator).await, last());
    assert_eq!(role("ben", Role::Administrator).await, Ok(()));
    let (one, two) = tokio::join!(store.operators.delete("anna".into()), store.operators.delete("ben".into()));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
}

async fn first_operator(store: Store) {
    let tasks: Vec<_> = (0..6)
        .map(|at| {
            let operators = store.operators.clone();
            tokio::spawn(async move { operators.create_first(format!("admin{at}"), "hash".into(), 1).await.unwrap() })
        })
        .collect();
    let mut made = Vec::new();
    for task in tasks {
        made.extend(task.await.unwrap());
    }
    assert_eq!((made.len(), made[0].role), (1, Role::Administrator));
    assert_eq!(store.operators.list().await.unwrap(), made);
}

async fn meta(store: Store) {
    let name = || "key".to_owned();
    assert_eq!(store.meta.get(name()).await, Ok(None));
    assert_eq!(store.meta.get_or_put(name(), vec![0, 1]).await, Ok(vec![0, 1]));
    assert_eq!(store.meta.get_or_put(name(), vec![2]).await, Ok(vec![0, 1]));
    assert_eq!(store.meta.put(name(), vec![]).await, Ok(()));
    assert_eq!(store.meta.get(name()).await, Ok(Some(vec![])));
    assert_eq!(store.meta.put(name(), vec![7; META_VALUE_MAX]).await, Ok(()));
    assert!(matches!(store.meta.put(name(), vec![7; META_VALUE_MAX + 1]).await, Err(StoreError::Invalid(_))));
    assert_eq!((store.meta.delete(name()).await, store.meta.delete(name()).await), (Ok(true), Ok(false)));
    assert!(matches!(store.meta.put(String::new(), vec![]).await, Err(StoreError::Invalid(_))));
}

async fn secrets_at_once(store: Store) {
    let tasks: Vec<_> = (0..6)
        .map(|at| {
            let meta = store.meta.clone();
            tokio::spawn(async move { meta.get_or_put("secret".into(), vec![at]).await.unwrap() })
        })
        .collect();
    let mut seen = Vec::new();
    for task in tasks {
        seen.push(task.await.unwrap());
    }
    seen.dedup();
    assert_eq!(seen.len(), 1);
}
