//! Examples of protojson in both directions, what it refuses, and any message of the schema there and back.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use prost_types::Timestamp;

use super::{Unknown, read, to_wire, write, write_string};
use crate::api::{
    Account, AccountGameCenter, AuthenticateDeviceRequest, Event, Group, LeaderboardRecord, Operator, ReadStorageObjectsRequest,
    Tournament, UpdateAccountRequest, User, ValidatedPurchase, WriteStorageObject, WriteStorageObjectsRequest,
};
use crate::realtime::{self, Envelope, MatchData, MatchDataSend, MatchJoin, MatchmakerAdd, UserPresence, envelope, match_join};
use crate::table::Described;
use crate::tables::MESSAGES;

#[track_caller]
fn check<M: Described + PartialEq>(message: &M, text: &str) {
    assert_eq!(write_string(message), text);
    assert_eq!(&read::<M>(text.as_bytes(), Unknown::Refuse).unwrap(), message, "{text}");
}

#[track_caller]
fn check_read<M: Described + PartialEq>(text: &str, message: &M) {
    assert_eq!(&read::<M>(text.as_bytes(), Unknown::Refuse).unwrap(), message, "{text}");
}

#[track_caller]
fn check_refused<M: Described>(text: &str, field: Option<&str>, says: &str) {
    let error = read::<M>(text.as_bytes(), Unknown::Refuse).expect_err(text);
    assert_eq!(error.field, field, "{error}");
    assert!(error.message.contains(says), "{text}: {error}");
}

fn presence(name: &str) -> UserPresence {
    UserPresence { user_id: name.into(), ..Default::default() }
}

#[test]
fn messages_are_written_as_nakama_writes_them() {
    check(&User::default(), "{}");
    check(
        &User { id: "a\"\n\u{1}é".into(), online: true, edge_count: -3, ..Default::default() },
        r#"{"id":"a\"\n\u0001é","online":true,"edge_count":-3}"#,
    );
    let time = |seconds, nanos| Some(Timestamp { seconds, nanos });
    check(
        &User { create_time: time(0, 0), update_time: time(1_700_000_000, 120_000_000), ..Default::default() },
        r#"{"create_time":"1970-01-01T00:00:00Z","update_time":"2023-11-14T22:13:20.120Z"}"#,
    );
    // A wrapper's default is set; a scalar's is not.
    check(&Group { open: Some(false), max_count: 0, ..Default::default() }, r#"{"open":false}"#);
    check(&UpdateAccountRequest { location: Some(String::new()), ..Default::default() }, r#"{"location":""}"#);
    // 64 bits are strings, enums are numbers.
    check(
        &LeaderboardRecord { score: i64::MIN, max_num_score: u32::MAX, ..Default::default() },
        r#"{"score":"-9223372036854775808","max_num_score":4294967295}"#,
    );
    check(
        &Tournament { operator: Operator::Increment as i32, duration: 7, ..Default::default() },
        r#"{"duration":7,"operator":3}"#,
    );
    check(&ValidatedPurchase { store: 99, ..Default::default() }, r#"{"store":99}"#);
}

#[test]
fn lists_maps_and_groups_are_written() {
    let object = |key: &str, permission| WriteStorageObject {
        collection: "c".into(),
        key: key.into(),
        permission_read: permission,
        ..Default::default()
    };
    check(
        &WriteStorageObjectsRequest { objects: vec![object("k", Some(0)), object("", None), WriteStorageObject::default()] },
        r#"{"objects":[{"collection":"c","key":"k","permission_read":0},{"collection":"c"},{}]}"#,
    );
    let properties = BTreeMap::from([("".into(), "".into()), ("b".into(), "2".into())]);
    check(
        &Event { name: "e".into(), properties, external: true, ..Default::default() },
        r#"{"name":"e","properties":{"":"","b":"2"},"external":true}"#,
    );
    let numeric = BTreeMap::from([("a".into(), 0.0), ("b".into(), -1.5), ("c".into(), 1e300)]);
    check(
        &MatchmakerAdd { numeric_properties: numeric, count_multiple: Some(0), ..Default::default() },
        r#"{"numeric_properties":{"a":0.0,"b":-1.5,"c":1e+300},"count_multiple":0}"#,
    );
    check(&MatchJoin { id: Some(match_join::Id::Token(String::new())), ..Default::default() }, r#"{"token":""}"#);
    let data = MatchDataSend {
        match_id: "m".into(),
        op_code: 1,
        data: Bytes::from_static(b"\xff\xfe>?"),
        presences: vec![presence("u")],
        reliable: true,
    };
    check(
        &Envelope { cid: "1".into(), message: Some(envelope::Message::MatchDataSend(data)) },
        r#"{"cid":"1","match_data_send":{"match_id":"m","op_code":"1","data":"//4+Pw==","presences":[{"user_id":"u"}],"reliable":true}}"#,
    );
    check(&Envelope { cid: "2".into(), message: Some(envelope::Message::Ping(realtime::Ping {})) }, r#"{"cid":"2","ping":{}}"#);
    check(&Account { user: Some(User::default()), ..Default::default() }, r#"{"user":{}}"#);
    let odd = MatchmakerAdd {
        numeric_properties: BTreeMap::from([("i".into(), f64::INFINITY), ("n".into(), f64::NEG_INFINITY)]),
        ..Default::default()
    };
    check(&odd, r#"{"numeric_properties":{"i":"Infinity","n":"-Infinity"}}"#);
}

#[test]
fn parts_of_every_length_are_read() {
    // Where lengths of protobuf take a byte more, inside and outside.
    for length in [0, 1, 90, 125, 126, 127, 128, 129, 16_380, 16_383, 16_384, 16_390, 2_100_000] {
        let data = MatchDataSend { op_code: -1, data: vec![0xfe; length].into(), ..Default::default() };
        let envelope = Envelope { message: Some(envelope::Message::MatchDataSend(data)), ..Default::default() };
        check_read(&write_string(&envelope), &envelope);
    }
}

#[test]
fn other_ways_of_writing_are_read() {
    let group = Group { lang_tag: "en".into(), max_count: 100, open: Some(true), ..Default::default() };
    for text in [
        r#"{"langTag":"en","maxCount":100,"open":true}"#,
        r#" {"lang_tag":"en","max_count":1e2,"open":true,"name":null,"create_time":null} "#,
        r#"{"lang_tag":"\u0065n","max_count":"100","open":true}"#,
        r#"{"max_count":100.0,"lang_tag":"en","open":true}"#,
    ] {
        check_read(text, &group);
    }
    for text in [r#"{"score":5}"#, r#"{"score":"5"}"#, r#"{"score":5.0}"#, r#"{"score":"5e0"}"#] {
        check_read(text, &LeaderboardRecord { score: 5, ..Default::default() });
    }
    for text in [r#"{"operator":"BEST"}"#, r#"{"operator":1}"#] {
        check_read(text, &Tournament { operator: 1, ..Default::default() });
    }
    for text in [r#"{"data":"//4"}"#, r#"{"data":"__4="}"#, r#"{"data":"//4="}"#, r#"{"data":"__4"}"#] {
        check_read(text, &MatchData { data: Bytes::from_static(b"\xff\xfe"), ..Default::default() });
    }
    for text in [r#"{"timestamp":"1970-01-01T01:00:00.5+01:00"}"#, r#"{"timestamp":"1970-01-01T00:00:00.500000000Z"}"#] {
        check_read(text, &Event { timestamp: Some(Timestamp { seconds: 0, nanos: 500_000_000 }), ..Default::default() });
    }
    check_read(
        r#"{"timestamp_seconds":-9223372036854775808}"#,
        &AccountGameCenter { timestamp_seconds: i64::MIN, ..Default::default() },
    );
    // `null` leaves a group free for another of its fields.
    check_read(
        r#"{"match_id":null,"token":"t"}"#,
        &MatchJoin { id: Some(match_join::Id::Token("t".into())), ..Default::default() },
    );
}

#[test]
fn what_is_not_the_message_is_refused_with_the_fields_name() {
    for text in ["", "{", "[]", "null", "\"\"", "{}x", "{\"id\"}", "{\"id\":\"\\ud800\"}", "\u{feff}{}"] {
        assert!(read::<User>(text.as_bytes(), Unknown::Refuse).is_err(), "{text}");
    }
    assert!(read::<User>(b"{\"id\":\"\xff\"}", Unknown::Refuse).is_err());
    check_refused::<User>(r#"{"id":5}"#, Some("id"), "a string");
    check_refused::<User>(r#"{"id":{}}"#, Some("id"), "a string");
    check_refused::<User>(r#"{"id":["a"]}"#, Some("id"), "a string");
    check_refused::<User>(r#"{"online":"true"}"#, Some("online"), "true or false");
    check_refused::<User>(r#"{"online":1}"#, Some("online"), "true or false");
    for number in ["1.5", "2147483648", "-2147483649", "1e30", "\"\"", "\" 1\"", "\"1 \"", "\"0x1\"", "true", "[]"] {
        check_refused::<User>(&format!(r#"{{"edge_count":{number}}}"#), Some("edge_count"), "32 bits");
    }
    check_refused::<LeaderboardRecord>(r#"{"score":9223372036854775808}"#, Some("score"), "64 bits");
    check_refused::<LeaderboardRecord>(r#"{"max_num_score":-1}"#, Some("max_num_score"), "not below 0");
    check_refused::<Tournament>(r#"{"operator":"WORST"}"#, Some("operator"), "choice");
    check_refused::<MatchData>(r#"{"data":"a"}"#, Some("data"), "base64");
    check_refused::<MatchData>(r#"{"data":"a b="}"#, Some("data"), "base64");
    check_refused::<MatchData>(r#"{"data":"//__"}"#, Some("data"), "base64");
    for text in [r#"{"op_code":"007"}"#, r#"{"op_code":"+7"}"#, r#"{"op_code":""}"#, r#"{"op_code":"9223372036854775808"}"#] {
        check_refused::<MatchData>(text, Some("op_code"), "64 bits");
    }
    for time in [
        "",
        "1970-01-01",
        "1970-01-01 00:00:00Z",
        "10000-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "1970-01-01T00:00:00",
        "1970-02-30T00:00:00Z",
    ] {
        check_refused::<Event>(&format!(r#"{{"timestamp":"{time}"}}"#), Some("timestamp"), "a time");
    }
    check_refused::<ReadStorageObjectsRequest>(r#"{"object_ids":{}}"#, Some("object_ids"), "an array");
    check_refused::<ReadStorageObjectsRequest>(r#"{"object_ids":[null]}"#, Some("object_ids"), "an object");
    check_refused::<ReadStorageObjectsRequest>(r#"{"object_ids":[{"key":1}]}"#, Some("key"), "a string");
    check_refused::<Event>(r#"{"properties":{"a":null}}"#, Some("properties"), "a string");
    check_refused::<Event>(r#"{"properties":{"a":"","a":""}}"#, Some("properties"), "twice");
    check_refused::<User>(r#"{"avatar_url":"","avatarUrl":""}"#, Some("avatar_url"), "twice");
    check_refused::<MatchJoin>(r#"{"match_id":"","token":""}"#, Some("token"), "group");
    check_refused::<AuthenticateDeviceRequest>(r#"{"account":{"id":"x","nope":1}}"#, None, "no field \"nope\"");
}

#[test]
fn fields_that_are_not_known_are_skipped_where_nakama_skips_them() {
    let text = br#"{"a":[1,{"b":null}],"id":"x","device":{"c":"\n"}}"#;
    assert_eq!(read::<User>(text, Unknown::Skip).unwrap(), User { id: "x".into(), ..Default::default() });
    // However deep they are: passing over needs no stack.
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(500_000), "]".repeat(500_000));
    assert_eq!(read::<User>(deep.as_bytes(), Unknown::Skip).unwrap(), User::default());
}

#[test]
fn an_error_is_short_however_long_the_text() {
    let long = format!(r#"{{"online":"{}"}}"#, "é".repeat(100_000));
    let error = read::<User>(long.as_bytes(), Unknown::Refuse).unwrap_err();
    assert!(error.message.len() <= 240, "{}", error.message.len());
    let long = format!(r#"{{"{}":1}}"#, "é".repeat(100_000));
    assert!(read::<User>(long.as_bytes(), Unknown::Refuse).unwrap_err().message.len() <= 240);
}

#[test]
fn long_parts_have_long_lengths() {
    for length in [127, 128, 16_383, 16_384, 100_000] {
        check(
            &Account { user: Some(User { id: "x".repeat(length), ..Default::default() }), ..Default::default() },
            &format!(r#"{{"user":{{"id":"{}"}}}}"#, "x".repeat(length)),
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_give_a_message_or_an_error(text in proptest::collection::vec(any::<u8>(), 0..64), table in 0..MESSAGES.len()) {
        let _ = to_wire(MESSAGES[table], &text, Unknown::Skip);
    }

    #[test]
    fn messages_come_back(name in ".*", seconds in -62_135_596_800i64..=253_402_300_799, nanos in 0..1_000_000_000i32, score in any::<i64>(), ranks in any::<(i32, u32)>(), username in proptest::option::of(".*")) {
        let record = LeaderboardRecord {
            owner_id: name, score, num_score: ranks.0, max_num_score: ranks.1, username,
            create_time: Some(Timestamp { seconds, nanos }), ..Default::default()
        };
        prop_assert_eq!(read::<LeaderboardRecord>(&write(&record), Unknown::Refuse).unwrap(), record);
    }

    #[test]
    fn doubles_come_back(number in any::<f64>().prop_filter("NaN differs from itself", |number| !number.is_nan()), data in proptest::collection::vec(any::<u8>(), 0..200)) {
        let add = MatchmakerAdd { numeric_properties: BTreeMap::from([("n".into(), number)]), ..Default::default() };
        prop_assert_eq!(read::<MatchmakerAdd>(&write(&add), Unknown::Refuse).unwrap(), add);
        let data = MatchData { data: data.into(), ..Default::default() };
        prop_assert_eq!(read::<MatchData>(&write(&data), Unknown::Refuse).unwrap(), data);
    }
}
