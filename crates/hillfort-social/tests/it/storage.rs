//! Storage objects: written, read, listed, deleted; permissions, versions, and what is refused.

use hillfort_api::api::*;
use hillfort_api::{ApiError, Call, Code, Reply};

use super::STORE;
use crate::rig::{Rig, refused};

fn object(key: &str, value: &str) -> WriteStorageObject {
    WriteStorageObject { collection: "saves".into(), key: key.into(), value: value.into(), ..Default::default() }
}

fn write(rig: &Rig, session: &Session, objects: Vec<WriteStorageObject>) -> Result<Vec<StorageObjectAck>, ApiError> {
    match rig.as_user(session, Call::WriteStorageObjects(WriteStorageObjectsRequest { objects }))? {
        Reply::StorageObjectAcks(acks) => Ok(acks.acks),
        other => panic!("{other:?}"),
    }
}

fn read(rig: &Rig, session: &Session, key: &str, owner: &str) -> Result<Vec<StorageObject>, ApiError> {
    let id = ReadStorageObjectId { collection: "saves".into(), key: key.into(), user_id: owner.into() };
    match rig.as_user(session, Call::ReadStorageObjects(ReadStorageObjectsRequest { object_ids: vec![id] }))? {
        Reply::StorageObjects(objects) => Ok(objects.objects),
        other => panic!("{other:?}"),
    }
}

fn delete(rig: &Rig, session: &Session, key: &str, version: &str) -> Result<Reply, ApiError> {
    let id = DeleteStorageObjectId { collection: "saves".into(), key: key.into(), version: version.into() };
    rig.as_user(session, Call::DeleteStorageObjects(DeleteStorageObjectsRequest { object_ids: vec![id] }))
}

fn list(rig: &Rig, session: &Session, owner: &str, limit: Option<i32>, cursor: &str) -> Result<StorageObjectList, ApiError> {
    let request = ListStorageObjectsRequest { collection: "saves".into(), user_id: owner.into(), limit, cursor: cursor.into() };
    match rig.as_user(session, Call::ListStorageObjects(request))? {
        Reply::StorageObjectList(list) => Ok(list),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_object_comes_back_as_it_was_written() {
    let rig = Rig::on(STORE);
    let session = rig.device("device-0001");
    let me = rig.user_id(&session);
    let value = r#"{"level": 3, "name":"Ada \u0000 é", "big": 9007199254740993}"#;
    let acks = write(&rig, &session, vec![object("slot1", value)]).unwrap();
    assert_eq!((acks[0].key.as_str(), acks[0].user_id.as_str()), ("slot1", me.as_str()));
    let found = read(&rig, &session, "slot1", &me).unwrap();
    assert_eq!(found[0].value, value);
    assert_eq!(found[0].version, acks[0].version);
    assert_eq!((found[0].permission_read, found[0].permission_write), (1, 1));
    assert_eq!(found[0].create_time.unwrap().seconds, crate::rig::NOW_MS / 1000);
    assert!(read(&rig, &session, "slot1", "").unwrap().is_empty(), "without an owner it is the server's");
    assert!(write(&rig, &session, vec![]).unwrap().is_empty());
}

#[test]
fn who_names_one_object_often_gets_it_once() {
    let rig = Rig::on(STORE);
    let ada = rig.device("device-0001");
    write(&rig, &ada, vec![object("save", "{}")]).unwrap();
    let id = ReadStorageObjectId { collection: "saves".into(), key: "save".into(), user_id: rig.user_id(&ada) };
    let request = ReadStorageObjectsRequest { object_ids: vec![id; 1000] };
    let Ok(Reply::StorageObjects(found)) = rig.as_user(&ada, Call::ReadStorageObjects(request)) else { panic!() };
    assert_eq!(found.objects.len(), 1);
}

#[test]
fn another_person_reads_what_is_public_alone_and_writes_nothing() {
    let rig = Rig::on(STORE);
    let (ada, eve) = (rig.device("device-0001"), rig.device("device-0002"));
    let ada_id = rig.user_id(&ada);
    for (key, permission) in [("hidden", 0), ("own", 1), ("public", 2)] {
        write(&rig, &ada, vec![WriteStorageObject { permission_read: Some(permission), ..object(key, "{}") }]).unwrap();
    }
    for (key, by_ada, by_eve) in [("hidden", 0, 0), ("own", 1, 0), ("public", 1, 1)] {
        assert_eq!(read(&rig, &ada, key, &ada_id).unwrap().len(), by_ada, "{key}");
        assert_eq!(read(&rig, &eve, key, &ada_id).unwrap().len(), by_eve, "{key}");
    }
    let keys = |list: StorageObjectList| list.objects.into_iter().map(|object| object.key).collect::<Vec<_>>();
    assert_eq!(keys(list(&rig, &eve, &ada_id, Some(10), "").unwrap()), ["public"]);
    assert_eq!(keys(list(&rig, &eve, "", Some(10), "").unwrap()), ["public"]);
    assert_eq!(keys(list(&rig, &ada, &ada_id, Some(10), "").unwrap()), ["own", "public"]);
    // A write or a deletion is always of one's own: Eve's makes another object, or finds none.
    write(&rig, &eve, vec![object("public", r#"{"by":"eve"}"#)]).unwrap();
    assert_eq!(read(&rig, &ada, "public", &ada_id).unwrap()[0].value, "{}");
    refused(delete(&rig, &eve, "own", ""), Code::InvalidArgument, "");
}

#[test]
fn versions_guard_against_lost_updates() {
    let rig = Rig::on(STORE);
    let session = rig.device("device-0001");
    let versioned = |key: &str, value: &str, version: &str| WriteStorageObject { version: version.into(), ..object(key, value) };
    refused(write(&rig, &session, vec![versioned("k", "{}", "abc")]), Code::InvalidArgument, "version");
    let first = write(&rig, &session, vec![versioned("k", r#"{"n":1}"#, "*")]).unwrap()[0].version.clone();
    refused(write(&rig, &session, vec![versioned("k", "{}", "*")]), Code::InvalidArgument, "version");
    let second = write(&rig, &session, vec![versioned("k", r#"{"n":2}"#, &first)]).unwrap()[0].version.clone();
    refused(write(&rig, &session, vec![versioned("k", r#"{"n":3}"#, &first)]), Code::InvalidArgument, "version");
    // All or none.
    refused(write(&rig, &session, vec![object("other", "{}"), versioned("k", "{}", &first)]), Code::InvalidArgument, "version");
    assert!(read(&rig, &session, "other", &rig.user_id(&session)).unwrap().is_empty());
    refused(delete(&rig, &session, "k", &first), Code::InvalidArgument, "");
    refused(delete(&rig, &session, "k", "*"), Code::InvalidArgument, "");
    delete(&rig, &session, "k", &second).unwrap();
    refused(delete(&rig, &session, "k", ""), Code::InvalidArgument, "");
}

#[test]
fn what_its_owner_may_not_write_stays() {
    let rig = Rig::on(STORE);
    let session = rig.device("device-0001");
    write(&rig, &session, vec![WriteStorageObject { permission_write: Some(0), ..object("k", r#"{"n":1}"#) }]).unwrap();
    refused(write(&rig, &session, vec![object("k", r#"{"n":2}"#)]), Code::InvalidArgument, "");
    refused(delete(&rig, &session, "k", ""), Code::InvalidArgument, "");
    assert_eq!(read(&rig, &session, "k", &rig.user_id(&session)).unwrap()[0].value, r#"{"n":1}"#);
}

#[test]
fn a_list_goes_on_by_its_cursor() {
    let rig = Rig::on(STORE);
    let session = rig.device("device-0001");
    let me = rig.user_id(&session);
    write(&rig, &session, (0..7).map(|number| object(&format!("k{number}"), "{}")).collect()).unwrap();
    let (mut keys, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = list(&rig, &session, &me, Some(3), &cursor).unwrap();
        keys.extend(page.objects.into_iter().map(|object| object.key));
        cursor = page.cursor;
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(keys, ["k0", "k1", "k2", "k3", "k4", "k5", "k6"]);
    assert_eq!(list(&rig, &session, &me, None, "").unwrap().objects.len(), 1, "Nakama's default");
    for (limit, cursor, owner, field) in [
        (Some(0), "", me.as_str(), "limit"),
        (Some(101), "", &me, "limit"),
        (Some(-1), "", &me, "limit"),
        (Some(1), "zz", &me, "cursor"),
        (Some(1), &"0".repeat(5000), &me, "cursor"),
        (Some(1), "", "ada", "user_id"),
    ] {
        refused(list(&rig, &session, owner, limit, cursor), Code::InvalidArgument, field);
    }
    let nowhere = ListStorageObjectsRequest { user_id: me, ..Default::default() };
    refused(rig.as_user(&session, Call::ListStorageObjects(nowhere)), Code::InvalidArgument, "collection");
}

#[test]
fn what_cannot_be_an_object_is_refused_with_its_field() {
    let rig = Rig::on(STORE);
    let session = rig.device("device-0001");
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
    for (changed, field) in [
        (WriteStorageObject { collection: String::new(), ..object("k", "{}") }, "collection"),
        (WriteStorageObject { collection: "x".repeat(129), ..object("k", "{}") }, "collection"),
        (WriteStorageObject { collection: "a\0b".into(), ..object("k", "{}") }, "collection"),
        (object("", "{}"), "key"),
        (object(&"x".repeat(129), "{}"), "key"),
        (object("k", ""), "value"),
        (object("k", "[]"), "value"),
        (object("k", "null"), "value"),
        (object("k", "{"), "value"),
        (object("k", "{} {}"), "value"),
        (object("k", "{\"a\":\"\0\"}"), "value"),
        (object("k", &deep), "value"),
        (object("k", &huge), "value"),
        (WriteStorageObject { version: "x".repeat(129), ..object("k", "{}") }, "version"),
        (WriteStorageObject { permission_read: Some(3), ..object("k", "{}") }, "permission_read"),
        (WriteStorageObject { permission_read: Some(-1), ..object("k", "{}") }, "permission_read"),
        (WriteStorageObject { permission_write: Some(2), ..object("k", "{}") }, "permission_write"),
    ] {
        refused(write(&rig, &session, vec![object("first", "{}"), changed]), Code::InvalidArgument, field);
    }
    refused(write(&rig, &session, vec![object("k", "{}"); 1025]), Code::InvalidArgument, "objects");
    let big = object("k", &format!("{{\"a\":\"{}\"}}", "x".repeat((1 << 20) - 100)));
    refused(write(&rig, &session, vec![big; 5]), Code::InvalidArgument, "objects");
    refused(read(&rig, &session, "", ""), Code::InvalidArgument, "key");
    refused(read(&rig, &session, "k", "ada"), Code::InvalidArgument, "user_id");
    refused(read(&rig, &session, "k", "00000000-0000-0000-0000-000000000000"), Code::InvalidArgument, "user_id");
    refused(delete(&rig, &session, "", ""), Code::InvalidArgument, "key");
    assert!(list(&rig, &session, "", Some(100), "").unwrap().objects.is_empty(), "nothing was written");
}

#[test]
fn answers_are_bounded() {
    let mut config = crate::rig::config();
    config.payloads.object_bytes = 1 << 20;
    // Long answers count as many calls.
    config.budgets.account = [hillfort_social::limits::Allowance::new(10_000, 1); 6];
    let rig = Rig::with_on(STORE, config, hillfort_social::MailConfig::None);
    let session = rig.device("device-0001");
    let me = rig.user_id(&session);
    let big = format!("{{\"a\":\"{}\"}}", "x".repeat((1 << 20) - 8));
    for number in 0..6 {
        write(&rig, &session, vec![object(&format!("k{number}"), &big)]).unwrap();
    }
    let ids = |number: u32| {
        let id = |number| ReadStorageObjectId { collection: "saves".into(), key: format!("k{number}"), user_id: me.clone() };
        Call::ReadStorageObjects(ReadStorageObjectsRequest { object_ids: (0..number).map(id).collect() })
    };
    assert!(rig.as_user(&session, ids(4)).is_ok());
    refused(rig.as_user(&session, ids(5)), Code::InvalidArgument, "object_ids");
    let page = list(&rig, &session, &me, Some(100), "").unwrap();
    assert_eq!(page.objects.len(), 4);
    let page = list(&rig, &session, &me, Some(100), &page.cursor).unwrap();
    assert_eq!((page.objects.len(), page.cursor.as_str()), (2, ""));
    // The export of it comes in parts, of which the first alone is counted as an export.
    let part = |cursor: &str| {
        let payload = if cursor.is_empty() { "{}".to_owned() } else { serde_json::json!({ "cursor": cursor }).to_string() };
        match rig.as_user(&session, Call::RpcFunc(Rpc { id: "hillfort.export".into(), payload, ..Default::default() })) {
            Ok(Reply::Rpc(rpc)) => Ok(serde_json::from_str::<serde_json::Value>(&rpc.payload).unwrap()),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        }
    };
    let first = part("").unwrap();
    let second = part(first["cursor"].as_str().unwrap()).unwrap();
    assert_eq!((first["objects"].as_array().unwrap().len(), second["objects"].as_array().unwrap().len()), (4, 2));
    assert_eq!(second["cursor"], serde_json::Value::Null);
    refused(part("zz"), Code::InvalidArgument, "cursor");
    part("").unwrap();
    refused(part(""), Code::ResourceExhausted, "");
    assert!(part(first["cursor"].as_str().unwrap()).is_ok());
}

#[test]
fn names_that_look_like_commands_are_names() {
    let rig = Rig::on(STORE);
    let session = rig.device("device-0001");
    let me = rig.user_id(&session);
    for key in [
        "'; DROP TABLE storage; --",
        "\" OR \"\"=\"",
        "%",
        "_",
        "$1",
        "../../etc/passwd",
        "${jndi:ldap://x}",
        "\u{202e}",
        "a\\'b",
    ] {
        write(&rig, &session, vec![object(key, r#"{"sql":"'; DELETE FROM users; --"}"#)]).unwrap();
        assert_eq!(read(&rig, &session, key, &me).unwrap()[0].key, key);
        assert_eq!(read(&rig, &session, &format!("{key}x"), &me).unwrap().len(), 0);
    }
    assert_eq!(list(&rig, &session, &me, Some(100), "").unwrap().objects.len(), 9);
}
