//! Text that is a command to somebody: kept byte for byte in every field that takes text, found by exactly that text, and nothing else
//! happens. Each case ends with what a bystander has, which is what it was.

use hillfort_store::{
    AccountFilter, AccountUpdate, AuditFilter, Ban, Caller, DeleteObject, Expect, Identity, IdentityKind, ListObjects, Missing,
    NewAccount, NewAuditEntry, NewOutboxEntry, NewSession, ObjectId, PersonExport, ReadPermission, Role, SessionId, Store,
    StoreError, UserId, WalletChange, WriteObject,
};

use crate::stores::{cases, device, pages, person};

cases![names, identities, keys_and_values, cursors, everything_else];

/// Commands of SQL, of patterns, of formats and of shells; what escapes, ends or hides text; the last character there is.
const HOSTILE: [&str; 24] = [
    "'; DROP TABLE accounts; --",
    "' OR '1'='1",
    "'; DELETE FROM storage_objects; COMMIT; --",
    "' UNION SELECT password_hash FROM accounts --",
    "\" OR \"\"=\"",
    "'",
    "''",
    "\\'",
    "\\",
    "$1",
    "$$; DROP TABLE identities; $$",
    "?1",
    ":name",
    "%",
    "_",
    "a%b_c*d?",
    "/* */ --",
    "NULL",
    "\u{1}\t\r\n\u{7f}",
    "\u{202e}\u{feff}\u{200b}",
    "${jndi:ldap://x}{{7*7}}$(id)",
    "é\u{301}ß🦦",
    "\u{10ffff}\u{10ffff}x",
    "\u{10ffff}",
];

/// What no database may be given, and what is too long for any name.
fn refused() -> [String; 4] {
    ["\0".into(), "a\0b".into(), "'; DROP TABLE accounts; --\0".into(), "'".repeat(513)]
}

fn is_invalid<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Invalid(_))), "{result:?}");
}

/// A JSON object with this text in it.
fn json(text: &str) -> String {
    serde_json::json!({ "text": text }).to_string()
}

/// Somebody who has something of everything.
async fn bystander(store: &Store) -> (UserId, PersonExport) {
    let user = person(store, "bystander").await.id;
    let object = WriteObject::new(ObjectId::new("saves", "slot", user), "{\"mine\":1}");
    store.objects.write(Caller::Server, vec![object], 5).await.unwrap();
    let change = WalletChange { user, changeset: [("gold".to_owned(), 7)].into(), metadata: "{}".into() };
    store.wallets.apply(vec![change], true, 5).await.unwrap();
    (user, store.accounts.export(user, None).await.unwrap())
}

async fn untouched(store: &Store, (user, before): (UserId, PersonExport)) {
    assert_eq!(store.accounts.export(user, None).await.unwrap(), before);
}

async fn names(store: Store) {
    let other = bystander(&store).await;
    for (at, text) in HOSTILE.into_iter().enumerate() {
        let is = Some(text.to_owned());
        let profile = AccountUpdate {
            display_name: is.clone(),
            avatar_url: is.clone(),
            location: is.clone(),
            timezone: is.clone(),
            metadata: Some(json(text)),
            ..AccountUpdate::default()
        };
        let new = NewAccount { profile: profile.clone(), ..NewAccount::named(UserId::random(), text) };
        let made = store.accounts.register_or_find(device(&at.to_string()), Some(new), 9).await.unwrap().account;
        let kept = store.accounts.get(made.id).await.unwrap();
        let fields = [&kept.username, &kept.display_name, &kept.avatar_url, &kept.location, &kept.timezone];
        assert!(fields.iter().all(|field| *field == text) && kept.metadata == json(text), "{kept:?}");
        assert_eq!(store.accounts.by_usernames(vec![text.into()]).await.unwrap(), std::slice::from_ref(&kept), "{text:?}");
        assert_eq!(store.accounts.by_usernames(vec![format!("{text} ")]).await.unwrap(), [], "{text:?}");
        let mut expected: Vec<_> = HOSTILE[..=at].iter().copied().filter(|name| name.starts_with(text)).collect();
        expected.sort_unstable();
        let listed = store.accounts.list(AccountFilter::UsernamePrefix(text.into()), 100, None).await.unwrap().items;
        assert_eq!(listed.iter().map(|one| one.username.as_str()).collect::<Vec<_>>(), expected, "{text:?}");
        // Changed to itself by way of another.
        let rename = async |username: &str| {
            let change = AccountUpdate { username: Some(username.into()), ..profile.clone() };
            store.accounts.update(made.id, change, 10).await.map(|account| account.username)
        };
        assert_eq!((rename("plain").await, rename(text).await), (Ok("plain".into()), Ok(text.into())));
        let ban = Ban { since: 1, until: None, reason: text.into(), by: text.into() };
        store.accounts.disable(made.id, ban.clone(), 11).await.unwrap();
        assert_eq!(store.accounts.get(made.id).await.unwrap().ban, Some(ban));
    }
    let listed = pages(|cursor| store.accounts.list(AccountFilter::All, 3, cursor)).await.concat();
    let mut expected: Vec<_> = HOSTILE.into_iter().chain(["bystander"]).collect();
    expected.sort_unstable();
    assert_eq!(listed.iter().map(|account| account.username.as_str()).collect::<Vec<_>>(), expected, "in the order of bytes");
    for text in refused() {
        is_invalid(store.accounts.register_or_find(device("new"), Some(NewAccount::named(UserId::random(), &text)), 9).await);
        is_invalid(store.accounts.by_usernames(vec![text.clone()]).await);
        is_invalid(store.accounts.list(AccountFilter::UsernamePrefix(text), 10, None).await);
    }
    assert_eq!(store.accounts.count().await, Ok(HOSTILE.len() as u64 + 1));
    untouched(&store, other).await;
}

async fn identities(store: Store) {
    let other = bystander(&store).await;
    for (at, text) in HOSTILE.into_iter().enumerate() {
        // All kinds are alike but addresses, which have a case and a password.
        for kind in [IdentityKind::Email, IdentityKind::ALL[at % IdentityKind::ALL.len()]] {
            let identity = Identity::new(kind, text);
            let named = NewAccount::named(UserId::random(), format!("{} {at}", kind.name()));
            let hash = (kind == IdentityKind::Email).then(|| text.to_owned());
            let new = NewAccount { password_hash: hash.clone(), ..named };
            let none = store.accounts.register_or_find(identity.clone(), None, 9).await;
            assert_eq!(none, Err(Missing::Account.into()), "{identity:?}");
            let made = store.accounts.register_or_find(identity.clone(), Some(new), 9).await.unwrap();
            assert!(made.created, "{identity:?}");
            let account = made.account;
            assert_eq!(account.identities, std::slice::from_ref(&identity));
            assert_eq!(store.accounts.register_or_find(identity.clone(), None, 9).await.unwrap().account, account);
            assert_eq!(store.accounts.by_identities(vec![identity.clone()]).await.unwrap(), std::slice::from_ref(&account));
            let listed = store.accounts.list(AccountFilter::Identity(identity.value.clone()), 100, None).await.unwrap().items;
            assert!(listed.contains(&account) && listed.iter().all(|one| one.identities[0].value == identity.value), "{text:?}");
            if kind == IdentityKind::Email {
                assert_eq!(store.accounts.password(text.into()).await, Ok((account.id, hash)));
                assert_eq!(store.accounts.rehash(account.id, "' OR '1'='1' --".into(), "x".into()).await, Ok(false));
            }
            // Linked to and unlinked from somebody else's account by the same text.
            store.accounts.link(account.id, device("second"), None, 10).await.unwrap();
            store.accounts.unlink(account.id, kind, Some(identity.value.clone()), 10).await.unwrap();
            store.accounts.link(other.0, identity.clone(), None, 11).await.unwrap();
            store.accounts.unlink(other.0, kind, Some(identity.value), 11).await.unwrap();
            store.accounts.delete(account.id, Some(text.into()), 12).await.unwrap();
            assert_eq!(store.accounts.tombstone(account.id).await.unwrap().unwrap().by, text);
        }
    }
    for (text, kind) in refused().into_iter().flat_map(|text| IdentityKind::ALL.map(|kind| (text.clone(), kind))) {
        is_invalid(store.accounts.register_or_find(Identity::new(kind, &text), None, 9).await);
        is_invalid(store.accounts.by_identities(vec![Identity::new(kind, &text)]).await);
        is_invalid(store.accounts.list(AccountFilter::Identity(text.clone()), 10, None).await);
        is_invalid(store.accounts.password(text).await);
    }
    let (mut before, after) = (other.1, store.accounts.export(other.0, None).await.unwrap());
    // Links say when they were.
    before.account.update_time = 11;
    assert_eq!(after, before);
}

async fn keys_and_values(store: Store) {
    let other = bystander(&store).await;
    let owner = person(&store, "owner").await.id;
    let id = |collection: &str, key: &str| ObjectId::new(collection, key, owner);
    let public = |id, text| WriteObject { read: ReadPermission::Public, ..WriteObject::new(id, json(text)) };
    for text in HOSTILE {
        let writes = HOSTILE.map(|key| public(id(text, key), key)).to_vec();
        store.objects.write(Caller::User(owner), writes, 10).await.unwrap();
        let list = |user, cursor| ListObjects { collection: text.into(), user, limit: 5, cursor };
        for user in [Some(owner), None] {
            let listed = pages(|cursor| store.objects.list(Caller::User(other.0), list(user, cursor))).await.concat();
            let mut keys = HOSTILE;
            keys.sort_unstable();
            assert_eq!(listed.iter().map(|object| object.id.key.as_str()).collect::<Vec<_>>(), keys, "{text:?}");
            assert!(listed.iter().all(|object| object.id.collection == text && object.value == json(&object.id.key)));
        }
        let read = store.objects.read(Caller::User(owner), HOSTILE.map(|key| id(text, key)).to_vec()).await.unwrap();
        assert_eq!(read.iter().map(|object| object.value.clone()).collect::<Vec<_>>(), HOSTILE.map(json));
        // What is not there, or of another version, stays as it is.
        let delete = |key: &str, expect| vec![DeleteObject { id: id(text, key), expect }];
        let delete = async |key: &str, expect| store.objects.delete(Caller::User(owner), delete(key, expect)).await;
        assert!(delete("' OR '1'='1' --", Expect::Any).await.is_err(), "{text:?}");
        assert!(delete("'", Expect::Version(text.into())).await.is_err(), "{text:?}");
        delete("'", Expect::Any).await.unwrap();
        assert_eq!(
            pages(|cursor| store.objects.list(Caller::Server, list(None, cursor))).await.concat().len(),
            HOSTILE.len() - 1
        );
    }
    let mut collections: Vec<_> = HOSTILE.into_iter().chain(["saves"]).map(str::to_owned).collect();
    collections.sort_unstable();
    assert_eq!(store.objects.collections(None).await.unwrap(), collections);
    assert_eq!(
        store.objects.collections(Some("'".into())).await.unwrap().len(),
        collections.iter().filter(|one| one.as_str() > "'").count()
    );
    for text in refused() {
        is_invalid(store.objects.write(Caller::User(owner), vec![WriteObject::new(id("c", &text), "{}")], 10).await);
        is_invalid(store.objects.write(Caller::User(owner), vec![WriteObject::new(id(&text, "k"), "{}")], 10).await);
        is_invalid(store.objects.read(Caller::Server, vec![id(&text, "k")]).await);
        is_invalid(store.objects.collections(Some(text)).await);
    }
    untouched(&store, other).await;
}

/// A cursor as the store writes it, but with a place of somebody's own making.
fn cursor(place: &serde_json::Value) -> Option<String> {
    Some(place.to_string().bytes().map(|byte| format!("{byte:02x}")).collect())
}

async fn cursors(store: Store) {
    let other = bystander(&store).await;
    let everybody = |cursor| ListObjects { collection: "saves".into(), user: None, limit: 10, cursor };
    let hers = |cursor| ListObjects { user: Some(other.0), ..everybody(cursor) };
    for text in HOSTILE {
        // A place is where a list goes on, whatever it says: "slot" and "bystander" come after it or not.
        let place = cursor(&serde_json::json!(text));
        let listed = store.objects.list(Caller::Server, hers(place.clone())).await.unwrap().items;
        assert_eq!(listed.len(), usize::from("slot" > text), "{text:?}");
        let accounts = store.accounts.list(AccountFilter::All, 10, place.clone()).await.unwrap().items;
        assert_eq!(accounts.len(), usize::from("bystander" > text), "{text:?}");
        is_invalid(store.objects.list(Caller::Server, everybody(place.clone())).await);
        is_invalid(store.wallets.ledger(other.0, 10, place.clone()).await);
        is_invalid(store.audit.list(AuditFilter::default(), 10, place.clone()).await);
        is_invalid(store.accounts.export(other.0, place).await.map(drop));
        let place = cursor(&serde_json::json!([1, text, other.0]));
        let listed = store.objects.list(Caller::Server, everybody(place.clone())).await.unwrap().items;
        assert_eq!(listed.len(), usize::from("slot" > text), "{text:?}");
        is_invalid(store.objects.list(Caller::Server, hers(place)).await);
        for plain in [text, &text.repeat(2)] {
            is_invalid(store.objects.list(Caller::Server, hers(Some(plain.into()))).await);
            is_invalid(store.accounts.list(AccountFilter::All, 10, Some(plain.into())).await);
        }
    }
    for text in refused() {
        is_invalid(store.objects.list(Caller::Server, hers(cursor(&serde_json::json!(text)))).await);
        is_invalid(store.objects.list(Caller::Server, everybody(cursor(&serde_json::json!([1, text, other.0])))).await);
        is_invalid(store.accounts.list(AccountFilter::All, 10, cursor(&serde_json::json!(text))).await);
    }
    untouched(&store, other).await;
}

async fn everything_else(store: Store) {
    let other = bystander(&store).await;
    let user = person(&store, "owner").await.id;
    for (at, text) in HOSTILE.into_iter().enumerate() {
        let change = WalletChange { user, changeset: [(text.to_owned(), 3)].into(), metadata: json(text) };
        let wallet = store.wallets.apply(vec![change], true, 10 + at as i64).await.unwrap().pop().unwrap().updated;
        assert_eq!((wallet.len(), wallet.get(text)), (at + 1, Some(&3)), "{text:?}");
        let line = store.wallets.ledger(user, 1, None).await.unwrap().items.pop().unwrap();
        assert_eq!((line.changeset.get(text), line.metadata), (Some(&3), json(text)));
        let entry = NewOutboxEntry { topic: text.into(), key: text.into(), payload: text.into() };
        store.outbox.enqueue(vec![entry], 10).await.unwrap();
        let taken = store.outbox.take(text.into(), 10, 1000, 20).await.unwrap();
        assert_eq!((taken.len(), taken[0].key.as_str(), &taken[0].payload[..]), (1, text, text.as_bytes()), "{text:?}");
        let entry = NewAuditEntry {
            actor: text.into(),
            action: text.into(),
            subject: text.into(),
            address: text.into(),
            detail: json(text),
        };
        store.audit.append(entry, 10).await.unwrap();
        let filter = AuditFilter { actor: text.into(), action: text.into(), subject: text.into() };
        let lines = store.audit.list(filter, 10, None).await.unwrap().items;
        assert_eq!((lines.len(), lines[0].address.as_str(), lines[0].detail.as_str()), (1, text, json(text).as_str()));
        let operator = store.operators.create(text.into(), Role::Administrator, text.into(), 10).await.unwrap();
        assert_eq!(store.operators.get(text.into()).await.unwrap(), operator);
        assert_eq!((operator.name.as_str(), operator.password_hash.as_str()), (text, text));
        let new =
            NewSession { id: SessionId::random(), token: [at as u8; 32], expires: 100, vars: json(text), origin: text.into() };
        let session = store.sessions.create(user, new, 10).await.unwrap();
        assert_eq!(store.sessions.get(session.id, 20).await.unwrap(), Some(session.clone()));
        assert_eq!((session.vars, session.origin), (json(text), text.to_owned()));
    }
    assert_eq!(store.operators.list().await.unwrap().len(), HOSTILE.len());
    store.operators.delete("'".into()).await.unwrap();
    assert_eq!(store.operators.list().await.unwrap().len(), HOSTILE.len() - 1);
    for text in refused() {
        is_invalid(store.operators.get(text.clone()).await);
        is_invalid(store.operators.delete(text.clone()).await);
        is_invalid(store.outbox.take(text.clone(), 10, 1000, 20).await);
        is_invalid(store.outbox.pending(text.clone()).await);
        is_invalid(store.meta.get(text.clone()).await);
        is_invalid(store.audit.list(AuditFilter { subject: text, ..AuditFilter::default() }, 10, None).await);
    }
    untouched(&store, other).await;
}
