//! Who is online, and who hears of it.

use serde_json::json;

use super::rig::*;
use crate::socket::Config;
use crate::socket::conn::Format;

#[test]
fn followers_hear_what_users_say_about_themselves() {
    let mut rig = Rig::new();
    let mut ann = rig.connect_as(1, Format::Json, false);
    let none = json!({ "cid": "1", "status": {} });
    let follow = |ids: &[String]| json!({ "cid": "1", "status_follow": { "user_ids": ids } });
    let bob_id = user_id(2).to_string();
    assert_eq!(rig.ask(&mut ann, follow(std::slice::from_ref(&bob_id))), none, "is offline");
    assert_eq!(rig.ask(&mut ann, follow(&[user_id(1).to_string()])), none, "nobody follows themselves");
    let mut bob = rig.connect_as(2, Format::Json, true);
    let seen = |bob: &Client, status: &str| {
        let mut presence = bob.presence();
        presence["status"] = status.into();
        presence
    };
    let joins = json!({ "status_presence_event": { "joins": [seen(&bob, "")] } });
    assert_eq!((rig.next(&mut ann), rig.next(&mut bob)), (joins.clone(), joins), "the user hears it, too");
    assert_eq!(rig.ask(&mut bob, json!({ "cid": "2", "status_update": { "status": "hunting" } })), json!({ "cid": "2" }));
    let change = json!({ "status_presence_event": { "joins": [seen(&bob, "hunting")], "leaves": [seen(&bob, "")] } });
    assert_eq!((rig.next(&mut ann), rig.next(&mut bob)), (change.clone(), change));
    let by_name = json!({ "cid": "1", "status_follow": { "usernames": ["user2", "nobody"] } });
    assert_eq!(rig.ask(&mut ann, by_name), json!({ "cid": "1", "status": { "presences": [seen(&bob, "hunting")] } }));
    assert_eq!(rig.ask(&mut bob, json!({ "cid": "3", "status_update": {} })), json!({ "cid": "3" }));
    let leaves = json!({ "status_presence_event": { "leaves": [seen(&bob, "hunting")] } });
    assert_eq!((rig.next(&mut ann), rig.next(&mut bob)), (leaves.clone(), leaves));
    // Said anew, and then the connection is lost.
    rig.ask(&mut bob, json!({ "cid": "4", "status_update": { "status": "x" } }));
    rig.next(&mut ann);
    let gone = seen(&bob, "x");
    drop(bob);
    assert_eq!(rig.next(&mut ann), json!({ "status_presence_event": { "leaves": [gone] } }));
    let unfollow = json!({ "cid": "1", "status_unfollow": { "user_ids": [bob_id] } });
    assert_eq!(rig.ask(&mut ann, unfollow), json!({ "cid": "1" }));
    let _bob = rig.connect_as(2, Format::Json, true);
    rig.hears_nothing(&mut ann);
}

#[test]
fn only_so_many_users_that_there_are_can_be_followed() {
    let mut rig = Rig::with(Config { follows_max: 2, ..Config::default() });
    let mut ann = rig.connect_as(1, Format::Json, false);
    let follow = |ids: &[u8]| {
        let ids: Vec<_> = ids.iter().map(|n| user_id(*n).to_string()).collect();
        json!({ "cid": "1", "status_follow": { "user_ids": ids } })
    };
    let none = json!({ "cid": "1", "status": {} });
    assert_eq!(rig.ask(&mut ann, follow(&[0xff, 2])), json!({ "cid": "1", "status": {} }), "one of them does not exist");
    assert_eq!(rig.ask(&mut ann, follow(&[2, 3, 3])), none);
    assert_eq!(rig.ask(&mut ann, follow(&[4])), error("1", 3, "too many users that one session follows"));
    assert_eq!(rig.ask(&mut ann, follow(&[2])), none, "followed already");
}
