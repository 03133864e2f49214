//! Storage objects: versions, permissions, batches, lists, and the unit over several ports.

use hillfort_store::{
    ANSWER_MAX, AccountUpdate, Caller, Conflict, DeleteObject, Expect, ListObjects, Missing, NewOutboxEntry, OBJECT_VALUE_MAX,
    Object, ObjectId, ReadPermission, Result, Store, StoreError, Update, UserId, WalletChange, WriteObject, WritePermission,
    version_of,
};

use crate::stores::{cases, nobody, pages, person};

cases![
    written_and_read,
    versions,
    permissions_to_read,
    permissions_to_write,
    all_or_nothing,
    one_object_twice,
    deletions,
    owners_have_accounts,
    limits,
    lists_of_one,
    lists_of_all,
    a_cursor_is_no_key,
    answers_are_bounded,
    collections,
    counted_at_once,
    made_at_once,
    update_is_whole,
];

const SERVER: Caller = Caller::Server;

fn id(collection: &str, key: &str, user: UserId) -> ObjectId {
    ObjectId::new(collection, key, user)
}

fn write(id: ObjectId, value: &str, expect: Expect) -> WriteObject {
    WriteObject { expect, ..WriteObject::new(id, value) }
}

fn with(id: ObjectId, read: ReadPermission, write: WritePermission) -> WriteObject {
    WriteObject { read, write, ..WriteObject::new(id, "{}") }
}

fn version() -> StoreError {
    Conflict::Version.into()
}

fn permission() -> StoreError {
    Conflict::Permission.into()
}

async fn get(store: &Store, id: ObjectId) -> Option<Object> {
    store.objects.read(SERVER, vec![id]).await.unwrap().pop()
}

async fn written_and_read(store: Store) {
    let a = person(&store, "a").await.id;
    let value = "{ \"emoji\": \"🦦\", \"nul\": \"\\u0000\" }";
    let ids = [id("saves", "slot", a), id("config", "news", UserId::SYSTEM)];
    let writes = ids.iter().map(|id| WriteObject::new(id.clone(), value)).collect();
    let acks = store.objects.write(SERVER, writes, 10).await.unwrap();
    assert_eq!(acks.iter().map(|ack| &ack.id).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
    // printf '{ "emoji": "🦦", "nul": "\\u0000" }' | md5sum
    assert_eq!(
        (acks[0].version.as_str(), acks[0].create_time, acks[0].update_time),
        ("68b58e9b9ab19de3c786acad8a900abc", 10, 10)
    );
    store.objects.write(SERVER, vec![WriteObject::new(ids[0].clone(), "{}")], 20).await.unwrap();
    let asked = vec![ids[1].clone(), id("saves", "none", a), ids[0].clone()];
    let read = store.objects.read(SERVER, asked).await.unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!((&read[0].id, read[0].value.as_str(), read[0].create_time), (&ids[1], value, 10));
    assert_eq!((read[1].value.as_str(), read[1].create_time, read[1].update_time), ("{}", 10, 20));
    assert_eq!(read[1].version, version_of("{}"));
    assert_eq!(store.objects.read(SERVER, vec![]).await, Ok(vec![]));
    assert_eq!(store.objects.write(SERVER, vec![], 1).await, Ok(vec![]));
}

async fn versions(store: Store) {
    let it = id("c", "k", UserId::SYSTEM);
    let set = async |value: &str, expect| store.objects.write(SERVER, vec![write(it.clone(), value, expect)], 10).await.map(drop);
    let is = |value: &str| Expect::Version(version_of(value));
    assert_eq!(set("{\"a\":1}", is("{}")).await, Err(version()), "nothing is there");
    assert_eq!(set("{\"a\":1}", Expect::Absent).await, Ok(()));
    assert_eq!(set("{\"a\":2}", Expect::Absent).await, Err(version()));
    assert_eq!(set("{\"a\":2}", is("{\"a\":1}")).await, Ok(()));
    assert_eq!(set("{\"a\":3}", is("{\"a\":1}")).await, Err(version()));
    assert_eq!(set("{\"a\":3}", Expect::from_text("' OR 1=1 --")).await, Err(version()));
    assert_eq!(get(&store, it.clone()).await.unwrap().value, "{\"a\":2}");
    assert_eq!(set("{\"a\":4}", Expect::from_text("")).await, Ok(()));
    assert_eq!(set("{\"a\":5}", Expect::from_text("*")).await, Err(version()));
}

async fn permissions_to_read(store: Store) {
    let (a, b) = (person(&store, "a").await.id, person(&store, "b").await.id);
    let each = [ReadPermission::Nobody, ReadPermission::Owner, ReadPermission::Public];
    let ids = [id("c", "0", a), id("c", "1", a), id("c", "2", a)];
    let writes = ids.iter().zip(each).map(|(id, read)| with(id.clone(), read, WritePermission::Owner)).collect();
    store.objects.write(SERVER, writes, 10).await.unwrap();
    for (caller, keys) in [(SERVER, "012"), (Caller::User(a), "12"), (Caller::User(b), "2"), (Caller::User(nobody()), "2")] {
        let read = store.objects.read(caller, ids.to_vec()).await.unwrap();
        assert_eq!(read.iter().map(|object| object.id.key.as_str()).collect::<String>(), keys, "{caller:?}");
        let list = ListObjects { collection: "c".into(), user: Some(a), limit: 10, cursor: None };
        let listed = store.objects.list(caller, list).await.unwrap().items;
        assert_eq!(listed, read, "{caller:?}");
        let list = ListObjects { collection: "c".into(), user: None, limit: 10, cursor: None };
        let listed = store.objects.list(caller, list).await.unwrap().items;
        let expected = if caller == SERVER { "012" } else { "2" };
        assert_eq!(listed.iter().map(|object| object.id.key.as_str()).collect::<String>(), expected, "{caller:?}");
    }
}

async fn permissions_to_write(store: Store) {
    let (a, b) = (person(&store, "a").await.id, person(&store, "b").await.id);
    let it = id("c", "k", a);
    let by = async |caller, expect| store.objects.write(caller, vec![write(it.clone(), "{}", expect)], 10).await.map(drop);
    assert_eq!(by(Caller::User(b), Expect::Any).await, Err(permission()), "another's, even when it is not there");
    assert_eq!(by(Caller::User(a), Expect::Any).await, Ok(()));
    assert_eq!(by(Caller::User(a), Expect::Version(version_of("{}"))).await, Ok(()));
    let system = vec![WriteObject::new(id("c", "k", UserId::SYSTEM), "{}")];
    assert_eq!(store.objects.write(Caller::User(a), system.clone(), 10).await, Err(permission()));
    assert_eq!(store.objects.write(Caller::User(UserId::SYSTEM), system, 10).await, Err(permission()));
    store.objects.write(SERVER, vec![with(it.clone(), ReadPermission::Owner, WritePermission::Nobody)], 20).await.unwrap();
    for expect in [Expect::Any, Expect::Absent, Expect::Version(version_of("{}")), Expect::Version("x".into())] {
        assert_eq!(by(Caller::User(a), expect.clone()).await, Err(permission()), "{expect:?}");
    }
    let delete = |expect| vec![DeleteObject { id: it.clone(), expect }];
    assert_eq!(store.objects.delete(Caller::User(a), delete(Expect::Any)).await, Err(permission()));
    assert_eq!(store.objects.delete(Caller::User(a), delete(Expect::Version(version_of("{}")))).await, Err(permission()));
    assert_eq!(get(&store, it.clone()).await.unwrap().update_time, 20);
    assert_eq!(by(SERVER, Expect::Any).await, Ok(()), "the server may, and gives it back");
    assert_eq!(store.objects.delete(Caller::User(b), delete(Expect::Any)).await, Err(permission()));
    assert_eq!(store.objects.delete(Caller::User(a), delete(Expect::Any)).await, Ok(()));
}

async fn all_or_nothing(store: Store) {
    let a = person(&store, "a").await.id;
    let many: Vec<_> = (0..50).map(|at| write(id("c", &format!("{:02}", 49 - at), a), "{}", Expect::Absent)).collect();
    let acks = store.objects.write(SERVER, many.clone(), 10).await.unwrap();
    assert_eq!(acks.iter().map(|ack| &ack.id).collect::<Vec<_>>(), many.iter().map(|write| &write.id).collect::<Vec<_>>());
    let mut mixed: Vec<_> = (0..50).map(|at| write(id("d", &format!("{at:02}"), a), "{}", Expect::Any)).collect();
    mixed[25] = write(id("c", "25", a), "{}", Expect::Absent);
    assert_eq!(store.objects.write(SERVER, mixed, 20).await, Err(version()));
    assert_eq!(store.objects.collections(None).await.unwrap(), ["c"]);
    let mut deletes: Vec<_> =
        (0..50).map(|at| DeleteObject { id: id("c", &format!("{at:02}"), a), expect: Expect::Any }).collect();
    deletes[40].expect = Expect::Version("other".into());
    assert_eq!(store.objects.delete(SERVER, deletes).await, Err(version()));
    assert!(get(&store, id("c", "00", a)).await.is_some());
}

async fn one_object_twice(store: Store) {
    let it = id("c", "k", UserId::SYSTEM);
    let first = write(it.clone(), "{\"a\":1}", Expect::Absent);
    let second = write(it.clone(), "{\"a\":2}", Expect::Version(version_of("{\"a\":1}")));
    let acks = store.objects.write(SERVER, vec![first.clone(), second.clone()], 10).await.unwrap();
    assert_eq!(acks[1].version, version_of("{\"a\":2}"));
    assert_eq!(get(&store, it.clone()).await.unwrap().value, "{\"a\":2}");
    assert_eq!(store.objects.write(SERVER, vec![second, first], 10).await, Err(version()));
    let read = store.objects.read(SERVER, vec![it.clone(), it]).await.unwrap();
    assert_eq!(read.len(), 2);
}

async fn deletions(store: Store) {
    let a = person(&store, "a").await.id;
    let it = id("c", "k", a);
    let delete = |expect| vec![DeleteObject { id: it.clone(), expect }];
    assert_eq!(store.objects.delete(SERVER, delete(Expect::Any)).await, Ok(()), "the server may delete what is not there");
    assert_eq!(store.objects.delete(SERVER, delete(Expect::Version("x".into()))).await, Err(version()));
    assert_eq!(store.objects.delete(Caller::User(a), delete(Expect::Any)).await, Err(version()));
    assert!(matches!(store.objects.delete(SERVER, delete(Expect::Absent)).await, Err(StoreError::Invalid(_))));
    store.objects.write(Caller::User(a), vec![WriteObject::new(it.clone(), "{}")], 10).await.unwrap();
    assert_eq!(store.objects.delete(Caller::User(a), delete(Expect::Version("x".into()))).await, Err(version()));
    assert_eq!(store.objects.delete(Caller::User(a), delete(Expect::Version(version_of("{}")))).await, Ok(()));
    assert_eq!(get(&store, it.clone()).await, None);
}

async fn owners_have_accounts(store: Store) {
    let none = nobody();
    let gone = || Err(StoreError::NotFound(Missing::Account));
    for caller in [SERVER, Caller::User(none)] {
        let wrote = store.objects.write(caller, vec![WriteObject::new(id("c", "k", none), "{}")], 10).await;
        assert_eq!(wrote, gone(), "{caller:?}");
    }
    let writes = vec![WriteObject::new(id("c", "k", UserId::SYSTEM), "{}"), write(id("c", "k", none), "{}", Expect::Absent)];
    assert_eq!(store.objects.write(SERVER, writes, 10).await, gone());
    assert_eq!(get(&store, id("c", "k", UserId::SYSTEM)).await, None);
}

async fn limits(store: Store) {
    let one = async |write: WriteObject| store.objects.write(SERVER, vec![write], 1).await;
    let system = |collection: &str, key: &str| id(collection, key, UserId::SYSTEM);
    let long = "x".repeat(128);
    assert!(one(WriteObject::new(system(&long, &long), "{}")).await.is_ok());
    let value = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    assert!(one(WriteObject::new(system("c", "big"), value(OBJECT_VALUE_MAX))).await.is_ok());
    for (collection, key, value) in [
        ("", "k", "{}".to_owned()),
        ("c", "", "{}".to_owned()),
        (&format!("{long}x"), "k", "{}".to_owned()),
        ("c", &format!("{long}x"), "{}".to_owned()),
        ("c\0", "k", "{}".to_owned()),
        ("c", "k", String::new()),
        ("c", "k", "[]".to_owned()),
        ("c", "k", "{\"a\":\0}".to_owned()),
        ("c", "k", value(OBJECT_VALUE_MAX + 1)),
    ] {
        let wrote = one(WriteObject::new(system(collection, key), value)).await;
        assert!(matches!(wrote, Err(StoreError::Invalid(_))), "{collection:?} {key:?}");
    }
    let many = vec![WriteObject::new(system("c", "k"), "{}"); 1025];
    assert!(matches!(store.objects.write(SERVER, many, 1).await, Err(StoreError::Invalid(_))));
    assert!(matches!(store.objects.read(SERVER, vec![system("c", ""); 1]).await, Err(StoreError::Invalid(_))));
    assert!(matches!(store.objects.read(SERVER, vec![system("c", "k"); 1025]).await, Err(StoreError::Invalid(_))));
}

fn list(user: Option<UserId>, limit: usize, cursor: Option<String>) -> ListObjects {
    ListObjects { collection: "c".into(), user, limit, cursor }
}

async fn lists_of_one(store: Store) {
    let (a, b) = (person(&store, "a").await.id, person(&store, "b").await.id);
    let keys = ["é", "z", "a", "A", "ab", "中", "a b", "_"];
    for user in [a, b] {
        let writes = keys.map(|key| WriteObject::new(id("c", key, user), "{}")).to_vec();
        store.objects.write(SERVER, writes, 10).await.unwrap();
    }
    store.objects.write(SERVER, vec![WriteObject::new(id("other", "k", a), "{}")], 10).await.unwrap();
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    for limit in [1, 3, 8, 9] {
        let listed = pages(|cursor| store.objects.list(Caller::User(a), list(Some(a), limit, cursor))).await;
        assert!(listed.iter().all(|page| page.len() <= limit));
        assert_eq!(listed.concat().iter().map(|object| object.id.key.as_str()).collect::<Vec<_>>(), sorted);
        assert!(listed.concat().iter().all(|object| object.id.user == a));
    }
    assert_eq!(store.objects.list(SERVER, list(Some(nobody()), 10, None)).await.unwrap().items, []);
}

async fn lists_of_all(store: Store) {
    let mut people = Vec::new();
    for at in 0..4 {
        people.push(person(&store, &format!("p{at}")).await.id);
    }
    people.push(UserId::SYSTEM);
    let each = [ReadPermission::Nobody, ReadPermission::Owner, ReadPermission::Public];
    let mut writes = Vec::new();
    for (at, user) in people.iter().enumerate() {
        for key in 0..6 {
            writes.push(with(id("c", &format!("{key}"), *user), each[(at + key) % 3], WritePermission::Nobody));
        }
    }
    store.objects.write(SERVER, writes, 10).await.unwrap();
    for limit in [1, 4, 30, 31] {
        let all = pages(|cursor| store.objects.list(SERVER, list(None, limit, cursor))).await.concat();
        let places: Vec<_> = all.iter().map(|object| (object.read, object.id.key.clone(), object.id.user)).collect();
        assert_eq!(places.len(), 30);
        assert!(places.is_sorted());
        let public = pages(|cursor| store.objects.list(Caller::User(people[0]), list(None, limit, cursor))).await.concat();
        let expected: Vec<_> = all.iter().filter(|object| object.read == ReadPermission::Public).cloned().collect();
        assert_eq!(public, expected);
    }
}

/// A cursor that a client made up shows it nothing that it may not see.
async fn a_cursor_is_no_key(store: Store) {
    let a = person(&store, "a").await.id;
    let writes = vec![with(id("c", "private", a), ReadPermission::Nobody, WritePermission::Owner)];
    store.objects.write(SERVER, writes, 10).await.unwrap();
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let start = hex(&format!("[-1,\"\",\"{}\"]", UserId::SYSTEM));
    assert_eq!(store.objects.list(SERVER, list(None, 10, Some(start.clone()))).await.unwrap().items.len(), 1);
    assert_eq!(store.objects.list(Caller::User(a), list(None, 10, Some(start))).await.unwrap().items, []);
    for cursor in [hex("\"\""), hex("[1,2]"), "zz".to_owned(), hex("[-1,\"\\u0000\",\"00000000-0000-0000-0000-000000000000\"]")] {
        assert!(
            matches!(store.objects.list(SERVER, list(None, 10, Some(cursor.clone()))).await, Err(StoreError::Invalid(_))),
            "{cursor}"
        );
    }
}

/// No answer has more than 4 MiB of values: a list goes on by its cursor, a read says so.
async fn answers_are_bounded(store: Store) {
    let (a, b) = (person(&store, "a").await.id, person(&store, "b").await.id);
    let value = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    let full = value(OBJECT_VALUE_MAX);
    let write = |key: &str, value: &str| {
        let (read, id) = (ReadPermission::Public, id("c", key, a));
        store.objects.write(SERVER, vec![WriteObject { read, ..WriteObject::new(id, value) }], 10)
    };
    for key in ["0", "1", "2", "3"] {
        write(key, &full).await.unwrap();
    }
    write("4", "{}").await.unwrap();
    let ids = |keys: &str| keys.chars().map(|key| id("c", &key.to_string(), a)).collect::<Vec<_>>();
    for caller in [SERVER, Caller::User(a), Caller::User(b)] {
        assert_eq!(store.objects.read(caller, ids("0123")).await.unwrap().len(), 4, "4 MiB are not too much");
        assert_eq!(store.objects.read(caller, ids("01230123")).await, Err(StoreError::TooLarge));
        assert_eq!(store.objects.read(caller, ids("01234")).await, Err(StoreError::TooLarge), "two bytes more are");
        assert_eq!(store.objects.read(caller, ids("1234567")).await.unwrap().len(), 4);
        for owner in [Some(a), None] {
            for limit in [3, 4, 1024] {
                let listed = pages(|cursor| store.objects.list(caller, list(owner, limit, cursor))).await;
                assert!(listed.iter().all(|page| page.iter().map(|object| object.value.len()).sum::<usize>() <= ANSWER_MAX));
                let keys: String = listed.concat().into_iter().map(|object| object.id.key).collect();
                assert_eq!((keys.as_str(), listed.len()), ("01234", 5_usize.div_ceil(limit.min(4))), "{limit}");
            }
        }
    }
    // What one may not read does not count.
    let hidden = WriteObject { read: ReadPermission::Owner, ..WriteObject::new(id("c", "5", a), full) };
    store.objects.write(SERVER, vec![hidden], 10).await.unwrap();
    assert_eq!(store.objects.read(Caller::User(b), ids("0125678")).await.unwrap().len(), 3);
    assert_eq!(store.objects.read(Caller::User(a), ids("0125678")).await.unwrap().len(), 4);
}

async fn collections(store: Store) {
    let writes = ["b", "a", "B", "é", "a"].iter().enumerate();
    let writes = writes.map(|(at, name)| WriteObject::new(id(name, &format!("{at}"), UserId::SYSTEM), "{}")).collect();
    store.objects.write(SERVER, writes, 10).await.unwrap();
    assert_eq!(store.objects.collections(None).await.unwrap(), ["B", "a", "b", "é"]);
    assert_eq!(store.objects.collections(Some("a".into())).await.unwrap(), ["b", "é"]);
    assert_eq!(store.objects.collections(Some("é".into())).await.unwrap(), Vec::<String>::new());
}

/// Many raise one counter by its version: none is lost.
async fn counted_at_once(store: Store) {
    let it = id("c", "counter", UserId::SYSTEM);
    store.objects.write(SERVER, vec![WriteObject::new(it.clone(), "{\"n\":0}")], 1).await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (objects, it) = (store.objects.clone(), it.clone());
            tokio::spawn(async move {
                let mut done = 0;
                while done < 5 {
                    let there = objects.read(SERVER, vec![it.clone()]).await.unwrap().pop().unwrap();
                    let n: u32 = there.value[5..there.value.len() - 1].parse().unwrap();
                    let next = write(it.clone(), &format!("{{\"n\":{}}}", n + 1), Expect::Version(there.version));
                    match objects.write(SERVER, vec![next], 2).await {
                        Ok(_) => done += 1,
                        Err(error) => assert_eq!(error, version()),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(get(&store, it).await.unwrap().value, "{\"n\":40}");
}

/// Batches over the same objects in turned-around orders: none waits for ever, one makes each.
async fn made_at_once(store: Store) {
    let batch = |at: u32| {
        let mut writes: Vec<_> = (0..20)
            .map(|key| write(id("c", &format!("{key}"), UserId::SYSTEM), &format!("{{\"by\":{at}}}"), Expect::Absent))
            .collect();
        if at.is_multiple_of(2) {
            writes.reverse();
        }
        writes
    };
    let tasks: Vec<_> = (0..8)
        .map(|at| {
            let (objects, writes) = (store.objects.clone(), batch(at));
            tokio::spawn(async move { objects.write(SERVER, writes, 1).await })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert_eq!(error, version()),
        }
    }
    assert_eq!(won, 1);
    let ids = (0..20).map(|key| id("c", &format!("{key}"), UserId::SYSTEM)).collect();
    let all = store.objects.read(SERVER, ids).await.unwrap();
    assert!(all.len() == 20 && all.iter().all(|object| object.value == all[0].value));
}

async fn update_is_whole(store: Store) {
    let a = person(&store, "a").await.id;
    let gone = id("c", "gone", a);
    store.objects.write(SERVER, vec![WriteObject::new(gone.clone(), "{}")], 1).await.unwrap();
    let change = |coins| WalletChange { user: a, changeset: [("coins".to_owned(), coins)].into(), metadata: "{}".into() };
    let named = AccountUpdate { display_name: Some("Anna".into()), ..AccountUpdate::default() };
    let update = Update {
        accounts: vec![(a, named)],
        writes: vec![WriteObject::new(id("c", "new", a), "{}")],
        deletes: vec![DeleteObject { id: gone.clone(), expect: Expect::Any }],
        wallets: vec![change(5), change(-2)],
        ledger: true,
        outbox: vec![NewOutboxEntry { topic: "t".into(), key: "k".into(), payload: vec![0, 255] }],
    };
    // Each part that fails takes the others along.
    let failing: [fn(&mut Update); 5] = [
        |update| update.accounts.push((nobody(), AccountUpdate::default())),
        |update| update.writes[0].expect = Expect::Version("x".into()),
        |update| update.deletes[0].expect = Expect::Version("x".into()),
        |update| update.wallets.reverse(),
        |update| update.outbox[0].topic.clear(),
    ];
    for fail in failing {
        let mut update = update.clone();
        fail(&mut update);
        let failed: Result<_> = store.updates.apply(update, 50).await;
        assert!(failed.is_err());
        assert_eq!(store.accounts.get(a).await.unwrap().display_name, "");
        assert_eq!(store.objects.list(SERVER, list(Some(a), 10, None)).await.unwrap().items[0].id, gone);
        assert!(store.wallets.get(a).await.unwrap().is_empty());
        assert_eq!(store.outbox.pending("t".into()).await, Ok(0));
    }
    let updated = store.updates.apply(update, 50).await.unwrap();
    assert_eq!((updated.accounts[0].display_name.as_str(), updated.accounts[0].update_time), ("Anna", 50));
    assert_eq!((updated.acks.len(), updated.wallets[1].updated["coins"]), (1, 3));
    assert_eq!(store.outbox.take("t".into(), 10, 10, 60).await.unwrap()[0].payload, [0, 255]);
    assert_eq!(store.wallets.ledger(a, 10, None).await.unwrap().items.len(), 2);
    assert_eq!(get(&store, gone).await, None);
}
