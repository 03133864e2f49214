//! Random calls on a database and on the model in memory: the same answers, call by call.

use hillfort_store::{
    AccountFilter, AccountUpdate, Ban, Caller, DeleteObject, Expect, Identity, IdentityKind, ListObjects, NewAccount,
    NewOutboxEntry, NewSession, ObjectId, OtherWays, OutboxEntry, ReadPermission, Rotate, SessionId, Store, StoreError, Update,
    UserId, WalletChange, WriteObject, WritePermission, version_of,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::fmt::Debug;

use crate::stores::{Kind, Place, block_on};

/// One of a few people; the last is never made.
fn user() -> impl Strategy<Value = UserId> {
    (1..6_u8).prop_map(|at| UserId([at; 16]))
}

fn owner() -> impl Strategy<Value = UserId> {
    prop_oneof![4 => user(), 1 => Just(UserId::SYSTEM)]
}

fn name() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["a", "b", "A", "ä", "ab", "中"]).prop_map(str::to_owned)
}

fn identity() -> impl Strategy<Value = Identity> {
    let kind = proptest::sample::select(vec![IdentityKind::Device, IdentityKind::Email, IdentityKind::Steam]);
    (kind, name()).prop_map(|(kind, value)| Identity::new(kind, value))
}

fn value() -> impl Strategy<Value = String> {
    (0..3).prop_map(|n| format!("{{\"n\":{n}}}"))
}

fn object_id() -> impl Strategy<Value = ObjectId> {
    (name(), name(), owner()).prop_map(|(collection, key, user)| ObjectId::new(collection, key, user))
}

fn expect() -> impl Strategy<Value = Expect> {
    prop_oneof![4 => Just(Expect::Any), 1 => Just(Expect::Absent), 2 => value().prop_map(|value| Expect::Version(version_of(&value)))]
}

fn caller() -> impl Strategy<Value = Caller> {
    prop_oneof![2 => Just(Caller::Server), 1 => user().prop_map(Caller::User)]
}

fn write() -> impl Strategy<Value = WriteObject> {
    (object_id(), value(), expect(), 0..3_i64, 0..2_i64).prop_map(|(id, value, expect, read, write)| WriteObject {
        id,
        value,
        expect,
        read: ReadPermission::try_from(read).unwrap(),
        write: WritePermission::try_from(write).unwrap(),
    })
}

/// No object twice: which of its refusals is told would be by chance.
fn distinct<T: Debug + Clone>(items: Vec<T>, id: impl Fn(&T) -> &ObjectId) -> Vec<T> {
    let mut seen = std::collections::BTreeSet::new();
    items.iter().filter(|item| seen.insert(id(item).clone())).cloned().collect()
}

fn writes() -> impl Strategy<Value = Vec<WriteObject>> {
    vec(write(), 0..5).prop_map(|writes| distinct(writes, |write| &write.id))
}

fn deletes() -> impl Strategy<Value = Vec<DeleteObject>> {
    let delete = (object_id(), expect()).prop_map(|(id, expect)| DeleteObject { id, expect });
    vec(delete, 0..4).prop_map(|deletes| distinct(deletes, |delete| &delete.id))
}

fn change() -> impl Strategy<Value = WalletChange> {
    let by = prop_oneof![8 => -3..6_i64, 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
    let changeset = proptest::collection::btree_map(name(), by, 0..3);
    (user(), changeset).prop_map(|(user, changeset)| WalletChange { user, changeset, metadata: "{}".to_owned() })
}

fn profile() -> impl Strategy<Value = AccountUpdate> {
    (proptest::option::of(name()), proptest::option::of(name()), proptest::option::of(value())).prop_map(
        |(username, display_name, metadata)| AccountUpdate { username, display_name, metadata, ..AccountUpdate::default() },
    )
}

fn others(unlink: bool) -> OtherWays {
    if unlink { OtherWays::Unlink } else { OtherWays::Keep }
}

#[derive(Debug, Clone)]
enum Call {
    Register(Identity, Option<(UserId, String)>),
    Link(UserId, Identity),
    Unlink(UserId, IdentityKind, Option<String>),
    Profile(UserId, AccountUpdate),
    Ban(UserId, bool),
    Password(UserId, bool),
    Erase(UserId, bool),
    People(AccountFilter, usize),
    Find(Vec<UserId>, Vec<String>, Vec<Identity>),
    Write(Caller, Vec<WriteObject>),
    Read(Caller, Vec<ObjectId>),
    Delete(Caller, Vec<DeleteObject>),
    List(Caller, String, Option<UserId>, usize),
    Wallet(Vec<WalletChange>, bool),
    Update(Update),
    Begin(UserId, u8),
    SignIn(Identity, Option<(UserId, String)>, u8),
    Rotate(u8, u8, u8, i64),
    Revoke(u8),
    RevokeAll(UserId),
    Reset(UserId, u8),
    UseReset(u8, bool),
    Purge,
    Take(usize),
    Done(usize),
}

fn call() -> impl Strategy<Value = Call> {
    let filter = prop_oneof![
        Just(AccountFilter::All),
        Just(AccountFilter::Banned),
        name().prop_map(AccountFilter::UsernamePrefix),
        name().prop_map(AccountFilter::Identity)
    ];
    let update = (vec((user(), profile()), 0..2), writes(), deletes(), vec(change(), 0..3), any::<bool>(), vec(name(), 0..3));
    let update = update.prop_map(|(accounts, writes, deletes, wallets, ledger, keys)| Update {
        accounts,
        writes,
        deletes,
        wallets,
        ledger,
        outbox: keys.into_iter().map(|key| NewOutboxEntry { topic: "t".into(), payload: key.clone().into(), key }).collect(),
    });
    let kind = proptest::sample::select(vec![IdentityKind::Device, IdentityKind::Email, IdentityKind::Steam]);
    prop_oneof![
        6 => (identity(), proptest::option::weighted(0.9, (user(), name()))).prop_map(|(identity, new)| Call::Register(identity, new)),
        2 => (user(), identity()).prop_map(|(user, identity)| Call::Link(user, identity)),
        2 => (user(), kind, proptest::option::of(name())).prop_map(|(user, kind, value)| Call::Unlink(user, kind, value)),
        2 => (user(), profile()).prop_map(|(user, update)| Call::Profile(user, update)),
        1 => (user(), any::<bool>()).prop_map(|(user, on)| Call::Ban(user, on)),
        1 => (user(), any::<bool>()).prop_map(|(user, unlink)| Call::Password(user, unlink)),
        1 => (user(), any::<bool>()).prop_map(|(user, keep)| Call::Erase(user, keep)),
        2 => (filter, 1..5_usize).prop_map(|(filter, limit)| Call::People(filter, limit)),
        1 => (vec(user(), 0..4), vec(name(), 0..4), vec(identity(), 0..4)).prop_map(|(a, b, c)| Call::Find(a, b, c)),
        6 => (caller(), writes()).prop_map(|(caller, writes)| Call::Write(caller, writes)),
        2 => (caller(), vec(object_id(), 0..5)).prop_map(|(caller, ids)| Call::Read(caller, ids)),
        2 => (caller(), deletes()).prop_map(|(caller, deletes)| Call::Delete(caller, deletes)),
        2 => (caller(), name(), proptest::option::of(owner()), 1..4_usize).prop_map(|(a, b, c, d)| Call::List(a, b, c, d)),
        4 => (vec(change(), 0..4), any::<bool>()).prop_map(|(changes, ledger)| Call::Wallet(changes, ledger)),
        3 => update.prop_map(Call::Update),
        2 => (user(), 1..5_u8).prop_map(|(user, id)| Call::Begin(user, id)),
        4 => (identity(), proptest::option::weighted(0.6, (user(), name())), 1..5_u8).prop_map(|(a, b, c)| Call::SignIn(a, b, c)),
        3 => (1..5_u8, 0..4_u8, 0..4_u8, 0..20_i64).prop_map(|(id, old, new, grace)| Call::Rotate(id, old, new, grace)),
        1 => (1..5_u8).prop_map(Call::Revoke),
        1 => user().prop_map(Call::RevokeAll),
        1 => (user(), 0..3_u8).prop_map(|(user, token)| Call::Reset(user, token)),
        1 => (0..3_u8, any::<bool>()).prop_map(|(token, unlink)| Call::UseReset(token, unlink)),
        1 => Just(Call::Purge),
        2 => (1..4_usize).prop_map(Call::Take),
        1 => (0..4_usize).prop_map(Call::Done),
    ]
}

/// One side of the comparison, with the numbers of the messages that it has handed out.
struct Side {
    store: Store,
    taken: Vec<i64>,
}

/// What a side answers, as text: without numbers and ids that each side chooses by itself.
fn text<T: Debug>(answer: Result<T, StoreError>) -> String {
    match answer {
        // Which argument is refused, and why, is for people.
        Err(StoreError::Invalid(_)) => "invalid".to_owned(),
        answer => format!("{answer:?}"),
    }
}

fn session(id: u8, now: i64) -> NewSession {
    NewSession { id: SessionId([id; 16]), token: [0; 32], expires: now + 30, vars: "{}".into(), origin: String::new() }
}

impl Side {
    async fn call(&mut self, call: Call, now: i64) -> String {
        let Store { accounts, sessions, objects, wallets, updates, outbox, .. } = &self.store;
        match call {
            Call::Register(identity, new) => {
                let new = new.map(|(id, name)| NewAccount::named(id, name));
                text(accounts.register_or_find(identity, new, now).await)
            }
            Call::Link(user, identity) => {
                let hash = (identity.kind == IdentityKind::Email).then(|| "hash".to_owned());
                text(accounts.link(user, identity, hash, now).await)
            }
            Call::Unlink(user, kind, value) => text(accounts.unlink(user, kind, value, now).await),
            Call::Profile(user, update) => text(accounts.update(user, update, now).await),
            Call::Ban(user, true) => {
                text(accounts.disable(user, Ban { since: now, until: None, reason: "r".into(), by: "b".into() }, now).await)
            }
            Call::Ban(user, false) => text(accounts.enable(user, now).await),
            Call::Password(user, unlink) => {
                let set = text(accounts.set_password(user, Some(format!("hash{now}")), others(unlink), now).await);
                format!("{set} {} {}", text(accounts.password("a".into()).await), text(accounts.password("中".into()).await))
            }
            Call::Erase(user, keep) => {
                let erased = text(accounts.delete(user, keep.then(|| "ops".to_owned()), now).await);
                format!("{erased} {} {}", text(accounts.tombstone(user).await), text(accounts.count().await))
            }
            Call::People(filter, limit) => {
                let first = accounts.list(filter.clone(), limit, None).await;
                let cursor = first.as_ref().ok().and_then(|page| page.cursor.clone());
                format!("{} {}", text(first), text(accounts.list(filter, limit, cursor).await))
            }
            Call::Find(users, names, identities) => format!(
                "{} {} {}",
                text(accounts.get_many(users).await),
                text(accounts.by_usernames(names).await),
                text(accounts.by_identities(identities).await)
            ),
            Call::Write(caller, writes) => text(objects.write(caller, writes, now).await),
            Call::Read(caller, ids) => text(objects.read(caller, ids).await),
            Call::Delete(caller, deletes) => text(objects.delete(caller, deletes).await),
            Call::List(caller, collection, user, limit) => {
                let list = |cursor| ListObjects { collection: collection.clone(), user, limit, cursor };
                let first = objects.list(caller, list(None)).await;
                let cursor = first.as_ref().ok().and_then(|page| page.cursor.clone());
                let second = text(objects.list(caller, list(cursor)).await);
                format!("{} {second} {}", text(first), text(objects.collections(None).await))
            }
            Call::Wallet(changes, ledger) => {
                let users: Vec<UserId> = changes.iter().map(|change| change.user).collect();
                let mut said = text(wallets.apply(changes, ledger, now).await);
                for user in users {
                    let lines = wallets.ledger(user, 3, None).await.unwrap().items;
                    let lines: Vec<_> = lines.iter().map(|line| (&line.changeset, line.create_time)).collect();
                    said += &format!(" {} {lines:?}", text(wallets.get(user).await));
                }
                said
            }
            Call::Update(update) => text(updates.apply(update, now).await),
            Call::Begin(user, id) => {
                let begun = sessions.create(user, session(id, now), now).await;
                format!("{} {}", text(begun), text(sessions.of_user(user, now).await))
            }
            Call::SignIn(identity, new, id) => {
                let new = new.map(|(id, name)| NewAccount::named(id, name));
                let signed_in = sessions.sign_in(identity, new, session(id, now), now).await;
                format!("{} {}", text(signed_in), text(sessions.get(SessionId([id; 16]), now).await))
            }
            Call::Rotate(id, old, new, grace) => {
                let id = SessionId([id; 16]);
                let rotate = Rotate {
                    id,
                    presented: [old; 32],
                    next: [new; 32],
                    expires: now + 30,
                    vars: None,
                    origin: String::new(),
                    grace,
                };
                format!("{} {}", text(sessions.rotate(rotate, now).await), text(sessions.get(id, now).await))
            }
            Call::Revoke(id) => text(sessions.revoke(SessionId([id; 16])).await),
            Call::RevokeAll(user) => {
                format!("{} {}", text(sessions.revoke_all(user, now).await), text(sessions.generation(user).await))
            }
            Call::Reset(user, token) => text(sessions.create_reset(user, [token; 32], now + 10, now).await),
            Call::UseReset(token, unlink) => text(sessions.use_reset([token; 32], "hash".into(), others(unlink), now).await),
            Call::Purge => text(sessions.purge(now, 2).await),
            Call::Take(limit) => {
                let taken = outbox.take("t".into(), limit, 10, now).await.unwrap();
                self.taken.extend(taken.iter().map(|entry| entry.id));
                let taken: Vec<OutboxEntry> = taken.into_iter().map(|entry| OutboxEntry { id: 0, ..entry }).collect();
                format!("{taken:?} {}", text(outbox.pending("t".into()).await))
            }
            Call::Done(at) => {
                let ids = self.taken.get(at).copied().into_iter().collect();
                text(outbox.done(ids).await)
            }
        }
    }
}

fn same_answers(kind: Kind, cases: u32) {
    let Some(mut place) = Place::new(kind) else { return };
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: if kind == Kind::Postgres { 20 } else { 500 },
        ..Config::default()
    };
    let place = std::cell::RefCell::new(&mut place);
    let checked = TestRunner::new_with_rng(config, proptest::test_runner::TestRng::deterministic_rng(Default::default())).run(
        &vec(call(), 1..120),
        |calls| {
            let url = place.borrow_mut().url();
            block_on(async {
                let mut model =
                    Side { store: Store::open("memory:", crate::stores::options()).await.unwrap(), taken: Vec::new() };
                let store = Store::open(&url, crate::stores::options()).await.unwrap();
                let mut real = Side { store, taken: Vec::new() };
                for (at, call) in calls.into_iter().enumerate() {
                    let now = 100 + 3 * at as i64;
                    let said = real.call(call.clone(), now).await;
                    prop_assert_eq!(said, model.call(call.clone(), now).await, "{:?} call {}: {:?}", kind, at, call);
                }
                Ok(())
            })
        },
    );
    if let Err(difference) = checked {
        panic!("{difference}");
    }
}

#[test]
fn model_sqlite() {
    same_answers(Kind::Sqlite, 64);
}

#[test]
fn model_postgres() {
    same_answers(Kind::Postgres, 8);
}
