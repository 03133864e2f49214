//! Accounts: registering, linking, changing, banning, deleting, finding.

use hillfort_store::{
    ANSWER_MAX, AccountFilter, AccountUpdate, Ban, Conflict, DEVICES_MAX, Identity, IdentityKind, METADATA_MAX, Missing,
    NewAccount, NewSession, OBJECT_VALUE_MAX, OtherWays, SessionId, Store, StoreError, UserId, WalletChange, WriteObject,
};

use crate::stores::{cases, device, nobody, pages, person};

cases![
    register_and_find,
    register_conflicts,
    register_at_once,
    links,
    last_identity,
    password_goes_with_the_address,
    rehashed_once,
    other_ways,
    updates,
    update_limits,
    unicode,
    usernames_at_once,
    bans,
    deletion,
    export,
    export_in_parts,
    finds,
    lists,
    system_is_nobody,
];

fn conflict(conflict: Conflict) -> StoreError {
    conflict.into()
}

fn missing(missing: Missing) -> StoreError {
    missing.into()
}

async fn register_and_find(store: Store) {
    let new = NewAccount {
        profile: AccountUpdate {
            display_name: Some("Brave Otter".into()),
            lang_tag: Some("de".into()),
            metadata: Some("{\"a\":1}".into()),
            username: Some("not read".into()),
            ..AccountUpdate::default()
        },
        ..NewAccount::named(UserId::random(), "otter")
    };
    let none = store.accounts.register_or_find(device("a"), None, 5).await;
    assert_eq!(none, Err(missing(Missing::Account)));
    let made = store.accounts.register_or_find(device("a"), Some(new.clone()), 7).await.unwrap();
    assert!(made.created);
    let account = &made.account;
    assert_eq!((account.id, account.username.as_str(), account.display_name.as_str()), (new.id, "otter", "Brave Otter"));
    assert_eq!((account.lang_tag.as_str(), account.location.as_str(), account.metadata.as_str()), ("de", "", "{\"a\":1}"));
    assert_eq!((account.create_time, account.update_time, account.verify_time, account.generation), (7, 7, None, 0));
    assert_eq!(account.identities, [device("a")]);
    let again =
        store.accounts.register_or_find(device("a"), Some(NewAccount::named(UserId::random(), "other")), 9).await.unwrap();
    assert!(!again.created);
    assert_eq!(again.account, made.account);
    assert_eq!(store.accounts.get(new.id).await.unwrap(), made.account);
    assert_eq!(store.accounts.count().await, Ok(1));
    let email = Identity::new(IdentityKind::Email, "Otter@Example.ORG");
    let with = NewAccount { password_hash: Some("$argon2id$x".into()), ..NewAccount::named(UserId::random(), "mail") };
    let id = with.id;
    let plain = store.accounts.register_or_find(email, Some(with), 9).await.unwrap().account;
    assert_eq!((plain.lang_tag.as_str(), plain.display_name.as_str()), ("en", ""), "the language of who names none");
    let cleared = AccountUpdate { lang_tag: Some(String::new()), ..AccountUpdate::default() };
    assert_eq!(store.accounts.update(id, cleared, 9).await.unwrap().lang_tag, "");
    assert_eq!(store.accounts.password("otter@example.org".into()).await, Ok((id, Some("$argon2id$x".into()))));
    assert_eq!(store.accounts.password("OTTER@example.org".into()).await.map(|(id, _)| id), Ok(id));
    assert_eq!(store.accounts.password("nobody@example.org".into()).await, Err(missing(Missing::Account)));
}

async fn register_conflicts(store: Store) {
    let first = person(&store, "first").await;
    let register =
        async |name: &str, id| store.accounts.register_or_find(device("new"), Some(NewAccount::named(id, name)), 1).await;
    assert_eq!(register("first", nobody()).await, Err(conflict(Conflict::Username)));
    assert_eq!(register("second", first.id).await, Err(conflict(Conflict::Id)));
    for name in ["", "a\0b", &"x".repeat(513)] {
        assert!(matches!(register(name, nobody()).await, Err(StoreError::Invalid(_))), "{name:?}");
    }
    assert!(matches!(register("system", UserId::SYSTEM).await, Err(StoreError::Invalid(_))));
    assert_eq!(store.accounts.count().await, Ok(1));
    assert!(register("First", nobody()).await.is_ok(), "names differ by case");
}

async fn register_at_once(store: Store) {
    let tasks: Vec<_> = (0..24)
        .map(|at| {
            let accounts = store.accounts.clone();
            // Half of them come with the same name, too.
            let name = if at % 2 == 0 { "same".to_owned() } else { format!("name-{at}") };
            tokio::spawn(
                async move { accounts.register_or_find(device("one"), Some(NewAccount::named(nobody(), name)), 1).await },
            )
        })
        .collect();
    let mut found = Vec::new();
    for task in tasks {
        found.push(task.await.unwrap().unwrap());
    }
    assert_eq!(found.iter().filter(|found| found.created).count(), 1);
    assert!(found.iter().all(|other| other.account.id == found[0].account.id));
    assert_eq!(store.accounts.count().await, Ok(1));
}

async fn links(store: Store) {
    let (a, b) = (person(&store, "a").await, person(&store, "b").await);
    let link = async |user, identity, hash: Option<&str>| store.accounts.link(user, identity, hash.map(str::to_owned), 50).await;
    for kind in IdentityKind::ALL {
        let identity = Identity::new(kind, format!("id-{}", kind.name()));
        assert_eq!(link(a.id, identity.clone(), None).await, Ok(()), "{kind:?}");
        assert_eq!(link(a.id, identity.clone(), None).await, Ok(()), "{kind:?}: twice is once");
        assert_eq!(link(b.id, identity.clone(), None).await, Err(conflict(Conflict::Identity)), "{kind:?}");
        assert_eq!(link(nobody(), identity.clone(), None).await, Err(missing(Missing::Account)), "{kind:?}");
        let another = link(a.id, Identity::new(kind, "another-one"), None).await;
        let expected = if kind == IdentityKind::Device { Ok(()) } else { Err(conflict(Conflict::IdentityKind)) };
        assert_eq!(another, expected, "{kind:?}");
        assert_eq!(store.accounts.by_identities(vec![identity]).await.unwrap()[0].id, a.id);
    }
    let account = store.accounts.get(a.id).await.unwrap();
    assert_eq!(account.identities.len(), 9 + 2, "the first device, one of each kind, another device");
    assert!(account.identities.is_sorted_by_key(|identity| (identity.kind.name(), identity.value.clone())));
    assert_eq!((account.create_time, account.update_time), (1000, 50));
    for at in 3..DEVICES_MAX {
        link(a.id, device(&format!("more-{at}")), None).await.unwrap();
    }
    assert_eq!(link(a.id, device("too many"), None).await, Err(conflict(Conflict::IdentityKind)));
    assert!(matches!(link(a.id, device("x"), Some("hash")).await, Err(StoreError::Invalid(_))));
}

async fn last_identity(store: Store) {
    let a = person(&store, "a").await;
    let b = person(&store, "b").await;
    let unlink = async |user, kind, value: Option<&str>| store.accounts.unlink(user, kind, value.map(str::to_owned), 60).await;
    assert_eq!(unlink(a.id, IdentityKind::Device, Some("device-a")).await, Err(conflict(Conflict::LastIdentity)));
    store.accounts.link(a.id, Identity::new(IdentityKind::Custom, "mine"), None, 50).await.unwrap();
    assert_eq!(unlink(a.id, IdentityKind::Device, Some("device-b")).await, Err(missing(Missing::Identity)), "another's");
    assert_eq!(unlink(a.id, IdentityKind::Steam, None).await, Err(missing(Missing::Identity)));
    assert_eq!(unlink(nobody(), IdentityKind::Steam, None).await, Err(missing(Missing::Account)));
    assert!(matches!(unlink(a.id, IdentityKind::Device, None).await, Err(StoreError::Invalid(_))), "which device");
    assert_eq!(unlink(a.id, IdentityKind::Device, Some("device-a")).await, Ok(()));
    assert_eq!(unlink(a.id, IdentityKind::Custom, None).await, Err(conflict(Conflict::LastIdentity)));
    assert_eq!(store.accounts.get(a.id).await.unwrap().update_time, 60);
    // What was unlinked is free for others.
    assert_eq!(store.accounts.link(b.id, device("a"), None, 70).await, Ok(()));
    // Two last ones unlinked at once leave one.
    let (kinds, store) = (["device-a", "device-b"], &store);
    let both = kinds.map(|value| store.accounts.unlink(b.id, IdentityKind::Device, Some(value.to_owned()), 80));
    let [one, two] = both;
    let (one, two) = tokio::join!(one, two);
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert_eq!(store.accounts.get(b.id).await.unwrap().identities.len(), 1);
}

async fn password_goes_with_the_address(store: Store) {
    let a = person(&store, "a").await;
    let email = Identity::new(IdentityKind::Email, "a@example.org");
    store.accounts.link(a.id, email.clone(), Some("hash".into()), 50).await.unwrap();
    store.accounts.set_verified(a.id, 55).await.unwrap();
    assert_eq!(store.accounts.get(a.id).await.unwrap().verify_time, Some(55));
    assert_eq!(store.accounts.set_password(a.id, Some("other".into()), OtherWays::Keep, 56).await, Ok(1));
    assert_eq!(store.accounts.password("a@example.org".into()).await, Ok((a.id, Some("other".into()))));
    assert_eq!(store.accounts.link(a.id, email.clone(), Some("third".into()), 57).await, Ok(()), "again, with another password");
    assert_eq!(store.accounts.password("a@example.org".into()).await, Ok((a.id, Some("third".into()))));
    store.accounts.unlink(a.id, IdentityKind::Email, None, 60).await.unwrap();
    assert_eq!(store.accounts.get(a.id).await.unwrap().verify_time, None);
    store.accounts.link(a.id, email, None, 70).await.unwrap();
    assert_eq!(store.accounts.password("a@example.org".into()).await, Ok((a.id, None)));
    assert_eq!(store.accounts.set_password(nobody(), None, OtherWays::Keep, 1).await, Err(missing(Missing::Account)));
}

/// A hash is renewed only where it still is the one that was checked.
async fn rehashed_once(store: Store) {
    let a = person(&store, "a").await;
    let email = Identity::new(IdentityKind::Email, "a@example.org");
    store.accounts.link(a.id, email, Some("old".into()), 50).await.unwrap();
    let hash = async || store.accounts.password("a@example.org".into()).await.unwrap().1;
    let open = store.sessions.create(a.id, session(), 12).await.unwrap();
    assert_eq!(store.accounts.rehash(a.id, "old".into(), "dearer".into()).await, Ok(true));
    assert_eq!(store.sessions.get(open.id, 13).await.unwrap().map(|session| session.generation), Some(0), "sessions go on");
    store.accounts.set_password(a.id, Some("new".into()), OtherWays::Keep, 56).await.unwrap();
    assert_eq!(store.accounts.rehash(a.id, "dearer".into(), "of the old password".into()).await, Ok(false));
    assert_eq!(hash().await.as_deref(), Some("new"));
    store.accounts.set_password(a.id, None, OtherWays::Keep, 57).await.unwrap();
    assert_eq!(store.accounts.rehash(a.id, "new".into(), "x".into()).await, Ok(false));
    assert_eq!(store.accounts.rehash(nobody(), "new".into(), "x".into()).await, Ok(false));
    assert_eq!(hash().await, None);
}

async fn other_ways(store: Store) {
    let (a, b) = (person(&store, "a").await, person(&store, "b").await);
    let custom = |name: &str| Identity::new(IdentityKind::Custom, name);
    store.accounts.link(a.id, custom("custom-a"), None, 50).await.unwrap();
    let kinds = async |user| {
        let account = store.accounts.get(user).await.unwrap();
        account.identities.iter().map(|identity| identity.kind).collect::<Vec<_>>()
    };
    let set = async |others| store.accounts.set_password(a.id, Some("hash".into()), others, 60).await.map(drop);
    set(OtherWays::Unlink).await.unwrap();
    assert_eq!(kinds(a.id).await, [IdentityKind::Custom, IdentityKind::Device], "without an address nothing is taken away");
    store.accounts.link(a.id, Identity::new(IdentityKind::Email, "a@example.org"), None, 50).await.unwrap();
    set(OtherWays::Keep).await.unwrap();
    assert_eq!(kinds(a.id).await, [IdentityKind::Custom, IdentityKind::Device, IdentityKind::Email]);
    set(OtherWays::Unlink).await.unwrap();
    assert_eq!(kinds(a.id).await, [IdentityKind::Email]);
    assert_eq!(store.accounts.get(a.id).await.unwrap().update_time, 60);
    store.accounts.link(a.id, device("a"), None, 61).await.unwrap();
    store.sessions.create_reset(a.id, [1; 32], 100, 62).await.unwrap();
    store.sessions.use_reset([1; 32], "hash".into(), OtherWays::Unlink, 63).await.unwrap();
    assert_eq!((kinds(a.id).await, kinds(b.id).await), (vec![IdentityKind::Email], vec![IdentityKind::Device]));
}

async fn updates(store: Store) {
    let a = person(&store, "a").await;
    person(&store, "b").await;
    let all = AccountUpdate {
        username: Some("anna".into()),
        display_name: Some("Anna".into()),
        avatar_url: Some("https://example.org/a.png".into()),
        lang_tag: Some("de".into()),
        location: Some("Kiel".into()),
        timezone: Some("Europe/Berlin".into()),
        metadata: Some("{ \"k\" : [1,2] }".into()),
    };
    let changed = store.accounts.update(a.id, all.clone(), 90).await.unwrap();
    assert_eq!(
        (changed.username.as_str(), changed.location.as_str(), changed.timezone.as_str()),
        ("anna", "Kiel", "Europe/Berlin")
    );
    assert_eq!((changed.metadata.as_str(), changed.update_time), ("{ \"k\" : [1,2] }", 90));
    let part = AccountUpdate { location: Some(String::new()), ..AccountUpdate::default() };
    let changed = store.accounts.update(a.id, part, 91).await.unwrap();
    assert_eq!((changed.username.as_str(), changed.location.as_str(), changed.lang_tag.as_str()), ("anna", "", "de"));
    assert_eq!(store.accounts.get(a.id).await.unwrap(), changed);
    let named = |name: &str| AccountUpdate { username: Some(name.into()), ..AccountUpdate::default() };
    assert_eq!(store.accounts.update(a.id, named("b"), 92).await, Err(conflict(Conflict::Username)));
    assert!(store.accounts.update(a.id, named("anna"), 93).await.is_ok(), "the name it has");
    assert_eq!(store.accounts.update(nobody(), named("c"), 92).await, Err(missing(Missing::Account)));
    assert!(store.accounts.by_usernames(vec!["a".into()]).await.unwrap().is_empty());
    assert!(store.accounts.update(a.id, named("a"), 94).await.is_ok(), "the old name is free");
}

async fn update_limits(store: Store) {
    let a = person(&store, "a").await;
    let metadata = |bytes: usize| AccountUpdate {
        metadata: Some(format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8))),
        ..AccountUpdate::default()
    };
    assert!(store.accounts.update(a.id, metadata(METADATA_MAX), 1).await.is_ok());
    assert!(matches!(store.accounts.update(a.id, metadata(METADATA_MAX + 1), 1).await, Err(StoreError::Invalid(_))));
    for bad in ["", "[]", "{", "null", "{\"a\":}"] {
        let update = AccountUpdate { metadata: Some(bad.into()), ..AccountUpdate::default() };
        assert!(matches!(store.accounts.update(a.id, update, 1).await, Err(StoreError::Invalid(_))), "{bad}");
    }
    let nul = AccountUpdate { location: Some("a\0".into()), ..AccountUpdate::default() };
    assert!(matches!(store.accounts.update(a.id, nul, 1).await, Err(StoreError::Invalid(_))));
    let texts = |shown: &str, url: &str, tag: &str| AccountUpdate {
        display_name: Some(shown.into()),
        location: Some(shown.into()),
        timezone: Some(shown.into()),
        avatar_url: Some(url.into()),
        lang_tag: Some(tag.into()),
        ..AccountUpdate::default()
    };
    let longest = texts(&"語".repeat(255), &"🏰".repeat(512), &"é".repeat(18));
    let kept = store.accounts.update(a.id, longest, 1).await.unwrap();
    assert_eq!((kept.display_name.chars().count(), kept.avatar_url.len(), kept.lang_tag.len()), (255, 2048, 36));
    for over in [texts(&"語".repeat(256), "", ""), texts("", &"u".repeat(513), ""), texts("", "", &"x".repeat(19))] {
        assert!(matches!(store.accounts.update(a.id, over, 1).await, Err(StoreError::Invalid(_))));
    }
    let empty = AccountUpdate { username: Some(String::new()), ..AccountUpdate::default() };
    assert!(matches!(store.accounts.update(a.id, empty, 1).await, Err(StoreError::Invalid(_))));
    assert!(matches!(store.accounts.get_many(vec![a.id; 1025]).await, Err(StoreError::Invalid(_))));
}

async fn unicode(store: Store) {
    // In byte order, which is not the order of a dictionary.
    let names = ["Zoë", "a", "b", "Ä", "ß", "Ω", "中文公会", "🦦", "Z"];
    for name in names {
        person(&store, name).await;
    }
    let listed = store.accounts.list(AccountFilter::All, 100, None).await.unwrap();
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    assert_eq!(listed.items.iter().map(|account| account.username.as_str()).collect::<Vec<_>>(), sorted);
    let prefix = store.accounts.list(AccountFilter::UsernamePrefix("中".into()), 10, None).await.unwrap();
    assert_eq!(prefix.items[0].username, "中文公会");
    let found = store.accounts.by_usernames(vec!["🦦".into(), "Zoë".into(), "zoë".into()]).await.unwrap();
    assert_eq!(found.iter().map(|account| account.username.as_str()).collect::<Vec<_>>(), ["🦦", "Zoë"]);
}

async fn usernames_at_once(store: Store) {
    let mut people = Vec::new();
    for at in 0..12 {
        people.push(person(&store, &format!("p{at}")).await.id);
    }
    let tasks: Vec<_> = people
        .into_iter()
        .map(|id| {
            let accounts = store.accounts.clone();
            let update = AccountUpdate { username: Some("wanted".into()), ..AccountUpdate::default() };
            tokio::spawn(async move { accounts.update(id, update, 1).await })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert_eq!(error, conflict(Conflict::Username)),
        }
    }
    assert_eq!(won, 1);
}

async fn bans(store: Store) {
    let a = person(&store, "a").await;
    let ban = Ban { since: 100, until: Some(200), reason: "aimbot".into(), by: "ops".into() };
    store.sessions.create(a.id, session(), 90).await.unwrap();
    assert_eq!(store.accounts.disable(a.id, ban.clone(), 100).await, Ok(1));
    let account = store.accounts.get(a.id).await.unwrap();
    assert_eq!(account.ban, Some(ban.clone()));
    assert_eq!([99, 199, 200, 201].map(|now| account.is_banned(now)), [true, true, false, false]);
    assert_eq!(store.sessions.of_user(a.id, 100).await.unwrap(), []);
    let banned = store.accounts.list(AccountFilter::Banned, 10, None).await.unwrap();
    assert_eq!(banned.items, [account]);
    assert_eq!(store.accounts.disable(a.id, Ban { until: None, ..ban.clone() }, 101).await, Ok(2));
    assert!(store.accounts.get(a.id).await.unwrap().is_banned(i64::MAX));
    assert_eq!(store.accounts.enable(a.id, 102).await, Ok(()));
    assert_eq!(store.accounts.get(a.id).await.unwrap().ban, None);
    assert_eq!(store.accounts.disable(nobody(), ban, 1).await, Err(missing(Missing::Account)));
    assert_eq!(store.accounts.enable(nobody(), 1).await, Err(missing(Missing::Account)));
}

fn session() -> NewSession {
    NewSession { id: SessionId::random(), token: [1; 32], expires: 10_000, vars: "{}".into(), origin: "192.0.2.1".into() }
}

async fn fill(store: &Store, user: UserId) {
    let id = |key: &str, owner| hillfort_store::ObjectId::new("saves", key, owner);
    let writes = vec![WriteObject::new(id("one", user), "{}"), WriteObject::new(id("two", user), "{\"a\":2}")];
    store.objects.write(hillfort_store::Caller::Server, writes, 10).await.unwrap();
    let change = WalletChange { user, changeset: [("coins".to_owned(), 7)].into(), metadata: "{\"why\":\"gift\"}".into() };
    store.wallets.apply(vec![change], true, 11).await.unwrap();
    store.sessions.create(user, session(), 12).await.unwrap();
    store.sessions.create_reset(user, [user.0[0]; 32], 10_000, 13).await.unwrap();
}

async fn deletion(store: Store) {
    let (a, b) = (person(&store, "a").await, person(&store, "b").await);
    fill(&store, a.id).await;
    fill(&store, b.id).await;
    let kept = store.accounts.export(b.id, None).await.unwrap();
    assert_eq!(store.accounts.delete(a.id, Some("ops".into()), 500).await, Ok(()));
    assert_eq!(store.accounts.delete(a.id, None, 501).await, Err(missing(Missing::Account)));
    assert_eq!(store.accounts.get(a.id).await, Err(missing(Missing::Account)));
    assert_eq!(store.accounts.export(a.id, None).await, Err(missing(Missing::Account)));
    let tombstone = store.accounts.tombstone(a.id).await.unwrap().unwrap();
    assert_eq!((tombstone.id, tombstone.time, tombstone.by.as_str()), (a.id, 500, "ops"));
    assert_eq!(store.wallets.get(a.id).await, Err(missing(Missing::Account)));
    assert_eq!(store.wallets.ledger(a.id, 10, None).await.unwrap().items, []);
    assert_eq!(
        store.sessions.use_reset([a.id.0[0]; 32], "hash".into(), OtherWays::Keep, 20).await.is_ok(),
        a.id.0[0] == b.id.0[0]
    );
    let list = hillfort_store::ListObjects { collection: "saves".into(), user: Some(a.id), limit: 10, cursor: None };
    assert_eq!(store.objects.list(hillfort_store::Caller::Server, list).await.unwrap().items, []);
    if a.id.0[0] != b.id.0[0] {
        assert_eq!(store.accounts.export(b.id, None).await.unwrap(), kept, "the other keeps everything");
    }
    assert_eq!(person(&store, "a").await.username, "a", "name and device are free");
    store.accounts.delete(b.id, None, 501).await.unwrap();
    assert_eq!(store.accounts.tombstone(b.id).await, Ok(None));
}

async fn export(store: Store) {
    let a = person(&store, "a").await;
    fill(&store, a.id).await;
    let export = store.accounts.export(a.id, None).await.unwrap();
    assert_eq!(export.account, store.accounts.get(a.id).await.unwrap());
    assert_eq!(export.wallet["coins"], 7);
    assert_eq!((export.ledger.len(), export.ledger[0].metadata.as_str()), (1, "{\"why\":\"gift\"}"));
    assert_eq!(export.objects.iter().map(|object| object.id.key.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(export.sessions[0].origin, "192.0.2.1");
}

/// Whatever a person has: in parts of a bounded size, each thing once.
async fn export_in_parts(store: Store) {
    let (a, b) = (person(&store, "a").await.id, person(&store, "b").await.id);
    fill(&store, b).await;
    let metadata = format!("{{\"m\":\"{}\"}}", "x".repeat(METADATA_MAX - 8));
    let change = WalletChange { user: a, changeset: [("coins".to_owned(), 1)].into(), metadata };
    store.wallets.apply(vec![change; 70], true, 1).await.unwrap();
    let big = format!("{{\"m\":\"{}\"}}", "x".repeat((1 << 20) - 8));
    for number in 0..6 {
        // Characters that are longest in a cursor.
        let id = hillfort_store::ObjectId::new("\u{1}".repeat(128), format!("{}{number}", "\u{1}".repeat(127)), a);
        store.objects.write(hillfort_store::Caller::Server, vec![WriteObject::new(id, big.clone())], 10).await.unwrap();
    }
    let (mut parts, mut cursor) = (Vec::new(), None);
    loop {
        let part = store.accounts.export(a, cursor).await.unwrap();
        let lines = part.ledger.iter().map(|line| line.metadata.len()).sum::<usize>();
        let bytes = lines + part.objects.iter().map(|object| object.value.len()).sum::<usize>();
        assert!(bytes <= ANSWER_MAX + OBJECT_VALUE_MAX, "{bytes}");
        assert_eq!((part.account.id, part.wallet["coins"]), (a, 70));
        cursor = part.cursor.clone();
        parts.push(part);
        if cursor.is_none() {
            break;
        }
        assert!(parts.len() < 20, "it has no end");
    }
    assert!(parts.len() >= 3, "{}", parts.len());
    assert_eq!(parts.iter().map(|part| part.ledger.len()).sum::<usize>(), 70);
    let keys: Vec<_> = parts.iter().flat_map(|part| &part.objects).map(|object| object.id.key.clone()).collect();
    assert!(keys.len() == 6 && keys.is_sorted(), "{}", keys.len());
    for cursor in ["zz", "00", "5b312c6e756c6c", "5b312c5b2261225d5d"] {
        assert!(matches!(store.accounts.export(a, Some(cursor.into())).await, Err(StoreError::Invalid(_))), "{cursor}");
    }
}

async fn finds(store: Store) {
    let (a, b) = (person(&store, "a").await, person(&store, "b").await);
    let ids = |accounts: Vec<hillfort_store::Account>| accounts.iter().map(|account| account.id).collect::<Vec<_>>();
    assert_eq!(ids(store.accounts.get_many(vec![b.id, nobody(), a.id, b.id]).await.unwrap()), [b.id, a.id]);
    assert_eq!(
        ids(store.accounts.by_usernames(vec!["b".into(), "x".into(), "a".into(), "b".into()]).await.unwrap()),
        [b.id, a.id]
    );
    let identities = vec![device("b"), device("x"), device("a"), device("b")];
    assert_eq!(ids(store.accounts.by_identities(identities).await.unwrap()), [b.id, a.id]);
    assert_eq!(store.accounts.get_many(vec![]).await.unwrap(), []);
}

async fn lists(store: Store) {
    for at in 0..25 {
        person(&store, &format!("{}{at:02}", if at % 2 == 0 { "even" } else { "odd" })).await;
    }
    for (filter, count) in [
        (AccountFilter::All, 25),
        (AccountFilter::UsernamePrefix("even".into()), 13),
        (AccountFilter::UsernamePrefix("e_en".into()), 0),
        (AccountFilter::UsernamePrefix("%".into()), 0),
        (AccountFilter::UsernamePrefix(String::new()), 25),
        (AccountFilter::Identity("device-odd01".into()), 1),
        (AccountFilter::Identity("device-odd".into()), 0),
        (AccountFilter::Banned, 0),
    ] {
        for limit in [1, 7, 25, 1024] {
            let listed = pages(|cursor| store.accounts.list(filter.clone(), limit, cursor)).await;
            assert!(listed.iter().all(|page| page.len() <= limit));
            let names: Vec<_> = listed.concat().into_iter().map(|account| account.username).collect();
            assert_eq!(names.len(), count, "{filter:?}");
            assert!(names.is_sorted());
        }
    }
    // What goes and comes between two pages neither doubles nor hides the rest.
    let first = store.accounts.list(AccountFilter::All, 3, None).await.unwrap();
    store.accounts.delete(first.items[2].id, None, 1).await.unwrap();
    person(&store, "even000").await;
    let second = store.accounts.list(AccountFilter::All, 3, first.cursor).await.unwrap();
    assert_eq!(second.items[0].username, "even06");
    for (limit, cursor) in [(0, None), (1025, None), (5, Some("zz".to_owned())), (5, Some("00".to_owned()))] {
        assert!(matches!(store.accounts.list(AccountFilter::All, limit, cursor).await, Err(StoreError::Invalid(_))));
    }
}

async fn system_is_nobody(store: Store) {
    let system = UserId::SYSTEM;
    let gone = || Err(missing(Missing::Account));
    assert_eq!(store.accounts.get(system).await, gone());
    assert_eq!(store.accounts.get_many(vec![system]).await, Ok(vec![]));
    assert_eq!(store.accounts.by_usernames(vec![String::new()]).await, Ok(vec![]));
    assert_eq!(store.accounts.update(system, AccountUpdate::default(), 1).await, gone());
    assert_eq!(store.accounts.delete(system, None, 1).await, gone().map(|_: hillfort_store::Account| ()));
    assert_eq!(store.accounts.set_password(system, None, OtherWays::Unlink, 1).await, gone().map(|_: hillfort_store::Account| 0));
    assert_eq!(store.accounts.link(system, device("x"), None, 1).await, gone().map(|_: hillfort_store::Account| ()));
    assert_eq!(store.wallets.get(system).await, gone().map(|_: hillfort_store::Account| Default::default()));
    assert!(store.sessions.create(system, session(), 1).await.is_err());
    assert_eq!(store.accounts.list(AccountFilter::All, 10, None).await.unwrap().items, []);
    assert_eq!(store.accounts.count().await, Ok(0));
}
