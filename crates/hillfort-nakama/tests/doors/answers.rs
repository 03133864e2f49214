//! Answers that nobody reads: their bytes are bounded in sum and for each address, and whoever finds no room is told so.

use axum::response::Response;
use hillfort_nakama::Settings;

use crate::grpc::status_of;
use crate::rig::{Rig, TOKEN, request, settings};

/// Three quarters are for long answers, and an eighth for one address.
const MOST: usize = 1 << 20;
const EACH: usize = 96 * 1024;

fn rig() -> Rig {
    Rig::with(Settings { answers_bytes_max: MOST, ..settings() })
}

/// An answer of so many bytes to this address.
fn ask(rig: &Rig, address: u8, bytes: usize) -> Response {
    let path = format!("/v2/rpc/long?unwrap&payload={bytes}");
    rig.unread([192, 0, 2, address], request("GET", &path, Some(TOKEN), ""))
}

#[test]
fn those_who_find_no_room_are_told_to_come_again() {
    let rig = rig();
    let mut unread: Vec<_> = (11..=18).map(|address| ask(&rig, address, EACH)).collect();
    assert!(unread.iter().all(|answer| answer.status() == 200));
    let refused = ask(&rig, 9, EACH);
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    let message = rig.rest(request("GET", &format!("/v2/rpc/long?payload={EACH}"), Some(TOKEN), "")).json();
    assert_eq!(
        (message["code"].as_u64(), message["message"].as_str()),
        (Some(14), Some("too many answers wait to be read: try again in a second"))
    );
    assert_eq!(ask(&rig, 9, 16 * 1024).status(), 200, "short ones have room of their own");
    assert_eq!(rig.rest(request("GET", "/healthcheck", None, "")).status, 200);
    unread.pop();
    assert_eq!(ask(&rig, 9, EACH).status(), 200, "one was read");
}

#[test]
fn one_address_has_its_share() {
    let rig = rig();
    let unread = (ask(&rig, 1, EACH), ask(&rig, 1, MOST / 8 - EACH));
    assert_eq!((unread.0.status().as_u16(), unread.1.status().as_u16()), (200, 200));
    assert_eq!(ask(&rig, 1, 1).status(), 429);
    assert_eq!(ask(&rig, 2, EACH).status(), 200, "others have theirs");
    drop(unread.1);
    assert_eq!(ask(&rig, 1, 1).status(), 200);
}

#[test]
fn grpc_holds_as_much() {
    let rig = rig();
    let unread: Vec<_> = (11..=18).map(|address| ask(&rig, address, EACH)).collect();
    assert_eq!(status_of(&rig, "long", &EACH.to_string()), 14);
    drop(unread);
    assert_eq!(status_of(&rig, "long", &EACH.to_string()), 0);
}
